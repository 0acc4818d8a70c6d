"""Faults planted in small kernels, each beside the kernel without it."""
import os, re, sys, tempfile
from harness import *

HEAD = ".version 8.3\n.target sm_90\n.address_size 64\n.visible .entry k(.param .u64 out)\n{\n"
SETUP = """ .reg .pred %p<6>; .reg .b32 %r<24>; .reg .b64 %d<8>;
 .shared .align 16 .b8 s[1024]; .shared .align 8 .b64 bar;
 ld.param.u64 %d0, [out]; mov.u32 %r0, %tid.x; mov.u32 %r1, s; mov.u32 %r2, bar; mov.u32 %r9, %ctaid.x;
 setp.eq.u32 %p0, %r0, 0; setp.lt.u32 %p1, %r0, 32; mad.lo.u32 %r3, %r0, 4, %r1; mad.lo.u64 %d1, 1, %d0, 0;
 mul.wide.u32 %d2, %r0, 4; add.u64 %d1, %d0, %d2;
"""
INIT = " @%p0 mbarrier.init.shared::cta.b64 [%r2], 1;\n bar.sync 0;\n"
END = " ret;\n}\n"
# name, block, grid, further flags, kernel with the fault's place as {fault}: (clean text, faulty text), kind
CASES = []


def case(name, body, clean, faulty, kind, block=64, grid=1, extra=()):
    CASES.append((name, HEAD + SETUP + body + END, clean, faulty, kind, block, grid, list(extra)))


# Warp 0 writes, its lane 0 releases, warp 1 acquires and reads all of it.
case("a lane's mbarrier arrive", INIT + """ @!%p1 bra CONSUMER;
 st.shared.u32 [%r3], %r0;
 {fault}
 @%p0 mbarrier.arrive.shared::cta.b64 %d3, [%r2];
 bra DONE;
CONSUMER:
 mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r2], 0;
 @!%p2 bra CONSUMER;
 ld.shared.u32 %r4, [%r3+-128];
 st.global.u32 [%d1], %r4;
DONE:
""", "bar.warp.sync -1;", "", "race")
case("a lane's release store", """ mov.u32 %r5, 0; @%p0 st.shared.u32 [%r1+512], %r5;
 bar.sync 0;
 @!%p1 bra CONSUMER;
 st.shared.u32 [%r3], %r0;
 {fault}
 @%p0 st.release.cta.shared.u32 [%r1+512], 1;
 bra DONE;
CONSUMER:
 ld.acquire.cta.shared.u32 %r4, [%r1+512]; setp.eq.u32 %p2, %r4, 0;
 @%p2 bra CONSUMER;
 ld.shared.u32 %r4, [%r3+-128];
 st.global.u32 [%d1], %r4;
DONE:
""", "bar.warp.sync -1;", "", "race")
FLAG = """ setp.ne.u32 %p3, %r9, 0;
 add.u64 %d4, %d0, 1024;
 @%p3 bra CONSUMER;
 st.global.u32 [%d1], %r0;
 {fault}
 bra DONE;
CONSUMER:
 ld.acquire.gpu.global.u32 %r4, [%d4]; setp.eq.u32 %p2, %r4, 0;
 @%p2 bra CONSUMER;
 ld.global.u32 %r5, [%d1];
 st.global.u32 [%d1+512], %r5;
DONE:
"""
case("a lane's fence and flag", FLAG, "bar.warp.sync -1; @%p0 fence.acq_rel.gpu; @%p0 st.relaxed.gpu.global.u32 [%d4], 1;",
     "@%p0 fence.acq_rel.gpu; @%p0 st.relaxed.gpu.global.u32 [%d4], 1;", "race", 32, 2)
case("a flag after every lane's fence", FLAG, "fence.acq_rel.gpu; bar.warp.sync -1; @%p0 st.relaxed.gpu.global.u32 [%d4], 1;",
     "fence.acq_rel.gpu; @%p0 st.relaxed.gpu.global.u32 [%d4], 1;", "race", 32, 2)
