//===- KernelEmitter.cpp - builder, buffers and loops ---------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/KernelEmitter.h"
#include "codegen/tile/IndexMath.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::cpu;

/// A buffer is a strip away; reading and widening are as cheap, and lanes of
/// one vector are not.
static constexpr tile::MaterializePolicy kPolicy = {
    .repeatsRows = true, .scalarReads = true, .tables = true};

KernelEmitter::KernelEmitter(func::FuncOp kernel, Level level)
    : kernel(kernel), level(level), plan(kernel, kPolicy),
      b(kernel.getLoc(), kernel.getContext()) {
  i1 = b.getI1Type();
  i8 = b.getI8Type();
  i16 = b.getIntegerType(16);
  i32 = b.getI32Type();
  i64 = b.getI64Type();
  f32 = b.getF32Type();
  ptrType = LLVM::LLVMPointerType::get(kernel.getContext());
}

FailureOr<int64_t> KernelEmitter::run() {
  b.setInsertionPointAfter(kernel);
  auto type = b.getFunctionType({ptrType, i64, i64, i64, ptrType}, {});
  lowered = func::FuncOp::create(b, kernel.getName(), type);
  lowered.setArgAttr(0, "llvm.noalias", b.getUnitAttr());
  lowered.setArgAttr(4, "llvm.noalias", b.getUnitAttr());
  Block *entry = lowered.addEntryBlock();
  b.setInsertionPointToStart(entry);
  // Constants go before this, so that they dominate everything.
  scratch = entry->getArgument(4);
  for (int axis = 0; axis < 3; ++axis)
    programIds[axis] = entry->getArgument(1 + axis);
  for (BlockArgument arg : kernel.getArguments()) {
    Value word = at(entry->getArgument(0), i64, c(int64_t(arg.getArgNumber())));
    Type t = arg.getType();
    if (isa<tile::PtrType>(t))
      scalars[arg] = loadAt(ptrType, word);
    else if (t.isIndex() || t.isInteger(64))
      scalars[arg] = loadAt(i64, word);
    else if (t.isF32() || t.isInteger(32))
      scalars[arg] = loadAt(t, word);
    else
      error(kernel, "expected arguments of !tile.ptr, index, i32, i64 and f32 "
                    "only; argument " +
                        Twine(arg.getArgNumber()) + " is none of them");
  }
  if (!kernel.getBody().hasOneBlock())
    error(kernel, "expected one block; control is scf.for and scf.if");
  else
    emitBlock(kernel.getBody().front());
  func::ReturnOp::create(b);
  int64_t bytes = placeSlots();
  if (failed) {
    lowered.erase();
    return failure();
  }
  return bytes;
}

//===----------------------------------------------------------------------===//
// Small things
//===----------------------------------------------------------------------===//

Value KernelEmitter::error(Operation *op, const Twine &message, Type type) {
  if (!failed)
    op->emitOpError() << message;
  failed = true;
  return LLVM::UndefOp::create(b, type ? type : i64);
}

Value KernelEmitter::c(int64_t value) {
  Value &known = constants[value];
  if (!known) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&lowered.getBody().front());
    known = arith::ConstantOp::create(b, b.getI64IntegerAttr(value));
  }
  return known;
}

std::optional<int64_t> KernelEmitter::constantOf(Value v) {
  APInt value;
  if (v && v.getType().isInteger(64) && matchPattern(v, m_ConstantInt(&value)))
    return value.getSExtValue();
  return std::nullopt;
}

Value KernelEmitter::add(Value x, Value y) {
  return tile::addIndices(b, b.getLoc(), x, y, [&](int64_t v) { return c(v); });
}

Value KernelEmitter::sub(Value x, Value y) {
  return tile::subIndices(b, b.getLoc(), x, y, [&](int64_t v) { return c(v); });
}

Value KernelEmitter::mul(Value x, Value y) {
  return tile::mulIndices(b, b.getLoc(), x, y, [&](int64_t v) { return c(v); });
}

