//===- PolicyDialect.cpp - registration and types -------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Policy/PolicyDialect.h"
#include "dialects/Policy/PolicyOps.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace hamlet::policy;

#include "dialects/Policy/PolicyDialect.cpp.inc"
#include "dialects/Policy/PolicyEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/Policy/PolicyAttrs.cpp.inc"

void PolicyDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Policy/PolicyAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/Policy/PolicyOps.cpp.inc"
      >();
}
