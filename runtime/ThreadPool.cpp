//===- ThreadPool.cpp -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/ThreadPool.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <sched.h>
#include <stdexcept>
#include <string>
#include <system_error>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace hamlet::runtime {
namespace {

constexpr int kSpins = 2000; // pauses, some 20 to 80 microseconds

void pause() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

/// Sets the default floating-point environment of kernels while it lives.
class KernelFloatMode {
public:
#if defined(__x86_64__)
  KernelFloatMode() : saved(_mm_getcsr()) { _mm_setcsr(kDefault); }
  ~KernelFloatMode() { _mm_setcsr(saved); }

private:
  // All exceptions masked, round to nearest, neither flush-to-zero nor
  // denormals-are-zero.
  static constexpr unsigned kDefault = 0x1f80;
  unsigned saved;
#endif
};

// The pool's state: how many workers are inside the range, whether more may
// enter, and the range's number.
constexpr uint32_t kInside = kMostThreads - 1, kOpen = kMostThreads,
                   kNumber = 2 * kOpen;
uint32_t numberOf(uint32_t state) { return state / kNumber; }

/// Returns once `value` differs from `old`, with what it is then.
uint32_t waitWhile(const std::atomic<uint32_t> &value, uint32_t old) {
  for (int i = 0; i < kSpins; ++i) {
    uint32_t now = value.load(std::memory_order_acquire);
    if (now != old)
      return now;
    pause();
  }
  value.wait(old, std::memory_order_acquire);
  return value.load(std::memory_order_acquire);
}

} // namespace

ThreadPool::ThreadPool(unsigned threads) : shares(threads) {
  workers.reserve(threads);
  unsigned i = 1;
  try {
    for (; i < threads; ++i)
      workers.emplace_back([this, i] { work(i); });
  } catch (const std::system_error &error) {
    stop();
    throw std::runtime_error("cannot start thread " + std::to_string(i + 1) +
                             " of " + std::to_string(threads) + ": " +
                             error.code().message() +
                             "; take fewer (--threads) or raise the limits on "
                             "memory (ulimit -v) and processes (ulimit -u)");
  }
}

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::stop() {
  stopping = true;
  state.fetch_add(kNumber, std::memory_order_release);
  state.notify_all();
  for (std::thread &worker : workers)
    worker.join();
}

void ThreadPool::take(unsigned thread) {
  for (size_t i = 0; i < shares.size(); ++i) {
    Share &share = shares[(thread + i) % shares.size()];
    while (share.next.load(std::memory_order_relaxed) < share.end) {
      int64_t begin = share.next.fetch_add(grain, std::memory_order_relaxed);
      if (begin < share.end)
        function(context, begin, std::min(begin + grain, share.end), thread);
    }
  }
}

void ThreadPool::work(unsigned thread) {
  KernelFloatMode mode;
  uint32_t seen = 0, now = state.load(std::memory_order_acquire);
  while (true) {
    if (numberOf(now) == seen) {
      now = waitWhile(state, now);
      continue;
    }
    // A new number that is not open is a range that ended without us, or the
    // end of the pool.
    if (now & kOpen) {
      if (!state.compare_exchange_weak(now, now + 1, std::memory_order_acq_rel,
                                       std::memory_order_acquire))
        continue;
      seen = numberOf(now);
      take(thread);
      now = state.fetch_sub(1, std::memory_order_acq_rel) - 1;
      if (!(now & (kOpen | kInside)))
        state.notify_all();
    } else {
      if (stopping)
        return;
      seen = numberOf(now);
    }
  }
}

void ThreadPool::run(int64_t newCount, int64_t newGrain, Function newFunction,
                     const void *newContext) {
  if (newCount <= 0)
    return;
  KernelFloatMode mode;
  if (workers.empty() || newCount <= newGrain) {
    for (int64_t i = 0; i < newCount; i += newGrain)
      newFunction(newContext, i, std::min(i + newGrain, newCount), 0);
    return;
  }
  function = newFunction;
  context = newContext;
  grain = newGrain;
  ++dispatched;
  int64_t threads = size(), pieces = (newCount - 1) / grain + 1, begin = 0;
  for (int64_t i = 0; i < threads; ++i) {
    int64_t mine = pieces / threads + (i < pieces % threads);
    shares[i].next.store(begin, std::memory_order_relaxed);
    begin = std::min(begin + mine * grain, newCount);
    shares[i].end = begin;
  }
  state.fetch_add(kNumber + kOpen, std::memory_order_release);
  state.notify_all();
  take(0);
  // Workers that are not here by now are not waited for: on a busy machine
  // they may not run for milliseconds.
  uint32_t now = state.fetch_and(~kOpen, std::memory_order_acq_rel) & ~kOpen;
  while (now & kInside)
    now = waitWhile(state, now);
}

Result<unsigned> threadCount(unsigned requested) {
  if (requested > kMostThreads)
    return failure("expected 1 to ", kMostThreads, " threads, got ", requested);
  if (requested)
    return requested;
  if (const char *text = std::getenv("HAMLET_THREADS"); text && *text) {
    char *end;
    unsigned long value = std::strtoul(text, &end, 10);
    if (*end || !std::isdigit(static_cast<unsigned char>(*text)) || value < 1 ||
        value > kMostThreads)
      return failure("HAMLET_THREADS is '", text, "', expected 1 to ",
                     kMostThreads);
    return static_cast<unsigned>(value);
  }
  cpu_set_t set;
  if (!sched_getaffinity(0, sizeof(set), &set))
    return static_cast<unsigned>(std::max(CPU_COUNT(&set), 1));
  return std::max(std::thread::hardware_concurrency(), 1u);
}

} // namespace hamlet::runtime
