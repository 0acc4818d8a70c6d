//===- DriverFuzz.cpp -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Bytes become calls of the stand-in driver, with handles that are alive, gone
// or never were: an error or a result, and in the end nothing is left.
#include "emulator/driver/Declarations.h"
#include "emulator/driver/State.h"

#include <array>
#include <cstdlib>
#include <cstring>

using namespace hamlet::emu::driver;

extern "C" CUresult hamletEmulatorInjectFault(const char *text);
extern "C" unsigned long long hamletEmulatorLive();

namespace {
const char kStores[] = R"(.version 8.0
.target sm_90
.address_size 64
.global .align 8 .b64 counter = 5;
.global .attribute(.managed) .align 4 .u32 both = 7;
.visible .entry stores(.param .u64 p, .param .u32 n)
{ .reg .b64 %d<4>; .reg .b32 %r<4>; .shared .b8 s[64];
 ld.param.u64 %d1, [p]; ld.param.u32 %r1, [n]; mov.u32 %r2, %tid.x;
 mad.wide.u32 %d2, %r2, 4, %d1; st.global.u32 [%d2], %r1; atom.global.add.u64 %d3, [counter], 1;
 st.global.u32 [both], %r1; ret; }
.visible .entry forever() { L: bra L; }
.visible .entry traps() { trap; }
)";
const char kCluster[] = R"(.version 8.0
.target sm_90
.address_size 64
.visible .entry clusters(.param .align 64 .b8 map[128]) .reqnctapercluster 2, 1, 1
{ barrier.cluster.arrive; barrier.cluster.wait; ret; }
)";

/// The input, zeros at its end.
struct Bytes {
  const uint8_t *at = nullptr, *end = nullptr;
  uint8_t next() { return at == end ? 0 : *at++; }
  unsigned word() { return next() | next() << 8; }
};

/// Handles of one kind, some of them gone.
template <class T> struct Pool {
  std::vector<T> known;
  T pick(Bytes &in) const {
    uint8_t b = in.next();
    if (b == 255 || known.empty())
      return b & 1 ? T() : (T)0xdead0; // NOLINT: never was one
    return known[b % known.size()];
  }
  void add(CUresult r, T t) {
    if (r == kSuccess)
      known.push_back(t);
  }
};

alignas(64) uint8_t host[3][4096];
int called;

struct Session {
  Bytes in;
  Pool<CUcontext> contexts;
  Pool<CUmodule> modules;
  Pool<CUfunction> functions;
  Pool<CUstream> streams;
  Pool<CUevent> events;
  Pool<CUgraph> graphs;
  Pool<CUgraphExec> executables;
  Pool<CUgraphNode> nodes;
  Pool<CUlibrary> libraries;
  Pool<CUkernel> kernels;
  Pool<CUdeviceptr> memory;
  Pool<void *> pinned;
  Pool<CUmemoryPool> pools;

  size_t bytes() { return in.word() % 4097; }
  CUdeviceptr address() {
    return memory.pick(in) + (in.next() & 1 ? 0 : in.word() % 5000);
  }
  void *buffer() { return host[in.next() % 3]; }
  /// In host memory, pinned or not.
  CUdeviceptr place() {
    return reinterpret_cast<CUdeviceptr>(buffer()) + in.word() % 4096;
  }
  CUDA_MEMCPY3D box() {
    CUDA_MEMCPY3D b{};
    b.srcMemoryType = in.next() % 3;
    b.srcHost = host[0];
    b.srcDevice = address();
    b.srcPitch = in.word() % 64;
    b.srcHeight = in.next() % 8;
    b.srcY = in.next() % 4;
    b.dstMemoryType = in.next() % 3;
    b.dstHost = host[1];
    b.dstDevice = address();
    b.dstPitch = in.word() % 64;
    b.dstHeight = in.next() % 8;
    b.dstZ = in.next() % 2;
    b.WidthInBytes = in.next() % 64;
    b.Height = in.next() % 8;
    b.Depth = in.next() % 4;
    return b;
  }
  CUDA_KERNEL_NODE_PARAMS kernelParams(void **arguments) {
    CUDA_KERNEL_NODE_PARAMS p{};
    p.func = functions.pick(in);
    p.kern = p.func ? nullptr : kernels.pick(in);
    p.gridDimX = in.next() % 5;
    p.gridDimY = p.gridDimZ = p.blockDimY = p.blockDimZ = 1;
    p.blockDimX = in.next();
    p.sharedMemBytes = in.next();
    p.kernelParams = arguments;
    return p;
  }

