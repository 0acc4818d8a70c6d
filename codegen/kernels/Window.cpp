//===- Window.cpp - a region's kernel, window by window -------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/kernels/Window.h"

#include "dialects/Graph/RegionRules.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

#include "codegen/kernels/WindowOpInterface.cpp.inc"

Type hamlet::codegen::elementOf(Value v) {
  return cast<RankedTensorType>(v.getType()).getElementType();
}

/// x0, x1, ... for the region's operands, y0, y1, ... for its results, and the
/// counts.
static SmallVector<KernelArgument> argumentsOf(nn::FusedOp op) {
  SmallVector<KernelArgument> arguments;
  for (auto [i, v] : llvm::enumerate(op->getOperands()))
    arguments.push_back(
        {"x" + std::to_string(i), TileBuilder::ptr(elementOf(v))});
  for (auto [i, v] : llvm::enumerate(op->getResults()))
    arguments.push_back(
        {"y" + std::to_string(i), TileBuilder::ptr(elementOf(v))});
  for (const char *count : {"rows", "tokens"})
    arguments.push_back({count, IndexType::get(op.getContext())});
  return arguments;
}

WindowBuilder::WindowBuilder(const KernelSite &site, const RegionPlan &plan,
                             int64_t rows)
    : t(site, argumentsOf(plan.op)), rows(rows), plan(plan), op(plan.op) {}

