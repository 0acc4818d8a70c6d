//===- EmitTest.cpp - what the emitter promises about its PTX -------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/ptx/Emit.h"

#include "dialects/Tile/TileDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/Process.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace hamlet::ptx;

namespace {

struct Emitted {
  std::optional<std::string> ptx;
  std::vector<PtxKernel> infos;
  std::string diagnostics;
};

class Emit : public testing::Test {
protected:
  Emit() {
    context.loadDialect<arith::ArithDialect, func::FuncDialect,
                        math::MathDialect, scf::SCFDialect,
                        tensor::TensorDialect, hamlet::tile::TileDialect>();
  }
  Emitted emit(OwningOpRef<ModuleOp> module, llvm::StringRef arch = "sm_80") {
    Emitted result;
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &d) {
      result.diagnostics += d.str() + "\n";
      return success();
    });
    if (!module)
      return result;
    FailureOr<std::string> ptx = emitPtx(*module, arch, result.infos);
    if (succeeded(ptx))
      result.ptx = *ptx;
    return result;
  }
  Emitted emitText(llvm::StringRef text, llvm::StringRef arch = "sm_80") {
    return emit(parseSourceString<ModuleOp>(text, &context), arch);
  }
  Emitted emitFile(llvm::StringRef name) {
    return emit(parseSourceFile<ModuleOp>(
        std::string(HAMLET_KERNELS) + "/" + name.str() + ".mlir", &context));
  }
  MLIRContext context;
};

constexpr const char *kExamples[] = {"linear", "norm", "route", "attention",
                                     "lightning"};

size_t count(const std::string &text, llvm::StringRef what) {
  return llvm::StringRef(text).count(what);
}

} // namespace

TEST_F(Emit, examples_assemble_without_spills) {
  if (!findPtxas())
    GTEST_SKIP() << "ptxas is neither on PATH nor in /usr/local/cuda/bin";
  for (const char *name : kExamples) {
    Emitted e = emitFile(name);
    ASSERT_TRUE(e.ptx) << name << ": " << e.diagnostics;
    std::string messages;
    auto cubin = assembleCubin(*e.ptx, "sm_80", messages);
    ASSERT_TRUE(cubin) << name << ": " << messages;
    EXPECT_GT(cubin->size(), 1000u);
  }
}

TEST_F(Emit, broken_ptx_is_reported) {
  std::string messages;
  EXPECT_FALSE(assembleCubin("no ptx", "sm_80", messages));
  EXPECT_NE(messages, "");
}

TEST_F(Emit, an_entry_for_each_kernel) {
  Emitted e = emitFile("linear");
  ASSERT_EQ(e.infos.size(), 2u);
  for (const PtxKernel &info : e.infos) {
    EXPECT_EQ(count(*e.ptx, ".visible .entry " + info.symbol + "("), 1u);
    EXPECT_EQ(info.blockThreads, 128);
    EXPECT_EQ(info.scratchBytesPerBlock, 0);
    EXPECT_GT(info.sharedBytes, 0);
    EXPECT_LE(info.sharedBytes, 163 * 1024);
  }
  EXPECT_EQ(count(*e.ptx, ".reqntid 128"), 2u);
}

TEST_F(Emit, same_text_twice) {
  for (const char *name : kExamples)
    EXPECT_EQ(emitFile(name).ptx, emitFile(name).ptx) << name;
}

TEST_F(Emit, unknown_arch) {
  Emitted e = emitText("module {}", "sm_35");
  EXPECT_FALSE(e.ptx);
  EXPECT_NE(e.diagnostics.find("sm_100a, sm_120, got 'sm_35'"),
            std::string::npos);
}

TEST_F(Emit, foreign_ops_are_named) {
  Emitted e = emitText(R"(
func.func private @f(index) -> index
func.func @k(%x: index) attributes {tile.kernel} {
  %y = func.call @f(%x) : (index) -> index
  return
})");
  EXPECT_FALSE(e.ptx);
  EXPECT_NE(e.diagnostics.find("'func.call' op cannot be lowered to PTX"),
            std::string::npos)
      << e.diagnostics;
}

// 256 x 256 f32 sums are 256 KiB, more than a block of sm_80 shares.
TEST_F(Emit, tiles_that_do_not_fit_go_to_scratch) {
  Emitted e = emitText(R"(
func.func @k(%p: !tile.ptr<f32>) attributes {tile.kernel} {
  %c0 = arith.constant 0 : index
  %v = tile.view %p[%c0] sizes [256, 256] strides [256, 1] : !tile.ptr<f32> -> !tile.desc<256x256xf32>
  %a = tile.load %v[%c0, %c0] : !tile.desc<256x256xf32> -> tensor<256x256xf32>
  %z = arith.constant dense<0.0> : tensor<256x256xf32>
  %d = tile.dot #tile.numerics<operands = f32, accumulate = f32, group = 1> %a, %a, %z : tensor<256x256xf32>, tensor<256x256xf32> -> tensor<256x256xf32>
  tile.store %d, %v[%c0, %c0] : tensor<256x256xf32>, !tile.desc<256x256xf32>
  return
})");
  ASSERT_TRUE(e.ptx) << e.diagnostics;
  EXPECT_EQ(e.infos[0].scratchBytesPerBlock, 256 * 256 * 4);
  EXPECT_NE(e.diagnostics.find("lies in global scratch"), std::string::npos);
}
