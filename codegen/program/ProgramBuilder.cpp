//===- ProgramBuilder.cpp -------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/program/ProgramBuilder.h"

#include "codegen/kernels/Kernels.h"
#include "dialects/Graph/GraphOpInterface.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;
using program::Quantity;
using program::StepInput;

int64_t hamlet::codegen::bytesOf(Type element) {
  return element.getIntOrFloatBitWidth() / 8;
}

ProgramBuilder::ProgramBuilder(func::FuncOp func, ModuleOp module,
                               KernelTable &kernels)
    : func(func), module(module), kernels(kernels), b(func.getContext()),
      loc(func.getLoc()) {
  for (unsigned i = 0; i < func.getNumArguments(); ++i)
    step |= static_cast<bool>(func.getArgAttr(i, "hamlet.input"));
  b.setInsertionPointToEnd(module.getBody());
  out = program::FuncOp::create(b, loc, func.getName(), step,
                                b.getStrArrayAttr({}));
  b.setInsertionPointToEnd(&out.getBody().emplaceBlock());
}

OpBuilder ProgramBuilder::declarations() {
  OpBuilder at(b.getContext());
  at.setInsertionPointToEnd(module.getBody());
  return at;
}

//===----------------------------------------------------------------------===//
// Arguments, weights, constants, results
//===----------------------------------------------------------------------===//

static std::optional<std::pair<StepInput, Extent>>
stepInputNamed(StringRef name) {
  Extent sequences = symbol(Quantity::sequences);
  using Found = std::optional<std::pair<StepInput, Extent>>;
  return llvm::StringSwitch<Found>(name)
      .Case("token_ids",
            std::pair(StepInput::token_ids, symbol(Quantity::tokens)))
      .Case("positions",
            std::pair(StepInput::positions, symbol(Quantity::tokens)))
      .Case("starts", std::pair(StepInput::sequence_starts, plus(sequences, 1)))
      .Case("first", std::pair(StepInput::first_positions, sequences))
      .Case("slots", std::pair(StepInput::slots, sequences))
      .Case("pages", std::pair(StepInput::page_table, sequences))
      .Case("rows", std::pair(StepInput::output_row_list,
                              symbol(Quantity::output_rows)))
      .Default(std::nullopt);
}

LogicalResult ProgramBuilder::bindArguments() {
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
      memory[arg] = stepInput(input->first);
      rows.insert({arg, input->second});
    }
    return success();
  }
  SmallVector<std::string> names;
  for (BlockArgument arg : func.getArguments()) {
    auto type = dyn_cast<RankedTensorType>(arg.getType());
    if (!type)
      return func.emitOpError("argument ")
             << arg.getArgNumber()
             << ": expected a tensor in a function for a plain call, got "
             << arg.getType();
    std::string name = "arg" + std::to_string(arg.getArgNumber());
    if (auto given =
            func.getArgAttrOfType<StringAttr>(arg.getArgNumber(), kNameAttr))
      name = given.str();
    SmallVector<int64_t> shape, open;
    for (int64_t dim = 0; dim < type.getRank(); ++dim) {
      bool isOpen = type.isDynamicDim(dim);
      shape.push_back(isOpen ? -1 : type.getDimSize(dim));
      open.push_back(isOpen ? extents++ : -1);
      if (isOpen)
        names.push_back(name + ".dim" + std::to_string(dim));
    }
    if (llvm::all_of(open, [](int64_t extent) { return extent < 0; }))
      open.clear();
    memory[arg] = program::OperandOp::create(
        b, loc, program::MemoryType::get(context(), type.getElementType()),
        name, shape, open, program::ExtentAttr());
    if (type.getRank() > 0)
      rows.insert({arg, type.isDynamicDim(0) ? Extent{Quantity::extent, open[0]}
                                             : constant(type.getDimSize(0))});
  }
  SmallVector<StringRef> refs(names.begin(), names.end());
  out.setExtentsAttr(b.getStrArrayAttr(refs));
  return success();
}

