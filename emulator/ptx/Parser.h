//===- Parser.h -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// PTX text to ast::Module.
#pragma once

#include "emulator/ptx/Ast.h"

namespace hamlet::emu {

/// Newest PTX ISA whose forms were read for this emulator; newer files get a
/// warning.
inline constexpr u32 kNewestMajor = 9, kNewestMinor = 4;

/// Parses a whole PTX text. Throws PtxError with the line on bad syntax, names
/// that are not declared and sizes beyond what a module may have. Registers are
/// resolved; opcodes and their operands are the decoder's business.
ast::Module parsePtx(std::string_view text);

} // namespace hamlet::emu