Value KernelEmitter::divBy(Value x, int64_t y) {
  if (auto cx = constantOf(x); cx && *cx >= 0)
    return c(*cx / y);
  if (llvm::isPowerOf2_64(y))
    return arith::ShRSIOp::create(b, x, c(llvm::Log2_64(y)));
  return arith::DivSIOp::create(b, x, c(y));
}

Value KernelEmitter::modBy(Value x, int64_t y) {
  if (auto cx = constantOf(x); cx && *cx >= 0)
    return c(*cx % y);
  if (llvm::isPowerOf2_64(y))
    return arith::AndIOp::create(b, x, c(y - 1));
  return arith::RemSIOp::create(b, x, c(y));
}

Value KernelEmitter::both(Value x, Value y) {
  if (!x || !y)
    return x ? x : y;
  return arith::AndIOp::create(b, x, y);
}

Value KernelEmitter::test(arith::CmpIPredicate p, Value x, Value y) {
  return arith::CmpIOp::create(b, p, x, y);
}

bool KernelEmitter::isMultiple(Value v, int64_t of) {
  if (auto known = constantOf(v))
    return *known % of == 0;
  if (auto arg = dyn_cast<BlockArgument>(v)) {
    auto loop = dyn_cast_or_null<scf::ForOp>(arg.getOwner()->getParentOp());
    return loop && loop.getInductionVar() == v &&
           isMultiple(loop.getLowerBound(), of) &&
           isMultiple(loop.getStep(), of);
  }
  Operation *op = v.getDefiningOp();
  if (isa<arith::MulIOp>(op))
    return isMultiple(op->getOperand(0), of) ||
           isMultiple(op->getOperand(1), of);
  if (isa<arith::AddIOp, arith::SubIOp, arith::MinSIOp, arith::MaxSIOp>(op))
    return isMultiple(op->getOperand(0), of) &&
           isMultiple(op->getOperand(1), of);
  if (isa<arith::SelectOp>(op))
    return isMultiple(op->getOperand(1), of) &&
           isMultiple(op->getOperand(2), of);
  return false;
}

Type KernelEmitter::scalarType(Type type) {
  if (type.isIndex())
    return i64;
  if (type.isBF16())
    return i16;
  return type;
}

VectorType KernelEmitter::vec(Type element, int64_t lanes) {
  return VectorType::get({lanes}, scalarType(element));
}

Value KernelEmitter::splat(Value scalar, int64_t lanes) {
  return vector::BroadcastOp::create(b, vec(scalar.getType(), lanes), scalar);
}

Value KernelEmitter::zeros(Type type) {
  return arith::ConstantOp::create(b, b.getZeroAttr(type));
}

Value KernelEmitter::splatInt(Type element, int64_t value) {
  return arith::ConstantOp::create(
      b,
      DenseElementsAttr::get(vec(element), b.getIntegerAttr(element, value)));
}

Value KernelEmitter::laneNumbers(Type element) {
  SmallVector<Attribute> lanes;
  for (int64_t i = 0; i < kLanes; ++i)
    lanes.push_back(b.getIntegerAttr(element, i));
  return arith::ConstantOp::create(b,
                                   DenseElementsAttr::get(vec(element), lanes));
}

Value KernelEmitter::laneMask(int64_t lanes) {
  SmallVector<bool> mask(kLanes, false);
  std::fill_n(mask.begin(), lanes, true);
  return arith::ConstantOp::create(b, DenseElementsAttr::get(vec(i1), mask));
}

Value KernelEmitter::at(Value ptr, Type element, Value index) {
  if (auto known = constantOf(index)) {
    if (*known == 0)
      return ptr;
    if (*known == int32_t(*known))
      return LLVM::GEPOp::create(b, ptrType, element, ptr,
                                 LLVM::GEPArg(int32_t(*known)));
  }
  return LLVM::GEPOp::create(b, ptrType, element, ptr, LLVM::GEPArg(index));
}

