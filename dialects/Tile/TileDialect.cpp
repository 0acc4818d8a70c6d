//===- TileDialect.cpp - types and attributes -----------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Tile/TileDialect.h"
#include "dialects/Tile/TileOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace hamlet::tile;

#include "dialects/Tile/TileDialect.cpp.inc"
#include "dialects/Tile/TileEnums.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/Tile/TileTypes.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/Tile/TileAttrs.cpp.inc"

void TileDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/Tile/TileTypes.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Tile/TileAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/Tile/TileOps.cpp.inc"
      >();
}

LogicalResult TileDialect::verifyOperationAttribute(Operation *op,
                                                    NamedAttribute attribute) {
  if (attribute.getName() == kNonPositiveAttr && !isa<math::Exp2Op>(op))
    return op->emitOpError("expected '")
           << kNonPositiveAttr << "' on a math.exp2 only";
  return success();
}

LogicalResult TileDialect::verifyRegionArgAttribute(Operation *op, unsigned,
                                                    unsigned argument,
                                                    NamedAttribute attribute) {
  if (attribute.getName() == kLayoutAttr) {
    auto name = dyn_cast<StringAttr>(attribute.getValue());
    std::optional<Layout> layout =
        name ? symbolizeLayout(name) : std::optional<Layout>();
    if (!layout || *layout == Layout::strided || *layout == Layout::packed ||
        *layout == Layout::packed_bf16)
      return op->emitOpError("expected '")
             << kLayoutAttr << "' of argument " << argument
             << " to be panel, panel_pairs or blocks, got "
             << attribute.getValue();
    return success();
  }
  if (attribute.getName() != kNameAttr)
    return success();
  auto func = dyn_cast<func::FuncOp>(op);
  if (!func || !func->hasAttr(kKernelAttr))
    return op->emitOpError("expected '")
           << kNameAttr << "' on arguments of a kernel only";
  auto name = dyn_cast<StringAttr>(attribute.getValue());
  if (!name || name.empty())
    return op->emitOpError("expected '")
           << kNameAttr << "' of argument " << argument << " to be a name, got "
           << attribute.getValue();
  for (unsigned i = 0; i < argument; ++i)
    if (func.getArgAttr(i, kNameAttr) == name)
      return op->emitOpError("expected arguments of different names, got ")
             << name << " for " << i << " and " << argument;
  return success();
}

LogicalResult DescType::verify(function_ref<InFlightDiagnostic()> emitError,
                               ArrayRef<int64_t>, Type element, Layout layout) {
  bool twoBytes = layout == Layout::panel_pairs || layout == Layout::blocks ||
                  layout == Layout::packed_bf16;
  if (twoBytes &&
      !(element.isIntOrFloat() && element.getIntOrFloatBitWidth() == 16))
    return emitError() << "expected elements of 2 bytes in layout '"
                       << stringifyLayout(layout) << "', got " << element;
  return success();
}

Type DescType::parse(AsmParser &parser) {
  SmallVector<int64_t> shape;
  Type element;
  Layout layout = Layout::strided;
  if (parser.parseLess() ||
      parser.parseDimensionList(shape, /*allowDynamic=*/true) ||
      parser.parseType(element))
    return {};
  if (succeeded(parser.parseOptionalComma())) {
    StringRef keyword;
    SMLoc at = parser.getCurrentLocation();
    if (parser.parseKeyword(&keyword))
      return {};
    std::optional<Layout> parsed = symbolizeLayout(keyword);
    if (!parsed) {
      parser.emitError(at) << "expected 'strided', 'panel', 'panel_pairs', "
                              "'blocks', 'packed' or "
                              "'packed_bf16', got '"
                           << keyword << "'";
      return {};
    }
    layout = *parsed;
  }
  if (parser.parseGreater())
    return {};
  return parser.getChecked<DescType>(parser.getContext(), shape, element,
                                     layout);
}

void DescType::print(AsmPrinter &printer) const {
  printer << "<";
  printer.printDimensionList(getShape());
  if (!getShape().empty())
    printer << "x";
  printer << getElementType();
  if (isMatrix())
    printer << ", " << stringifyLayout(getLayout());
  printer << ">";
}

Layout hamlet::tile::packedFor(Type operands) {
  return operands.isBF16() ? Layout::packed_bf16 : Layout::packed;
}

Layout hamlet::tile::defaultLayout(Layout packed) {
  return packed == Layout::packed_bf16 ? Layout::panel_pairs : Layout::panel;
}

int64_t hamlet::tile::matrixElements(Layout layout, int64_t k, int64_t n) {
  auto filled = [&](MatrixPadding padding) {
    return roundUp(n, padding.rows) * roundUp(k, padding.columns);
  };
  switch (layout) {
  case Layout::panel:
    return filled(kPanelPadding);
  case Layout::panel_pairs:
    return filled(kPairsPadding);
  case Layout::blocks:
    return filled(kBlocksPadding);
  case Layout::strided:
  case Layout::packed:
  case Layout::packed_bf16:
    break;
  }
  llvm_unreachable("a layout that no target has says nothing of elements");
}

int64_t hamlet::tile::partOf(int64_t k, int64_t split) {
  // Whole steps of 16: what tensor cores sum at once, and a line of f32.
  constexpr uint64_t kStep = 16;
  if (split <= 1)
    return k;
  uint64_t steps = llvm::divideCeil(static_cast<uint64_t>(k), kStep);
  return std::min<int64_t>(k, kStep * llvm::divideCeil(steps, split));
}

int64_t hamlet::tile::canonicalSplit(int64_t k, int64_t least) {
  constexpr int64_t kLongestPart = 256;
  int64_t split = least;
  while (partOf(k, split) > kLongestPart)
    split *= 2;
  return split;
}

int64_t hamlet::tile::canonicalReduceSplit(int64_t k) {
  constexpr int64_t kLongestPart = 1024;
  int64_t split = 1;
  while (partOf(k, split) > kLongestPart)
    split *= 2;
  return split > 1 ? split : 0;
}

LogicalResult NumericsAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                   Type operands, Type accumulate,
                                   int64_t group, int64_t split) {
  // (C1)
  if (!accumulate.isF32())
    return emitError() << "expected 'accumulate' to be f32, got " << accumulate;
  // (C2)
  if (!operands.isBF16() && !operands.isF32())
    return emitError() << "expected 'operands' to be f32 or bf16, got "
                       << operands
                       << "; f16 weights are widened under f32 operands";
  // (C3)
  if (group != (operands.isBF16() ? 2 : 1))
    return emitError() << "expected 'group' to be 2 for bf16 operands and 1 "
                          "for others, got "
                       << group << " for " << operands;
  // (C4)
  if (split < 0 || (split != 0 && !llvm::isPowerOf2_64(split)))
    return emitError() << "expected 'split' to be 0 or a power of two, got "
                       << split;
  return success();
}
