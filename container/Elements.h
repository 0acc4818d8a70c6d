//===- Elements.h ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CONTAINER_ELEMENTS_H
#define HAMLET_CONTAINER_ELEMENTS_H

#include "container/Status.h"

#include <cstdint>
#include <span>

namespace hamlet {

/// What the FlatBuffers verifier leaves open of `file`, whose schema in binary
/// form (`flatc --schema --binary`) is `schema`: many tables may share a string
/// or a vector, so that a small file fills all memory once it is unpacked, and
/// elements may not be aligned. Visits every field of the schema; safe on any
/// bytes, in time that is linear in them. Fails if strings and vectors, counted
/// at every place that leads to them, have more elements than the file has
/// bytes.
Status checkElements(std::span<const uint8_t> schema,
                     std::span<const uint8_t> file);

} // namespace hamlet

#endif // HAMLET_CONTAINER_ELEMENTS_H
