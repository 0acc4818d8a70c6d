//===- Safetensors.h ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CONTAINER_SAFETENSORS_H
#define HAMLET_CONTAINER_SAFETENSORS_H

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Where every tensor of a checkpoint lies: single `model.safetensors` or
/// shards with an index. Only headers are read; the caller maps the files and
/// takes `size` bytes at `offset`. Nothing here throws, prints or keeps a file
/// open.
///
/// Source of the format: https://github.com/huggingface/safetensors (README,
/// "Format").
namespace hamlet::safetensors {

/// Element types that the format names, and `Unknown` for a name that it gained
/// later: such a tensor can lie in a file, but not be read. Weights that a
/// model uses are f32, bf16 or f16 (see `isWeightType`).
enum class DType : uint8_t {
  F64,
  F32,
  F16,
  BF16,
  I64,
  I32,
  I16,
  I8,
  U64,
  U32,
  U16,
  U8,
  Bool,
  F8E4M3,
  F8E5M2,
  F8E8M0,
  F6E2M3,
  F6E3M2,
  F4,
  C64,
  Unknown
};

/// As the header spells it, for example "BF16".
std::string_view dtypeName(DType dtype);
std::optional<DType> parseDType(std::string_view name);
/// Bits of one element: 4 to 64; 0 of `Unknown`.
unsigned dtypeBits(DType dtype);
/// True for f32, bf16 and f16.
bool isWeightType(DType dtype);

struct Tensor {
  DType dtype = DType::F32;
  std::string unknownDType;   ///< As the header spells it, if it is `Unknown`.
  std::vector<int64_t> shape; ///< Dimensions >= 0; empty for a scalar.
  uint32_t file = 0;          ///< Index into `Checkpoint::files`.
  uint64_t offset = 0;        ///< Bytes from the start of the file.
  uint64_t size = 0;          ///< Bytes.
};
/// The dtype as the header spells it.
std::string_view dtypeName(const Tensor &tensor);

/// The tensors of one file by name.
using TensorMap = std::map<std::string, Tensor, std::less<>>;

/// One name that more than one shard holds.
struct Duplicate {
  std::string name;
  std::string kept;  ///< Path of the file whose tensor is in the map.
  std::string other; ///< Path of the file whose tensor is not.
};

struct Checkpoint {
  std::vector<std::string> files; ///< Paths.
  TensorMap tensors;
  std::vector<Duplicate> duplicates;
  /// What is odd but does no harm, for the user to see: which of two forms of
  /// the checkpoint was read, what an index lists of tensors that nobody needs.
  std::vector<std::string> notes;
  /// False if only an index was read: `tensors` then has names and files, but
  /// no dtype, shape or place.
  bool hasHeaders = true;
};

/// Reads the header of a file of `fileSize` bytes whose first bytes are `head`
/// (at least the 8 bytes of the length and the header itself) into `tensors`,
/// with `file` as their file. Checks everything before use: length, JSON with
/// unique keys, shapes, sizes of known dtypes, and that the data tile the rest
/// of the file without overlap or hole. Keys that the format does not name are
/// skipped. On failure returns false, sets `error`
/// ("<path>: ...: expected ..., found ...") and leaves `tensors` alone.
[[nodiscard]] bool parseHeader(std::string_view head, uint64_t fileSize,
                               std::string_view path, uint32_t file,
                               TensorMap &tensors, std::string &error);

/// The length of the header that starts with the 8 bytes `head`, checked
/// against `fileSize`.
[[nodiscard]] bool parseHeaderLength(std::string_view head, uint64_t fileSize,
                                     std::string_view path, uint64_t &length,
                                     std::string &error);

/// Reads the header of the file at `path`.
[[nodiscard]] bool readHeader(const std::string &path, uint32_t file,
                              TensorMap &tensors, std::string &error);

/// The `weight_map` of an index (`text` is its content, `path` is for
/// messages): tensor name -> shard file name. Shard names with a folder in them
/// are refused.
[[nodiscard]] bool
parseIndex(std::string_view text, std::string_view path,
           std::map<std::string, std::string, std::less<>> &weightMap,
           std::string &error);

/// Whether a model reads the tensor; an empty one means that it reads all.
using Needed = std::function<bool(std::string_view tensor)>;

/// Opens the checkpoint in `directory`: `model.safetensors`, else
/// `model.safetensors.index.json` and every shard that it names. A shard that
/// is missing, or a name that its shard lacks or that lies in another shard, is
/// an error if it concerns a tensor that is `needed`, else a note. Tensors that
/// the index does not list are kept; a needed name in two shards is kept once
/// and listed in `duplicates`.
[[nodiscard]] bool openCheckpoint(const std::string &directory,
                                  Checkpoint &checkpoint, std::string &error,
                                  const Needed &needed = nullptr);

/// Names only, from the index at `path`, for a checkpoint whose shards are
/// elsewhere. Sets `hasHeaders` to false.
[[nodiscard]] bool openIndex(const std::string &path, Checkpoint &checkpoint,
                             std::string &error);

} // namespace hamlet::safetensors

#endif // HAMLET_CONTAINER_SAFETENSORS_H
