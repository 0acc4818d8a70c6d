//===- ProgramDialect.h -----------------------------------------*- C++ -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_DIALECTS_PROGRAM_PROGRAMDIALECT_H
#define HAMLET_DIALECTS_PROGRAM_PROGRAMDIALECT_H

#include "mlir/IR/Attributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"

#include "dialects/Program/ProgramDialect.h.inc"
#include "dialects/Program/ProgramEnums.h.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/Program/ProgramTypes.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/Program/ProgramAttrs.h.inc"

#endif
