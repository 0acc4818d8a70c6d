//===- OutOfMemory.cpp ----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "container/OutOfMemory.h"

#include "container/AtomicFile.h"

#include <atomic>
#include <cstring>
#include <new>
#include <unistd.h>

namespace hamlet {
namespace {

// Nothing here may allocate.
void say(const char *text) {
  for (size_t left = std::strlen(text); left;) {
    ssize_t n = write(STDERR_FILENO, text, left);
    if (n <= 0)
      return;
    text += n;
    left -= static_cast<size_t>(n);
  }
}

} // namespace

void endAtOnce(const char *what) {
  // Of threads that come here at once the first one speaks.
  static std::atomic_flag taken;
  while (taken.test_and_set())
    pause();
  AtomicFile::discardAll();
  say("hamlet: error: ");
  say(what);
  say("\n");
  _exit(1);
}

void endOutOfMemory() {
  endAtOnce("not enough memory: an allocation failed; raise the limit (ulimit "
            "-v) or take a machine that has more");
}

void endWhenMemoryRunsOut() { std::set_new_handler(endOutOfMemory); }

} // namespace hamlet
