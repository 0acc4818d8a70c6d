//===- PrintProgram.h - a program as text ------------------------*- C++
//-*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_PROGRAM_PRINTPROGRAM_H
#define HAMLET_CODEGEN_PROGRAM_PRINTPROGRAM_H

#include "container/hmlt_generated.h"
#include "llvm/Support/raw_ostream.h"

namespace hamlet {

/// Buffers with sizes and arena slots, then launches in order with grid and
/// arguments: what `--compile-to=program` shows.
void printProgram(const hmlt::ContainerT &container, llvm::raw_ostream &out);

} // namespace hamlet

#endif
