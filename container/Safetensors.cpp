//===- Safetensors.cpp ----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "container/Safetensors.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

namespace hamlet::safetensors {
namespace {

using nlohmann::json;

constexpr uint64_t kMaxHeaderBytes =
    100'000'000; // The limit of the reference implementation.
constexpr uint64_t kMaxIndexBytes = 1ull << 30;
constexpr size_t kMaxRank = 16;
constexpr size_t kMaxListed = 5; // Names listed in one error.

struct TypeInfo {
  DType dtype;
  std::string_view name;
  unsigned bits;
};
constexpr std::array<TypeInfo, 20> kTypes = {
    {{DType::F64, "F64", 64},       {DType::F32, "F32", 32},
     {DType::F16, "F16", 16},       {DType::BF16, "BF16", 16},
     {DType::I64, "I64", 64},       {DType::I32, "I32", 32},
     {DType::I16, "I16", 16},       {DType::I8, "I8", 8},
     {DType::U64, "U64", 64},       {DType::U32, "U32", 32},
     {DType::U16, "U16", 16},       {DType::U8, "U8", 8},
     {DType::Bool, "BOOL", 8},      {DType::F8E4M3, "F8_E4M3", 8},
     {DType::F8E5M2, "F8_E5M2", 8}, {DType::F8E8M0, "F8_E8M0", 8},
     {DType::F6E2M3, "F6_E2M3", 6}, {DType::F6E3M2, "F6_E3M2", 6},
     {DType::F4, "F4", 4},          {DType::C64, "C64", 64}}};

std::string inQuotes(std::string_view text) {
  constexpr size_t kShown = 120;
  return "'" + std::string(text.substr(0, kShown)) +
         (text.size() > kShown ? "..." : "") + "'";
}

/// Parser events for the two JSON files we read. nlohmann's own tree keeps the
/// last of two equal keys, which a header must not have; its event interface is
/// not recursive, so depth is no danger either.
class StrictHandler : public nlohmann::json_sax<json> {
public:
  std::string error;

protected:
  bool fail(std::string message) {
    if (error.empty())
      error = std::move(message);
    return false;
  }

public:
  bool parse_error(size_t position, const std::string &,
                   const nlohmann::detail::exception &exception) override {
    std::string_view what = exception.what();
    // "[json.exception.parse_error.101] parse error at line 1, ..." without its
    // tag.
    if (size_t tag = what.find("] "); tag != std::string_view::npos)
      what.remove_prefix(tag + 2);
    return fail("is not valid JSON at byte " + std::to_string(position) + ": " +
                std::string(what.substr(0, 200)));
  }
  bool binary(binary_t &) override { return fail("has a binary value"); }
};

/// The header: {"name": {"dtype": "F32", "shape": [..], "data_offsets": [b,
/// e]}, "__metadata__": {"k": "v"}}. As the reference reader, it takes null for
/// the metadata and skips other keys of a tensor, whatever they hold.
class HeaderHandler : public StrictHandler {
public:
  struct Entry {
    std::string name;
    DType dtype = DType::F32;
    std::string unknownDType;
    std::vector<uint64_t> shape;
    std::vector<uint64_t> offsets;
  };
  std::vector<Entry> entries;

  bool null() override {
    return (inMetadata && depth == 1) || unexpected("null");
  }
  bool boolean(bool) override { return unexpected("a boolean"); }
  bool number_integer(int64_t value) override {
    return unexpected(std::to_string(value));
  }
  bool number_float(double, const std::string &text) override {
    return unexpected(text);
  }

  bool number_unsigned(uint64_t value) override {
    if (skipping)
      return true;
    if (!inArray)
      return unexpected(std::to_string(value));
    std::vector<uint64_t> &list =
        field == "shape" ? entries.back().shape : entries.back().offsets;
    if (list.size() >= kMaxRank)
      return fail(where() + ": expected at most " + std::to_string(kMaxRank) +
                  " numbers");
    list.push_back(value);
    return true;
  }

