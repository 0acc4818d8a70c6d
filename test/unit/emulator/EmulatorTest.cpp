//===- EmulatorTest.cpp ---------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The library without its command: parsing, conversion against a second
// implementation, scheduling, faults.
#include "emulator/check/Uses.h"
#include "emulator/core/Decode.h"
#include "emulator/core/Narrow.h"
#include "emulator/exec/Launch.h"
#include "emulator/module/Module.h"
#include "emulator/ptx/Parser.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace hamlet::emu;

namespace {
const std::string kHead = ".version 8.0\n.target sm_80\n.address_size 64\n";

/// Runs one warp whose lane l reads a 4-byte word and writes what `body` leaves
/// in %r2.
std::vector<u32> runWords(const std::string &body,
                          const std::vector<u32> &input) {
  std::string text = kHead +
                     R"(.visible .entry k(.param .u64 in, .param .u64 out) {
    .reg .pred %p<4>; .reg .b16 %h<4>; .reg .b32 %r<8>; .reg .f32 %f<4>; .reg .b64 %d<8>;
    ld.param.u64 %d1, [in]; ld.param.u64 %d2, [out];
    mov.u32 %r6, %ctaid.x; mov.u32 %r5, %tid.x; mad.lo.u32 %r5, %r6, 128, %r5;
    mul.wide.u32 %d3, %r5, 4; add.s64 %d1, %d1, %d3; add.s64 %d2, %d2, %d3;
    ld.global.u32 %r1, [%d1];
    )" + body + R"(
    st.global.u32 [%d2], %r2; ret; })";
  DeviceMemory memory(0, u64(1) << 30);
  LoadedModule module(text, memory);
  u64 bytes = input.size() * 4, in = memory.allocate(bytes),
      out = memory.allocate(bytes);
  std::memcpy(memory.host(in, bytes), input.data(), bytes);
  LaunchConfig config;
  config.grid.x = static_cast<u32>(input.size() / 128);
  config.block.x = 128;
  config.params.resize(16);
  std::memcpy(config.params.data(), &in, 8);
  std::memcpy(config.params.data() + 8, &out, 8);
  LaunchResult r = launch(module.program("k"), memory, config);
  EXPECT_EQ(r.status, LaunchStatus::Ok) << r.message;
  std::vector<u32> result(input.size());
  std::memcpy(result.data(), memory.host(out, bytes), bytes);
  return result;
}

std::vector<u32> all16() {
  std::vector<u32> v(65536);
  for (u32 i = 0; i < 65536; ++i)
    v[i] = i;
  return v;
}
} // namespace

TEST(Emulator, a_module_that_does_not_load_leaves_no_memory) {
  DeviceMemory memory(0, u64(1) << 20);
  EXPECT_THROW(LoadedModule(kHead + ".global .b32 a = 5;\n"
                                    ".global .b64 b = nowhere;\n",
                            memory),
               PtxError);
  EXPECT_EQ(memory.count(), 0u);
}

TEST(DeviceMemory, host_memory_keeps_its_address) {
  DeviceMemory host(1, u64(1) << 30), memory(0, u64(1) << 20);
  u32 all[6] = {0, 1, 2, 3, 4, 5}, *words = all + 1;
  auto at = reinterpret_cast<u64>(words);
  ASSERT_TRUE(host.map(words, 4 * sizeof *words));
  EXPECT_FALSE(host.map(words + 3, 8)) << "its last word is mapped already";
  EXPECT_FALSE(host.map(words - 1, 8)) << "its first word is mapped already";
  EXPECT_EQ(memory.host(at, 4), nullptr);
  memory.reach(host);
  EXPECT_EQ(memory.host(at + 4, 12), reinterpret_cast<u8 *>(words + 1));
  EXPECT_EQ(memory.host(at + 4, 13), nullptr) << "beyond its end";
  memory.unreach(host);
  EXPECT_EQ(memory.host(at, 4), nullptr);
  EXPECT_TRUE(host.free(at));
  EXPECT_FALSE(host.free(at));
  EXPECT_EQ(host.used(), 0u);
}

