"""cuda.core on the stand-in: CUDA C++ compiled by nvrtc, a library's kernel, pinned memory, a graph."""
import sys
import numpy as np
from cuda.core import Device, LaunchConfig, LegacyPinnedMemoryResource, Program, ProgramOptions, launch

device = Device()
device.set_current()
stream = device.create_stream()
source = 'extern "C" __global__ void k(float *o, float a) { o[threadIdx.x] = a * threadIdx.x; }'
kernel = Program(source, code_type="c++", options=ProgramOptions(arch="sm_80")).compile("ptx").get_kernel("k")
assert kernel.attributes.max_threads_per_block == 1024, kernel.attributes.max_threads_per_block
assert kernel.num_arguments == 2, kernel.num_arguments
buffer = device.memory_resource.allocate(128, stream=stream)
host = LegacyPinnedMemoryResource().allocate(128)
launch(stream, LaunchConfig(grid=1, block=32), kernel, buffer, np.float32(2))
buffer.copy_to(host, stream=stream)
stream.sync()
out = np.from_dlpack(host).view(np.float32)
assert (out == 2 * np.arange(32, dtype=np.float32)).all(), out
# A kernel writes pinned memory itself.
launch(stream, LaunchConfig(grid=1, block=32), kernel, host, np.float32(3))
stream.sync()
assert (out == 3 * np.arange(32, dtype=np.float32)).all(), out
print("ran on", device.name)
