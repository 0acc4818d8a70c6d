"""hamlet-ptx run and info: every flag, argument form, exit status and message."""
import json, os, re, resource, stat, subprocess, sys, tempfile
import numpy as np
from harness import COMMAND

HEAD = ".version 8.0\n.target sm_80\n.address_size 64\n"
COPY = HEAD + """.visible .entry copy(.param .u64 src, .param .u64 dst, .param .u32 n)
{
 .reg .pred %p; .reg .b32 %r<6>; .reg .b64 %d<4>;
 ld.param.u64 %d0, [src]; ld.param.u64 %d1, [dst]; ld.param.u32 %r0, [n];
 mov.u32 %r1, %ctaid.x; mov.u32 %r2, %ntid.x; mov.u32 %r3, %tid.x; mad.lo.u32 %r4, %r1, %r2, %r3;
 setp.ge.u32 %p, %r4, %r0;
 @%p bra DONE;
 mul.wide.u32 %d2, %r4, 4; add.u64 %d3, %d0, %d2; ld.global.b32 %r5, [%d3];
 add.u64 %d3, %d1, %d2;
 st.global.b32 [%d3], %r5;
DONE:
 ret;
}
"""
RACE = HEAD + """.visible .entry race(.param .u64 p)
{
 .reg .b32 %r<3>; .reg .b64 %d; .shared .b32 s;
 mov.u32 %r0, %tid.x;
 st.shared.u32 [s], %r0;
 ld.shared.u32 %r1, [s];
 ld.param.u64 %d, [p];
 st.global.u32 [%d], 1;
 ret;
}
"""
# Two pairs of PTX lines of one pair of source lines race.
UNROLLED = HEAD + """.file 1 "k.cu"
.visible .entry k(.param .u64 p)
{
 .reg .b32 %r<4>; .reg .b64 %d; .shared .b32 s; .shared .b32 t;
 mov.u32 %r0, %tid.x;
 .loc 1 5 1
 st.shared.u32 [s], %r0;
 st.shared.u32 [t], %r0;
 .loc 1 6 1
 ld.shared.u32 %r1, [s];
 ld.shared.u32 %r2, [t];
 .loc 1 7 1
 add.u32 %r3, %r1, %r2; ld.param.u64 %d, [p]; st.global.u32 [%d], %r3;
 ret;
}
"""
TRAP = HEAD + ".visible .entry k(.param .u64 p)\n{\n .reg .b64 %d;\n ld.param.u64 %d, [p];\n st.global.u32 [%d], 7;\n trap;\n ret;\n}\n"
LOOP = HEAD + ".visible .entry k(.param .u64 p)\n{\n .reg .b32 %r;\n mov.u32 %r, 0;\nL: add.u32 %r, %r, 1;\n bra L;\n ret;\n}\n"
STUCK = HEAD + """.visible .entry k(.param .u64 p)
{
 .reg .pred %q; .reg .b32 %r;
 mov.u32 %r, %tid.x;
 setp.lt.u32 %q, %r, 32;
 @%q bar.sync 1, 64;
 @!%q bar.sync 2, 64;
 ret;
}
"""
SCALARS = HEAD + """.visible .entry k(.param .u64 out, .param .u8 a, .param .u16 b, .param .u32 c, .param .u64 d, .param .align 4 .b8 e[12])
{
 .reg .b16 %h<2>; .reg .b32 %r<5>; .reg .b64 %d<2>;
 ld.param.u64 %d0, [out];
 ld.param.u8 %h0, [a]; st.global.u8 [%d0], %h0;
 ld.param.u16 %h1, [b]; st.global.u16 [%d0+2], %h1;
 ld.param.u32 %r0, [c]; st.global.u32 [%d0+4], %r0;
 ld.param.u64 %d1, [d]; st.global.u64 [%d0+8], %d1;
 ld.param.u32 %r1, [e]; st.global.u32 [%d0+16], %r1;
 ld.param.u32 %r2, [e+4]; st.global.u32 [%d0+20], %r2;
 ld.param.u32 %r3, [e+8]; st.global.u32 [%d0+24], %r3;
 ret;
}
"""
TENSOR = HEAD.replace("8.0", "8.3").replace("sm_80", "sm_90a") + """.visible .entry k(.param .u64 src, .param .u64 out, .param .align 64 .b8 map[128])
{
 .reg .pred %p; .reg .b32 %r<4>; .reg .b64 %d<4>; .shared .align 1024 .b8 s[256]; .shared .align 8 .b64 bar;
 mov.u32 %r0, %tid.x; mov.u32 %r1, s; mov.u32 %r2, bar;
 ld.param.u64 %d0, [out]; mov.u64 %d1, map; cvta.param.u64 %d1, %d1;
 setp.ne.u32 %p, %r0, 0;
 @%p bra WAIT;
 mbarrier.init.shared::cta.b64 [%r2], 1;
 fence.proxy.async.shared::cta;
 mbarrier.arrive.expect_tx.shared::cta.b64 %d2, [%r2], 256;
 cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%r1], [%d1, {0, 0}], [%r2];
WAIT:
 bar.sync 0;
SPIN:
 mbarrier.try_wait.parity.shared::cta.b64 %p, [%r2], 0;
 @!%p bra SPIN;
 mad.lo.u32 %r3, %r0, 4, %r1; ld.shared.u32 %r3, [%r3];
 mul.wide.u32 %d3, %r0, 4; add.u64 %d0, %d0, %d3; st.global.u32 [%d0], %r3;
 ret;
}
"""
SPECIAL = HEAD.replace("8.0", "8.3").replace("sm_80", "sm_90") + """.visible .entry k(.param .u64 out)
{
 .reg .b32 %r<8>; .reg .b64 %d<2>; .extern .shared .align 16 .b8 dyn[];
 ld.param.u64 %d0, [out];
 mov.u32 %r0, %dynamic_smem_size; mov.u32 %r1, %cluster_nctaid.x; mov.u32 %r2, %ntid.y; mov.u32 %r3, %nctaid.z;
 st.global.v4.u32 [%d0], {%r0, %r1, %r2, %r3};
 ret;
}
""".replace(" .extern .shared .align 16 .b8 dyn[];", "")