case("a lane's own data needs no more", """ setp.ne.u32 %p3, %r9, 0;
 add.u64 %d4, %d0, 1024;
 @%p3 bra CONSUMER;
 @!%p0 bra DONE;
 st.global.u32 [%d1], 7;
 {fault}
 bra DONE;
CONSUMER:
 ld.acquire.gpu.global.u32 %r4, [%d4]; setp.eq.u32 %p2, %r4, 0;
 @%p2 bra CONSUMER;
 ld.global.u32 %r5, [%d0];
 st.global.u32 [%d1+512], %r5;
DONE:
""", "st.release.gpu.global.u32 [%d4], 1;", "st.relaxed.gpu.global.u32 [%d4], 1;", "race", 32, 2)
case("an insufficient scope", FLAG, "bar.warp.sync -1; @%p0 st.release.gpu.global.u32 [%d4], 1;",
     "bar.warp.sync -1; @%p0 st.release.cta.global.u32 [%d4], 1;", "race", 32, 2)
WARPS = """ setp.ne.u32 %p3, %r9, 0; add.u64 %d4, %d0, 1024;
 @%p3 bra CONSUMER;
 st.global.u32 [%d1], %r0;
 {fence} bar.sync 0; @%p0 st.relaxed.gpu.global.u32 [%d4], 1;
 bra DONE;
CONSUMER:
 @!%p0 bra SEEN;
POLL:
 ld.relaxed.gpu.global.u32 %r4, [%d4]; setp.eq.u32 %p2, %r4, 0;
 @%p2 bra POLL;
SEEN:
 bar.sync 0; {acquire}
 ld.global.u32 %r5, [%d1];
 st.global.u32 [%d1+512], %r5;
DONE:
"""
case("every thread's fence, a barrier and one flag", WARPS.replace("{fence}", "{fault}").replace("{acquire}", "fence.acq_rel.gpu;"), "fence.acq_rel.gpu;",
     "@%p0 fence.acq_rel.gpu;", "race", 64, 2)
case("one thread sees the flag, every thread fences", WARPS.replace("{fence}", "fence.acq_rel.gpu;").replace("{acquire}", "{fault}"), "fence.acq_rel.gpu;",
     "@%p0 fence.acq_rel.gpu;", "race", 64, 2)
case("an acquire fence of too small a scope", WARPS.replace("{fence}", "fence.acq_rel.gpu;").replace("{acquire}", "{fault}"), "membar.gl;",
     "membar.cta;", "race", 64, 2)
LOCK = """
TRY:
 atom.global.{acquire}gpu.cas.b32 %r4, [%d0], 0, 1; setp.ne.u32 %p2, %r4, 0;
 @%p2 bra TRY;
 {fence} ld.global.u32 %r5, [%d0+64]; add.u32 %r5, %r5, 1; st.global.u32 [%d0+64], %r5;
 {fault}
"""
case("a lock that lanes of a warp take", LOCK.format(acquire="acquire.", fence="", fault="{fault}"), "atom.global.release.gpu.exch.b32 %r6, [%d0], 0;",
     "atom.global.relaxed.gpu.exch.b32 %r6, [%d0], 0;", "race", 32, 2)
case("a lock with fences that lanes of a warp take", LOCK.format(acquire="relaxed.", fence="fence.acq_rel.gpu;", fault="{fault}"),
     "fence.acq_rel.gpu; atom.global.relaxed.gpu.exch.b32 %r6, [%d0], 0;", "atom.global.relaxed.gpu.exch.b32 %r6, [%d0], 0;", "race", 32, 2)
case("shared memory that is reserved for groups", " mov.u32 %r4, %reserved_smem_offset_1; ld.shared.u32 %r5, [%r4+{fault}]; st.global.u32 [%d1], %r5;\n", "1020", "1024",
     "out-of-bounds")

