"""Driver-API programs on the stand-in libcuda.so.1 (driver_*.c), and every call of
an ordinary one failing in turn."""
import ctypes, glob, os, re, shutil, subprocess, sys, tempfile
from harness import *

LIBRARY = os.environ.get("HAMLET_EMULATED_DRIVER") or os.path.join(HERE, "../../build/lib/emulated/libcuda.so.1")


TABLE = os.path.join(HERE, "../../emulator/driver/EntryPoints.inc")


def abi(folder, header, names):
    """The signatures declared here against cuda.h's, and the structures."""
    text = open(header).read()
    known = sorted(n for n in names if re.search(r"CUDAAPI %s\(|#define +\w+ +%s\b" % (n, n), text))
    open(os.path.join(folder, "names.inc"), "w").write("".join("ENTRY(%s)\n" % n for n in known))
    said = []
    for real in ([], ["-DREAL", "-I" + os.path.dirname(header)]):
        program = os.path.join(folder, "abi%d" % len(real))
        # Every pointer is one to the driver; what it points to is checked by the structures.
        subprocess.run(["clang++-22", "-std=c++20", "-I" + os.path.join(HERE, "../.."), '-DNAMES="%s/names.inc"' % folder] + real
                       + [os.path.join(HERE, "driver_abi.cpp"), "-Wl,--unresolved-symbols=ignore-all", "-o", program], check=True)
        said.append(subprocess.run([program], capture_output=True, text=True, check=True).stdout.split("\n"))
    failed = 0
    for ours, theirs in zip(*said):
        if ours != theirs:
            failed += 1
            print("cuda.h has", theirs, "the stand-in", ours)
    print("%d signatures as in cuda.h; not in this header: %s" % (len(known), " ".join(sorted(names - set(known))) or "none"))
    return failed


def bindings(ptx):
    """PyPI's cuda-bindings in the Python that HAMLET_CUDA_PYTHON names, or this one."""
    for python in (os.environ.get("HAMLET_CUDA_PYTHON"), shutil.which("python3"), sys.executable):
        if python and not subprocess.run([python, "-c", "import cuda.bindings.driver, numpy"], cwd="/", capture_output=True).returncode:
            break
    else:
        print("cuda-bindings: skipped, no Python here has it (HAMLET_CUDA_PYTHON names one)")
        return 0
    env = dict(os.environ, LD_LIBRARY_PATH=os.path.dirname(LIBRARY))
    done = subprocess.run([python, os.path.join(HERE, "driver_program.py"), ptx], capture_output=True, text=True, env=env, timeout=120)
    print("cuda-bindings:", done.stdout.strip() or done.stderr[-600:])
    return done.returncode


# What a program needs beside the driver: variables, libraries that may be absent.
ENVIRONMENT = {}
LINKED = {"driver_nvrtc": ["-L%s/lib64" % CUDA, "-lnvrtc"]}


def build(name, folder):
    """driver_NAME.c as a program, None where a library that it needs is absent."""
    linked = LINKED.get(name, [])
    for library in (w[2:] for w in linked if w.startswith("-l")):
        if not glob.glob(os.path.join(CUDA, "lib64/lib%s.so" % library)):
            print("%s: skipped, lib%s is not installed" % (name, library))
            return None
    program = os.path.join(folder, name)
    subprocess.run(["clang-22", "-Wall", "-Werror", "-I%s/include" % CUDA, os.path.join(HERE, name + ".c"), "-o", program,
                    "-L" + os.path.dirname(LIBRARY), "-lcuda", "-lm", "-pthread"] + linked, check=True)
    return program


def programs(folder):
    """Programs that tell by themselves what is wrong: how many failed."""
    failed = 0
    for name in sorted(os.path.basename(p)[:-2] for p in glob.glob(os.path.join(HERE, "driver_*.c"))):
        program = name != "driver_program" and build(name, folder)
        if not program:
            continue
        env = dict(os.environ, LD_LIBRARY_PATH=os.path.dirname(LIBRARY) + ":%s/lib64" % CUDA, **ENVIRONMENT.get(name, {}))
        try:
            done = subprocess.run([program], capture_output=True, text=True, timeout=60, env=env)
        except subprocess.TimeoutExpired as late:
            print("%s: no end after 60 s, %s" % (name, late.stdout))
            failed += 1
            continue
        print("%s: %s" % (name, "ok" if not done.returncode else "status %d\n%s%s" % (done.returncode, done.stdout, done.stderr[-2000:])))
        failed += done.returncode != 0
    return failed


def images():
    """Machine code is refused as such, texts too short to be anything as PTX."""
    driver, context, module = ctypes.CDLL(LIBRARY), ctypes.c_void_p(), ctypes.c_void_p()
    for call in (driver.cuInit(0), driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), 0), driver.cuCtxSetCurrent(context)):
        assert call == 0, call
    no_binary, invalid_ptx = 209, 218
    wanted = {b"\x7fELF": no_binary, b"\x50\xed\x55\xba": no_binary, b"": invalid_ptx, b"\x7f": invalid_ptx, b"\x7fEL": invalid_ptx}
    found = {image: driver.cuModuleLoadData(ctypes.byref(module), image) for image in wanted}
    driver.cuDevicePrimaryCtxRelease_v2(0)
    print("images:", "as wanted" if found == wanted else found)
    return found != wanted


def main():
    if images():
        return 1
    header = os.path.join(CUDA, "include/cuda.h")
    if not os.path.exists(header) or not any(n == "nvcc" for n, _ in compilers()):
        print("skipped: needs cuda.h and nvcc")
        return SKIPPED
    with tempfile.TemporaryDirectory() as folder:
        ptx = compile_cuda("simple.cu", "sm_80", folder)["nvcc"]
        program = build("driver_program", folder)
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
        names = set(re.findall(r"^ROW\(\w+, \d+, (\w+)\)", open(TABLE).read(), re.M))
        exported = subprocess.run(["nm", "-D", "--defined-only", LIBRARY], capture_output=True, text=True).stdout
        missing = [n for n in names if not re.search(r"\b%s\b" % n, exported)]
        if missing:
            print("not exported:", missing)
            return 1
        failed = abi(folder, header, names) + bindings(ptx) + programs(folder)
        if failed:
            return 1
    print("ok: %d entry points" % len(names))
    return 0


if __name__ == "__main__":
    sys.exit(main())