failures = []
folder = tempfile.mkdtemp(prefix="hamlet-ptx-command-")
IN, OUT = os.path.join(folder, "in.npy"), os.path.join(folder, "out.npy")


def file(text, name="k.ptx"):
    path = os.path.join(folder, name)
    open(path, "w").write(text)
    return path


def command(*words, stdout=subprocess.PIPE, **more):
    done = subprocess.run([COMMAND] + [str(w) for w in words], stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=60, **more)
    done.stdout = done.stdout or ""
    return done


def expect(what, done, status, *messages):
    said = done.stdout + done.stderr
    wrong = [m for m in messages if not re.search(m, said)]
    if done.returncode != status or wrong:
        failures.append(what)
        print("%s: status %d, expected %d; not said: %s; %s" % (what, done.returncode, status, wrong, said[:300]))
    return done


def check(what, ok, *seen):
    if not ok:
        failures.append(what)
        print(what, *seen)


def run_copy(*more, entry="copy", grid="2", block="32", args=None, **process):
    args = args or ["@" + IN, "zeros:u32:64", "u32:64"]
    return command("run", file(COPY), "--entry", entry, "--grid", grid, "--block", block, *sum((["--arg", a] for a in args), []), *more, **process)


def one(text, *more, args=("zeros:u32:8",), grid="1", block="64"):
    return command("run", file(text), "--entry", re.search(r"\.entry (\w+)", text).group(1), "--grid", grid, "--block", block,
                   *sum((["--arg", a] for a in args), []), *more)


