//===- Interrupt.cpp ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "container/Interrupt.h"

#include "container/AtomicFile.h"

#include <array>
#include <csignal>
#include <cstddef>
#include <cstdlib>

namespace hamlet {
namespace {

constexpr std::array<int, 2> kSignals = {SIGINT, SIGTERM};
std::array<struct sigaction, kSignals.size()> before;
volatile std::sig_atomic_t came = 0, last = SIGINT;

void note(int signal) {
  if (!came) {
    came = 1;
    last = signal;
    return;
  }
  AtomicFile::discardAll();
  std::signal(signal, SIG_DFL);
  raise(signal);
}

} // namespace

Interruptible::Interruptible() {
  came = 0;
  for (size_t i = 0; i < kSignals.size(); ++i) {
    struct sigaction action = {};
    action.sa_handler = note;
    action.sa_flags = SA_RESTART;
    sigaction(kSignals[i], nullptr, &before[i]);
    if (before[i].sa_handler != SIG_IGN)
      sigaction(kSignals[i], &action, nullptr);
  }
}

Interruptible::~Interruptible() {
  for (size_t i = 0; i < kSignals.size(); ++i)
    sigaction(kSignals[i], &before[i], nullptr);
}

bool Interruptible::asked() { return came != 0; }

void Interruptible::reset() { came = 0; }

void endInterrupted() {
  AtomicFile::discardAll();
  std::signal(last, SIG_DFL);
  raise(last);
  std::abort(); // it was blocked
}

} // namespace hamlet
