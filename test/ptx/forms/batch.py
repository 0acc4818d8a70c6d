"""Kernels of many forms, their inputs and what must come out."""
import json, os, subprocess
import numpy as np
import exact
from form import FORMS, KINDS, WIDTH

LOAD = {"b8": "u8", "b16": "b16", "b32": "b32", "b64": "b64"}


class Batch:
    """Forms of one count of vectors and one target in one kernel. Buffers: all
    operands one after the other, each an array over the vectors, 256-aligned."""

    def __init__(self, name, forms):
        self.name, self.forms, self.count, self.target = name, forms, forms[0].count, forms[0].target
        self.cluster = forms[0].cluster
        self.block = forms[0].warp // self.cluster or min(128, self.count)
        self.in_bytes = self.out_bytes = 0
        self.places = []
        for f in forms:
            place = []
            for kind in f.ins + f.outs:
                size = WIDTH[KINDS[kind][0]] // 8 * self.count
                into = len(place) < len(f.ins)
                at = self.in_bytes if into else self.out_bytes
                if into:
                    self.in_bytes += -(-size // 256) * 256
                else:
                    self.out_bytes += -(-size // 256) * 256
                place.append(at)
            self.places.append(place)

    def maps(self):
        """[(form, offset of its tensor in the operands)] of those with a tensor map."""
        return [(f, place[0]) for f, place in zip(self.forms, self.places) if f.map]

    def entry(self):
        launch = ".explicitcluster .reqnctapercluster %d" % self.cluster if self.cluster > 1 else ""
        maps = "".join(", .param .align 64 .b8 map%d[128]" % i for i in range(len(self.maps())))
        out = [".visible .entry %s(.param .u64 in, .param .u64 out%s) %s\n{" % (self.name, maps, launch),
               " .reg .b32 %%idx, %%nt, %%cta; .reg .b64 %%in, %%out, %%idx64; .shared .align 1024 .b8 scratch[%d];" % (45056 if self.forms[0].warp == 128 else 8192),
               " mov.u32 %nt, %ntid.x; mov.u32 %cta, %ctaid.x; mov.u32 %idx, %tid.x; mad.lo.u32 %idx, %cta, %nt, %idx;",
               " ld.param.u64 %in, [in]; ld.param.u64 %out, [out]; cvta.to.global.u64 %in, %in; cvta.to.global.u64 %out, %out;",
               " cvt.u64.u32 %idx64, %idx;"]
        for f, place in zip(self.forms, self.places):
            out += self.one(f, place)
        return "\n".join(out + [" ret;\n}"])

    def one(self, f, place):
        rows, names = ["// " + f.name, "{"], {"place": str(place[0])}
        names.update({"place%d" % i: str(at) for i, at in enumerate(place[:len(f.ins)])})
        regs = {}
        for i, kind in enumerate(f.ins + f.outs):
            reg = KINDS[kind][0]
            n = ("a%d" % i) if i < len(f.ins) else "d%d" % (i - len(f.ins))
            names[n] = "%" + n
            regs.setdefault("b16" if reg == "b8" else reg, []).append("%" + n)
        for reg, list_ in regs.items():
            rows.append(" .reg .%s %s;" % (reg, ", ".join(list_)))
        rows.append(" .reg .b64 %at; .reg .b16 %byte;")
        if f.declare:
            rows.append(" " + f.declare)
        for i, kind in enumerate(f.ins):
            reg, n = KINDS[kind][0], "%%a%d" % i
            rows.append(" mad.lo.u64 %%at, %%idx64, %d, %%in;" % (WIDTH[reg] // 8))
            where = "[%%at+%d]" % place[i]
            if reg == "pred":
                rows.append(" ld.global.u8 %%byte, %s; setp.ne.b16 %s, %%byte, 0;" % (where, n))
            elif reg == "b128":
                rows.append(" { .reg .b64 %%lo, %%hi; ld.global.v2.b64 {%%lo, %%hi}, %s; mov.b128 %s, {%%lo, %%hi}; }" % (where, n))
            else:
                rows.append(" ld.global.%s %s, %s;" % (LOAD[reg], n, where))
        body = f.body
        if f.map:
            index = [g for g, _ in self.maps()].index(f)
            rows.append(" .reg .b64 %%map; mov.b64 %%map, map%d; cvta.param.u64 %%map, %%map;" % index)
            names["map"] = "%map"
        for n in sorted(names, key=len, reverse=True):
            body = body.replace("{" + n + "}", names[n])
        rows.append(" " + body)
        for i, kind in enumerate(f.outs):
            reg, n = KINDS[kind][0], "%%d%d" % i
            rows.append(" mad.lo.u64 %%at, %%idx64, %d, %%out;" % (WIDTH[reg] // 8))
            where = "[%%at+%d]" % place[len(f.ins) + i]
            if reg == "pred":
                rows.append(" selp.u16 %%byte, 1, 0, %s; st.global.u8 %s, %%byte;" % (n, where))
            elif reg == "b128":
                rows.append(" { .reg .b64 %%lo, %%hi; mov.b128 {%%lo, %%hi}, %s; st.global.v2.b64 %s, {%%lo, %%hi}; }" % (n, where))
            else:
                rows.append(" st.global.%s %s, %s;" % (LOAD[reg], where, n))
        return rows + ["}"]

    def text(self):
        return ".version 8.8\n.target %s\n.address_size 64\n%s\n" % (self.target, self.entry())

    def input(self):
        buf = np.zeros(max(self.in_bytes, 1), np.uint8)
        for f, place in zip(self.forms, self.places):
            f.columns = f.inputs()
            for i, kind in enumerate(f.ins):
                raw = to_bytes(f.columns[i], KINDS[kind][0])
                buf[place[i]:place[i] + len(raw)] = raw
        return buf

    def output(self, buf, index):
        """Per result of form `index`: a list of ints (or an array)."""
        f, place = self.forms[index], self.places[index]
        result = []
        for i, kind in enumerate(f.outs):
            reg = KINDS[kind][0]
            at = place[len(f.ins) + i]
            result.append(from_bytes(buf[at:at + WIDTH[reg] // 8 * self.count], reg))
        return result


def to_bytes(values, reg):
    n = WIDTH[reg] // 8
    if isinstance(values, np.ndarray):
        return np.ascontiguousarray(values).view(np.uint8)
    if n <= 8:
        return np.array(values, "<u%d" % n).view(np.uint8)
    return np.frombuffer(b"".join(v.to_bytes(n, "little") for v in values), np.uint8)


def from_bytes(raw, reg):
    n = WIDTH[reg] // 8
    if n <= 8:
        return np.ascontiguousarray(raw).view("<u%d" % n)
    b = raw.tobytes()
    return [int.from_bytes(b[i:i + n], "little") for i in range(0, len(b), n)]


def expected(f):
    """Per result: list or array of bits, from the second implementation."""
    if f.vector:
        r = f.ref(*f.columns)
        return list(r) if isinstance(r, tuple) else [r]
    rows = []
    if f.warp:
        for base in range(0, f.count, f.warp):
            lanes = [tuple(c[base + l] for c in f.columns) for l in range(f.warp)]
            rows += f.ref(lanes)
    else:
        ref = f.ref
        rows = [ref(*v) for v in zip(*f.columns)]
    if len(f.outs) == 1:
        rows = [r if isinstance(r, tuple) else (r,) for r in rows]
    return [list(c) for c in zip(*rows)]


def nan_mask(values, fmt):
    eb, mb, _, _ = exact.FORMATS[fmt]
    v = np.asarray(values, np.uint64)
    top = ((1 << eb) - 1) << mb
    return (v & np.uint64(top | (1 << mb) - 1)) > np.uint64(top)


def differences(f, got):
    """[(vector, operand bits, got, expected)] of what is wrong."""
    want = expected(f)
    bad = []
    for i, kind in enumerate(f.outs):
        if f.bound:
            ok = np.asarray(f.bound(f.columns, got[i], want[i]))
        elif KINDS[kind][0] == "b128":
            ok = np.array([int(g) == int(w) for g, w in zip(got[i], want[i])])
        else:
            w = np.asarray(want[i], got[i].dtype)
            ok = got[i] == w
            if f.any_nan:
                ok |= nan_mask(got[i], f.any_nan) & nan_mask(w, f.any_nan)
        for k in np.flatnonzero(~ok)[:3]:
            bad.append((int(k), [hex(int(c[k])) for c in f.columns], hex(int(got[i][k])), shown(want[i][k])))
    return bad


def batches(forms=None, per_batch=64):
    groups = {}
    for f in (FORMS if forms is None else forms):
        groups.setdefault((f.target, f.count, f.warp, f.cluster), []).append(f)
    result = []
    for key, list_ in groups.items():
        for i in range(0, len(list_), per_batch):
            result.append(Batch("forms_%d" % len(result), list_[i:i + per_batch]))
    return result


def execute(batch, folder, command, extra=()):
    """(status, stderr, output buffer) of a batch under hamlet-ptx."""
    path, source, target = (os.path.join(folder, batch.name + s) for s in (".ptx", ".in.npy", ".out.npy"))
    open(path, "w").write(batch.text())
    np.save(source, batch.input())
    words = [command, "run", path, "--entry", batch.name, "--grid", str(batch.count // batch.block), "--block", str(batch.block), "--cluster", str(batch.cluster),
             "--arg", "@" + source, "--arg", "zeros:u8:%d" % max(batch.out_bytes, 1), "--save", "1=" + target, "--json"]
    for f, at in batch.maps():
        words += ["--arg", f.map.argument(at)]
    done = subprocess.run(words + list(extra), capture_output=True, text=True)
    return done.returncode, done.stderr + done.stdout, np.load(target) if done.returncode == 0 else None


def shown(v):
    return hex(int(v)) if isinstance(v, (int, np.integer)) else str(v)