  void load() {
    std::string text = in.next() & 1 ? kStores : kCluster;
    for (int n = in.next() % 4; n; --n)
      text[in.word() % text.size()] = static_cast<char>(in.next() | 1);
    CUmodule m = nullptr;
    char log[64];
    int options[] = {5, 6};
    void *values[] = {log, reinterpret_cast<void *>(sizeof log)};
    modules.add(in.next() & 1
                    ? cuModuleLoadData(&m, text.c_str())
                    : cuModuleLoadDataEx(&m, text.c_str(), 2, options, values),
                m);
  }

  void launch() {
    CUdeviceptr p = memory.pick(in);
    unsigned long long n = in.word();
    alignas(64) uint8_t map[128] = {};
    // Any kernel's parameters lie within it.
    std::memcpy(map, &p, 8);
    void *any[] = {map, in.next() & 1 ? map : static_cast<void *>(&n)};
    unsigned grid = in.next() % 5, block = in.word() % 1100;
    // A kernel of a library is launched as a function is.
    CUfunction f = in.next() & 1
                       ? functions.pick(in)
                       : reinterpret_cast<CUfunction>(kernels.pick(in));
    CUstream s = streams.pick(in);
    switch (in.next() % 3) {
    case 0:
      cuLaunchKernel(f, grid, 1, 1, block, 1, 1, bytes(), s, any, nullptr);
      break;
    case 1:
      cuLaunchCooperativeKernel(f, grid, 1, 1, block, 1, 1, bytes(), s, any);
      break;
    default: {
      CUlaunchAttribute a{};
      a.id = in.next() % 12;
      a.cluster = {in.next() % 4u, in.next() % 4u, 1};
      CUlaunchConfig c{grid, 1,         1, block, in.next() % 3u,
                       1,    in.word(), s, &a,    1};
      cuLaunchKernelEx(&c, f, any, nullptr);
    }
    }
  }

  void maps() {
    alignas(64) uint8_t map[128];
    std::array<uint64_t, 5> dims, strides;
    std::array<uint32_t, 5> box, steps;
    std::array<int, 5> lower, upper;
    for (size_t i = 0; i < 5; ++i) {
      dims[i] = in.word();
      strides[i] = in.word() * uint64_t(16);
      box[i] = in.word();
      steps[i] = in.next();
      lower[i] = static_cast<int8_t>(in.next());
      upper[i] = static_cast<int8_t>(in.next());
    }
    void *at = reinterpret_cast<void *>(address());
    unsigned rank = in.next() % 7;
    int type = static_cast<int8_t>(in.next()), mode = in.next() % 6,
        swizzle = static_cast<int8_t>(in.next()), fill = in.next() % 4;
    cuTensorMapEncodeTiled(map, type, rank, at, dims.data(), strides.data(),
                           box.data(), steps.data(), mode, swizzle, 0, fill);
    cuTensorMapEncodeIm2col(map, type, rank, at, dims.data(), strides.data(),
                            lower.data(), upper.data(), box[0], box[1],
                            steps.data(), mode, swizzle, 0, fill);
  }

  void contextCall() {
    CUcontext c = nullptr;
    size_t n;
    switch (in.next() % 11) {
    case 0:
      contexts.add(cuDevicePrimaryCtxRetain(&c, in.next() % 3), c);
      cuCtxSetCurrent(c);
      break;
    case 1:
      contexts.add(cuCtxCreate_v2(&c, 0, in.next() % 3), c);
      break;
    case 2:
      cuCtxDestroy_v2(contexts.pick(in));
      break;
    case 3:
      cuCtxSetCurrent(contexts.pick(in));
      break;
    case 4:
      cuCtxPushCurrent_v2(contexts.pick(in));
      break;
    case 5:
      cuCtxPopCurrent_v2(&c);
      break;
    case 6:
      cuDevicePrimaryCtxRelease_v2(in.next() % 3);
      break;
    case 7:
      cuCtxDisablePeerAccess(contexts.pick(in));
      break;
    case 8:
      cuCtxSetLimit(static_cast<int8_t>(in.next()), in.word());
      break;
    case 9:
      cuCtxGetLimit(&n, static_cast<int8_t>(in.next()));
      break;
    default:
      cuCtxEnablePeerAccess(contexts.pick(in), 0);
    }
  }

