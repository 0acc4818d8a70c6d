//===- ProgramDialect.cpp - registration and types ------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Program/ProgramDialect.h"
#include "dialects/Program/ProgramOps.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace hamlet::program;

#include "dialects/Program/ProgramDialect.cpp.inc"
#include "dialects/Program/ProgramEnums.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/Program/ProgramTypes.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/Program/ProgramAttrs.cpp.inc"

void ProgramDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Program/ProgramAttrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/Program/ProgramTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/Program/ProgramOps.cpp.inc"
      >();
}

LogicalResult ExtentAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 Quantity quantity, int64_t index,
                                 int64_t /*mul*/, int64_t div, bool byRows,
                                 int64_t /*add*/) {
  // (C1)
  if (div < 1 || (byRows && div != 1))
    return emitError() << "expected 'div' to be at least 1, and 1 with "
                          "'byRows', got "
                       << div;
  // (C2)
  bool indexed = quantity == Quantity::extent || quantity == Quantity::size;
  if (index < 0 || (index != 0 && !indexed))
    return emitError() << "expected 'index' with the quantities 'extent' and "
                          "'size' only, from 0, got "
                       << index << " with " << stringifyQuantity(quantity);
  return success();
}