# ---- mbarriers ----
case("a store over a live mbarrier", INIT + """ @%p0 mbarrier.arrive.shared::cta.b64 %d3, [%r2];
WAIT:
 mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r2], 0;
 @!%p2 bra WAIT;
 bar.sync 0;
 {fault}
 bar.sync 0;
 @%p0 st.shared.u64 [%r2], %d0;
""", "@%p0 mbarrier.inval.shared::cta.b64 [%r2];", "", "mbarrier-misuse")
case("a row of stores over a live mbarrier", " @%p0 mbarrier.init.shared::cta.b64 [%r1+64], 1;\n bar.sync 0;\n {fault}\n bar.sync 0;\n"
     " st.shared.u32 [%r3], %r0;\n", "@%p0 mbarrier.inval.shared::cta.b64 [%r1+64];", "", "mbarrier-misuse")
case("initialised twice", INIT + " {fault}\n @%p0 mbarrier.init.shared::cta.b64 [%r2], 2;\n", "@%p0 mbarrier.inval.shared::cta.b64 [%r2];",
     "", "mbarrier-misuse")
case("used before the barrier", " @%p0 mbarrier.init.shared::cta.b64 [%r2], 64;\n {fault}\n mbarrier.arrive.shared::cta.b64 %d3, [%r2];\n",
     "bar.sync 0;", "", "race")
COPY = """ @%p0 mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r2], 128; {fault}
 @%p0 cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r1], [%d0], 128, [%r2];
WAIT:
 mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r2], 0;
 @!%p2 bra WAIT;
 ld.shared.u32 %r4, [%r1]; add.u64 %d4, %d1, 1024; st.global.u32 [%d4], %r4;
"""
case("an init that a fence shows to a bulk copy", " @%p0 mbarrier.init.shared::cta.b64 [%r2], 1;\n {fault}\n bar.sync 0;\n" + COPY.replace("{fault}", ""),
     "fence.mbarrier_init.release.cluster;", "", "missing-fence")
case("an init before an arrival and a barrier", INIT + COPY, "bar.sync 0;", "", "missing-fence")
case("a tensor map that the kernel writes", INIT.replace("bar.sync 0;", "fence.mbarrier_init.release.cluster; bar.sync 0;") + """ add.u64 %d4, %d0, 2048; mov.u32 %r4, 32; mov.u32 %r5, 0;
 @!%p1 bra ON;
 st.shared.u32 [%r3], 0; bar.warp.sync -1; mov.u32 %r6, 1; cvt.u64.u32 %d5, %r1;
 @%p0 tensormap.replace.tile.global_address.shared::cta.b1024.b64 [%d5], %d0; @%p0 tensormap.replace.tile.rank.shared::cta.b1024.b32 [%d5], 0;
 @%p0 tensormap.replace.tile.box_dim.shared::cta.b1024.b32 [%d5], 0, %r4; @%p0 tensormap.replace.tile.global_dim.shared::cta.b1024.b32 [%d5], 0, %r4;
 @%p0 tensormap.replace.tile.element_stride.shared::cta.b1024.b32 [%d5], 0, %r6; @%p0 tensormap.replace.tile.elemtype.shared::cta.b1024.b32 [%d5], 2;
 bar.warp.sync -1;
 tensormap.cp_fenceproxy.global.shared::cta.tensormap::generic.release.gpu.sync.aligned [%d4], [%d5], 128;
 {fault}
ON:
 bar.sync 0; fence.proxy.async;
 @%p0 mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r2], 128;
 @%p0 cp.async.bulk.tensor.1d.shared::cluster.global.mbarrier::complete_tx::bytes [%r1+512], [%d4, {%r5}], [%r2];
WAIT:
 mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r2], 0;
 @!%p2 bra WAIT;
""".replace("add.u64 %d4, %d0, 2048; mov.u32 %r4, 32; mov.u32 %r5, 0;", "").replace(" @!%p1 bra ON;", " add.u64 %d4, %d0, 2048; mov.u32 %r4, 32; mov.u32 %r5, 0;\n @!%p1 bra ON;"),
     "fence.proxy.tensormap::generic.acquire.gpu [%d4], 128;", "", "missing-proxy-fence")

