//===- ExpandMathTest.cpp - accuracy of the expanded functions ------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compiles the expanded arithmetic for this machine and compares it with libm
// in double precision.
//
//===----------------------------------------------------------------------===//

#include "codegen/tile/ExpandMath.h"
#include "dialects/Tile/TileDialect.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVMPass.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/TargetSelect.h"

#include <bit>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace mlir;

namespace {

using Function = float (*)(float);
constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

/// One function of each kind, expanded and compiled once.
struct Compiled {
  std::unique_ptr<llvm::orc::LLJIT> jit;

  Compiled() {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    DialectRegistry registry;
    registry.insert<arith::ArithDialect, func::FuncDialect, math::MathDialect,
                    LLVM::LLVMDialect, hamlet::tile::TileDialect>();
    registerBuiltinDialectTranslation(registry);
    registerLLVMDialectTranslation(registry);
    MLIRContext context(registry);
    std::string text;
    for (const char *name : {"exp", "exp2", "log", "cos", "sin", "rsqrt"})
      text += std::string("func.func @t_") + name +
              "(%x: f32) -> f32 {\n  %y = math." + name +
              " %x : f32\n  return %y : f32\n}\n";
    text += "func.func @t_exp2_nonpositive(%x: f32) -> f32 {\n"
            "  %y = math.exp2 %x {tile.nonpositive} : f32\n"
            "  return %y : f32\n}\n";
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
    hamlet::tile::expandMath(*module);
    PassManager pm(&context);
    pm.addPass(createConvertMathToLLVMPass());
    pm.addPass(createArithToLLVMConversionPass());
    pm.addPass(createConvertFuncToLLVMPass());
    EXPECT_TRUE(succeeded(pm.run(*module)));
    auto llvmContext = std::make_unique<llvm::LLVMContext>();
    std::unique_ptr<llvm::Module> translated =
        translateModuleToLLVMIR(*module, *llvmContext);
    auto target =
        llvm::cantFail(llvm::orc::JITTargetMachineBuilder::detectHost());
    jit = llvm::cantFail(llvm::orc::LLJITBuilder()
                             .setJITTargetMachineBuilder(std::move(target))
                             .create());
    llvm::cantFail(jit->addIRModule(llvm::orc::ThreadSafeModule(
        std::move(translated), std::move(llvmContext))));
  }
  Function get(const char *name) {
    return llvm::cantFail(jit->lookup(name)).toPtr<Function>();
  }
};

Function function(const char *name) {
  static Compiled compiled;
  return compiled.get(name);
}

/// Distance of `got` from the real number `want` in units of the last place
/// of an f32 of want's size.
double ulps(float got, double want) {
  if (std::isnan(got) || std::isnan(want))
    return std::isnan(got) == std::isnan(want) ? 0 : kInf;
  float rounded = static_cast<float>(want);
  if (std::isinf(rounded) || std::isinf(got))
    return got == rounded ? 0 : kInf;
  int exponent;
  std::frexp(want, &exponent);
  double ulp = std::ldexp(1.0, std::max(exponent, -125) - 24);
  return std::abs(static_cast<double>(got) - want) / ulp;
}

/// The largest error over every `step`th f32 with low <= |x| <= high.
double worst(Function f, double (*reference)(double), float low, float high,
             bool negative, uint32_t step = 97) {
  double most = 0;
  for (uint32_t bits = std::bit_cast<uint32_t>(low);
       bits <= std::bit_cast<uint32_t>(high); bits += step) {
    float x = std::bit_cast<float>(bits);
    for (float at : {x, negative ? -x : x})
      most = std::max(most, ulps(f(at), reference(at)));
  }
  return most;
}

double inverseRoot(double x) { return 1 / std::sqrt(x); }

} // namespace

TEST(ExpandMath, exp_is_within_one_ulp) {
  EXPECT_LE(worst(function("t_exp"), std::exp, 1e-9f, 104.0f, true), 1.0);
}

TEST(ExpandMath, exp_at_the_ends) {
  Function f = function("t_exp");
  EXPECT_EQ(f(0.0f), 1.0f);
  EXPECT_EQ(f(-0.0f), 1.0f);
  EXPECT_EQ(f(-kInf), 0.0f);
  EXPECT_EQ(f(kInf), kInf);
  EXPECT_EQ(f(-1e30f), 0.0f);
  EXPECT_EQ(f(1e30f), kInf);
  EXPECT_EQ(f(88.73f), kInf);
  EXPECT_TRUE(std::isnan(f(kNaN)));
  // Denormal results, the least one among them: exp(-103) = 1.35 * 2^-149.
  EXPECT_EQ(f(-103.0f), std::numeric_limits<float>::denorm_min());
  EXPECT_NEAR(f(-90.0f), std::exp(-90.0), 1e-45);
}

