//===- KernelTable.cpp ----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/program/KernelTable.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

KernelTable::KernelTable(MLIRContext *context)
    : kernels(ModuleOp::create(UnknownLoc::get(context))) {}

FailureOr<int32_t> KernelTable::get(StringRef key, const KernelInfo &info,
                                    Write write) {
  auto [it, fresh] = known.try_emplace(key, static_cast<int32_t>(table.size()));
  if (!fresh)
    return it->second;
  auto kernel = std::make_unique<hmlt::KernelT>();
  int &count = names[info.kind];
  kernel->name = info.kind + (count == 0 ? "" : "_" + std::to_string(count));
  ++count;
  kernel->kind = info.kind;
  kernel->product = info.product;
  kernel->fused = info.fused;
  if (!info.reason.empty())
    kernel->remarks.push_back(info.reason);
  kernel->schedule = info.schedule;
  for (int64_t rows : info.rows) {
    auto variant = std::make_unique<hmlt::VariantT>();
    variant->rows = static_cast<int32_t>(rows);
    variant->symbol = kernel->name + "_r" + std::to_string(rows);
    if (failed(write(variant->symbol, rows)))
      return failure();
    kernel->variants.push_back(std::move(variant));
  }
  table.push_back(std::move(kernel));
  return it->second;
}

void KernelTable::finish(LoweredProgram &program) {
  program.container.kernels = std::move(table);
  program.kernels = std::move(kernels);
}