  bool string(std::string &value) override {
    if (inMetadata && depth == 2)
      return true;
    if (depth != 2 || inArray || field != "dtype" || skipping)
      return unexpected(inQuotes(value));
    std::optional<DType> dtype = parseDType(value);
    entries.back().dtype = dtype.value_or(DType::Unknown);
    if (!dtype)
      entries.back().unknownDType = value;
    return true;
  }

  bool start_object(size_t) override {
    if (skipping) {
      ++skippedDepth;
      return true;
    }
    if (++depth == 1)
      return true;
    if (depth > 2 || inArray)
      return unexpected("an object");
    if (!inMetadata)
      entries.push_back({name, DType::F32, {}, {}, {}});
    fields.clear();
    return true;
  }

  bool key(std::string &value) override {
    if (skippedDepth)
      return true;
    if (depth == 1) {
      name = value;
      field.clear();
      inMetadata = name == "__metadata__";
      if (!names.insert(name).second)
        return fail("tensor " + inQuotes(name) + " appears twice");
      return true;
    }
    field = value;
    skipping = !inMetadata && field != "dtype" && field != "shape" &&
               field != "data_offsets";
    if (!skipping && !fields.insert(field).second)
      return fail(where() + " appears twice");
    return true;
  }

  bool end_object() override {
    if (skippedDepth) {
      --skippedDepth;
      return true;
    }
    skipping = false;
    if (--depth != 1 || inMetadata)
      return true;
    for (const char *needed : {"dtype", "shape", "data_offsets"})
      if (!fields.count(needed))
        return fail("tensor " + inQuotes(name) + ": " + needed + " is missing");
    if (entries.back().offsets.size() != 2)
      return fail("tensor " + inQuotes(name) +
                  ": data_offsets: expected 2 numbers, found " +
                  std::to_string(entries.back().offsets.size()));
    return true;
  }

  bool start_array(size_t) override {
    if (skipping) {
      ++skippedDepth;
      return true;
    }
    if (depth != 2 || inMetadata || inArray || field == "dtype")
      return unexpected("a list");
    inArray = true;
    return true;
  }
  bool end_array() override {
    if (skippedDepth)
      --skippedDepth;
    else
      inArray = false;
    return true;
  }

private:
  std::string where() const {
    return name.empty() && depth < 1 ? std::string("the header")
                                     : "tensor " + inQuotes(name) +
                                           (field.empty() ? "" : ": " + field);
  }
  bool unexpected(const std::string &found) {
    if (skipping)
      return true;
    if (depth == 0)
      return fail("expected an object, found " + found);
    if (inMetadata)
      return fail("__metadata__: expected an object of strings, found " +
                  found);
    if (field.empty())
      return fail(where() + ": expected an object, found " + found);
    return fail(where() +
                (field == "dtype"   ? ": expected a string, found "
                 : field == "shape" ? ": expected a list of sizes, found "
                                    : ": expected two offsets, found ") +
                found);
  }

  int depth = 0;
  bool inArray = false;
  bool inMetadata = false;
  bool skipping = false;   ///< The value of a key that is not ours,
  size_t skippedDepth = 0; ///< and the brackets open within it.
  std::string name, field;
  std::set<std::string, std::less<>> names, fields;
};

/// The index: {"metadata": {..}, "weight_map": {"name": "file"}}; other keys
/// are skipped.
class IndexHandler : public StrictHandler {
public:
  explicit IndexHandler(std::map<std::string, std::string, std::less<>> &map)
      : map(map) {}
  bool sawMap = false;

