//===- StreamApi.cpp ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Streams, events, and waits for values in memory.
#include "emulator/driver/Graph.h"

#include <algorithm>
#include <cstring>

using namespace hamlet::emu;
using namespace hamlet::emu::driver;

namespace {
constexpr unsigned kNonBlocking = 1, kDisableTiming = 2, kExternal = 1;
constexpr int kMostUrgent = -5;

CUresult newStream(CUstream *s, unsigned flags, int priority) {
  if (!s || flags & ~kNonBlocking)
    return kInvalidValue;
  CUcontext c = currentContext();
  // Of streams that are gone only their tasks are left.
  std::erase_if(c->queues, [&](const QueuePointer &q) {
    return q.use_count() == 1 && q->tasks.empty();
  });
  auto q = std::make_shared<Queue>();
  q->context = c;
  q->blocking = !(flags & kNonBlocking);
  q->priority = std::clamp(priority, kMostUrgent, 0);
  c->queues.push_back(q);
  *s = new CUstream_st{c, flags, std::move(q), nullptr, {}};
  state().streams.insert(*s);
  return kSuccess;
}
bool plain(CUstream s) { return reinterpret_cast<uintptr_t>(s) <= 2; }
CUcontext contextOf(CUstream s) {
  return plain(s) ? currentContext() : s->context;
}

/// What the stream's next task would wait for. The legacy stream waits for all
/// blocking ones.
std::vector<MarkPointer> tail(CUstream s) {
  QueuePointer q = queueOf(s);
  std::vector<MarkPointer> marks = implicitOrder(*q);
  marks.push_back(q->last);
  return marks;
}
bool done(const MarkPointer &m) { return !m || m->done; }
} // namespace

#define HAMLET_STREAM(s)                                                       \
  if (!validStream(s))                                                         \
  return kInvalidHandle

HAMLET_CUDA cuStreamCreate(CUstream *s, unsigned flags) {
  HAMLET_ENTER(cuStreamCreate, true);
  return newStream(s, flags, 0);
}
HAMLET_CUDA cuStreamCreateWithPriority(CUstream *s, unsigned flags,
                                       int priority) {
  HAMLET_ENTER(cuStreamCreateWithPriority, true);
  return newStream(s, flags, priority);
}
HAMLET_CUDA cuStreamDestroy_v2(CUstream s) {
  HAMLET_ENTER(cuStreamDestroy_v2, true);
  if (!state().streams.count(s))
    return kInvalidHandle;
  destroy(s); // its tasks run on
  return kSuccess;
}
HAMLET_CUDA cuStreamSynchronize(CUstream s) {
  HAMLET_ENTER(cuStreamSynchronize, true);
  HAMLET_STREAM(s);
  if (isCapturing(s)) {
    invalidate(s);
    return kCaptureUnsupported;
  }
  return call.finish(tail(s));
}
HAMLET_CUDA cuStreamQuery(CUstream s) {
  HAMLET_ENTER(cuStreamQuery, true);
  HAMLET_STREAM(s);
  if (isCapturing(s)) {
    invalidate(s);
    return kCaptureUnsupported;
  }
  return std::ranges::all_of(tail(s), done) ? kSuccess : kNotReady;
}
HAMLET_CUDA cuStreamGetPriority(CUstream s, int *priority) {
  HAMLET_ENTER(cuStreamGetPriority, true);
  if (!priority)
    return kInvalidValue;
  HAMLET_STREAM(s);
  *priority = queueOf(s)->priority;
  return kSuccess;
}
HAMLET_CUDA cuStreamGetFlags(CUstream s, unsigned *flags) {
  HAMLET_ENTER(cuStreamGetFlags, true);
  if (!flags)
    return kInvalidValue;
  HAMLET_STREAM(s);
  *flags = plain(s) ? 0 : s->flags;
  return kSuccess;
}
HAMLET_CUDA cuStreamGetId(CUstream s, unsigned long long *id) {
  HAMLET_ENTER(cuStreamGetId, true);
  if (!id)
    return kInvalidValue;
  HAMLET_STREAM(s);
  *id = reinterpret_cast<uintptr_t>(queueOf(s).get());
  return kSuccess;
}
HAMLET_CUDA cuStreamGetCtx(CUstream s, CUcontext *c) {
  HAMLET_ENTER(cuStreamGetCtx, true);
  if (!c)
    return kInvalidValue;
  HAMLET_STREAM(s);
  *c = contextOf(s);
  return kSuccess;
}
HAMLET_CUDA cuStreamGetDevice(CUstream s, CUdevice *d) {
  HAMLET_ENTER(cuStreamGetDevice, true);
  if (!d)
    return kInvalidValue;
  HAMLET_STREAM(s);
  *d = contextOf(s)->device->ordinal;
  return kSuccess;
}
HAMLET_CUDA cuStreamAddCallback(CUstream s, CUstreamCallback callback,
                                void *data, unsigned flags) {
  HAMLET_ENTER(cuStreamAddCallback, true);
  if (!callback || flags)
    return kInvalidValue;
  Contents c;
  c.type = kHostNode;
  c.action.run = [=](Running &) {
    struct Bound {
      CUstreamCallback callback;
      CUstream stream;
      void *data;
    } bound{callback, s, data};
    callHostFunction(
        [](void *p) {
          auto *b = static_cast<Bound *>(p);
          b->callback(b->stream, kSuccess, b->data);
        },
        &bound);
    return int(kSuccess);
  };
  return isCapturing(s) ? int(kCaptureUnsupported)
                        : enqueue(call, s, std::move(c));
}

