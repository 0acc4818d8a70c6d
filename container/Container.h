//===- Container.h --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CONTAINER_CONTAINER_H
#define HAMLET_CONTAINER_CONTAINER_H

#include "container/Sizes.h"
#include "container/Status.h"
#include "container/hmlt_generated.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace hamlet {

/// Raised with every change of the schema's meaning; other versions are
/// refused.
inline constexpr uint32_t kContainerVersion = 4;

/// Bytes of one element.
int64_t sizeOf(hmlt::DType dtype);
/// Bytes of a weight in device memory, padding of the layout included.
/// What the last two dimensions [N, K] are rounded up to; 1 for plain.
MatrixPadding paddingOf(hmlt::Layout layout);
int64_t packedBytes(const hmlt::WeightT &weight, hmlt::Layout layout);

/// What `target` makes of the kernel; null if it makes nothing.
const hmlt::RealizationT *findRealization(const hmlt::KernelT &kernel,
                                          const std::string &target);

/// The file's bytes. Sets `version` and `content_hash`; equal containers give
/// equal bytes. Fails where `verifyContainer` would.
Result<std::vector<uint8_t>> serializeContainer(hmlt::ContainerT &in);

/// Serialises and writes under a temporary name, then renames.
Status writeContainer(hmlt::ContainerT &in, const std::string &path);

/// Checks, in this order, size and identifier, the FlatBuffers structure, the
/// version, the content hash and the meaning (`verifyContainer`), then unpacks.
/// Arbitrary bytes give an error, never a crash. `checkHash` is false for
/// fuzzing, to reach what lies behind the hash.
Result<std::unique_ptr<hmlt::ContainerT>>
parseContainer(std::span<const uint8_t> bytes, bool checkHash = true);

/// Maps `path` and parses it; errors name the file.
Result<std::unique_ptr<hmlt::ContainerT>>
readContainer(const std::string &path);

/// The semantic check: every index in range, shapes and expressions sane,
/// buffer lifetimes apart within an arena slot, variants ascending, symbols
/// and images present. Errors say where, what was expected and what was found.
Status verifyContainer(const hmlt::ContainerT &in);

} // namespace hamlet

#endif // HAMLET_CONTAINER_CONTAINER_H
