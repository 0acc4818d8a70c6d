//===- FormatsTest.cpp ----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Npy.h"
#include "runtime/Requests.h"
#include "test/unit/runtime/ToyModel.h"

#include <fstream>
#include <gtest/gtest.h>

namespace {

using namespace hamlet;
using namespace hamlet::runtime;

Status writeTo(const std::string &path, const NpyArray &array) {
  AtomicFile file;
  HAMLET_TRY(file.open(path));
  return writeNpy(file, array);
}

TEST(Npy, GoesThereAndBack) {
  test::TemporaryFolder folder;
  for (auto shape :
       std::vector<std::vector<int64_t>>{{}, {0}, {3}, {2, 3}, {1, 2, 3, 4}}) {
    NpyArray array;
    array.dtype = hmlt::DType::i64;
    array.shape = shape;
    array.bytes.resize(static_cast<size_t>(array.elements() * 8));
    for (size_t i = 0; i < array.bytes.size(); ++i)
      array.bytes[i] = static_cast<uint8_t>(i);
    std::string path = folder / "a.npy";
    ASSERT_TRUE(writeTo(path, array).ok());
    auto back = readNpy(path);
    ASSERT_TRUE(back.ok()) << back.message();
    EXPECT_EQ(back->shape, array.shape);
    EXPECT_EQ(back->bytes, array.bytes);
    EXPECT_EQ(back->dtype, array.dtype);
  }
}

TEST(Npy, DamagedFilesGiveErrors) {
  test::TemporaryFolder folder;
  NpyArray array;
  array.shape = {4};
  array.bytes.resize(16);
  std::string path = folder / "a.npy";
  ASSERT_TRUE(writeTo(path, array).ok());
  std::ifstream in(path, std::ios::binary);
  std::string good{std::istreambuf_iterator<char>(in), {}};
  auto readText = [&](const std::string &text) {
    std::ofstream(path, std::ios::binary) << text;
    return readNpy(path);
  };
  for (size_t length = 0; length < good.size(); ++length)
    EXPECT_TRUE(readText(good.substr(0, length)).failed()) << length;
  EXPECT_TRUE(readText(good + "x").failed());
  std::string fortran = good;
  fortran.replace(fortran.find("False"), 5, "True ");
  EXPECT_TRUE(readText(fortran).failed());
  std::string big = good;
  big.replace(big.find("<f4"), 3, ">f4");
  EXPECT_TRUE(readText(big).failed());
  EXPECT_TRUE(readNpy(folder / "none.npy").failed());
}

TEST(Requests, DefaultsAreTheContracts) {
  auto request = parseRequest(R"({"id": "a", "prompt_ids": [1, 2]})");
  ASSERT_TRUE(request.ok()) << request.message();
  EXPECT_EQ(request->maxTokens, 16);
  EXPECT_EQ(request->sampling.temperature, 0);
  EXPECT_EQ(request->sampling.topK, 0);
  EXPECT_EQ(request->sampling.topP, 1);
  EXPECT_EQ(request->sampling.seed, 0u);
  EXPECT_TRUE(request->stopIds.empty());
  EXPECT_FALSE(request->earlyStop);
  request = parseRequest(
      R"({"id": "a", "prompt_ids": [1], "seed": 18446744073709551615,
          "early_stop": {"count": 2, "probability": 0.5}, "stop_ids": [7]})");
  ASSERT_TRUE(request.ok()) << request.message();
  EXPECT_EQ(request->sampling.seed, UINT64_MAX);
  EXPECT_EQ(request->earlyStop->count, 2);
  EXPECT_EQ(request->earlyStop->probability, 0.5);
}

TEST(Requests, BadOnesAreNamed) {
  auto message = [](const char *line) { return parseRequest(line).message(); };
  EXPECT_NE(message("{").find("not JSON"), std::string::npos);
  EXPECT_EQ(message("[]"), "expected a JSON object, found array");
  EXPECT_EQ(message(R"({"prompt_ids": [1]})"), "the key 'id' is missing");
  EXPECT_EQ(message(R"({"id": "a"})"),
            "the key 'prompt_ids' is missing (or 'prompt', or 'messages')");
  EXPECT_EQ(message(R"({"id": "a", "prompt_ids": [1], "prompt": "x"})"),
            "expected one of 'prompt_ids', 'prompt' and 'messages', found 2");
  EXPECT_EQ(message(R"({"id": "a", "prompt": 5})"),
            "'prompt' is 5, expected a text that is not empty");
  EXPECT_EQ(message(R"({"id": "a", "messages": []})"),
            "'messages' is [], expected a list of messages that is not empty");
  EXPECT_EQ(message(R"({"id": 3, "prompt_ids": [1]})"),
            "'id' is 3, expected a string that is not empty");
  EXPECT_EQ(message(R"({"id": "a", "prompt_ids": [1.5]})"),
            "'prompt_ids' is 1.5, expected an integer");
  EXPECT_EQ(message(R"({"id": "a", "prompt_ids": [1], "colour": 1})"),
            "unknown key 'colour'");
  EXPECT_EQ(message(R"({"id": "a", "id": "b", "prompt_ids": [1]})"),
            "key 'id' stands there twice");
  EXPECT_EQ(message(R"({"id": "a", "prompt_ids": [99999999999]})"),
            "prompt id 99999999999 is outside the vocabulary");
  EXPECT_EQ(message(R"({"id": "a", "prompt_ids": [1], "seed": -1})"),
            "'seed' is -1, expected an integer of at least 0");
}

TEST(Requests, FilesNameTheLine) {
  test::TemporaryFolder folder;
  hmlt::ContainerT toy = test::toyContainer();
  std::string path = folder / "in.jsonl";
  auto message = [&](const std::string &text) {
    std::ofstream(path) << text;
    return readRequests(path, *toy.model, {}).message();
  };
  std::string a = R"({"id": "a", "prompt_ids": [1]})";
  EXPECT_EQ(message(a + "\n\n" + a + "\n"),
            path + ":3: id 'a' is taken by an earlier line");
  EXPECT_EQ(message(a + "\n" + R"({"id": "b", "prompt_ids": []})"),
            path + ":2: 'prompt_ids' is empty, expected at least one id");
  EXPECT_EQ(message(a), "");
}

TEST(Requests, AnswersAreJson) {
  Request request;
  request.id = "quote\"";
  Answer answer;
  answer.tokens = {1, 2};
  answer.logprobs = {-0.1f, -1e-10f};
  answer.finishReason = "length";
  Answer failed;
  failed.error = "the \"logits\"";
  EXPECT_EQ(answerLine(request, failed),
            "{\"id\": \"quote\\\"\", \"error\": \"the \\\"logits\\\"\"}\n");
  EXPECT_EQ(answerLine(request, answer),
            "{\"id\": \"quote\\\"\", \"tokens\": [1, 2], \"logprobs\": [-0.1, "
            "-1e-10], \"finish_reason\": \"length\"}\n");
}

} // namespace
