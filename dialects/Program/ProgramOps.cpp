//===- ProgramOps.cpp -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Program/ProgramOps.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace hamlet::program;

//===----------------------------------------------------------------------===//
// Assembly
//===----------------------------------------------------------------------===//

/// `(x: type, y: type)`.
static ParseResult parseSignature(OpAsmParser &parser, ArrayAttr &names,
                                  ArrayAttr &types) {
  Builder &b = parser.getBuilder();
  SmallVector<Attribute> nameList, typeList;
  auto one = [&]() -> ParseResult {
    std::string name;
    Type type;
    if (parser.parseKeywordOrString(&name) || parser.parseColonType(type))
      return failure();
    nameList.push_back(b.getStringAttr(name));
    typeList.push_back(TypeAttr::get(type));
    return success();
  };
  if (parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren, one))
    return failure();
  names = b.getArrayAttr(nameList);
  types = b.getArrayAttr(typeList);
  return success();
}
static void printSignature(OpAsmPrinter &p, Operation *, ArrayAttr names,
                           ArrayAttr types) {
  p << "(";
  llvm::interleaveComma(llvm::zip_equal(names, types), p, [&](auto pair) {
    auto [name, type] = pair;
    p.printKeywordOrString(cast<StringAttr>(name).getValue());
    p << ": " << cast<TypeAttr>(type).getValue();
  });
  p << ")";
}

/// `[rows, tokens]`.
static ParseResult parseNames(OpAsmParser &parser, ArrayAttr &names) {
  Builder &b = parser.getBuilder();
  SmallVector<Attribute> list;
  auto one = [&]() -> ParseResult {
    std::string name;
    if (parser.parseKeywordOrString(&name))
      return failure();
    list.push_back(b.getStringAttr(name));
    return success();
  };
  if (parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Square, one))
    return failure();
  names = b.getArrayAttr(list);
  return success();
}
static void printNames(OpAsmPrinter &p, Operation *, ArrayAttr names) {
  p << "[";
  llvm::interleaveComma(names, p, [&](Attribute name) {
    p.printKeywordOrString(cast<StringAttr>(name).getValue());
  });
  p << "]";
}

/// `[plain, panel]`.
static ParseResult parseLayouts(OpAsmParser &parser,
                                DenseI32ArrayAttr &layouts) {
  SmallVector<int32_t> list;
  auto one = [&]() -> ParseResult {
    StringRef name;
    if (parser.parseKeyword(&name))
      return failure();
    std::optional<Layout> layout = symbolizeLayout(name);
    if (!layout)
      return parser.emitError(parser.getNameLoc())
             << "expected plain, panel, panel_pairs or blocks, got '" << name
             << "'";
    list.push_back(static_cast<int32_t>(*layout));
    return success();
  };
  if (parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Square, one))
    return failure();
  layouts = parser.getBuilder().getDenseI32ArrayAttr(list);
  return success();
}
static void printLayouts(OpAsmPrinter &p, Operation *,
                         DenseI32ArrayAttr layouts) {
  p << "[";
  llvm::interleaveComma(layouts.asArrayRef(), p, [&](int32_t layout) {
    p << stringifyLayout(static_cast<Layout>(layout));
  });
  p << "]";
}

/// `(x = %0, y = %1)`.
static ParseResult
parseArguments(OpAsmParser &parser, ArrayAttr &names,
               SmallVectorImpl<OpAsmParser::UnresolvedOperand> &args) {
  Builder &b = parser.getBuilder();
  SmallVector<Attribute> list;
  auto one = [&]() -> ParseResult {
    std::string name;
    if (parser.parseKeywordOrString(&name) || parser.parseEqual() ||
        parser.parseOperand(args.emplace_back()))
      return failure();
    list.push_back(b.getStringAttr(name));
    return success();
  };
  if (parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren, one))
    return failure();
  names = b.getArrayAttr(list);
  return success();
}
static void printArguments(OpAsmPrinter &p, Operation *, ArrayAttr names,
                           OperandRange args) {
  p << "(";
  llvm::interleaveComma(llvm::zip_equal(names, args), p, [&](auto pair) {
    auto [name, arg] = pair;
    p.printKeywordOrString(cast<StringAttr>(name).getValue());
    p << " = " << arg;
  });
  p << ")";
}

