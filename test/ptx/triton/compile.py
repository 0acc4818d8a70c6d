"""compile.py FOLDER: every variant of kernels.py to PTX for sm_80 and sm_90a.

Run by the Python that has the triton wheel; needs no GPU and no ptxas. Writes
FOLDER/NAME.ARCH.ptx and FOLDER/index.json with the launch facts.
"""
import json, os, sys

os.environ.setdefault("TRITON_CACHE_DIR", os.path.join(sys.argv[1], "cache"))
import triton
from triton.backends.compiler import GPUTarget
from triton.backends.nvidia.compiler import CUDABackend
from triton.compiler import ASTSource
import kernels

stages = CUDABackend.add_stages


def without_cubin(self, table, *rest):
    stages(self, table, *rest)
    table.pop("cubin", None)


init = CUDABackend.__init__


def binary_is_ptx(self, target):
    init(self, target)
    self.binary_ext = "ptx"


CUDABackend.add_stages = without_cubin
CUDABackend.__init__ = binary_is_ptx

index = {}
for name, (kernel, types, constants, warps, stage_count) in kernels.VARIANTS.items():
    names = kernel.arg_names
    signature = dict(zip(names, types))
    signature.update({c: "constexpr" for c in constants})
    # Pointers are aligned; sizes are not specialised.
    attributes = {(i,): [["tt.divisibility", 16]] for i, t in enumerate(types) if t.startswith("*")}
    for arch, number in (("sm_80", 80), ("sm_90a", 90)):
        source = ASTSource(kernel, signature, {(names.index(c),): v for c, v in constants.items()}, attributes)
        built = triton.compile(source, target=GPUTarget("cuda", number, 32),
                               options={"num_warps": warps, "num_stages": stage_count})
        path = os.path.join(sys.argv[1], "%s.%s.ptx" % (name, arch))
        with open(path, "w") as f:
            text = built.asm["ptx"]
            f.write(text if isinstance(text, str) else text.decode())
        index["%s.%s" % (name, arch)] = {"path": path, "entry": built.metadata.name, "shared": built.metadata.shared,
                                         "warps": built.metadata.num_warps,
                                         "scratch": [built.metadata.global_scratch_size, built.metadata.profile_scratch_size]}
with open(os.path.join(sys.argv[1], "index.json"), "w") as f:
    json.dump({"triton": triton.__version__, "kernels": index}, f)