  bool null() override { return other("null"); }
  bool boolean(bool) override { return other("a boolean"); }
  bool number_integer(int64_t value) override {
    return other(std::to_string(value));
  }
  bool number_unsigned(uint64_t value) override {
    return other(std::to_string(value));
  }
  bool number_float(double, const std::string &text) override {
    return other(text);
  }
  bool string(std::string &value) override {
    if (!inMap || depth != 2)
      return other(inQuotes(value));
    if (value.empty() || value.find_first_of("/\\") != std::string::npos ||
        value.find('\0') != std::string::npos || value == "." || value == "..")
      return fail("weight_map: " + inQuotes(name) +
                  ": expected the name of a file beside the index, found " +
                  inQuotes(value));
    map[name] = value;
    return true;
  }
  bool start_object(size_t) override {
    if (inMap && depth >= 2)
      return other("an object");
    ++depth;
    return true;
  }
  bool start_array(size_t) override {
    if (depth == 0 || (inMap && depth < 3))
      return other("a list");
    ++depth;
    return true;
  }
  bool key(std::string &value) override {
    if (depth == 1) {
      top = value;
      inMap = value == "weight_map";
      if (inMap && sawMap)
        return fail("weight_map appears twice");
      sawMap |= inMap;
    } else if (inMap && depth == 2) {
      name = value;
      if (!names.insert(name).second)
        return fail("weight_map: tensor " + inQuotes(name) + " appears twice");
    }
    return true;
  }
  bool end_object() override {
    --depth;
    return true;
  }
  bool end_array() override {
    --depth;
    return true;
  }

private:
  bool other(const std::string &found) {
    if (depth == 0)
      return fail("expected an object, found " + found);
    if (!inMap)
      return true;
    return fail(depth == 1 ? "weight_map: expected an object, found " + found
                           : "weight_map: " + inQuotes(name) +
                                 ": expected a file name, found " + found);
  }
  std::map<std::string, std::string, std::less<>> &map;
  std::set<std::string, std::less<>> names;
  int depth = 0;
  bool inMap = false;
  std::string top, name;
};

bool runParser(std::string_view text, StrictHandler &handler) {
  // The parser takes a NUL for the end of its input.
  if (size_t nul = text.find('\0'); nul != std::string_view::npos) {
    handler.error = "has a NUL byte at byte " + std::to_string(nul) +
                    "; expected JSON, padded with spaces if at all";
    return false;
  }
  bool ok = json::sax_parse(text.begin(), text.end(), &handler,
                            json::input_format_t::json, /*strict=*/true);
  if (!ok && handler.error.empty())
    handler.error = "is not valid JSON";
  return ok && handler.error.empty();
}

std::string shapeText(const std::vector<uint64_t> &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

/// Bytes that a tensor takes; nothing if that is no whole number below 2^63.
std::optional<uint64_t> byteSize(const HeaderHandler::Entry &entry) {
  unsigned __int128 bits = dtypeBits(entry.dtype);
  constexpr unsigned __int128 kLimit = static_cast<unsigned __int128>(1) << 66;
  for (uint64_t dim : entry.shape)
    if (dim == 0)
      return 0;
  for (uint64_t dim : entry.shape) {
    if (dim > kLimit / bits)
      return std::nullopt;
    bits *= dim;
  }
  if (bits % 8 || bits >= kLimit)
    return std::nullopt;
  return static_cast<uint64_t>(bits / 8);
}

bool readWhole(const std::string &path, uint64_t limit, std::string &text,
               std::string &error) {
  std::ifstream in(path, std::ios::binary);
  std::error_code code;
  uint64_t size = std::filesystem::file_size(path, code);
  if (!in || code) {
    error = path + ": cannot be read: " +
            (code ? code.message() : std::strerror(errno));
    return false;
  }
  if (size > limit) {
    error = path + ": expected at most " + std::to_string(limit) +
            " bytes, found " + std::to_string(size);
    return false;
  }
  text.resize(size);
  if (!in.read(text.data(), static_cast<std::streamsize>(size))) {
    error = path + ": cannot be read to its end";
    return false;
  }
  return true;
}

bool fileExists(const std::filesystem::path &path) {
  std::error_code code;
  return std::filesystem::exists(path, code);
}

std::string listed(const std::vector<std::string> &names) {
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kMaxListed); ++i)
    text += (i ? ", " : "") + names[i];
  if (names.size() > kMaxListed)
    text += " and " + std::to_string(names.size() - kMaxListed) + " more";
  return text;
}

} // namespace

std::string_view dtypeName(DType dtype) {
  for (const TypeInfo &info : kTypes)
    if (info.dtype == dtype)
      return info.name;
  return "?";
}

std::optional<DType> parseDType(std::string_view name) {
  for (const TypeInfo &info : kTypes)
    if (info.name == name)
      return info.dtype;
  return std::nullopt;
}

unsigned dtypeBits(DType dtype) {
  for (const TypeInfo &info : kTypes)
    if (info.dtype == dtype)
      return info.bits;
  return 0;
}

