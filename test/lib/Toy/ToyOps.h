//===- ToyOps.h - an op that only a test knows ----------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEST_LIB_TOY_TOYOPS_H
#define HAMLET_TEST_LIB_TOY_TOYOPS_H

#include "codegen/kernels/Window.h"
#include "dialects/Graph/GraphOpInterface.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Dialect.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "test/lib/Toy/ToyDialect.h.inc"

#define GET_OP_CLASSES
#include "test/lib/Toy/ToyOps.h.inc"

#endif
