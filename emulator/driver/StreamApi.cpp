// Streams, events and graphs.
#include "emulator/driver/State.h"

using namespace hamlet::emu;
using namespace hamlet::emu::driver;

static CUresult newStream(CUstream *s, unsigned flags, int priority) {
  if (!s)
    return kInvalidValue;
  *s = new CUstream_st{currentContext(), flags, priority, nullptr};
  state().streams.insert(*s);
  return kSuccess;
}
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
  CUresult r = drain();
  destroy(s);
  return r;
}
HAMLET_CUDA cuStreamSynchronize(CUstream s) {
  HAMLET_ENTER(cuStreamSynchronize, true);
  if (!validStream(s))
    return kInvalidHandle;
  if (reinterpret_cast<uintptr_t>(s) > 2 && s->capture)
    return kCaptureUnsupported;
  return drain();
}
HAMLET_CUDA cuStreamQuery(CUstream s) {
  HAMLET_ENTER(cuStreamQuery, true);
  if (!validStream(s))
    return kInvalidHandle;
  return drain();
}
HAMLET_CUDA cuStreamWaitEvent(CUstream s, CUevent e, unsigned) {
  HAMLET_ENTER(cuStreamWaitEvent, true);
  if (!validStream(s) || !state().events.count(e))
    return kInvalidHandle;
  // Waiting for an event of a capture joins the capture.
  if (e->capturing && state().streams.count(e->capturing) &&
      e->capturing->capture && reinterpret_cast<uintptr_t>(s) > 2 &&
      !s->capture)
    return kCaptureUnsupported;
  return kSuccess; // work runs in the order of submission
}
HAMLET_CUDA cuStreamGetPriority(CUstream s, int *priority) {
  HAMLET_ENTER(cuStreamGetPriority, true);
  if (!priority || !validStream(s))
    return kInvalidValue;
  *priority = reinterpret_cast<uintptr_t>(s) > 2 ? s->priority : 0;
  return kSuccess;
}

