//===- FunctionBuilder.cpp ------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/program/FunctionBuilder.h"

#include "codegen/kernels/Kernels.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

namespace hamlet::codegen {

Place stepInput(hmlt::StepInput input) {
  return {hmlt::ArgKind::step_input, static_cast<int32_t>(input)};
}

hmlt::Expr constant(int64_t value) {
  return {hmlt::Symbol::one, false, 0, value, 1, 0};
}
hmlt::Expr symbol(hmlt::Symbol symbol) { return {symbol, false, 0, 1, 1, 0}; }

hmlt::Expr times(const hmlt::Expr &rows, int64_t factor) {
  assert(!rows.by_rows() && "no factor after a division by rows");
  if (rows.div() == 1)
    return {rows.symbol(),       false, rows.index(),
            rows.mul() * factor, 1,     rows.add() * factor};
  // ceil(x / d) * f <= ceil(x f / d) + f - f / d: what is planned may be a
  // little more than needed.
  return {rows.symbol(),       false,      rows.index(),
          rows.mul() * factor, rows.div(), (rows.add() + 1) * factor};
}

hmlt::Expr ceilDiv(const hmlt::Expr &rows, int64_t divisor) {
  assert(rows.div() == 1 && rows.add() == 0 && "divides plain rows");
  return {rows.symbol(), false, rows.index(), rows.mul(), divisor, 0};
}

hmlt::Expr byRows(const hmlt::Expr &rows) {
  assert(rows.div() == 1 && rows.add() == 0 && "divides plain rows");
  return {rows.symbol(), true, rows.index(), rows.mul(), 1, 0};
}

int64_t bytesOf(Type element) { return element.getIntOrFloatBitWidth() / 8; }

hmlt::DType dtypeOf(Type element) {
  if (element.isF32())
    return hmlt::DType::f32;
  if (element.isBF16())
    return hmlt::DType::bf16;
  if (element.isF16())
    return hmlt::DType::f16;
  if (element.isInteger(64))
    return hmlt::DType::i64;
  assert(element.isInteger(32) && "verifiers admit no other element type");
  return hmlt::DType::i32;
}

} // namespace hamlet::codegen

FunctionBuilder::FunctionBuilder(func::FuncOp func, KernelTable &kernels,
                                 hmlt::ContainerT &container)
    : func(func), kernels(kernels), container(container),
      out(std::make_unique<hmlt::FunctionT>()) {
  out->name = func.getName().str();
  for (unsigned i = 0; i < func.getNumArguments(); ++i)
    step |= static_cast<bool>(func.getArgAttr(i, "hamlet.input"));
}

std::string FunctionBuilder::familyKey(ArrayRef<int64_t> family) const {
  std::string key = " rows";
  for (int64_t r : family)
    key += " " + std::to_string(r);
  return key;
}

//===----------------------------------------------------------------------===//
// Arguments, weights, constants, results
//===----------------------------------------------------------------------===//

static std::optional<std::pair<hmlt::StepInput, hmlt::Expr>>
stepInputNamed(StringRef name) {
  using hmlt::StepInput;
  using hmlt::Symbol;
  hmlt::Expr bounds = symbol(Symbol::sequences);
  bounds.mutate_add(1);
  return llvm::StringSwitch<std::optional<std::pair<StepInput, hmlt::Expr>>>(
             name)
      .Case("token_ids",
            std::pair(StepInput::token_ids, symbol(Symbol::tokens)))
      .Case("positions",
            std::pair(StepInput::positions, symbol(Symbol::tokens)))
      .Case("starts", std::pair(StepInput::sequence_starts, bounds))
      .Case("first",
            std::pair(StepInput::first_positions, symbol(Symbol::sequences)))
      .Case("slots", std::pair(StepInput::slots, symbol(Symbol::sequences)))
      .Case("pages",
            std::pair(StepInput::page_table, symbol(Symbol::sequences)))
      .Case("rows",
            std::pair(StepInput::output_row_list, symbol(Symbol::output_rows)))
      .Default(std::nullopt);
}

