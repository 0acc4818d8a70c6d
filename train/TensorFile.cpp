//===- TensorFile.cpp -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "train/TensorFile.h"

#include "container/Safetensors.h"

#include <fstream>
#include <nlohmann/json.hpp>

namespace hamlet::train {

Result<Tensors> readTensors(const std::string &path) {
  safetensors::TensorMap map;
  std::string error;
  if (!safetensors::readHeader(path, 0, map, error))
    return Status::failure(error);
  std::ifstream file(path, std::ios::binary);
  Tensors tensors;
  for (const auto &[name, tensor] : map) {
    bool real = tensor.dtype == safetensors::DType::F32;
    if (!real && tensor.dtype != safetensors::DType::I32)
      return failure("'", path, "': '", name, "': expected F32 or I32, found ",
                     safetensors::dtypeName(tensor));
    runtime::NpyArray array;
    array.dtype = real ? hmlt::DType::f32 : hmlt::DType::i32;
    array.shape = tensor.shape;
    array.bytes.resize(tensor.size);
    file.seekg(static_cast<std::streamoff>(tensor.offset));
    file.read(reinterpret_cast<char *>(array.bytes.data()),
              static_cast<std::streamsize>(tensor.size));
    if (!file)
      return failure("cannot read '", path, "': '", name,
                     "' is not there in full, as its header says");
    tensors.emplace(name, std::move(array));
  }
  return tensors;
}

Status writeTensors(AtomicFile &file, const Tensors &tensors) {
  constexpr size_t kAlignment = 64; // of the data
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  uint64_t offset = 0;
  for (const auto &[name, array] : tensors) {
    uint64_t end = offset + array.bytes.size();
    json[name] = {{"dtype", array.dtype == hmlt::DType::f32 ? "F32" : "I32"},
                  {"shape", array.shape},
                  {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string header = json.dump();
  uint64_t length = header.size() + sizeof(uint64_t);
  length =
      (length + kAlignment - 1) / kAlignment * kAlignment - sizeof(uint64_t);
  header.resize(length, ' ');
  HAMLET_TRY(file.write(&length, sizeof(length)));
  HAMLET_TRY(file.write(header));
  for (const auto &[name, array] : tensors)
    HAMLET_TRY(file.write(array.bytes.data(), array.bytes.size()));
  return file.commit();
}

} // namespace hamlet::train
