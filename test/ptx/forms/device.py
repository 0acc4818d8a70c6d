"""The same forms on the machine's CUDA device, through the driver API:

    python3 device.py [--only REGEX] [--library libcuda.so.1] [--record hardware.json]

Compares bits (or bounds) with the second implementation and records, for each
form that ran, a digest of its results and whether they agreed. Forms that no
recorded device has run stand in unseen.txt (test_forms.py --write-unseen)."""
import argparse, ctypes, hashlib, json, os, re, sys
import numpy as np
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import batch as batching
import test_forms


class Driver:
    def __init__(self, library):
        self.lib = ctypes.CDLL(library)
        self.call("cuInit", 0)
        device = ctypes.c_int()
        self.call("cuDeviceGet", ctypes.byref(device), 0)
        name = ctypes.create_string_buffer(128)
        self.call("cuDeviceGetName", name, 128, device)
        self.name, major, minor = name.value.decode(), ctypes.c_int(), ctypes.c_int()
        self.call("cuDeviceGetAttribute", ctypes.byref(major), 75, device)
        self.call("cuDeviceGetAttribute", ctypes.byref(minor), 76, device)
        self.capability = 10 * major.value + minor.value
        self.context = ctypes.c_void_p()
        self.call("cuDevicePrimaryCtxRetain", ctypes.byref(self.context), device)
        self.call("cuCtxSetCurrent", self.context)

    def call(self, name, *args):
        status = getattr(self.lib, name)(*args)
        if status:
            text = ctypes.c_char_p()
            self.lib.cuGetErrorName(status, ctypes.byref(text))
            raise RuntimeError("%s: %s" % (name, (text.value or b"?").decode()))

    def run(self, b):
        module, function = ctypes.c_void_p(), ctypes.c_void_p()
        self.call("cuModuleLoadData", ctypes.byref(module), b.text().encode() + b"\0")
        self.call("cuModuleGetFunction", ctypes.byref(function), module, b.name.encode())
        source = b.input()
        out = np.zeros(max(b.out_bytes, 1), np.uint8)
        pointers = []
        for data in (source, out):
            p = ctypes.c_uint64()
            self.call("cuMemAlloc_v2", ctypes.byref(p), ctypes.c_size_t(data.nbytes))
            self.call("cuMemcpyHtoD_v2", p, ctypes.c_void_p(data.ctypes.data), ctypes.c_size_t(data.nbytes))
            pointers.append(p)
        maps = [f.map.encode(self, pointers[0].value + at) for f, at in b.maps()]
        params = (ctypes.c_void_p * (2 + len(maps)))(*[ctypes.cast(ctypes.pointer(p), ctypes.c_void_p) for p in pointers], *maps)
        self.call("cuLaunchKernel", function, b.count // b.block, 1, 1, b.block, 1, 1, 0, None, params, None)
        self.call("cuCtxSynchronize")
        self.call("cuMemcpyDtoH_v2", ctypes.c_void_p(out.ctypes.data), pointers[1], ctypes.c_size_t(out.nbytes))
        for p in pointers:
            self.call("cuMemFree_v2", p)
        self.call("cuModuleUnload", module)
        return out


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--only")
    p.add_argument("--library", default="libcuda.so.1")
    p.add_argument("--record")
    a = p.parse_args()
    driver = Driver(a.library)
    print(driver.name, "sm_%d" % driver.capability)
    forms = [f for f in test_forms.FORMS if (not a.only or re.search(a.only, f.name))]
    runnable = [f for f in forms if int(re.sub(r"\D", "", f.target)) <= driver.capability
                and (not f.target.endswith("a") or f.target == "sm_%da" % driver.capability)]
    seen, wrong = {}, 0
    for b in batching.batches(runnable):
        out = driver.run(b)
        for i, f in enumerate(b.forms):
            got = b.output(out, i)
            bad = batching.differences(f, got)
            wrong += bool(bad)
            raw = b"".join(v.tobytes() if isinstance(v, np.ndarray) else repr(v).encode() for v in got)
            seen[f.name] = {"digest": hashlib.sha256(raw).hexdigest()[:16], "agrees": not bad}
            for _, inputs, g, w in bad[:2]:
                print("%-40s %s: %s, expected %s" % (f.name, ",".join(inputs), g, w))
    print("%d of %d forms ran, %d differ" % (len(seen), len(forms), wrong))
    if a.record:
        json.dump({"device": driver.name, "forms": seen}, open(a.record, "w"), indent=0)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