// ---- events ----
HAMLET_CUDA cuEventCreate(CUevent *e, unsigned flags) {
  HAMLET_ENTER(cuEventCreate, true);
  if (!e || flags & ~7u)
    return kInvalidValue;
  *e = new CUevent_st;
  (*e)->context = currentContext();
  (*e)->flags = flags;
  state().events.insert(*e);
  return kSuccess;
}
HAMLET_CUDA cuEventDestroy_v2(CUevent e) {
  HAMLET_ENTER(cuEventDestroy_v2, true);
  if (!state().events.erase(e))
    return kInvalidHandle;
  delete e;
  return kSuccess;
}
static CUresult record(Call &call, CUevent e, CUstream s, unsigned flags) {
  if (!state().events.count(e))
    return kInvalidHandle;
  HAMLET_STREAM(s);
  if (flags & ~kExternal)
    return kInvalidValue;
  if (isCapturing(s) && !flags) {
    // A place in the capture, no node.
    e->captured = s->capture;
    e->frontier = s->frontier;
    return kSuccess;
  }
  Contents c;
  c.type = kEventRecordNode;
  c.event = e;
  MarkPointer mark;
  if (CUresult r = enqueue(call, s, std::move(c), &mark))
    return r;
  if (mark && state().events.count(e)) {
    e->mark = mark;
    e->captured = nullptr;
  }
  return kSuccess;
}
HAMLET_CUDA cuEventRecord(CUevent e, CUstream s) {
  HAMLET_ENTER(cuEventRecord, true);
  return record(call, e, s, 0);
}
HAMLET_CUDA cuEventRecordWithFlags(CUevent e, CUstream s, unsigned flags) {
  HAMLET_ENTER(cuEventRecordWithFlags, true);
  return record(call, e, s, flags);
}
HAMLET_CUDA cuEventQuery(CUevent e) {
  HAMLET_ENTER(cuEventQuery, true);
  if (!state().events.count(e))
    return kInvalidHandle;
  if (e->captured)
    return kCapturedEvent;
  return done(e->mark) ? kSuccess : kNotReady;
}
HAMLET_CUDA cuEventSynchronize(CUevent e) {
  HAMLET_ENTER(cuEventSynchronize, true);
  if (!state().events.count(e))
    return kInvalidHandle;
  if (e->captured)
    return kCapturedEvent;
  return call.wait(e->mark);
}
static CUresult elapsed(float *ms, CUevent a, CUevent b) {
  if (!ms)
    return kInvalidValue;
  if (!state().events.count(a) || !state().events.count(b) || !a->mark ||
      !b->mark || ((a->flags | b->flags) & kDisableTiming))
    return kInvalidHandle;
  if (!done(a->mark) || !done(b->mark))
    return kNotReady;
  *ms = static_cast<float>((b->mark->time - a->mark->time) * 1e-6);
  return kSuccess;
}
HAMLET_CUDA cuEventElapsedTime(float *ms, CUevent a, CUevent b) {
  HAMLET_ENTER(cuEventElapsedTime, true);
  return elapsed(ms, a, b);
}
HAMLET_CUDA cuEventElapsedTime_v2(float *ms, CUevent a, CUevent b) {
  HAMLET_ENTER(cuEventElapsedTime_v2, true);
  return elapsed(ms, a, b);
}

