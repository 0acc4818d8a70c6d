"""Programs of the CUDA runtime API, compiled by nvcc, on the stand-in runtime and driver: they check themselves.
Each runs without and with the sanitizer; the kernels of all but one are right, so that it may report nothing."""
import concurrent.futures, os, re, subprocess, sys, tempfile
import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "../..")
LIBRARIES = os.environ.get("HAMLET_EMULATED") or os.path.join(ROOT, "build/lib/emulated")
CUDA = os.environ.get("CUDA_HOME", "/usr/local/cuda")
NVCC = os.path.join(CUDA, "bin/nvcc")
SKIPPED = 77  # ctest's SKIP_RETURN_CODE

# Flags beside the defaults, other sources, the environment, what standard error says by right, what the sanitizer finds.
PLAIN = ["-arch=compute_80"]  # PTX alone
SHARED = ["-cudart", "shared"]
PROGRAMS = {
    "clusters": {"flags": ["-arch=compute_90"]},
    "device_query": {"flags": SHARED, "env": {"EMU_DEVICES": "2", "EMU_SM": "80"}},
    "errors": {"flags": PLAIN, "says": "illegal address"},
    "graphs": {"flags": ["-gencode", "arch=compute_80,code=[compute_80,sm_80]"]},  # machine code beside it
    "histogram": {"flags": []},  # nvcc's defaults
    "interop": {"flags": PLAIN + ["-lcuda"], "env": {"EMU_DEVICES": "2"}},
    "managed": {"flags": PLAIN + SHARED},
    "matrix_multiply": {"flags": ["-gencode", "arch=compute_80,code=compute_80", "-Xfatbin", "--compress-mode=speed"]},
    "multi_main": {"flags": PLAIN, "sources": ["multi_kernels.cu"]},
    "per_thread": {"flags": PLAIN + ["--default-stream", "per-thread"]},
    "racy": {"flags": PLAIN, "finds": "rotatePi: race"},
    "refused": {"flags": PLAIN, "says": "cudaMallocArray is not supported"},
    "vector_add": {"flags": ["-gencode", "arch=compute_75,code=compute_75", "-gencode", "arch=compute_86,code=compute_86"]},
}
OTHERS = ["occupancy", "pitched", "pools", "random", "reduction", "scan", "streams", "symbols", "thrust_sort", "zero_copy"]
PROGRAMS.update((name, {"flags": PLAIN}) for name in OTHERS)


def compiled(name, folder, flags, out=None, link=True):
    """The program; nvcc links its default runtime from the first folder of -L."""
    program = os.path.join(folder, out or name)
    words = [NVCC, "-std=c++17", "-Wno-deprecated-gpu-targets", os.path.join(HERE, name + ".cu"), "-o", program]
    words += [os.path.join(HERE, s) for s in PROGRAMS[name].get("sources", ())] + flags + (["-L" + LIBRARIES] if link else [])
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(" ".join(words) + "\n" + done.stdout + done.stderr)
    return program


def run(program, **env):
    return subprocess.run([program], capture_output=True, text=True, timeout=300,
                          env=dict(os.environ, LD_LIBRARY_PATH=LIBRARIES, **env))


def check(name, folder):
    """What is wrong, as lines."""
    what = PROGRAMS[name]
    program = compiled(name, folder, what["flags"])
    wrong = []
    for more in ({}, {"EMU_CHECK": "1"}):
        done = run(program, **what.get("env", {}), **more)
        said = [line for line in done.stderr.splitlines() if line.startswith("[emulator]")]
        by_right = what.get("says") or (more and what.get("finds"))
        if done.returncode or not done.stdout.endswith("ok\n"):
            wrong.append("%s %s: status %d\n%s%s" % (name, more, done.returncode, done.stdout, done.stderr[-2000:]))
        elif by_right and not any(by_right in line for line in said):
            wrong.append("%s %s: standard error has no '%s'" % (name, more, by_right))
        elif said and not by_right:
            wrong.append("%s %s: reported\n%s" % (name, more, "\n".join(said)))
        if name == "device_query" and not wrong:
            wrong += properties(done.stdout)
    return wrong


def properties(said):
    """The properties against the description of the GPU in targets/."""
    gpu = yaml.safe_load(open(os.path.join(ROOT, "targets/sm_80.yaml")))
    wrong, compared = [], 0
    for key, value in re.findall(r"(\w+)=(\d+)", said.splitlines()[-2]):
        if key in gpu:
            compared += 1
            if float(gpu[key]["value"]) != int(value):
                wrong.append("device_query: %s is %s, targets/sm_80.yaml has %s" % (key, value, gpu[key]["value"]))
    return wrong if compared >= 10 else wrong + ["device_query: %d keys are in targets/sm_80.yaml" % compared]


def unsuitable(folder):
    """What cannot run says what to do about it."""
    wrong = []
    for flags, link, wanted in ((["-gencode", "arch=compute_80,code=sm_80"], True, "code=compute_"),
                                (["-gencode", "arch=compute_100,code=compute_100"], True, "the device is sm_90"),
                                ([], False, "-cudart shared")):
        done = run(compiled("vector_add", folder, flags, out="unsuitable", link=link))
        if not done.returncode or done.stderr.count(wanted) != 1:
            wrong.append("unsuitable %s: status %d, '%s' is not said once\n%s" % (flags, done.returncode, wanted, done.stderr))
    return wrong


def interface(folder):
    """Structures and symbols against CUDA's own headers and library."""
    wrong, said = [], []
    for real in ([], ["-DREAL", "-I" + os.path.join(CUDA, "include")]):
        program = os.path.join(folder, "abi%d" % len(real))
        subprocess.run(["clang++-22", "-std=c++20", "-I" + ROOT] + real + [os.path.join(HERE, "runtime_abi.cpp"), "-o", program], check=True)
        said.append(subprocess.run([program], capture_output=True, text=True, check=True).stdout.splitlines())
    wrong += ["CUDA has %s, the stand-in %s" % (b, a) for a, b in zip(*said) if a != b]

    def symbols(library):
        out = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True, check=True).stdout
        return {line.split()[-1] for line in out.splitlines() if "cuda" in line and " T " in line}
    theirs = os.path.join(CUDA, "lib64/libcudart.so.13")
    if not os.path.exists(theirs):
        print("symbols: skipped, %s is not installed" % theirs)
        return wrong
    missing = symbols(theirs) - symbols(os.path.join(LIBRARIES, "libcudart.so.13"))
    return wrong + ["not exported: " + name for name in sorted(missing)]


def main():
    if os.environ.get("HAMLET_SANITIZED"):
        print("skipped: what g++ links has none of the sanitizer that this build's libraries need")
        sys.exit(SKIPPED)
    if not os.path.exists(NVCC):
        print("skipped: %s is not installed" % NVCC)
        return SKIPPED
    names = sys.argv[1:] or sorted(PROGRAMS)
    failed = 0
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        parts = [(name, pool.submit(check, name, folder)) for name in names]
        if not sys.argv[1:]:
            parts += [("unsuitable programs", pool.submit(unsuitable, folder)), ("interface", pool.submit(interface, folder))]
        for name, part in parts:
            try:
                wrong = part.result()
            except (RuntimeError, subprocess.SubprocessError) as error: # does not compile, does not end
                wrong = [str(error)]
            failed += bool(wrong)
            print("%s: %s" % (name, "\n".join(wrong) or "ok"), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