std::string_view dtypeName(const Tensor &tensor) {
  return tensor.dtype == DType::Unknown ? std::string_view(tensor.unknownDType)
                                        : dtypeName(tensor.dtype);
}

bool isWeightType(DType dtype) {
  return dtype == DType::F32 || dtype == DType::BF16 || dtype == DType::F16;
}

bool parseHeaderLength(std::string_view head, uint64_t fileSize,
                       std::string_view path, uint64_t &length,
                       std::string &error) {
  auto fail = [&](const std::string &message) {
    error = std::string(path) + ": " + message;
    return false;
  };
  if (fileSize < 8 || head.size() < 8)
    return fail("expected a safetensors file of at least 8 bytes, found " +
                std::to_string(fileSize));
  uint64_t value = 0;
  for (int i = 7; i >= 0; --i)
    value = value << 8 | static_cast<unsigned char>(head[i]);
  if (value > kMaxHeaderBytes)
    return fail("header length: expected at most " +
                std::to_string(kMaxHeaderBytes) + " bytes, found " +
                std::to_string(value) + "; is this a safetensors file?");
  if (value > fileSize - 8)
    return fail("header length: expected at most the " +
                std::to_string(fileSize - 8) + " bytes that follow it, found " +
                std::to_string(value) + "; the file is cut off or damaged");
  length = value;
  return true;
}