def arguments():
    x = np.arange(64, dtype=np.float32).reshape(4, 16)
    np.save(IN, x)
    expect("copy", run_copy("--save", "1=" + OUT), 0)
    y = np.load(OUT)
    check("save", y.dtype == np.uint32 and y.shape == (64,) and (y.view(np.float32) == x.ravel()).all(), y)
    expect("save of an array", run_copy("--save", "0=" + OUT), 0)
    check("dtype and shape of @", np.load(OUT).shape == (4, 16) and np.load(OUT).dtype == np.float32)
    expect("the file itself stays", run_copy(args=["zeros:u32:64", "@" + IN, "u32:64"]), 0)
    check("@ is a copy", (np.load(IN) == x).all())
    for t, d in (("i8", "i1"), ("u8", "u1"), ("i16", "i2"), ("u16", "u2"), ("i32", "i4"), ("u32", "u4"), ("i64", "i8"), ("u64", "u8"),
                 ("f16", "f2"), ("bf16", "u2"), ("f32", "f4"), ("f64", "f8")):
        expect("empty " + t, run_copy("--save", "1=" + OUT, args=["@" + IN, "empty:%s:8x32" % t, "u32:4"]), 0)
        check("dtype of " + t, np.load(OUT).dtype == np.dtype(d) and np.load(OUT).shape == (8, 32))
    # An alias further on; a null pointer is out of bounds.
    expect("same", run_copy("--save", "0=" + OUT, args=["@" + IN, "same:0+32", "u32:8"]), 0)
    check("same:0+32", (np.load(OUT).ravel()[8:16] == x.ravel()[:8]).all())
    expect("null", run_copy(args=["@" + IN, "null", "u32:8"]), 1, r"line \d+")
    done = expect("scalars", one(SCALARS, "--save", "0=" + OUT, args=["zeros:u8:28", "i8:-2", "bf16:1.5", "f32:nan", "u64:0xfedcba9876543210",
                                                                    "bytes:0102030405060708090a0b0c"], block="1"), 0)
    got = np.load(OUT).tobytes()
    check("scalar values", got == bytes([254, 0]) + (0x3fc0).to_bytes(2, "little") + (0x7fc00000).to_bytes(4, "little")
          + 0xfedcba9876543210.to_bytes(8, "little") + bytes(range(1, 13)), got)
    for bad, says in (("u8:256", "does not fit"), ("i8:-129", "does not fit"), ("u8:-1", "not a value"), ("i32:5", "has 4 bytes, the parameter has 1"),
                      ("f31:1", "not one of"), ("u8:", "not a value"), ("bytes:012", "even number"), ("same:9", "not a buffer"),
                      ("zeros:f32", "expected zeros:TYPE:SHAPE"), ("zeros:f32:axb", "not a number"), ("@/none/x.npy", "/none/x.npy"),
                      ("f32:abc", "not a number"), ("nonsense", "expected @FILE"), ("null", "has 8 bytes, the parameter has 1")):
        expect("--arg " + bad, one(SCALARS, args=["zeros:u8:28", bad, "u16:0", "u32:0", "u64:0", "bytes:" + "00" * 12]), 2, re.escape(bad), says)
    for args in (["@" + IN], ["@" + IN] * 4):
        expect("count of arguments", run_copy(args=args), 2, "3 parameters, got %d" % len(args))
    m = np.arange(64, dtype=np.float32).reshape(8, 8)
    np.save(IN, m)
    expect("tensormap", one(TENSOR, "--save", "1=" + OUT, args=["@" + IN, "zeros:f32:64", "tensormap:0:f32:8x8:32:8x8:none"]), 0)
    check("tensormap copies", (np.load(OUT) == m.ravel()).all())
    for bad, says in (("tensormap:0:f32:8x8:32:8x8", "expected tensormap"), ("tensormap:0:f32:8x8:32:8x8:16", "none 32 64 128"),
                      ("tensormap:0:f32:8x8:33:8x8:none", "16"), ("tensormap:0:f32:8x8:32:512x8:none", "256"),
                      ("tensormap:2:f32:8x8:32:8x8:none", "not a buffer"), ("tensormap:0:q:8x8:32:8x8:none", "type 'q'")):
        expect("--arg " + bad, one(TENSOR, args=["@" + IN, "zeros:f32:64", bad]), 2, says)


