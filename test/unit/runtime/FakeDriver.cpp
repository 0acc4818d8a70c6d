//===- FakeDriver.cpp -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Stands in for libcuda.so.1: memory is the host's, a module is the shared
// object HAMLET_TEST_KERNELS, a launch runs it in plain loops. It checks what a
// driver would: sizes, known handles, that nothing is leaked.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <map>
#include <string>

namespace {

using Kernel = void (*)(const uint64_t *, int64_t, int64_t, int64_t, char *);

constexpr int kInvalidValue = 1, kOutOfMemory = 2, kNotFound = 500;

/// A function of the module with its number of parameters.
struct Function {
  Kernel kernel;
  int parameters;
};

std::map<uint64_t, size_t> allocations;
std::string calls; // on streams and events, since the test cleared them
std::map<std::string, int> live; // handles by kind
std::map<std::string, int> made; // so far, by kind
std::map<std::string, Function> functions;
void *module;

/// Streams and events are their names.
std::string named(void *handle) { return *static_cast<std::string *>(handle); }

bool inside(uint64_t address, size_t bytes) {
  auto after = allocations.upper_bound(address);
  if (after == allocations.begin())
    return false;
  auto [start, size] = *--after;
  return address - start <= size && bytes <= size - (address - start);
}

/// The toy's kernels and their argument counts; `attend` takes scratch too.
const std::map<std::string, int> kParameters = {
    {"embed_1", 6}, {"embed_8", 6}, {"scan", 5},        {"attend", 11},
    {"mark_8", 4},  {"mark_16", 4}, {"mark_decode", 4}, {"head_1", 7},
    {"head_8", 7},  {"twice", 4}};

} // namespace