LogicalResult FunctionBuilder::bindArguments() {
  if (step) {
    for (BlockArgument arg : func.getArguments()) {
      auto name =
          func.getArgAttrOfType<StringAttr>(arg.getArgNumber(), "hamlet.input");
      if (!name)
        return func.emitOpError("argument ")
               << arg.getArgNumber()
               << " has no 'hamlet.input', which others have";
      if (name.getValue() == "cache")
        continue;
      auto input = stepInputNamed(name.getValue());
      if (!input)
        return func.emitOpError("argument ")
               << arg.getArgNumber() << ": unknown 'hamlet.input' " << name;
      places[arg] = stepInput(input->first);
      rows.insert({arg, input->second});
    }
    return success();
  }
  for (BlockArgument arg : func.getArguments()) {
    auto type = dyn_cast<RankedTensorType>(arg.getType());
    if (!type)
      return func.emitOpError("argument ")
             << arg.getArgNumber()
             << ": expected a tensor in a function for a plain call, got "
             << arg.getType();
    auto operand = std::make_unique<hmlt::OperandT>();
    operand->name = "arg" + std::to_string(arg.getArgNumber());
    operand->dtype = dtypeOf(type.getElementType());
    for (int64_t dim = 0; dim < type.getRank(); ++dim) {
      bool open = type.isDynamicDim(dim);
      operand->shape.push_back(open ? -1 : type.getDimSize(dim));
      operand->extents.push_back(
          open ? static_cast<int32_t>(out->extents.size()) : -1);
      if (open)
        out->extents.push_back(operand->name + ".dim" + std::to_string(dim));
    }
    places[arg] = {hmlt::ArgKind::operand,
                   static_cast<int32_t>(out->operands.size())};
    if (type.getRank() > 0)
      rows.insert({arg, type.isDynamicDim(0)
                            ? hmlt::Expr(hmlt::Symbol::extent, false,
                                         operand->extents[0], 1, 1, 0)
                            : constant(type.getDimSize(0))});
    out->operands.push_back(std::move(operand));
  }
  return success();
}

LogicalResult FunctionBuilder::bindResults(func::ReturnOp returned) {
  if (step)
    return success();
  for (auto [i, v] : llvm::enumerate(returned.getOperands())) {
    if (!v.getDefiningOp<nn::FusedOp>() ||
        !results.try_emplace(v, static_cast<int32_t>(i)).second)
      return returned.emitOpError("result ")
             << i
             << ": expected a value that the function computes, returned once";
  }
  out->results.resize(returned.getNumOperands());
  return success();
}

static hmlt::Layout layoutOf(OperandLayout layout) {
  switch (layout) {
  case OperandLayout::plain:
    return hmlt::Layout::plain;
  case OperandLayout::panel:
    return hmlt::Layout::panel;
  case OperandLayout::panelPairs:
    return hmlt::Layout::panel_pairs;
  }
  llvm_unreachable("all layouts are above");
}

LogicalResult FunctionBuilder::addConstant(arith::ConstantOp op) {
  auto dense = dyn_cast<DenseElementsAttr>(op.getValue());
  if (!dense)
    return op.emitOpError("expected a dense tensor");
  auto type = cast<RankedTensorType>(op.getType());
  auto constant = std::make_unique<hmlt::ConstantT>();
  constant->dtype = dtypeOf(type.getElementType());
  constant->shape.assign(type.getShape().begin(), type.getShape().end());
  int64_t width = bytesOf(type.getElementType());
  constant->bytes.resize(type.getNumElements() * width);
  ArrayRef<char> raw = dense.getRawData();
  for (int64_t i = 0; i < type.getNumElements(); ++i)
    std::copy_n(raw.data() + (dense.isSplat() ? 0 : i * width), width,
                constant->bytes.data() + i * width);
  // Equal constants are stored once.
  int32_t index = -1;
  for (auto [i, known] : llvm::enumerate(container.constants))
    if (known->dtype == constant->dtype && known->shape == constant->shape &&
        known->bytes == constant->bytes)
      index = static_cast<int32_t>(i);
  if (index < 0) {
    index = static_cast<int32_t>(container.constants.size());
    constant->name = "constant" + std::to_string(index);
    container.constants.push_back(std::move(constant));
  }
  places[op.getResult()] = {hmlt::ArgKind::constant, index};
  rows.insert({op.getResult(),
               codegen::constant(type.getRank() ? type.getDimSize(0) : 1)});
  return success();
}

/// The layer in "layers.12.qkv"; -1 for other names.
static int32_t layerOf(StringRef name) {
  int32_t layer = -1;
  if (name.consume_front("layers.") && !name.consumeInteger(10, layer))
    return layer;
  return -1;
}

void FunctionBuilder::beginRegion(nn::FusedOp op) {
  for (Value v : op.getInputs())
    if (auto weight = v.getDefiningOp<nn::WeightOp>())
      if (int32_t mine = layerOf(weight.getSymName()); mine >= 0)
        layer = mine;
}