def options():
    np.save(IN, np.arange(64, dtype=np.uint32))
    for w in (["--seed", "7"], ["--async", "eager"], ["--async", "lazy"], ["--async", "random", "--seed", "3"], ["--check"], ["--seed=0x10"],
              ["--max-instructions", "1000"], ["--check", "--async", "random"], ["--shared", "1024"]):
        expect("run " + " ".join(w), run_copy(*w, "--save", "1=" + OUT), 0)
        check("result with " + " ".join(w), (np.load(OUT) == np.arange(64)).all())
    trace = os.path.join(folder, "trace.txt")
    expect("trace", run_copy("--trace", trace), 0)
    check("trace lines", "ld.global.b32" in open(trace).read())
    expect("coverage", run_copy("--coverage"), 0, r"(\d+) of \1 instructions executed, 0 of 1 branches")
    j = json.loads(expect("json", run_copy("--json", "--coverage", "--check"), 0).stdout)
    check("json keys", {"status", "findings", "instructions", "coverage"} <= set(j) and j["status"] == "ok" and j["findings"] == [], j)
    check("json coverage", j["coverage"]["executed"] == j["coverage"]["instructions"] and j["instructions"] > 0)
    expect("special", one(SPECIAL, "--save", "0=" + OUT, "--shared", "2048", "--cluster", "2", args=["zeros:u32:4"], grid="4,1,3", block="8,2,1"), 0)
    check("dimensions", list(np.load(OUT)) == [2048, 2, 2, 3], np.load(OUT))
    for words, says in ((["--grid", "0"], "at least 1"), (["--grid", "1,2,3,4"], "expects X"), (["--grid", "x"], "expects a number"),
                        (["--block", "2000"], "1024"), (["--block", "32,32,2"], "1024"), (["--cluster", "3"], "cluster"),
                        (["--shared", "-1"], "number"), (["--shared", "300000"], "shared"), (["--async", "soon"], "eager, lazy or random"),
                        (["--seed", "x"], "number"), (["--save", "1"], "N=FILE"), (["--save", "2=x.npy"], "not a buffer"),
                        (["--save", "9=x.npy"], "not a buffer"), (["--nonsense"], "unknown option '--nonsense'"), (["--check=1"], "no value"),
                        (["--max-instructions", "many"], "number"), (["--seed"], "needs a value"), (["more.ptx"], "unexpected argument"),
                        (["--trace", "/none/t"], "/none/t"), (["--save", "1=/none/o.npy"], "/none/o.npy"), (["--grid", "1,70000"], "grid|65535")):
        expect("run " + " ".join(words), run_copy(*words), 2, says)
    for words in ([], ["walk", "x.ptx"], ["run"], ["run", file(COPY)], ["run", file(COPY), "--entry", "copy", "--grid", "1"], ["info"],
                  ["info", file(COPY), "--grid", "1"]):
        expect("usage: " + " ".join(words), command(*words), 2, "usage: hamlet-ptx")
    help_ = expect("--help", command("--help"), 0).stdout
    for w in re.findall(r"--[a-z-]+", "--entry --grid --block --cluster --shared --arg --save --seed --async --check --trace --coverage"
                        " --max-instructions --json") + ["@in.npy", "zeros:T", "empty:T", "null", "bytes:HEX", "same:N", "tensormap:N", "500000000"]:
        check("--help has " + w, w in help_)


def statuses():
    expect("trap", one(TRAP, "--save", "0=" + OUT), 1, "line 8|trap")
    check("saved though it failed", np.load(OUT)[0] == 7)
    expect("trap --check", one(TRAP, "--check"), 3, "trap")
    expect("endless loop", one(LOOP, "--max-instructions", "5000"), 1, "5000")
    expect("endless loop --check", one(LOOP, "--max-instructions", "5000", "--check"), 3, "budget")
    expect("deadlock", one(STUCK), 1, "deadlock")
    expect("deadlock --check", one(STUCK, "--check"), 3, "deadlock", r"line 1[01]")
    expect("race without --check", one(RACE), 0)
    done = expect("race --check", one(RACE, "--check"), 3, "error: race", r"line 8 .*line 7|line 8")
    j = json.loads(one(RACE, "--check", "--json").stdout)
    f = j["findings"][0]
    check("finding", {"severity", "kind", "message", "space", "address", "bytes", "first", "second"} <= set(f)
          and {"line", "source", "cta", "warp", "lane"} <= set(f["first"]) and f["severity"] == "error" and f["space"] == "shared", f)
    done = expect("one report a line of the source", one(UNROLLED, "--check", "--json"), 3)
    races = [f for f in json.loads(done.stdout)["findings"] if f["space"] == "shared"]
    pairs = [(f["first"]["source"], f["second"]["source"]) for f in races]
    check("one report a pair of lines of the source", sorted(pairs) == [("k.cu:5", "k.cu:5"), ("k.cu:5", "k.cu:6"), ("k.cu:6", "k.cu:5")]
          and all(f["count"] > 1 for f in races), races)
    expect("a count", one(UNROLLED, "--check"), 3, r"\(\d+ times\)")
    done = expect("no findings", run_copy("--check"), 0)
    check("what was checked", re.fullmatch(r"no findings: schedules eager, lazy of 64 threads, \d+ warp instructions, 256 accesses of shared and global memory checked\n",
                                           done.stdout), done.stdout)
    check("nothing without --check", run_copy().stdout == "")
    j = json.loads(expect("no findings", run_copy("--check", "--json", "--async", "lazy"), 0).stdout)
    check("what was checked", j["checked"]["schedules"] == ["lazy"] and j["checked"]["threads"] == 64 and j["checked"]["accesses"] == 128, j["checked"])
    check("equal stores are no race", "no findings" in one(RACE.replace("[s], %r0", "[s], 3"), "--check").stdout)
    expect("out of bounds", run_copy(args=["@" + IN, "zeros:u32:60", "u32:64"]), 1, r"line \d+|out of bounds")
    expect("out of bounds --check", run_copy("--check", args=["@" + IN, "zeros:u32:60", "u32:64"]), 3, "out-of-bounds")
    expect("uninitialised --check", run_copy("--check", args=["empty:u32:64", "zeros:u32:64", "u32:64"]), 3, "uninitialised")
    expect("misaligned --check", run_copy("--check", args=["same:1+2", "zeros:u32:64", "u32:1"]), 3, "misaligned")


