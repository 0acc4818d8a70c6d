//===- PolicyDialect.h ----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_DIALECTS_POLICY_POLICYDIALECT_H
#define HAMLET_DIALECTS_POLICY_POLICYDIALECT_H

#include "dialects/NN/NNDialect.h"
#include "mlir/IR/Attributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"

#include "dialects/Policy/PolicyDialect.h.inc"
#include "dialects/Policy/PolicyEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/Policy/PolicyAttrs.h.inc"

#endif
