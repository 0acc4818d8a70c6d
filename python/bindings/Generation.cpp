//===- Generation.cpp
//-------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "bindings/Bindings.h"

#include <deque>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>
#include <optional>
#include <tuple>
#include <vector>

namespace hamlet::python {
namespace {

using Logits =
    nb::ndarray<const float, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

hamlet_sampling sampling(double temperature, int64_t topK, double topP,
                         uint64_t seed) {
  return {temperature, topK, topP, seed};
}

std::tuple<int32_t, float> sample(const Logits &logits, double temperature,
                                  int64_t topK, double topP, uint64_t seed,
                                  uint64_t position) {
  hamlet_sampling options = sampling(temperature, topK, topP, seed);
  int32_t token = 0;
  float logprob = 0;
  hamlet_status *status = nullptr;
  {
    nb::gil_scoped_release release;
    status = hamlet_sample(logits.data(), static_cast<int64_t>(logits.shape(0)),
                           &options, position, &token, &logprob);
  }
  check(status);
  return {token, logprob};
}

/// Requests with the ids that they point to.
class Requests {
public:
  void add(const Ids &prompt, int64_t maxTokens, double temperature,
           int64_t topK, double topP, uint64_t seed, const Ids &stopIds,
           int64_t earlyStopCount, double earlyStopProbability) {
    hamlet_request request = HAMLET_REQUEST_DEFAULT;
    request.prompt = keep(prompt);
    request.prompt_count = prompt.size();
    request.max_tokens = maxTokens;
    request.sampling = sampling(temperature, topK, topP, seed);
    request.stop_ids = keep(stopIds);
    request.stop_count = stopIds.size();
    request.early_stop_count = earlyStopCount;
    request.early_stop_probability = earlyStopProbability;
    list.push_back(request);
  }
  const std::vector<hamlet_request> &all() const { return list; }

private:
  const int32_t *keep(const Ids &given) {
    return ids.emplace_back(given.data(), given.data() + given.size()).data();
  }
  std::deque<std::vector<int32_t>> ids; // which never move
  std::vector<hamlet_request> list;
};

class Generation {
public:
  Generation(const Model &model, const Requests &requests, int64_t prefillChunk,
             int32_t maxBatch, int64_t maxContext)
      : shared(model.shared) {
    hamlet_generate_options options = {prefillChunk, maxBatch, maxContext};
    shared->work([&] {
      return hamlet_generation_open(shared->model, requests.all().data(),
                                    requests.all().size(), &options,
                                    &generation);
    });
  }
  Generation(const Generation &) = delete;
  Generation &operator=(const Generation &) = delete;
  ~Generation() { close(); }

  void close() {
    std::lock_guard lock(shared->mutex);
    hamlet_generation_free(std::exchange(generation, nullptr));
  }

  bool done() {
    std::lock_guard lock(shared->mutex);
    return hamlet_generation_done(open());
  }

  std::vector<std::tuple<size_t, int32_t, float>> step() {
    std::vector<std::tuple<size_t, int32_t, float>> picked;
    shared->work([&]() -> hamlet_status * {
      const hamlet_token *tokens = nullptr;
      size_t count = 0;
      if (hamlet_status *status =
              hamlet_generation_step(open(), &tokens, &count))
        return status;
      for (size_t i = 0; i < count; ++i)
        picked.emplace_back(tokens[i].request, tokens[i].id, tokens[i].logprob);
      return nullptr;
    });
    return picked;
  }

  /// Of a request; none while it is not finished, or where it failed.
  std::optional<std::string> finishReason(size_t request) {
    std::lock_guard lock(shared->mutex);
    hamlet_answer found = {};
    check(hamlet_generation_answer(open(), request, &found));
    return name(found.finish);
  }

  using Answer =
      std::tuple<std::vector<int32_t>, std::vector<float>,
                 std::optional<std::string>, std::optional<std::string>>;
  Answer answer(size_t request) {
    std::lock_guard lock(shared->mutex);
    hamlet_answer found = {};
    check(hamlet_generation_answer(open(), request, &found));
    Answer answer;
    auto &[tokens, logprobs, finish, error] = answer;
    tokens.assign(found.tokens, found.tokens + found.count);
    logprobs.assign(found.logprobs, found.logprobs + found.count);
    finish = name(found.finish);
    if (found.error)
      error = found.error;
    return answer;
  }

private:
  static std::optional<std::string> name(hamlet_finish finish) {
    switch (finish) {
    case HAMLET_FINISH_LENGTH:
      return "length";
    case HAMLET_FINISH_STOP:
      return "stop";
    case HAMLET_FINISH_EARLY:
      return "early";
    case HAMLET_FINISH_NONE:
    case HAMLET_FINISH_ERROR:
      break;
    }
    return std::nullopt;
  }

  hamlet_generation *open() const {
    if (!generation)
      throw Error("the generation is closed");
    return generation;
  }

  std::shared_ptr<Shared> shared;
  hamlet_generation *generation = nullptr;
};

} // namespace

void bindGeneration(nb::module_ &module) {
  module.def("sample", &sample, nb::arg("logits").noconvert(),
             nb::arg("temperature"), nb::arg("top_k"), nb::arg("top_p"),
             nb::arg("seed"), nb::arg("position"));
  nb::class_<Requests>(module, "Requests")
      .def(nb::init<>())
      .def("add", &Requests::add, nb::arg("prompt").noconvert(),
           nb::arg("max_tokens"), nb::arg("temperature"), nb::arg("top_k"),
           nb::arg("top_p"), nb::arg("seed"), nb::arg("stop_ids").noconvert(),
           nb::arg("early_stop_count"), nb::arg("early_stop_probability"));
  nb::class_<Generation>(module, "Generation")
      .def(nb::init<const Model &, const Requests &, int64_t, int32_t,
                    int64_t>(),
           nb::arg("model"), nb::arg("requests"), nb::arg("prefill_chunk"),
           nb::arg("max_batch"), nb::arg("max_context"))
      .def("step", &Generation::step)
      .def("answer", &Generation::answer, nb::arg("request"))
      .def("finish_reason", &Generation::finishReason, nb::arg("request"))
      .def("close", &Generation::close)
      .def_prop_ro("done", &Generation::done);
}

} // namespace hamlet::python
