//===- NpyShape.h ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CONTAINER_NPYSHAPE_H
#define HAMLET_CONTAINER_NPYSHAPE_H

#include "container/Status.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace hamlet {

/// The shape in the header of a `.npy`: a Python tuple, `()`, `(3,)` or
/// `(3, 4)`, at the start of `text`. No dimension, nor their product but for
/// those of 0, is more than 2^46; there are at most 16.
Result<std::vector<int64_t>> parseNpyShape(std::string_view text);

} // namespace hamlet

#endif // HAMLET_CONTAINER_NPYSHAPE_H
