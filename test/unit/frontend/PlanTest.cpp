//===- PlanTest.cpp -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "frontend/Plan.h"
#include "TestFiles.h"

using namespace hamlet::frontend;
using namespace hamlet::test;

namespace {

ModelSpec miniMaxM1() {
  return llvm::cantFail(
      loadModel(sourceDir() + "/models/minimax-m1", builtin()));
}

TEST(Plan, MiniMaxM1) {
  ModelSpec spec = miniMaxM1();
  EXPECT_EQ(spec.parameters(), 456'089'655'296);
  Plan plan = llvm::cantFail(makePlan(spec, {}));
  EXPECT_EQ(plan.parameters, 456'089'655'296);
  EXPECT_EQ(plan.activeParameters, 45'944'920'064);
  EXPECT_EQ(plan.weightBytes,
            912'210'767'872); // metadata.total_size of the real index
  EXPECT_EQ(plan.anchorBytesPerSequence, 280 << 20);
  EXPECT_EQ(plan.tailBytesPerSequence, 140 << 20);
  EXPECT_EQ(plan.kvBytesPerToken, 40 << 10);
  ASSERT_FALSE(plan.flopsPerToken.empty());
  EXPECT_EQ(plan.flopsPerToken.back().context, 10'240'000);
  EXPECT_NEAR(plan.flopsPerToken.front().flops, 94.3e9, 0.5e9);
  // 10 softmax layers: 4 * 8192 for each position.
  double slope = (plan.flopsPerToken.back().flops -
                  plan.flopsPerToken[plan.flopsPerToken.size() - 2].flops) /
                 static_cast<double>(
                     plan.flopsPerToken.back().context -
                     plan.flopsPerToken[plan.flopsPerToken.size() - 2].context);
  EXPECT_NEAR(slope, 10 * 4 * 8192, 1);
}

TEST(Plan, RanksShareTheModel) {
  ModelSpec spec = miniMaxM1();
  Plan whole = llvm::cantFail(makePlan(spec, {}));
  Plan part = llvm::cantFail(makePlan(spec, {.tensorParallel = 8}));
  // Replicated: 161 norms of 6144 and 80 routers.
  int64_t replicated = 161 * 6144 + 80 * 32 * 6144;
  EXPECT_EQ(part.parameters, (whole.parameters - replicated) / 8 + replicated);
  EXPECT_EQ(part.anchorBytesPerSequence, 35 << 20);
  EXPECT_EQ(part.kvBytesPerToken, 5 << 10);
  // More ranks than key/value heads: each keeps one.
  EXPECT_EQ(
      llvm::cantFail(makePlan(spec, {.tensorParallel = 16})).kvBytesPerToken,
      5 << 10);
  auto bad = makePlan(spec, {.tensorParallel = 3});
  ASSERT_FALSE(bad);
  EXPECT_EQ(llvm::toString(bad.takeError()),
            "--tp: expected a divisor of the 64 lightning heads, found 3");
  EXPECT_FALSE(
      llvm::errorToBool(makePlan(spec, {.tensorParallel = 1}).takeError()));
}

TEST(Plan, Prints) {
  Plan plan = llvm::cantFail(makePlan(miniMaxM1(), {}));
  std::string text = planText(plan);
  EXPECT_NE(text.find("456,089,655,296"), std::string::npos) << text;
  EXPECT_NE(text.find("280.00 MiB"), std::string::npos) << text;
  llvm::json::Value value = planJson(plan);
  const llvm::json::Object &json = *value.getAsObject();
  EXPECT_EQ(json.getInteger("kv_bytes_per_token"), 40960);
  EXPECT_EQ(json.getInteger("weight_bytes"), 912'210'767'872);
  EXPECT_EQ((*json.getArray("flops_per_token"))[0].getAsObject()->getInteger(
                "context"),
            1);
}

} // namespace
