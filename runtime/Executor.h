//===- Executor.h ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_RUNTIME_EXECUTOR_H
#define HAMLET_RUNTIME_EXECUTOR_H

#include "runtime/CacheManager.h"
#include "runtime/Program.h"
#include "runtime/Weights.h"

#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace hamlet::runtime {

/// A container on a device, with its weights. Shared by executors that take
/// turns; not thread-safe.
struct LoadedModel {
  std::unique_ptr<hmlt::ContainerT> file;
  std::unique_ptr<ThreadPool> pool;
  std::unique_ptr<Device> device; // after the pool, which it uses
  WeightStore weights;
};

/// Reads the container at `path`, opens the device and makes its kernels
/// ready. `threads` as in `threadCount`. Weights are loaded apart.
Result<std::unique_ptr<LoadedModel>>
loadModel(const std::string &path, const std::string &device, unsigned threads);

/// Whether the container was compiled from a model: it has a `step` that yields
/// logits. Others have functions for `callFunction`.
bool hasModel(const hmlt::ContainerT &file);

/// Which tokens of a piece get a row of logits.
enum class OutputRows { none, last, all };

/// One sequence's part of a step: its next tokens, at least one.
struct Piece {
  int sequence = 0;
  std::span<const int32_t> tokens;
  OutputRows rows = OutputRows::last;
};

struct ExecutorLimits {
  int sequences = 16;       ///< Open at once.
  int64_t context = 4096;   ///< Tokens of one sequence.
  int64_t pages = 0;        ///< Of all sequences; 0: sequences * context.
  int64_t stepTokens = 512; ///< Tokens of one step for which memory is taken
                            ///< at once; more still work.
  bool allRows = false;     ///< Take memory for logits of every token.
};

/// Runs `step` over ragged batches. The model must outlive it. Not thread-safe.
class Executor {
public:
  static Result<std::unique_ptr<Executor>> make(LoadedModel &model,
                                                const ExecutorLimits &limits);

  /// A new empty sequence.
  Result<int> open() { return caches.open(); }
  void close(int sequence) { caches.close(sequence); }
  /// A second sequence with the tokens of an open one: what follows has the
  /// bits that it would have after these tokens in a sequence of its own.
  Result<int> fork(int sequence);
  /// Cuts an open sequence to its first `length` tokens, where that is possible
  /// (CacheManager::truncate).
  Status truncate(int sequence, int64_t length);
  int64_t leastLength(int sequence) const {
    return caches.leastLength(sequence);
  }
  bool isOpen(int sequence) const { return caches.isOpen(sequence); }
  int64_t length(int sequence) const { return caches.length(sequence); }

  /// Feeds the pieces (each sequence once) through the model. Rows of logits
  /// stand in the order of the pieces. Checks sequences, ids and lengths before
  /// anything runs; after a failure of the device the sequences are unusable.
  Status step(std::span<const Piece> pieces);
  int64_t outputRows() const { return rowsOfLogits; }
  /// Copies `rows` rows of [vocabulary] f32 from row `first` of the last step.
  Status copyLogits(int64_t first, int64_t rows, float *out);
  /// All rows of the last step, until the next one; null if there are none or
  /// the host does not reach them.
  const float *viewLogits() const;

  int64_t vocabulary() const { return model.file->model->vocab; }
  const ExecutorLimits &bounds() const { return limits; }
  /// Steps with a piece of two tokens or more, and the others.
  StepCounts prefillCounts, decodeCounts;
  /// Bytes of arena, inputs, weights and touched caches.
  uint64_t deviceBytes() const;
  /// If set, every launch is waited for and timed.
  Profile *profile = nullptr;

private:
  Executor(LoadedModel &model, const hmlt::FunctionT &function,
           const ExecutorLimits &limits, CacheManager caches)
      : model(model), limits(limits), caches(std::move(caches)),
        program(*model.file, function, *model.device) {}

  Status check(std::span<const Piece> pieces);
  /// Takes the memory that steps within `largest` need for their inputs.
  Status reserveInputs(const Quantities &largest);
  Status growInputMemory(uint64_t bytes);
  Status uploadInputs(std::span<const Piece> pieces);

  LoadedModel &model;
  ExecutorLimits limits;
  CacheManager caches;
  Program program;
  Quantities quantities; // of the last step
  DeviceMemory inputMemory;
  std::vector<int32_t> staged;      // all step inputs, one after another
  std::vector<uint8_t> seen;        // sequences of the step
  std::vector<size_t> blockOffsets; // in `staged`, as inputs.queryBlocks
  StepInputs inputs;
  int64_t rowsOfLogits = 0;
};

} // namespace hamlet::runtime

#endif // HAMLET_RUNTIME_EXECUTOR_H