# ---- clusters ----
CLUSTER = """ mov.u32 %r6, %cluster_ctarank; xor.b32 %r7, %r6, 1; mapa.shared::cluster.u32 %r8, %r3, %r7;
 st.shared.u32 [%r3], %r6;
 barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;
"""
for kind, touch in (("read", "ld.shared::cluster.u32 %r4, [%r8]; mul.wide.u32 %d5, %r6, 512; add.u64 %d5, %d1, %d5; st.global.u32 [%d5], %r4;"), ("write", "st.shared::cluster.u32 [%r8+512], 5;"),
                    ("atomic", "red.shared::cluster.add.u32 [%r8], 1;")):
    for name, after in (("barrier", "barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;"),
                        ("relaxed barrier", "barrier.cluster.arrive.relaxed.aligned; barrier.cluster.wait.aligned;")):
        case("cluster lifetime: %s, %s" % (kind, name), CLUSTER + " " + touch +
             "\n {fault}\n", after, "", "cluster-lifetime|out-of-bounds", 64, 2, ["--cluster", "2"])
case("cluster lifetime: remote arrive", INIT + """ mov.u32 %r6, %cluster_ctarank; xor.b32 %r7, %r6, 1; mapa.shared::cluster.u32 %r8, %r2, %r7;
 fence.mbarrier_init.release.cluster; barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;
 @%p0 mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%r8];
 {fault}
""", "WAIT: mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 %p2, [%r2], 0;\n @!%p2 bra WAIT;", "", "cluster-lifetime|out-of-bounds",
     64, 2, ["--cluster", "2"])

# ---- rows of a warp, 4, 8 and 16 bytes a lane, against single words ----
READ = " @%p1 bra DONE;\n {read} st.global.u32 [%d1], %r4;\nDONE:\n"
for name, store in (("4", " @%p1 st.shared.u32 [%r3], %r0;\n"), ("8", " mad.lo.u32 %r5, %r0, 8, %r1; @%p1 st.shared.v2.u32 [%r5], {%r0, %r0};\n"),
                    ("16", " mad.lo.u32 %r5, %r0, 16, %r1; @%p1 st.shared.v4.u32 [%r5], {%r0, %r0, %r0, %r0};\n")):
    for what, read in (("a word", "ld.shared.u32 %r4, [%r1+44];"), ("a half", "{ .reg .b16 %h; ld.shared.u16 %h, [%r1+46]; cvt.u32.u16 %r4, %h; }"),
                       ("a row", "ld.shared.u32 %r4, [%r3+-128];"), ("a row behind one word", "ld.shared.u32 %r4, [%r3+-124];")):
        # Words that no lane of a narrow row wrote are written first.
        case("a row of %s bytes a lane, then %s" % (name, what), " st.shared.u32 [%r1+128], 0;\n bar.sync 0;\n" + store + " {fault}\n" +
             READ.replace("{read}", read), "bar.sync 0;", "", "race")
    case("a row of %s bytes a lane, then another lane's" % name, store + " {fault}\n xor.b32 %r6, %r0, 1; mad.lo.u32 %r6, %r6, 4, %r1;"
         " @%p1 ld.shared.u32 %r4, [%r6]; @%p1 st.global.u32 [%d1], %r4;\n", "bar.warp.sync -1;", "", "race", 32)
    case("rows read, then a row of %s bytes a lane" % name, " st.shared.v4.u32 [%r1], {0, 0, 0, 0}; mad.lo.u32 %r6, %r0, 16, %r1;"
         " st.shared.v4.u32 [%r6], {0, 0, 0, 0}; bar.sync 0; ld.shared.u32 %r4, [%r3]; st.global.u32 [%d1], %r4;\n {fault}\n"
         + store.replace("@%p1", "@!%p1").replace("[%r3]", "[%r3+-128]").replace("[%r5]", "[%%r5+-%d]" % (32 * int(name))), "bar.sync 0;", "", "race")