TEST(DeviceMemory, peers_reach_each_other) {
  DeviceMemory a(0, u64(1) << 20), b(1, u64(1) << 20);
  u64 mine = a.allocate(64), theirs = b.allocate(64);
  EXPECT_EQ(a.find(theirs), nullptr);
  a.reach(b);
  b.reach(a);
  EXPECT_EQ(a.find(theirs), b.find(theirs));
  EXPECT_EQ(b.find(mine), a.find(mine));
  EXPECT_EQ(a.find(theirs + 64), nullptr);
}

TEST(DeviceMemory, bytes_that_were_taken_outlive_the_allocation) {
  DeviceMemory memory(0, u64(1) << 20);
  for (u64 bytes : {u64(64), u64(1) << 17}) { // of the heap, of mmap
    u64 at = memory.allocate(bytes);
    u8 *host = memory.host(at, bytes);
    std::shared_ptr<Allocation> taken = memory.take(at);
    ASSERT_NE(taken, nullptr);
    EXPECT_EQ(memory.find(at), nullptr);
    EXPECT_TRUE(memory.wasFreed(at));
    EXPECT_EQ(memory.used(), 0u);
    host[bytes - 1] = 1;
    EXPECT_EQ(memory.take(at), nullptr);
  }
}

TEST(Emulator, a_kernel_that_polls_goes_on_while_the_outside_may_act) {
  std::string text = kHead + R"(.visible .entry k(.param .u64 flag) {
    .reg .b64 %d; .reg .b32 %r; .reg .pred %p; ld.param.u64 %d, [flag];
    L: ld.relaxed.sys.global.u32 %r, [%d]; setp.eq.u32 %p, %r, 0; @%p bra L;
    ret; })";
  DeviceMemory memory(0, u64(1) << 20);
  LoadedModule module(text, memory);
  u64 flag = memory.allocate(4);
  auto *word = reinterpret_cast<u32 *>(memory.host(flag, 4));
  LaunchConfig config;
  config.params.resize(8);
  std::memcpy(config.params.data(), &flag, 8);
  u64 asked = 0;
  for (bool helps : {true, false}) {
    *word = 0;
    asked = 0;
    config.outside = [&](u64) {
      if (++asked == 5000 && helps)
        *word = 1;
      return helps;
    };
    LaunchResult r = launch(module.program("k"), memory, config);
    EXPECT_EQ(r.status, helps ? LaunchStatus::Ok : LaunchStatus::Deadlock);
    EXPECT_GE(asked, helps ? 5000u : 3000u);
  }
  *word = 0;
  std::atomic<bool> cancel = true;
  config.cancel = &cancel;
  config.outside = [](u64) { return true; };
  launch(module.program("k"), memory, config); // ends
}

TEST(Emulator, cvt_f32_f16_exhaustive) {
  std::vector<u32>
      in = all16(),
      out = runWords(
          "cvt.u16.u32 %h1, %r1; cvt.f32.f16 %f1, %h1; mov.b32 %r2, %f1;", in);
  for (u32 i = 0; i < 65536; ++i) {
    double want = decode(i, kF16);
    if (want != want)
      EXPECT_EQ(out[i], 0x7fffffffu) << i;
    else
      EXPECT_EQ(std::bit_cast<float>(out[i]), want) << i;
  }
}

TEST(Emulator, cvt_f16_and_bf16_round_trips_exhaustive) {
  std::vector<u32> in = all16();
  std::vector<u32> out =
      runWords("cvt.u16.u32 %h1, %r1; cvt.f32.f16 %f1, %h1; cvt.rn.f16.f32 "
               "%h2, %f1; cvt.u32.u16 %r2, %h2;",
               in);
  for (u32 i = 0; i < 65536; ++i)
    EXPECT_EQ(out[i], (i & 0x7fff) > 0x7c00 ? 0x7fffu : i);
  out = runWords("shl.b32 %r3, %r1, 16; mov.b32 %f1, %r3; cvt.rn.bf16.f32 %h2, "
                 "%f1; cvt.u32.u16 %r2, %h2;",
                 in);
  for (u32 i = 0; i < 65536; ++i)
    EXPECT_EQ(out[i], (i & 0x7fff) > 0x7f80 ? 0x7fffu : i);
}

