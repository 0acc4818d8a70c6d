//===- Kernel.cpp - control, scalars and steps of a kernel ----------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/ptx/Kernel.h"
#include "codegen/tile/IndexMath.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::ptx;

static bool isTile(Value v) { return isa<RankedTensorType>(v.getType()); }

//===----------------------------------------------------------------------===//
// Small arithmetic and loops
//===----------------------------------------------------------------------===//

Value KernelEmitter::i32(int64_t v) {
  return arith::ConstantOp::create(
      b, b.getI32IntegerAttr(static_cast<int32_t>(v)));
}
Value KernelEmitter::i64(int64_t v) {
  return arith::ConstantOp::create(b, b.getI64IntegerAttr(v));
}

/// `v` as a constant of the type of `like`.
static Value constantLike(ImplicitLocOpBuilder &b, Value like, int64_t v) {
  return arith::ConstantOp::create(b, b.getIntegerAttr(like.getType(), v));
}

Value KernelEmitter::add(Value x, Value y) {
  return tile::addIndices(b, b.getLoc(), x, y,
                          [&](int64_t v) { return constantLike(b, x, v); });
}
Value KernelEmitter::add(Value x, int64_t y) {
  return add(x, constantLike(b, x, y));
}
Value KernelEmitter::mul(Value x, int64_t y) {
  return tile::mulIndices(b, b.getLoc(), x, constantLike(b, x, y),
                          [&](int64_t v) { return constantLike(b, x, v); });
}
Value KernelEmitter::less(Value x, Value y) {
  return arith::CmpIOp::create(b, arith::CmpIPredicate::ult, x, y);
}
Value KernelEmitter::wide(Value x) {
  return arith::ExtSIOp::create(b, b.getI64Type(), x);
}
Value KernelEmitter::zeroOf(Type type) {
  return arith::ConstantOp::create(b, b.getZeroAttr(type));
}

SmallVector<Value> KernelEmitter::forRange(Value low, Value high, int64_t step,
                                           ValueRange carried, Body body) {
  auto loop =
      scf::ForOp::create(b, low, high, constantLike(b, low, step), carried);
  auto saved = known;
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> next =
      body(loop.getInductionVar(), loop.getRegionIterArgs());
  if (carried.empty())
    b.setInsertionPoint(loop.getBody()->getTerminator());
  else
    scf::YieldOp::create(b, next);
  known = saved;
  return SmallVector<Value>(loop.getResults());
}

void KernelEmitter::ifTrue(Value condition, function_ref<void()> body) {
  auto branch = scf::IfOp::create(b, condition, /*withElseRegion=*/false);
  auto saved = known;
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  body();
  known = saved;
}

void KernelEmitter::forThreads(int64_t count, function_ref<void(Value)> body) {
  if (count == kThreads)
    return body(thread);
  if (count < kThreads)
    return ifTrue(less(thread, i32(count)), [&] { body(thread); });
  forRange(thread, i32(count), kThreads, {}, [&](Value e, ValueRange) {
    body(e);
    return SmallVector<Value>{};
  });
}

SmallVector<Value>
KernelEmitter::sumParts(int64_t parts, ValueRange like,
                        function_ref<SmallVector<Value>(Value)> part) {
  // The tree grows as a binary counter does: level l holds the sums of a
  // finished subtree of 2^l parts, or nothing. Part p climbs through the levels
  // of the ones at the low end of p. All levels stay in registers, so that the
  // climb is selects.
  size_t count = like.size();
  int64_t levels = llvm::Log2_64(parts) + 1;
  SmallVector<Value> none;
  for (int64_t l = 0; l < levels; ++l)
    for (Value sum : like)
      none.push_back(zeroOf(sum.getType()));
  SmallVector<Value> tree = forRange(
      i32(0), i32(parts), 1, none, [&](Value number, ValueRange before) {
        SmallVector<Value> sums = part(number), after(before);
        Value climbs;
        for (int64_t l = 0; l < levels; ++l) {
          Value bit = arith::TruncIOp::create(
              b, b.getI1Type(), arith::ShRUIOp::create(b, number, i32(l)));
          Value joins =
              climbs ? arith::AndIOp::create(b, climbs, bit).getResult() : bit;
          Value stays = arith::XOrIOp::create(
              b,
              climbs ? climbs
                     : arith::ConstantOp::create(b, b.getBoolAttr(true))
                           .getResult(),
              joins);
          for (size_t i = 0; i < count; ++i) {
            Value &level = after[l * count + i];
            Value both = arith::AddFOp::create(b, level, sums[i]);
            level = arith::SelectOp::create(b, stays, sums[i], level);
            sums[i] = arith::SelectOp::create(b, joins, both, sums[i]);
          }
          climbs = joins;
        }
        return after;
      });
  // What is left: a subtree for each one in the number of parts.
  SmallVector<Value> sums;
  for (int64_t l = 0; l < levels; ++l) {
    if (!(parts >> l & 1))
      continue;
    for (size_t i = 0; i < count; ++i) {
      Value left = tree[l * count + i];
      if (sums.size() < count)
        sums.push_back(left);
      else
        sums[i] = arith::AddFOp::create(b, left, sums[i]);
    }
  }
  return sums;
}

