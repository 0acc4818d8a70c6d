//===- Program.cpp --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Program.h"

#include "container/Lifetimes.h"
#include "runtime/Footprint.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace hamlet::runtime {
namespace {

using namespace hmlt;

constexpr int64_t kSaturated = int64_t(1) << 60; // no such memory exists

int64_t valueOf(Symbol symbol, int index, const Quantities &quantities,
                int64_t rows, std::span<const int64_t> sizes) {
  switch (symbol) {
  case Symbol::one:
    return 1;
  case Symbol::tokens:
    return quantities.tokens;
  case Symbol::sequences:
    return quantities.sequences;
  case Symbol::decode_sequences:
    return quantities.decodeSequences;
  case Symbol::prefill_sequences:
    return static_cast<int64_t>(quantities.prefillLengths.size());
  case Symbol::query_blocks:
    return quantities.queryBlocks(rows);
  case Symbol::output_rows:
    return quantities.outputRows;
  case Symbol::max_pages:
    return quantities.maxPages;
  case Symbol::extent:
    return quantities.extents[static_cast<size_t>(index)];
  case Symbol::longest_prefill:
    return quantities.longestPrefill();
  case Symbol::size:
    return sizes[static_cast<size_t>(index)];
  }
  return 0;
}

bool needsQueryBlocks(const LaunchT &launch) {
  return std::any_of(launch.sizes.begin(), launch.sizes.end(),
                     [](const Expr &expr) {
                       return expr.symbol() == Symbol::query_blocks;
                     }) ||
         std::any_of(launch.args.begin(), launch.args.end(),
                     [](const auto &arg) {
                       return arg->kind == ArgKind::step_input &&
                              arg->index ==
                                  static_cast<int>(StepInput::query_block_list);
                     });
}

} // namespace

int64_t evaluate(const Expr &expr, const Quantities &quantities, int64_t rows,
                 std::span<const int64_t> sizes) {
  __int128 value =
      valueOf(expr.symbol(), expr.index(), quantities, rows, sizes);
  __int128 divisor = expr.by_rows() ? rows : expr.div();
  value = (value * expr.mul() + divisor - 1) / divisor + expr.add();
  return static_cast<int64_t>(
      std::clamp<__int128>(value, 0, __int128(kSaturated)));
}

void Quantities::clear() {
  tokens = sequences = decodeSequences = outputRows = maxPages = 0;
  prefillLengths.clear();
  extents.clear();
}

int64_t Quantities::longestPrefill() const {
  return prefillLengths.empty()
             ? 0
             : *std::max_element(prefillLengths.begin(), prefillLengths.end());
}

int64_t Quantities::queryBlocks(int64_t rows) const {
  int64_t blocks = 0;
  for (int64_t length : prefillLengths)
    blocks += (length + rows - 1) / rows;
  return blocks;
}

Program::Program(const ContainerT &file, const FunctionT &function,
                 Device &device)
    : file(file), function(function), device(device),
      sizesOfBuffers(function.buffers.size()), offsets(function.buffers.size()),
      wanted(function.buffers.size()) {
  // A run allocates nothing: what it fills has its size already.
  std::vector<bool> counted(file.kernels.size());
  size_t mostBlockRows = 0, mostWords = 0, mostSizes = 0;
  for (const auto &launch : function.launches) {
    auto k = static_cast<size_t>(launch->kernel);
    const KernelT &kernel = *file.kernels[k];
    Step &step = steps.emplace_back(
        Step{launch.get(), &kernel, findRealization(kernel, device.target())});
    step.usesQueryBlocks = needsQueryBlocks(*launch);
    mostWords = std::max(mostWords, kernel.parameters.size());
    mostSizes = std::max(mostSizes, launch->sizes.size());
    mostBlockRows += step.usesQueryBlocks && !counted[k];
    counted[k] = counted[k] || step.usesQueryBlocks;
    streams = std::max(streams, launch->stream + 1);
  }
  for (size_t i = 0; i < function.buffers.size(); ++i)
    if (function.buffers[i]->zero_first)
      steps[static_cast<size_t>(function.buffers[i]->first)].zeroed.push_back(
          static_cast<int>(i));
  blockRows.reserve(mostBlockRows);
  words.reserve(mostWords);
  sizes.reserve(mostSizes);
}

