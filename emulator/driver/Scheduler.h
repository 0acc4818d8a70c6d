//===- Scheduler.h --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Queues of work, one a stream, and the threads that run what is in them.
//
// An asynchronous call puts a task behind its stream's others and returns. A
// task starts when the one before it and those that it was made to wait for
// (events, the legacy stream's rules) are done. Threads are made as tasks need
// them. No lock is held while a task runs: one that blocks, or answers that it
// cannot go on yet, holds up its own stream alone. Kernels run one at a time,
// since their atomics are plain arithmetic, and hand over while they poll.
#pragma once

#include "emulator/driver/Api.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

namespace hamlet::emu::driver {

/// What a task answers that is to be asked again later.
constexpr CUresult kNotYet = -1;
/// What a running task says of itself.
struct Running {
  double nanoseconds = 0; ///< of virtual time
};
using Work = std::function<CUresult(Running &)>;

struct Action {
  Work run; ///< empty: a place in the order alone
  bool kernel = false;
  size_t bytes = 0; ///< of host memory that it holds
};

/// A task's end, seen from elsewhere.
struct Mark {
  bool done = false;
  double time = 0; ///< virtual nanoseconds
};
using MarkPointer = std::shared_ptr<Mark>;

struct Task : Action {
  std::vector<MarkPointer> after;
  MarkPointer mark;
  uint64_t order = 0;
  double submitted = 0; ///< virtual nanoseconds
};

struct Queue {
  CUcontext context = nullptr; ///< outlives every task
  bool blocking = true;        ///< ordered with the legacy stream
  int priority = 0;            ///< the smaller the sooner
  std::deque<Task> tasks;      ///< the first may be running
  bool running = false;
  bool parked = false; ///< the first answered kNotYet
  std::chrono::steady_clock::time_point retry;
  MarkPointer last; ///< of the newest task; null: there was none
  double clock = 0; ///< virtual nanoseconds
  size_t bytes = 0;
};
using QueuePointer = std::shared_ptr<Queue>;

/// For how long a kernel has been polling in vain.
struct Patience {
  std::chrono::steady_clock::time_point since;
  uint64_t seen = 0;
};

/// Its functions want `mutex` locked, except where they say otherwise.
class Scheduler {
public:
  explicit Scheduler(std::mutex &mutex) : mutex(mutex) {}

  /// Puts a task behind the others of `queue`, after `after` as well.
  MarkPointer submit(const QueuePointer &queue, Action action,
                     std::vector<MarkPointer> after);
  /// Whether the queue holds so much that its caller is to wait.
  static bool full(const Queue &queue);
  /// Waits until `ready()`, which tasks' ends change.
  template <class F> void wait(std::unique_lock<std::mutex> &lock, F ready) {
    done.wait(lock, [&] { return stopped || ready(); });
  }
  /// Waits for what is in the queues; what cannot go on is dropped.
  void finish(std::unique_lock<std::mutex> &lock,
              const std::vector<QueuePointer> &queues);
  /// Keeps what a running task may still be using until none can.
  void retire(std::shared_ptr<void> object);
  /// Ends everything, when the process does. Takes the lock.
  void stop();

  /// Whether a kernel that polls in vain for `rounds` rounds goes on: others
  /// get their turn meanwhile. Takes the lock.
  bool handOver(uint64_t rounds, Patience &patience);
  const std::atomic<bool> &cancelled() const { return cancel; }

  double now = 0; ///< the host's virtual nanoseconds

private:
  bool ready(const Queue &q);
  QueuePointer pick();
  void wake();
  void work();
  void run(const QueuePointer &q, std::unique_lock<std::mutex> &lock);
  void complete(Queue &q, CUresult result);

  std::mutex &mutex;
  std::condition_variable task, done; ///< there is one to run; one has ended
  std::vector<QueuePointer> active;   ///< that are not empty
  unsigned workers = 0, idle = 0, busy = 0;
  bool machine = false;            ///< a kernel runs
  uint64_t turns = 0;              ///< of kernels, until now
  unsigned waiting = 0;            ///< polling kernels that want a turn
  std::atomic<bool> wanted{false}; ///< by another kernel
  std::atomic<bool> cancel{false};
  bool stopped = false;
  uint64_t orders = 0;
  std::atomic<uint64_t> progress{0};

  uint64_t epoch = 0;
  std::multiset<uint64_t> began; ///< epochs of the tasks that run
  std::deque<std::pair<uint64_t, std::shared_ptr<void>>> retired;
};

/// Whether this thread is in a host function that a stream called.
bool inHostFunction();
void callHostFunction(CUhostFn function, void *data);
} // namespace hamlet::emu::driver
