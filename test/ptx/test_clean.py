"""No false reports: 200 clean runs of the kernels over seeds, completion modes
and host threads, each with the sanitizer."""
import os, sys, tempfile
from harness import *
import test_kernels as kernels

RUNS = 200


def main():
    if not compilers():
        print("skipped: neither clang++-22 with CUDA headers nor nvcc is here")
        return SKIPPED
    total = reports = 0
    with tempfile.TemporaryDirectory() as folder:
        built = []
        for case in kernels.CASES:
            source, arch, entry, grid, block, args, expected, extra = case()
            for name, ptx in compile_cuda(source, arch, folder).items():
                built.append((name, ptx, entry, grid, block, args, extra))
        while total < RUNS:
            for name, ptx, entry, grid, block, args, extra in built:
                mode = [[], ["--async", "random"], ["--async", "lazy"], ["--async", "eager"]][total // len(built) % 4]
                os.environ["HAMLET_EMULATOR_THREADS"] = str(1 + total % 3)
                run = Run(ptx, entry, grid, block, args, (), extra + ["--check", "--seed", str(total)] + mode)
                total += 1
                if run.status or run.errors():
                    reports += 1
                    print(entry, name, "seed", total - 1, *mode, run.status, [f["message"] for f in run.errors()][:2], run.stderr[:200])
    print("%d clean runs, %d with reports" % (total, reports))
    return 1 if reports else 0


if __name__ == "__main__":
    sys.exit(main())
