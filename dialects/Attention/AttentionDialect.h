//===- AttentionDialect.h -------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_DIALECTS_ATTENTION_ATTENTIONDIALECT_H
#define HAMLET_DIALECTS_ATTENTION_ATTENTIONDIALECT_H

#include "dialects/NN/NNDialect.h"
#include "mlir/IR/Attributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"

#include "dialects/Attention/AttentionDialect.h.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/Attention/AttentionTypes.h.inc"

#endif