#define GET_OP_CLASSES
#include "dialects/Program/ProgramOps.cpp.inc"

//===----------------------------------------------------------------------===//
// Declarations
//===----------------------------------------------------------------------===//

static bool areExtents(ArrayAttr attrs) {
  return llvm::all_of(attrs, [](Attribute a) { return isa<ExtentAttr>(a); });
}

static LogicalResult verifyStored(Operation *op, Type type) {
  auto ranked = cast<RankedTensorType>(type);
  if (ranked.hasStaticShape() &&
      llvm::all_of(ranked.getShape(), [](int64_t dim) { return dim >= 1; }))
    return success();
  return op->emitOpError("expected static extents of at least 1, got ") << type;
}

// (C1)
LogicalResult WeightOp::verify() { return verifyStored(*this, getType()); }

LogicalResult CacheOp::verify() {
  // (C1)
  auto bytes = static_cast<int64_t>(getBytes());
  if (bytes < 1)
    return emitOpError("expected at least 1 byte, got ") << bytes;
  return success();
}

LogicalResult StateOp::verify() {
  // (C1)
  if (failed(verifyStored(*this, getType())))
    return failure();
  if (!getInitialAttr())
    return success();
  // (C2)
  WeightOp weight;
  for (auto one : (*this)->getBlock()->getOps<WeightOp>())
    if (one.getName() == *getInitial())
      weight = one;
  if (!weight)
    return emitOpError("begins as ")
           << getInitialAttr() << ", expected a weight of the module";
  if (weight.getType() != getType()) {
    InFlightDiagnostic diag = emitOpError("is ")
                              << getType() << ", the weight that it begins as "
                              << weight.getType();
    diag.attachNote(weight.getLoc()) << "the weight is here";
    return diag;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

std::optional<unsigned> KernelOp::sizeNamed(StringRef name) {
  for (auto [i, size] : llvm::enumerate(getSizes()))
    if (cast<StringAttr>(size).getValue() == name)
      return i;
  return std::nullopt;
}

/// Of the sizes, or of one.
static bool isOfSizes(ExtentAttr extent, size_t sizes) {
  return extent.getQuantity() == Quantity::one ||
         (extent.getQuantity() == Quantity::size &&
          static_cast<size_t>(extent.getIndex()) < sizes);
}

LogicalResult KernelOp::verify() {
  // (C1)
  if (getNames().size() != getTypes().size())
    return emitOpError("has ") << getNames().size() << " names for "
                               << getTypes().size() << " parameters";
  llvm::StringSet<> seen;
  for (auto [name, type] : llvm::zip_equal(getNames(), getTypes())) {
    StringRef text = cast<StringAttr>(name).getValue();
    if (!seen.insert(text).second)
      return emitOpError("has two parameters '") << text << "'";
    Type is = cast<TypeAttr>(type).getValue();
    if (!isa<MemoryType, IndexType>(is) && !is.isF32())
      return emitOpError("has a parameter '")
             << text << "' of " << is << ", expected memory, f32 or index";
    // (C2)
    if (is.isIndex() && !sizeNamed(text))
      return emitOpError("has an index parameter '")
             << text << "', which is none of its sizes " << getSizes();
  }
  // (C3)
  if (!isOfSizes(getMetric(), getSizes().size()) || getMetric().getByRows())
    return emitOpError("expected a metric of one of its sizes, got ")
           << getMetric();
  return success();
}

LogicalResult KernelOp::verifyRegions() {
  llvm::StringMap<RealizationOp> seen;
  for (Operation &op : getBody().front()) {
    auto realization = dyn_cast<RealizationOp>(op);
    if (!realization)
      return op.emitOpError("stands in a kernel; expected realizations");
    // (C4)
    auto [it, fresh] = seen.try_emplace(realization.getTarget(), realization);
    if (!fresh) {
      InFlightDiagnostic diag =
          realization.emitOpError("is the second for target '")
          << realization.getTarget() << "'";
      diag.attachNote(it->second.getLoc()) << "the first is here";
      return diag;
    }
  }
  return success();
}

LogicalResult RealizationOp::verify() {
  auto kernel = (*this)->getParentOfType<KernelOp>();
  // (C1)
  bool fits = getGrid().size() == 3 && areExtents(getGrid());
  for (Attribute size : getGrid())
    fits = fits && isOfSizes(cast<ExtentAttr>(size), kernel.getSizes().size());
  if (!fits)
    return emitOpError("expected a grid of three extents of the kernel's "
                       "sizes, got ")
           << getGrid();
  // (C2)
  ArrayRef<int32_t> layouts = getLayouts();
  if (layouts.size() != kernel.getNames().size()) {
    InFlightDiagnostic diag = emitOpError("has ")
                              << layouts.size() << " layouts for "
                              << kernel.getNames().size() << " parameters";
    diag.attachNote(kernel.getLoc()) << "of this kernel";
    return diag;
  }
  for (auto [layout, name, type] :
       llvm::zip_equal(layouts, kernel.getNames(), kernel.getTypes()))
    if (static_cast<Layout>(layout) != Layout::plain &&
        !isa<MemoryType>(cast<TypeAttr>(type).getValue()))
      return emitOpError("gives parameter ")
             << name << " layout "
             << stringifyLayout(static_cast<Layout>(layout))
             << ", but it is not memory";
  return success();
}

LogicalResult RealizationOp::verifyRegions() {
  // (C3)
  int64_t before = 0;
  for (Operation &op : getBody().front()) {
    auto variant = dyn_cast<VariantOp>(op);
    if (!variant)
      return op.emitOpError("stands in a realization; expected variants");
    auto rows = static_cast<int64_t>(variant.getRows());
    if (rows <= before)
      return variant.emitOpError("expected more rows than the variant before, ")
             << before << ", got " << rows;
    before = rows;
  }
  if (before == 0)
    return emitOpError("has no variant");
  return success();
}

LogicalResult VariantOp::verify() {
  // (C1)
  auto signedOf = [](uint64_t value) { return static_cast<int64_t>(value); };
  if (signedOf(getRows()) < 1 || signedOf(getScratch()) < 0 ||
      signedOf(getShared()) < 0 || signedOf(getThreads()) < 0 ||
      signedOf(getRegisters()) < 0)
    return emitOpError("expected rows of at least 1 and no bytes, threads or "
                       "registers below 0");
  for (Attribute product : getProducts())
    if (!isa<ProductAttr>(product))
      return emitOpError("expected products, got ") << product;
  return success();
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

namespace {
/// What the module of a function declares, by name.
struct Declarations {
  explicit Declarations(FuncOp func) {
    for (Operation &op : *func->getBlock()) {
      if (auto weight = dyn_cast<WeightOp>(op))
        sources[0][weight.getName()] = weight;
      else if (auto constant = dyn_cast<ConstantOp>(op))
        sources[1][constant.getName()] = constant;
      else if (auto cache = dyn_cast<CacheOp>(op))
        sources[2][cache.getName()] = cache;
      else if (auto state = dyn_cast<StateOp>(op))
        sources[3][state.getName()] = state;
      else if (auto kernel = dyn_cast<KernelOp>(op))
        kernels[kernel.getName()] = kernel;
    }
  }
  Operation *find(GetOp get) const {
    return sources[static_cast<size_t>(get.getKind())].lookup(get.getSource());
  }

  llvm::StringMap<Operation *> sources[getMaxEnumValForDeclared() + 1];
  llvm::StringMap<KernelOp> kernels;
};
} // namespace

static Type elementOf(Operation *source) {
  if (auto weight = dyn_cast<WeightOp>(source))
    return cast<RankedTensorType>(weight.getType()).getElementType();
  if (auto constant = dyn_cast<ConstantOp>(source))
    return constant.getValue().getShapedType().getElementType();
  if (auto state = dyn_cast<StateOp>(source))
    return cast<RankedTensorType>(state.getType()).getElementType();
  return IntegerType::get(source->getContext(), 8); // a cache's bytes
}

static LogicalResult verifyGet(GetOp get, const Declarations &declared) {
  Operation *source = declared.find(get);
  // (C1)
  if (!source)
    return get.emitOpError("expected a ")
           << stringifyDeclared(get.getKind()) << " of the module, got "
           << get.getSourceAttr();
  // (C2)
  Type element = elementOf(source);
  Type mine = cast<MemoryType>(get.getResult().getType()).getElementType();
  if (mine == element)
    return success();
  InFlightDiagnostic diag = get.emitOpError("gives elements of ")
                            << mine << ", the source has " << element;
  diag.attachNote(source->getLoc()) << "the source is here";
  return diag;
}

static LogicalResult verifyBinding(LaunchOp launch,
                                   const Declarations &declared) {
  // (C3)
  KernelOp kernel = declared.kernels.lookup(launch.getKernel());
  if (!kernel)
    return launch.emitOpError("launches ")
           << launch.getKernelAttr() << ", expected a kernel of the module";
  auto fail = [&](const Twine &message) {
    InFlightDiagnostic diag = launch.emitOpError(message);
    diag.attachNote(kernel.getLoc()) << "the kernel is here";
    return diag;
  };
  if (launch.getCounts().size() != kernel.getSizes().size())
    return fail("has " + Twine(launch.getCounts().size()) + " counts for " +
                Twine(kernel.getSizes().size()) + " sizes");
  // (C4)
  llvm::StringMap<Type> given;
  for (auto [name, arg] :
       llvm::zip_equal(launch.getNames(), launch.getArgs())) {
    StringRef text = cast<StringAttr>(name).getValue();
    if (!given.try_emplace(text, arg.getType()).second)
      return fail("gives parameter '" + text + "' twice");
  }
  for (auto [name, type] :
       llvm::zip_equal(kernel.getNames(), kernel.getTypes())) {
    StringRef text = cast<StringAttr>(name).getValue();
    Type wanted = cast<TypeAttr>(type).getValue();
    if (wanted.isIndex())
      continue;
    auto it = given.find(text);
    if (it == given.end())
      return fail("gives no argument for parameter '" + text + "'");
    // A cache's bytes are what the kernel takes them for.
    auto memory = dyn_cast<MemoryType>(it->second);
    bool bytes = memory && memory.getElementType().isInteger(8) &&
                 isa<MemoryType>(wanted);
    if (it->second != wanted && !bytes)
      return fail("gives parameter '" + text + "' another type than ")
             << wanted << ": " << it->second;
    given.erase(it);
  }
  if (!given.empty())
    return fail("gives an argument '" + given.begin()->first() +
                "', which is no parameter");
  return success();
}

static LogicalResult verifyLaunches(FuncOp func, const Declarations &declared) {
  llvm::DenseSet<int64_t> signalled;
  int64_t number = 0;
  for (auto launch : func.getBody().getOps<LaunchOp>()) {
    if (failed(verifyBinding(launch, declared)))
      return failure();
    // (C2)
    for (int64_t event : launch.getWait())
      if (!signalled.contains(event))
        return launch.emitOpError("waits for event ")
               << event << ", which no launch before it signals";
    if (launch.getSignal())
      signalled.insert(*launch.getSignal());
    // (C3)
    for (Value arg : launch.getArgs()) {
      auto alloc = arg.getDefiningOp<AllocOp>();
      if (!alloc || !alloc.getLive())
        continue;
      ArrayRef<int64_t> live = *alloc.getLive();
      if (number >= live[0] && number <= live[1])
        continue;
      InFlightDiagnostic diag = launch.emitOpError("is launch ")
                                << number << ", but its argument "
                                << alloc.getNameAttr() << " is live from "
                                << live[0] << " to " << live[1];
      diag.attachNote(alloc.getLoc()) << "the buffer is here";
      return diag;
    }
    ++number;
  }
  return success();
}

LogicalResult FuncOp::verifyRegions() {
  // (C1)
  if (getStep() && !getExtents().empty())
    return emitOpError("is a step and has extents ") << getExtents();
  Declarations declared(*this);
  for (Operation &op : getBody().front()) {
    auto get = dyn_cast<GetOp>(op);
    if (get && failed(verifyGet(get, declared)))
      return failure();
    // (C4)
    if (auto result = dyn_cast<ResultOp>(op);
        result && result.getResult().use_empty())
      return result.emitOpError("is taken by no launch, so nothing writes it");
    bool ofStep =
        isa<StepInputOp>(op) || (get && get.getKind() == Declared::cache);
    if (ofStep && !getStep())
      return op.emitOpError("belongs to a step; '")
             << getSymName() << "' is a function that is called";
  }
  return verifyLaunches(*this, declared);
}

LogicalResult DeriveOp::verify() {
  // (C1)
  if (getTerms().empty() || !areExtents(getTerms()))
    return emitOpError("expected terms that are extents, got ") << getTerms();
  return success();
}

LogicalResult AllocOp::verify() {
  if (!getLive())
    return success();
  // (C1)
  ArrayRef<int64_t> live = *getLive();
  if (live.size() != 2 || live[0] < 0 || live[1] < live[0])
    return emitOpError("expected a life from a first to a last launch, got ")
           << getLiveAttr();
  return success();
}

template <typename OpTy> static LogicalResult verifyOutside(OpTy op) {
  // (C1)
  ArrayRef<int64_t> shape = op.getShape(), extents = op.getExtents();
  for (auto [i, dim] : llvm::enumerate(shape)) {
    bool known = dim >= 0 || (i == 0 && op.getRows()) ||
                 (i < extents.size() && extents[i] >= 0);
    if (!known)
      return op.emitOpError("has dimension ")
             << i << " of -1 without an extent";
  }
  return success();
}

LogicalResult OperandOp::verify() {
  // (C2)
  if (getResult().getType().isF32() && !getShape().empty())
    return emitOpError("is a scalar and has ")
           << getShape().size() << " dimensions";
  return verifyOutside(*this);
}
LogicalResult ResultOp::verify() { return verifyOutside(*this); }

LogicalResult CheckOp::verify() {
  // (C1)
  bool equal = getKind() == CheckKind::equal;
  if (equal != getValue().has_value() || equal == static_cast<bool>(getArray()))
    return emitOpError("expected a value with 'equal' and an array with ")
           << stringifyCheckKind(CheckKind::boundaries) << " and "
           << stringifyCheckKind(CheckKind::below);
  return success();
}

LogicalResult LogitsOp::verify() {
  // (C1)
  auto func = cast<FuncOp>((*this)->getParentOp());
  auto alloc = getBuffer().getDefiningOp<AllocOp>();
  if (!func.getStep() || !alloc ||
      !cast<MemoryType>(alloc.getType()).getElementType().isF32())
    return emitOpError("expected a buffer of f32 in a step");
  return success();
}

LogicalResult LaunchOp::verify() {
  // (C1)
  if (!areExtents(getCounts()))
    return emitOpError("expected counts that are extents, got ") << getCounts();
  // (C2)
  auto atLeast = [](uint64_t value, int64_t least) {
    return static_cast<int64_t>(value) >= least;
  };
  if (!atLeast(getDevice(), 0) || !atLeast(getStream(), 0) ||
      (getSignal() && !atLeast(*getSignal(), 0)))
    return emitOpError(
        "expected 'device', 'stream' and 'signal' of at least 0");
  return success();
}
