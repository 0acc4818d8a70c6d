//===- CApi.h -------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// What the sources of the C interface share.
#ifndef HAMLET_RUNTIME_CAPI_H
#define HAMLET_RUNTIME_CAPI_H

#include "runtime/hamlet.h"

#include "runtime/Executor.h"

#include <exception>
#include <memory>
#include <new>
#include <string>

struct hamlet_status {
  std::string message;
};
struct hamlet_model {
  std::unique_ptr<hamlet::runtime::LoadedModel> loaded;
};
struct hamlet_session {
  std::unique_ptr<hamlet::runtime::Executor> executor;
};

namespace hamlet::runtime::capi {

hamlet_status *toC(const std::string &message);
/// Stands where there is no memory for another; never freed.
hamlet_status *outOfMemory();

/// Runs `body`, which returns a Status; exceptions do not cross into C.
template <typename Body> hamlet_status *guarded(Body body) {
  try {
    Status status = body();
    return status.ok() ? nullptr : toC(status.message());
  } catch (const std::bad_alloc &) {
    return outOfMemory();
  } catch (const std::exception &error) {
    return toC(error.what());
  }
}

/// Fails where one of the pointers is null.
template <typename... Pointers>
Status given(const char *function, const Pointers *...pointers) {
  return (... && pointers) ? Status()
                           : failure(function, ": an argument is NULL");
}

} // namespace hamlet::runtime::capi

#endif // HAMLET_RUNTIME_CAPI_H