# ---- a warp and its lanes ----
case("lanes exchange through memory", " st.shared.u32 [%r3], %r0;\n {fault}\n xor.b32 %r4, %r0, 1; mad.lo.u32 %r4, %r4, 4, %r1;"
     " ld.shared.u32 %r5, [%r4]; st.global.u32 [%d1], %r5;\n", "bar.warp.sync -1;", "", "race", 32)
case("a barrier between warps", " st.shared.u32 [%r3], %r0;\n {fault}\n xor.b32 %r4, %r0, 32; mad.lo.u32 %r4, %r4, 4, %r1;"
     " ld.shared.u32 %r5, [%r4]; st.global.u32 [%d1], %r5;\n", "bar.sync 0;", "bar.warp.sync -1;", "race")

# ---- lanes of a warp are threads of their own ----
# Thread 0 reads a word, then all threads write it, thread 0 too: its own write does not order the others'.
for space, word in (("shared", "[%r1]"), ("global", "[%d0+2048]")):
    for what, block, write in (("one value", 32, "st.{s}.u32 {w}, 9;"), ("one value", 64, "st.{s}.u32 {w}, 9;"), ("values", 32, "st.{s}.u32 {w}, %r0;"),
                               ("values", 64, "st.{s}.u32 {w}, %r0;"), ("atomics", 32, "red.{s}.add.u32 {w}, 1;"), ("atomics", 64, "red.{s}.add.u32 {w}, 1;")):
        if space == "global" and what == "values":
            continue  # they race among themselves
        write = write.format(s=space, w=word)
        case("a read, then all threads write %s to %s memory, %d threads" % (what, space, block), " @%%p0 st.%s.u32 %s, 7;\n bar.sync 0;\n @!%%p0 bra ON;\n"
             " ld.%s.u32 %%r4, %s; st.global.u32 [%%d1], %%r4;\nON:\n {fault}\n %s\n" % (space, word, space, word, write), "barrier.sync 0;", "", "race", block)
case("a loop of one lane between two barriers", """ st.volatile.shared.u32 [%r3], %r0;
 barrier.sync 0;
 @!%p0 bra ON;
 mov.u32 %r4, 16; mov.u32 %r5, 0; mov.u32 %r6, %r1;
LOOP:
 ld.volatile.shared.u32 %r7, [%r6]; add.u32 %r5, %r5, %r7; add.u32 %r6, %r6, 4; sub.u32 %r4, %r4, 1; setp.ne.u32 %p2, %r4, 0;
 @%p2 bra LOOP;
ON:
 barrier.sync 0;
 @%p0 st.shared.u32 [%r1+512], %r5;
 {fault}
 ld.shared.u32 %r7, [%r1+512]; st.global.u32 [%d1], %r7;
""", "barrier.sync 0;", "", "race")
case("halves of a warp synchronise apart", """ setp.lt.u32 %p2, %r0, 16; selp.u32 %r4, 65535, 0xffff0000, %p2; xor.b32 %r5, %r0, {fault}; mad.lo.u32 %r5, %r5, 4, %r1;
 st.shared.u32 [%r3], %r0;
 bar.warp.sync %r4;
 ld.shared.u32 %r6, [%r5]; st.global.u32 [%d1], %r6;
""", "1", "16", "race", 32)
case("halves of a warp synchronise apart, one after the other", """ setp.lt.u32 %p2, %r0, 16; xor.b32 %r5, %r0, {fault}; mad.lo.u32 %r5, %r5, 4, %r1;
 st.shared.u32 [%r3], %r0;
 @%p2 bar.warp.sync 65535;
 @!%p2 bar.warp.sync 0xffff0000;
 ld.shared.u32 %r6, [%r5]; st.global.u32 [%d1], %r6;
""", "1", "16", "race", 32)
case("lanes that meet in two branches", """ setp.lt.u32 %p2, %r0, 16; selp.u32 %r7, 65535, 0xffff0000, %p2; xor.b32 %r5, %r0, 16; mad.lo.u32 %r5, %r5, 4, %r1;
 st.shared.u32 [%r3], %r0;
 @%p2 bra FIRST;
 bar.warp.sync {fault};
 bra ON;
FIRST:
 bar.warp.sync {fault};
ON:
 ld.shared.u32 %r6, [%r5]; st.global.u32 [%d1], %r6;
""", "-1", "%r7", "race", 32)
case("a named barrier of lanes of two warps", """ and.b32 %r4, %r0, 31; setp.lt.u32 %p2, %r4, 16; xor.b32 %r5, %r0, 32; mad.lo.u32 %r5, %r5, 4, %r1;
 st.shared.u32 [%r3], %r0;
 @%p2 barrier.sync 1, 32;
 setp.lt.u32 %p3, %r4, {fault};
 @%p3 ld.shared.u32 %r6, [%r5]; @%p3 st.global.u32 [%d1], %r6;
""", "16", "17", "race")
case("an acquisition of one lane", """ @%p0 st.shared.u32 [%r1+512], 0;
 bar.sync 0;
 @!%p1 bra CONSUMER;
 st.shared.u32 [%r3], %r0;
 bar.warp.sync -1; @%p0 st.release.cta.shared.u32 [%r1+512], 1;
 bra DONE;
CONSUMER:
 setp.ne.u32 %p3, %r0, 32; @%p3 bra ON;
POLL:
 ld.acquire.cta.shared.u32 %r4, [%r1+512]; setp.eq.u32 %p2, %r4, 0;
 @%p2 bra POLL;
ON:
 {fault}
 ld.shared.u32 %r4, [%r3+-128];
 st.global.u32 [%d1], %r4;
DONE:
""", "bar.warp.sync -1;", "", "race")
case("stores of equal bytes of which one followed another value", """ @%p0 st.shared.u32 [%r1], {fault}; @%p0 st.shared.u32 [%r1], 5;
 @!%p1 st.shared.u32 [%r1], 5;
 bar.sync 0; ld.shared.u32 %r4, [%r1]; st.global.u32 [%d1], %r4;
""", "5", "6", "race")
case("an atomic that reads what a race of writes left", """ st.shared.u32 [%r1], {fault};
 bar.sync 0; @%p0 atom.shared.add.u32 %r4, [%r1], 1; @%p0 st.global.u32 [%d1], %r4;
""", "5", "%r0", "race")

