//===- ContainerTest.cpp --------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "container/Container.h"
#include "test/unit/runtime/ToyModel.h"

#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <random>

namespace {

using namespace hamlet;
using namespace hamlet::hmlt;

std::vector<uint8_t> toyBytes() {
  ContainerT file = test::toyContainer();
  for (auto &image : file.images) // small, so that every bit can be tried
    image->bytes.resize(64);
  auto bytes = serializeContainer(file);
  EXPECT_TRUE(bytes.ok()) << bytes.message();
  return *bytes;
}

TEST(Container, GoesThereAndBackWithTheSameBytes) {
  ContainerT file = test::toyContainer();
  auto first = serializeContainer(file);
  ASSERT_TRUE(first.ok()) << first.message();
  auto read = parseContainer(*first);
  ASSERT_TRUE(read.ok()) << read.message();
  EXPECT_EQ((*read)->functions[0]->launches.size(), 6u);
  auto second = serializeContainer(**read);
  ASSERT_TRUE(second.ok()) << second.message();
  EXPECT_EQ(*first, *second);
}

TEST(Container, EveryFlippedBitIsNoticed) {
  std::vector<uint8_t> bytes = toyBytes();
  ASSERT_TRUE(parseContainer(bytes).ok());
  for (size_t i = 0; i < bytes.size(); ++i) {
    auto bit = static_cast<uint8_t>(1 << (i * 5 % 8));
    bytes[i] ^= bit;
    ASSERT_TRUE(parseContainer(bytes).failed()) << "byte " << i;
    bytes[i] ^= bit;
  }
}

TEST(Container, TruncatedFilesAreNoticed) {
  std::vector<uint8_t> bytes = toyBytes();
  for (size_t size = 0; size < bytes.size(); ++size)
    ASSERT_TRUE(parseContainer({bytes.data(), size}).failed()) << size;
}

// Bytes that no hash vouches for: the structure alone must hold.
TEST(Container, NoiseDoesNotCrash) {
  std::vector<uint8_t> bytes = toyBytes();
  std::mt19937 random(1);
  for (int round = 0; round < 3000; ++round) {
    std::vector<uint8_t> noisy = bytes;
    for (int i = 0; i < 8; ++i)
      noisy[random() % noisy.size()] = static_cast<uint8_t>(random());
    (void)parseContainer(noisy, /*checkHash=*/false).ok();
    EXPECT_TRUE(parseContainer(noisy).failed() || noisy == bytes);
  }
}

TEST(Container, FilesAreNamedInErrors) {
  test::TemporaryFolder folder;
  std::string path = folder / "x.hmlt";
  EXPECT_EQ(readContainer(path).message(),
            "cannot open '" + path + "': No such file or directory");
  std::ofstream(path) << "GARBAGEGARBAGEGARBAGE";
  EXPECT_EQ(readContainer(path).message(),
            "'" + path +
                "': not a Hamlet container: the identifier 'HMLT' is missing");
  std::ofstream(path, std::ios::trunc) << "";
  EXPECT_EQ(readContainer(path).message(),
            "'" + path + "': not a Hamlet container: 0 bytes");
  EXPECT_EQ(readContainer(folder / "").message(),
            "cannot read '" + (folder / "") + "': not a regular file");
}

constexpr int64_t kVocabTimesHidden = test::kVocab * test::kHidden;

struct Damage {
  const char *expected; // part of the message
  std::function<void(ContainerT &)> make;
};

TEST(Container, SemanticErrorsSayWhere) {
  const Damage kDamages[] = {
      {"kernel 'scan' stands there twice",
       [](ContainerT &f) { f.kernels[0]->name = "scan"; }},
      {"kernel 0 'embed': target x86-64-v3: variant 1 works on 1 rows, "
       "expected more than 1",
       [](ContainerT &f) {
         f.kernels[0]->realizations[0]->variants[1]->rows = 1;
       }},
      {"two realizations for x86-64-v3",
       [](ContainerT &f) {
         f.kernels[0]->realizations[1]->target = "x86-64-v3";
       }},
      {"kernel 'embed' has no realization for x86-64-v3",
       [](ContainerT &f) {
         auto &list = f.kernels[0]->realizations;
         list.erase(list.begin());
       }},
      {"2 layouts for 6 parameters",
       [](ContainerT &f) { f.kernels[0]->realizations[0]->layouts.resize(2); }},
      {"target x86-64-v4: a grid of 2, expected 3",
       [](ContainerT &f) { f.kernels[1]->realizations[1]->grid.pop_back(); }},
      {"launch 0: 1 sizes, kernel 'embed' counts 2",
       [](ContainerT &f) { f.functions[0]->launches[0]->sizes.pop_back(); }},
      {"launch 1: no argument for parameter 'state'",
       [](ContainerT &f) { f.functions[0]->launches[1]->args.pop_back(); }},
      {"launch 0: parameter 'scale': takes a number",
       [](ContainerT &f) {
         f.functions[0]->launches[0]->args[3]->kind = ArgKind::buffer;
       }},
      {"launch 2: waits for event 4, which no launch before it signals",
       [](ContainerT &f) { f.functions[0]->launches[2]->waits = {4}; }},
      {"stream 99, expected streams of 0 to 63",
       [](ContainerT &f) { f.functions[0]->launches[2]->stream = 99; }},
      {"layout 'panel' needs two dimensions or more",
       [](ContainerT &f) {
         f.weights[1]->shape = {kVocabTimesHidden};
         f.weights[1]->sources[0]->shape = {kVocabTimesHidden};
       }},
      {"function 'step': launch 0: kernel index 7 is out of range, there are 7",
       [](ContainerT &f) { f.functions[0]->launches[0]->kernel = 7; }},
      {"function 'step': launch 1: argument 0: buffer index -1",
       [](ContainerT &f) { f.functions[0]->launches[1]->args[0]->index = -1; }},
      {"lives over launches 2 to 5 only",
       [](ContainerT &f) { f.functions[0]->launches[0]->args[2]->index = 1; }},
      {"the logits live to launch 4 of 6",
       [](ContainerT &f) {
         f.functions[0]->buffers[2]->first = 4;
         f.functions[0]->buffers[2]->last = 4;
         f.functions[0]->launches[5]->args[3]->index = 1;
       }},
      {"expression * -4",
       [](ContainerT &f) {
         f.functions[0]->launches[0]->sizes[0] =
             Expr(Symbol::tokens, false, 0, -4, 1, 0);
       }},
      {"unknown symbol 99",
       [](ContainerT &f) {
         f.functions[0]->launches[0]->sizes[0] =
             Expr(static_cast<Symbol>(99), false, 0, 1, 1, 0);
       }},
      {"symbol 'tokens' is known in a step only",
       [](ContainerT &f) {
         f.functions[1]->launches[0]->sizes[0] =
             Expr(Symbol::tokens, false, 0, 1, 1, 0);
       }},
      {"extent 5 of 1",
       [](ContainerT &f) { f.functions[1]->operands[0]->extents[0] = 5; }},
      {"extent 1 of 1",
       [](ContainerT &f) {
         FunctionT &function = *f.functions[1];
         function.derived.push_back(std::make_unique<DerivedExtentT>());
         function.derived[0]->terms.push_back(
             Expr(Symbol::extent, false, 0, 2, 1, 0));
         function.operands[0]->extents[0] = 1;
       }},
      {"check 0 'ids': operand index 7 is out of range",
       [](ContainerT &f) {
         FunctionT &function = *f.functions[1];
         function.checks.push_back(std::make_unique<CheckT>());
         function.checks[0]->kind = CheckKind::below;
         function.checks[0]->what = "ids";
         function.checks[0]->index = 7;
         function.checks[0]->limit =
             std::make_unique<Expr>(Expr(Symbol::one, false, 0, 1, 1, 0));
       }},
      {"looks at an array that is not i32",
       [](ContainerT &f) {
         FunctionT &function = *f.functions[1];
         function.checks.push_back(std::make_unique<CheckT>());
         function.checks[0]->kind = CheckKind::below;
         function.checks[0]->limit =
             std::make_unique<Expr>(Expr(Symbol::one, false, 0, 1, 1, 0));
       }},
      {"shape [37, 0] has a dimension below 1",
       [](ContainerT &f) { f.weights[0]->shape = {37, 0}; }},
      {"has 259 elements, the sources have 222",
       [](ContainerT &f) { f.weights[0]->shape = {37, 7}; }},
      {"state 0 'moment' begins as weight 'embed' of another shape or dtype",
       [](ContainerT &f) {
         f.states.push_back(std::make_unique<StateT>());
         f.states[0]->name = "moment";
         f.states[0]->shape = {2};
         f.states[0]->initial = InitialValue::weight;
       }},
      {"has too many elements",
       [](ContainerT &f) { f.weights[0]->shape = {1ll << 40, 1ll << 40}; }},
      {"permutation [5, 2, 3] of 37 rows",
       [](ContainerT &f) {
         f.weights[0]->permute_a = 5;
         f.weights[0]->permute_b = 2;
         f.weights[0]->permute_c = 3;
       }},
      {"constant 0 'seven' has 4 bytes, shape [2] needs 8",
       [](ContainerT &f) { f.constants[0]->shape = {2}; }},
      {"cache 0 'state' takes 0 bytes",
       [](ContainerT &f) { f.caches[0]->bytes = 0; }},
      {"there are 7 kernels and no image",
       [](ContainerT &f) { f.images.clear(); }},
      {"is not an ELF shared object",
       [](ContainerT &f) { f.images[0]->bytes.assign(100, 1); }},
      {"the model's section is missing",
       [](ContainerT &f) { f.model.reset(); }},
      {"model: vocabulary of 0", [](ContainerT &f) { f.model->vocab = 0; }},
      {"logits must take vocab * 4",
       [](ContainerT &f) { f.functions[0]->logits_buffer = 0; }},
      {"launch 3 is null",
       [](ContainerT &f) { f.functions[0]->launches[3].reset(); }},
  };
  for (const Damage &damage : kDamages) {
    ContainerT file = test::toyContainer();
    ASSERT_TRUE(verifyContainer(file).ok()) << verifyContainer(file).message();
    damage.make(file);
    Status status = verifyContainer(file);
    EXPECT_NE(status.message().find(damage.expected), std::string::npos)
        << "expected: " << damage.expected << "\nfound: " << status.message();
  }
}

} // namespace