TEST(Emulator, cvt_integers_exhaustive) {
  std::vector<u32> in = all16(),
                   out = runWords(
                       "cvt.u16.u32 %h1, %r1; cvt.rzi.s32.f16 %r2, %h1;", in);
  for (u32 i = 0; i < 65536; ++i) {
    double v = decode(i, kF16);
    s32 want = v != v          ? 0
               : std::isinf(v) ? (v > 0 ? INT32_MAX : INT32_MIN)
                               : static_cast<s32>(v);
    EXPECT_EQ(static_cast<s32>(out[i]), want) << i;
  }
}

TEST(Emulator, narrow_encoding_agrees_with_the_processor) {
  for (u32 i = 0; i < 2'000'000; ++i) {
    u32 bits = i * 2654435761u;
    float f = std::bit_cast<float>(bits);
    if (f != f)
      continue;
    EXPECT_EQ(encode(f, kF16, Round::NearestEven),
              std::bit_cast<u16>(static_cast<_Float16>(f)));
    EXPECT_EQ(encode(f, kF32, Round::NearestEven), bits);
  }
}

TEST(Emulator, bfe_signed_edges) {
  std::vector<u32> in(128);
  for (u32 i = 0; i < 128; ++i)
    in[i] = 0x80000001u + i * 0x01010101u;
  std::vector<u32> out = runWords("bfe.s32 %r2, %r1, 28, 8;", in);
  for (u32 i = 0; i < 128; ++i)
    EXPECT_EQ(static_cast<s32>(out[i]), static_cast<s32>(in[i]) >> 28);
}

TEST(Emulator, divergent_loop_reconverges) {
  std::vector<u32> in(128);
  for (u32 i = 0; i < 128; ++i)
    in[i] = i % 37;
  std::vector<u32> out =
      runWords("mov.u32 %r2, 0; L: setp.eq.u32 %p1, %r1, 0; @%p1 bra D; "
               "add.u32 %r2, %r2, %r1; sub.u32 %r1, %r1, 1; bra L; D:",
               in);
  for (u32 i = 0; i < 128; ++i)
    EXPECT_EQ(out[i], (i % 37) * (i % 37 + 1) / 2);
}

// Many functions of many registers each would fill the memory.
TEST(Emulator, registers_of_a_module_are_bounded) {
  std::string text = kHead;
  for (int i = 0; i < 4; ++i)
    text += ".visible .entry k" + std::to_string(i) +
            "() { .reg .b32 %r<150000>; ret; }\n";
  DeviceMemory memory(0, u64(1) << 30);
  try {
    LoadedModule module(text, memory);
    FAIL();
  } catch (const PtxError &e) {
    EXPECT_NE(std::string(e.what()).find("524288 registers"), std::string::npos)
        << e.what();
  }
}

TEST(Emulator, unknown_forms_name_the_line) {
  for (const char *bad :
       {"add.f32.nonsense %f1, %f1, %f1;", "frobnicate.u32 %r2, %r1;",
        "add.s32 %r2, %r9, %r1;", "bra nowhere;"}) {
    DeviceMemory memory(0, u64(1) << 30);
    std::string text =
        kHead + ".visible .entry k() { .reg .b32 %r<4>; .reg .f32 %f<3>;\n" +
        bad + "\nret; }";
    try {
      LoadedModule module(text, memory);
      module.program("k");
      FAIL() << bad;
    } catch (const PtxError &e) {
      EXPECT_EQ(e.line, 5u) << e.what();
    }
  }
}

TEST(Emulator, endless_loops_end) {
  DeviceMemory memory(0, u64(1) << 30);
  LoadedModule module(kHead + ".visible .entry k() { L: bra L; }", memory);
  LaunchConfig config;
  config.block.x = 32;
  config.maxInstructions = 10000;
  EXPECT_EQ(launch(module.program("k"), memory, config).status,
            LaunchStatus::Budget);
}

TEST(Emulator, missing_arrival_is_a_deadlock) {
  DeviceMemory memory(0, u64(1) << 30);
  LoadedModule module(
      kHead + ".visible .entry k() { .reg .b32 %r<2>; .reg .pred %p<2>; "
              "mov.u32 %r1, %tid.x;\n"
              "setp.lt.u32 %p1, %r1, 32; @%p1 bra E; bar.sync 1, 64; E: ret; }",
      memory);
  LaunchConfig config;
  config.block.x = 64;
  LaunchResult r = launch(module.program("k"), memory, config);
  EXPECT_EQ(r.status, LaunchStatus::Deadlock);
  EXPECT_NE(r.message.find("line 5"), std::string::npos) << r.message;
}

