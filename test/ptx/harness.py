"""Compiles CUDA sources to PTX and runs entries through hamlet-ptx."""
import json, os, shutil, subprocess, sys, tempfile
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
COMMAND = os.environ.get("HAMLET_PTX") or os.path.join(HERE, "../../build/bin/hamlet-ptx")
CUDA = os.environ.get("CUDA_HOME", "/usr/local/cuda")
SKIPPED = 77  # ctest's SKIP_RETURN_CODE


def compilers():
    """(name, function from source and architecture to PTX) of those present."""
    found = []
    if shutil.which("clang++-22") and os.path.isdir(CUDA):
        found.append(("clang", lambda src, arch, out: [
            "clang++-22", "-x", "cuda", "--cuda-gpu-arch=" + arch, "--cuda-device-only", "-S", "-O3",
            "--cuda-path=" + CUDA, "-Wno-unknown-cuda-version", "-o", out, src]))
    nvcc = shutil.which("nvcc") or os.path.join(CUDA, "bin/nvcc")
    if os.path.exists(nvcc):
        found.append(("nvcc", lambda src, arch, out: [nvcc, "-arch=" + arch, "-ptx", "-O3", "-o", out, src]))
    return found


def compile_cuda(source, arch, folder, defines=()):
    """{compiler: path of the PTX}; empty without any compiler."""
    result = {}
    for name, command in compilers():
        out = os.path.join(folder, os.path.basename(source) + "." + arch + "." + name + ".ptx")
        words = command(os.path.join(HERE, "kernels", source), arch, out) + ["-D" + d for d in defines]
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(" ".join(words) + "\n" + done.stderr)
        result[name] = out
    return result


def bf16(x):
    """float32 to bf16 bits, to the nearest even."""
    u = np.ascontiguousarray(x, np.float32).view(np.uint32)
    return ((u + 0x7fff + ((u >> 16) & 1)) >> 16).astype(np.uint16)


def unbf16(x):
    return (x.astype(np.uint32) << 16).view(np.float32)


class Run:
    """One execution: exit status, report, saved arrays."""

    def __init__(self, ptx, entry, grid, block, args, saves=(), extra=()):
        self.folder = tempfile.mkdtemp(prefix="hamlet-ptx-")
        words = [COMMAND, "run", ptx, "--entry", entry, "--grid", grid, "--block", block, "--json"]
        for i, a in enumerate(args):
            if isinstance(a, np.ndarray):
                path = os.path.join(self.folder, "in%d.npy" % i)
                np.save(path, np.ascontiguousarray(a))
                a = "@" + path
            words += ["--arg", str(a)]
        for n in saves:
            words += ["--save", "%d=%s/out%d.npy" % (n, self.folder, n)]
        done = subprocess.run(words + list(extra), capture_output=True, text=True)
        self.status, self.stderr = done.returncode, done.stderr
        try:
            self.report = json.loads(done.stdout)
        except ValueError:
            self.report = {}
        self.out = {}
        for n in saves:
            path = os.path.join(self.folder, "out%d.npy" % n)
            if os.path.exists(path):
                self.out[n] = np.load(path)
        shutil.rmtree(self.folder)

    def errors(self):
        return [f for f in self.report.get("findings", []) if f["severity"] == "error"]