  void memoryCall() {
    CUdeviceptr p = 0;
    void *h = nullptr;
    switch (in.next() % 13) {
    case 9: {
      int ids[2] = {in.next() % 23, in.next() % 23};
      int64_t values[2];
      void *out[2] = {&values[0], &values[1]};
      cuPointerGetAttributes(2, ids, out, in.next() & 1 ? address() : place());
      break;
    }
    case 10:
      cuMemHostGetDevicePointer_v2(&p, pinned.pick(in), in.next() & 1);
      break;
    case 11: {
      size_t n;
      cuMemGetAddressRange_v2(&p, &n, in.next() & 1 ? address() : place());
      break;
    }
    case 12: {
      unsigned flags;
      cuMemHostGetFlags(&flags, pinned.pick(in));
      break;
    }
    case 0:
    case 1:
      memory.add(cuMemAlloc_v2(&p, in.word()), p);
      break;
    case 2:
      cuMemFree_v2(address());
      break;
    case 3:
      memory.add(cuMemAllocAsync(&p, in.word(), streams.pick(in)), p);
      break;
    case 4:
      cuMemFreeAsync(address(), streams.pick(in));
      break;
    case 5:
      pinned.add(cuMemAllocHost_v2(&h, 4096), h);
      break;
    case 6:
      cuMemFreeHost(pinned.pick(in));
      break;
    case 7: {
      int value[8];
      cuPointerGetAttribute(value, in.next(), address());
      break;
    }
    default:
      cuMemHostRegister_v2(buffer(), bytes(), 0);
      cuMemHostUnregister(buffer());
    }
  }

  void managedCall() {
    CUdeviceptr p = 0;
    size_t n;
    uint64_t value = in.word();
    CUmemoryPool pool = nullptr;
    CUmemLocation where{in.next() % 6, static_cast<int8_t>(in.next())};
    switch (in.next() % 11) {
    case 0:
    case 1:
      memory.add(cuMemAllocManaged(&p, in.word(), in.next() % 4), p);
      break;
    case 2:
      memory.add(cuMemAllocPitch_v2(&p, &n, in.word(), in.next(), in.next()),
                 p);
      break;
    case 3:
      cuMemPrefetchAsync_v2(address(), bytes(), where, 0, streams.pick(in));
      break;
    case 4:
      cuMemAdvise_v2(address(), bytes(), in.next() % 8, where);
      break;
    case 5:
      cuStreamAttachMemAsync(streams.pick(in), address(), bytes(),
                             in.next() % 8);
      break;
    case 6:
      if (cuLibraryGetManaged(&p, &n, libraries.pick(in), "both") == kSuccess)
        memory.known.push_back(p);
      break;
    case 7: {
      CUmemPoolProps props{};
      props.allocType = in.next() % 3;
      props.locationType = where.type;
      props.location = where.id;
      pools.add(cuMemPoolCreate(&pool, &props), pool);
      break;
    }
    case 8:
      pools.add(cuDeviceGetMemPool(&pool, where.id), pool);
      cuDeviceSetMemPool(in.next() % 3, pools.pick(in));
      break;
    case 9:
      cuMemPoolSetAttribute(pools.pick(in), where.type * 2, &value);
      cuMemPoolGetAttribute(pools.pick(in), where.id, &value);
      memory.add(cuMemAllocFromPoolAsync(&p, in.word(), pools.pick(in),
                                         streams.pick(in)),
                 p);
      break;
    default:
      cuMemPoolDestroy(pools.pick(in));
    }
  }

  void copyCall() {
    CUstream s = streams.pick(in);
    switch (in.next() % 10) {
    case 8: {
      CUDA_MEMCPY3D b = box();
      cuMemcpy3DAsync_v2(&b, s);
      break;
    }
    case 9:
      cuMemsetD2D32Async(address(), in.word(), in.next(), in.next(), in.next(),
                         s);
      break;
    case 0:
      cuMemcpyHtoD_v2(address(), buffer(), bytes());
      break;
    case 1:
      cuMemcpyDtoH_v2(buffer(), address(), bytes());
      break;
    case 2:
      cuMemcpyHtoDAsync_v2(address(), buffer(), bytes(), s);
      break;
    case 3:
      cuMemcpyDtoHAsync_v2(buffer(), address(), bytes(), s);
      break;
    case 4:
      cuMemcpyDtoDAsync_v2(address(), address(), bytes(), s);
      break;
    case 5:
      cuMemcpyPeerAsync(address(), contexts.pick(in), address(),
                        contexts.pick(in), bytes(), s);
      break;
    case 6:
      cuMemsetD8Async(address(), in.next(), bytes(), s);
      break;
    default:
      cuMemsetD32_v2(address(), in.word(), ~size_t(0) >> (in.next() & 63));
    }
  }