// ---- events ----
HAMLET_CUDA cuEventCreate(CUevent *e, unsigned flags) {
  HAMLET_ENTER(cuEventCreate, true);
  if (!e)
    return kInvalidValue;
  *e = new CUevent_st;
  (*e)->context = currentContext();
  (*e)->flags = flags;
  state().events.insert(*e);
  return kSuccess;
}
HAMLET_CUDA cuEventDestroy_v2(CUevent e) {
  HAMLET_ENTER(cuEventDestroy_v2, true);
  if (!state().events.count(e))
    return kInvalidHandle;
  CUresult r = drain();
  state().events.erase(e);
  delete e;
  return r;
}
HAMLET_CUDA cuEventRecord(CUevent e, CUstream s) {
  HAMLET_ENTER(cuEventRecord, true);
  if (!state().events.count(e))
    return kInvalidHandle;
  bool capturing =
      validStream(s) && reinterpret_cast<uintptr_t>(s) > 2 && s->capture;
  e->capturing = capturing ? s : nullptr;
  if (!capturing) {
    e->recorded = true;
    e->done = false;
  }
  return enqueue(s, [e] {
    if (state().events.count(e)) {
      e->time = state().nanoseconds;
      e->recorded = e->done = true;
    }
    return kSuccess;
  });
}
HAMLET_CUDA cuEventQuery(CUevent e) {
  HAMLET_ENTER(cuEventQuery, true);
  if (!state().events.count(e))
    return kInvalidHandle;
  return drain();
}
HAMLET_CUDA cuEventSynchronize(CUevent e) {
  HAMLET_ENTER(cuEventSynchronize, true);
  if (!state().events.count(e))
    return kInvalidHandle;
  return drain();
}
static CUresult elapsed(float *ms, CUevent a, CUevent b) {
  if (!ms)
    return kInvalidValue;
  if (!state().events.count(a) || !state().events.count(b) || !a->recorded ||
      !b->recorded || ((a->flags | b->flags) & 2))
    return kInvalidHandle;
  if (!a->done || !b->done)
    return kNotReady;
  *ms = static_cast<float>((b->time - a->time) * 1e-6);
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

// ---- graphs: what a capture recorded, in its order ----
HAMLET_CUDA cuStreamBeginCapture_v2(CUstream s, int) {
  HAMLET_ENTER(cuStreamBeginCapture_v2, true);
  if (reinterpret_cast<uintptr_t>(s) <= 2)
    return kCaptureUnsupported;
  if (!state().streams.count(s))
    return kInvalidHandle;
  if (s->capture)
    return 401;
  s->capture = new CUgraph_st;
  return kSuccess;
}
HAMLET_CUDA cuStreamEndCapture(CUstream s, CUgraph *g) {
  HAMLET_ENTER(cuStreamEndCapture, true);
  if (!g || !state().streams.count(s))
    return kInvalidValue;
  if (!s->capture)
    return 401;
  *g = s->capture;
  s->capture = nullptr;
  state().graphs.insert(*g);
  return kSuccess;
}
HAMLET_CUDA cuStreamIsCapturing(CUstream s, int *status) {
  HAMLET_ENTER(cuStreamIsCapturing, true);
  if (!status || !validStream(s))
    return kInvalidValue;
  *status = reinterpret_cast<uintptr_t>(s) > 2 && s->capture;
  return kSuccess;
}
HAMLET_CUDA cuStreamGetCaptureInfo_v2(CUstream s, int *status, uint64_t *id,
                                      CUgraph *graph, const void **,
                                      size_t *dependencies) {
  HAMLET_ENTER(cuStreamGetCaptureInfo_v2, true);
  if (!status || !validStream(s))
    return kInvalidValue;
  bool capturing = reinterpret_cast<uintptr_t>(s) > 2 && s->capture;
  *status = capturing;
  if (id)
    *id = capturing ? reinterpret_cast<uint64_t>(s->capture) : 0;
  if (graph)
    *graph = capturing ? s->capture : nullptr;
  if (dependencies)
    *dependencies = 0;
  return kSuccess;
}
HAMLET_CUDA cuGraphInstantiateWithFlags(CUgraphExec *e, CUgraph g,
                                        unsigned long long) {
  HAMLET_ENTER(cuGraphInstantiateWithFlags, true);
  if (!e || !state().graphs.count(g))
    return kInvalidValue;
  *e = new CUgraphExec_st{g->work};
  state().executables.insert(*e);
  return kSuccess;
}
HAMLET_CUDA cuGraphExecUpdate_v2(CUgraphExec e, CUgraph g,
                                 CUgraphExecUpdateResultInfo *info) {
  HAMLET_ENTER(cuGraphExecUpdate_v2, true);
  if (!info || !state().executables.count(e) || !state().graphs.count(g))
    return kInvalidValue;
  *info = {0, nullptr, nullptr};
  // A different number of nodes is a different topology.
  if (e->work.size() != g->work.size()) {
    info->result = 2;
    return kGraphExecUpdateFailure;
  }
  e->work = g->work;
  return kSuccess;
}
HAMLET_CUDA cuGraphLaunch(CUgraphExec e, CUstream s) {
  HAMLET_ENTER(cuGraphLaunch, true);
  if (!state().executables.count(e))
    return kInvalidValue;
  for (const Work &w : e->work)
    if (CUresult r = enqueue(s, w))
      return r;
  return kSuccess;
}
HAMLET_CUDA cuGraphExecDestroy(CUgraphExec e) {
  HAMLET_ENTER(cuGraphExecDestroy, true);
  if (!state().executables.erase(e))
    return kInvalidValue;
  delete e;
  return kSuccess;
}
HAMLET_CUDA cuGraphDestroy(CUgraph g) {
  HAMLET_ENTER(cuGraphDestroy, true);
  if (!state().graphs.erase(g))
    return kInvalidValue;
  delete g;
  return kSuccess;
}