TEST(ExpandMath, exp2_is_within_one_ulp) {
  EXPECT_LE(worst(function("t_exp2"), std::exp2, 1e-9f, 150.0f, true), 1.0);
}

TEST(ExpandMath, exp2_at_the_ends) {
  Function f = function("t_exp2");
  for (int n = -149; n < 128; ++n)
    EXPECT_EQ(f(static_cast<float>(n)), std::ldexp(1.0f, n)) << n;
  EXPECT_EQ(f(-0.0f), 1.0f);
  EXPECT_EQ(f(-kInf), 0.0f);
  EXPECT_EQ(f(-151.0f), 0.0f);
  for (float x : {128.0f, 129.0f, 1e30f, kInf})
    EXPECT_EQ(f(x), kInf) << x;
  EXPECT_TRUE(std::isnan(f(kNaN)));
  EXPECT_TRUE(std::isnan(f(-kNaN)));
}

TEST(ExpandMath, exp2_of_nonpositive_is_within_one_ulp_and_then_zero) {
  Function f = function("t_exp2_nonpositive");
  double most = 0;
  uint32_t end = std::bit_cast<uint32_t>(-126.5f);
  for (uint32_t bits = std::bit_cast<uint32_t>(-0.0f); bits < end; bits += 97) {
    float x = std::bit_cast<float>(bits);
    most = std::max(most, ulps(f(x), std::exp2(static_cast<double>(x))));
  }
  EXPECT_LE(most, 1.0);
  EXPECT_GT(f(std::nextafter(-126.5f, 0.0f)), 0.0f);
  for (uint32_t bits = end; bits <= std::bit_cast<uint32_t>(-kInf); bits += 97)
    ASSERT_EQ(std::bit_cast<uint32_t>(f(std::bit_cast<float>(bits))), 0u)
        << std::bit_cast<float>(bits);
  EXPECT_EQ(f(0.0f), 1.0f);
  EXPECT_EQ(f(-kInf), 0.0f);
  EXPECT_TRUE(std::isnan(f(kNaN)));
  EXPECT_TRUE(std::isnan(f(std::bit_cast<float>(0xffc12345u))));
}

TEST(ExpandMath, cos_and_sin_are_within_one_ulp) {
  EXPECT_LE(worst(function("t_cos"), std::cos, 1e-9f, 1.1e9f, true), 1.0);
  EXPECT_LE(worst(function("t_sin"), std::sin, 1e-9f, 1.1e9f, true), 1.0);
  // Angles of long contexts: whole numbers.
  double most = 0;
  for (int i = 0; i < 10000000; i += 7)
    most = std::max({most, ulps(function("t_cos")(i), std::cos(double(i))),
                     ulps(function("t_sin")(i), std::sin(double(i)))});
  EXPECT_LE(most, 1.0);
}

TEST(ExpandMath, cos_and_sin_at_the_ends) {
  EXPECT_EQ(function("t_cos")(0.0f), 1.0f);
  EXPECT_EQ(function("t_sin")(0.0f), 0.0f);
  for (float x : {kInf, -kInf, kNaN, 1e30f, -1e30f}) {
    EXPECT_TRUE(std::isnan(function("t_cos")(x)));
    EXPECT_TRUE(std::isnan(function("t_sin")(x)));
  }
}

TEST(ExpandMath, log_is_within_one_ulp) {
  float least = std::numeric_limits<float>::denorm_min();
  float most = std::numeric_limits<float>::max();
  EXPECT_LE(worst(function("t_log"), std::log, least, most, false, 509), 1.0);
  EXPECT_LE(worst(function("t_log"), std::log, 0.99f, 1.01f, false, 1), 1.0);
  Function f = function("t_log");
  EXPECT_EQ(f(1.0f), 0.0f);
  EXPECT_EQ(f(0.0f), -kInf);
  EXPECT_EQ(f(-0.0f), -kInf);
  EXPECT_EQ(f(kInf), kInf);
  EXPECT_TRUE(std::isnan(f(-1.0f)));
  EXPECT_TRUE(std::isnan(f(-kInf)));
  EXPECT_TRUE(std::isnan(f(kNaN)));
}

TEST(ExpandMath, rsqrt_rounds_twice) {
  float most = std::numeric_limits<float>::max();
  EXPECT_LE(worst(function("t_rsqrt"), inverseRoot, 1e-38f, most, false, 509),
            1.5);
}
