//===- ConversationTest.cpp -----------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Conversation.h"
#include "test/unit/runtime/ToyModel.h"

#include <gtest/gtest.h>

using namespace hamlet;
using namespace hamlet::runtime;
using namespace hamlet::test;

namespace {

class ConversationTest : public testing::Test {
protected:
  void SetUp() override {
    model = files.load(2);
    auto made = Conversation::make(*model, 400, 16);
    ASSERT_TRUE(made.ok()) << made.message();
    conversation = std::move(*made);
  }

  Request request(std::vector<int32_t> prompt, double temperature) {
    Request request;
    request.id = "a";
    request.promptIds = std::move(prompt);
    request.maxTokens = 20;
    request.sampling.temperature = temperature;
    request.sampling.seed = 7;
    return request;
  }

  /// What a run of its own answers.
  Answer alone(const Request &request) {
    Answer found;
    GenerateOptions options;
    options.onAnswer = [&](size_t, const Answer &answer) -> Status {
      found = answer;
      return {};
    };
    GenerateStats stats;
    Status status = generate(*model, {request}, options, stats);
    EXPECT_TRUE(status.ok()) << status.message();
    return found;
  }

  ToyFiles files;
  std::unique_ptr<LoadedModel> model;
  std::unique_ptr<Conversation> conversation;
};

TEST_F(ConversationTest, AnswersAsARunOfTheWholePrompt) {
  std::vector<int32_t> prompt = {1, 2, 3, 4, 5};
  for (int turn = 0; turn < 6; ++turn) {
    Request asked = request(prompt, turn % 2 ? 0.8 : 0);
    auto answer = conversation->answer(asked, {});
    ASSERT_TRUE(answer.ok()) << answer.message();
    Answer wanted = alone(asked);
    EXPECT_EQ(answer->tokens, wanted.tokens) << "turn " << turn;
    EXPECT_EQ(answer->logprobs, wanted.logprobs) << "turn " << turn;
    EXPECT_EQ(answer->finishReason, wanted.finishReason);
    if (turn) // all but the answer's last token, and what was added
      EXPECT_EQ(conversation->lastFed(), 4u);
    prompt.insert(prompt.end(), answer->tokens.begin(), answer->tokens.end());
    prompt.insert(prompt.end(), {3, 2, 1});
  }
}

TEST_F(ConversationTest, GoesBackWhereThePromptDiffers) {
  std::vector<int32_t> prompt(100);
  for (size_t i = 0; i < prompt.size(); ++i)
    prompt[i] = static_cast<int32_t>(i % 5);
  ASSERT_TRUE(conversation->answer(request(prompt, 0), {}).ok());
  for (size_t place : {size_t(99), size_t(98), size_t(50), size_t(0)}) {
    prompt[place] = (prompt[place] + 1) % 5;
    Request asked = request(prompt, 0);
    auto answer = conversation->answer(asked, {});
    ASSERT_TRUE(answer.ok()) << answer.message();
    EXPECT_EQ(answer->tokens, alone(asked).tokens) << "place " << place;
  }
  // The very same prompt: its last token is fed for the logits.
  Request again = request(prompt, 0);
  auto answer = conversation->answer(again, {});
  ASSERT_TRUE(answer.ok()) << answer.message();
  EXPECT_EQ(answer->tokens, alone(again).tokens);
}

TEST_F(ConversationTest, StopsAndGoesOn) {
  Request asked = request({1, 2, 3}, 0);
  size_t tokens = 0;
  Conversation::Callbacks callbacks;
  callbacks.onToken = [&](int32_t) -> Status {
    ++tokens;
    return {};
  };
  callbacks.stop = [&] { return tokens == 5; };
  auto answer = conversation->answer(asked, callbacks);
  ASSERT_TRUE(answer.ok()) << answer.message();
  Answer whole = alone(asked);
  EXPECT_EQ(answer->tokens,
            std::vector(whole.tokens.begin(), whole.tokens.begin() + 5));
  EXPECT_EQ(answer->finishReason, "");
  answer = conversation->answer(asked, {});
  ASSERT_TRUE(answer.ok()) << answer.message();
  EXPECT_EQ(answer->tokens, whole.tokens);
}

TEST_F(ConversationTest, TooLongIsAnError) {
  auto answer =
      conversation->answer(request(std::vector<int32_t>(390, 1), 0), {});
  EXPECT_NE(answer.message().find("exceed the context of 400"),
            std::string::npos)
      << answer.message();
}

} // namespace
