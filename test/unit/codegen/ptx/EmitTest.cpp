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
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/Process.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace hamlet::ptx;
using namespace hamlet::schedule;

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
  Emitted emit(OwningOpRef<ModuleOp> module,
               const GpuTarget &gpu = builtinGpu("sm_80")) {
    Emitted result;
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &d) {
      result.diagnostics += d.str() + "\n";
      return success();
    });
    if (!module)
      return result;
    FailureOr<std::string> ptx = emitPtx(*module, gpu, result.infos);
    if (succeeded(ptx))
      result.ptx = *ptx;
    return result;
  }
  Emitted emitText(llvm::StringRef text,
                   const GpuTarget &gpu = builtinGpu("sm_80")) {
    return emit(parseSourceString<ModuleOp>(text, &context), gpu);
  }
  Emitted emitFile(llvm::StringRef name,
                   const GpuTarget &gpu = builtinGpu("sm_80")) {
    return emit(parseSourceFile<ModuleOp>(std::string(HAMLET_KERNELS) + "/" +
                                              name.str() + ".mlir",
                                          &context),
                gpu);
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
  const Targets targets = llvm::cantFail(Targets::load());
  const bool all = llvm::sys::Process::GetEnv("HAMLET_TEST_ALL").has_value();
  for (const std::string &target : targets.gpuNames())
    for (StringRef name : kExamples) {
      // Of those that take the most registers, and of those with mma.sync.
      bool much = name == "lightning" || name == "linear";
      if (target != "sm_80" && !much && !all)
        continue;
      Emitted e = emitFile(name, builtinGpu(target));
      ASSERT_TRUE(e.ptx) << target << " " << name.str() << ": "
                         << e.diagnostics;
      std::string messages;
      auto cubin =
          assembleCubin(*e.ptx, builtinGpu(target).architecture, messages);
      ASSERT_TRUE(cubin) << target << " " << name.str() << ": " << messages;
      EXPECT_GT(cubin->bytes.size(), 1000u);
      for (const PtxKernel &info : e.infos)
        EXPECT_GT(cubin->registers.lookup(info.symbol), 0) << info.symbol;
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

// LLVM aborts on such versions and warns of such architectures.
TEST_F(Emit, gpus_that_llvm_cannot_write_code_for) {
  const std::string llvm = "LLVM " LLVM_VERSION_STRING;
  for (auto [architecture, version, expected] :
       {std::tuple("sm_125", 90, "architecture: " + llvm + " has no 'sm_125'"),
        {"sm_120a", 86,
         "ptx_version: " + llvm + " writes code for sm_120a in versions 8.7 "},
        {"sm_80", 999,
         "ptx_version: " + llvm + " writes code for sm_80 in versions 7.0 "}}) {
    GpuTarget gpu = builtinGpu("sm_120a");
    gpu.name = "mine";
    gpu.architecture = architecture;
    gpu.ptxVersion = version;
    Emitted e = emitText("module {}", gpu);
    EXPECT_FALSE(e.ptx);
    EXPECT_NE(e.diagnostics.find(expected), std::string::npos) << e.diagnostics;
    EXPECT_NE(e.diagnostics.find("target 'mine'"), std::string::npos);
  }
}

// Version, architecture and limits are the description's.
TEST_F(Emit, the_description_decides) {
  GpuTarget gpu = builtinGpu("sm_80");
  gpu.name = "mine";
  gpu.architecture = "sm_87";
  gpu.ptxVersion = 83;
  Emitted e = emitFile("attention", gpu);
  ASSERT_TRUE(e.ptx) << e.diagnostics;
  EXPECT_NE(e.ptx->find(".version 8.3\n.target sm_87\n"), std::string::npos);
  int64_t most = 0;
  for (const PtxKernel &info : e.infos)
    most = std::max(most, info.sharedBytes);
  gpu.sharedBytesPerBlock = most - 1;
  e = emitFile("attention", gpu);
  ASSERT_TRUE(e.ptx) << e.diagnostics;
  for (const PtxKernel &info : e.infos)
    EXPECT_LT(info.sharedBytes, most);
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
