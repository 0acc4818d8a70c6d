//===- SanitizerTest.cpp --------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Races on parts of a word: two threads share 32 bits, 16 each.
#include "emulator/exec/Launch.h"
#include "emulator/module/Module.h"

#include <cstring>

#include <gtest/gtest.h>

using namespace hamlet::emu;

namespace {
/// What the sanitizer says of two warps that run `body`. Thread t of 64 has
/// %r1 = t, %d1 = buffer + 2t (its own half word), %d2 = buffer + (2t + 64) %
/// 128 (that of the other warp's lane) and %p1 set in the second warp.
std::vector<Finding> findingsOf(const std::string &body) {
  std::string text = R"(.version 8.0
.target sm_80
.address_size 64
.visible .entry k(.param .u64 buffer) {
    .reg .pred %p<2>; .reg .b16 %h<4>; .reg .b32 %r<4>; .reg .b64 %d<5>;
    ld.param.u64 %d1, [buffer]; mov.u32 %r1, %tid.x;
    mul.wide.u32 %d3, %r1, 2; add.s64 %d2, %d3, 64; and.b64 %d2, %d2, 127;
    add.s64 %d2, %d2, %d1; add.s64 %d1, %d1, %d3; setp.ge.u32 %p1, %r1, 32;
    cvt.u16.u32 %h1, %r1;
    )" + body + "\n ret; }";
  DeviceMemory memory(0, u64(1) << 30);
  LoadedModule module(text, memory);
  u64 buffer = memory.allocate(256);
  std::memset(memory.host(buffer, 256), 0, 256);
  memory.find(buffer)->markWritten(buffer, 256);
  LaunchConfig config;
  config.block.x = 64;
  config.check = true;
  config.params.resize(8);
  std::memcpy(config.params.data(), &buffer, 8);
  LaunchResult r = launch(module.program("k"), memory, config);
  EXPECT_EQ(r.status, LaunchStatus::Ok) << r.message;
  return r.findings;
}
} // namespace

TEST(Sanitizer, ThreadsOwnHalvesOfWords) {
  EXPECT_TRUE(findingsOf("ld.global.u16 %h2, [%d1]; add.u16 %h2, %h2, %h1;"
                         "st.global.u16 [%d1], %h2;")
                  .empty());
}

TEST(Sanitizer, WritingAHalfThatAnotherWarpReadIsARace) {
  auto found = findingsOf("ld.global.u16 %h2, [%d1];"
                          "@%p1 st.global.u16 [%d2], %h1;"
                          "@!%p1 st.global.u16 [%d1+128], %h2;");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].kind, "race");
}

TEST(Sanitizer, ARacingLoadWithoutEffectIsNone) {
  EXPECT_TRUE(findingsOf("ld.global.u16 %h2, [%d1];"
                         "@%p1 st.global.u16 [%d2], %h1;")
                  .empty());
}

TEST(Sanitizer, AWriteOfOneHalfDoesNotHideTheOther) {
  // Lanes 2k and 2k + 1 write halves of one word in one instruction; the other
  // warp then writes the first half.
  auto found = findingsOf("and.b32 %r2, %r1, 1; setp.eq.and.u32 %p0, %r2, 0, "
                          "%p1; @!%p1 st.global.u16 [%d1], %h1;"
                          "@%p0 st.global.u16 [%d2], %h1;");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].kind, "race");
}

TEST(Sanitizer, ABarrierOrdersHalves) {
  EXPECT_TRUE(findingsOf("ld.global.u16 %h2, [%d1]; bar.sync 0;"
                         "st.global.u16 [%d2], %h1;")
                  .empty());
}
