//===- ThreadPool.h -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_RUNTIME_THREADPOOL_H
#define HAMLET_RUNTIME_THREADPOOL_H

#include "container/Status.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <type_traits>
#include <vector>

namespace hamlet::runtime {

inline constexpr unsigned kMostThreads = 4096;

/// A few threads that work through index ranges together with the caller.
/// Workers spin for some microseconds between ranges, then sleep; a range ends
/// when its pieces are done, whether every worker woke up for it or not. Every
/// thread computes with MXCSR at its default (round to nearest, denormals on)
/// whatever the host program has set. `forEach` is called by one thread at a
/// time and not from inside a range.
class ThreadPool {
public:
  /// `threads` counts the caller; 1 to kMostThreads.
  /// Throws if the machine does not give as many.
  explicit ThreadPool(unsigned threads);
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;
  ~ThreadPool();

  unsigned size() const { return static_cast<unsigned>(workers.size()) + 1; }
  /// Ranges so far that were handed to the workers; the others, of one piece,
  /// ran on the caller alone.
  uint64_t dispatches() const { return dispatched; }

  /// Calls `body(begin, end, thread)` over all of [0, count) in pieces of at
  /// most `grain`; `thread` < size(). Each thread begins with a share of its
  /// own, the same one in every range of this count and grain, so that what it
  /// wrote is in its caches, and then takes pieces of the others' as it gets
  /// free.
  template <typename Body>
  void forEach(int64_t count, int64_t grain, Body &&body) {
    using Type = std::remove_reference_t<Body>;
    run(
        count, grain,
        [](const void *context, int64_t begin, int64_t end, unsigned thread) {
          (*static_cast<Type *>(const_cast<void *>(context)))(begin, end,
                                                              thread);
        },
        &body);
  }

private:
  using Function = void (*)(const void *, int64_t, int64_t, unsigned);

  void run(int64_t count, int64_t grain, Function function,
           const void *context);
  void work(unsigned thread);
  void stop();
  void take(unsigned thread);

  /// A thread's part of the range: pieces from `next` to `end` are not taken.
  /// Lines of their own, so that taking one disturbs nobody.
  struct alignas(64) Share {
    std::atomic<int64_t> next{0};
    int64_t end = 0;
  };

  Function function = nullptr;
  const void *context = nullptr;
  int64_t grain = 1;
  uint64_t dispatched = 0;
  std::vector<Share> shares; // by thread
  alignas(64) std::atomic<uint32_t> state{0};
  std::atomic<bool> stopping{false};
  std::vector<std::thread> workers;
};

/// `requested` if above 0, else HAMLET_THREADS, else the cores this process
/// may use. Fails if one of the first two is not a number from 1 to
/// kMostThreads.
Result<unsigned> threadCount(unsigned requested);

} // namespace hamlet::runtime

#endif // HAMLET_RUNTIME_THREADPOOL_H