/// The manifest's entry for a weight op.
static FailureOr<std::unique_ptr<hmlt::WeightT>>
weightEntry(nn::WeightOp op, OperandLayout layout) {
  auto type = cast<RankedTensorType>(op.getType());
  // Without a recipe it is the tensor of its name, as it stands.
  DictionaryAttr recipe = op.getRecipe().value_or(DictionaryAttr());
  if (!recipe) {
    Builder b(op.getContext());
    recipe = b.getDictionaryAttr(
        {b.getNamedAttr("sources", b.getArrayAttr(op.getSymNameAttr())),
         b.getNamedAttr("shapes", b.getArrayAttr(b.getDenseI64ArrayAttr(
                                      type.getShape())))});
  }
  auto weight = std::make_unique<hmlt::WeightT>();
  weight->name = op.getSymName().str();
  weight->shape.assign(type.getShape().begin(), type.getShape().end());
  weight->dtype = dtypeOf(type.getElementType());
  weight->layout = layoutOf(layout);
  weight->stack = recipe.contains("stack");
  auto sources = recipe.getAs<ArrayAttr>("sources");
  auto shapes = recipe.getAs<ArrayAttr>("shapes");
  if (!sources || !shapes || sources.size() != shapes.size())
    return op.emitOpError(
        "expected 'recipe' to have 'sources' and as many 'shapes'");
  for (auto [name, shape] : llvm::zip_equal(sources, shapes)) {
    auto source = std::make_unique<hmlt::SourceT>();
    auto text = dyn_cast<StringAttr>(name);
    auto dims = dyn_cast<DenseI64ArrayAttr>(shape);
    if (!text || !dims)
      return op.emitOpError(
          "expected 'sources' to be strings and 'shapes' to be array<i64>");
    source->tensor = text.str();
    source->shape.assign(dims.asArrayRef().begin(), dims.asArrayRef().end());
    weight->sources.push_back(std::move(source));
  }
  if (auto permute = recipe.getAs<DenseI64ArrayAttr>("permute")) {
    if (permute.size() != 3)
      return op.emitOpError("expected 'permute' to have 3 entries, got ")
             << permute.size();
    weight->permute_a = static_cast<int32_t>(permute[0]);
    weight->permute_b = static_cast<int32_t>(permute[1]);
    weight->permute_c = static_cast<int32_t>(permute[2]);
  }
  weight->add_one = recipe.contains("add_one");
  return weight;
}

FailureOr<Place> FunctionBuilder::placeOf(Value v, OperandLayout layout) {
  if (auto op = v.getDefiningOp<nn::WeightOp>()) {
    StringRef name = op.getSymName();
    // In a second layout (tied embeddings) it is another weight.
    bool taken = false;
    std::string other =
        (name + "." + hmlt::EnumNameLayout(layoutOf(layout))).str();
    for (auto [i, known] : llvm::enumerate(container.weights)) {
      if (known->layout == layoutOf(layout) &&
          (known->name == name || known->name == other))
        return Place{hmlt::ArgKind::weight, static_cast<int32_t>(i)};
      taken |= known->name == name;
    }
    FailureOr<std::unique_ptr<hmlt::WeightT>> weight = weightEntry(op, layout);
    if (failed(weight))
      return failure();
    if (taken)
      (*weight)->name = other;
    container.weights.push_back(std::move(*weight));
    return Place{hmlt::ArgKind::weight,
                 static_cast<int32_t>(container.weights.size() - 1)};
  }
  if (layout != OperandLayout::plain)
    return packed(v, layout);
  auto it = places.find(v);
  if (it == places.end())
    return failure();
  return it->second;
}

FailureOr<Place> FunctionBuilder::packed(Value v, OperandLayout layout) {
  auto key = std::pair(v.getAsOpaquePointer(), static_cast<int>(layout));
  if (auto it = packedPlaces.find(key); it != packedPlaces.end())
    return it->second;
  FailureOr<Place> plain = placeOf(v, OperandLayout::plain);
  auto type = cast<RankedTensorType>(v.getType());
  if (failed(plain) || !type.hasStaticShape())
    return failure();
  int64_t rank = type.getRank(), n = type.getDimSize(rank - 2),
          k = type.getDimSize(rank - 1);
  int64_t count = rank == 3 ? type.getDimSize(0) : 1;
  bool pairs = layout == OperandLayout::panelPairs;
  Place place =
      temporary("packed", type.getElementType(),
                codegen::constant(count * panelElements(k, n, pairs)), true);
  KernelInfo info;
  info.kind = "pack";
  info.rows = {1};
  std::string text;
  llvm::raw_string_ostream(text) << "pack " << type << pairs;
  FailureOr<int32_t> kernel = kernels.get(
      text, info, [&](StringRef name, int64_t) -> FailureOr<func::FuncOp> {
        return packKernel(kernels.module(), name, type.getElementType(), n, k,
                          pairs);
      });
  LaunchArgs args;
  args.push_back(arg(*plain));
  args.push_back(arg(place));
  launch(*kernel, codegen::constant(1),
         {codegen::constant((n + tile::kPanel - 1) / tile::kPanel),
          codegen::constant(count), codegen::constant(1)},
         std::move(args));
  packedPlaces[key] = place;
  return place;
}

