//===- ModelSpec.cpp ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "frontend/ModelSpec.h"

#include <bit>
#include <cmath>
#include <set>

namespace hamlet::frontend {

std::string_view floatTypeName(FloatType type) {
  switch (type) {
  case FloatType::F32:
    return "f32";
  case FloatType::BF16:
    return "bf16";
  case FloatType::F16:
    return "f16";
  }
  return "?";
}

int64_t floatTypeBytes(FloatType type) {
  return type == FloatType::F32 ? 4 : 2;
}

const WeightRecipe *ModelSpec::weight(std::string_view name) const {
  auto place = weightIndex.find(name);
  return place == weightIndex.end() ? nullptr : &weights[place->second];
}

const WeightRecipe *ModelSpec::weight(size_t layer,
                                      std::string_view role) const {
  return weight("layers." + std::to_string(layer) + "." + std::string(role));
}

void ModelSpec::addWeight(WeightRecipe recipe) {
  weightIndex.emplace(recipe.name, weights.size());
  weights.push_back(std::move(recipe));
}

int64_t ModelSpec::parameters() const {
  std::set<std::string_view> seen;
  int64_t count = 0;
  for (const WeightRecipe &recipe : weights)
    for (const WeightSource &source : recipe.sources) {
      if (!seen.insert(source.tensor).second)
        continue;
      int64_t elements = 1;
      for (int64_t dim : source.shape)
        elements *= dim;
      count += elements;
    }
  return count;
}

static std::vector<double> geometricLadder(int64_t heads) {
  std::vector<double> rates;
  rates.reserve(heads);
  for (int64_t head = 0; head < heads; ++head)
    rates.push_back(std::exp2(-8.0 * static_cast<double>(head + 1) /
                              static_cast<double>(heads)));
  return rates;
}

std::vector<double> decayRates(const DecaySpec &spec, int64_t heads,
                               int64_t layer, int64_t layers) {
  std::vector<double> rates;
  if (spec.ladder == DecayLadder::Geometric) {
    rates = geometricLadder(heads);
  } else {
    auto below =
        static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(heads)));
    rates = geometricLadder(below);
    std::vector<double> above = geometricLadder(2 * below);
    for (int64_t i = 0; below + i < heads; ++i)
      rates.push_back(above[2 * i]);
  }
  if (!spec.byLayer)
    return rates;
  double factor = 1 + spec.offset;
  double denominator = static_cast<double>(layers - 1) + spec.denominatorEps;
  if (layers > 1)
    factor =
        1 - static_cast<double>(layer - spec.shift) / denominator + spec.offset;
  for (double &rate : rates)
    rate *= factor;
  return rates;
}

} // namespace hamlet::frontend