  void functionCall() {
    CUfunction f = functions.pick(in);
    int a = 0, b = 0;
    switch (in.next() % 8) {
    case 5: {
      CUkernel k = kernels.pick(in);
      cuKernelSetAttribute(in.next() % 18, static_cast<int16_t>(in.word()), k,
                           in.next() % 3);
      cuKernelGetAttribute(&a, in.next() % 18, k, in.next() % 3);
      break;
    }
    case 6: {
      size_t offset, bytes;
      cuFuncGetParamInfo(f, in.next() % 3, &offset, &bytes);
      cuKernelGetParamInfo(kernels.pick(in), in.next() % 3, &offset, &bytes);
      break;
    }
    case 7: {
      CUfunction of = nullptr;
      functions.add(cuKernelGetFunction(&of, kernels.pick(in)), of);
      break;
    }
    case 0:
      cuFuncSetAttribute(f, in.next() % 18, static_cast<int16_t>(in.word()));
      break;
    case 1:
      cuFuncGetAttribute(&a, in.next() % 18, f);
      break;
    case 2:
      cuOccupancyMaxActiveBlocksPerMultiprocessor(
          &a, f, static_cast<int16_t>(in.word()), in.word());
      break;
    case 3:
      cuOccupancyMaxPotentialBlockSize(&a, &b, f, nullptr, in.word(),
                                       static_cast<int16_t>(in.word()));
      break;
    default: {
      CUlaunchConfig c{};
      c.gridDimX = in.next();
      c.blockDimX = in.word();
      c.sharedMemBytes = in.word();
      cuOccupancyMaxActiveClusters(&a, f, &c);
    }
    }
  }

  void streamCall() {
    CUstream s = nullptr;
    CUevent e = nullptr;
    float ms;
    int status;
    switch (in.next() % 15) {
    case 9:
      cuStreamQuery(streams.pick(in));
      break;
    case 10:
      cuEventQuery(events.pick(in));
      break;
    case 11:
      cuEventSynchronize(events.pick(in));
      break;
    case 12:
      streams.add(cuStreamCreateWithPriority(&s, in.next() & 1,
                                             static_cast<int8_t>(in.next())),
                  s);
      break;
    case 13: { // for what is there: an unmet one would wait for ever
      static uint32_t gate = 1;
      auto p = reinterpret_cast<CUdeviceptr>(&gate);
      cuMemHostRegister_v2(&gate, sizeof gate, 0);
      cuStreamWaitValue32_v2(streams.pick(in), p, 1, 0);
      cuStreamWriteValue32_v2(streams.pick(in), address(), in.word(), 0);
      break;
    }
    case 14:
      cuLaunchHostFunc(
          streams.pick(in), [](void *p) { ++*static_cast<int *>(p); }, &called);
      break;
    case 0:
      streams.add(cuStreamCreate(&s, in.next() & 1), s);
      break;
    case 1:
      cuStreamDestroy_v2(streams.pick(in));
      break;
    case 2:
      events.add(cuEventCreate(&e, in.next() & 3), e);
      break;
    case 3:
      cuEventDestroy_v2(events.pick(in));
      break;
    case 4:
      cuEventRecord(events.pick(in), streams.pick(in));
      break;
    case 5:
      cuStreamWaitEvent(streams.pick(in), events.pick(in), 0);
      break;
    case 6:
      cuEventElapsedTime(&ms, events.pick(in), events.pick(in));
      break;
    case 7:
      cuStreamIsCapturing(streams.pick(in), &status);
      break;
    default:
      cuStreamSynchronize(streams.pick(in));
    }
  }

