"""An ordinary driver-API program on the stand-in libcuda.so.1, and every one of
its calls failing in turn."""
import os, re, subprocess, sys, tempfile
from harness import *

LIBRARY = os.environ.get("HAMLET_EMULATED_DRIVER") or os.path.join(HERE, "../../build/lib/emulated/libcuda.so.1")


def main():
    header = os.path.join(CUDA, "include/cuda.h")
    if not os.path.exists(header) or not any(n == "nvcc" for n, _ in compilers()):
        print("skipped: needs cuda.h and nvcc")
        return SKIPPED
    with tempfile.TemporaryDirectory() as folder:
        ptx = compile_cuda("simple.cu", "sm_80", folder)["nvcc"]
        program = os.path.join(folder, "program")
        subprocess.run(["clang-22", "-I" + os.path.dirname(header), os.path.join(HERE, "driver_program.c"), "-o", program,
                        "-L" + os.path.dirname(LIBRARY), "-lcuda", "-lm"], check=True)
        env = dict(os.environ, LD_LIBRARY_PATH=os.path.dirname(LIBRARY))

        def run(**more):
            return subprocess.run([program, ptx], capture_output=True, text=True, timeout=60, env=dict(env, **more))
        clean = run()
        if clean.returncode:
            print("failed without faults:", clean.stdout, clean.stderr)
            return 1
        for k in range(1, 60):
            done = run(EMU_FAULT="any@%d=2" % k)
            # The last calls of the program expect an error of their own.
            if done.returncode < 0 or (done.returncode and not re.search(r"CUDA_ERROR_OUT_OF_MEMORY|worst error", done.stdout)):
                print("call %d failing: status %d, %s" % (k, done.returncode, done.stdout))
                return 1
        done = run(EMU_MEMORY="4096")
        if "cuMemAlloc" not in done.stdout or "OUT_OF_MEMORY" not in done.stdout:
            print("memory budget:", done.stdout)
            return 1
        # The declared ABI against the real header's.
        names = set(re.findall(r"^ROW\(\w+, \d+, (\w+)\)", open(os.path.join(HERE, "../../emulator/driver/EntryPoints.inc")).read(), re.M))
        exported = subprocess.run(["nm", "-D", "--defined-only", LIBRARY], capture_output=True, text=True).stdout
        missing = [n for n in names if not re.search(r"\b%s\b" % n, exported)]
        if missing:
            print("not exported:", missing)
            return 1
    print("ok: %d entry points" % len(names))
    return 0


if __name__ == "__main__":
    sys.exit(main())