int64_t KernelEmitter::bytesOf(Type element) {
  return (element.getIntOrFloatBitWidth() + 7) / 8;
}

Value KernelEmitter::loadAt(Type type, Value ptr, int64_t align) {
  if (!align) {
    Type element = getElementTypeOrSelf(type);
    align = isa<LLVM::LLVMPointerType>(element) ? 8 : bytesOf(element);
  }
  return LLVM::LoadOp::create(b, type, ptr, align);
}

void KernelEmitter::storeAt(Value value, Value ptr, int64_t align) {
  if (!align)
    align = bytesOf(getElementTypeOrSelf(value.getType()));
  LLVM::StoreOp::create(b, value, ptr, align);
}

/// A constant of the type of `like`, splat over its lanes.
static Value constantLike(ImplicitLocOpBuilder &b, Type like, int64_t value) {
  Type element = getElementTypeOrSelf(like);
  TypedAttr attr = b.getIntegerAttr(element, value);
  if (auto vector = dyn_cast<VectorType>(like))
    attr = DenseElementsAttr::get(vector, attr);
  return arith::ConstantOp::create(b, attr);
}

static Type withElement(Type like, Type element) {
  if (auto vector = dyn_cast<VectorType>(like))
    return vector.clone(element);
  return element;
}

Value KernelEmitter::widen(Value bits) {
  Type wide = withElement(bits.getType(), f32);
  if (getElementTypeOrSelf(bits.getType()).isF16())
    return arith::ExtFOp::create(b, wide, bits);
  Type word = withElement(bits.getType(), i32);
  Value x = arith::ExtUIOp::create(b, word, bits);
  x = arith::ShLIOp::create(b, x, constantLike(b, word, 16));
  return arith::BitcastOp::create(b, wide, x);
}

Value KernelEmitter::roundBf16(Value x) {
  Type word = withElement(x.getType(), i32);
  Value bits = arith::BitcastOp::create(b, word, x);
  Value sixteen = constantLike(b, word, 16);
  Value odd = arith::AndIOp::create(b, arith::ShRUIOp::create(b, bits, sixteen),
                                    constantLike(b, word, 1));
  Value up = arith::AddIOp::create(b, bits, constantLike(b, word, 0x7fff));
  Value rounded =
      arith::ShRUIOp::create(b, arith::AddIOp::create(b, up, odd), sixteen);
  // The carry would turn some NaNs into infinities.
  Value nan = arith::OrIOp::create(b, arith::ShRUIOp::create(b, bits, sixteen),
                                   constantLike(b, word, 0x40));
  Value isNan = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, x, x);
  rounded = arith::SelectOp::create(b, isNan, nan, rounded);
  return arith::TruncIOp::create(b, withElement(x.getType(), i16), rounded);
}

void KernelEmitter::loop(Value lo, Value hi, int64_t step,
                         function_ref<void(Value)> body) {
  auto clo = constantOf(lo), chi = constantOf(hi);
  if (clo && chi) {
    if (*chi <= *clo)
      return;
    if (*chi - *clo <= step)
      return body(lo);
  }
  auto op = scf::ForOp::create(b, lo, hi, c(step));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.getBody());
  body(op.getInductionVar());
}

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

KernelEmitter::Buffer KernelEmitter::allocate(Type element,
                                              ArrayRef<int64_t> shape) {
  Buffer buffer;
  buffer.element = element.isInteger(1) ? i8 : scalarType(element);
  buffer.shape.assign(shape.begin(), shape.end());
  buffer.id = slots.size();
  int64_t elements = buffer.rowElements();
  for (int64_t d = 0; d + 1 < int64_t(shape.size()); ++d)
    elements *= shape[d];
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&lowered.getBody().front());
  // The offset is known when all lifetimes are.
  auto address =
      LLVM::GEPOp::create(b, ptrType, i8, scratch, LLVM::GEPArg(int32_t(1)));
  buffer.ptr = address;
  slots.push_back(
      {{int64_t(llvm::alignTo(elements * bytesOf(buffer.element), 64)), now,
        now},
       address});
  touch(buffer.id);
  return buffer;
}