bool parseHeader(std::string_view head, uint64_t fileSize,
                 std::string_view path, uint32_t file, TensorMap &tensors,
                 std::string &error) {
  auto fail = [&](const std::string &message) {
    error = std::string(path) + ": " + message;
    return false;
  };
  uint64_t length = 0;
  if (!parseHeaderLength(head, fileSize, path, length, error))
    return false;
  if (head.size() < 8 + length)
    return fail("header: expected " + std::to_string(length) +
                " bytes, found " + std::to_string(head.size() - 8));
  std::string_view text = head.substr(8, length);
  if (text.empty() || text.front() != '{')
    return fail(
        "header: expected it to begin with '{'; is this a safetensors file?");
  HeaderHandler handler;
  if (!runParser(text, handler))
    return fail("header: " + handler.error);

  uint64_t dataBytes = fileSize - 8 - length;
  std::vector<HeaderHandler::Entry> &entries = handler.entries;
  for (const HeaderHandler::Entry &entry : entries) {
    std::string tensor = "tensor " + inQuotes(entry.name) + ": ";
    uint64_t begin = entry.offsets[0], end = entry.offsets[1];
    for (uint64_t dim : entry.shape)
      if (dim > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
        return fail(tensor + "shape: " + shapeText(entry.shape) +
                    " is too large");
    if (begin > end)
      return fail(tensor + "data_offsets: begin " + std::to_string(begin) +
                  " is after end " + std::to_string(end));
    if (end > dataBytes)
      return fail(tensor + "data_offsets: expected an end within the " +
                  std::to_string(dataBytes) + " bytes of data, found " +
                  std::to_string(end) + "; the file is cut off or damaged");
    if (entry.dtype == DType::Unknown)
      continue; // Nobody reads it; the hole checks below still hold.
    std::optional<uint64_t> size = byteSize(entry);
    if (!size)
      return fail(tensor + "shape: " + std::string(dtypeName(entry.dtype)) +
                  " " + shapeText(entry.shape) +
                  " has no whole number of bytes below 2^63");
    if (*size != end - begin)
      return fail(tensor + "data_offsets: expected " + std::to_string(*size) +
                  " bytes for " + std::string(dtypeName(entry.dtype)) + " " +
                  shapeText(entry.shape) + ", found " +
                  std::to_string(end - begin));
  }
  std::sort(entries.begin(), entries.end(),
            [](const auto &a, const auto &b) { return a.offsets < b.offsets; });
  uint64_t next = 0;
  for (const HeaderHandler::Entry &entry : entries) {
    if (entry.offsets[0] != next)
      return fail("tensor " + inQuotes(entry.name) +
                  ": data_offsets: expected data from byte " +
                  std::to_string(next) + " on, found " +
                  std::to_string(entry.offsets[0]) +
                  (entry.offsets[0] < next ? "; two tensors overlap"
                                           : "; there is a hole before it"));
    next = entry.offsets[1];
  }
  if (next != dataBytes)
    return fail("expected " + std::to_string(next) + " bytes of data, found " +
                std::to_string(dataBytes));

  TensorMap result;
  for (HeaderHandler::Entry &entry : entries) {
    Tensor tensor;
    tensor.dtype = entry.dtype;
    tensor.unknownDType = std::move(entry.unknownDType);
    tensor.shape.assign(entry.shape.begin(), entry.shape.end());
    tensor.file = file;
    tensor.offset = 8 + length + entry.offsets[0];
    tensor.size = entry.offsets[1] - entry.offsets[0];
    result.emplace(std::move(entry.name), std::move(tensor));
  }
  tensors = std::move(result);
  return true;
}

bool readHeader(const std::string &path, uint32_t file, TensorMap &tensors,
                std::string &error) {
  std::error_code code;
  uint64_t size = std::filesystem::file_size(path, code);
  std::ifstream in(path, std::ios::binary);
  if (code || !in) {
    error = path + ": cannot be read: " +
            (code ? code.message() : std::strerror(errno));
    return false;
  }
  std::string head(8, '\0');
  in.read(head.data(), 8);
  head.resize(static_cast<size_t>(in.gcount()));
  uint64_t length = 0;
  if (!parseHeaderLength(head, size, path, length, error))
    return false;
  head.resize(8 + length);
  if (!in.read(head.data() + 8, static_cast<std::streamsize>(length))) {
    error = path + ": header: cannot be read to its end";
    return false;
  }
  return parseHeader(head, size, path, file, tensors, error);
}

bool parseIndex(std::string_view text, std::string_view path,
                std::map<std::string, std::string, std::less<>> &weightMap,
                std::string &error) {
  weightMap.clear();
  IndexHandler handler(weightMap);
  if (!runParser(text, handler)) {
    error = std::string(path) + ": " + handler.error;
    return false;
  }
  if (!handler.sawMap) {
    error = std::string(path) + ": weight_map is missing";
    return false;
  }
  return true;
}

bool openIndex(const std::string &path, Checkpoint &checkpoint,
               std::string &error) {
  std::string text;
  std::map<std::string, std::string, std::less<>> weightMap;
  if (!readWhole(path, kMaxIndexBytes, text, error) ||
      !parseIndex(text, path, weightMap, error))
    return false;
  checkpoint = {};
  checkpoint.hasHeaders = false;
  std::string folder = std::filesystem::path(path).parent_path().string();
  std::map<std::string, uint32_t> numbers;
  for (const auto &[name, file] : weightMap) {
    auto [place, isNew] = numbers.try_emplace(
        file, static_cast<uint32_t>(checkpoint.files.size()));
    if (isNew)
      checkpoint.files.push_back(
          (std::filesystem::path(folder) / file).string());
    Tensor tensor;
    tensor.file = place->second;
    checkpoint.tensors.emplace(name, std::move(tensor));
  }
  return true;
}

/// True if the index is another form of what lies in `model.safetensors`.
static bool indexesOnly(const std::filesystem::path &index,
                        const std::string &file) {
  std::string text, error;
  std::map<std::string, std::string, std::less<>> weightMap;
  return readWhole(index.string(), kMaxIndexBytes, text, error) &&
         parseIndex(text, index.string(), weightMap, error) &&
         std::ranges::all_of(weightMap, [&](const auto &entry) {
           return entry.second == file;
         });
}

namespace {

/// Opens the shards of an index, one step after the other.
class ShardReader {
public:
  ShardReader(const std::string &directory, std::filesystem::path index,
              Checkpoint &checkpoint, std::string &error, const Needed &needed)
      : directory(directory), index(std::move(index)), checkpoint(checkpoint),
        error(error), needed(needed) {}

  bool run() {
    std::string text;
    if (!readWhole(index.string(), kMaxIndexBytes, text, error) ||
        !parseIndex(text, index.string(), weightMap, error) || !findShards())
      return false;
    for (const std::string &shard : present)
      if (!readShard(shard))
        return false;
    return compareWithIndex();
  }

private:
  bool isNeeded(std::string_view tensor) const {
    return !needed || needed(tensor);
  }
  void note(const std::string &text) {
    checkpoint.notes.push_back(index.string() + ": weight_map: " + text);
  }

  bool findShards() {
    std::map<std::string, bool> shards; // Whether anything in it is needed.
    for (const auto &[name, file] : weightMap)
      shards[file] |= isNeeded(name);
    std::vector<std::string> missing;
    for (const auto &[shard, wanted] : shards) {
      if (fileExists(std::filesystem::path(directory) / shard))
        present.push_back(shard);
      else if (wanted)
        missing.push_back(shard);
      else
        note(shard + " is not there; the model needs none of its tensors");
    }
    if (missing.empty())
      return true;
    error = index.string() + ": weight_map: expected " +
            std::to_string(shards.size()) + " shards in " + directory + ", " +
            std::to_string(missing.size()) + " missing: " + listed(missing);
    return false;
  }

  bool readShard(const std::string &shard) {
    auto number = static_cast<uint32_t>(checkpoint.files.size());
    checkpoint.files.push_back(
        (std::filesystem::path(directory) / shard).string());
    TensorMap tensors;
    if (!readHeader(checkpoint.files.back(), number, tensors, error))
      return false;
    for (auto &[name, tensor] : tensors) {
      auto [place, isNew] = checkpoint.tensors.try_emplace(name, tensor);
      if (isNew)
        continue;
      // Keep the one that the index means.
      auto meant = weightMap.find(name);
      std::string other = checkpoint.files.back();
      if (meant != weightMap.end() && meant->second == shard)
        std::swap(place->second, tensor), other = checkpoint.files[tensor.file];
      const std::string &kept = checkpoint.files[place->second.file];
      if (isNeeded(name))
        checkpoint.duplicates.push_back({name, kept, other});
      else
        checkpoint.notes.push_back("tensor " + inQuotes(name) + " is in " +
                                   kept + " and in " + other +
                                   "; the model does not need it");
    }
    return true;
  }

  bool compareWithIndex() {
    std::vector<std::string> nowhere;
    for (const auto &[name, file] : weightMap) {
      auto place = checkpoint.tensors.find(name);
      bool found = place != checkpoint.tensors.end();
      std::string where =
          found ? std::filesystem::path(checkpoint.files[place->second.file])
                      .filename()
                      .string()
                : "no shard";
      if (where == file)
        continue;
      if (isNeeded(name)) {
        error = index.string() + ": weight_map: tensor " + inQuotes(name) +
                ": expected in " + file + ", found in " + where;
        return false;
      }
      if (!found)
        nowhere.push_back(name);
    }
    if (!nowhere.empty())
      note("lists tensors that are in no shard and that the model does not "
           "need, " +
           std::to_string(nowhere.size()) + ": " + listed(nowhere));
    return true;
  }

  const std::string &directory;
  std::filesystem::path index;
  Checkpoint &checkpoint;
  std::string &error;
  const Needed &needed;
  std::map<std::string, std::string, std::less<>> weightMap;
  std::vector<std::string> present;
};

} // namespace

bool openCheckpoint(const std::string &directory, Checkpoint &checkpoint,
                    std::string &error, const Needed &needed) {
  namespace fs = std::filesystem;
  checkpoint = {};
  fs::path single = fs::path(directory) / "model.safetensors";
  fs::path index = fs::path(directory) / "model.safetensors.index.json";
  if (fileExists(single)) {
    checkpoint.files = {single.string()};
    if (fileExists(index) && !indexesOnly(index, single.filename().string()))
      checkpoint.notes.push_back(
          directory + ": has model.safetensors and an index of shards beside "
                      "it; model.safetensors is read, the shards are not");
    return readHeader(single.string(), 0, checkpoint.tensors, error);
  }
  if (!fileExists(index)) {
    error = directory + ": expected model.safetensors or "
                        "model.safetensors.index.json, found neither";
    return false;
  }
  return ShardReader(directory, std::move(index), checkpoint, error, needed)
      .run();
}

} // namespace hamlet::safetensors
