//===- Provenance.h - where a program comes from --------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_PROGRAM_PROVENANCE_H
#define HAMLET_CODEGEN_PROGRAM_PROVENANCE_H

#include "container/hmlt_generated.h"

#include "llvm/ADT/StringRef.h"

#include <string>
#include <utility>
#include <vector>

namespace hamlet::codegen {

/// The keys of `hamlet.provenance`, as the container has them.
inline constexpr std::pair<llvm::StringLiteral,
                           std::string hmlt::ProvenanceT::*>
    kProvenanceTexts[] = {{"compiler", &hmlt::ProvenanceT::compiler},
                          {"flags", &hmlt::ProvenanceT::flags},
                          {"input_hash", &hmlt::ProvenanceT::input_hash},
                          {"source", &hmlt::ProvenanceT::source}};
inline constexpr std::pair<llvm::StringLiteral,
                           std::vector<std::string> hmlt::ProvenanceT::*>
    kProvenanceLists[] = {{"entries", &hmlt::ProvenanceT::entries},
                          {"files", &hmlt::ProvenanceT::files}};

} // namespace hamlet::codegen

#endif
