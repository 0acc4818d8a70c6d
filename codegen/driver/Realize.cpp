//===- Realize.cpp - what emission adds to a program ---------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/driver/Realize.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace hamlet;

static void eachVariant(ModuleOp program, StringRef target,
                        function_ref<void(program::VariantOp)> body) {
  for (auto kernel : program.getOps<program::KernelOp>())
    for (auto realization :
         kernel.getBody().front().getOps<program::RealizationOp>())
      if (realization.getTarget() == target)
        for (auto variant :
             realization.getBody().front().getOps<program::VariantOp>())
          body(variant);
}

void hamlet::recordProducts(ModuleOp program, StringRef target,
                            ArrayRef<schedule::Record> records) {
  llvm::StringMap<SmallVector<Attribute>> products;
  for (const schedule::Record &record : records)
    products[record.symbol].push_back(program::ProductAttr::get(
        program.getContext(), record.product.m, record.product.n,
        record.product.k, record.block.rows, record.block.panels,
        record.block.depth, static_cast<int64_t>(record.cycles), record.given,
        record.product.part));
  Builder b(program.getContext());
  eachVariant(program, target, [&](program::VariantOp variant) {
    variant.setProductsAttr(
        b.getArrayAttr(products.lookup(variant.getSymbol())));
  });
}

void hamlet::recordCode(ModuleOp program, const EmittedTarget &target) {
  llvm::StringMap<const cpu::CpuKernel *> cpuKernels;
  for (const cpu::CpuKernel &kernel : target.cpuKernels)
    cpuKernels[kernel.symbol] = &kernel;
  llvm::StringMap<const ptx::PtxKernel *> ptxKernels;
  for (const ptx::PtxKernel &kernel : target.ptxKernels)
    ptxKernels[kernel.symbol] = &kernel;
  eachVariant(program, target.name, [&](program::VariantOp variant) {
    if (const auto *kernel = cpuKernels.lookup(variant.getSymbol())) {
      variant.setScratch(static_cast<uint64_t>(kernel->scratchBytes));
    } else if (const auto *kernel = ptxKernels.lookup(variant.getSymbol())) {
      variant.setScratch(static_cast<uint64_t>(kernel->scratchBytesPerBlock));
      variant.setShared(static_cast<uint64_t>(kernel->sharedBytes));
      variant.setThreads(static_cast<uint64_t>(kernel->blockThreads));
      variant.setRegisters(static_cast<uint64_t>(kernel->registers));
    }
  });
}

void hamlet::renameTarget(ModuleOp program, StringRef from, StringRef to) {
  for (auto kernel : program.getOps<program::KernelOp>())
    for (auto realization :
         kernel.getBody().front().getOps<program::RealizationOp>())
      if (realization.getTarget() == from)
        realization.setTarget(to);
}

void hamlet::dropRealizations(ModuleOp program,
                              function_ref<bool(StringRef)> without) {
  for (auto kernel : program.getOps<program::KernelOp>())
    for (auto realization : llvm::make_early_inc_range(
             kernel.getBody().front().getOps<program::RealizationOp>()))
      if (without(realization.getTarget()))
        realization.erase();
}

void hamlet::addImage(ModuleOp program, const EmittedTarget &target,
                      const std::optional<std::vector<char>> &cubin) {
  OpBuilder b = OpBuilder::atBlockEnd(program.getBody());
  auto elements = [&](const std::vector<char> &bytes) {
    auto type = RankedTensorType::get({static_cast<int64_t>(bytes.size())},
                                      b.getI8Type());
    return cast<ElementsAttr>(DenseElementsAttr::getFromRawBuffer(type, bytes));
  };
  program::ImageOp::create(b, program.getLoc(), target.name,
                           elements(target.bytes),
                           cubin ? elements(*cubin) : ElementsAttr());
}