hmlt::Expr FunctionBuilder::rowsOf(Value v) const {
  auto it = rows.find(v);
  assert(it != rows.end() && "every value's rows are known when it is defined");
  return it->second;
}

std::optional<Place> FunctionBuilder::given(Value v) const {
  auto it = places.find(v);
  if (it == places.end() || (it->second.kind != hmlt::ArgKind::operand &&
                             it->second.kind != hmlt::ArgKind::constant))
    return std::nullopt;
  return it->second;
}

//===----------------------------------------------------------------------===//
// Buffers, caches, launches
//===----------------------------------------------------------------------===//

Place FunctionBuilder::define(Value v, const hmlt::Expr &count) {
  if (!v)
    return temporary("unused", IntegerType::get(func.getContext(), 32),
                     times(count, 64), false);
  auto type = cast<RankedTensorType>(v.getType());
  int64_t width = 1;
  for (int64_t dim : type.getShape().drop_front())
    width *= dim;
  rows.insert({v, count});
  if (auto it = results.find(v); it != results.end()) {
    auto result = std::make_unique<hmlt::OperandT>();
    result->name = "result" + std::to_string(it->second);
    result->dtype = dtypeOf(type.getElementType());
    for (int64_t dim : type.getShape()) {
      result->shape.push_back(ShapedType::isDynamic(dim) ? -1 : dim);
      result->extents.push_back(-1);
    }
    if (type.isDynamicDim(0)) {
      bool plain = count.symbol() == hmlt::Symbol::extent && count.mul() == 1 &&
                   count.add() == 0;
      result->extents[0] =
          (plain ? count : derived(result->name, {count}, false)).index();
    }
    out->results[it->second] = std::move(result);
    return places[v] = {hmlt::ArgKind::result, it->second};
  }
  return places[v] =
             temporary("", type.getElementType(), times(count, width), false);
}

Place FunctionBuilder::temporary(StringRef name, Type element,
                                 const hmlt::Expr &elements, bool zero) {
  auto buffer = std::make_unique<hmlt::BufferT>();
  int32_t index = static_cast<int32_t>(out->buffers.size());
  buffer->name = name.empty() ? "t" + std::to_string(index) : name.str();
  buffer->dtype = dtypeOf(element);
  buffer->bytes =
      std::make_unique<hmlt::Expr>(times(elements, bytesOf(element)));
  buffer->first = -1;
  buffer->last = -1;
  buffer->zero_first = zero;
  out->buffers.push_back(std::move(buffer));
  return {hmlt::ArgKind::buffer, index};
}

void FunctionBuilder::alias(Value updated, Value cache) {
  if (updated)
    aliases[updated] = cache;
}

std::vector<Place> FunctionBuilder::cachePools(Value cache, StringRef kind,
                                               hmlt::CachePer per,
                                               ArrayRef<Pool> wanted) {
  while (aliases.contains(cache))
    cache = aliases[cache];
  auto [it, fresh] = pools.try_emplace(cache);
  if (!fresh)
    return it->second;
  for (const Pool &pool : wanted) {
    Place place;
    if (pool.bytes > 0) {
      auto entry = std::make_unique<hmlt::CacheT>();
      entry->layer = static_cast<int32_t>(pools.size()) - 1;
      entry->name =
          kind.str() + "." + std::to_string(entry->layer) + "." + pool.name;
      entry->kind = kind.str();
      entry->per = per;
      entry->bytes = pool.bytes;
      place = {hmlt::ArgKind::cache,
               static_cast<int32_t>(container.caches.size())};
      container.caches.push_back(std::move(entry));
    }
    it->second.push_back(place);
  }
  return it->second;
}