LogicalResult ProgramBuilder::bindResults(func::ReturnOp returned) {
  if (step)
    return success();
  for (auto [i, v] : llvm::enumerate(returned.getOperands())) {
    if (isa<nn::StateType>(v.getType()))
      continue;
    if (Operation *def = v.getDefiningOp();
        isa_and_nonnull<graph::GraphOpInterface>(def) &&
        !isa<nn::FusedOp>(def)) {
      InFlightDiagnostic error = returned.emitOpError("result ")
                                 << i << " comes from no fused region: run "
                                 << "nn-fuse first";
      error.attachNote(def->getLoc()) << "by this op";
      return error;
    }
    if (!v.getDefiningOp<nn::FusedOp>())
      return returned.emitOpError("result ")
             << i << ": expected a value that the function computes, got "
             << (isa<BlockArgument>(v) ? "its operand" : "a constant")
             << "; the caller has it already";
    auto [known, isNew] =
        results.try_emplace(v, static_cast<int64_t>(results.size()));
    if (isNew)
      continue;
    InFlightDiagnostic error =
        returned.emitOpError("result ")
        << i << " is the value of result " << known->second
        << "; a function gives a value once (equal ops are one): leave it out";
    error.attachNote(v.getLoc()) << "it is computed here";
    return error;
  }
  resultOps.resize(results.size());
  return success();
}

Value ProgramBuilder::get(program::Declared kind, StringRef name,
                          Type element) {
  Value &known = gotten[{static_cast<int>(kind), name.str()}];
  if (!known)
    known = program::GetOp::create(
        b, loc, program::MemoryType::get(context(), element), kind, name);
  return known;
}

Value ProgramBuilder::stepInput(StepInput input) {
  Value &known = inputs[input];
  if (!known)
    known = program::StepInputOp::create(
        b, loc, program::MemoryType::get(context(), i32()), input);
  return known;
}

LogicalResult ProgramBuilder::addConstant(arith::ConstantOp op) {
  auto dense = dyn_cast<DenseElementsAttr>(op.getValue());
  if (!dense)
    return op.emitOpError("expected a dense tensor");
  auto type = cast<RankedTensorType>(op.getType());
  // Equal constants are stored once.
  std::string name;
  int64_t count = 0;
  for (auto known : module.getOps<program::ConstantOp>()) {
    ++count;
    if (known.getValue() == dense)
      name = known.getName().str();
  }
  if (name.empty()) {
    name = "constant" + std::to_string(count);
    OpBuilder at = declarations();
    program::ConstantOp::create(at, op.getLoc(), name, dense);
  }
  memory[op.getResult()] =
      get(program::Declared::constant, name, type.getElementType());
  rows.insert({op.getResult(),
               codegen::constant(type.getRank() ? type.getDimSize(0) : 1)});
  return success();
}

/// The layer in "layers.12.qkv"; -1 for other names.
static int64_t layerOf(StringRef name) {
  int64_t layer = -1;
  if (name.consume_front("layers.") && !name.consumeInteger(10, layer))
    return layer;
  return -1;
}

void ProgramBuilder::beginRegion(nn::FusedOp op) {
  loc = op.getLoc();
  for (Value v : op.getInputs())
    if (auto weight = v.getDefiningOp<nn::WeightOp>())
      if (int64_t mine = layerOf(weight.getSymName()); mine >= 0)
        layer = mine;
}

/// The recipe of a weight; without one it is the tensor of its name as it
/// stands.
static FailureOr<DictionaryAttr> recipeOf(nn::WeightOp op) {
  auto type = cast<RankedTensorType>(op.getType());
  Builder b(op.getContext());
  DictionaryAttr recipe = op.getRecipe().value_or(DictionaryAttr());
  if (!recipe)
    return b.getDictionaryAttr(
        {b.getNamedAttr("sources", b.getArrayAttr(op.getSymNameAttr())),
         b.getNamedAttr("shapes", b.getArrayAttr(b.getDenseI64ArrayAttr(
                                      type.getShape())))});
  auto sources = recipe.getAs<ArrayAttr>("sources");
  auto shapes = recipe.getAs<ArrayAttr>("shapes");
  if (!sources || !shapes || sources.size() != shapes.size())
    return op.emitOpError(
        "expected 'recipe' to have 'sources' and as many 'shapes'");
  for (auto [name, shape] : llvm::zip_equal(sources, shapes))
    if (!isa<StringAttr>(name) || !isa<DenseI64ArrayAttr>(shape))
      return op.emitOpError(
          "expected 'sources' to be strings and 'shapes' to be array<i64>");
  if (auto permute = recipe.getAs<DenseI64ArrayAttr>("permute"))
    if (permute.size() != 3)
      return op.emitOpError("expected 'permute' to have 3 entries, got ")
             << permute.size();
  return recipe;
}

FailureOr<Value> ProgramBuilder::weight(nn::WeightOp op) {
  StringRef name = op.getSymName();
  auto type = cast<RankedTensorType>(op.getType());
  bool known = llvm::any_of(
      module.getOps<program::WeightOp>(),
      [&](program::WeightOp other) { return other.getName() == name; });
  if (!known) {
    FailureOr<DictionaryAttr> recipe = recipeOf(op);
    if (failed(recipe))
      return failure();
    OpBuilder at = declarations();
    program::WeightOp::create(at, op.getLoc(), name, type, *recipe);
  }
  return get(program::Declared::weight, name, type.getElementType());
}