Status Program::checkDevice() const {
  for (const Step &step : steps) {
    if (!step.realization)
      return failure("function '", function.name, "': kernel '",
                     step.kernel->name, "' is not made for '", device.target(),
                     "'");
    if (step.launch->device != 0)
      return failure("function '", function.name, "' launches on device ",
                     step.launch->device, ", there is one");
  }
  return {};
}

void Program::measure(const Quantities &quantities) {
  for (size_t i = 0; i < wanted.size(); ++i)
    wanted[i] = static_cast<uint64_t>(
        evaluate(*function.buffers[i]->bytes, quantities, /*rows=*/1));
}

Status Program::reserve(const Quantities &largest) {
  HAMLET_TRY(checkDevice());
  measure(largest);
  bool fits = true;
  for (size_t i = 0; i < wanted.size(); ++i)
    fits &= wanted[i] <= sizesOfBuffers[i];
  if (fits)
    return {};
  // Smaller runs have smaller buffers, which fit where these do.
  std::vector<Lifetime> lives(wanted.size());
  std::vector<Lifetime *> all;
  __int128 sum = 0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    wanted[i] = std::max(wanted[i], sizesOfBuffers[i]);
    uint64_t padded = alignedBytes(wanted[i]);
    sum += padded;
    lives[i].bytes = static_cast<int64_t>(padded);
    lives[i].first = function.buffers[i]->first;
    lives[i].last = function.buffers[i]->last;
    all.push_back(&lives[i]);
  }
  if (sum > kSaturated)
    return failure("function '", function.name, "': the arena is too large");
  auto total = static_cast<uint64_t>(placeLifetimes(all));
  HAMLET_TRY(device.synchronize());
  arena = DeviceMemory(); // first, so that both need not fit
  std::fill(sizesOfBuffers.begin(), sizesOfBuffers.end(), 0);
  auto memory = DeviceMemory::allocate(device, total);
  if (memory.failed())
    return memory.status().in("arena of function '" + function.name + "'");
  arena = std::move(*memory);
  sizesOfBuffers = wanted;
  for (size_t i = 0; i < lives.size(); ++i)
    offsets[i] = static_cast<uint64_t>(lives[i].offset);
  return {};
}

DeviceAddress Program::buffer(int index) const {
  return arena.address() + offsets[static_cast<size_t>(index)];
}

void Program::countSizes(const Step &step, const Quantities &quantities,
                         int64_t rows) {
  sizes.clear();
  for (const Expr &size : step.launch->sizes)
    sizes.push_back(evaluate(size, quantities, rows));
}

int Program::variantOf(const Step &step, const Quantities &quantities) {
  const auto &variants = step.realization->variants;
  countSizes(step, quantities, /*rows=*/1);
  int64_t metric =
      evaluate(*step.kernel->metric, quantities, /*rows=*/1, sizes);
  size_t i = 0;
  while (i + 1 < variants.size() && variants[i]->rows < metric)
    ++i;
  return static_cast<int>(i);
}

std::span<const int64_t> Program::queryBlockRows(const Quantities &quantities) {
  blockRows.clear();
  for (const Step &step : steps) {
    if (!step.usesQueryBlocks || !step.realization)
      continue;
    int variant = variantOf(step, quantities);
    int64_t rows =
        step.realization->variants[static_cast<size_t>(variant)]->rows;
    if (std::find(blockRows.begin(), blockRows.end(), rows) == blockRows.end())
      blockRows.push_back(rows);
  }
  return blockRows;
}

Result<uint64_t> Program::argument(const ArgT &arg, Layout layout,
                                   const Bindings &bindings,
                                   int64_t rows) const {
  auto i = static_cast<size_t>(arg.index);
  auto bound =
      [&](const char *what,
          std::span<const DeviceAddress> addresses) -> Result<uint64_t> {
    if (i >= addresses.size())
      return failure("function '", function.name, "' needs ", what, ' ', i,
                     ", but this run has none");
    return addresses[i];
  };
  switch (arg.kind) {
  case ArgKind::buffer:
    return buffer(arg.index);
  case ArgKind::step_input:
    if (!bindings.inputs)
      return failure("function '", function.name,
                     "' takes step inputs: run it, it cannot be called");
    if (i == static_cast<size_t>(StepInput::query_block_list)) {
      for (const StepInputs::QueryBlocks &blocks : bindings.inputs->queryBlocks)
        if (blocks.rows == rows)
          return blocks.address;
      return failure("function '", function.name, "': no query blocks of ",
                     rows, " rows in this step");
    }
    return bindings.inputs->addresses[i];
  case ArgKind::weight:
    if (i >= bindings.weights.size())
      return failure("function '", function.name, "' needs weight ", i,
                     ", but this run has none");
    return bindings.weights[i][static_cast<size_t>(layout)];
  case ArgKind::constant:
    return bound("constant", bindings.constants);
  case ArgKind::cache:
    return bound("cache", bindings.caches);
  case ArgKind::state:
    return bound("state", bindings.states);
  case ArgKind::operand:
    return bound("operand", bindings.operands);
  case ArgKind::result:
    return bound("result", bindings.results);
  case ArgKind::real:
    return static_cast<uint64_t>(std::bit_cast<uint32_t>(arg.value));
  }
  return uint64_t(0);
}

