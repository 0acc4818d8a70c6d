//===- AttentionDialect.cpp - registration and types ----------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Attention/AttentionDialect.h"
#include "dialects/Attention/AttentionOps.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace hamlet::attention;

#include "dialects/Attention/AttentionDialect.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/Attention/AttentionTypes.cpp.inc"

void AttentionDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/Attention/AttentionTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/Attention/AttentionOps.cpp.inc"
      >();
}

Type CacheType::parse(AsmParser &parser) {
  SmallVector<int64_t> dims;
  Type element;
  int64_t page = 0;
  SMLoc at = parser.getCurrentLocation();
  if (parser.parseLess() ||
      parser.parseDimensionList(dims, /*allowDynamic=*/false,
                                /*withTrailingX=*/false) ||
      parser.parseComma() || parser.parseType(element) || parser.parseComma() ||
      parser.parseKeyword("page") || parser.parseInteger(page) ||
      parser.parseGreater())
    return {};
  if (dims.size() != 3) {
    parser.emitError(at, "expected heads x D x Dv, got ")
        << dims.size() << " extents";
    return {};
  }
  return parser.getChecked<CacheType>(at, parser.getContext(), dims[0], dims[1],
                                      dims[2], element, page);
}

void CacheType::print(AsmPrinter &printer) const {
  printer << "<" << getHeads() << "x" << getKeyDim() << "x" << getValueDim()
          << ", " << getElementType() << ", page " << getPage() << ">";
}

LogicalResult CacheType::verify(function_ref<InFlightDiagnostic()> emitError,
                                int64_t heads, int64_t keyDim, int64_t valueDim,
                                Type elementType, int64_t page) {
  // (C1)
  if (heads < 1 || keyDim < 1 || valueDim < 1 || page < 1)
    return emitError() << "expected heads, D, Dv and page of at least 1, got "
                       << heads << ", " << keyDim << ", " << valueDim << " and "
                       << page;
  // (C2)
  if (!elementType.isF32() && !elementType.isBF16())
    return emitError() << "expected elements of f32 or bf16, got "
                       << elementType;
  return success();
}