def bad_files():
    for what, text, says in (("no such opcode", COPY.replace("mul.wide.u32", "mulx.wide.u32"), r"k\.ptx: line 11: .*mulx"),
                             ("no such modifier", COPY.replace("ld.global.b32", "ld.global.purple.b32"), r"k\.ptx: line 11: .*purple"),
                             ("no such register", COPY.replace("st.global.b32 [%d3], %r5", "st.global.b32 [%d3], %r9"), r"k\.ptx: line 13: .*%r9"),
                             ("no such label", COPY.replace("bra DONE", "bra GONE"), r"k\.ptx: line 10: .*GONE"),
                             ("syntax", COPY.replace("[src];", "[src;"), r"k\.ptx: line 7: "), ("empty", "", r"k\.ptx: "),
                             ("no PTX", "int main() {}", r"k\.ptx: line 1: "), ("wrong entry", COPY.replace("copy(", "other("), "no entry 'copy'.*other"),
                             ("bytes", "\x00\x01\xff", r"k\.ptx: ")):
        done = command("run", file(text), "--entry", "copy", "--grid", "1", "--block", "1", "--arg", "null", "--arg", "null", "--arg", "u32:0")
        expect(what, done, 2, says)
    for verb in (["info"], ["run", "--entry", "k", "--grid", "1", "--block", "1"]):
        expect("no file", command(verb[0], "/none/k.ptx", *verb[1:]), 2, "/none/k.ptx: cannot be opened")
        expect("a folder", command(verb[0], folder, *verb[1:]), 2, re.escape(folder))
    expect("newer version", one(TRAP.replace("8.0", "12.3").replace(" trap;\n", "")), 0, "note: .*12.3")
    for bad in (b"", b"\x93NUMPY", b"\x93NUMPY\x01\x00\xff\xff{", b"\x93NUMPY\x01\x00\x10\x00{'descr': 'O'}   "):
        open(IN, "wb").write(bad)
        expect("bad .npy %r" % bad[:12], run_copy(), 2, "in.npy")
    np.save(IN, np.arange(64, dtype=np.float32).reshape(8, 8).T)
    expect("Fortran order", run_copy(), 2, "[Ff]ortran|C order")


    for shape in ("(-5, 64)", "(5 64)", "(64)"):
        np.save(IN, np.arange(64, dtype=np.float32))
        whole = open(IN, "rb").read()
        at = whole.index(b"(64,)")
        open(IN, "wb").write(whole[:at] + shape.encode() + whole[at + len(shape) :])
        expect("shape " + shape, run_copy(), 2, "in.npy", re.escape(shape))