  void graphCall() {
    CUgraph g = nullptr;
    CUgraphExec e = nullptr;
    CUgraphExecUpdateResultInfo info;
    CUgraphNode n = nullptr;
    CUgraphNode after[2] = {nodes.pick(in), nodes.pick(in)};
    size_t count = in.next() % 3;
    CUdeviceptr p = memory.pick(in);
    alignas(64) uint8_t bytes[128] = {};
    std::memcpy(bytes, &p, 8);
    void *arguments[] = {bytes, bytes};
    g = graphs.pick(in);
    switch (in.next() % 24) {
    case 7: {
      CUgraph made = nullptr;
      graphs.add(cuGraphCreate(&made, 0), made);
      break;
    }
    case 8:
    case 9: {
      CUDA_KERNEL_NODE_PARAMS k = kernelParams(arguments);
      nodes.add(cuGraphAddKernelNode_v2(&n, g, after, count, &k), n);
      break;
    }
    case 10: {
      CUDA_MEMCPY3D b = box();
      nodes.add(cuGraphAddMemcpyNode(&n, g, after, count, &b, nullptr), n);
      break;
    }
    case 11: {
      CUDA_MEMSET_NODE_PARAMS_v1 f{address(),      in.next(), in.word(),
                                   in.next() % 5u, in.next(), in.next() % 4u};
      nodes.add(cuGraphAddMemsetNode(&n, g, after, count, &f, nullptr), n);
      break;
    }
    case 12: {
      CUgraphNodeParams any{};
      any.type = in.next() % 9;
      if (any.type == 0)
        any.kernel = kernelParams(arguments);
      else if (any.type == 1)
        any.memcpy.copyParams = box();
      else if (any.type == 4)
        any.graph.graph = graphs.pick(in);
      else
        any.event.event = events.pick(in);
      if (any.type == 3)
        any.host = {nullptr, nullptr};
      nodes.add(cuGraphAddNode_v2(&n, g, after, nullptr, count, &any), n);
      break;
    }
    case 13:
      nodes.add(cuGraphAddChildGraphNode(&n, g, after, count, graphs.pick(in)),
                n);
      break;
    case 14:
      nodes.add(cuGraphAddEventWaitNode(&n, g, after, count, events.pick(in)),
                n);
      break;
    case 15:
      nodes.add(cuGraphAddEventRecordNode(&n, g, after, count, events.pick(in)),
                n);
      break;
    case 16:
      cuGraphDestroyNode(nodes.pick(in));
      break;
    case 17:
      cuGraphAddDependencies(g, &after[0], &after[1], 1);
      break;
    case 18:
      cuGraphRemoveDependencies(g, &after[0], &after[1], 1);
      break;
    case 19: {
      CUgraphNode list[4];
      size_t room = 4;
      if (cuGraphGetNodes(g, list, &room) == kSuccess)
        nodes.known.insert(nodes.known.end(), list, list + room);
      break;
    }
    case 20: {
      CUDA_KERNEL_NODE_PARAMS k = kernelParams(arguments);
      cuGraphExecKernelNodeSetParams_v2(executables.pick(in), nodes.pick(in),
                                        &k);
      break;
    }
    case 21: {
      CUgraph made = nullptr;
      graphs.add(cuGraphClone(&made, g), made);
      break;
    }
    case 22: {
      CUgraph inner = nullptr;
      graphs.add(cuGraphChildGraphNodeGetGraph(nodes.pick(in), &inner), inner);
      break;
    }
    case 23:
      cuStreamUpdateCaptureDependencies(streams.pick(in), after, count,
                                        in.next() & 1);
      break;
    case 0:
      cuStreamBeginCapture_v2(streams.pick(in), 0);
      break;
    case 1:
      graphs.add(cuStreamEndCapture(streams.pick(in), &g), g);
      break;
    case 2:
      executables.add(cuGraphInstantiateWithFlags(&e, graphs.pick(in), 0), e);
      break;
    case 3:
      cuGraphLaunch(executables.pick(in), streams.pick(in));
      break;
    case 4:
      cuGraphExecUpdate_v2(executables.pick(in), graphs.pick(in), &info);
      break;
    case 5:
      cuGraphExecDestroy(executables.pick(in));
      break;
    default:
      cuGraphDestroy(g);
    }
  }

  void libraryCall() {
    CUlibrary l = nullptr;
    CUkernel k = nullptr;
    CUmodule m = nullptr;
    CUdeviceptr p;
    size_t n;
    switch (in.next() % 5) {
    case 0:
      libraries.add(cuLibraryLoadData(&l, in.next() & 1 ? kStores : kCluster,
                                      nullptr, nullptr, 0, nullptr, nullptr, 0),
                    l);
      break;
    case 1:
      kernels.add(cuLibraryGetKernel(&k, libraries.pick(in),
                                     in.next() & 1 ? "stores" : "traps"),
                  k);
      break;
    case 2:
      modules.add(cuLibraryGetModule(&m, libraries.pick(in)), m);
      break;
    case 3:
      if (cuLibraryGetGlobal(&p, &n, libraries.pick(in), "counter") == kSuccess)
        memory.known.push_back(p);
      break;
    default:
      cuLibraryUnload(libraries.pick(in));
    }
  }