TEST(Emulator, recursion_keeps_registers_and_locals) {
  std::vector<u32> in(128);
  for (u32 i = 0; i < 128; ++i)
    in[i] = i % 9;
  DeviceMemory memory(0, u64(1) << 30);
  std::string text = kHead + R"(.func (.param .b32 r) sum(.param .b32 n) {
    .reg .b32 %a<5>; .reg .pred %q<2>;
    ld.param.u32 %a1, [n]; mov.u32 %a2, 0; setp.eq.u32 %q1, %a1, 0; @%q1 bra D;
    sub.u32 %a3, %a1, 1;
    { .param .b32 x; .param .b32 y; st.param.b32 [x], %a3; call.uni (y), sum, (x); ld.param.b32 %a2, [y]; }
    add.u32 %a2, %a2, %a1;
    D: st.param.b32 [r], %a2; ret; }
  .visible .entry k(.param .u64 p) { .reg .b32 %r<4>; .reg .b64 %d<4>;
    ld.param.u64 %d1, [p]; mov.u32 %r1, %tid.x; mul.wide.u32 %d2, %r1, 4; add.s64 %d1, %d1, %d2; ld.global.u32 %r2, [%d1];
    { .param .b32 x; .param .b32 y; st.param.b32 [x], %r2; call.uni (y), sum, (x); ld.param.b32 %r3, [y]; }
    st.global.u32 [%d1], %r3; ret; })";
  LoadedModule module(text, memory);
  u64 p = memory.allocate(512);
  std::memcpy(memory.host(p, 512), in.data(), 512);
  LaunchConfig config;
  config.block.x = 128;
  config.params.resize(8);
  std::memcpy(config.params.data(), &p, 8);
  LaunchResult r = launch(module.program("k"), memory, config);
  ASSERT_EQ(r.status, LaunchStatus::Ok) << r.message;
  for (u32 i = 0; i < 128; ++i) {
    u32 v;
    std::memcpy(&v, memory.host(p, 512) + 4 * i, 4);
    EXPECT_EQ(v, (i % 9) * (i % 9 + 1) / 2);
  }
}

TEST(Emulator, every_opcode_says_what_it_does_with_its_operands) {
  for (const auto &[name, decode] : opTable())
    EXPECT_TRUE(Uses::byOpcode().contains(name))
        << "'" << name << "' is missing in kOpcodes of emulator/check/Uses.cpp";
  for (const auto &[name, kind] : Uses::byOpcode())
    EXPECT_TRUE(opTable().contains(std::string(name)))
        << "kOpcodes of emulator/check/Uses.cpp names '" << name
        << "', which no family decodes";
}

namespace {
/// Runs entry `name` of `text` with one buffer of 4 words; what they hold then.
LaunchResult runOn(LoadedModule &module, DeviceMemory &memory,
                   const std::string &name, u32 threads, u32 (&words)[4]) {
  u64 out = memory.allocate(16);
  std::memset(memory.host(out, 16), 0, 16);
  LaunchConfig config;
  config.block.x = threads;
  config.params.resize(8);
  std::memcpy(config.params.data(), &out, 8);
  LaunchResult r = launch(module.program(name), memory, config);
  std::memcpy(words, memory.host(out, 16), 16);
  memory.free(out);
  return r;
}
} // namespace

