//===- Emit.h - tile kernels as x86 machine code ----------------*- C++ -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_CPU_EMIT_H
#define HAMLET_CODEGEN_CPU_EMIT_H

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

/// "v3", "v4" or "v4bf16".
llvm::StringRef stringify(Level level);
std::optional<Level> parseLevel(llvm::StringRef text);

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

/// Compiles every kernel (`func.func` with `tile.kernel`) of `kernels` for
/// `level` into one ELF shared object without undefined symbols, and lists them
/// in `infos` in the module's order. `kernels` is not changed. Up to `threads`
/// threads work on it. Two calls with the same input give the same bytes.
/// What is not supported is reported at the op. Thread-safe if `kernels` and
/// its context are not changed meanwhile and the context is multithreaded.
mlir::FailureOr<std::vector<char>>
emitSharedObject(mlir::ModuleOp kernels, Level level,
                 std::vector<CpuKernel> &infos, int threads = 1);

/// The pass `tile-to-cpu{level=v3}`: replaces each kernel of a module by a
/// function of the signature above over scf, arith, vector and pointers, with
/// the attribute `hamlet.scratch` (bytes).
std::unique_ptr<mlir::Pass> createTileToCpuPass(Level level = Level::v3);

/// Appends `tile-to-cpu` and the upstream conversions to the LLVM dialect.
void buildTileToCpuPipeline(mlir::OpPassManager &passes, Level level);

/// Makes `tile-to-cpu` and the pipeline `tile-to-cpu-llvm` known to hamlet-opt.
void registerCpuPasses();

} // namespace hamlet::cpu

#endif