KernelEmitter::Indices KernelEmitter::split(Value linear,
                                            ArrayRef<int64_t> shape) {
  Indices at(shape.size());
  for (size_t d = shape.size(); d-- > 0;) {
    if (d == 0) {
      at[0] = linear;
    } else {
      at[d] = arith::RemUIOp::create(b, linear, i32(shape[d]));
      linear = arith::DivUIOp::create(b, linear, i32(shape[d]));
    }
  }
  return at;
}

//===----------------------------------------------------------------------===//
// Barriers
//===----------------------------------------------------------------------===//

static const char kSharedObject = 0, kScratchObject = 0;

KernelEmitter::Access KernelEmitter::access(const Buffer *buffer, bool write) {
  return {buffer->scratch ? &kScratchObject : &kSharedObject,
          buffer->life.offset, buffer->life.offset + buffer->life.bytes, write};
}

void KernelEmitter::readsArgument(Value base, SmallVectorImpl<Access> &found) {
  if (written.count(base))
    found.push_back({base.getAsOpaquePointer(), 0, 1, false});
}

void KernelEmitter::reads(Value tile, SmallVectorImpl<Access> &found) {
  if (const Buffer *buffer = plan.bufferOf(tile); buffer && buffer != filling) {
    found.push_back(access(buffer, false));
    return;
  }
  Operation *op = tile.getDefiningOp();
  if (isa<tile::LoadOp, tile::GatherOp>(op))
    readsArgument(tile::baseOf(op->getOperand(0)), found);
  for (Value operand : op->getOperands())
    if (isTile(operand))
      reads(operand, found);
}

void KernelEmitter::touch(ArrayRef<Access> accesses) {
  bool clash = llvm::any_of(accesses, [&](const Access &a) {
    return llvm::any_of(pending, [&](const Access &p) {
      return a.object == p.object && (a.write || p.write) && a.low < p.high &&
             p.low < a.high;
    });
  });
  if (clash)
    barrier();
  pending.append(accesses.begin(), accesses.end());
  known.clear();
}

void KernelEmitter::barrier() {
  NVVM::Barrier0Op::create(b);
  pending.clear();
  known.clear();
}

//===----------------------------------------------------------------------===//
// The function
//===----------------------------------------------------------------------===//

Type KernelEmitter::scalarType(Type type) {
  return type.isIndex() ? Type(b.getI64Type()) : type;
}

