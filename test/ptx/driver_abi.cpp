//===- driver_abi.cpp -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Prints the shape of every entry point's signature and of the structures that
// programs fill in: once with CUDA's cuda.h, once with the stand-in's header.
#include <cstddef>
#include <cstdio>
#include <string>
#include <type_traits>
#ifdef REAL
#define __CUDA_API_VERSION_INTERNAL 1
#include <cuda.h>
#else
#include "emulator/driver/Declarations.h"
#endif

template <class T> std::string shape() {
  std::string size = std::to_string(sizeof(T));
  return std::is_pointer_v<T>          ? "p"
         : std::is_floating_point_v<T> ? "f" + size
         : std::is_class_v<T>          ? "s" + size
                                       : "i" + size;
}
template <class R, class... A> void show(const char *name, R (*)(A...)) {
  std::printf("%s: %s(", name, shape<R>().c_str());
  (std::printf(" %s", shape<A>().c_str()), ...);
  std::printf(" )\n");
}
#define FIELD(type, field)                                                     \
  std::printf(#type "." #field ": %zu\n", offsetof(type, field))

int main() {
#define ENTRY(name) show(#name, &name);
#include NAMES
  std::printf("CUuuid %zu, CUlaunchAttribute %zu, CUlaunchConfig %zu\n",
              sizeof(CUuuid), sizeof(CUlaunchAttribute),
              sizeof(CUlaunchConfig));
  FIELD(CUlaunchConfig, gridDimX);
  FIELD(CUlaunchConfig, blockDimZ);
  FIELD(CUlaunchConfig, sharedMemBytes);
  FIELD(CUlaunchConfig, hStream);
  FIELD(CUlaunchConfig, attrs);
  FIELD(CUlaunchConfig, numAttrs);
  FIELD(CUlaunchAttribute, id);
#ifdef REAL
  FIELD(CUlaunchAttribute, value);
#else
  std::printf("CUlaunchAttribute.value: %zu\n",
              offsetof(CUlaunchAttribute, bytes));
#endif
}
