"""Random LLVM IR functions through x86 and through NVPTX and the emulator: equal
bits. Numbers of functions and the first seed may be given as arguments."""
import ctypes, os, random, shutil, subprocess, sys, tempfile
import numpy as np
from harness import *

THREADS = 128
INTS = ["i8", "i16", "i32", "i64"]
FLOATS = ["float", "double"]
BITS = {"i1": 1, "i8": 8, "i16": 16, "i32": 32, "i64": 64, "float": 32, "double": 64, "half": 16}
UNARY = ["ctpop", "bitreverse"]
BINARY = ["add", "sub", "mul", "and", "or", "xor"]


class Function:
    """One function of random statements; `pool` has the values of each type that
    are defined at this point."""

    def __init__(self, rng):
        self.rng, self.lines, self.count, self.used, self.allocas = rng, [], 0, set(), []
        self.pool = {t: [] for t in INTS + FLOATS + ["i1", "half"]}

    def new(self, t, text):
        name = "%%v%d" % self.count
        self.count += 1
        self.lines.append("  %s = %s" % (name, text))
        self.pool[t].append(name)
        return name

    def intrinsic(self, result, name, types, values):
        self.used.add("declare %s @llvm.%s(%s)" % (result, name, ", ".join(types)))
        return self.new(result, "call %s @llvm.%s(%s)" % (result, name, ", ".join("%s %s" % p for p in zip(types, values))))

    def any(self, t):
        r = self.rng
        if self.pool[t] and r.random() < 0.85:
            return r.choice(self.pool[t][-12:])
        if t == "i1":
            return r.choice(["true", "false"])
        if t in INTS:
            return str(r.choice([0, 1, -1, 2, 7, 1 << BITS[t] - 1, (1 << BITS[t] - 1) - 1, r.getrandbits(BITS[t] - 1)]))
        if t == "half":
            return r.choice(["0xH3C00", "0xH3555", "0xH0001", "0xHFBFF", "0xH8000"])
        return "0x%016X" % int(np.float64(np.float32(r.choice([0.0, 1.0, -1.0, 0.5, 3.0, 1e-3, 65536.0, 1e10, 1e-40, -2.5]))).view(np.uint64))

    def step(self):
        r = self.rng
        k = r.randrange(19)
        t, f = r.choice(INTS), r.choice(FLOATS)
        w = BITS[t]
        fs = "f%d" % BITS[f]
        if k < 3:
            self.new(t, "%s %s %s, %s" % (r.choice(BINARY), t, self.any(t), self.any(t)))
        elif k == 3:
            n = self.new(t, "and %s %s, %d" % (t, self.any(t), w - 1))
            self.new(t, "%s %s %s, %s" % (r.choice(["shl", "lshr", "ashr"]), t, self.any(t), n))
        elif k == 4:
            d = self.new(t, "and %s %s, %d" % (t, self.any(t), (1 << w - 1) - 1))
            d = self.new(t, "or %s %s, 1" % (t, d))
            self.new(t, "%s %s %s, %s" % (r.choice(["udiv", "sdiv", "urem", "srem"]), t, self.any(t), d))
        elif k == 5:
            c = r.choice(["eq", "ne", "ult", "ule", "ugt", "uge", "slt", "sle", "sgt", "sge"])
            self.new("i1", "icmp %s %s %s, %s" % (c, t, self.any(t), self.any(t)))
        elif k == 6:
            c = r.choice(["oeq", "ogt", "oge", "olt", "ole", "one", "ord", "ueq", "ugt", "uge", "ult", "ule", "une", "uno"])
            self.new("i1", "fcmp %s %s %s, %s" % (c, f, self.any(f), self.any(f)))
        elif k == 7:
            x = r.choice([t, f])
            self.new(x, "select i1 %s, %s %s, %s %s" % (self.any("i1"), x, self.any(x), x, self.any(x)))
        elif k == 8:
            s = r.choice(INTS)
            if BITS[s] < w:
                self.new(t, "%s %s %s to %s" % (r.choice(["zext", "sext"]), s, self.any(s), t))
            elif BITS[s] > w:
                self.new(t, "trunc %s %s to %s" % (s, self.any(s), t))
            else:
                self.new(t, "%s i1 %s to %s" % (r.choice(["zext", "sext"]), self.any("i1"), t))
        elif k == 9:
            self.new(f, "%s %s %s to %s" % (r.choice(["sitofp", "uitofp"]), t, self.any(t), f))
        elif k == 10:
            self.intrinsic(t, "%s.sat.%s.%s" % (r.choice(["fptosi", "fptoui"]), t, fs), [f], [self.any(f)])
        elif k < 13:
            self.new(f, "%s %s %s, %s" % (r.choice(["fadd", "fsub", "fmul", "fdiv"]), f, self.any(f), self.any(f)))
        elif k == 13:
            n = r.choice(["fma", "sqrt", "fabs", "copysign", "floor", "ceil", "trunc", "roundeven", "minimum", "maximum"])
            count = {"fma": 3, "copysign": 2, "minimum": 2, "maximum": 2}.get(n, 1)
            # A NaN's sign is nobody's promise: none goes into copysign.
            values = [self.number(f) if n == "copysign" else self.any(f) for _ in range(count)]
            self.intrinsic(f, "%s.%s" % (n, fs), [f] * count, values)
        elif k == 14:
            n = r.choice(["ctpop", "bitreverse", "bswap", "ctlz", "cttz", "abs", "smin", "smax", "umin", "umax", "fshl", "fshr", "uadd.sat",
                          "usub.sat", "sadd.sat", "ssub.sat"])
            if n == "bswap" and t == "i8":
                return
            if n in ("ctlz", "cttz", "abs"):
                self.intrinsic(t, "%s.%s" % (n, t), [t, "i1"], [self.any(t), "false"])
            else:
                count = 1 if n in ("ctpop", "bitreverse", "bswap") else 3 if n[:3] == "fsh" else 2
                self.intrinsic(t, "%s.%s" % (n, t), [t] * count, [self.any(t) for _ in range(count)])
        elif k == 15:
            if r.random() < 0.5:
                self.new("double", "fpext float %s to double" % self.any("float"))
            else:
                self.new("float", "fptrunc double %s to float" % self.any("double"))
        elif k == 16:
            h = self.new("half", "fptrunc float %s to half" % self.any("float"))
            h = self.new("half", "%s half %s, %s" % (r.choice(["fadd", "fsub", "fmul"]), h, self.any("half")))
            self.new("float", "fpext half %s to float" % h)
        elif k == 17:
            o = r.choice(["sadd", "uadd", "ssub", "usub", "smul", "umul"])
            pair = "{ %s, i1 }" % t
            self.used.add("declare %s @llvm.%s.with.overflow.%s(%s, %s)" % (pair, o, t, t, t))
            name = "%%v%d" % self.count
            self.count += 1
            self.lines.append("  %s = call %s @llvm.%s.with.overflow.%s(%s %s, %s %s)" % (name, pair, o, t, t, self.any(t), t, self.any(t)))
            self.new(t, "extractvalue %s %s, 0" % (pair, name))
            self.new("i1", "extractvalue %s %s, 1" % (pair, name))
        else:
            self.control()

    def number(self, f):
        x = self.any(f)
        c = self.new("i1", "fcmp ord %s %s, %s" % (f, x, x))
        return self.new(f, "select i1 %s, %s %s, %s 1.0" % (c, f, x, f))

    def control(self):
        """A branch, a loop or a look-up in local memory."""
        r = self.rng
        k, t = r.randrange(3), r.choice(INTS + FLOATS)
        n = self.count
        self.count += 1
        saved = {x: list(v) for x, v in self.pool.items()}
        if k == 0:
            self.lines.append("  br i1 %s, label %%then%d, label %%else%d\nthen%d:" % (self.any("i1"), n, n, n))
            values = []
            for side in ("then", "else"):
                if side == "else":
                    self.lines.append("else%d:" % n)
                for _ in range(r.randrange(1, 4)):
                    self.plain()
                values.append(self.any(t))
                # Where this side ends: blocks may have been added.
                self.lines.append("  br label %%%sout%d\n%sout%d:\n  br label %%join%d" % (side, n, side, n, n))
                self.pool = {x: list(v) for x, v in saved.items()}
            self.lines.append("join%d:" % n)
            self.new(t, "phi %s [ %s, %%thenout%d ], [ %s, %%elseout%d ]" % (t, values[0], n, values[1], n))
        elif k == 1:
            start, trips = self.any(t), self.new("i32", "and i32 %s, 7" % self.any("i32"))
            saved["i32"].append(trips)
            self.lines.append("  br label %%pre%d\npre%d:\n  br label %%loop%d\nloop%d:" % (n, n, n, n))
            i, x = "%%i%d" % n, "%%x%d" % n
            phi = len(self.lines)
            self.lines += ["", ""]
            self.pool["i32"].append(i)
            self.pool[t].append(x)
            for _ in range(r.randrange(1, 4)):
                self.plain()
            last = self.any(t)
            self.lines[phi] = "  %s = phi i32 [ 0, %%pre%d ], [ %%n%d, %%loop%d ]" % (i, n, n, n)
            self.lines[phi + 1] = "  %s = phi %s [ %s, %%pre%d ], [ %s, %%loop%d ]" % (x, t, start, n, last, n)
            self.lines.append("  %%n%d = add i32 %s, 1\n  %%c%d = icmp ult i32 %s, %s\n  br i1 %%c%d, label %%loop%d, label %%done%d\ndone%d:"
                              % (n, i, n, i, trips, n, n, n, n))
            self.pool = saved
            self.new(t, "%s %s %s, %s" % (("fsub", t, last, x) if t in FLOATS else ("sub", t, last, x)))
        else:
            self.allocas.append("  %%m%d = alloca [8 x %s]" % (n, t))
            for i in range(8):
                self.lines.append("  %%p%d_%d = getelementptr %s, ptr %%m%d, i32 %d\n  store %s %s, ptr %%p%d_%d"
                                  % (n, i, t, n, i, t, self.any(t), n, i))
            i = self.new("i32", "and i32 %s, 7" % self.any("i32"))
            self.lines.append("  %%q%d = getelementptr %s, ptr %%m%d, i32 %s" % (n, t, n, i))
            self.new(t, "load %s, ptr %%q%d" % (t, n))

    def plain(self):
        before = len(self.lines)
        while len(self.lines) == before:
            control, self.control = self.control, lambda: None
            self.step()
            self.control = control


