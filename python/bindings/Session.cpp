//===- Session.cpp
//----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "bindings/Bindings.h"

#include <atomic>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/vector.h>
#include <vector>

namespace hamlet::python {
namespace {

using Array = nb::ndarray<nb::numpy, float, nb::ndim<2>>;
using View = nb::ndarray<nb::numpy, const float, nb::ndim<2>>;

/// What arrays that show a session's memory hold on to.
struct State {
  ~State() {
    std::lock_guard lock(shared->mutex);
    hamlet_session_free(session);
  }
  std::shared_ptr<Shared> shared;
  hamlet_session *session = nullptr;
  std::atomic<int> views = 0;
};

class Session {
public:
  Session(const Model &model, int32_t maxSequences, int64_t maxContext,
          int64_t stepTokens)
      : state(std::make_shared<State>()) {
    state->shared = model.shared;
    hamlet_session_options options = {maxSequences, maxContext, stepTokens};
    work([&] {
      return hamlet_session_open(state->shared->model, &options,
                                 &state->session);
    });
  }

  int32_t add() {
    int32_t made = -1;
    work([&] { return hamlet_sequence_add(state->session, &made); });
    return made;
  }
  void remove(int32_t sequence) {
    work([&] { return hamlet_sequence_remove(state->session, sequence); });
  }
  int32_t fork(int32_t sequence) {
    int32_t made = -1;
    work([&] { return hamlet_sequence_fork(state->session, sequence, &made); });
    return made;
  }
  void truncate(int32_t sequence, int64_t length) {
    work([&] {
      return hamlet_sequence_truncate(state->session, sequence, length);
    });
  }
  int64_t length(int32_t sequence) {
    return known(sequence, hamlet_sequence_length);
  }
  int64_t leastLength(int32_t sequence) {
    return known(sequence, hamlet_sequence_least_length);
  }

  int64_t step(const std::vector<std::pair<int32_t, Ids>> &pieces, int rows) {
    std::vector<hamlet_piece> converted;
    converted.reserve(pieces.size());
    for (const auto &[sequence, ids] : pieces)
      converted.push_back(
          {sequence, ids.data(), ids.size(), static_cast<hamlet_rows>(rows)});
    int64_t count = 0;
    work([&] {
      if (state->views)
        throw Error("an array of logits_view() is still used: delete it, or "
                    "take logits(), before the next step");
      hamlet_status *status =
          hamlet_step(state->session, converted.data(), converted.size());
      count = hamlet_logits_rows(state->session);
      return status;
    });
    return count;
  }

  Array logits() {
    size_t rows = 0, columns = vocabulary();
    std::unique_ptr<float[]> data;
    work([&] {
      int64_t count = hamlet_logits_rows(state->session);
      rows = static_cast<size_t>(count);
      data = std::make_unique<float[]>(rows * columns);
      return hamlet_logits_copy(state->session, 0, count, data.get());
    });
    float *memory = data.get();
    nb::capsule owner(data.release(), [](void *p) noexcept {
      delete[] static_cast<float *>(p);
    });
    return Array(memory, {rows, columns}, owner);
  }

  View logitsView() {
    const float *view = nullptr;
    size_t rows = 0;
    work([&]() -> hamlet_status * {
      view = hamlet_logits_view(state->session);
      state->views += view != nullptr;
      rows = static_cast<size_t>(hamlet_logits_rows(state->session));
      return nullptr;
    });
    if (!view)
      throw Error("there are no logits, or the device's memory cannot be seen "
                  "from here: take logits()");
    nb::capsule owner(new std::shared_ptr<State>(state), [](void *p) noexcept {
      auto *held = static_cast<std::shared_ptr<State> *>(p);
      --(*held)->views;
      delete held;
    });
    return View(view, {rows, vocabulary()}, owner);
  }

private:
  template <typename Call> void work(Call call) { state->shared->work(call); }
  size_t vocabulary() const {
    return static_cast<size_t>(hamlet_model_vocabulary(state->shared->model));
  }
  int64_t known(int32_t sequence,
                int64_t (*get)(const hamlet_session *, int32_t)) {
    std::lock_guard lock(state->shared->mutex);
    int64_t value = get(state->session, sequence);
    if (value < 0)
      throw Error("sequence " + std::to_string(sequence) + " is not open");
    return value;
  }

  std::shared_ptr<State> state;
};

} // namespace

void bindSession(nb::module_ &module) {
  nb::class_<Session>(module, "Session")
      .def(nb::init<const Model &, int32_t, int64_t, int64_t>(),
           nb::arg("model"), nb::arg("max_sequences"), nb::arg("max_context"),
           nb::arg("step_tokens"))
      .def("add", &Session::add, "A new, empty sequence.")
      .def("remove", &Session::remove, nb::arg("sequence"))
      .def("fork", &Session::fork, nb::arg("sequence"),
           "A second sequence with the same tokens.")
      .def("truncate", &Session::truncate, nb::arg("sequence"),
           nb::arg("length"), "Cuts a sequence to its first tokens.")
      .def("length", &Session::length, nb::arg("sequence"),
           "Tokens fed so far.")
      .def("least_length", &Session::leastLength, nb::arg("sequence"),
           "The least length above 0 that truncate goes to.")
      .def("_step", &Session::step, nb::arg("pieces"), nb::arg("rows"))
      .def("logits", &Session::logits,
           "The last step's rows, f32 [rows, vocabulary], as an array of its "
           "own.")
      .def("logits_view", &Session::logitsView,
           "The same in the library's memory, read-only, not copied. No step "
           "is possible while it is used.");
}

} // namespace hamlet::python
