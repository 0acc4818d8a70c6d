//===- Emit.h - tile kernels as x86 machine code ----------------*- C++ -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_CPU_EMIT_H
#define HAMLET_CODEGEN_CPU_EMIT_H

#include "codegen/tile/Emit.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

#include <memory>
#include <string>
#include <vector>

namespace hamlet::cpu {

/// Micro-architecture levels: x86-64-v3 (AVX2, FMA, F16C), x86-64-v4 (AVX-512),
/// and v4 with avx512bf16. Kernels under f32 numerics give the same bits at
/// every level; under bf16 numerics the third flushes denormals in dots.
enum class Level { v3, v4, v4bf16 };
inline constexpr Level kLevels[] = {Level::v3, Level::v4, Level::v4bf16};

/// "v3", "v4" or "v4bf16".
llvm::StringRef stringify(Level level);
std::optional<Level> parseLevel(llvm::StringRef text);
/// The level's target description, and image: "x86-64-v3", "x86-64-v4" or
/// "x86-64-v4-bf16".
llvm::StringRef targetName(Level level);
std::optional<Level> parseTargetName(llvm::StringRef text);

/// One kernel of a shared object. It is called once for each program instance:
///
///   void symbol(const uint64_t *args, int64_t p0, int64_t p1, int64_t p2,
///               char *scratch);
///
/// `args` has one element for each argument of the tile kernel, in order: the
/// address (`!tile.ptr`), the value (`index`), or the bits of an f32 in the low
/// 32. p0 to p2 are the instance's place in the grid. `scratch` is
/// `scratchBytes` bytes, aligned to 64, of the calling thread's own; their
/// contents are of no matter before and after.
struct CpuKernel {
  std::string symbol;
  int64_t scratchBytes;
};

/// One kernel as an ELF object, or as assembly.
struct CpuObject {
  int64_t scratchBytes = 0;
  std::vector<char> bytes;
};

/// Whether `kernel` has code of its own at v4bf16; the others' is that of v4.
bool usesPairs(mlir::func::FuncOp kernel);

/// Compiles kernels, given as the text of modules of one kernel each, in a
/// context of its own: every thread has one.
class CpuCompiler {
public:
  CpuCompiler();
  ~CpuCompiler();
  /// Diagnostics are added to `complaints`. The same text gives the same bytes.
  /// With `assembly` they are text for people.
  mlir::FailureOr<CpuObject> compile(llvm::StringRef text, Level level,
                                     std::string &complaints,
                                     bool assembly = false);
  EmitTimes times;

private:
  std::unique_ptr<mlir::MLIRContext> context;
};

/// One ELF shared object without undefined symbols. lld resets the options of
/// LLVM in the whole process: nothing else of LLVM may run meanwhile.
mlir::FailureOr<std::vector<char>>
linkKernels(mlir::ModuleOp at,
            llvm::ArrayRef<const std::vector<char> *> objects);

/// Compiles every kernel (`func.func` with `tile.kernel`) of `kernels` for
/// `level` into one ELF shared object without undefined symbols, and lists them
/// in `infos` in the module's order. `kernels` is not changed. What is not
/// supported is reported at the op.
mlir::FailureOr<std::vector<char>>
emitSharedObject(mlir::ModuleOp kernels, Level level,
                 std::vector<CpuKernel> &infos);

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "codegen/cpu/Passes.h.inc"

/// Appends `tile-to-cpu` and the upstream conversions to the LLVM dialect.
void buildTileToCpuPipeline(mlir::OpPassManager &passes, Level level);

/// Makes `tile-to-cpu` and the pipeline `tile-to-cpu-llvm` known to hamlet-opt.
void registerCpuPasses();

} // namespace hamlet::cpu

#endif