hmlt::Expr FunctionBuilder::derived(StringRef name, ArrayRef<hmlt::Expr> terms,
                                    bool product) {
  auto extent = std::make_unique<hmlt::DerivedExtentT>();
  extent->name = name.str();
  extent->terms.assign(terms.begin(), terms.end());
  extent->product = product;
  auto index = static_cast<int32_t>(out->extents.size() + out->derived.size());
  out->derived.push_back(std::move(extent));
  return {hmlt::Symbol::extent, false, index, 1, 1, 0};
}

hmlt::Expr FunctionBuilder::sum(StringRef name, ArrayRef<hmlt::Expr> terms) {
  return derived(name, terms, false);
}

hmlt::Expr FunctionBuilder::product(StringRef name, const hmlt::Expr &x,
                                    const hmlt::Expr &y) {
  return derived(name, {x, y}, true);
}

std::unique_ptr<hmlt::ArgT> FunctionBuilder::arg(const Place &place) {
  auto arg = std::make_unique<hmlt::ArgT>();
  arg->kind = place.kind;
  arg->index = place.index;
  return arg;
}

std::unique_ptr<hmlt::ArgT> FunctionBuilder::scalar(const hmlt::Expr &value) {
  auto arg = std::make_unique<hmlt::ArgT>();
  arg->kind = hmlt::ArgKind::scalar;
  arg->scalar = std::make_unique<hmlt::Expr>(value);
  return arg;
}

void FunctionBuilder::launch(int32_t kernel, const hmlt::Expr &metric,
                             std::array<hmlt::Expr, 3> grid, LaunchArgs args) {
  auto launch = std::make_unique<hmlt::LaunchT>();
  launch->kernel = kernel;
  launch->metric = std::make_unique<hmlt::Expr>(metric);
  launch->grid.assign(grid.begin(), grid.end());
  launch->layer = layer;
  auto at = static_cast<int32_t>(out->launches.size());
  for (const std::unique_ptr<hmlt::ArgT> &arg : args)
    if (arg->kind == hmlt::ArgKind::buffer) {
      hmlt::BufferT &buffer = *out->buffers[arg->index];
      if (buffer.first < 0)
        buffer.first = at;
      buffer.last = at;
    }
  launch->args = std::move(args);
  out->launches.push_back(std::move(launch));
}

//===----------------------------------------------------------------------===//
// The end
//===----------------------------------------------------------------------===//

/// Gives buffers arena slots such that none shares a slot with one that lives
/// at the same time; a buffer takes the free slot whose size per token fits
/// best.
void FunctionBuilder::planArena() {
  struct Slot {
    int32_t freeAfter;
    hmlt::Symbol symbol;
    int64_t weight;
  };
  std::vector<Slot> slots;
  std::vector<int32_t> order(out->buffers.size());
  for (size_t i = 0; i < order.size(); ++i)
    order[i] = static_cast<int32_t>(i);
  llvm::sort(order, [&](int32_t x, int32_t y) {
    return std::pair(out->buffers[x]->first, x) <
           std::pair(out->buffers[y]->first, y);
  });
  for (int32_t i : order) {
    hmlt::BufferT &buffer = *out->buffers[i];
    const hmlt::Expr &bytes = *buffer.bytes;
    int64_t weight = bytes.mul() / bytes.div() + bytes.add();
    int32_t best = -1;
    int64_t bestCost = std::numeric_limits<int64_t>::max();
    for (auto [s, slot] : llvm::enumerate(slots)) {
      if (slot.freeAfter >= buffer.first || slot.symbol != bytes.symbol())
        continue;
      int64_t cost = std::abs(slot.weight - weight);
      if (cost < bestCost) {
        best = static_cast<int32_t>(s);
        bestCost = cost;
      }
    }
    if (best < 0) {
      best = static_cast<int32_t>(slots.size());
      slots.push_back({0, bytes.symbol(), 0});
    }
    slots[best].freeAfter = buffer.last;
    slots[best].weight = std::max(slots[best].weight, weight);
    buffer.arena_slot = best;
  }
  out->arena_slots = static_cast<int32_t>(slots.size());
}

LogicalResult FunctionBuilder::finish(func::ReturnOp returned) {
  if (step) {
    auto it = returned.getNumOperands() ? places.find(returned.getOperand(0))
                                        : places.end();
    if (it == places.end() || it->second.kind != hmlt::ArgKind::buffer)
      return returned.emitOpError(
          "expected the logits as the step's first result");
    out->logits_buffer = it->second.index;
    // They are read after the last launch.
    out->buffers[out->logits_buffer]->last =
        static_cast<int32_t>(out->launches.size()) - 1;
  }
  if (!step && failed(addChecks()))
    return failure();
  planArena();
  container.functions.push_back(std::move(out));
  return success();
}