extern "C" {

int cuInit(unsigned) { return 0; }
int cuDeviceGetCount(int *count) { return *count = 1, 0; }
int cuDeviceGet(int *device, int) { return *device = 0, 0; }
int cuDeviceGetName(char *name, int size, int) {
  std::snprintf(name, static_cast<size_t>(size), "Fake");
  return 0;
}
/// An sm_90, with less room in a block where the environment says so.
int cuDeviceGetAttribute(int *value, int attribute, int) {
  auto limit = [](const char *name, int usual) {
    const char *text = std::getenv(name);
    return text ? std::atoi(text) : usual;
  };
  *value = attribute == 1    ? limit("FAKE_THREADS", 1024)
           : attribute == 75 ? 9
           : attribute == 97 ? limit("FAKE_SHARED", 227 << 10)
                             : 0;
  return 0;
}
int cuDevicePrimaryCtxRetain(void **context, int) {
  ++live["context"];
  *context = &live;
  return 0;
}
int cuDevicePrimaryCtxRelease_v2(int) {
  --live["context"];
  // The last call of a device: everything must have been given back.
  for (auto &[kind, count] : live)
    if (count) {
      std::fprintf(stderr, "fake driver: %d %s left\n", count, kind.c_str());
      std::abort();
    }
  if (!allocations.empty()) {
    std::fprintf(stderr, "fake driver: %zu allocations left\n",
                 allocations.size());
    std::abort();
  }
  return 0;
}
int cuCtxSetCurrent(void *) { return 0; }

int cuModuleLoadDataEx(void **out, const void *image, unsigned, int *,
                       void **) {
  if (std::strncmp(static_cast<const char *>(image), ".version", 8) != 0)
    return 200;
  module = dlopen(HAMLET_TEST_KERNELS, RTLD_NOW | RTLD_LOCAL);
  ++live["modules"];
  *out = module;
  return module ? 0 : kInvalidValue;
}
int cuModuleUnload(void *) {
  --live["modules"];
  functions.clear();
  return dlclose(module);
}
int cuModuleGetFunction(void **out, void *, const char *name) {
  auto known = kParameters.find(name);
  if (known == kParameters.end())
    return kNotFound;
  functions[name] = {reinterpret_cast<Kernel>(dlsym(module, name)),
                     known->second};
  *out = &functions[name];
  return 0;
}
int cuFuncSetAttribute(void *, int, int) { return 0; }

int cuMemAlloc_v2(uint64_t *address, size_t bytes) {
  if (!bytes || bytes > size_t(1) << 30)
    return kOutOfMemory;
  void *memory = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  std::memset(memory, 0xff, bytes); // a driver does not clear it
  *address = reinterpret_cast<uintptr_t>(memory);
  allocations[*address] = bytes;
  return 0;
}
int cuMemFree_v2(uint64_t address) {
  if (!allocations.erase(address))
    return kInvalidValue;
  std::free(reinterpret_cast<void *>(address));
  return 0;
}
int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes, void *) {
  if (!inside(to, bytes))
    return kInvalidValue;
  std::memcpy(reinterpret_cast<void *>(to), from, bytes);
  return 0;
}
int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, void *) {
  if (!inside(from, bytes))
    return kInvalidValue;
  std::memcpy(to, reinterpret_cast<void *>(from), bytes);
  return 0;
}
int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes, void *) {
  if (!inside(to, bytes) || !inside(from, bytes))
    return kInvalidValue;
  std::memcpy(reinterpret_cast<void *>(to), reinterpret_cast<void *>(from),
              bytes);
  return 0;
}
int cuMemsetD8Async(uint64_t to, unsigned char value, size_t bytes,
                    void *stream) {
  if (!inside(to, bytes))
    return kInvalidValue;
  calls += "zero " + named(stream) + "; ";
  std::memset(reinterpret_cast<void *>(to), value, bytes);
  return 0;
}
int cuLaunchKernel(void *handle, unsigned gx, unsigned gy, unsigned gz,
                   unsigned bx, unsigned, unsigned, unsigned, void *stream,
                   void **parameters, void **) {
  calls += "launch " + named(stream) + "; ";
  if (!gx || !gy || !gz || !bx)
    return kInvalidValue;
  const Function &function = *static_cast<Function *>(handle);
  uint64_t words[16];
  for (int i = 0; i < function.parameters; ++i)
    words[i] = *static_cast<uint64_t *>(parameters[i]);
  constexpr size_t kScratch = 6 * 4; // of a block of `attend`
  char none[kScratch];
  for (unsigned z = 0; z < gz; ++z)
    for (unsigned y = 0; y < gy; ++y)
      for (unsigned x = 0; x < gx; ++x) {
        char *scratch = none;
        if (function.parameters == 11) {
          size_t block = (size_t(z) * gy + y) * gx + x;
          uint64_t address = words[10] + block * kScratch;
          if (!inside(address, kScratch))
            return kInvalidValue;
          scratch = reinterpret_cast<char *>(address);
        }
        function.kernel(words, x, y, z, scratch);
      }
  return 0;
}
int cuStreamCreate(void **stream, unsigned) {
  ++live["streams"];
  *stream = new std::string("s" + std::to_string(made["streams"]++));
  return 0;
}
int cuStreamDestroy_v2(void *stream) {
  delete static_cast<std::string *>(stream);
  return --live["streams"], 0;
}
int cuStreamWaitEvent(void *stream, void *event, unsigned) {
  calls += "wait " + named(event) + " " + named(stream) + "; ";
  return 0;
}
int cuEventCreate(void **event, unsigned) {
  ++live["events"];
  *event = new std::string("e" + std::to_string(made["events"]++));
  return 0;
}
int cuEventDestroy_v2(void *event) {
  delete static_cast<std::string *>(event);
  return --live["events"], 0;
}
int cuEventRecord(void *event, void *stream) {
  calls += "record " + named(event) + " " + named(stream) + "; ";
  return 0;
}
/// For the test alone.
const char *fakeDriverCalls(int clear) {
  if (clear)
    calls.clear();
  return calls.c_str();
}
int cuStreamSynchronize(void *) { return 0; }
int cuGetErrorName(int error, const char **name) {
  *name = error == kNotFound      ? "CUDA_ERROR_NOT_FOUND"
          : error == kOutOfMemory ? "CUDA_ERROR_OUT_OF_MEMORY"
                                  : "CUDA_ERROR_INVALID_VALUE";
  return 0;
}

} // extern "C"
