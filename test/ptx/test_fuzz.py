"""Damaged PTX: errors, never a crash."""
import os, random, subprocess, sys, tempfile
from harness import *

SAMPLE = """.version 8.0
.target sm_90a
.address_size 64
.global .align 4 .u32 table[4] = {1, 2, 3, 4};
.extern .shared .align 16 .b8 dynamic[];
.func (.param .b32 r) twice(.param .b32 x)
{
 .reg .b32 %a<3>;
 ld.param.b32 %a1, [x];
 add.s32 %a2, %a1, %a1;
 st.param.b32 [r], %a2;
 ret;
}
.visible .entry k(.param .u64 p, .param .u32 n)
{
 .reg .pred %p<3>;
 .reg .b16 %h<4>;
 .reg .b32 %r<9>;
 .reg .f32 %f<9>;
 .reg .b64 %d<6>;
 .shared .align 16 .b8 s[1024];
 ld.param.u64 %d1, [p];
 cvta.to.global.u64 %d2, %d1;
 mov.u32 %r1, %tid.x;
 mul.wide.u32 %d3, %r1, 4;
 add.s64 %d4, %d2, %d3;
 ld.global.f32 %f1, [%d4];
 fma.rn.f32 %f2, %f1, %f1, 0f3f800000;
 mov.u32 %r2, s;
 st.shared.f32 [%r2], %f2;
 bar.sync 0;
 ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r3}, [%r2];
 mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32 {%f3,%f4,%f5,%f6}, {%r3,%r3}, {%r3}, {%f1,%f1,%f2,%f2};
 { .param .b32 a; .param .b32 b;
 st.param.b32 [a], %r1;
 call.uni (b), twice, (a);
 ld.param.b32 %r4, [b]; }
 setp.lt.u32 %p1, %r4, 7;
 @%p1 bra L1;
 shfl.sync.bfly.b32 %r5|%p2, %r4, 1, 31, -1;
L1:
 cvt.rn.bf16.f32 %h1, %f3;
 cvt.u32.u16 %r6, %h1;
 atom.global.add.u32 %r7, [%d4], %r6;
 mbarrier.init.shared::cta.b64 [%r2], 1;
 st.global.f32 [%d4], %f4;
 ret;
}
"""


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    rng = random.Random(5)
    words = SAMPLE.split()
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "f.ptx")
        for i in range(count):
            text = SAMPLE
            for _ in range(rng.randint(1, 4)):
                at, kind = rng.randrange(len(text)), rng.randrange(5)
                if kind == 0:
                    text = text[:at] + chr(rng.randrange(1, 256)) + text[at + 1:]
                elif kind == 1:
                    text = text[:at] + text[at + rng.randint(1, 30):]
                elif kind == 2:
                    text = text[:at] + rng.choice(words) + text[at:]
                elif kind == 3:
                    lines = text.split("\n")
                    a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
                    lines[a], lines[b] = lines[b], lines[a]
                    text = "\n".join(lines)
                else:
                    text = text[:at] + str(rng.choice([0, -1, 2**31, 2**40, 2**64 - 1, 255])) + text[at + 1:]
            open(path, "w", encoding="latin-1").write(text)
            for command in (["info", path], ["run", path, "--entry", "k", "--grid", "1", "--block", "32", "--arg", "zeros:f32:32",
                                             "--arg", "u32:5", "--check", "--max-instructions", "20000"]):
                done = subprocess.run([COMMAND] + command, capture_output=True, timeout=60)
                if done.returncode not in (0, 1, 2, 3):
                    bad += 1
                    keep = "/tmp/hamlet-fuzz-%d.ptx" % i
                    open(keep, "w", encoding="latin-1").write(text)
                    print("status %d: %s" % (done.returncode, keep), done.stderr[-200:])
    print("%d damaged files, %d crashes" % (count, bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
