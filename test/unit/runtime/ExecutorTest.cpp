//===- ExecutorTest.cpp ---------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Executor.h"
#include "runtime/Call.h"
#include "test/unit/runtime/ToyModel.h"

#include <cstring>
#include <gtest/gtest.h>
#include <random>

namespace {

using namespace hamlet;
using namespace hamlet::runtime;
using namespace hamlet::test;

std::vector<int32_t> randomIds(size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<int32_t> ids(count);
  for (int32_t &id : ids)
    id = static_cast<int32_t>(random() % kVocab);
  return ids;
}

bool sameBits(const float *a, const float *b, size_t count) {
  return std::memcmp(a, b, count * sizeof(float)) == 0;
}

/// Feeds each prompt in random pieces beside the others; returns whether the
/// logits of every position have the expected bits.
void runRandomSplits(LoadedModel &model, unsigned seed) {
  ExecutorLimits limits;
  limits.sequences = 5;
  limits.context = 300;
  limits.stepTokens = 16; // too small on purpose: the arena grows
  auto executor = Executor::make(model, limits);
  ASSERT_TRUE(executor.ok()) << executor.message();
  std::mt19937 random(seed);
  std::vector<std::vector<int32_t>> prompts;
  std::vector<std::vector<float>> expected;
  for (size_t length : {1, 2, 65, 130, 200}) {
    prompts.push_back(randomIds(length, seed + static_cast<unsigned>(length)));
    expected.push_back(toyLogits(prompts.back()));
  }
  std::vector<int> sequences;
  for (size_t i = 0; i < prompts.size(); ++i)
    sequences.push_back(*(*executor)->open());
  std::vector<size_t> fed(prompts.size());
  while (true) {
    std::vector<Piece> pieces;
    std::vector<size_t> owners;
    for (size_t i = 0; i < prompts.size(); ++i) {
      size_t left = prompts[i].size() - fed[i];
      if (!left || random() % 4 == 0)
        continue;
      size_t count =
          random() % 2 ? 1 : std::min<size_t>(left, 1 + random() % 70);
      pieces.push_back(
          {sequences[i], {prompts[i].data() + fed[i], count}, OutputRows::all});
      owners.push_back(i);
    }
    if (fed == std::vector<size_t>{1, 2, 65, 130, 200})
      break;
    if (pieces.empty())
      continue;
    Status status = (*executor)->step(pieces);
    ASSERT_TRUE(status.ok()) << status.message();
    int64_t row = 0;
    for (size_t p = 0; p < pieces.size(); ++p) {
      auto count = static_cast<int64_t>(pieces[p].tokens.size());
      std::vector<float> logits(static_cast<size_t>(count * kVocab));
      ASSERT_TRUE((*executor)->copyLogits(row, count, logits.data()).ok());
      row += count;
      ASSERT_TRUE(sameBits(logits.data(),
                           expected[owners[p]].data() + fed[owners[p]] * kVocab,
                           logits.size()))
          << "prompt " << owners[p] << " from token " << fed[owners[p]];
      fed[owners[p]] += static_cast<size_t>(count);
    }
    ASSERT_EQ((*executor)->outputRows(), row);
  }
}

TEST(Executor, ModelsHaveCodeOfTheirOwn) {
  ToyFiles files;
  auto model = files.load();
  hmlt::ContainerT other = toyContainer();
  for (auto &image : other.images)
    image->bytes.resize(64); // which no loader takes
  std::string path = files.folder / "other.hmlt";
  ASSERT_TRUE(writeContainer(other, path).ok());
  auto second = loadModel(path, "cpu", 1);
  ASSERT_TRUE(second.failed()) << "it runs the first one's code";
  EXPECT_NE(second.message().find("dlopen"), std::string::npos)
      << second.message();
}

TEST(Executor, SplitsAndBatchesGiveTheSameBits) {
  ToyFiles files;
  for (unsigned threads : {1u, 2u, 3u}) {
    auto model = files.load(threads);
    for (unsigned seed = 0; seed < 5; ++seed)
      runRandomSplits(*model, seed);
  }
}

TEST(Executor, SlotsAndPagesAreZeroedForTheNextSequence) {
  ToyFiles files;
  auto model = files.load();
  ExecutorLimits limits;
  limits.sequences = 1;
  limits.context = 128;
  auto executor = Executor::make(*model, limits);
  ASSERT_TRUE(executor.ok()) << executor.message();
  auto ids = randomIds(100, 3);
  auto expected = toyLogits(ids);
  for (int round = 0; round < 2; ++round) {
    int sequence = *(*executor)->open();
    EXPECT_TRUE((*executor)->open().failed()) << "one slot only";
    std::vector<Piece> pieces{{sequence, ids, OutputRows::last}};
    ASSERT_TRUE((*executor)->step(pieces).ok());
    std::vector<float> logits(kVocab);
    ASSERT_TRUE((*executor)->copyLogits(0, 1, logits.data()).ok());
    EXPECT_TRUE(sameBits(logits.data(), &expected[99 * kVocab], kVocab));
    (*executor)->close(sequence);
  }
}

TEST(Executor, RowsPerLaunchFollowTheVariants) {
  ToyFiles files;
  auto model = files.load();
  auto executor = Executor::make(*model, {});
  ASSERT_TRUE(executor.ok()) << executor.message();
  int sequence = *(*executor)->open();
  auto ids = randomIds(20, 1);
  ASSERT_TRUE((*executor)
                  ->step(std::vector<Piece>{{sequence, ids, OutputRows::all}})
                  .ok());
  ASSERT_TRUE((*executor)
                  ->step(std::vector<Piece>{
                      {sequence, {ids.data(), 1}, OutputRows::last}})
                  .ok());
  EXPECT_EQ((*executor)->prefillCounts.rowsPerProduct(), 8);
  EXPECT_EQ((*executor)->decodeCounts.rowsPerProduct(), 1);
}

TEST(Executor, RefusesBadSteps) {
  ToyFiles files;
  auto model = files.load();
  ExecutorLimits limits;
  limits.sequences = 2;
  limits.context = 10;
  auto executor = Executor::make(*model, limits);
  ASSERT_TRUE(executor.ok()) << executor.message();
  int sequence = *(*executor)->open();
  std::vector<int32_t> ids = {1, 2, 3}, outside = {37}, negative = {-1};
  std::vector<int32_t> many(11, 0);
  auto message = [&](std::vector<Piece> pieces) {
    return (*executor)->step(pieces).message();
  };
  EXPECT_EQ(message({}), "a step needs at least one piece");
  EXPECT_EQ(message({{1, ids}}), "sequence 1 is not open");
  EXPECT_EQ(message({{99, ids}}), "sequence 99 is not open");
  EXPECT_EQ(message({{sequence, ids}, {sequence, ids}}),
            "sequence 0 stands in the step twice");
  EXPECT_EQ(message({{sequence, {}}}), "sequence 0: a piece without tokens");
  EXPECT_EQ(message({{sequence, outside}}),
            "sequence 0: token id 37 is outside the vocabulary of 37");
  EXPECT_EQ(message({{sequence, negative}}),
            "sequence 0: token id -1 is outside the vocabulary of 37");
  EXPECT_EQ(message({{sequence, many}}),
            "sequence 0: 11 tokens, the context holds 10");
}

TEST(Weights, ReportMissingAndMisShapedTensors) {
  ToyFiles files;
  auto model = files.load();
  EXPECT_EQ(model->weights.unused, std::vector<std::string>{"unused"});
  auto &file = *model->file;
  file.weights[0]->sources[0]->tensor = "nowhere";
  file.weights[1]->sources[0]->shape = {kHidden, kVocab};
  auto weights = loadWeights(file, files.folder / "", *model->device,
                             *model->pool, nullptr);
  ASSERT_TRUE(weights.failed());
  EXPECT_NE(
      weights.message().find("1 missing:\n  'nowhere', expected shape [37, 6]"),
      std::string::npos)
      << weights.message();
  EXPECT_NE(weights.message().find("expected [6, 37], found [37, 6]"),
            std::string::npos)
      << weights.message();
}

TEST(Weights, UnusedTensorsNeedAReason) {
  ToyFiles files;
  auto model = files.load();
  EXPECT_EQ(model->weights.messages,
            std::vector<std::string>{
                "note: unused tensors, 1: 'unus*' (a tensor of no use)"});
  auto &file = *model->file;
  file.provenance = nullptr;
  auto weights = loadWeights(file, files.folder / "", *model->device,
                             *model->pool, nullptr);
  ASSERT_TRUE(weights.failed());
  EXPECT_NE(weights.message().find("does not use\n1 unused:\n  'unused' in "),
            std::string::npos)
      << weights.message();
  weights = loadWeights(file, files.folder / "", *model->device, *model->pool,
                        nullptr, UnusedTensors::Ignore);
  ASSERT_TRUE(weights.ok()) << weights.message();
  EXPECT_EQ(weights->unused, std::vector<std::string>{"unused"});
  ASSERT_EQ(weights->messages.size(), 1u);
  EXPECT_EQ(weights->messages[0].find("warning: the checkpoint"), 0u);
}

#if defined(__x86_64__)
TEST(Device, TakesTheFasterLevel) {
  if (!__builtin_cpu_supports("avx512bf16") ||
      !__builtin_cpu_supports("avx512vl"))
    GTEST_SKIP() << "this processor has one level of AVX-512 at most";
  ToyFiles files;
  auto model = loadModel(files.container, "cpu", 1);
  ASSERT_TRUE(model.ok()) << model.message();
  EXPECT_EQ((*model)->device->describe(),
            __builtin_cpu_is("intel") ? "cpu, x86-64-v4, 1 thread"
                                      : "cpu, x86-64-v4-bf16, 1 thread");
}
#endif

TEST(Device, ForcedLevels) {
  ToyFiles files;
  setenv("HAMLET_CPU", "avx2", 1);
  auto model = loadModel(files.container, "cpu", 1);
  ASSERT_TRUE(model.ok()) << model.message();
  EXPECT_EQ((*model)->device->describe(), "cpu, x86-64-v3, 1 thread");
  setenv("HAMLET_CPU", "sse", 1);
  EXPECT_NE(loadModel(files.container, "cpu", 1)
                .message()
                .find("expected avx2, avx512 or avx512bf16"),
            std::string::npos);
  unsetenv("HAMLET_CPU");
  EXPECT_NE(loadModel(files.container, "toaster", 1).message().find("toaster"),
            std::string::npos);
}

NpyArray floats(std::vector<float> values) {
  NpyArray array;
  array.shape = {static_cast<int64_t>(values.size())};
  auto *first = reinterpret_cast<const uint8_t *>(values.data());
  array.bytes.assign(first, first + values.size() * sizeof(float));
  return array;
}

TEST(Call, RoundsBf16AtTheBoundary) {
  ToyFiles files;
  auto model = files.load();
  // 1 + 2^-8 lies between 1 and 1 + 2^-7: the even one is 1.
  auto results =
      callFunction(*model, "twice", {floats({1, 1 + 0x1p-8f, -3, 0.5f})});
  ASSERT_TRUE(results.ok()) << results.message();
  ASSERT_EQ((*results)[0].shape, std::vector<int64_t>{4});
  float out[4];
  std::memcpy(out, (*results)[0].bytes.data(), sizeof(out));
  EXPECT_EQ(out[0], 9);
  EXPECT_EQ(out[1], 9);
  EXPECT_EQ(out[2], 1);
  EXPECT_EQ(out[3], 8);
  EXPECT_TRUE(callFunction(*model, "twice", {floats({})}).ok());
}

TEST(Call, RefusesWhatDoesNotFit) {
  ToyFiles files;
  auto model = files.load();
  EXPECT_EQ(callFunction(*model, "thrice", {}).message(),
            "no function 'thrice'; there are: step, twice");
  EXPECT_EQ(callFunction(*model, "twice", {}).message(),
            "function 'twice' takes 1 operands, 0 were given");
  NpyArray square = floats({1, 2, 3, 4});
  square.shape = {2, 2};
  EXPECT_EQ(callFunction(*model, "twice", {square}).message(),
            "operand 0 'in': expected shape [?], found [2, 2]");
  NpyArray ints = floats({1});
  ints.dtype = hmlt::DType::i32;
  EXPECT_EQ(callFunction(*model, "twice", {ints}).message(),
            "operand 0 'in': expected f32, found i32");
}

} // namespace
