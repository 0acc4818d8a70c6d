//===- Sizes.h ------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CONTAINER_SIZES_H
#define HAMLET_CONTAINER_SIZES_H

#include <cstdint>

// What the compiler and the runtime must agree on.
namespace hamlet {

/// Tokens of a key/value page.
inline constexpr int64_t kPageTokens = 64;
/// Columns of a weight panel.
inline constexpr int64_t kPanel = 16;

} // namespace hamlet

#endif // HAMLET_CONTAINER_SIZES_H
