//===- Module.cpp
//-----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "bindings/Bindings.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

namespace hamlet::python {

void bindModel(nb::module_ &module) {
  nb::class_<Model> model(module, "Model");
  model
      .def(
          "__init__",
          [](Model *made, const std::string &path,
             const std::optional<std::string> &weights,
             const std::string &device, unsigned threads) {
            auto shared = std::make_shared<Shared>();
            shared->work([&] {
              return hamlet_model_load(path.c_str(),
                                       weights ? weights->c_str() : nullptr,
                                       device.c_str(), threads, &shared->model);
            });
            new (made) Model{std::move(shared)};
          },
          nb::arg("path"), nb::arg("weights").none(), nb::arg("device"),
          nb::arg("threads"))
      .def_prop_ro(
          "vocabulary",
          [](const Model &m) {
            return hamlet_model_vocabulary(m.shared->model);
          },
          "Ids are 0 to vocabulary - 1; 0: the file has functions alone.")
      .def_prop_ro(
          "max_positions",
          [](const Model &m) {
            return hamlet_model_max_positions(m.shared->model);
          },
          "The longest sequence the model was made for, in tokens.")
      .def_prop_ro(
          "eos_ids",
          [](const Model &m) {
            size_t count = 0;
            const int64_t *ids = hamlet_model_eos_ids(m.shared->model, &count);
            return std::vector<int64_t>(ids, ids + count);
          },
          "The ids that end an answer.")
      .def_prop_ro(
          "messages",
          [](const Model &m) {
            std::vector<std::string> messages;
            while (const char *message =
                       hamlet_model_message(m.shared->model, messages.size()))
              messages.emplace_back(message);
            return messages;
          },
          "What loading found that a person should see.");
  bindCall(model);
}

} // namespace hamlet::python

NB_MODULE(_hamlet, module) {
  using namespace hamlet::python;
  module.attr("__version__") = HAMLET_VERSION;
  const nb::exception<Error> type(module, "HamletError", PyExc_RuntimeError);
  bindModel(module);
  bindGeneration(module);
  bindSession(module);
  bindText(module);
}
