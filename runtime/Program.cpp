#include "runtime/Program.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace hamlet::runtime {
namespace {

using namespace hmlt;

constexpr uint64_t kAlignment = 256;
constexpr int64_t kSaturated = int64_t(1) << 60; // no such memory exists

int64_t valueOf(Symbol symbol, int index, const Quantities &quantities,
                int64_t rows) {
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
  }
  return 0;
}

bool needsQueryBlocks(const LaunchT &launch) {
  auto counts = [](const Expr &expr) {
    return expr.symbol() == Symbol::query_blocks;
  };
  return std::any_of(launch.grid.begin(), launch.grid.end(), counts) ||
         std::any_of(
             launch.args.begin(), launch.args.end(), [&](const auto &arg) {
               return arg->kind == ArgKind::scalar
                          ? counts(*arg->scalar)
                          : arg->kind == ArgKind::step_input &&
                                arg->index == static_cast<int>(
                                                  StepInput::query_block_list);
             });
}

} // namespace

int64_t evaluate(const Expr &expr, const Quantities &quantities, int64_t rows) {
  __int128 value = valueOf(expr.symbol(), expr.index(), quantities, rows);
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
      slotSizes(static_cast<size_t>(function.arena_slots)),
      slotOffsets(static_cast<size_t>(function.arena_slots)),
      wanted(static_cast<size_t>(function.arena_slots)),
      zeroedBefore(function.launches.size()) {
  for (size_t i = 0; i < function.buffers.size(); ++i)
    if (function.buffers[i]->zero_first)
      zeroedBefore[static_cast<size_t>(function.buffers[i]->first)].push_back(
          static_cast<int>(i));
  for (const auto &launch : function.launches)
    usesQueryBlocks.push_back(needsQueryBlocks(*launch));
  // A run allocates nothing: what it fills has its size already.
  std::vector<bool> counted(file.kernels.size());
  size_t mostBlockRows = 0, mostWords = 0;
  for (size_t i = 0; i < function.launches.size(); ++i) {
    const LaunchT &launch = *function.launches[i];
    mostWords = std::max(mostWords, launch.args.size());
    auto kernel = static_cast<size_t>(launch.kernel);
    mostBlockRows += usesQueryBlocks[i] && !counted[kernel];
    counted[kernel] = counted[kernel] || usesQueryBlocks[i];
  }
  blockRows.reserve(mostBlockRows);
  words.reserve(mostWords);
}

void Program::measureSlots(const Quantities &quantities) {
  std::fill(wanted.begin(), wanted.end(), 0);
  for (const auto &buffer : function.buffers) {
    uint64_t &size = wanted[static_cast<size_t>(buffer->arena_slot)];
    size = std::max(size, static_cast<uint64_t>(evaluate(
                              *buffer->bytes, quantities, /*rows=*/1)));
  }
}

Status Program::reserve(const Quantities &largest) {
  measureSlots(largest);
  bool fits = true;
  for (size_t i = 0; i < wanted.size(); ++i)
    fits &= wanted[i] <= slotSizes[i];
  if (fits)
    return {};
  uint64_t total = 0;
  std::vector<uint64_t> sizes, offsets;
  for (size_t i = 0; i < wanted.size(); ++i) {
    uint64_t size = sizes.emplace_back(std::max(wanted[i], slotSizes[i]));
    offsets.push_back(total);
    if (__builtin_add_overflow(total, size + kAlignment, &total))
      return failure("function '", function.name, "': the arena is too large");
    total = total / kAlignment * kAlignment;
  }
  HAMLET_TRY(device.synchronize());
  arena = DeviceMemory(); // first, so that both need not fit
  std::fill(slotSizes.begin(), slotSizes.end(), 0);
  auto memory = DeviceMemory::allocate(device, total);
  if (memory.failed())
    return memory.status().in("arena of function '" + function.name + "'");
  arena = std::move(*memory);
  slotSizes = std::move(sizes);
  slotOffsets = std::move(offsets);
  return {};
}

DeviceAddress Program::buffer(int index) const {
  return arena.address() +
         slotOffsets[static_cast<size_t>(
             function.buffers[static_cast<size_t>(index)]->arena_slot)];
}

int Program::variantOf(const LaunchT &launch,
                       const Quantities &quantities) const {
  const auto &variants =
      file.kernels[static_cast<size_t>(launch.kernel)]->variants;
  int64_t metric = evaluate(*launch.metric, quantities, /*rows=*/1);
  size_t i = 0;
  while (i + 1 < variants.size() && variants[i]->rows < metric)
    ++i;
  return static_cast<int>(i);
}

std::span<const int64_t> Program::queryBlockRows(const Quantities &quantities) {
  blockRows.clear();
  for (size_t i = 0; i < function.launches.size(); ++i) {
    if (!usesQueryBlocks[i])
      continue;
    const LaunchT &launch = *function.launches[i];
    int variant = variantOf(launch, quantities);
    int64_t rows = file.kernels[static_cast<size_t>(launch.kernel)]
                       ->variants[static_cast<size_t>(variant)]
                       ->rows;
    if (std::find(blockRows.begin(), blockRows.end(), rows) == blockRows.end())
      blockRows.push_back(rows);
  }
  return blockRows;
}

Result<uint64_t> Program::argument(const ArgT &arg,
                                   const Quantities &quantities,
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
    return bound("weight", bindings.weights);
  case ArgKind::constant:
    return bound("constant", bindings.constants);
  case ArgKind::cache:
    return bound("cache", bindings.caches);
  case ArgKind::operand:
    return bound("operand", bindings.operands);
  case ArgKind::result:
    return bound("result", bindings.results);
  case ArgKind::scalar:
    return static_cast<uint64_t>(evaluate(*arg.scalar, quantities, rows));
  case ArgKind::float_scalar:
    return static_cast<uint64_t>(std::bit_cast<uint32_t>(arg.value));
  }
  return uint64_t(0);
}

