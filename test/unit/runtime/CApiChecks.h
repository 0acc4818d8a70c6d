//===- CApiChecks.h -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

/* What the C tests of the C interface share. */
#ifndef HAMLET_TEST_UNIT_RUNTIME_CAPICHECKS_H
#define HAMLET_TEST_UNIT_RUNTIME_CAPICHECKS_H

#include "runtime/hamlet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline void check(int condition, const char *what) {
  if (condition)
    return;
  fprintf(stderr, "failed: %s\n", what);
  exit(1);
}

static inline void succeed(hamlet_status *status) {
  check(!status, hamlet_status_message(status));
}

/* The call must fail with a message that contains `part`. */
static inline void fail(hamlet_status *status, const char *part) {
  check(status && strstr(hamlet_status_message(status), part),
        status ? hamlet_status_message(status) : part);
  hamlet_status_free(status);
}

#endif /* HAMLET_TEST_UNIT_RUNTIME_CAPICHECKS_H */