# ---- values that have no effect ----
# Threads 32 ... 63 load what the others overwrite in place, as in a Triton tile smaller than the block.
case("idle threads of an in-place tile", """ and.b32 %r4, %r0, 31; mul.wide.u32 %d3, %r4, 4; add.u64 %d3, %d0, %d3;
 ld.global.u32 %r5, [%d3]; mul.lo.u32 %r6, %r5, 3; add.u32 %r6, %r6, 1; shfl.sync.bfly.b32 %r7, %r6, 16, 31, -1; add.u32 %r6, %r6, %r7;
 @%p1 st.global.u32 [%d3], %r6;
 {fault}
""", "", "@!%p1 st.global.u32 [%d1+1024], %r6;", "race")
case("idle lanes of an in-place tile", """ and.b32 %r4, %r0, 15; mul.wide.u32 %d3, %r4, 4; add.u64 %d3, %d0, %d3; setp.lt.u32 %p2, %r0, 16;
 ld.global.u32 %r5, [%d3]; mul.lo.u32 %r6, %r5, 3;
 @%p2 st.global.u32 [%d3], %r6;
 {fault}
""", "", "@!%p2 st.global.u32 [%d1+1024], %r6;", "race", 32)
case("an idle load that decides", """ and.b32 %r4, %r0, 31; mul.wide.u32 %d3, %r4, 4; add.u64 %d3, %d0, %d3;
 ld.global.u32 %r5, [%d3]; {fault}
 @%p1 st.global.u32 [%d3], 7;
""", "", "setp.eq.u32 %p2, %r5, 9; @%p2 st.global.u32 [%d1+1024], 1;", "race")
MERGE = """ setp.ne.u32 %p3, %r0, 0; @%p3 bra ON;
 st.shared.u32 [%r1], 5;
ON:
 bar.sync 0;
 ld.shared.u32 %r4, [%r3]; setp.lt.u32 %p2, %r4, 9; """
