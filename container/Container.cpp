//===- Container.cpp ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "container/Container.h"

#include "container/AtomicFile.h"
#include "container/Elements.h"
#include "container/hmlt_bfbs_generated.h"

#ifdef __clang_analyzer__ // inlined, it misjudges xxhash's buffer
#define XXH_STATIC_LINKING_ONLY
#else
#define XXH_INLINE_ALL
#endif
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace hamlet {
namespace {

/// xxh3 of `bytes` with the 8 bytes at `field` taken as zero.
uint64_t contentHash(std::span<const uint8_t> bytes, size_t field) {
  constexpr uint8_t kZero[sizeof(uint64_t)] = {};
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  XXH3_64bits_update(&state, bytes.data(), field);
  XXH3_64bits_update(&state, kZero, sizeof(kZero));
  size_t rest = field + sizeof(kZero);
  XXH3_64bits_update(&state, bytes.data() + rest, bytes.size() - rest);
  return XXH3_64bits_digest(&state);
}

/// Byte offset of the content hash in the file, 0 if it is absent.
size_t hashField(const hmlt::Container *root, const uint8_t *base) {
  const auto *table = reinterpret_cast<const flatbuffers::Table *>(root);
  const uint8_t *at = table->GetAddressOf(hmlt::Container::VT_CONTENT_HASH);
  return at ? static_cast<size_t>(at - base) : 0;
}

} // namespace

int64_t sizeOf(hmlt::DType dtype) {
  switch (dtype) {
  case hmlt::DType::f32:
  case hmlt::DType::i32:
    return 4;
  case hmlt::DType::bf16:
  case hmlt::DType::f16:
    return 2;
  case hmlt::DType::i64:
    return 8;
  case hmlt::DType::u8:
    return 1;
  }
  return 1;
}

MatrixPadding paddingOf(hmlt::Layout layout) {
  switch (layout) {
  case hmlt::Layout::plain:
    break;
  case hmlt::Layout::panel:
    return kPanelPadding;
  case hmlt::Layout::panel_pairs:
    return kPairsPadding;
  case hmlt::Layout::blocks:
    return kBlocksPadding;
  }
  return {1, 1};
}

int64_t packedBytes(const hmlt::WeightT &weight, hmlt::Layout layout) {
  const MatrixPadding padding = paddingOf(layout);
  size_t rank = weight.shape.size();
  int64_t count = 1;
  for (size_t i = 0; i < rank; ++i) {
    int64_t dim = weight.shape[i];
    if (i + 2 == rank)
      dim = roundUp(dim, padding.rows);
    if (i + 1 == rank)
      dim = roundUp(dim, padding.columns);
    count *= dim;
  }
  return count * sizeOf(weight.dtype);
}

const hmlt::RealizationT *findRealization(const hmlt::KernelT &kernel,
                                          const std::string &target) {
  for (const auto &realization : kernel.realizations)
    if (realization->target == target)
      return realization.get();
  return nullptr;
}

Result<std::vector<uint8_t>> serializeContainer(hmlt::ContainerT &in) {
  HAMLET_TRY(verifyContainer(in));
  in.version = kContainerVersion;
  in.content_hash = 1; // a default value would not be stored
  flatbuffers::FlatBufferBuilder builder(1 << 20);
  hmlt::FinishContainerBuffer(builder, hmlt::CreateContainer(builder, &in));
  std::vector<uint8_t> bytes(builder.GetBufferPointer(),
                             builder.GetBufferPointer() + builder.GetSize());
  auto *file = hmlt::GetMutableContainer(bytes.data());
  size_t field = hashField(file, bytes.data());
  assert(field && "the hash is stored because it is not the default");
  in.content_hash = contentHash(bytes, field);
  file->mutate_content_hash(in.content_hash);
  return bytes;
}

Status writeContainer(hmlt::ContainerT &in, const std::string &path) {
  Result<std::vector<uint8_t>> bytes = serializeContainer(in);
  if (bytes.failed())
    return bytes.status().in("'" + path + "' not written");
  return writeFileAtomically(
      path, {reinterpret_cast<const char *>(bytes->data()), bytes->size()});
}

Result<std::unique_ptr<hmlt::ContainerT>>
parseContainer(std::span<const uint8_t> bytes, bool checkHash) {
  constexpr size_t kSmallest = 16;
  if (bytes.size() < kSmallest)
    return failure("not a Hamlet container: ", bytes.size(), " bytes");
  if (bytes.size() >= FLATBUFFERS_MAX_BUFFER_SIZE)
    return failure("not a Hamlet container: ", bytes.size(),
                   " bytes, at most 2 GiB are allowed");
  if (!hmlt::ContainerBufferHasIdentifier(bytes.data()))
    return failure("not a Hamlet container: the identifier 'HMLT' is missing");
  // First, since it bounds the work of all that follows.
  HAMLET_TRY(checkElements({hmlt::ContainerBinarySchema::data(),
                            hmlt::ContainerBinarySchema::size()},
                           bytes));
  flatbuffers::Verifier verifier(bytes.data(), bytes.size(), /*max_depth=*/64,
                                 static_cast<uint32_t>(bytes.size() / 8));
  if (!hmlt::VerifyContainerBuffer(verifier))
    return failure("the container is damaged: its FlatBuffers structure does "
                   "not verify");
  const hmlt::Container *root = hmlt::GetContainer(bytes.data());
  if (root->version() != kContainerVersion)
    return failure("container version ", root->version(), ", this build reads ",
                   kContainerVersion, "; compile the model again");
  size_t field = hashField(root, bytes.data());
  if (!field)
    return failure("the container is damaged: it has no content hash");
  if (uint64_t found = contentHash(bytes, field);
      checkHash && found != root->content_hash())
    return failure("the container is damaged: content hash ", std::hex, found,
                   ", expected ", root->content_hash());
  std::unique_ptr<hmlt::ContainerT> unpacked(root->UnPack());
  HAMLET_TRY(verifyContainer(*unpacked));
  return unpacked;
}

Result<std::unique_ptr<hmlt::ContainerT>>
readContainer(const std::string &path) {
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return failure("cannot open '", path, "': ", std::strerror(errno));
  struct stat info;
  if (fstat(fd, &info) || !S_ISREG(info.st_mode)) {
    close(fd);
    return failure("cannot read '", path, "': not a regular file");
  }
  size_t size = static_cast<size_t>(info.st_size);
  if (!size) {
    close(fd);
    return failure("'", path, "': not a Hamlet container: 0 bytes");
  }
  void *map = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  close(fd);
  if (map == MAP_FAILED)
    return failure("cannot map '", path, "': ", std::strerror(errno));
  auto result = parseContainer({static_cast<const uint8_t *>(map), size});
  munmap(map, size);
  if (result.failed())
    return result.status().in("'" + path + "'");
  return result;
}

} // namespace hamlet