def module(seed, statements):
    """(shared body, number of 64-bit outputs)."""
    rng = random.Random(seed)
    f = Function(rng)
    for i, t in enumerate(["i64", "i64", "i32", "i32", "i16", "i8", "double", "float", "double", "float"]):
        f.lines.append("  %%a%d = getelementptr i8, ptr %%in, i64 %d" % (i, 8 * i))
        f.new(t, "load %s, ptr %%a%d" % (t, i))
    for _ in range(statements):
        f.step()
    outs = []
    for t in INTS + FLOATS + ["i1"]:
        for v in f.pool[t][-6:]:
            n = f.count
            f.count += 1
            if t in FLOATS:  # every NaN is the same
                f.lines.append("  %%z%d = fcmp uno %s %s, %s\n  %%b%d = bitcast %s %s to i%d\n  %%s%d = select i1 %%z%d, i%d -1, i%d %%b%d"
                               % (n, t, v, v, n, t, v, BITS[t], n, n, BITS[t], BITS[t], n))
                v, w = "%%s%d" % n, BITS[t]
            else:
                w = BITS[t]
            if w < 64:
                f.lines.append("  %%e%d = zext i%d %s to i64" % (n, w, v))
                v = "%%e%d" % n
            f.lines.append("  %%o%d = getelementptr i64, ptr %%out, i64 %d\n  store i64 %s, ptr %%o%d" % (n, len(outs), v, n))
            outs.append(v)
    body = "define internal void @f(ptr %%in, ptr %%out) alwaysinline {\n%s\n  ret void\n}\n%s\n" % ("\n".join(f.allocas + f.lines), "\n".join(sorted(f.used)))
    return body, len(outs)


