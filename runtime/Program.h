//===- Program.h ----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_RUNTIME_PROGRAM_H
#define HAMLET_RUNTIME_PROGRAM_H

#include "runtime/Device.h"
#include "runtime/Work.h"

#include <array>
#include <chrono>
#include <span>
#include <vector>

namespace hamlet::runtime {

/// What is known once a step (or a call) is prepared: the values of the
/// container's symbols.
struct Quantities {
  int64_t tokens = 0;
  int64_t sequences = 0;
  int64_t decodeSequences = 0;
  int64_t outputRows = 0;
  int64_t maxPages = 0;
  std::vector<int64_t> prefillLengths; ///< Tokens of each prefill piece.
  std::vector<int64_t> extents;        ///< Of a call's dynamic dimensions.

  /// Everything 0 again; memory is kept.
  void clear();
  int64_t longestPrefill() const;
  /// Blocks of `rows` tokens that the prefill pieces divide into.
  int64_t queryBlocks(int64_t rows) const;
};

/// ceil(symbol * mul / divisor) + add, at least 0; absurdly large values
/// saturate, so that the allocation they are for fails.
/// `sizes`: of the launch, for expressions of kernels.
int64_t evaluate(const hmlt::Expr &expr, const Quantities &quantities,
                 int64_t rows, std::span<const int64_t> sizes = {});
/// An extent that follows from those before it in `quantities.extents`; sums
/// and products saturate likewise.
int64_t evaluate(const hmlt::DerivedExtentT &derived,
                 const Quantities &quantities);

/// The variant that runs for `metric` rows: the smallest with enough, else the
/// largest.
size_t pickVariant(const hmlt::RealizationT &realization, int64_t metric);

/// Where the inputs of a step lie in device memory.
struct StepInputs {
  std::array<DeviceAddress, static_cast<size_t>(hmlt::StepInput::MAX) + 1>
      addresses = {};
  /// The query block lists by the rows of a block.
  struct QueryBlocks {
    int64_t rows;
    DeviceAddress address;
  };
  std::vector<QueryBlocks> queryBlocks;
};

/// Addresses that a function's arguments refer to, by index in the container
/// or function.
struct Bindings {
  /// A weight once for each layout that its kernels take; 0: in none.
  std::span<const WeightAddresses> weights;
  /// An operand given by value is the bits of its f32.
  std::span<const DeviceAddress> constants, caches, states, operands, results;
  const StepInputs *inputs = nullptr;
};

/// What the steps of a kind launched.
struct StepCounts {
  int64_t steps = 0, launches = 0;
  uint64_t barriers = 0; ///< Device::barriers, of these steps.
  double rows = 0;       ///< Of the product kernels' launches.
  int64_t products = 0;

  double launchesPerStep() const { return perStep(double(launches)); }
  double barriersPerStep() const { return perStep(double(barriers)); }
  double rowsPerProduct() const {
    return products ? rows / double(products) : 0;
  }

private:
  double perStep(double sum) const { return steps ? sum / double(steps) : 0; }
};

/// One launch in a profile; times in microseconds since the profile's start.
struct ProfileEvent {
  int step, kernel, layer;
  int64_t rows; ///< Of the variant.
  double start, duration;
  Work work;
};
struct Profile {
  std::chrono::steady_clock::time_point origin =
      std::chrono::steady_clock::now();
  int steps = 0; ///< Or calls, begun so far.
  std::vector<ProfileEvent> events;
};

/// A function of a container made ready on a device, which has loaded the
/// container: picks variants, evaluates grids and arguments, keeps the arena.
/// Buffers get their places when sizes are known: the largest first, where no
/// other lives at the same time. The container and the device must outlive it.
/// Used by one thread at a time.
class Program {
public:
  Program(const hmlt::ContainerT &file, const hmlt::FunctionT &function,
          Device &device);

  /// Makes the arena large enough for every run within `largest`.
  Status reserve(const Quantities &largest);
  /// Launches the function; grows the arena if `reserve` was too small.
  Status run(const Quantities &quantities, const Bindings &bindings,
             StepCounts *counts = nullptr, Profile *profile = nullptr);
  /// Rows of the query blocks that launches of a run will ask for, each once;
  /// valid until the next call.
  std::span<const int64_t> queryBlockRows(const Quantities &quantities);
  /// At most so many of them, whatever the run.
  size_t mostQueryBlockRows() const { return blockRows.capacity(); }
  /// Valid until the next `reserve` or `run`.
  DeviceAddress buffer(int index) const;
  uint64_t arenaBytes() const { return arena.size(); }
  const hmlt::FunctionT &description() const { return function; }

private:
  /// A launch and what the device's target makes of its kernel.
  struct Step {
    const hmlt::LaunchT *launch;
    const hmlt::KernelT *kernel;
    const hmlt::RealizationT *realization;
    bool usesQueryBlocks = false;
    std::vector<int> zeroed = {}; ///< buffers, before it
  };

  Status checkDevice() const;
  /// Leaves the bytes of each buffer in `wanted`.
  void measure(const Quantities &quantities);
  /// The launch's sizes that do not depend on the variant's rows, in `sizes`.
  int variantOf(const Step &step, const Quantities &quantities);
  void countSizes(const Step &step, const Quantities &quantities, int64_t rows);
  Status runLaunch(const Step &step, const Quantities &quantities,
                   const Bindings &bindings, StepCounts *counts,
                   Profile *profile);
  Status zeroBuffers(const Step &step, const Quantities &quantities);
  Result<uint64_t> argument(const hmlt::ArgT &arg, hmlt::Layout layout,
                            const Bindings &bindings, int64_t rows) const;

  const hmlt::ContainerT &file;
  const hmlt::FunctionT &function;
  Device &device;
  DeviceMemory arena;
  std::vector<Step> steps;
  std::vector<uint64_t> sizesOfBuffers, offsets, wanted; // by buffer
  std::vector<int64_t> sizes;                            // of one launch
  std::vector<uint64_t> words;                           // and its arguments
  std::vector<int64_t> blockRows;
  int streams = 1;
};

} // namespace hamlet::runtime

#endif // HAMLET_RUNTIME_PROGRAM_H