case("an unwritten element that is compared and dropped", MERGE + """ and.pred %p2, %p2, {fault};
 selp.u32 %r5, %r4, 3, %p2; shl.b32 %r5, %r5, 1; st.global.u32 [%d1], %r5;
""", "%p0", "%p1", "uninitialised")
case("an unwritten element that decides a branch", MERGE + """ {fault} and.pred %p2, %p2, %p0;
 @%p2 bra DONE;
 st.global.u32 [%d1], 1;
DONE:
""", "", "not.pred %p0, %p0;", "uninitialised")
case("an unwritten element through a shuffle", MERGE + """ shfl.sync.idx.b32 %r5, %r4, {fault}, 31, -1;
 @%p1 st.global.u32 [%d1], %r5;
""", "0", "1", "uninitialised")
case("unwritten bytes of a packed word", """ st.shared.u8 [%r3], %r0; {fault}
 ld.shared.u32 %r4, [%r3]; shl.b32 %r5, %r4, 8; and.b32 %r4, %r4, 255; shr.u32 %r5, %r5, 24; prmt.b32 %r6, %r4, %r5, 0x7740; st.global.u32 [%d1], %r6;
""", "st.shared.u8 [%r3+2], %r0;", "st.shared.u8 [%r3+3], %r0;", "uninitialised")
case("unwritten elements copied and copied back", MERGE + """ st.shared.u32 [%r3+256], %r4; ld.shared.u32 %r5, [%r3+256]; {fault} st.global.u32 [%d1], %r5;
""", "@%p0", "", "uninitialised")
case("an undefined register whose result is dropped", """ @%p0 mov.u32 %r4, 5;
 add.u32 %r5, %r4, 1; setp.gt.u32 %p2, %r5, 3; and.pred %p2, %p2, {fault}; selp.u32 %r6, %r5, 7, %p2; st.global.u32 [%d1], %r6;
""", "%p0", "%p1", "uninitialised")
case("an undefined register that goes through shared memory", """ @%p0 mov.u32 %r4, 5;
 add.u32 %r5, %r4, 1; st.shared.u32 [%r3], %r5; bar.sync 0; ld.shared.u32 %r6, [%r1+{fault}]; @%p0 st.global.u32 [%d1], %r6;
""", "0", "4", "uninitialised")
case("stores that meet where nobody reads", """ and.b32 %r4, %r0, 3; setp.eq.u32 %p2, %r4, 0; shr.u32 %r5, %r0, 2; selp.u32 %r5, %r5, 100, %p2;
 mad.lo.u32 %r5, %r5, 4, %r1; st.shared.u32 [%r5], %r0; bar.sync 0;
 ld.shared.u32 %r6, [%r1+{fault}]; st.global.u32 [%d1], %r6;
""", "12", "400", "race")
case("a race of writes that one of the two writes over", """ @!%p1 st.shared.u32 [%r3+-128], 1; {fault}
 @%p1 st.shared.u32 [%r3], 2; @%p1 st.shared.u32 [%r3], 3;
 bar.sync 0; ld.shared.u32 %r6, [%r1]; st.global.u32 [%d1], %r6;
""", "bar.sync 0;", "", "race")
# Lanes add up the same products in another order: the first step of each sum is a fused multiply-add.
COPIES = """ setp.ge.u32 %p2, %r0, 32; @%p2 bra ON;
 cvt.rn.f32.u32 %r4, %r0; fma.rn.f32 %r5, %r4, 0f3DCCCCCD, 0f3EBD70A4; mul.f32 %r6, %r5, %r5;
 shfl.sync.bfly.b32 %r7, %r6, 16, 31, -1; fma.rn.f32 %r8, %r5, %r5, %r7;
 shfl.sync.bfly.b32 %r10, %r8, 8, 31, -1; add.f32 %r11, %r8, %r10; shfl.sync.bfly.b32 %r12, %r11, 4, 31, -1; add.f32 %r13, %r11, %r12;
 shfl.sync.bfly.b32 %r14, %r13, 2, 31, -1; add.f32 %r15, %r13, %r14; shfl.sync.bfly.b32 %r16, %r15, 1, 31, -1; add.f32 %r17, %r15, %r16;
 {fault} rsqrt.approx.f32 %r18, %r17; """
