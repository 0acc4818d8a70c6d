//===- GenerateTest.cpp ---------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Generate.h"
#include "container/Safetensors.h"
#include "test/unit/runtime/ToyModel.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <limits>

namespace {

using namespace hamlet;
using namespace hamlet::runtime;
using namespace hamlet::test;

class Generate : public testing::Test {
protected:
  void SetUp() override { model = files.load(2); }

  std::vector<Answer> run(const std::vector<Request> &requests,
                          GenerateOptions options = {}) {
    std::vector<Answer> answers;
    options.onAnswer = [&](size_t index, const Answer &answer) -> Status {
      EXPECT_EQ(index, answers.size()) << "in the order of the requests";
      answers.push_back(answer);
      return {};
    };
    stats = {};
    Status result = generate(*model, requests, options, stats);
    EXPECT_TRUE(result.ok()) << result.message();
    return answers;
  }

  ToyFiles files;
  std::unique_ptr<LoadedModel> model;
  GenerateStats stats;
};

Request request(const std::string &id, size_t prompt, int64_t maxTokens,
                double temperature = 0) {
  Request request;
  request.id = id;
  for (size_t i = 0; i < prompt; ++i)
    request.promptIds.push_back(
        static_cast<int32_t>((i * 7 + prompt) % kVocab));
  request.maxTokens = maxTokens;
  request.sampling.temperature = temperature;
  request.sampling.seed = prompt;
  return request;
}

/// Greedy tokens in plain loops.
std::vector<int32_t> greedy(const Request &request) {
  std::vector<int32_t> ids = request.promptIds;
  for (int64_t i = 0; i < request.maxTokens; ++i) {
    std::vector<float> logits = toyLogits(ids);
    auto last = logits.end() - kVocab;
    ids.push_back(
        static_cast<int32_t>(std::max_element(last, logits.end()) - last));
  }
  ids.erase(ids.begin(),
            ids.begin() + static_cast<ptrdiff_t>(request.promptIds.size()));
  return ids;
}

TEST_F(Generate, GreedyTokensInOrder) {
  std::vector<Request> requests = {request("a", 3, 12), request("b", 70, 2),
                                   request("c", 1, 0), request("d", 130, 20)};
  GenerateOptions options;
  options.maxBatch = 2;
  options.prefillChunk = 13;
  auto answers = run(requests, options);
  ASSERT_EQ(answers.size(), requests.size());
  for (size_t i = 0; i < answers.size(); ++i) {
    EXPECT_EQ(answers[i].tokens, greedy(requests[i]));
    EXPECT_EQ(answers[i].logprobs.size(), answers[i].tokens.size());
    EXPECT_EQ(answers[i].finishReason, "length");
  }
  EXPECT_EQ(stats.prefillTokens, 3 + 70 + 1 + 130);
  EXPECT_EQ(stats.decodeTokens, 11 + 1 + 0 + 19);
}

TEST_F(Generate, SamplesDoNotDependOnNeighbours) {
  std::vector<Request> requests = {request("a", 3, 12, 1.5),
                                   request("b", 70, 9, 0.7),
                                   request("c", 5, 30, 2)};
  auto together = run(requests);
  std::vector<Request> reversed(requests.rbegin(), requests.rend());
  GenerateOptions options;
  options.prefillChunk = 2;
  options.maxBatch = 2;
  auto others = run(reversed, options);
  for (size_t i = 0; i < requests.size(); ++i) {
    auto alone = run({requests[i]});
    EXPECT_EQ(alone[0].tokens, together[i].tokens);
    EXPECT_EQ(alone[0].logprobs, together[i].logprobs);
    EXPECT_EQ(alone[0].tokens, others[requests.size() - 1 - i].tokens);
    EXPECT_EQ(alone[0].logprobs, others[requests.size() - 1 - i].logprobs);
  }
}

TEST_F(Generate, StopsAtStopIdsAndConfidence) {
  Request plain = request("a", 4, 10);
  auto tokens = greedy(plain);
  plain.stopIds = {tokens[3]};
  size_t first = static_cast<size_t>(
      std::find(tokens.begin(), tokens.end(), tokens[3]) - tokens.begin());
  auto answers = run({plain});
  EXPECT_EQ(answers[0].finishReason, "stop");
  ASSERT_EQ(answers[0].tokens.size(), first + 1);
  EXPECT_EQ(answers[0].tokens.back(), tokens[3]);

  Request early = request("b", 4, 10);
  early.earlyStop = EarlyStop{3, 0};
  answers = run({early});
  EXPECT_EQ(answers[0].finishReason, "early");
  EXPECT_EQ(answers[0].tokens.size(), 3u);
}

TEST_F(Generate, DumpsEveryRowAndClosesGaps) {
  std::vector<Request> requests = {request("a", 5, 10), request("b", 66, 3),
                                   request("c", 2, 0)};
  requests[0].stopIds = {greedy(requests[0])[0]}; // ends early: a gap
  std::string path = files.folder / "logits.safetensors";
  LogitsFile logits;
  ASSERT_TRUE(logits.open(path).ok());
  logits.announce({{"a", 14}, {"b", 68}, {"c", 2}}, kVocab);
  GenerateOptions options;
  options.logits = &logits;
  options.prefillChunk = 7;
  auto answers = run(requests, options);
  ASSERT_TRUE(logits.finish().ok());

  safetensors::TensorMap tensors;
  std::string error;
  ASSERT_TRUE(safetensors::readHeader(path, 0, tensors, error)) << error;
  std::ifstream in(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), {}};
  int64_t rows[] = {5, 68, 2};
  for (size_t i = 0; i < requests.size(); ++i) {
    const auto &tensor = tensors.at(requests[i].id + ".logits");
    ASSERT_EQ(tensor.shape, (std::vector<int64_t>{rows[i], kVocab}));
    std::vector<int32_t> ids = requests[i].promptIds;
    ids.insert(ids.end(), answers[i].tokens.begin(), answers[i].tokens.end());
    ids.resize(static_cast<size_t>(rows[i]));
    std::vector<float> expected = toyLogits(ids);
    EXPECT_EQ(std::memcmp(bytes.data() + tensor.offset, expected.data(),
                          expected.size() * 4),
              0)
        << requests[i].id;
  }
}

