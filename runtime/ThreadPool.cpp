#include "runtime/ThreadPool.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <sched.h>
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

/// Returns once `value` differs from `old`.
void waitWhile(const std::atomic<int> &value, int old) {
  for (int i = 0; i < kSpins; ++i) {
    if (value.load(std::memory_order_acquire) != old)
      return;
    pause();
  }
  value.wait(old, std::memory_order_acquire);
}

} // namespace

ThreadPool::ThreadPool(unsigned threads) {
  for (unsigned i = 1; i < threads; ++i)
    workers.emplace_back([this, i] { work(i); });
}

ThreadPool::~ThreadPool() {
  stopping = true;
  epoch.fetch_add(1, std::memory_order_release);
  epoch.notify_all();
  for (std::thread &worker : workers)
    worker.join();
}

void ThreadPool::take(unsigned thread) {
  while (true) {
    int64_t begin = next.fetch_add(grain, std::memory_order_relaxed);
    if (begin >= count)
      return;
    function(context, begin, std::min(begin + grain, count), thread);
  }
}

void ThreadPool::work(unsigned thread) {
  KernelFloatMode mode;
  for (int seen = 0;;) {
    waitWhile(epoch, seen);
    ++seen; // the caller waits for us before it starts the next epoch
    if (stopping)
      return;
    take(thread);
    if (pending.fetch_sub(1, std::memory_order_acq_rel) == 1)
      pending.notify_one();
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
  count = newCount;
  grain = newGrain;
  next.store(0, std::memory_order_relaxed);
  pending.store(static_cast<int>(workers.size()), std::memory_order_relaxed);
  epoch.fetch_add(1, std::memory_order_release);
  epoch.notify_all();
  take(0);
  for (int left; (left = pending.load(std::memory_order_acquire)) > 0;)
    waitWhile(pending, left);
}

Result<unsigned> threadCount(unsigned requested) {
  if (requested)
    return requested;
  if (const char *text = std::getenv("HAMLET_THREADS"); text && *text) {
    constexpr unsigned long kMost = 4096;
    char *end;
    unsigned long value = std::strtoul(text, &end, 10);
    if (*end || !std::isdigit(static_cast<unsigned char>(*text)) || value < 1 ||
        value > kMost)
      return failure("HAMLET_THREADS is '", text, "', expected 1 to ", kMost);
    return static_cast<unsigned>(value);
  }
  cpu_set_t set;
  if (!sched_getaffinity(0, sizeof(set), &set))
    return static_cast<unsigned>(std::max(CPU_COUNT(&set), 1));
  return std::max(std::thread::hardware_concurrency(), 1u);
}

} // namespace hamlet::runtime