KernelEmitter::Buffer KernelEmitter::allocateFor(Value tile) {
  auto type = cast<RankedTensorType>(tile.getType());
  return allocate(type.getElementType(), type.getShape());
}

void KernelEmitter::touch(int id) {
  slots[id].life.last = now;
  for (OpenLoop &loop : openLoops)
    loop.touched.insert(id);
}

const KernelEmitter::Buffer *KernelEmitter::bufferOf(Value tile) {
  auto found = buffers.find(tile);
  if (found == buffers.end())
    return nullptr;
  touch(found->second.id);
  return &found->second;
}

int64_t KernelEmitter::placeSlots() {
  std::vector<Lifetime *> lives;
  lives.reserve(slots.size());
  for (Slot &slot : slots)
    lives.push_back(&slot.life);
  int64_t total = placeLifetimes(lives);
  if (total > std::numeric_limits<int32_t>::max()) {
    error(kernel, "needs " + Twine(total) +
                      " bytes of scratch; make its tiles smaller");
    return total;
  }
  for (Slot &slot : slots) {
    b.setInsertionPoint(slot.address);
    Value address = LLVM::GEPOp::create(
        b, ptrType, i8, scratch, LLVM::GEPArg(int32_t(slot.life.offset)));
    slot.address.replaceAllUsesWith(address);
    slot.address.erase();
  }
  return total;
}

Value KernelEmitter::addressIn(const Buffer &buffer, ArrayRef<Value> lead,
                               Value col) {
  Value index = c(0);
  for (auto [d, i] : llvm::enumerate(lead))
    index = add(mul(index, c(buffer.shape[d])), i);
  index = add(mul(index, c(buffer.rowElements())), col);
  return at(buffer.ptr, buffer.element, index);
}

Value KernelEmitter::loadStrip(const Buffer &buffer, const Strip &s,
                               Type type) {
  Value v = loadAt(vec(buffer.element), addressIn(buffer, s.lead, s.col));
  if (type.isInteger(1))
    v = arith::TruncIOp::create(b, vec(i1), v);
  return v;
}

void KernelEmitter::storeStrip(Value value, const Buffer &buffer,
                               const Strip &s) {
  if (cast<VectorType>(value.getType()).getElementType().isInteger(1))
    value = arith::ExtUIOp::create(b, vec(i8), value);
  storeAt(value, addressIn(buffer, s.lead, s.col));
}

void KernelEmitter::forEachStrip(ArrayRef<int64_t> shape,
                                 function_ref<void(Strip &)> body,
                                 const Bounds *bounds) {
  SmallVector<Value> lead;
  std::function<void(size_t)> nest = [&](size_t d) {
    if (d + 1 < shape.size()) {
      Value lo = bounds ? (*bounds)[d].first : c(0);
      Value hi = bounds ? (*bounds)[d].second : c(shape[d]);
      loop(lo, hi, 1, [&](Value i) {
        lead.push_back(i);
        nest(d + 1);
        lead.pop_back();
      });
      return;
    }
    int64_t n = shape.empty() ? 1 : shape.back();
    int64_t whole = n / kLanes * kLanes;
    loop(c(0), c(whole), kLanes, [&](Value col) {
      Strip s;
      s.lead = lead;
      s.col = col;
      body(s);
    });
    if (n > whole) {
      Strip s;
      s.lead = lead;
      s.col = c(whole);
      s.lanes = n - whole;
      body(s);
    }
  };
  nest(0);
}

void KernelEmitter::evaluateInto(Value tile, const Buffer &buffer) {
  touch(buffer.id);
  forEachStrip(cast<RankedTensorType>(tile.getType()).getShape(),
               [&](Strip &s) { storeStrip(strip(tile, s), buffer, s); });
}