TEST(Emulator, parameters_in_registers) {
  DeviceMemory memory(0, u64(1) << 30);
  LoadedModule module(kHead + R"(
.func (.reg .u32 r) inc(.reg .u32 x) { add.u32 r, x, 1; ret; }
.func (.reg .pred r) both(.reg .pred x, .reg .pred y) { and.pred r, x, y; ret; }
.func (.reg .u64 r) mixed(.reg .u16 x, .param .u64 y)
{ .reg .u64 %a, %b; ld.param.u64 %a, [y]; cvt.u64.u16 %b, x; add.u64 r, %a, %b; ret; }
.func (.reg .u32 r) fib(.reg .u32 n)
{ .reg .pred %p; .reg .u32 %a, %b, %m;
  mov.u32 r, n; setp.lt.u32 %p, n, 2; @%p ret;
  sub.u32 %m, n, 1; call (%a), fib, (%m); sub.u32 %m, n, 2; call (%b), fib, (%m);
  add.u32 r, %a, %b; ret; }
.visible .entry k(.param .u64 o)
{ .reg .b64 %a, %w; .reg .b16 %h; .reg .u32 %x; .reg .pred %p, %q; .param .u64 y;
  ld.param.u64 %a, [o]; mov.u32 %x, 40; call (%x), inc, (%x); call (%x), inc, (%x);
  st.global.u32 [%a], %x;
  setp.eq.u32 %p, %x, 42; setp.ne.u32 %q, %x, 42; call (%q), both, (%p, %q);
  selp.u32 %x, 1, 2, %q; st.global.u32 [%a+4], %x;
  mov.u64 %w, 0x100000000; st.param.u64 [y], %w; mov.u16 %h, 0xffff;
  call (%w), mixed, (%h, y); shr.u64 %w, %w, 4; st.global.u32 [%a+8], %w;
  call (%x), fib, (12); st.global.u32 [%a+12], %x; ret; }
)",
                      memory);
  u32 words[4];
  LaunchResult r = runOn(module, memory, "k", 32, words);
  EXPECT_EQ(r.status, LaunchStatus::Ok) << r.message;
  EXPECT_EQ(words[0], 42u);
  EXPECT_EQ(words[1], 2u);
  EXPECT_EQ(words[2], 0x10000fffu);
  EXPECT_EQ(words[3], 144u);
}

// As ptxas does, of the same texts.
TEST(Emulator, parameters_and_arrays_that_are_refused) {
  const std::string entry = ".visible .entry k(.param .u64 o) { ret; }\n";
  auto message = [&](const std::string &text) -> std::string {
    try {
      parsePtx(kHead + text);
    } catch (const PtxError &e) {
      return e.what();
    }
    return "";
  };
  for (const char *text :
       {".extern .shared .b8 s[];\n", ".global .b8 g[] = {1, 2};\n",
        ".func f(.param .u32 x, .param .b8 o[]) { ret; }\n",
        ".global .v4 .f32 g;\n", ".func f(.reg .u32 x) { { .reg .u32 x; } }\n"})
    EXPECT_EQ(message(text + entry), "");
  for (const char *text :
       {".shared .b8 s[];\n", ".global .b8 g[];\n", ".const .b32 g[][4];\n",
        ".func f(.param .b8 o[], .param .u32 x) { ret; }\n",
        ".func (.param .b8 r[]) f(.param .u32 x) { ret; }\n",
        ".entry e(.param .b8 o[]) { ret; }\n",
        ".entry e(.param .u64 o) { .local .b8 l[]; }\n",
        ".entry e(.param .u64 o) { .param .b8 l[]; }\n"})
    EXPECT_NE(message(text + entry).find("incomplete array"), std::string::npos)
        << text << message(text + entry);
  for (const char *text :
       {".entry e(.param .v4 .f32 o) { ret; }\n",
        ".func f(.param .v4 .f32 o) { ret; }\n",
        ".func (.param .v2 .f32 r) f(.param .f32 o) { ret; }\n",
        ".entry e(.param .u64 o) { .param .v4 .f32 l; }\n"})
    EXPECT_NE(message(text + entry).find("vectors in .param space"),
              std::string::npos)
        << text << message(text + entry);
  EXPECT_NE(message(".entry e(.reg .u64 o) { ret; }\n").find(".param space"),
            std::string::npos);
  EXPECT_NE(message(".func f(.reg .u32 x[2]) { ret; }\n").find("array"),
            std::string::npos);
  for (const char *text : {".func f(.reg .u32 x) { .reg .u32 x; }\n",
                           ".func (.reg .u32 x) f(.reg .u32 x) { ret; }\n"})
    EXPECT_NE(message(text).find("declared twice"), std::string::npos) << text;
  EXPECT_NE(message(".global .b32 g[4][];\n").find("first extent"),
            std::string::npos);
}

