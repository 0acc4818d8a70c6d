//===- Gradients.cpp ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "train/Gradients.h"

#include "runtime/Call.h"
#include "train/SourceGradients.h"

#include <cmath>
#include <cstring>
#include <numeric>

namespace hamlet::train {
namespace {

using runtime::NpyArray;

const std::string kPrefix = "gradient.";

template <typename T> std::span<const T> valuesOf(const NpyArray &array) {
  return {reinterpret_cast<const T *>(array.bytes.data()),
          array.bytes.size() / sizeof(T)};
}

/// The load of each expert by its slots, and the mean of its probability, over
/// the routers of all layers.
struct Balance {
  std::vector<double> shares, probabilities;
  double rows = 0;

  double loss() const {
    return static_cast<double>(shares.size()) *
           std::inner_product(shares.begin(), shares.end(),
                              probabilities.begin(), 0.0);
  }
};

/// A batch as the functions of a model take it: what is told of a token stands
/// at the one before, which predicts it.
class Run {
public:
  Run(runtime::LoadedModel &model, const PackedBatch &batch,
      const GradientSettings &settings)
      : model(model), batch(batch), settings(settings) {}

  Result<BatchGradients> run() {
    weigh();
    result.logprobs.assign(batch.tokens(), 0);
    result.entropies.assign(batch.tokens(), 0);
    if (settings.balance != 0)
      HAMLET_TRY(measureBalance());
    for (auto [first, last] : microBatches(batch, settings.microBatchTokens))
      HAMLET_TRY(step(first, last));
    if (settings.balance != 0)
      result.loss += settings.balance * balance.loss();
    return std::move(result);
  }

private:
  /// What each token counts in the loss.
  void weigh() {
    std::vector<algorithm::SequenceTokens> sequences;
    for (size_t s = 0; s < batch.sequences(); ++s)
      sequences.push_back(
          {0, std::accumulate(batch.mask.begin() + batch.starts[s],
                              batch.mask.begin() + batch.starts[s + 1], 0.0)});
    std::vector<double> of =
        algorithm::tokenWeights(settings.aggregation, sequences, /*length=*/0);
    weights.assign(batch.tokens(), 0);
    for (size_t s = 0; s < batch.sequences(); ++s)
      for (auto t = static_cast<size_t>(batch.starts[s]);
           t < static_cast<size_t>(batch.starts[s + 1]); ++t)
        weights[t] = static_cast<float>(of[s] * batch.mask[t]);
  }

  /// `values` of the tokens that follow those of sequences [first, last);
  /// `none` at their ends.
  template <typename T>
  std::vector<T> following(const std::vector<T> &values, size_t first,
                           size_t last, T none) const {
    std::vector<T> next;
    for (size_t s = first; s < last; ++s)
      for (auto t = batch.starts[s]; t < batch.starts[s + 1]; ++t)
        next.push_back(t + 1 < batch.starts[s + 1]
                           ? values[static_cast<size_t>(t) + 1]
                           : none);
    return next;
  }

  Result<NpyArray> operand(const hmlt::OperandT &wanted, size_t first,
                           size_t last) const {
    const std::string &name = wanted.name;
    auto begin = static_cast<size_t>(batch.starts[first]),
         end = static_cast<size_t>(batch.starts[last]);
    if (name == "ids")
      return arrayOf(std::vector<int32_t>(batch.ids.data() + begin,
                                          batch.ids.data() + end));
    if (name == "starts" || name == "positions") {
      std::vector<int32_t> starts, positions;
      for (size_t s = first; s <= last; ++s)
        starts.push_back(batch.starts[s] - batch.starts[first]);
      for (size_t s = first; s < last; ++s)
        for (int32_t p = 0; p < batch.length(s); ++p)
          positions.push_back(p);
      return arrayOf(name == "starts" ? starts : positions);
    }
    if (name == "targets")
      return arrayOf(following(batch.ids, first, last, int32_t(-1)));
    if (name == "temperature")
      return arrayOf(std::vector<float>(end - begin, 1.0F));
    if (name == "weight")
      return arrayOf(following(weights, first, last, 0.0F));
    if (name == "mask") {
      std::vector<int32_t> counts;
      for (float m : following(batch.mask, first, last, 0.0F))
        counts.push_back(m != 0);
      return arrayOf(counts);
    }
    if (name == "balance")
      return arrayOf(balanceFactors(static_cast<size_t>(wanted.shape[0])));
    const std::vector<float> *values = name == "advantage" ? &batch.advantages
                                       : name == "old"     ? &batch.oldLogprobs
                                                           : nullptr;
    if (!values)
      return failure("the loss takes '", name,
                     "', which a batch does not have");
    if (values->empty())
      return failure("the loss takes '",
                     name == "old" ? "old_logprobs" : "advantages",
                     "', which the batch does not have");
    return arrayOf(following(*values, first, last, 0.0F));
  }

  Result<std::vector<NpyArray>> call(const char *name, size_t first,
                                     size_t last) {
    auto function = runtime::findFunction(*model.file, name);
    if (function.failed())
      return function.status();
    std::vector<NpyArray> operands;
    for (const auto &wanted : (*function)->operands) {
      auto array = operand(*wanted, first, last);
      if (array.failed())
        return array.status();
      operands.push_back(std::move(*array));
    }
    return runtime::callFunction(model, name, operands);
  }