func::FuncOp WindowBuilder::build() {
  regionRows = t.arg("rows");
  sourceRows = t.arg("tokens");
  rowStart = t.mul(t.programId(0), rows);
  lane = t.programId(1);
  auto storeAll = [&](int64_t size) {
    rows = size;
    windows.clear();
    made.clear();
    Operation *yield = op.getBlock().getTerminator();
    for (auto [i, value] : llvm::enumerate(yield->getOperands()))
      storeResult(value, t.arg("y" + std::to_string(i)));
  };
  if (plan.product)
    t.forCount(t.sub(regionRows, rowStart), rows, storeAll);
  else
    storeAll(rows);
  return t.finish();
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

void WindowBuilder::storeResult(Value value, Value pointer) {
  auto at = t.at(value.getLoc());
  auto def = value.getDefiningOp<graph::GraphOpInterface>();
  if (def && def.getFusion().writesResults)
    return onLanes(1, [&] {
      cast<WindowOpInterface>(def.getOperation())
          .store(*this, cast<OpResult>(value).getResultNumber(), pointer);
    });
  int64_t width = graph::rowWidthOf(value);
  Value out =
      t.view(pointer, t.index(0), {-1, width}, {width, 1}, {regionRows});
  SmallVector<graph::Window> stored =
      graph::storedWindows(value, plan.product ? plan.width : 0);
  auto put = [&](Column c, int64_t count) {
    t.store(t.round(window(value, c, count), elementOf(value)), out,
            {rowStart, absolute(c)});
  };
  switch (stored.front().base) {
  case graph::Window::Base::tile:
    return put({t.mul(lane, plan.columns), 0}, plan.columns);
  case graph::Window::Base::row:
    return onLanes(1, [&] { put({Value(), 0}, width); });
  case graph::Window::Base::head:
    return onLanes(width / stored.front().head, [&] {
      Value base = t.mul(lane, stored.front().head);
      for (const graph::Window &part : stored)
        put({base, part.offset}, part.width);
    });
  }
}

/// `body` in the first `count` of the lanes.
void WindowBuilder::onLanes(int64_t count, function_ref<void()> body) {
  if (count == plan.lanes)
    return body();
  // What is worked out under the condition is not there after it.
  auto knownWindows = windows;
  auto knownMade = made;
  t.ifThen(t.lessIndex(lane, t.index(count)), body);
  windows = std::move(knownWindows);
  made = std::move(knownMade);
}

//===----------------------------------------------------------------------===//
// Windows
//===----------------------------------------------------------------------===//

Value WindowBuilder::absolute(Column c) {
  return c.base ? t.add(c.base, c.offset) : t.index(c.offset);
}

RankedTensorType WindowBuilder::f32Tile(ArrayRef<int64_t> dims) {
  return TileBuilder::tile(dims, t.f32());
}

SmallVector<Value>
WindowBuilder::once(Operation *op, Value base,
                    function_ref<SmallVector<Value>()> make) {
  auto key = std::pair(op, base);
  if (auto known = made.find(key); known != made.end())
    return known->second;
  SmallVector<Value> values = make();
  made[key] = values;
  return values;
}

Value WindowBuilder::window(Value value, Column c, int64_t width) {
  auto key = std::make_tuple(value.getAsOpaquePointer(),
                             c.base.getAsOpaquePointer(), c.offset, width);
  if (Value known = windows.lookup(key))
    return known;
  auto at = t.at(isa<BlockArgument>(value) ? t.loc() : value.getLoc());
  Value tile =
      isa<BlockArgument>(value)
          ? t.widen(storedWindow(value, c, width))
          : value.getDefiningOp<WindowOpInterface>().window(
                *this, cast<OpResult>(value).getResultNumber(), c, width);
  windows[key] = tile;
  return tile;
}

Value WindowBuilder::storedWindow(Value value, Column c, int64_t width) {
  if (!isa<BlockArgument>(value))
    return value.getDefiningOp<WindowOpInterface>().storedWindow(
        *this, cast<OpResult>(value).getResultNumber(), c, width);
  InMemory in = inMemory(value);
  Value view = t.view(in.pointer, t.index(0), {-1, in.stride}, {in.stride, 1},
                      {regionRows});
  return t.load(view, {rowStart, absolute(c)}, {rows, width});
}

//===----------------------------------------------------------------------===//
// Operands of the region
//===----------------------------------------------------------------------===//

WindowBuilder::InMemory WindowBuilder::inMemory(Value v) {
  graph::ViewSource source = graph::viewSourceOf(v);
  auto type = cast<RankedTensorType>(source.value.getType());
  int64_t stride = type.getRank() == 1 ? 1 : graph::rowWidthOf(source.value);
  unsigned number = cast<BlockArgument>(source.value).getArgNumber();
  return {t.arg("x" + std::to_string(number)), stride, source.column};
}

Value WindowBuilder::vectorWindow(Value vector, Column c, int64_t width) {
  int64_t n = cast<RankedTensorType>(vector.getType()).getDimSize(0);
  Value view = t.view(inMemory(vector).pointer, t.index(0), {n}, {1});
  return t.widen(t.load(view, {absolute(c)}, {width}));
}

Value WindowBuilder::rowList(Value list) {
  Value view =
      t.view(inMemory(list).pointer, t.index(0), {-1}, {1}, {regionRows});
  return t.load(view, {rowStart}, {rows});
}

Value WindowBuilder::rowView(Value matrix) {
  int64_t k = graph::rowWidthOf(matrix);
  return t.view(inMemory(matrix).pointer, t.index(0), {-1, k}, {k, 1},
                {regionRows});
}

Value WindowBuilder::rowEntry(Value view, int64_t column) {
  Type element = cast<tile::DescType>(view.getType()).getElementType();
  // A column of one: its only element in each row.
  return t.reduce(element.isF32() ? tile::Reduction::sum : tile::Reduction::max,
                  t.load(view, {rowStart, t.index(column)}, {rows, 1}), 1);
}

Value WindowBuilder::gathered(Value from, Value list, Column c, int64_t width,
                              Value count) {
  InMemory in = inMemory(from);
  auto type = cast<RankedTensorType>(from.getType());
  Value view = count ? t.view(in.pointer, t.index(0), {-1, in.stride},
                              {in.stride, 1}, {count})
                     : t.view(in.pointer, t.index(0),
                              {type.getDimSize(0), in.stride}, {in.stride, 1});
  return t.gather(view, list, absolute({c.base, c.offset + in.column}), width);
}

void hamlet::codegen::registerWindowModels(DialectRegistry &registry) {
  registerProductWindows(registry);
  registerNormWindows(registry);
  registerRotaryWindows(registry);
  registerGatherWindows(registry);
  registerRoutingWindows(registry);
  registerExpertGradWindows(registry);
}