Value ProgramBuilder::state(nn::StateOp op) {
  StringRef name = op.getSymName();
  RankedTensorType type = op.getType().getTensor();
  bool known = llvm::any_of(
      module.getOps<program::StateOp>(),
      [&](program::StateOp other) { return other.getName() == name; });
  if (!known) {
    OpBuilder at = declarations();
    program::StateOp::create(at, op.getLoc(), name, type, FlatSymbolRefAttr());
  }
  return get(program::Declared::state, name, type.getElementType());
}

Value ProgramBuilder::underAliases(Value v) const {
  for (auto it = aliases.find(v); it != aliases.end(); it = aliases.find(v))
    v = it->second;
  return v;
}

FailureOr<Value> ProgramBuilder::memoryOf(Value v, tile::Layout packed) {
  v = underAliases(v);
  if (auto op = v.getDefiningOp<nn::WeightOp>())
    return weight(op);
  if (auto op = v.getDefiningOp<nn::StateOp>())
    return state(op);
  if (packed != tile::Layout::strided)
    return this->packed(v, packed);
  if (Value found = memory.lookup(v))
    return found;
  return failure();
}

FailureOr<Value> ProgramBuilder::packed(Value v, tile::Layout packed) {
  auto key = std::pair(v.getAsOpaquePointer(), packed);
  if (auto it = packedPlaces.find(key); it != packedPlaces.end())
    return it->second;
  FailureOr<Value> plain = memoryOf(v);
  auto type = cast<RankedTensorType>(v.getType());
  if (failed(plain) || !type.hasStaticShape())
    return failure();
  int64_t rank = type.getRank(), n = type.getDimSize(rank - 2),
          k = type.getDimSize(rank - 1);
  int64_t count = rank == 3 ? type.getDimSize(0) : 1;
  Value place = temporary(
      "packed", type.getElementType(),
      codegen::constant(count * kernels.mostElements(packed, k, n)), true);
  KernelInfo info;
  info.kind = "pack";
  std::string text;
  llvm::raw_string_ostream(text)
      << "pack " << type << " " << tile::stringifyLayout(packed);
  FailureOr<program::KernelOp> kernel = kernels.get(
      text, info, loc, [&](const TargetClass &) -> FailureOr<Realization> {
        Realization realization;
        realization.rows = {1};
        realization.packed["out"] = packed;
        realization.grid = {
            codegen::constant((n + tile::kPanel - 1) / tile::kPanel),
            codegen::constant(count), codegen::constant(1)};
        realization.write = [&, element = type.getElementType()](
                                const KernelSite &site, int64_t) {
          return packKernel(site, element, n, k, packed);
        };
        return realization;
      });
  if (failed(kernel))
    return failure();
  launch(*kernel, {}, {{"in", *plain}, {"out", place}});
  packedPlaces[key] = place;
  return place;
}

Extent ProgramBuilder::rowsOf(Value v) const {
  auto it = rows.find(v);
  assert(it != rows.end() && "every value's rows are known when it is defined");
  return it->second;
}

Value ProgramBuilder::given(Value v) const {
  Value found = memory.lookup(v);
  if (!found)
    return {};
  auto get = found.getDefiningOp<program::GetOp>();
  bool isGiven = found.getDefiningOp<program::OperandOp>() ||
                 (get && get.getKind() == program::Declared::constant);
  return isGiven ? found : Value();
}

//===----------------------------------------------------------------------===//
// Buffers, caches, launches
//===----------------------------------------------------------------------===//

Value ProgramBuilder::define(Value v, const Extent &count) {
  if (!v)
    return temporary("unused", i32(), times(count, 64), false);
  auto type = cast<RankedTensorType>(v.getType());
  int64_t width = 1;
  for (int64_t dim : type.getShape().drop_front())
    width *= dim;
  rows.insert({v, count});
  auto it = results.find(v);
  if (it == results.end())
    return memory[v] =
               temporary("", type.getElementType(), times(count, width), false);
  std::string name = "result" + std::to_string(it->second);
  SmallVector<int64_t> shape, open;
  for (int64_t dim : type.getShape())
    shape.push_back(ShapedType::isDynamic(dim) ? -1 : dim);
  if (type.isDynamicDim(0)) {
    bool plain =
        count.quantity == Quantity::extent && count.mul == 1 && count.add == 0;
    open.assign(shape.size(), -1);
    open[0] = (plain ? count : derived(name, {count}, false)).index;
  }
  auto result = program::ResultOp::create(
      b, loc, program::MemoryType::get(context(), type.getElementType()), name,
      shape, open, program::ExtentAttr());
  resultOps[static_cast<size_t>(it->second)] = result;
  return memory[v] = result;
}