def outputs():
    """Devices and pipes stay what they are; nothing partial is left; a lost report is an error."""
    np.save(IN, np.arange(64, dtype=np.uint32))
    inside = os.path.join(folder, "outputs")
    os.mkdir(inside)
    link, there = os.path.join(inside, "link.npy"), os.path.join(folder, "there.npy")
    os.symlink(there, link)
    expect("save to a link", run_copy("--save", "1=" + link), 0)
    check("the link stays", os.path.islink(link) and (np.load(there) == np.arange(64)).all())
    os.unlink(link)
    pipe = os.path.join(inside, "pipe")
    os.mkfifo(pipe)
    for what, words in (("save to a pipe", ["--save", "1=" + pipe]), ("trace to a pipe", ["--trace", pipe])):
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        expect(what, run_copy(*words, grid="1", block="1"), 0)
        check(what, len(os.read(reader, 1 << 16)) > 100 and stat.S_ISFIFO(os.stat(pipe).st_mode))
        os.close(reader)
    os.unlink(pipe)
    # Without SIGXFSZ a limit on file sizes is a failed write.
    for what, words in (("--save", ["--save", "1=" + os.path.join(inside, "o.npy")]), ("--trace", ["--trace", os.path.join(inside, "t")])):
        done = run_copy(*words, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)))
        expect(what + " on a full disk", done, 2, re.escape(inside) + ".*File too large")
        check(what + " leaves nothing", os.listdir(inside) == [], os.listdir(inside))
    same = os.path.join(inside, "same")
    expect("two outputs", run_copy("--save", "1=" + same, "--trace", same), 2, "two outputs are written to .*same")
    check("nothing is written", os.listdir(inside) == [])
    for what, words in (("run --json", ["--json"]), ("run --coverage", ["--coverage"])):
        with open("/dev/full", "w") as full:
            expect(what + " to a full disk", run_copy(*words, stdout=full), 2, "standard output")
    with open("/dev/full", "w") as full:
        expect("info to a full disk", command("info", file(COPY), "--json", stdout=full), 2, "standard output")


def coverage():
    """Instructions are counted, not lines."""
    text = HEAD + ".visible .entry k(.param .u64 p)\n{\n .reg .pred %q; .reg .b32 %r; mov.u32 %r, 1; setp.eq.u32 %q, %r, 1; @%q bra L; mov.u32 %r, 2; mov.u32 %r, 3;\nL: ret;\n}\n"
    expect("coverage of a line", one(text, "--coverage"), 0, "4 of 6 instructions executed, 0 of 1 branches")
    cover = json.loads(one(text, "--coverage", "--json").stdout)["coverage"]
    check("missed instructions", [m["line"] for m in cover["missed"]] == [6, 6] and cover["one_sided"] == [{"line": 6, "taken": True, "not_taken": False}], cover)


def info():
    j = json.loads(expect("info --json", command("info", file(TENSOR), "--json"), 0).stdout)
    e = j["entries"][0]
    check("info", j["version"] == "8.3" and j["target"] == "sm_90a" and e["name"] == "k" and [p["bytes"] for p in e["params"]] == [8, 8, 128]
          and e["registers"]["b32"] == 4 and e["shared_bytes"] >= 264 and "ret" in e["opcodes"] and e["unsupported"] == [], e)
    expect("info", command("info", file(COPY)), 0, "entry copy", "target sm_80", "u64", "registers", "shared 0 bytes", "ld.global.b32")
    expect("unsupported", command("info", file(COPY.replace("mul.wide.u32", "mulx.wide.u32"))), 0, r"unsupported: line 11: .*mulx")