LogicalResult KernelEmitter::emit() {
  MLIRContext *context = b.getContext();
  auto global = LLVM::LLVMPointerType::get(context, 1);
  SmallVector<Type> types;
  for (Type type : kernel.getArgumentTypes()) {
    if (isa<tile::PtrType>(type))
      types.push_back(global);
    else if (type.isIndex() || type.isF32())
      types.push_back(b.getI64Type());
    else
      return kernel.emitOpError(
                 "expected arguments of !tile.ptr, index or f32, got ")
             << type;
  }
  if (plan.scratchBytes() > 0)
    types.push_back(global);
  auto function = LLVM::LLVMFuncOp::create(
      b, kernel.getSymName(),
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(context), types));
  function->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(),
                    b.getUnitAttr());
  function->setAttr(NVVM::NVVMDialect::getReqntidAttrName(),
                    b.getDenseI32ArrayAttr({static_cast<int32_t>(kThreads)}));
  // One block is enough: ptxas takes the registers it needs rather than spill.
  function->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                    b.getI32IntegerAttr(1));
  Block *entry = function.addEntryBlock(b);
  b.setInsertionPointToStart(entry);

  for (auto [from, to] :
       llvm::zip(kernel.getArguments(), entry->getArguments())) {
    Value value = to;
    if (from.getType().isF32()) {
      Value bits = arith::TruncIOp::create(b, b.getI32Type(), to);
      value = arith::BitcastOp::create(b, b.getF32Type(), bits);
    }
    scalars.map(from, value);
  }
  kernel.walk([&](Operation *op) {
    if (isa<tile::StoreOp, tile::ScatterOp>(op))
      written.insert(tile::baseOf(op->getOperand(1)));
    else if (auto store = dyn_cast<tile::StoreScalarOp>(op))
      written.insert(tile::baseOf(store.getBase()));
  });
  thread = NVVM::ThreadIdXOp::create(b, b.getI32Type());
  warp = arith::ShRUIOp::create(b, thread, i32(5));
  lane = arith::AndIOp::create(b, thread, i32(31));
  sharedBase = LLVM::AddressOfOp::create(b, shared);
  if (plan.scratchBytes() > 0)
    placeScratch(entry->getArguments().back());
  if (failed(emitBlock(kernel.getBody().front())))
    return failure();
  LLVM::ReturnOp::create(b, ValueRange{});
  return success();
}

/// Block (x, y, z) of the grid has slice number x + X (y + Y z).
void KernelEmitter::placeScratch(Value base) {
  Type i32Type = b.getI32Type(), i64Type = b.getI64Type();
  auto big = [&](Value v) -> Value {
    return arith::ExtUIOp::create(b, i64Type, v);
  };
  Value x = big(NVVM::BlockIdXOp::create(b, i32Type));
  Value y = big(NVVM::BlockIdYOp::create(b, i32Type));
  Value z = big(NVVM::BlockIdZOp::create(b, i32Type));
  Value width = big(NVVM::GridDimXOp::create(b, i32Type));
  Value height = big(NVVM::GridDimYOp::create(b, i32Type));
  Value row = arith::AddIOp::create(b, y, arith::MulIOp::create(b, height, z));
  Value number =
      arith::AddIOp::create(b, x, arith::MulIOp::create(b, width, row));
  Value offset = mul(number, plan.scratchBytes());
  scratchBase = LLVM::GEPOp::create(b, base.getType(), b.getI8Type(), base,
                                    ValueRange{offset});
}

LogicalResult KernelEmitter::emitBlock(Block &block) {
  for (Operation &op : block.without_terminator())
    if (failed(emitOp(&op)))
      return failure();
  return success();
}

LogicalResult KernelEmitter::emitOp(Operation *op) {
  b.setLoc(op->getLoc());
  known.clear();
  if (tile::isLazyOp(op)) {
    if (auto constant = dyn_cast<arith::ConstantOp>(op))
      if (!isa<SplatElementsAttr>(constant.getValue()) &&
          failed(makeTable(constant)))
        return failure();
    for (Value operand : op->getOperands())
      if (isa<tile::DescType>(operand.getType()) &&
          !operand.getDefiningOp<tile::ViewOp>())
        return op->emitOpError("expected a view made by 'tile.view'");
    Value tile = op->getResult(0);
    if (const Buffer *buffer = plan.bufferOf(tile)) {
      filling = buffer;
      fill(buffer, tile);
      filling = nullptr;
    }
    return success();
  }
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case<scf::ForOp>([&](auto o) { return emitFor(o); })
      .Case<scf::IfOp>([&](auto o) { return emitIf(o); })
      .Case<tile::DotOp>([&](auto o) { return emitDot(o); })
      .Case<tile::ViewOp>([](auto) { return success(); })
      .Case<tile::ReduceOp>([&](auto o) { return emitReduce(o); })
      .Case<tile::ScanOp>([&](auto o) {
        emitScan(o);
        return success();
      })
      .Case<tile::StoreOp, tile::ScatterOp>([&](auto o) {
        emitStore(o);
        return success();
      })
      .Default([&](Operation *o) { return emitScalar(o); });
}