KEEP = """ st.shared.{width} [%r1], {value};
ON:
 bar.sync 0; ld.shared.{width} {value}, [%r1]; st.global.{width} [%d1], {value};
"""
case("copies of a sum that differ in rounding", COPIES.replace("{fault}", "") + "{fault}" + KEEP.format(width="b32", value="%r18"),
     "", "fma.rn.f32 %r19, %r4, 0f34000000, %r18; mov.b32 %r18, %r19;", "race")
case("copies of a sum that are near each other", COPIES.replace("{fault}", "fma.rn.f32 %r20, {fault}, 0f37800000, %r17; ").replace("rsqrt.approx.f32 %r18, %r17", "rsqrt.approx.f32 %r18, %r20") +
     KEEP.format(width="b32", value="%r18"), "0f3F800000", "%r4", "race")
# Row 0 of the matrix is one address a lane: its words are copies of the sum from lanes 0 to 3.
case("copies of a sum in the rows of stmatrix", COPIES.replace("{fault}", "") + """ mad.lo.u32 %r21, {fault}, 16, %r1;
 stmatrix.sync.aligned.m8n8.x1.shared.b16 [%r21], {%r17};
ON:
 bar.sync 0; ld.shared.b32 %r22, [%r1+4]; st.global.b32 [%d1], %r22;
""", "0", "0, 16, %r1; and.b32 %r20, %r0, 7; mov.b32 %r17, %r0; mad.lo.u32 %r21, 0", "race")
# Accumulators that start as constants may be set after the fence, as compilers place them.
CASES.append(("constants after wgmma.fence", (HEAD + SETUP).replace("sm_90", "sm_90a") + """ st.shared.u32 [%r3], 0; fence.proxy.async.shared::cta; bar.sync 0;
 shr.u32 %r10, %r1, 4; and.b32 %r10, %r10, 16383; or.b32 %r10, %r10, 524288; mov.u32 %r11, 16; mov.b64 %d3, {%r10, %r11};
 mov.b32 %r12, 0; mov.b32 %r13, 0; mov.b32 %r14, 0; mov.b32 %r15, 0;
 wgmma.fence.sync.aligned;
 {fault} mov.b32 %r5, %r4; mov.b32 %r6, %r4; mov.b32 %r7, %r4;
 wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {%r4, %r5, %r6, %r7}, {%r12, %r13, %r14, %r15}, %d3, 1, 1, 1, 0;
 wgmma.commit_group.sync.aligned; wgmma.wait_group.sync.aligned 0;
 st.global.u32 [%d1], %r4;
""" + END, "mov.b32 %r4, 0f3F800000;", "cvt.rn.f32.u32 %r4, %r0;", "missing-wgmma-fence", 128, 1, []))


def main():
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "k.ptx")
        for name, body, clean, faulty, kind, block, grid, extra in CASES:
            for text, wanted in ((clean, None), (faulty, kind)):
                open(path, "w").write(body.replace("{fault}", text))
                for mode in (["--seed", "0"], ["--seed", "3"], ["--async", "random", "--seed", "7"]):
                    r = Run(path, "k", str(grid), str(block), ["zeros:u32:1024"], (), ["--check"] + extra + mode)
                    kinds = sorted({f["kind"] for f in r.errors()})
                    ok = r.status == 3 and any(re.fullmatch(wanted, k) for k in kinds) if wanted else r.status == 0
                    if not ok:
                        failures += 1
                        print("%s, %s, %s: status %d, %s %s" % (name, "faulty" if wanted else "clean", " ".join(mode), r.status, kinds, r.stderr
                              or [f["message"] for f in r.errors()][:1]))
    print("%d cases, %d failures" % (len(CASES), failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