Status Program::runLaunch(const Step &step, const Quantities &quantities,
                          const Bindings &bindings, StepCounts *counts,
                          Profile *profile) {
  const LaunchT &launch = *step.launch;
  const KernelT &kernel = *step.kernel;
  int variant = variantOf(step, quantities);
  int64_t rows = step.realization->variants[static_cast<size_t>(variant)]->rows;
  countSizes(step, quantities, rows);
  KernelLaunch ready{launch.kernel, variant, {}, {}, launch.stream};
  for (size_t d = 0; d < 3; ++d) {
    ready.grid[d] =
        evaluate(step.realization->grid[d], quantities, rows, sizes);
    if (ready.grid[d] == 0)
      return {};
  }
  words.clear();
  size_t next = 0;
  for (size_t i = 0; i < kernel.parameters.size(); ++i) {
    const ParameterT &parameter = *kernel.parameters[i];
    if (parameter.kind == ParameterKind::size) {
      words.push_back(
          static_cast<uint64_t>(sizes[static_cast<size_t>(parameter.size)]));
      continue;
    }
    Result<uint64_t> word = argument(
        *launch.args[next++], step.realization->layouts[i], bindings, rows);
    if (word.failed())
      return word.status();
    words.push_back(*word);
  }
  ready.args = words;
  if (counts) {
    ++counts->launches;
    counts->rows += kernel.product ? double(rows) : 0;
    counts->products += kernel.product;
  }
  using Microseconds = std::chrono::duration<double, std::micro>;
  std::chrono::steady_clock::time_point begin;
  if (profile)
    begin = std::chrono::steady_clock::now();
  Status status = device.launch(ready);
  if (profile && status.ok())
    status = device.synchronize();
  if (status.failed()) // only then is the name put together
    return status.in("kernel '" + kernel.name + "'");
  if (!profile)
    return {};
  auto end = std::chrono::steady_clock::now();
  profile->events.push_back(
      {profile->steps - 1, launch.kernel, launch.layer, rows,
       Microseconds(begin - profile->origin).count(),
       Microseconds(end - begin).count(),
       workOf(file, function, launch, *step.realization, quantities)});
  return {};
}

Status Program::zeroBuffers(const Step &step, const Quantities &quantities) {
  for (int zeroed : step.zeroed) {
    const BufferT &target = *function.buffers[static_cast<size_t>(zeroed)];
    int64_t bytes = evaluate(*target.bytes, quantities, /*rows=*/1);
    if (bytes)
      HAMLET_TRY(device.zero(buffer(zeroed), static_cast<uint64_t>(bytes),
                             step.launch->stream));
  }
  return {};
}

Status Program::run(const Quantities &quantities, const Bindings &bindings,
                    StepCounts *counts, Profile *profile) {
  HAMLET_TRY(reserve(quantities));
  uint64_t barriersBefore = device.barriers();
  if (profile)
    ++profile->steps;
  HAMLET_TRY(device.forkStreams(streams));
  for (const Step &step : steps) {
    const LaunchT &launch = *step.launch;
    if (!launch.waits.empty())
      HAMLET_TRY(device.wait(launch.stream, launch.waits));
    HAMLET_TRY(zeroBuffers(step, quantities));
    HAMLET_TRY(runLaunch(step, quantities, bindings, counts, profile));
    if (launch.signal >= 0)
      HAMLET_TRY(device.signal(launch.stream, launch.signal));
  }
  HAMLET_TRY(device.joinStreams(streams));
  if (counts) {
    ++counts->steps;
    counts->barriers += device.barriers() - barriersBefore;
  }
  return {};
}

} // namespace hamlet::runtime