  void moduleCall() {
    CUfunction f = nullptr;
    CUdeviceptr p;
    size_t n;
    static const char *const names[] = {"stores", "forever", "traps",
                                        "clusters", "counter"};
    switch (in.next() % 4) {
    case 0:
      load();
      break;
    case 1:
      functions.add(
          cuModuleGetFunction(&f, modules.pick(in), names[in.next() % 5]), f);
      break;
    case 2:
      if (cuModuleGetGlobal_v2(&p, &n, modules.pick(in),
                               names[in.next() % 5]) == kSuccess)
        memory.known.push_back(p);
      break;
    default:
      cuModuleUnload(modules.pick(in));
    }
  }

  void call() {
    switch (in.next() % 19) {
    case 16:
      return libraryCall();
    case 17:
      return graphCall();
    case 18:
      return managedCall();
    case 0:
      return contextCall();
    case 1:
    case 2:
      return memoryCall();
    case 3:
    case 4:
      return copyCall();
    case 5:
      return functionCall();
    case 6:
    case 7:
      return streamCall();
    case 8:
      return graphCall();
    case 9:
    case 10:
      return moduleCall();
    case 11:
      return maps();
    case 12:
      cuCtxSynchronize();
      return;
    case 13: {
      std::string fault = "any@" + std::to_string(1 + in.next() % 9) + "=" +
                          std::to_string(in.next() & 1 ? 2 : 719);
      if (state().faults.size() < 4)
        hamletEmulatorInjectFault(fault.c_str());
      return;
    }
    default:
      return launch();
    }
  }
};

/// What `set` holds now; freeing changes it.
template <class T> std::vector<T> all(const std::set<T> &set) {
  std::lock_guard lock(state().mutex);
  return {set.begin(), set.end()};
}

/// Ends contexts and what belongs to none.
void finish() {
  State &s = state();
  {
    std::lock_guard lock(s.mutex);
    s.faults.clear();
  }
  for (CUcontext c : all(s.contexts))
    cuCtxDestroy_v2(c);
  for (int d = 0; d < 2; ++d)
    cuDevicePrimaryCtxReset_v2(d);
  while (!contextStack().empty())
    cuCtxPopCurrent_v2(nullptr);
  for (CUgraph g : all(s.graphs))
    cuGraphDestroy(g);
  for (CUgraphExec e : all(s.executables))
    cuGraphExecDestroy(e);
  for (CUlibrary l : all(s.libraries))
    cuLibraryUnload(l);
  for (CUmemoryPool p : all(s.pools))
    cuMemPoolDestroy(p); // but for those of the devices
  CUcontext c;
  cuDevicePrimaryCtxRetain(&c, 0);
  cuCtxSetCurrent(c);
  for (auto &[p, row] : std::map(s.pinned))
    row.kind == Pinned::Kind::Registered
        ? cuMemHostUnregister(const_cast<void *>(p))
    : row.kind == Pinned::Kind::Managed
        ? cuMemFree_v2(reinterpret_cast<CUdeviceptr>(p))
        : cuMemFreeHost(const_cast<void *>(p));
  cuDevicePrimaryCtxReset_v2(0);
  cuCtxPopCurrent_v2(nullptr);
  if (hamletEmulatorLive() || !s.contexts.empty() || !s.functions.empty() ||
      !s.nodes.empty() || !s.kernels.empty() || s.host.count())
    __builtin_trap();
}
} // namespace

extern "C" int LLVMFuzzerInitialize(int *, char ***) {
  setenv("EMU_MEMORY", "4194304", 1);
  setenv("EMU_DEVICES", "2", 1);
  setenv("EMU_MAX_INSTRUCTIONS", "3000", 1);
  setenv("EMU_POLL_SECONDS", "0", 1);
  setenv("HAMLET_EMULATOR_THREADS", "1", 1);
  cuInit(0);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Session s;
  s.in = {data, data + size};
  CUcontext c;
  s.contexts.add(cuDevicePrimaryCtxRetain(&c, 0), c);
  cuCtxSetCurrent(c);
  s.streams.known.push_back(nullptr);
  for (int i = 0; i < 200 && s.in.at != s.in.end; ++i)
    s.call();
  finish();
  return 0;
}
