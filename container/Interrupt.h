//===- Interrupt.h --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CONTAINER_INTERRUPT_H
#define HAMLET_CONTAINER_INTERRUPT_H

namespace hamlet {

/// While it lives, the first SIGINT or SIGTERM is noted, for work that can end
/// in order; another one ends the process as it would without. One at a time;
/// signals that are ignored stay so.
class Interruptible {
public:
  Interruptible();
  Interruptible(const Interruptible &) = delete;
  Interruptible &operator=(const Interruptible &) = delete;
  ~Interruptible();
  /// Whether one came.
  static bool asked();
  /// Forgets it, to wait for the next.
  static void reset();
};

/// Ends the process by the signal that was noted last, as it would have ended
/// at once: who started it sees why.
[[noreturn]] void endInterrupted();

} // namespace hamlet

#endif // HAMLET_CONTAINER_INTERRUPT_H
