//===- LightningDialect.h -------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_DIALECTS_LIGHTNING_LIGHTNINGDIALECT_H
#define HAMLET_DIALECTS_LIGHTNING_LIGHTNINGDIALECT_H

#include "dialects/NN/NNDialect.h"
#include "mlir/IR/Attributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"

#include "dialects/Lightning/LightningDialect.h.inc"
#include "dialects/Lightning/LightningEnums.h.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/Lightning/LightningTypes.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/Lightning/LightningAttrs.h.inc"

#endif
