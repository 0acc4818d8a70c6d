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


def python_with(modules):
    """The Python that HAMLET_CUDA_PYTHON names, or this one, if it has them."""
    for python in (os.environ.get("HAMLET_CUDA_PYTHON"), shutil.which("python3"), sys.executable):
        if python and not subprocess.run([python, "-c", "import " + modules], cwd="/", capture_output=True).returncode:
            return python
    return None


def bindings(ptx):
    """PyPI's cuda-bindings and cuda-core."""
    failed = 0
    env = dict(os.environ, LD_LIBRARY_PATH=os.path.dirname(LIBRARY) + ":%s/lib64" % CUDA, CUDA_HOME=CUDA)
    for name, modules, script in (("cuda-bindings", "cuda.bindings.driver, numpy", ["driver_program.py", ptx]),
                                  ("cuda-core", "cuda.core, numpy", ["driver_core.py"])):
        python = python_with(modules)
        if not python:
            print("%s: skipped, no Python here has it (HAMLET_CUDA_PYTHON names one)" % name)
            continue
        done = subprocess.run([python, os.path.join(HERE, script[0])] + script[1:], capture_output=True, text=True, env=env, timeout=120)
        print("%s:" % name, done.stdout.strip() or done.stderr[-600:])
        failed += done.returncode != 0
    return failed


# What a program needs beside the driver: variables, libraries that may be absent.
ENVIRONMENT = {"driver_deadlock": {"EMU_POLL_SECONDS": "0"}, "driver_library": {"EMU_DEVICES": "2"}, "driver_peer": {"EMU_DEVICES": "2"}}
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
            done = subprocess.run([program], capture_output=True, text=True, timeout=300, env=env)
        except subprocess.TimeoutExpired as late:
            print("%s: no end after %d s, %s" % (name, late.timeout, late.stdout))
            failed += 1
            continue
        print("%s: %s" % (name, "ok" if not done.returncode else "status %d\n%s%s" % (done.returncode, done.stdout, done.stderr[-2000:])))
        failed += done.returncode != 0
    return failed


def loads(driver, image):
    """(result, log) of loading an image in memory as a module, as a library, by the fat binary's call."""
    results = set()
    log = ctypes.create_string_buffer(400)
    options, values = (ctypes.c_int * 2)(5, 6), (ctypes.c_void_p * 2)(ctypes.addressof(log), len(log))
    for call in (lambda h: driver.cuModuleLoadDataEx(h, image, 2, options, values),
                 lambda h: driver.cuLibraryLoadData(h, image, options, values, 2, None, None, 0),
                 lambda h: driver.cuModuleLoadFatBinary(h, image)):
        handle = ctypes.c_void_p()
        results.add(call(ctypes.byref(handle)))
    return results, log.value.decode()


def images():
    """Machine code is refused as such, texts too short to be anything as PTX."""
    driver, context = ctypes.CDLL(LIBRARY), ctypes.c_void_p()
    for call in (driver.cuInit(0), driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), 0), driver.cuCtxSetCurrent(context)):
        assert call == 0, call
    invalid_image, no_binary, invalid_ptx = 200, 209, 218
    empty_fat = b"\x50\xed\x55\xba\1\0\x10\0" + bytes(8)
    wanted = {b"\x7fELF": (no_binary, "cubin"), empty_fat: (no_binary, "no code"), b"": (invalid_ptx, ""), b"\x7f": (invalid_ptx, ""),
              b"\x7fEL": (invalid_ptx, ""), b"\x50\xed\x55\xba" + bytes(12): (invalid_image, "header")}
    wrong = 0
    for image, (result, said) in wanted.items():
        results, log = loads(driver, image)
        if results != {result} or said not in log:
            print("image %r: %s, %r; expected %d" % (image, results, log, result))
            wrong += 1
    print("images:", "as wanted" if not wrong else wrong)
    return wrong


FATS = """extern "C" __global__ void k(int *o) { *o = __CUDA_ARCH__; }
// Enough for matches that are long and overlap:
__constant__ int table[64] = {%s};
""" % ", ".join(["7"] * 64)


def fat_binaries(folder, nvcc):
    """nvcc's fat binaries: the newest PTX that runs is taken, however it is packed; machine code alone is not."""
    driver = ctypes.CDLL(LIBRARY)
    source = os.path.join(folder, "fat.cu")
    open(source, "w").write(FATS)

    def compiled(*flags):
        out = os.path.join(folder, "fat.fatbin")
        subprocess.run([nvcc, "-fatbin", source, "-o", out, *flags], check=True, capture_output=True)
        return open(out, "rb").read()

    def architecture(image):
        """What the kernel in it says that it was compiled for."""
        module, kernel, memory, value = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_uint64(), ctypes.c_int()
        arguments = (ctypes.c_void_p * 1)(ctypes.addressof(memory))
        for result in (driver.cuModuleLoadFatBinary(ctypes.byref(module), image),
                       driver.cuModuleGetFunction(ctypes.byref(kernel), module, b"k"), driver.cuMemAlloc_v2(ctypes.byref(memory), 4),
                       driver.cuLaunchKernel(kernel, 1, 1, 1, 1, 1, 1, 0, None, arguments, None),
                       driver.cuMemcpyDtoH_v2(ctypes.byref(value), memory, 4), driver.cuMemFree_v2(memory)):
            if result:
                return -result
        return value.value
    both = ["-gencode", "arch=compute_80,code=[sm_80,compute_80]", "-gencode", "arch=compute_86,code=compute_86"]
    wrong = 0
    for mode, packed in (("none", ""), ("speed", "LZ4"), ("balance", "zstd"), ("size", "zstd")):
        image = compiled(*both, "-Xfatbin", "--compress-mode=" + mode)
        found = architecture(image)
        results, log = loads(driver, image)
        if found != 860 or results != {0}:
            print("fat binary, compression %s: the kernel is for %d, expected 860; %s %s" % (mode, found, results, log))
            wrong += 1
        # The last entry, which is PTX, short of its last bytes: an error, though another would do.
        if packed:
            at = image.rindex(b"\1\0\1\1") + 16
            size = int.from_bytes(image[at:at + 4], "little") - 8
            results, log = loads(driver, image[:at] + size.to_bytes(4, "little") + image[at + 4:])
            if results != {200} or packed + " data are damaged" not in log:
                print("damaged %s entry:" % mode, results, log)
                wrong += 1
    results, log = loads(driver, compiled("-gencode", "arch=compute_80,code=sm_80"))
    if results != {209} or "machine code alone (sm_80)" not in log:
        print("machine code alone:", results, log)
        wrong += 1
    results, log = loads(driver, compiled("-gencode", "arch=compute_100,code=compute_100"))
    if results != {209} or "sm_100" not in log:
        print("PTX of a newer device:", results, log)
        wrong += 1
    print("fat binaries:", "as wanted" if not wrong else wrong)
    return wrong


def main():
    if images():
        return 1
    header = os.path.join(CUDA, "include/cuda.h")
    nvcc = shutil.which("nvcc") or os.path.join(CUDA, "bin/nvcc")
    if not os.path.exists(header) or not os.path.exists(nvcc):
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
        failed = abi(folder, header, names) + bindings(ptx) + fat_binaries(folder, nvcc) + programs(folder)
        if failed:
            return 1
    print("ok: %d entry points" % len(names))
    return 0


if __name__ == "__main__":
    sys.exit(main())