Value ProgramBuilder::temporary(StringRef name, Type element,
                                const Extent &elements, bool zeroed) {
  std::string text = name.empty() ? "t" + std::to_string(buffers) : name.str();
  ++buffers;
  return program::AllocOp::create(
      b, loc, program::MemoryType::get(context(), element), text,
      times(elements, bytesOf(element)).attr(context()), zeroed,
      DenseI64ArrayAttr());
}

void ProgramBuilder::alias(Value updated, Value taken) {
  if (updated)
    aliases[updated] = taken;
}

std::vector<Value> ProgramBuilder::cachePools(Value cache, StringRef kind,
                                              program::CachePer per,
                                              ArrayRef<Pool> wanted) {
  cache = underAliases(cache);
  auto [it, fresh] = pools.try_emplace(cache);
  if (!fresh)
    return it->second;
  auto number = static_cast<int64_t>(pools.size()) - 1;
  for (const Pool &pool : wanted) {
    Value place;
    if (pool.bytes > 0) {
      std::string name =
          kind.str() + "." + std::to_string(number) + "." + pool.name;
      OpBuilder at = declarations();
      program::CacheOp::create(at, loc, name, kind,
                               static_cast<uint64_t>(number), per,
                               static_cast<uint64_t>(pool.bytes));
      place = get(program::Declared::cache, name, b.getI8Type());
    }
    it->second.push_back(place);
  }
  return it->second;
}

Extent ProgramBuilder::derived(StringRef name, ArrayRef<Extent> terms,
                               bool product) {
  SmallVector<Attribute> attrs;
  for (const Extent &term : terms)
    attrs.push_back(term.attr(context()));
  program::DeriveOp::create(b, loc, name, b.getArrayAttr(attrs), product);
  return {Quantity::extent, extents++};
}

Extent ProgramBuilder::sum(StringRef name, ArrayRef<Extent> terms) {
  return derived(name, terms, false);
}

Extent ProgramBuilder::product(StringRef name, const Extent &x,
                               const Extent &y) {
  return derived(name, {x, y}, true);
}

void ProgramBuilder::launch(program::KernelOp kernel, ArrayRef<Extent> counts,
                            const Arguments &arguments) {
  SmallVector<Attribute> sizes;
  for (const Extent &count : counts)
    sizes.push_back(count.attr(context()));
  SmallVector<StringRef> names;
  SmallVector<Value> values;
  for (auto &[name, value] : arguments) {
    if (!value)
      continue;
    names.push_back(name);
    values.push_back(value);
  }
  program::LaunchOp::create(
      b, loc, kernel.getName(), b.getArrayAttr(sizes), b.getStrArrayAttr(names),
      values, layer >= 0 ? b.getI64IntegerAttr(layer) : IntegerAttr(),
      /*device=*/0,
      /*stream=*/0, /*wait=*/ArrayRef<int64_t>{}, /*signal=*/IntegerAttr());
}

void ProgramBuilder::check(program::CheckKind kind, StringRef what,
                           std::optional<Extent> value, Value array,
                           const Extent &limit) {
  auto valueAttr = value ? value->attr(context()) : program::ExtentAttr();
  program::ExtentAttr limitAttr = limit.attr(context());
  // Of one array the first op that asks is named.
  for (auto known : out.getBody().getOps<program::CheckOp>())
    if (known.getKind() == kind && known.getArray() == array &&
        known.getLimit() == limitAttr && known.getValueAttr() == valueAttr)
      return;
  program::CheckOp::create(b, loc, kind, what, valueAttr, array, limitAttr);
}

//===----------------------------------------------------------------------===//
// The end
//===----------------------------------------------------------------------===//

LogicalResult ProgramBuilder::finish(func::ReturnOp returned) {
  loc = returned.getLoc();
  if (!step) {
    for (auto [i, result] : llvm::enumerate(resultOps))
      if (!result)
        return returned.emitOpError("result ")
               << i << " is not computed by a kernel";
    // They are numbered by their order.
    for (program::ResultOp result : llvm::reverse(resultOps))
      result->moveBefore(&out.getBody().front().front());
    return addChecks();
  }
  Value logits = returned.getNumOperands()
                     ? memory.lookup(returned.getOperand(0))
                     : Value();
  if (!logits || !logits.getDefiningOp<program::AllocOp>())
    return returned.emitOpError(
        "expected the logits as the step's first result");
  program::LogitsOp::create(b, loc, logits);
  return success();
}
