//===- Compile.h - from a graph to a container ----------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_DRIVER_COMPILE_H
#define HAMLET_CODEGEN_DRIVER_COMPILE_H

#include "codegen/driver/KernelCache.h"
#include "codegen/tile/Emit.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Support/Timing.h"
#include "llvm/Support/raw_ostream.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace hamlet {

enum class Stage { graph, fused, tile, llvm, assembly, ptx, program };
/// Their names for users, separated by `separator`.
std::string stageNames(llvm::StringRef separator);
std::optional<Stage> parseStage(llvm::StringRef text);

struct CompileOptions {
  /// "cpu" (each level of CPU), a level (cpu::targetName), or a GPU's name;
  /// each is known.
  std::vector<std::string> targets{"cpu"};
  int64_t chunk = 64;      ///< tokens, of lightning ops that have none
  bool chunkGiven = false; ///< ops that have another one are an error
  /// Folders of target descriptions beside the built-in ones, and a file of
  /// schedules (codegen/schedule/Schedule.h); empty: none.
  std::vector<std::string> targetFolders;
  std::string scheduleFile;
  std::string dumpFolder; ///< each stage's text is written here; empty: none
  /// Of compiled kernels, and the most bytes that are kept; empty: none.
  std::string cacheFolder;
  uint64_t cacheBytes = kDefaultCacheBytes;
  bool withCode = true;                ///< else the program has no images
  mlir::TimingScope *timing = nullptr; ///< measures passes; null: nothing does
  /// Told of compiled kernels: how many are done, and of how many.
  std::function<void(size_t, size_t)> progress;
  std::optional<Stage>
      printStage; ///< its text goes to `printed` and nothing more is done
  /// The kernel, or variant of one, that is printed from `tile` on; empty: all.
  std::string kernel;
};

/// What one compilation counted, for the user to see.
struct CompileSummary {
  size_t graphOps = 0, launches = 0, kernels = 0, variants = 0;
  EmitTimes times; ///< of all threads together
  size_t cacheHits = 0, cacheMisses = 0;
  std::optional<int64_t> chunk;   ///< of the lightning ops, if there are any
  std::vector<std::string> notes; ///< e.g. that ptxas was not found
};

/// Compiles `graph` (changed in place) to a program with its images, which
/// lacks provenance. Null with `printStage`. Failures are MLIR diagnostics.
mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>>
compileGraph(mlir::ModuleOp graph, const CompileOptions &options,
             llvm::raw_ostream &printed, CompileSummary &summary);

} // namespace hamlet

#endif
