//===- Emit.h - tile kernels as PTX -----------------------------*- C++ -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_PTX_EMIT_H
#define HAMLET_CODEGEN_PTX_EMIT_H

#include "codegen/schedule/Target.h"
#include "codegen/tile/Emit.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace hamlet::ptx {

/// How to launch one kernel. Grid: the program's, (p0, p1, p2) = ctaid x, y, z.
/// Parameters: one of 64 bits for each argument in order (the address of a
/// `!tile.ptr`; an index; an f32's bits in the low half), then, if
/// `scratchBytesPerBlock` > 0, the address of scratch for the whole grid,
/// scratchBytesPerBlock times the number of blocks, aligned to 16 bytes.
struct PtxKernel {
  std::string symbol;
  int64_t sharedBytes = 0; ///< dynamic shared memory
  int64_t blockThreads = 0;
  int64_t scratchBytesPerBlock = 0;
  int64_t registers = 0; ///< of a thread, by ptxas; 0: it was not there
};

/// Replaces each kernel (func.func with `tile.kernel`) of `module` by an
/// llvm.func of threads, in the arith, math, scf, llvm and nvvm dialects, for
/// `gpu`. Other functions are left alone. An error is reported at the op that
/// cannot be lowered.
mlir::LogicalResult lowerKernels(mlir::ModuleOp module,
                                 const schedule::GpuTarget &gpu,
                                 std::vector<PtxKernel> &infos);

/// Whether this LLVM writes code for `gpu`'s architecture in its version of
/// PTX, and whether kernels fit its blocks. Names target and key.
llvm::Error checkGpu(const schedule::GpuTarget &gpu);

/// The PTX of all kernels of `kernels`, which is left alone, in one module.
/// Fails, with an error, where lowerKernels and checkGpu do, and when a
/// function that no kernel defines would be called.
mlir::FailureOr<std::string> emitPtx(mlir::ModuleOp kernels,
                                     const schedule::GpuTarget &gpu,
                                     std::vector<PtxKernel> &infos);

/// The PTX of kernels, given as the text of modules of one kernel each, in a
/// context of its own: every thread has one.
class PtxCompiler {
public:
  PtxCompiler();
  ~PtxCompiler();
  /// A whole PTX module, for a `gpu` that checkGpu passes. `report` gets the
  /// diagnostics.
  mlir::FailureOr<std::string>
  compile(llvm::StringRef text, const schedule::GpuTarget &gpu, PtxKernel &info,
          llvm::function_ref<void(mlir::Diagnostic &)> report);
  EmitTimes times;

private:
  std::unique_ptr<mlir::MLIRContext> context;
};

/// Modules of one target become one; source files keep their names and get one
/// numbering.
std::string joinPtx(llvm::ArrayRef<llvm::StringRef> modules);

struct Cubin {
  std::vector<char> bytes;
  llvm::StringMap<int64_t> registers; ///< of a thread, by kernel
};

/// Runs ptxas (from PATH or /usr/local/cuda/bin) on `ptx` for the architecture
/// `arch`. Empty if there is none, or if it rejects the PTX or spills
/// registers; `messages` says which.
std::optional<Cubin> assembleCubin(const std::string &ptx, llvm::StringRef arch,
                                   std::string &messages);

/// Whether ptxas is there; its path.
std::optional<std::string> findPtxas();

// `chip` of the passes is a target, `targets` names folders with more of them.
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "codegen/ptx/Passes.h.inc"

} // namespace hamlet::ptx

#endif