def run_one(seed, folder, opt):
    body, outs = module(seed, 60)
    rng = np.random.default_rng(seed)
    ins = rng.integers(0, 1 << 63, (THREADS, 10), np.uint64)
    ins[:, 6] = rng.standard_normal(THREADS).view(np.uint64)
    ins[:, 8] = (rng.standard_normal(THREADS) * 10.0 ** rng.integers(-40, 40, THREADS)).view(np.uint64)
    ins[:, 7] = rng.standard_normal(THREADS).astype(np.float32).view(np.uint32)
    ins[: THREADS // 4, 2:4] &= np.uint64(15)
    gpu = 'target triple = "nvptx64-nvidia-cuda"\n' + body + """
declare i32 @llvm.nvvm.read.ptx.sreg.tid.x()
define ptx_kernel void @k(ptr %%in, ptr %%out) {
  %%t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %%w = zext i32 %%t to i64
  %%i = mul i64 %%w, 80
  %%o = mul i64 %%w, %d
  %%a = getelementptr i8, ptr %%in, i64 %%i
  %%b = getelementptr i8, ptr %%out, i64 %%o
  call void @f(ptr %%a, ptr %%b)
  ret void
}
""" % (8 * outs)
    cpu = 'target triple = "x86_64-unknown-linux-gnu"\n' + body + "define void @k(ptr %in, ptr %out) { call void @f(ptr %in, ptr %out) ret void }\n"
    paths = [os.path.join(folder, n) for n in ("gpu.ll", "cpu.ll", "k.ptx", "k.so")]
    open(paths[0], "w").write(gpu)
    open(paths[1], "w").write(cpu)
    subprocess.run("opt-22 -passes='default<%s>' %s | llc-22 -mcpu=sm_80 -mattr=+ptx80 -fp-contract=off --nvptx-fma-level=0 -o %s"
                   % (opt, paths[0], paths[2]), shell=True, check=True)
    subprocess.run(["clang-22", "-w", "-O1", "-fPIC", "-shared", "-ffp-contract=off", "-mf16c", "-mfma", "-mavx2", "-rtlib=libgcc", paths[1], "-o", paths[3], "-lm"], check=True)
    library = ctypes.CDLL(paths[3])
    want = np.zeros((THREADS, outs), np.uint64)
    for i in range(THREADS):
        library.k(ctypes.c_void_p(ins[i].ctypes.data), ctypes.c_void_p(want[i].ctypes.data))
    r = Run(paths[2], "k", "1", str(THREADS), [ins, "zeros:u64:%dx%d" % (THREADS, outs)], (1,))
    if r.status:
        return r.stderr
    bad = np.argwhere(r.out[1] != want)
    if len(bad):
        t, o = bad[0]
        return "%d values differ; thread %d output %d: %#x, x86 %#x" % (len(bad), t, o, r.out[1][t, o], want[t, o])
    return None


def main():
    if not shutil.which("llc-22") or not shutil.which("clang-22") or not shutil.which("opt-22"):
        print("skipped: needs opt-22, llc-22 and clang-22")
        return SKIPPED
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    failures = 0
    for seed in range(first, first + count):
        with tempfile.TemporaryDirectory() as folder:
            wrong = run_one(seed, folder, "O2" if seed % 2 else "O1" if seed % 4 else "O0")
            if wrong:
                failures += 1
                print("seed %d: %s" % (seed, wrong))
    print("%d functions, %d differ" % (count, failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
