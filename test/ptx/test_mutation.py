"""Deletes each synchronisation of the kernels; --check must report the rest."""
import os, re, sys, tempfile
from harness import *
import test_kernels as kernels

PATTERN = re.compile(r"^\s*(bar\.sync|bar\.warp\.sync|barrier\.(sync|cta|cluster)|fence\.|membar|mbarrier\.(arrive|init)"
                     r"|wgmma\.(fence|commit_group|wait_group)|cp\.async\.(wait_group|wait_all|commit_group)"
                     r"|cp\.async\.bulk\.(commit_group|wait_group))")
TARGET = 0.95
# One redundant synchronisation a line: entry, compiler, how many of its matches from the
# end, reason.
REDUNDANT = os.path.join(HERE, "redundant.txt")


def mutants(text, entry):
    lines = text.split("\n")
    inside = False
    for i, line in enumerate(lines):
        if ".entry" in line:
            inside = re.search(r"\b" + re.escape(entry) + r"\b", line) is not None
        if inside and PATTERN.match(line):
            changed = list(lines)
            changed[i] = "// removed " + line.strip()
            yield i + 1, line.strip(), "\n".join(changed)


def main():
    if not compilers():
        print("skipped: neither clang++-22 with CUDA headers nor nvcc is here")
        return SKIPPED
    total = found = 0
    redundant = {}
    for row in open(REDUNDANT):
        if row.strip() and not row.startswith("#"):
            entry, compiler, at, _ = row.split(None, 3)
            redundant.setdefault((entry, compiler), set()).add(int(at))
    with tempfile.TemporaryDirectory() as folder:
        for case in kernels.CASES:
            source, arch, entry, grid, block, args, expected, extra = case()
            for name, ptx in compile_cuda(source, arch, folder).items():
                clean = Run(ptx, entry, grid, block, args, (), extra + ["--coverage"])
                unexecuted = {m["line"] for m in clean.report["coverage"]["missed"]}
                found_here = list(mutants(open(ptx).read(), entry))
                for at, (line, text, mutant) in enumerate(found_here):
                    if line in unexecuted or len(found_here) - at in redundant.get((entry, name), ()):
                        continue
                    path = os.path.join(folder, "mutant.ptx")
                    open(path, "w").write(mutant)
                    run = Run(path, entry, grid, block, args, (), extra + ["--check"])
                    total += 1
                    caught = run.status == 3
                    found += caught
                    kinds = sorted({f["kind"] for f in run.errors()})
                    if not caught or "-v" in sys.argv:
                        print("%-12s %-6s line %4d %-50s %s %s" % (entry, name, line, text[:50],
                              ",".join(kinds) if caught else "MISSED", run.stderr[:100]), flush=True)
    print("%d of %d mutants reported" % (found, total))
    return 0 if found >= TARGET * total else 1


if __name__ == "__main__":
    sys.exit(main())