Status Program::runLaunch(const LaunchT &launch, const Quantities &quantities,
                          const Bindings &bindings, StepCounts *counts,
                          Profile *profile) {
  const KernelT &kernel = *file.kernels[static_cast<size_t>(launch.kernel)];
  int variant = variantOf(launch, quantities);
  int64_t rows = kernel.variants[static_cast<size_t>(variant)]->rows;
  KernelLaunch ready{launch.kernel, variant, {}, {}};
  for (size_t d = 0; d < 3; ++d) {
    ready.grid[d] = evaluate(launch.grid[d], quantities, rows);
    if (ready.grid[d] == 0) {
      if (launch.skip_if_zero)
        return {};
      return failure("kernel '", kernel.name, "': grid dimension ", d, " is 0");
    }
  }
  words.clear();
  for (const auto &arg : launch.args) {
    Result<uint64_t> word = argument(*arg, quantities, bindings, rows);
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
  profile->events.push_back({profile->steps - 1, launch.kernel, variant,
                             launch.layer,
                             Microseconds(begin - profile->origin).count(),
                             Microseconds(end - begin).count(),
                             workOf(file, function, launch, quantities)});
  return {};
}

Status Program::run(const Quantities &quantities, const Bindings &bindings,
                    StepCounts *counts, Profile *profile) {
  HAMLET_TRY(reserve(quantities));
  uint64_t barriersBefore = device.barriers();
  if (profile)
    ++profile->steps;
  for (size_t i = 0; i < function.launches.size(); ++i) {
    for (int zeroed : zeroedBefore[i]) {
      const BufferT &target = *function.buffers[static_cast<size_t>(zeroed)];
      int64_t bytes = evaluate(*target.bytes, quantities, /*rows=*/1);
      if (bytes)
        HAMLET_TRY(device.zero(buffer(zeroed), static_cast<uint64_t>(bytes)));
    }
    HAMLET_TRY(runLaunch(*function.launches[i], quantities, bindings, counts,
                         profile));
  }
  if (counts) {
    ++counts->steps;
    counts->barriers += device.barriers() - barriersBefore;
  }
  return {};
}

} // namespace hamlet::runtime
