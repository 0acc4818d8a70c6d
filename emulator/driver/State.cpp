//===- State.cpp ----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "emulator/driver/Loading.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>

namespace hamlet::emu::driver {
namespace {
thread_local std::vector<CUcontext> stack;
thread_local bool perThreadDefault = false;

/// EMU_LIVE names a file: what the program had not freed when it ended, and
/// what went with its context.
void writeLive() {
  std::lock_guard lock(state().mutex);
  std::ofstream(std::getenv("EMU_LIVE"))
      << "{\"live\": " << liveObjects()
      << ", \"abandoned\": " << state().abandoned << "}\n";
}
} // namespace

State &state() {
  // Never destroyed: programs call in from their own static destructors. The
  // library stays mapped (-z nodelete), so it is not lost either.
  static State *s = [] {
    if (std::getenv("EMU_LIVE"))
      std::atexit(writeLive);
    return new State;
  }();
  return *s;
}

void endWithProcess() {
  std::atexit([] { state().scheduler.stop(); });
}

std::vector<CUcontext> &contextStack() { return stack; }
CUcontext currentContext() {
  // One that was destroyed may still be on the stack.
  return stack.empty() || !state().contexts.count(stack.back()) ? nullptr
                                                                : stack.back();
}
void setCurrentContext(CUcontext c) {
  if (stack.empty())
    stack.push_back(c);
  else
    stack.back() = c;
  if (!c)
    stack.pop_back();
}
Device *deviceOf(CUcontext c) { return c ? c->device : nullptr; }

DeviceMemory *memoryOf(CUdeviceptr address) {
  for (auto &d : state().devices)
    if (d->memory->owns(address))
      return d->memory.get();
  return nullptr;
}

bool readNumber(const char *text, u64 least, u64 most, u64 &value) {
  errno = 0;
  char *end = nullptr;
  u64 v = std::strtoull(text, &end, 0);
  if (end == text || *end || errno || std::strchr(text, '-') || v < least ||
      v > most)
    return false;
  value = v;
  return true;
}

bool addFaults(const std::string &text) {
  size_t from = 0;
  while (from < text.size()) {
    size_t end = text.find(',', from);
    std::string one =
        text.substr(from, end == std::string::npos ? end : end - from);
    size_t at = one.find('@'), eq = one.find('=');
    if (at == std::string::npos || eq == std::string::npos || eq < at)
      return false;
    State::Fault f;
    f.name = one.substr(0, at);
    u64 code = 0;
    if (!readNumber(one.substr(at + 1, eq - at - 1).c_str(), 0, ~u64(0),
                    f.at) ||
        !readNumber(one.c_str() + eq + 1, 0, 999, code))
      return false;
    f.code = static_cast<int>(code);
    state().faults.push_back(f);
    if (end == std::string::npos)
      break;
    from = end + 1;
  }
  return true;
}

Call::Call(const char *name, bool needsContext) : lock(state().mutex) {
  State &s = state();
  if (inHostFunction()) { // its stream would wait for itself
    code = kNotPermitted;
    return;
  }
  ++s.calls;
  std::string full = name;
  for (State::Fault &f : s.faults) {
    // "cuMemAlloc" stands for cuMemAlloc_v2 as well.
    bool mine =
        f.name == "any" || full == f.name ||
        (full.rfind(f.name + "_v", 0) == 0 && full.size() <= f.name.size() + 3);
    if (mine && ++f.seen == f.at) {
      code = f.code;
      if (code >= 700 && code < 800 && currentContext())
        currentContext()->sticky = code;
      return;
    }
  }
  if (!needsContext)
    return;
  if (!s.initialised)
    code = kNotInitialized;
  else if (!currentContext())
    code = kInvalidContext;
  else
    code = currentContext()->sticky;
}

CUresult Call::result() const {
  CUcontext c = currentContext();
  return c ? c->sticky : kSuccess;
}
CUresult Call::wait(const MarkPointer &mark) {
  Scheduler &s = state().scheduler;
  if (mark) {
    s.wait(lock, [&] { return mark->done; });
    s.now = std::max(s.now, mark->time);
  }
  return result();
}
CUresult Call::finish(const std::vector<MarkPointer> &marks) {
  for (const MarkPointer &m : marks)
    wait(m);
  return result();
}
CUresult Call::finish(CUcontext context) { return finish(newestOf(context)); }
void Call::end(CUcontext context) {
  state().scheduler.finish(lock, std::vector(context->queues));
}
void Call::throttle(const QueuePointer &queue) {
  if (Scheduler::full(*queue))
    state().scheduler.wait(lock, [&] { return !Scheduler::full(*queue); });
}

bool validStream(CUstream stream) {
  auto raw = reinterpret_cast<uintptr_t>(stream);
  return raw <= 2 || state().streams.count(stream); // null, legacy, per thread
}

bool isCapturing(CUstream stream) {
  return state().streams.count(stream) && stream->capture;
}

std::vector<MarkPointer> newestOf(CUcontext context) {
  std::vector<MarkPointer> marks;
  for (const QueuePointer &q : context->queues)
    marks.push_back(q->last);
  return marks;
}

PerThreadDefault::PerThreadDefault() : before(perThreadDefault) {
  perThreadDefault = true;
}
PerThreadDefault::~PerThreadDefault() { perThreadDefault = before; }

QueuePointer queueOf(CUstream stream) {
  CUcontext c = currentContext();
  auto raw = reinterpret_cast<uintptr_t>(stream);
  if (raw == 2 || (raw == 0 && perThreadDefault)) {
    QueuePointer &q = c->perThread[std::this_thread::get_id()];
    if (!q) {
      q = std::make_shared<Queue>();
      q->context = c;
      c->queues.push_back(q);
    }
    return q;
  }
  if (raw < 2)
    return c->legacy;
  return state().streams.count(stream) ? stream->queue : nullptr;
}

std::vector<MarkPointer> implicitOrder(const Queue &queue) {
  std::vector<MarkPointer> after;
  if (&queue != queue.context->legacy.get()) {
    if (queue.blocking)
      after.push_back(queue.context->legacy->last);
    return after;
  }
  for (const QueuePointer &q : queue.context->queues)
    if (q->blocking && q.get() != &queue)
      after.push_back(q->last);
  return after;
}

Allocation *allocationOf(CUdeviceptr address) {
  DeviceMemory *m = memoryOf(address);
  return (m ? m : &state().host)->findOwn(address);
}

bool isPinned(const void *host, size_t bytes) {
  auto at = reinterpret_cast<u64>(host);
  Allocation *a = state().host.findOwn(at);
  return a && bytes <= a->end - at;
}

bool release(CUdeviceptr address) {
  DeviceMemory *m = memoryOf(address);
  std::shared_ptr<Allocation> a = (m ? m : &state().host)->take(address);
  if (!a)
    return false;
  state().scheduler.retire(std::move(a)); // another stream may be using it
  return true;
}

void destroy(CUmodule m) {
  for (auto &[name, f] : m->functions) {
    state().functions.erase(f);
    delete f;
  }
  if (m->library)
    m->library->modules.erase(m->context);
  if (m->managed)
    m->managed->unregister();
  state().modules.erase(m);
  delete m;
}

void destroy(CUcontext c) {
  State &s = state();
  auto each = [&](const auto &objects, auto free) {
    // Freeing changes the set.
    std::vector mine(objects.begin(), objects.end());
    for (auto o : mine)
      if (o->context == c) {
        ++s.abandoned;
        free(o);
      }
  };
  each(s.modules, [&](CUmodule m) {
    s.abandoned -= m->library != nullptr; // whose unloading is another matter
    destroy(m);
  });
  each(s.streams, [](CUstream x) { destroy(x); });
  each(s.events, [&](CUevent e) {
    s.events.erase(e);
    delete e;
  });
  for (auto it = s.owners.begin(); it != s.owners.end();) {
    if (it->second != c) {
      ++it;
      continue;
    }
    ++s.abandoned;
    release(it->first);
    it = s.owners.erase(it);
  }
  for (CUcontext other : s.contexts) {
    if (other->peers.erase(c))
      other->device->memory->unreach(*c->device->memory);
    if (c->peers.count(other))
      c->device->memory->unreach(*other->device->memory);
  }
  s.contexts.erase(c);
  delete c;
}

uint64_t liveObjects() {
  State &s = state();
  uint64_t n = s.streams.size() + s.events.size() + s.modules.size() +
               s.libraries.size() + s.pinned.size() + s.graphs.size() +
               s.executables.size();
  for (auto &d : s.devices)
    n += d->memory->count();
  return n;
}
} // namespace hamlet::emu::driver

/// Adds faults at run time, "name@n=code,...". 0, or 1 on nonsense.
HAMLET_CUDA hamletEmulatorInjectFault(const char *text) {
  std::lock_guard lock(hamlet::emu::driver::state().mutex);
  return hamlet::emu::driver::addFaults(text ? text : "") ? 0 : 1;
}
/// How many driver calls were made.
extern "C" __attribute__((visibility("default"))) unsigned long long
hamletEmulatorCalls() {
  std::lock_guard lock(hamlet::emu::driver::state().mutex);
  return hamlet::emu::driver::state().calls;
}
/// How many allocations, streams, events, modules, graphs and pieces of pinned
/// memory are alive.
extern "C" __attribute__((visibility("default"))) unsigned long long
hamletEmulatorLive() {
  std::lock_guard lock(hamlet::emu::driver::state().mutex);
  return hamlet::emu::driver::liveObjects();
}
