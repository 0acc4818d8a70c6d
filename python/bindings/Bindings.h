//===- Bindings.h
//-----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// What the sources of the extension share. They use the C interface alone.
#ifndef HAMLET_PYTHON_BINDINGS_BINDINGS_H
#define HAMLET_PYTHON_BINDINGS_BINDINGS_H

#include <hamlet.h>

#include <memory>
#include <mutex>
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <stdexcept>
#include <string>
#include <utility>

namespace hamlet::python {

namespace nb = nanobind;

/// hamlet.HamletError.
class Error : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Throws the words of a failure.
inline void check(hamlet_status *status) {
  if (!status)
    return;
  std::string message = hamlet_status_message(status);
  hamlet_status_free(status);
  throw Error(message);
}

/// A model, for as long as something was made from it. One thread at a time
/// works with it: others wait, without the interpreter's lock.
struct Shared {
  ~Shared() { hamlet_model_free(model); }
  template <typename Call> void work(Call call) {
    hamlet_status *status = nullptr;
    {
      nb::gil_scoped_release release;
      std::lock_guard lock(mutex);
      status = call();
    }
    check(status);
  }

  hamlet_model *model = nullptr;
  std::mutex mutex;
};

/// hamlet._hamlet.Model.
struct Model {
  std::shared_ptr<Shared> shared;
};

/// Ids on the way in; the package converts what else a user may give.
using Ids =
    nb::ndarray<const int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

void bindModel(nb::module_ &module);
void bindGeneration(nb::module_ &module);
void bindSession(nb::module_ &module);
void bindText(nb::module_ &module);
/// `Model.functions` and `Model.call`.
void bindCall(nb::class_<Model> &model);

} // namespace hamlet::python

#endif // HAMLET_PYTHON_BINDINGS_BINDINGS_H
