"""LLVM's own NVPTX tests: what llc-22 makes of them must parse and decode, or
stand in llvm_unsupported.txt with the reason. The tests are not part of this
repository: HAMLET_LLVM_TESTS names llvm/test/CodeGen/NVPTX of a checkout."""
import json, os, re, shutil, subprocess, sys, tempfile
from harness import *

LIST = os.path.join(HERE, "llvm_unsupported.txt")


def commands(path):
    """The RUN lines' llc invocations: their flags."""
    text = open(path, errors="replace").read()
    joined = re.sub(r"\\\n[;# ]*(RUN:)?", " ", text)
    for line in re.findall(r"RUN:(.*)", joined):
        m = re.search(r"(?:^|[|{\s])\s*llc(?=\s)([^|>&]*)", line)
        if m and "not " not in line.split("llc")[0] and "%t" not in line.split("llc")[0]:
            flags = [w for w in m.group(1).replace("%s", " ").split() if w != "<" and not w.startswith("-o")]
            if not any(re.search(r"filetype=(null|obj)|stop-(after|before)|verify|debug|mir|-asm-verbose", w) for w in flags):
                yield [w.strip("'\"") for w in flags]


def main():
    folder = os.environ.get("HAMLET_LLVM_TESTS")
    if not folder or not shutil.which("llc-22"):
        print("skipped: needs llc-22, and HAMLET_LLVM_TESTS with llvm/test/CodeGen/NVPTX")
        return SKIPPED
    known = [l.rstrip("\n").split("\t") for l in open(LIST) if l.strip() and not l.startswith("#")] if os.path.exists(LIST) else []
    outputs = entries = listed = 0
    wrong = {}
    with tempfile.TemporaryDirectory() as temporary:
        path = os.path.join(temporary, "k.ptx")
        for name in sorted(os.listdir(folder)):
            if not name.endswith(".ll"):
                continue
            for flags in commands(os.path.join(folder, name)):
                if not any("march" in f or "mtriple" in f for f in flags):
                    flags = ["-march=nvptx64"] + flags
                if any(f in ("-march=nvptx", "--march=nvptx") or re.search(r"triple=nvptx-", f) for f in flags):
                    continue  # 32-bit addresses
                done = subprocess.run(["llc-22"] + flags + [os.path.join(folder, name), "-o", path], capture_output=True, text=True)
                if done.returncode:
                    continue  # this llc rejects the test
                outputs += 1
                info = subprocess.run([COMMAND, "info", path, "--json"], capture_output=True, text=True, timeout=60)
                if info.returncode not in (0, 2):
                    wrong.setdefault(name, set()).add("status %d" % info.returncode)
                elif info.returncode:
                    wrong.setdefault(name, set()).add(re.sub(r"^.*?\.ptx: ", "", info.stderr.strip()))
                else:
                    found = json.loads(info.stdout)
                    for e in found["entries"] + found["functions"]:
                        entries += 1
                        for u in e["unsupported"]:
                            wrong.setdefault(name, set()).add(u)
    failures = 0
    for name, reasons in sorted(wrong.items()):
        for reason in sorted(reasons):
            reason = re.sub(r"^line \d+: ", "", reason)
            if any(k[0] in reason for k in known):
                listed += 1
            else:
                failures += 1
                print("%s: %s" % (name, reason[:200]))
    print("%d outputs, %d functions, %d reasons listed, %d not" % (outputs, entries, listed, failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
