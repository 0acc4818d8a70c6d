//===- LightningDialect.cpp - registration and types ----------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Lightning/LightningDialect.h"
#include "dialects/Lightning/LightningOps.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace hamlet::lightning;

#include "dialects/Lightning/LightningDialect.cpp.inc"
#include "dialects/Lightning/LightningEnums.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/Lightning/LightningTypes.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/Lightning/LightningAttrs.cpp.inc"

void LightningDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/Lightning/LightningTypes.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Lightning/LightningAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/Lightning/LightningOps.cpp.inc"
      >();
}

Type StateType::parse(AsmParser &parser) {
  SmallVector<int64_t> dims;
  Type tailType;
  int64_t chunk = 0, tail = 0;
  SMLoc at = parser.getCurrentLocation();
  if (parser.parseLess() ||
      parser.parseDimensionList(dims, /*allowDynamic=*/false,
                                /*withTrailingX=*/false) ||
      parser.parseComma() || parser.parseType(tailType) ||
      parser.parseComma() || parser.parseKeyword("chunk") ||
      parser.parseInteger(chunk) || parser.parseComma() ||
      parser.parseKeyword("tail") || parser.parseInteger(tail) ||
      parser.parseGreater())
    return {};
  if (dims.size() != 3) {
    parser.emitError(at, "expected heads x Dk x Dv, got ")
        << dims.size() << " extents";
    return {};
  }
  return parser.getChecked<StateType>(at, parser.getContext(), dims[0], dims[1],
                                      dims[2], tailType, chunk, tail);
}

void StateType::print(AsmPrinter &printer) const {
  printer << "<" << getHeads() << "x" << getKeyDim() << "x" << getValueDim()
          << ", " << getTailType() << ", chunk " << getChunk() << ", tail "
          << getTail() << ">";
}

LogicalResult StateType::verify(function_ref<InFlightDiagnostic()> emitError,
                                int64_t heads, int64_t keyDim, int64_t valueDim,
                                Type tailType, int64_t chunk, int64_t tail) {
  // (C1)
  if (heads < 1 || keyDim < 1 || valueDim < 1)
    return emitError() << "expected heads, Dk and Dv of at least 1, got "
                       << heads << ", " << keyDim << " and " << valueDim;
  // (C2)
  if (!tailType.isF32() && !tailType.isBF16())
    return emitError() << "expected a tail of f32 or bf16, got " << tailType;
  // (C3)
  if (chunk < 1 || chunk > tail)
    return emitError() << "expected 1 <= chunk <= tail, got chunk " << chunk
                       << " and tail " << tail;
  return success();
}
