//===- Footprint.cpp ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Footprint.h"

#include "container/Lifetimes.h"
#include "container/Sizes.h"
#include "runtime/PackWeight.h"

#include <algorithm>
#include <set>

namespace hamlet::runtime {

std::vector<WeightCopy> weightCopies(const hmlt::ContainerT &file,
                                     const std::string &target) {
  std::set<std::pair<size_t, hmlt::Layout>> found;
  for (const auto &function : file.functions)
    for (const auto &launch : function->launches) {
      const hmlt::KernelT &kernel =
          *file.kernels[static_cast<size_t>(launch->kernel)];
      const hmlt::RealizationT *realization = findRealization(kernel, target);
      size_t next = 0;
      for (size_t p = 0; realization && p < kernel.parameters.size(); ++p) {
        if (kernel.parameters[p]->kind == hmlt::ParameterKind::size)
          continue;
        const hmlt::ArgT &arg = *launch->args[next++];
        if (arg.kind == hmlt::ArgKind::weight)
          found.emplace(static_cast<size_t>(arg.index),
                        realization->layouts[p]);
      }
    }
  std::vector<WeightCopy> copies;
  copies.reserve(found.size());
  for (auto [weight, layout] : found)
    copies.push_back({weight, layout});
  return copies;
}

uint64_t stateBytes(const hmlt::StateT &state) {
  int64_t bytes = sizeOf(state.dtype);
  for (int64_t dim : state.shape)
    bytes *= dim;
  return static_cast<uint64_t>(bytes);
}

uint64_t weightBytes(const hmlt::ContainerT &file, const std::string &target) {
  uint64_t bytes = 0;
  for (const WeightCopy &copy : weightCopies(file, target))
    bytes += alignedBytes(static_cast<uint64_t>(
        packedBytes(*file.weights[copy.weight], copy.layout)));
  for (const auto &constant : file.constants)
    bytes += alignedBytes(constant->bytes.size());
  for (const auto &state : file.states)
    bytes += alignedBytes(stateBytes(*state));
  return bytes;
}

Result<CachePlaces> placeCaches(const hmlt::ContainerT &file, int64_t sequences,
                                int64_t pages) {
  constexpr __int128 kMost = __int128(1) << 60;
  CachePlaces places;
  __int128 total = 0;
  for (const auto &cache : file.caches) {
    bool perPage = cache->per == hmlt::CachePer::page;
    places.offsets.push_back(static_cast<uint64_t>(total));
    total += __int128(cache->bytes) * (perPage ? pages : sequences);
    total =
        (total + kMemoryAlignment - 1) / kMemoryAlignment * kMemoryAlignment;
    if (total > kMost)
      return failure("caches for ", sequences, " sequences and ", pages,
                     " pages are too large");
  }
  places.bytes = static_cast<uint64_t>(total);
  return places;
}

Quantities largestQuantities(const ExecutorLimits &limits) {
  Quantities largest;
  largest.tokens = std::max<int64_t>(limits.stepTokens, limits.sequences);
  largest.sequences = limits.sequences;
  largest.decodeSequences = limits.sequences;
  largest.outputRows = limits.allRows ? largest.tokens : limits.sequences;
  largest.maxPages = (limits.context + kPageTokens - 1) / kPageTokens;
  // The prefill pieces make both the most blocks of a row each and the most
  // sequences.
  largest.prefillLengths.assign(static_cast<size_t>(limits.sequences), 1);
  largest.prefillLengths[0] = largest.tokens;
  return largest;
}

uint64_t arenaBytes(const hmlt::FunctionT &function,
                    const Quantities &quantities) {
  std::vector<Lifetime> lives;
  lives.reserve(function.buffers.size());
  for (const auto &buffer : function.buffers) {
    auto bytes =
        static_cast<uint64_t>(evaluate(*buffer->bytes, quantities, /*rows=*/1));
    Lifetime &life = lives.emplace_back();
    life.bytes = static_cast<int64_t>(alignedBytes(bytes));
    life.first = buffer->first;
    life.last = buffer->last;
  }
  std::vector<Lifetime *> all;
  all.reserve(lives.size());
  for (Lifetime &life : lives)
    all.push_back(&life);
  return static_cast<uint64_t>(placeLifetimes(all));
}

const hmlt::FunctionT *findStep(const hmlt::ContainerT &file) {
  for (const auto &function : file.functions)
    if (function->name == "step" && function->logits_buffer >= 0)
      return function.get();
  return nullptr;
}

} // namespace hamlet::runtime