/// Waiting for an event of a capture joins the capture.
static CUresult join(CUstream s, CUevent e) {
  if (plain(s))
    return kCaptureImplicit;
  std::shared_ptr<Capture> capture = e->captured;
  if (capture->invalidated)
    return kCaptureInvalidated;
  if (s->capture && s->capture != capture)
    return kCaptureMerge;
  if (!capture->streams.count(capture->origin))
    return kInvalidValue; // that capture has ended
  s->capture = capture;
  capture->streams.insert(s);
  for (CUgraphNode n : e->frontier)
    if (std::ranges::find(s->frontier, n) == s->frontier.end())
      s->frontier.push_back(n);
  return kSuccess;
}
HAMLET_CUDA cuStreamWaitEvent(CUstream s, CUevent e, unsigned flags) {
  HAMLET_ENTER(cuStreamWaitEvent, true);
  HAMLET_STREAM(s);
  if (!state().events.count(e))
    return kInvalidHandle;
  if (flags & ~kExternal)
    return kInvalidValue;
  if (isCapturing(s) && flags) {
    Contents c;
    c.type = kEventWaitNode;
    c.event = e;
    return enqueue(call, s, std::move(c));
  }
  if (e->captured)
    return join(s, e);
  if (isCapturing(s)) {
    invalidate(s);
    return kCaptureIsolation; // on work that is not captured
  }
  if (done(e->mark))
    return kSuccess;
  QueuePointer q = queueOf(s);
  std::vector<MarkPointer> after = implicitOrder(*q);
  after.push_back(e->mark);
  state().scheduler.submit(q, {}, std::move(after));
  return kSuccess;
}

// ---- values in memory ----
namespace {
enum WaitFlags { kAtLeast = 0, kEqual = 1, kAnd = 2, kNor = 3 };
constexpr unsigned kFlush = 1u << 30, kNoBarrier = 1;

/// Host memory of a value that lies in device or pinned memory.
template <class T> T *valueAt(CUdeviceptr p) {
  Allocation *a = allocationOf(p);
  if (!a || p % sizeof(T) || sizeof(T) > a->end - p)
    return nullptr;
  a->markWritten(p, sizeof(T));
  return reinterpret_cast<T *>(a->host + (p - a->begin));
}

template <class T>
CUresult waitValue(Call &call, CUstream s, CUdeviceptr p, T wanted,
                   unsigned flags) {
  unsigned kind = flags & ~kFlush;
  if (kind > kNor || !valueAt<T>(p))
    return kInvalidValue;
  Contents c;
  c.type = kMemoryOperationNode;
  c.action.run = [=](Running &) -> CUresult {
    T *at = valueAt<T>(p);
    if (!at)
      return kIllegalAddress;
    T found = __atomic_load_n(at, __ATOMIC_ACQUIRE);
    bool met = kind == kAtLeast ? std::make_signed_t<T>(found - wanted) >= 0
               : kind == kEqual ? found == wanted
               : kind == kAnd   ? (found & wanted) != 0
                                : ~(found | wanted) != 0;
    return met ? int(kSuccess) : kNotYet;
  };
  return enqueue(call, s, std::move(c));
}
template <class T>
CUresult writeValue(Call &call, CUstream s, CUdeviceptr p, T value,
                    unsigned flags) {
  if (flags & ~kNoBarrier || !valueAt<T>(p))
    return kInvalidValue;
  Contents c;
  c.type = kMemoryOperationNode;
  c.action.run = [=](Running &) -> CUresult {
    T *at = valueAt<T>(p);
    if (!at)
      return kIllegalAddress;
    __atomic_store_n(at, value, __ATOMIC_RELEASE);
    return kSuccess;
  };
  return enqueue(call, s, std::move(c));
}
} // namespace
HAMLET_CUDA cuStreamWaitValue32_v2(CUstream s, CUdeviceptr p, uint32_t value,
                                   unsigned flags) {
  HAMLET_ENTER(cuStreamWaitValue32_v2, true);
  return waitValue(call, s, p, value, flags);
}
HAMLET_CUDA cuStreamWaitValue64_v2(CUstream s, CUdeviceptr p, uint64_t value,
                                   unsigned flags) {
  HAMLET_ENTER(cuStreamWaitValue64_v2, true);
  return waitValue(call, s, p, value, flags);
}
HAMLET_CUDA cuStreamWriteValue32_v2(CUstream s, CUdeviceptr p, uint32_t value,
                                    unsigned flags) {
  HAMLET_ENTER(cuStreamWriteValue32_v2, true);
  return writeValue(call, s, p, value, flags);
}
HAMLET_CUDA cuStreamWriteValue64_v2(CUstream s, CUdeviceptr p, uint64_t value,
                                    unsigned flags) {
  HAMLET_ENTER(cuStreamWriteValue64_v2, true);
  return writeValue(call, s, p, value, flags);
}
