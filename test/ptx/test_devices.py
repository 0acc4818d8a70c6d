"""The stand-in driver's devices are those of targets/: attributes, limits of launches, occupancy, for each EMU_SM."""
import ctypes, glob, os, re, subprocess, sys
import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
LIBRARY = os.environ.get("HAMLET_EMULATED_DRIVER") or os.path.join(HERE, "../../build/lib/emulated/libcuda.so.1")
PTX = b""".version 7.0
.target sm_70
.address_size 64
.extern .shared .align 16 .b8 room[];
.visible .entry k() .maxnreg 16 { ret; }
\0"""
SUCCESS, INVALID = 0, 1
# CUdevice_attribute -> what it is worth by a target's description
ATTRIBUTES = {
    1: lambda t: t("threads_per_block"), 12: lambda t: t("registers_per_sm"), 13: lambda t: t("clock_hz") // 1000,
    16: lambda t: t("multiprocessors"), 37: lambda t: t("memory_bus_bits"), 38: lambda t: t("l2_bytes"), 39: lambda t: t("threads_per_sm"),
    81: lambda t: t("shared_bytes_per_sm"), 82: lambda t: t("registers_per_sm"), 97: lambda t: t("shared_bytes_per_block"),
    106: lambda t: t("blocks_per_sm")}


def device(number):
    """In a process of its own, as EMU_SM is read once: what the device says, as a line of Python."""
    cuda, context, module, kernel = ctypes.CDLL(LIBRARY), ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
    value, bytes = ctypes.c_int(), ctypes.c_size_t()
    assert cuda.cuInit(0) == 0 and cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), 0) == 0 and cuda.cuCtxSetCurrent(context) == 0
    assert cuda.cuModuleLoadData(ctypes.byref(module), PTX) == 0 and cuda.cuModuleGetFunction(ctypes.byref(kernel), module, b"k") == 0
    found = {}
    for id in [*ATTRIBUTES, 36, 75, 76, 120]:
        assert cuda.cuDeviceGetAttribute(ctypes.byref(value), id, 0) == 0
        found[id] = value.value
    assert cuda.cuDeviceTotalMem_v2(ctypes.byref(bytes), 0) == 0
    found["memory"] = bytes.value
    shared = found[97]

    def launch(threads, room):
        cuda.cuFuncSetAttribute(kernel, 8, room)
        return cuda.cuLaunchKernel(kernel, 1, 1, 1, threads, 1, 1, room, None, None, None)
    found["set"] = [cuda.cuFuncSetAttribute(kernel, 8, room) for room in (shared, shared + 1)]
    found["launch"] = [launch(*l) for l in ((found[1], shared), (found[1] + 1, 0))]
    found["resident"] = []
    for threads, room in ((32, 0), (256, 0), (64, shared // 2), (64, shared)):
        assert cuda.cuOccupancyMaxActiveBlocksPerMultiprocessor(ctypes.byref(value), kernel, threads, ctypes.c_size_t(room)) == 0
        found["resident"].append(value.value)
    cooperative = [cuda.cuLaunchCooperativeKernel(kernel, n, 1, 1, 64, 1, 1, shared, None, None)
                   for n in (found[16], found[16] + 1) for _ in [cuda.cuFuncSetAttribute(kernel, 8, shared)]]
    found["cooperative"] = cooperative
    cuda.cuDevicePrimaryCtxRelease_v2(0)
    print(repr(found))


def ask(number):
    done = subprocess.run([sys.executable, os.path.abspath(__file__), str(number)], capture_output=True, text=True, timeout=60,
                          env=dict(os.environ, EMU_SM=str(number)))
    assert done.returncode == 0, done.stderr
    return eval(done.stdout), done.stderr


def main():
    failed, seen = 0, []

    def expect(what, found, wanted):
        nonlocal failed
        if found != wanted:
            failed += 1
            print("%s: found %s, expected %s" % (what, found, wanted))
    for path in sorted(glob.glob(os.path.join(HERE, "../../targets/*.yaml"))):
        target = yaml.safe_load(open(path))
        if target["kind"] != "gpu":
            continue
        name = target["target"]
        number = int(re.search(r"\d+", target["architecture"])[0])
        seen.append(number)

        def of(key):
            return int(float(target[key]["value"]))
        found, said = ask(number)
        expect(name + " stderr", said, "")
        for id, worth in ATTRIBUTES.items():
            expect("%s attribute %d" % (name, id), found[id], worth(of))
        expect(name + " capability", 10 * found[75] + found[76], number)
        expect(name + " clusters", found[120], int("clusters" in target["instructions"]))
        expect(name + " memory", found["memory"], of("memory_bytes"))
        bandwidth = 2000 * found[36] * found[37] / 8
        expect(name + " bandwidth", abs(bandwidth / of("memory_bytes_per_second") - 1) < 1e-3, True)
        expect(name + " shared memory", found["set"], [SUCCESS, INVALID])
        expect(name + " launches", found["launch"], [SUCCESS, INVALID])
        room, blocks, threads = of("shared_bytes_per_sm"), of("blocks_per_sm"), of("threads_per_sm")
        half = of("shared_bytes_per_block") // 2
        expect(name + " occupancy", found["resident"],
               [min(blocks, threads // 32, room // 1024), min(blocks, threads // 256), room // (half + 1024), 1])
        expect(name + " cooperative", found["cooperative"], [SUCCESS, 720])
    expect("devices", len(seen), 8)
    # What no file describes has the limits of the nearest below, and it is said.
    for number, nearest in ((75, 80), (87, 86), (101, 100), (999, max(seen))):
        found, said = ask(number)
        expect("%d: capability" % number, 10 * found[75] + found[76], number)
        expect("%d: limits" % number, found[16], ask(nearest)[0][16])
        expect("%d: said" % number, "EMU_SM is %d, which no file of targets/ describes; the limits are those of sm_%d" % (number, nearest) in said, True)
    print("%d devices, %d failed" % (len(seen), failed))
    return bool(failed)


if __name__ == "__main__":
    sys.exit(device(sys.argv[1]) if len(sys.argv) > 1 else main())
