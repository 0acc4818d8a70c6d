//===- Scheduler.cpp ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "emulator/driver/Scheduler.h"

#include "emulator/driver/State.h"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <system_error>
#include <thread>

namespace hamlet::emu::driver {
namespace {
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr size_t kQueueLimit = 4096;       // tasks
constexpr size_t kQueueBytes = 256u << 20; // copies of pageable memory
constexpr double kTaskNanoseconds = 1000;
constexpr auto kRetry = 200us; // between questions to a task that cannot go on
constexpr auto kTurn = 50us;   // for which a polling kernel steps aside
constexpr u64 kRounds = 64;    // of a polling kernel between such
constexpr auto kLastWork = 500ms; // that work may take when the process ends
thread_local bool hostFunction = false;

/// For how long a kernel may poll while nothing at all happens.
std::chrono::seconds grace() {
  static const std::chrono::seconds seconds = [] {
    u64 value = 10;
    if (const char *text = std::getenv("EMU_POLL_SECONDS"))
      readNumber(text, 0, 1'000'000, value);
    return std::chrono::seconds(value);
  }();
  return seconds;
}
} // namespace

bool inHostFunction() { return hostFunction; }
void callHostFunction(CUhostFn function, void *data) {
  hostFunction = true;
  function(data);
  hostFunction = false;
}

bool Scheduler::full(const Queue &q) {
  return q.tasks.size() >= kQueueLimit || q.bytes > kQueueBytes;
}

MarkPointer Scheduler::submit(const QueuePointer &queue, Action action,
                              std::vector<MarkPointer> after) {
  Task t{std::move(action), std::move(after), std::make_shared<Mark>(),
         ++orders, now};
  std::erase_if(t.after, [](const MarkPointer &m) { return !m || m->done; });
  MarkPointer mark = queue->last = t.mark;
  if (stopped) {
    mark->done = true;
    return mark;
  }
  queue->bytes += t.bytes;
  if (queue->tasks.empty())
    active.push_back(queue);
  queue->tasks.push_back(std::move(t));
  ++progress;
  wake();
  return mark;
}

bool Scheduler::ready(const Queue &q) {
  if (q.running || q.tasks.empty())
    return false;
  const Task &t = q.tasks.front();
  for (const MarkPointer &m : t.after)
    if (!m->done)
      return false;
  if (t.kernel && machine && !q.context->sticky) {
    wanted = true;
    return false;
  }
  return !q.parked || Clock::now() >= q.retry;
}

/// The most urgent queue that can go on, then the oldest task.
QueuePointer Scheduler::pick() {
  QueuePointer best;
  for (const QueuePointer &q : active)
    if (ready(*q) && (!best || q->priority < best->priority ||
                      (q->priority == best->priority &&
                       q->tasks.front().order < best->tasks.front().order)))
      best = q;
  return best;
}

/// Sees to it that a thread takes care of what can go on, now or later.
void Scheduler::wake() {
  if (stopped || !std::ranges::any_of(active, [&](const QueuePointer &q) {
        return ready(*q) || (q->parked && !q->running);
      }))
    return;
  if (idle) {
    task.notify_one();
    return;
  }
  if (!workers)
    endWithProcess();
  try {
    std::thread([this] { work(); }).detach();
    ++workers;
  } catch (const std::system_error &) {
    if (!workers) // else those that are there come to it
      throw;
  }
}

void Scheduler::work() {
  std::unique_lock lock(mutex);
  while (!stopped) {
    QueuePointer q = pick();
    if (q) {
      run(q, lock);
      continue;
    }
    auto until = Clock::time_point::max();
    for (const QueuePointer &p : active)
      if (p->parked && !p->running)
        until = std::min(until, p->retry);
    ++idle;
    if (until == Clock::time_point::max())
      task.wait(lock);
    else
      task.wait_until(lock, until);
    --idle;
  }
}

void Scheduler::run(const QueuePointer &q, std::unique_lock<std::mutex> &lock) {
  Task &t = q->tasks.front(); // stays where it is until complete()
  q->running = true;
  q->parked = false;
  double start = std::max(q->clock, t.submitted);
  for (const MarkPointer &m : t.after)
    start = std::max(start, m->time);
  CUresult result = kSuccess;
  Running running;
  if (t.run && !q->context->sticky) {
    if (t.kernel) {
      machine = true;
      wanted = waiting != 0;
      ++turns;
    }
    ++busy;
    auto mine = began.insert(++epoch);
    wake(); // for the others, as this thread is taken
    lock.unlock();
    try {
      result = t.run(running);
    } catch (const std::bad_alloc &) {
      result = kOutOfMemory;
    }
    lock.lock();
    began.erase(mine);
    --busy;
    if (t.kernel)
      machine = false;
  }
  q->running = false;
  if (result == kNotYet) {
    q->parked = true;
    q->retry = Clock::now() + kRetry;
    done.notify_all(); // finish() looks for such
  } else {
    q->clock = start + kTaskNanoseconds + running.nanoseconds;
    complete(*q, result);
  }
  while (!retired.empty() &&
         (began.empty() || retired.front().first < *began.begin()))
    retired.pop_front();
}

void Scheduler::complete(Queue &q, CUresult result) {
  Task t = std::move(q.tasks.front());
  q.tasks.pop_front();
  q.bytes -= t.bytes;
  q.parked = false;
  if (q.tasks.empty())
    std::erase_if(active, [&](const QueuePointer &p) { return p.get() == &q; });
  if (result && !q.context->sticky)
    q.context->sticky = result;
  t.mark->time = q.clock;
  t.mark->done = true;
  ++progress;
  done.notify_all();
  wake();
}

void Scheduler::finish(std::unique_lock<std::mutex> &lock,
                       const std::vector<QueuePointer> &queues) {
  wait(lock, [&] {
    bool empty = true;
    for (const QueuePointer &q : queues) {
      while (q->parked && !q->running)
        complete(*q, kSuccess);
      empty &= q->tasks.empty();
    }
    return empty;
  });
}

void Scheduler::retire(std::shared_ptr<void> object) {
  if (!began.empty())
    retired.emplace_back(++epoch, std::move(object));
}

bool Scheduler::handOver(uint64_t rounds, Patience &patience) {
  if (rounds <= 1)
    ++progress;
  if (!wanted && (!rounds || rounds % kRounds))
    return true;
  std::unique_lock lock(mutex);
  machine = false;
  wanted = false;
  // `waiters`: of them this thread.
  auto contended = [&](unsigned waiters) {
    return waiting > waiters ||
           std::ranges::any_of(active, [&](const QueuePointer &q) {
             return ready(*q) && q->tasks.front().kernel;
           });
  };
  if (contended(0)) {
    // Not again before another kernel that can run has had its turn: how soon
    // its thread comes is the system's choice.
    uint64_t mine = turns;
    ++waiting;
    done.notify_all();
    wake();
    wait(lock, [&] { return !machine && (turns != mine || !contended(1)); });
    --waiting;
  } else {
    lock.unlock();
    std::this_thread::sleep_for(kTurn);
    lock.lock();
    ++waiting;
    wanted = wanted || machine;
    wait(lock, [&] { return !machine; });
    --waiting;
  }
  wanted = waiting != 0;
  machine = true;
  ++turns;
  auto time = Clock::now();
  if (uint64_t p = progress; p != patience.seen) {
    patience.seen = p;
    patience.since = time;
  }
  return time - patience.since < grace();
}

void Scheduler::stop() {
  std::unique_lock lock(mutex);
  cancel = true;
  stopped = true;
  task.notify_all();
  done.notify_all();
  done.wait_for(lock, kLastWork, [&] { return !busy; });
  for (const QueuePointer &q : active)
    for (Task &t : q->tasks)
      t.mark->done = true;
}
} // namespace hamlet::emu::driver