def not_modelled():
    """What the ISA has and the emulator has not: an error that names line, instruction and reason."""
    kernel = HEAD.replace("8.0", "8.8").replace("sm_80", "%s") + ".visible .entry k()\n{\n .reg .b32 %%r<4>; .reg .f32 %%f<4>; .reg .b64 %%d<4>;\n %s\n ret;\n}\n"
    for what, target, code, says in (
            ("texture", "sm_90", "tex.1d.v4.f32.s32 {%f0, %f1, %f2, %f3}, [%d0, {%r0}];", "textures"), ("surface", "sm_90", "suld.b.1d.b32.trap %r0, [%d0, {%r0}];", "textures"),
            ("multimem", "sm_90", "multimem.ld_reduce.relaxed.gpu.global.add.f32 %f0, [%d0];", "multicast objects"),
            ("tensor memory", "sm_100a", "tcgen05.fence::before_thread_sync;", "tensor memory"),
            ("pairs of f32", "sm_90", "add.rn.f32x2 %d0, %d1, %d2;", "needs .target sm_100"), ("redux of f32", "sm_90a", "redux.sync.min.f32 %f0, %f1, -1;", "needs .target sm_100"),
            ("st.bulk", "sm_90", "st.bulk.shared::cta [%r0], 16, 0;", "needs .target sm_100"), ("a part of a register", "sm_90", "add.u32 %r0.b0, %r1, %r2;", "used whole"),
            ("a negated register", "sm_90", "add.u32 %r0, -%r1, %r2;", "used whole"), ("a wrong part", "sm_90", "vadd.u32.u32.u32 %r0, %r1.b4, %r2;", "'.b4'"),
            ("a wrong selector", "sm_80", "mma.sp.sync.aligned.m16n8k32.row.col.f32.f16.f16.f32 {%f0,%f1,%f2,%f3}, {%r0,%r1,%r2,%r3}, {%r0,%r1,%r2,%r3}, {%f0,%f1,%f2,%f3}, %r0, 2;",
             "selector is a constant from 0 to 1")):
        expect(what, command("run", file(kernel % (target, code)), "--entry", "k", "--grid", "1", "--block", "32"), 2, r"k\.ptx: line 7: .*" + re.escape(says))
    # The documentation lists them by the same words.
    docs = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/emulator.md")).read()
    listed = " ".join(docs[docs.index("**Not at all,**"):docs.index("Any other word that an instruction has not")].split())
    bulk = "cp.async.bulk.global.shared::cta.bulk_group.cp_mask [%d0], [%r0], %r1, %h0;"
    mma = "mma.sync.aligned.%s.row.col.%s {%%f0,%%f1,%%f2,%%f3}, {%%r0,%%r1,%%r2,%%r3}, {%%r0,%%r1}, {%%f0,%%f1,%%f2,%%f3}%s;"
    for target, code, says in (
            ("sm_100a", "ldmatrix.sync.aligned.m16n16.x1.trans.shared.b8 {%r0, %r1}, [%r2];", "matrices of 8-bit and narrower elements"),
            ("sm_100a", "stmatrix.sync.aligned.m16n8.x1.trans.shared.b8 [%r2], {%r0};", "matrices of 8-bit and narrower elements"),
            ("sm_120a", mma % ("m16n8k32", "kind::mxf8f6f4.block_scale.scale_vec::1X.f32.e4m3.e4m3.f32.ue8m0", ", %r0, {0, 0}, %r1, {0, 0}"), "block-scaled products"),
            ("sm_120a", mma % ("m16n8k32", "kind::f8f6f4.f32.e3m2.e4m3.f32", ""), "products of 6- and 4-bit floats"),
            ("sm_100a", "cvt.rp.satfinite.ue8m0x2.f32 %h0, %f0, %f1;", "conversions of .ue8m0x2"), ("sm_100a", "cvt.rn.bf16x2.ue8m0x2 %r0, %h0;", "conversions of .ue8m0x2"),
            ("sm_100a", "cvt.rn.satfinite.e2m1x2.f32 %b0, %f0, %f1;", "conversions of .e2m1x2"), ("sm_100a", "cvt.rs.f16x2.f32 %r0, %f0, %f1, %r1;", "stochastic rounding (.rs)"),
            ("sm_100a", bulk, ".cp_mask"), ("sm_100a", "cp.async.bulk.prefetch.tensor.3d.L2.global.im2col::w [%d0, {%r0, %r1, %r2}], {%h0, %h0};", ".im2col::w"),
            ("sm_100a", "tensormap.replace.tile.swizzle_atomicity.global.b1024.b32 [%d0], 0;", "the atomicity of swizzles")):
        expect(says, command("run", file((kernel % (target, code)).replace(".reg .f32", ".reg .b8 %b<2>; .reg .b16 %h<4>; .reg .f32")), "--entry", "k", "--grid", "1",
                             "--block", "32"), 2, r"k\.ptx: line 7: .*" + re.escape(says))
        check("the documentation lists " + says, says in listed, listed)
    # Instructions that do not execute are looked at, too.
    expect("behind ret", command("run", file(kernel % ("sm_90", "ret; tex.2d.v4.f32.f32 {%f0, %f1, %f2, %f3}, [%d0, {%f0, %f1}];")), "--entry", "k", "--grid", "1", "--block", "32"),
           2, "line 7: .*textures")


def main():
    np.save(IN, np.arange(64, dtype=np.float32))
    arguments()
    options()
    statuses()
    bad_files()
    outputs()
    coverage()
    info()
    not_modelled()
    print("%d failures" % len(failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