LogicalResult KernelEmitter::makeTable(arith::ConstantOp op) {
  auto values = dyn_cast<DenseElementsAttr>(op.getValue());
  if (!values || values.getElementType().isInteger(1))
    return op.emitOpError("expected a constant tile of numbers, got ")
           << op.getValue();
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(shared);
  int64_t count = values.getNumElements();
  Type element = values.getElementType();
  auto name = (kernel.getSymName() + "_table" + Twine(tables.size())).str();
  auto flat = values.reshape(RankedTensorType::get({count}, element));
  tables[op] = LLVM::GlobalOp::create(
      b, LLVM::LLVMArrayType::get(element, count), /*isConstant=*/true,
      LLVM::Linkage::Internal, name, flat, /*alignment=*/16, /*addrSpace=*/1);
  return success();
}

void KernelEmitter::fill(const Buffer *buffer, Value value) {
  SmallVector<Access> touched;
  reads(value, touched);
  touched.push_back(access(buffer, true));
  touch(touched);
  forThreads(buffer->type.getNumElements(), [&](Value e) {
    Indices at = split(e, buffer->type.getShape());
    write(buffer, at, element(value, at));
  });
}

void KernelEmitter::emitStore(Operation *op) {
  Value value = op->getOperand(0), dest = op->getOperand(1);
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<Access> touched;
  reads(value, touched);
  auto scatter = dyn_cast<tile::ScatterOp>(op);
  if (scatter)
    reads(scatter.getRows(), touched);
  touched.push_back({tile::baseOf(dest).getAsOpaquePointer(), 0, 1, true});
  touch(touched);
  forThreads(type.getNumElements(), [&](Value e) {
    Indices at = split(e, type.getShape());
    Value stored = element(value, at);
    if (scatter)
      storeTo(placeOfRow(dest, scatter.getRows(), scatter.getCol(), type, at),
              stored);
    else
      storeTo(placeOfBox(dest, cast<tile::StoreOp>(op).getCoords(), type, at),
              stored);
  });
}

LogicalResult KernelEmitter::emitScalar(Operation *op) {
  if (auto id = dyn_cast<tile::ProgramIdOp>(op)) {
    Type type = b.getI32Type();
    Value v = id.getAxis() == 0 ? NVVM::BlockIdXOp::create(b, type).getResult()
              : id.getAxis() == 1
                  ? NVVM::BlockIdYOp::create(b, type).getResult()
                  : NVVM::BlockIdZOp::create(b, type).getResult();
    scalars.map(id.getResult(), arith::ExtUIOp::create(b, b.getI64Type(), v));
    return success();
  }
  auto pointer = [&](Value base, Value index) -> Value {
    Value p = scalars.lookup(base);
    Type memory = cast<tile::PtrType>(base.getType()).getElementType();
    if (memory.isInteger(1))
      memory = b.getI8Type();
    return LLVM::GEPOp::create(b, p.getType(), memory, p,
                               ValueRange{scalars.lookup(index)});
  };
  if (auto load = dyn_cast<tile::LoadScalarOp>(op)) {
    SmallVector<Access> touched;
    readsArgument(load.getBase(), touched);
    touch(touched);
    scalars.map(load.getResult(),
                loadFrom({pointer(load.getBase(), load.getIndex()), nullptr},
                         load.getType()));
    return success();
  }
  if (auto store = dyn_cast<tile::StoreScalarOp>(op)) {
    touch({{store.getBase().getAsOpaquePointer(), 0, 1, true}});
    ifTrue(arith::CmpIOp::create(b, arith::CmpIPredicate::eq, thread, i32(0)),
           [&] {
             storeTo({pointer(store.getBase(), store.getIndex()), nullptr},
                     scalars.lookup(store.getValue()));
           });
    return success();
  }
  if (auto extract = dyn_cast<tile::ExtractOp>(op)) {
    SmallVector<Access> touched;
    reads(extract.getSource(), touched);
    touch(touched);
    Indices at;
    for (Value index : extract.getIndices())
      at.push_back(
          arith::TruncIOp::create(b, b.getI32Type(), scalars.lookup(index)));
    scalars.map(extract.getResult(), element(extract.getSource(), at));
    return success();
  }
  if (isa<arith::IndexCastOp, arith::IndexCastUIOp>(op)) {
    Value x = scalars.lookup(op->getOperand(0));
    Type to = scalarType(op->getResult(0).getType());
    unsigned from = x.getType().getIntOrFloatBitWidth(),
             width = to.getIntOrFloatBitWidth();
    if (width < from)
      x = arith::TruncIOp::create(b, to, x);
    else if (width > from && isa<arith::IndexCastOp>(op))
      x = arith::ExtSIOp::create(b, to, x);
    else if (width > from)
      x = arith::ExtUIOp::create(b, to, x);
    scalars.map(op->getResult(0), x);
    return success();
  }
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    TypedAttr value = constant.getValue();
    if (value.getType().isIndex())
      value = b.getI64IntegerAttr(cast<IntegerAttr>(value).getInt());
    scalars.map(constant.getResult(), arith::ConstantOp::create(b, value));
    return success();
  }
  if (!isa<arith::ArithDialect, math::MathDialect>(op->getDialect()) ||
      op->getNumRegions() != 0)
    return op->emitOpError(
        "cannot be lowered to PTX; expected ops of tile, arith, "
        "math, scf and tensor.splat");
  Operation *copy = b.clone(*op, scalars);
  for (OpResult result : copy->getResults())
    result.setType(scalarType(result.getType()));
  return success();
}

