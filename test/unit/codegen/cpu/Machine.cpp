//===- Machine.cpp - compiles kernels and runs them here ------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Machine.h"

#include "dialects/Tile/TileDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"

#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace mlir;
using namespace hamlet::cpu;
using namespace hamlet::cpu::test;

std::vector<Level> hamlet::cpu::test::levelsHere() {
  std::vector<Level> levels;
  if (__builtin_cpu_supports("x86-64-v3"))
    levels.push_back(Level::v3);
  if (__builtin_cpu_supports("x86-64-v4"))
    levels.push_back(Level::v4);
  if (__builtin_cpu_supports("x86-64-v4") &&
      __builtin_cpu_supports("avx512bf16"))
    levels.push_back(Level::v4bf16);
  return levels;
}

Machine::Machine(StringRef text, Level level) {
  DialectRegistry registry;
  registry.insert<tile::TileDialect, arith::ArithDialect, math::MathDialect,
                  scf::SCFDialect, tensor::TensorDialect, func::FuncDialect>();
  MLIRContext context(registry);
  llvm::raw_string_ostream log(message);
  context.getDiagEngine().registerHandler([&](Diagnostic &d) {
    log << d.getLocation() << ": " << d << "\n";
    return success();
  });
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
  if (!module)
    return;
  std::vector<CpuKernel> kernels;
  FailureOr<std::vector<char>> object =
      emitSharedObject(*module, level, kernels);
  if (failed(object))
    return;
  bytes = std::move(*object);
  for (CpuKernel &kernel : kernels)
    scratch[kernel.symbol] = kernel.scratchBytes;
  // Open until the end: dlopen takes equal paths for the same library.
  fd = memfd_create("kernels", MFD_CLOEXEC);
  if (write(fd, bytes.data(), bytes.size()) != ssize_t(bytes.size()))
    message = "memfd";
  std::string path = "/proc/self/fd/" + std::to_string(fd);
  handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    message = dlerror();
}

Machine::~Machine() {
  if (handle)
    dlclose(handle);
  if (fd >= 0)
    close(fd);
}

Machine::Function Machine::function(const std::string &kernel) {
  return reinterpret_cast<Function>(dlsym(handle, kernel.c_str()));
}

void Machine::run(const std::string &kernel, const std::vector<uint64_t> &args,
                  int64_t x, int64_t y, int64_t z) {
  Function f = function(kernel);
  Array<uint8_t> memory((scratch.at(kernel) + 63) / 64 * 64, 0xAB);
  for (int64_t k = 0; k < z; ++k)
    for (int64_t j = 0; j < y; ++j)
      for (int64_t i = 0; i < x; ++i)
        f(args.data(), i, j, k, reinterpret_cast<char *>(memory.begin()));
}

template <typename T> Array<T>::Array(size_t n, T value) : count(n) {
  size_t bytes = (n * sizeof(T) + 63) / 64 * 64;
  size_t pages = (bytes + 4095) / 4096 * 4096;
  mapped = pages + 4096;
  base = mmap(nullptr, mapped, PROT_READ | PROT_WRITE,
              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(static_cast<char *>(base) + pages, 4096, PROT_NONE);
  // The end, rounded to the alignment, is the end of the last page.
  items = reinterpret_cast<T *>(static_cast<char *>(base) + pages - bytes);
  std::fill_n(items, n, value);
}

template <typename T> Array<T>::~Array() { munmap(base, mapped); }

namespace hamlet::cpu::test {
template class Array<float>;
template class Array<double>;
template class Array<uint16_t>;
template class Array<int32_t>;
template class Array<int64_t>;
template class Array<uint8_t>;
} // namespace hamlet::cpu::test

Floats hamlet::cpu::test::randomFloats(size_t n, unsigned seed) {
  std::mt19937 random(seed);
  Floats out(n);
  for (float &x : out)
    x = float(int32_t(random())) / 2147483648.0f;
  return out;
}

Halves hamlet::cpu::test::randomHalves(size_t n, unsigned seed) {
  std::mt19937 random(seed);
  Halves out(n);
  for (uint16_t &x : out)
    x = toBf16(float(int32_t(random())) / 2147483648.0f);
  return out;
}

Floats hamlet::cpu::test::toPanels(const Floats &w, int64_t k, int64_t n) {
  Floats out((n + 15) / 16 * k * 16);
  for (int64_t i = 0; i < k; ++i)
    for (int64_t j = 0; j < n; ++j)
      out[j / 16 * k * 16 + i * 16 + j % 16] = w[i * n + j];
  return out;
}

int64_t hamlet::cpu::test::pairsIndex(int64_t k, int64_t row, int64_t col) {
  return col / 16 * ((k + 1) / 2) * 32 + row / 2 * 32 + col % 16 * 2 + row % 2;
}

Halves hamlet::cpu::test::toPairs(const Halves &w, int64_t k, int64_t n) {
  Halves out((n + 15) / 16 * ((k + 1) / 2) * 32);
  for (int64_t i = 0; i < k; ++i)
    for (int64_t j = 0; j < n; ++j)
      out[pairsIndex(k, i, j)] = w[i * n + j];
  return out;
}

float hamlet::cpu::test::refExp(float x) {
  x = x < -105.0f ? -105.0f : x;
  x = x > 89.0f ? 89.0f : x;
  float n = std::fma(x, 1.44269504f, 12582912.0f) - 12582912.0f;
  float r = std::fma(n, -0.693359375f, x);
  r = std::fma(n, 2.12194440e-4f, r);
  float p = 1.381461275741458e-3f;
  for (float c : {8.368710055947304e-3f, 4.166838899254799e-2f,
                  1.666652113199234e-1f, 4.999999403953552e-1f, 1.0f, 1.0f})
    p = std::fma(p, r, c);
  return static_cast<float>(
      std::ldexp(static_cast<double>(p), static_cast<int>(n)));
}

float hamlet::cpu::test::refSum(const float *x, int64_t n) {
  float p[16] = {};
  for (int64_t i = 0; i < n; ++i)
    p[i % 16] = i < 16 ? x[i] : p[i % 16] + x[i];
  for (int half = 8; half; half /= 2)
    for (int l = 0; l < half; ++l)
      p[l] += p[l + half];
  return p[0];
}