// The embedding of one id is not a number: requests that hold it fail alone.
TEST_F(Generate, LogitsThatAreNotFiniteFailOneRequest) {
  constexpr int32_t kBad = 5;
  std::string path = files.folder / "model.safetensors";
  safetensors::TensorMap tensors;
  std::string error;
  ASSERT_TRUE(safetensors::readHeader(path, 0, tensors, error)) << error;
  {
    std::vector<float> row(kHidden, std::numeric_limits<float>::quiet_NaN());
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(tensors.at("embed").offset) +
               kBad * kHidden * 4);
    file.write(reinterpret_cast<const char *>(row.data()), kHidden * 4);
  }
  auto weights = loadWeights(*model->file, files.folder / "", *model->device,
                             *model->pool, nullptr);
  ASSERT_TRUE(weights.ok()) << weights.message();
  model->weights = std::move(*weights);

  std::vector<Request> requests = {request("a", 2, 9), request("b", 2, 9),
                                   request("c", 70, 4), request("d", 3, 2),
                                   request("e", 11, 6)};
  for (Request &one : requests)
    std::ranges::replace(one.promptIds, kBad, 4);
  requests[1].promptIds[0] = requests[3].promptIds[2] = kBad;
  GenerateOptions options;
  options.maxBatch = 3;
  options.prefillChunk = 3;
  auto answers = run(requests, options);
  ASSERT_EQ(answers.size(), requests.size());
  for (size_t i : {0, 4}) {
    std::vector<int32_t> wanted = greedy(requests[i]);
    EXPECT_EQ(std::ranges::find(wanted, kBad), wanted.end());
    EXPECT_EQ(answers[i].tokens, wanted);
    EXPECT_EQ(answers[i].error, "");
  }
  EXPECT_EQ(answers[1].error, "position 2: the model's logits are not finite");
  // It picks the bad id itself.
  EXPECT_EQ(greedy(requests[2])[0], kBad);
  EXPECT_EQ(answers[2].error, "position 71: the model's logits are not finite");
  EXPECT_EQ(answers[3].error, "position 3: the model's logits are not finite");
}

TEST_F(Generate, AFailedTokenEndsTheRun) {
  size_t tokens = 0;
  GenerateOptions options;
  options.onToken = [&](size_t, int32_t) -> Status {
    return ++tokens == 3 ? failure("no room") : Status();
  };
  EXPECT_EQ(generate(*model, {request("a", 4, 500)}, options, stats).message(),
            "no room");
  EXPECT_EQ(tokens, 3u);
}

TEST_F(Generate, ChecksRequests) {
  auto message = [&](auto change) {
    Request changed = request("a", 4, 10);
    change(changed);
    return checkRequest(changed, *model->file->model, std::nullopt).message();
  };
  EXPECT_EQ(message([](Request &) {}), "");
  EXPECT_NE(message([](Request &r) { r.promptIds.clear(); }), "");
  EXPECT_NE(message([](Request &r) { r.promptIds[0] = kVocab; }), "");
  EXPECT_NE(message([](Request &r) { r.maxTokens = -1; }), "");
  EXPECT_NE(message([](Request &r) { r.sampling.temperature = -0.1; }), "");
  EXPECT_NE(message([](Request &r) { r.sampling.topP = 0; }), "");
  EXPECT_NE(message([](Request &r) { r.sampling.topK = -1; }), "");
  EXPECT_EQ(message([](Request &r) { r.maxTokens = 997; }),
            "a prompt of 4 and 997 tokens more exceed the context of 1000 (the "
            "model's max_position_embeddings)");
}

} // namespace
