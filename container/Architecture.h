//===- Architecture.h -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CONTAINER_ARCHITECTURE_H
#define HAMLET_CONTAINER_ARCHITECTURE_H

#include "container/hmlt_generated.h"

#include <optional>
#include <string>
#include <string_view>

namespace hamlet {

/// What the code of a GPU is for: `sm_80`, `sm_90a`, `sm_100f`.
struct Architecture {
  int capability = 0; ///< 80 is 8.0
  /// 'a': this very capability; 'f': its family, that is the later ones of its
  /// major version; 0: every later GPU.
  char suffix = 0;

  std::string name() const;
};

/// None for text that is no architecture.
std::optional<Architecture> parseArchitecture(std::string_view text);

/// Of a GPU's image: what its PTX says, and its target's name where there is
/// no PTX. A target may have any name, so that several describe GPUs of one
/// architecture. None for an image of a CPU and for one that does not say.
std::optional<Architecture> architectureOf(const hmlt::ImageT &image);

} // namespace hamlet

#endif // HAMLET_CONTAINER_ARCHITECTURE_H
