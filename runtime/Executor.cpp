//===- Executor.cpp -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Executor.h"

#include "runtime/Footprint.h"

#include <algorithm>

namespace hamlet::runtime {
namespace {

using hmlt::StepInput;

constexpr size_t kInputAlignment = 64 / sizeof(int32_t);

} // namespace

bool hasModel(const hmlt::ContainerT &file) { return findStep(file); }

Result<std::unique_ptr<LoadedModel>> loadModel(const std::string &path,
                                               const std::string &device,
                                               unsigned threads) {
  auto file = readContainer(path);
  if (file.failed())
    return file.status();
  auto model = std::make_unique<LoadedModel>();
  model->file = std::move(*file);
  Result<unsigned> count = threadCount(threads);
  if (count.failed())
    return count.status();
  model->pool = std::make_unique<ThreadPool>(*count);
  auto opened = openDevice(device, *model->pool);
  if (opened.failed())
    return opened.status();
  model->device = std::move(*opened);
  HAMLET_TRY(model->device->load(*model->file).in("'" + path + "'"));
  return model;
}

Result<std::unique_ptr<Executor>> Executor::make(LoadedModel &model,
                                                 const ExecutorLimits &limits) {
  const hmlt::FunctionT *function = findStep(*model.file);
  if (!function)
    return failure("the container has no function 'step' that yields logits: "
                   "it was not compiled from a model");
  int64_t pagesOfOne = (limits.context + kPageTokens - 1) / kPageTokens;
  int64_t pages = limits.pages ? limits.pages : limits.sequences * pagesOfOne;
  auto caches = CacheManager::make(*model.file, *model.device, limits.sequences,
                                   pages, pagesOfOne);
  if (caches.failed())
    return caches.status();
  std::unique_ptr<Executor> executor(
      new Executor(model, *function, limits, std::move(*caches)));

  const Quantities largest = largestQuantities(limits);
  HAMLET_TRY(executor->program.reserve(largest));
  HAMLET_TRY(executor->reserveInputs(largest));
  return executor;
}

Status Executor::reserveInputs(const Quantities &largest) {
  auto sequences = static_cast<size_t>(limits.sequences);
  seen.resize(sequences);
  quantities.prefillLengths.reserve(sequences);
  size_t lists = program.mostQueryBlockRows();
  blockOffsets.reserve(lists);
  inputs.queryBlocks.reserve(lists);
  // Each token: id, position, page, offset, row of the output, and two words of
  // a block in each list. Each sequence: three words, one of either list of
  // pieces, and its row of the page table.
  auto tokens = static_cast<size_t>(largest.tokens);
  size_t words = tokens * (5 + 2 * lists) +
                 sequences * (5 + static_cast<size_t>(largest.maxPages)) +
                 (inputs.addresses.size() + lists + 1) * kInputAlignment;
  staged.reserve(words);
  return growInputMemory(words * sizeof(int32_t));
}

Status Executor::growInputMemory(uint64_t bytes) {
  if (bytes <= inputMemory.size())
    return {};
  HAMLET_TRY(model.device->synchronize());
  auto memory = DeviceMemory::allocate(*model.device, bytes);
  if (memory.failed())
    return memory.status().in("step inputs");
  inputMemory = std::move(*memory);
  return {};
}

Result<int> Executor::fork(int sequence) {
  if (!caches.isOpen(sequence))
    return failure("sequence ", sequence, " is not open");
  return caches.fork(sequence);
}

Status Executor::truncate(int sequence, int64_t length) {
  if (!caches.isOpen(sequence))
    return failure("sequence ", sequence, " is not open");
  return caches.truncate(sequence, length)
      .in("sequence " + std::to_string(sequence));
}

Status Executor::check(std::span<const Piece> pieces) {
  std::fill(seen.begin(), seen.end(), 0);
  if (pieces.empty())
    return failure("a step needs at least one piece");
  for (const Piece &piece : pieces) {
    if (!caches.isOpen(piece.sequence))
      return failure("sequence ", piece.sequence, " is not open");
    if (seen[static_cast<size_t>(piece.sequence)])
      return failure("sequence ", piece.sequence, " stands in the step twice");
    seen[static_cast<size_t>(piece.sequence)] = 1;
    if (piece.tokens.empty())
      return failure("sequence ", piece.sequence, ": a piece without tokens");
    int64_t length = caches.length(piece.sequence) +
                     static_cast<int64_t>(piece.tokens.size());
    if (length > limits.context)
      return failure("sequence ", piece.sequence, ": ", length,
                     " tokens, the context holds ", limits.context);
    for (int32_t id : piece.tokens)
      if (id < 0 || id >= vocabulary())
        return failure("sequence ", piece.sequence, ": token id ", id,
                       " is outside the vocabulary of ", vocabulary());
  }
  return {};
}

Status Executor::uploadInputs(std::span<const Piece> pieces) {
  quantities.clear();
  staged.clear();
  std::array<size_t, static_cast<size_t>(StepInput::MAX) + 1> offsets;
  auto begin = [&](StepInput input) {
    staged.resize((staged.size() + kInputAlignment - 1) / kInputAlignment *
                  kInputAlignment);
    offsets[static_cast<size_t>(input)] = staged.size();
  };
  auto eachToken = [&](StepInput input, auto value) {
    begin(input);
    for (const Piece &piece : pieces)
      for (size_t i = 0; i < piece.tokens.size(); ++i)
        staged.push_back(static_cast<int32_t>(value(piece, i)));
  };
  auto eachPiece = [&](StepInput input, auto value) {
    begin(input);
    for (const Piece &piece : pieces)
      staged.push_back(static_cast<int32_t>(value(piece)));
  };
  auto position = [&](const Piece &piece, size_t i) {
    return caches.length(piece.sequence) + static_cast<int64_t>(i);
  };

  quantities.sequences = static_cast<int64_t>(pieces.size());
  eachToken(StepInput::token_ids,
            [](const Piece &piece, size_t i) { return piece.tokens[i]; });
  eachToken(StepInput::positions, position);
  eachToken(StepInput::token_pages, [&](const Piece &piece, size_t i) {
    auto pages = caches.pages(piece.sequence);
    auto page = static_cast<size_t>(position(piece, i) / kPageTokens);
    return page < pages.size() ? pages[page] : 0; // a model without pages
  });
  eachToken(StepInput::token_offsets, [&](const Piece &piece, size_t i) {
    return position(piece, i) % kPageTokens;
  });
  eachPiece(StepInput::first_positions,
            [&](const Piece &piece) { return caches.length(piece.sequence); });
  eachPiece(StepInput::slots,
            [](const Piece &piece) { return piece.sequence; });
  eachPiece(StepInput::sequence_starts, [&](const Piece &piece) {
    int64_t start = quantities.tokens;
    quantities.tokens += static_cast<int64_t>(piece.tokens.size());
    quantities.maxPages =
        std::max(quantities.maxPages,
                 static_cast<int64_t>(caches.pages(piece.sequence).size()));
    return start;
  });
  staged.push_back(static_cast<int32_t>(quantities.tokens));

  begin(StepInput::page_table);
  for (const Piece &piece : pieces) {
    auto pages = caches.pages(piece.sequence);
    staged.insert(staged.end(), pages.begin(), pages.end());
    staged.resize(staged.size() + static_cast<size_t>(quantities.maxPages) -
                  pages.size());
  }
  begin(StepInput::decode_list);
  for (size_t i = 0; i < pieces.size(); ++i)
    if (pieces[i].tokens.size() == 1) {
      staged.push_back(static_cast<int32_t>(i));
      ++quantities.decodeSequences;
    }
  begin(StepInput::prefill_list);
  for (size_t i = 0; i < pieces.size(); ++i)
    if (pieces[i].tokens.size() > 1) {
      staged.push_back(static_cast<int32_t>(i));
      quantities.prefillLengths.push_back(
          static_cast<int64_t>(pieces[i].tokens.size()));
    }
  begin(StepInput::output_row_list);
  int32_t token = 0;
  for (const Piece &piece : pieces) {
    auto count = static_cast<int32_t>(piece.tokens.size());
    int32_t wanted = piece.rows == OutputRows::none   ? 0
                     : piece.rows == OutputRows::last ? 1
                                                      : count;
    for (int32_t i = count - wanted; i < count; ++i)
      staged.push_back(token + i);
    token += count;
    quantities.outputRows += wanted;
  }

  inputs.queryBlocks.clear();
  blockOffsets.clear();
  for (int64_t rows : program.queryBlockRows(quantities)) {
    begin(StepInput::query_block_list);
    inputs.queryBlocks.push_back({rows, 0});
    blockOffsets.push_back(staged.size());
    for (size_t i = 0; i < pieces.size(); ++i) {
      auto count = static_cast<int64_t>(pieces[i].tokens.size());
      for (int64_t first = 0; count > 1 && first < count; first += rows) {
        staged.push_back(static_cast<int32_t>(i));
        staged.push_back(static_cast<int32_t>(first));
      }
    }
  }

  uint64_t bytes = staged.size() * sizeof(int32_t);
  if (bytes > inputMemory.size()) // a step beyond the limits' stepTokens
    HAMLET_TRY(growInputMemory(bytes * 2));
  HAMLET_TRY(model.device->copyIn(inputMemory.address(), staged.data(), bytes));
  auto address = [&](size_t offset) {
    return inputMemory.address() + offset * sizeof(int32_t);
  };
  for (size_t i = 0; i < offsets.size(); ++i)
    if (i != static_cast<size_t>(StepInput::query_block_list))
      inputs.addresses[i] = address(offsets[i]);
  for (size_t i = 0; i < blockOffsets.size(); ++i)
    inputs.queryBlocks[i].address = address(blockOffsets[i]);
  return {};
}

Status Executor::step(std::span<const Piece> pieces) {
  HAMLET_TRY(check(pieces));
  rowsOfLogits = 0;
  for (const Piece &piece : pieces)
    HAMLET_TRY(caches.extend(piece.sequence,
                             static_cast<int64_t>(piece.tokens.size())));
  HAMLET_TRY(uploadInputs(pieces));
  Bindings bindings;
  bindings.weights = model.weights.weights;
  bindings.constants = model.weights.constants;
  bindings.states = model.weights.states;
  bindings.caches = caches.addresses();
  bindings.inputs = &inputs;
  StepCounts &counts =
      quantities.prefillLengths.empty() ? decodeCounts : prefillCounts;
  HAMLET_TRY(program.run(quantities, bindings, &counts, profile));
  for (const Piece &piece : pieces)
    caches.commit(piece.sequence, static_cast<int64_t>(piece.tokens.size()));
  rowsOfLogits = quantities.outputRows;
  return {};
}

Status Executor::copyLogits(int64_t first, int64_t rows, float *out) {
  if (first < 0 || rows < 0 || first + rows > rowsOfLogits)
    return failure("rows ", first, " to ", first + rows,
                   " of logits, there are ", rowsOfLogits);
  if (!rows)
    return {};
  uint64_t rowBytes = static_cast<uint64_t>(vocabulary()) * sizeof(float);
  return model.device->copyOut(
      out,
      program.buffer(program.description().logits_buffer) +
          static_cast<uint64_t>(first) * rowBytes,
      static_cast<uint64_t>(rows) * rowBytes);
}

const float *Executor::viewLogits() const {
  if (!rowsOfLogits)
    return nullptr;
  return static_cast<const float *>(model.device->hostView(
      program.buffer(program.description().logits_buffer)));
}

uint64_t Executor::deviceBytes() const {
  return model.weights.memory.size() + program.arenaBytes() +
         inputMemory.size() + caches.touchedBytes();
}

} // namespace hamlet::runtime
