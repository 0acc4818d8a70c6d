"""cuda.bindings.driver on the stand-in: a module, a kernel, its result."""
import ctypes, sys
import numpy as np
from cuda.bindings import driver as cu


def check(result):
    if result[0] != cu.CUresult.CUDA_SUCCESS:
        sys.exit("%s" % result[0])
    return result[1] if len(result) == 2 else result[1:]


check(cu.cuInit(0))
device = check(cu.cuDeviceGet(0))
context = check(cu.cuDevicePrimaryCtxRetain(device))
check(cu.cuCtxSetCurrent(context))
name = check(cu.cuDeviceGetName(64, device)).split(b"\0")[0].decode()
major = check(cu.cuDeviceGetAttribute(cu.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device))
assert major == 9, major
own = check(cu.cuCtxCreate(None, 0, device))
assert int(check(cu.cuCtxGetDevice())) == int(device)
check(cu.cuCtxSynchronize())
module = check(cu.cuModuleLoadData(open(sys.argv[1], "rb").read() + b"\0"))
kernel = check(cu.cuModuleGetFunction(module, b"adamw"))
stream = check(cu.cuStreamCreate(0))
n = 1000
rng = np.random.default_rng(1)
p, g, m = (rng.standard_normal(n).astype(np.float32) for _ in range(3))
v = np.abs(rng.standard_normal(n)).astype(np.float32)
buffers = []
for host in (p, g, m, v):
    d = check(cu.cuMemAlloc(host.nbytes))
    check(cu.cuMemcpyHtoDAsync(d, host.ctypes.data, host.nbytes, stream))
    buffers.append(d)
constants = [1e-3, .9, .95, 1e-8, .1, 10., 20.]
values = tuple(int(b) for b in buffers) + (n,) + tuple(constants)
types = (ctypes.c_uint64,) * 4 + (ctypes.c_int,) + (ctypes.c_float,) * 7
begin, end = check(cu.cuEventCreate(0)), check(cu.cuEventCreate(0))
check(cu.cuEventRecord(begin, stream))
check(cu.cuLaunchKernel(kernel, 4, 1, 1, 256, 1, 1, 0, stream, (values, types), 0))
check(cu.cuEventRecord(end, stream))
out = np.zeros(n, np.float32)
check(cu.cuMemcpyDtoHAsync(out.ctypes.data, buffers[0], out.nbytes, stream))
check(cu.cuStreamSynchronize(stream))
lr, b1, b2, eps, wd, c1, c2 = (np.float32(c) for c in constants)
mi, vi = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
ref = p - lr * (mi * c1 / (np.sqrt(vi * c2) + eps) + wd * p)
assert np.abs(out - ref).max() < 1e-5, np.abs(out - ref).max()
assert check(cu.cuEventElapsedTime(begin, end)) > 0
# Errors come back as codes.
assert cu.cuModuleGetFunction(module, b"nothing")[0] == cu.CUresult.CUDA_ERROR_NOT_FOUND
assert cu.cuModuleLoadData(b".version 8.0\n.target sm_80\nnonsense\0")[0] == cu.CUresult.CUDA_ERROR_INVALID_PTX
assert cu.cuMemFree(12345)[0] == cu.CUresult.CUDA_ERROR_INVALID_VALUE
for d in buffers:
    check(cu.cuMemFree(d))
check(cu.cuModuleUnload(module))
check(cu.cuCtxDestroy(own))
check(cu.cuDevicePrimaryCtxRelease(device))
print("ran on", name)