  Status step(size_t first, size_t last) {
    if (batch.starts[first] == batch.starts[last])
      return {};
    auto results = call("train_step", first, last);
    if (results.failed())
      return results.status();
    auto logprobs = valuesOf<float>((*results)[0]),
         entropies = valuesOf<float>((*results)[1]),
         losses = valuesOf<float>((*results)[2]);
    for (size_t s = first; s < last; ++s)
      for (auto t = batch.starts[s]; t + 1 < batch.starts[s + 1]; ++t) {
        auto row = static_cast<size_t>(t - batch.starts[first]);
        auto token = static_cast<size_t>(t) + 1;
        result.logprobs[token] = logprobs[row];
        result.entropies[token] = entropies[row];
        result.loss += static_cast<double>(losses[row]);
      }
    return {};
  }

  /// The gradient of the balance loss by a router's logits is
  /// p_i (f_i - sum_j p_j f_j) for these factors f.
  std::vector<float> balanceFactors(size_t experts) const {
    std::vector<float> factors(experts, 0);
    if (settings.balance == 0)
      return factors;
    double scale = settings.balance *
                   static_cast<double>(balance.shares.size()) / balance.rows;
    for (size_t e = 0; e < factors.size(); ++e)
      factors[e] = static_cast<float>(scale * balance.shares[e]);
    return factors;
  }

  /// Shares are of all tokens, so that they are known before any gradient.
  Status measureBalance() {
    for (auto [first, last] : microBatches(batch, settings.microBatchTokens)) {
      if (batch.starts[first] == batch.starts[last])
        continue;
      auto results = call("logprob", first, last);
      if (results.failed())
        return results.status();
      // After log-probabilities and entropies: ids and logits of each layer.
      for (size_t i = 2; i + 1 < results->size(); i += 2)
        HAMLET_TRY(count((*results)[i], (*results)[i + 1]));
    }
    for (auto *values : {&balance.shares, &balance.probabilities})
      for (double &value : *values)
        value /= balance.rows;
    return {};
  }

  Status count(const NpyArray &ids, const NpyArray &logits) {
    auto experts = static_cast<size_t>(logits.shape[1]);
    if (balance.shares.empty()) {
      balance.shares.assign(experts, 0);
      balance.probabilities.assign(experts, 0);
    }
    if (balance.shares.size() != experts)
      return failure("the balance loss is for layers with as many experts "
                     "each; one has ",
                     balance.shares.size(), ", another ", experts);
    balance.rows += static_cast<double>(logits.shape[0]);
    for (int32_t id : valuesOf<int32_t>(ids))
      balance.shares[static_cast<size_t>(id)] += 1;
    auto values = valuesOf<float>(logits);
    std::vector<double> powers(experts);
    for (size_t row = 0; row < values.size(); row += experts) {
      double most = *std::max_element(values.begin() + row,
                                      values.begin() + row + experts);
      double sum = 0;
      for (size_t e = 0; e < experts; ++e)
        sum += powers[e] =
            std::exp(static_cast<double>(values[row + e]) - most);
      for (size_t e = 0; e < experts; ++e)
        balance.probabilities[e] += powers[e] / sum;
    }
    return {};
  }

  runtime::LoadedModel &model;
  const PackedBatch &batch;
  const GradientSettings &settings;
  std::vector<float> weights;
  Balance balance;
  BatchGradients result;
};

} // namespace

Status check(const GradientSettings &settings) {
  if (needsGroups(settings.aggregation) || needsLength(settings.aggregation))
    return failure("the aggregation '",
                   algorithm::aggregationNames()[static_cast<size_t>(
                       settings.aggregation)],
                   "' needs ",
                   needsGroups(settings.aggregation)
                       ? "the prompt of each sequence"
                       : "the most tokens of a response",
                   ", which a batch does not say; expected token-mean, "
                   "seq-mean-token-mean, seq-mean-token-sum or token-sum");
  return {};
}

Result<BatchGradients> addGradients(runtime::LoadedModel &model,
                                    const PackedBatch &batch,
                                    const GradientSettings &settings) {
  HAMLET_TRY(check(settings));
  return Run(model, batch, settings).run();
}

Result<Tensors> readGradients(runtime::LoadedModel &model) {
  Tensors tensors;
  for (const auto &weight : model.file->weights) {
    int64_t elements = 1;
    for (int64_t dim : weight->shape)
      elements *= dim;
    std::vector<float> values(static_cast<size_t>(elements), 0);
    for (size_t i = 0; i < model.file->states.size(); ++i)
      if (model.file->states[i]->name == kPrefix + weight->name)
        HAMLET_TRY(model.device->copyOut(values.data(), model.weights.states[i],
                                         values.size() * sizeof(float)));
    HAMLET_TRY(model.device->synchronize());
    addToSources(*weight, values, kPrefix, tensors);
  }
  return tensors;
}

} // namespace hamlet::train
