//===- ProgramModule.cpp --------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/program/ProgramModule.h"

#include "dialects/Program/ProgramOps.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace hamlet;

namespace {

class FunctionWriter {
public:
  FunctionWriter(OpBuilder &b, const hmlt::ContainerT &container,
                 const hmlt::FunctionT &function)
      : b(b), container(container), function(function), at(b.getUnknownLoc()) {}

  void write() {
    SmallVector<StringRef> extents(function.extents.begin(),
                                   function.extents.end());
    auto func = program::FuncOp::create(
        b, at, function.name, b.getStrArrayAttr(extents), function.arena_slots);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&func.getBody().emplaceBlock());
    for (const auto &derived : function.derived) {
      SmallVector<Attribute> terms;
      for (const hmlt::Expr &term : derived->terms)
        terms.push_back(extent(term));
      program::DeriveOp::create(b, at, derived->name, b.getArrayAttr(terms),
                                derived->product);
    }
    for (const auto &buffer : function.buffers)
      buffers.push_back(program::AllocOp::create(
          b, at, memory(buffer->dtype), StringRef(buffer->name),
          extent(*buffer->bytes), static_cast<uint64_t>(buffer->arena_slot),
          static_cast<uint64_t>(buffer->first),
          static_cast<uint64_t>(buffer->last), buffer->zero_first));
    for (const auto &launch : function.launches)
      write(*launch);
  }

private:
  void write(const hmlt::LaunchT &launch) {
    SmallVector<Value> args;
    for (const auto &arg : launch.args)
      args.push_back(value(*arg));
    SmallVector<Attribute> grid;
    for (const hmlt::Expr &size : launch.grid)
      grid.push_back(extent(size));
    const std::string &kernel = container.kernels[launch.kernel]->name;
    program::LaunchOp::create(
        b, at, StringRef(kernel), b.getArrayAttr(grid), extent(*launch.metric),
        args,
        launch.layer >= 0 ? b.getI64IntegerAttr(launch.layer) : IntegerAttr(),
        /*device=*/0, /*stream=*/0, /*wait=*/{}, /*signal=*/IntegerAttr());
  }

  program::ExtentAttr extent(const hmlt::Expr &e) {
    int64_t index = e.symbol() == hmlt::Symbol::extent ? e.index() : 0;
    return program::ExtentAttr::get(
        b.getContext(), static_cast<program::Quantity>(e.symbol()), index,
        e.mul(), e.div(), e.by_rows(), e.add());
  }

  Type memory(hmlt::DType dtype) {
    Type element;
    switch (dtype) {
    case hmlt::DType::f32:
      element = b.getF32Type();
      break;
    case hmlt::DType::bf16:
      element = b.getBF16Type();
      break;
    case hmlt::DType::f16:
      element = b.getF16Type();
      break;
    case hmlt::DType::i32:
      element = b.getI32Type();
      break;
    case hmlt::DType::i64:
      element = b.getI64Type();
      break;
    case hmlt::DType::u8:
      element = b.getI8Type();
      break;
    }
    return program::MemoryType::get(b.getContext(), element);
  }

  /// A launch's argument; memory is named once, where it is first used.
  Value value(const hmlt::ArgT &arg) {
    if (arg.kind == hmlt::ArgKind::scalar)
      return program::ScalarOp::create(b, at, b.getIndexType(),
                                       extent(*arg.scalar));
    if (arg.kind == hmlt::ArgKind::float_scalar)
      return program::RealOp::create(b, at, b.getF32Type(),
                                     b.getF32FloatAttr(arg.value));
    if (arg.kind == hmlt::ArgKind::buffer)
      return buffers[arg.index];
    Value &known = named[{arg.kind, arg.index}];
    if (!known)
      known = name(arg);
    return known;
  }

  Value name(const hmlt::ArgT &arg) {
    auto i = static_cast<size_t>(arg.index);
    switch (arg.kind) {
    case hmlt::ArgKind::step_input:
      return program::StepInputOp::create(
          b, at, memory(hmlt::DType::i32),
          program::StepInputAttr::get(
              b.getContext(), static_cast<program::StepInput>(arg.index)));
    case hmlt::ArgKind::weight:
      return program::WeightOp::create(b, at,
                                       memory(container.weights[i]->dtype),
                                       container.weights[i]->name);
    case hmlt::ArgKind::constant:
      return program::ConstantOp::create(b, at,
                                         memory(container.constants[i]->dtype),
                                         container.constants[i]->name);
    case hmlt::ArgKind::cache:
      return program::CacheOp::create(b, at, memory(hmlt::DType::u8),
                                      container.caches[i]->name);
    case hmlt::ArgKind::operand:
      return program::OperandOp::create(
          b, at, memory(function.operands[i]->dtype), arg.index);
    case hmlt::ArgKind::result:
      return program::ResultOp::create(
          b, at, memory(function.results[i]->dtype), arg.index);
    default:
      llvm_unreachable("buffers and scalars are handled before");
    }
  }

  OpBuilder &b;
  const hmlt::ContainerT &container;
  const hmlt::FunctionT &function;
  Location at;
  SmallVector<Value> buffers;
  std::map<std::pair<hmlt::ArgKind, int32_t>, Value> named;
};

} // namespace

OwningOpRef<ModuleOp>
codegen::programModule(MLIRContext &context,
                       const hmlt::ContainerT &container) {
  context.loadDialect<program::ProgramDialect>();
  OpBuilder b(&context);
  OwningOpRef<ModuleOp> module = ModuleOp::create(b.getUnknownLoc());
  for (const auto &function : container.functions) {
    b.setInsertionPointToEnd(module->getBody());
    FunctionWriter(b, container, *function).write();
  }
  return module;
}