TEST(Emulator, kernels_have_a_heap) {
  DeviceMemory memory(0, u64(1) << 30);
  LoadedModule module(kHead + R"(
.extern .func (.param .b64 r) malloc (.param .b64 n);
.extern .func free (.param .b64 p);
.visible .entry k(.param .u64 o)
{ .reg .b64 %a, %h; .reg .b32 %t, %x; .reg .pred %p; .param .b64 n; .param .b64 r;
  ld.param.u64 %a, [o]; mov.u32 %t, %tid.x;
  st.param.b64 [n], 64; call (r), malloc, (n); ld.param.b64 %h, [r];
  setp.eq.u64 %p, %h, 0; @%p bra NONE;
  st.u32 [%h+60], %t; ld.u32 %x, [%h+60]; red.global.add.u32 [%a], %x;
  st.param.b64 [n], %h; call free, (n);
  ret;
NONE:
  red.global.add.u32 [%a+4], 1; ret; }
.visible .entry twice(.param .u64 o)
{ .reg .b64 %h; .param .b64 n; .param .b64 r;
  st.param.b64 [n], 64; call (r), malloc, (n); ld.param.b64 %h, [r];
  st.param.b64 [n], %h; call free, (n); call free, (n); ret; }
)",
                      memory);
  size_t before = memory.count();
  u32 words[4];
  LaunchResult r = runOn(module, memory, "k", 64, words);
  EXPECT_EQ(r.status, LaunchStatus::Ok) << r.message;
  EXPECT_EQ(words[0], 64u * 63 / 2);
  EXPECT_EQ(words[1], 0u);
  EXPECT_EQ(memory.count(), before);
  // 32 threads hold a piece at once: there is room for 3 of them.
  memory.setHeapLimit(3 * 64);
  r = runOn(module, memory, "k", 32, words);
  EXPECT_EQ(r.status, LaunchStatus::Ok) << r.message;
  EXPECT_EQ(words[0], 0u + 1 + 2);
  EXPECT_EQ(words[1], 29u);
  EXPECT_EQ(runOn(module, memory, "twice", 1, words).status,
            LaunchStatus::IllegalAddress);
}

TEST(Emulator, assertions_have_a_status_of_their_own) {
  DeviceMemory memory(0, u64(1) << 30);
  LoadedModule module(kHead + R"(
.extern .func __assertfail (.param .b64 m, .param .b64 f, .param .b32 l, .param .b64 n, .param .b64 c);
.global .align 1 .b8 what[7] = {110, 32, 62, 32, 48, 0};
.global .align 1 .b8 file[5] = {97, 46, 99, 117, 0};
.visible .entry k(.param .u64 o)
{ .reg .b64 %a; .param .b64 m; .param .b64 f; .param .b32 l; .param .b64 n; .param .b64 c;
  mov.u64 %a, what; st.param.b64 [m], %a; mov.u64 %a, file; st.param.b64 [f], %a;
  st.param.b32 [l], 17; st.param.b64 [n], 0; st.param.b64 [c], 1;
  call __assertfail, (m, f, l, n, c); ret; }
)",
                      memory);
  u32 words[4];
  LaunchResult r = runOn(module, memory, "k", 1, words);
  EXPECT_EQ(r.status, LaunchStatus::Assert);
  EXPECT_NE(r.message.find("'n > 0'"), std::string::npos) << r.message;
  EXPECT_NE(r.message.find("a.cu:17"), std::string::npos) << r.message;
}

TEST(Emulator, a_barrier_that_cannot_fill_says_how_many_it_waits_for) {
  DeviceMemory memory(0, u64(1) << 30);
  LoadedModule module(kHead + R"(
.visible .entry k(.param .u64 o)
{ .reg .b32 %t; .reg .pred %p; mov.u32 %t, %tid.x; setp.lt.u32 %p, %t, 32;
  @%p bar.sync 0; @!%p bar.sync 1; ret; }
)",
                      memory);
  u32 words[4];
  LaunchResult r = runOn(module, memory, "k", 64, words);
  EXPECT_EQ(r.status, LaunchStatus::Deadlock);
  EXPECT_NE(r.message.find("barrier 0: 32 of 64 threads arrived"),
            std::string::npos)
      << r.message;
}