//===----------------------------------------------------------------------===//
// Control
//===----------------------------------------------------------------------===//

LogicalResult KernelEmitter::emitFor(scf::ForOp op) {
  SmallVector<Value> inits;
  for (auto [init, arg] :
       llvm::zip_equal(op.getInitArgs(), op.getRegionIterArgs())) {
    if (isTile(init))
      fill(plan.bufferOf(arg), init);
    else
      inits.push_back(scalars.lookup(init));
  }
  settle();
  auto loop = scf::ForOp::create(b, scalars.lookup(op.getLowerBound()),
                                 scalars.lookup(op.getUpperBound()),
                                 scalars.lookup(op.getStep()), inits);
  scalars.map(op.getInductionVar(), loop.getInductionVar());
  unsigned next = 0;
  for (Value arg : op.getRegionIterArgs())
    if (!isTile(arg))
      scalars.map(arg, loop.getRegionIterArgs()[next++]);
  {
    OpBuilder::InsertionGuard guard(b);
    if (inits.empty())
      b.setInsertionPoint(loop.getBody()->getTerminator());
    else
      b.setInsertionPointToEnd(loop.getBody());
    if (failed(emitBlock(*op.getBody())))
      return failure();
    SmallVector<Value> yielded;
    auto yield = cast<scf::YieldOp>(op.getBody()->getTerminator());
    for (auto [value, arg] :
         llvm::zip_equal(yield.getOperands(), op.getRegionIterArgs())) {
      if (!isTile(value)) {
        yielded.push_back(scalars.lookup(value));
        continue;
      }
      if (value == arg)
        continue;
      auto carried = dyn_cast<BlockArgument>(value);
      if (carried && carried.getOwner() == op.getBody())
        return op.emitOpError(
            "expected each carried tile to stay in its place; "
            "a tile that becomes another one must be copied by an op");
      fill(plan.bufferOf(arg), value);
    }
    settle();
    if (!inits.empty())
      scf::YieldOp::create(b, yielded);
  }
  next = 0;
  for (Value result : op.getResults())
    if (!isTile(result))
      scalars.map(result, loop.getResult(next++));
  return success();
}

LogicalResult KernelEmitter::emitIf(scf::IfOp op) {
  settle();
  SmallVector<Type> types;
  for (Value result : op.getResults())
    if (!isTile(result))
      types.push_back(scalarType(result.getType()));
  bool withElse = !op.getElseRegion().empty();
  auto branch =
      scf::IfOp::create(b, types, scalars.lookup(op.getCondition()), withElse);
  auto emitBranch = [&](Block *from, Block *to) -> LogicalResult {
    OpBuilder::InsertionGuard guard(b);
    if (types.empty())
      b.setInsertionPoint(to->getTerminator());
    else
      b.setInsertionPointToEnd(to);
    if (failed(emitBlock(*from)))
      return failure();
    SmallVector<Value> yielded;
    for (auto [value, result] : llvm::zip_equal(
             from->getTerminator()->getOperands(), op.getResults())) {
      if (isTile(value))
        fill(plan.bufferOf(result), value);
      else
        yielded.push_back(scalars.lookup(value));
    }
    settle();
    if (!types.empty())
      scf::YieldOp::create(b, yielded);
    return success();
  };
  if (failed(emitBranch(op.thenBlock(), branch.thenBlock())))
    return failure();
  if (withElse && failed(emitBranch(op.elseBlock(), branch.elseBlock())))
    return failure();
  unsigned next = 0;
  for (Value result : op.getResults())
    if (!isTile(result))
      scalars.map(result, branch.getResult(next++));
  return success();
}
