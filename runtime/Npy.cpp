//===- Npy.cpp ------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Npy.h"

#include "container/NpyShape.h"

#include <cstring>
#include <fstream>

namespace hamlet::runtime {
namespace {

constexpr char kMagic[] = "\x93NUMPY";
constexpr size_t kMagicBytes = 6;

struct TypeName {
  const char *name;
  hmlt::DType dtype;
};
constexpr TypeName kTypes[] = {{"<f4", hmlt::DType::f32},
                               {"<f2", hmlt::DType::f16},
                               {"<i4", hmlt::DType::i32},
                               {"<i8", hmlt::DType::i64},
                               {"|u1", hmlt::DType::u8}};

/// The text after `'key':` in the header, which is a Python dictionary.
std::string_view valueOf(std::string_view header, const std::string &key) {
  size_t at = header.find("'" + key + "'");
  if (at == std::string_view::npos)
    return {};
  at = header.find(':', at);
  if (at == std::string_view::npos)
    return {};
  at = header.find_first_not_of(' ', at + 1);
  return at == std::string_view::npos ? std::string_view() : header.substr(at);
}

Status parseHeader(std::string_view header, NpyArray &array) {
  std::string_view descr = valueOf(header, "descr");
  bool known = false;
  for (const TypeName &type : kTypes)
    if (descr.size() > 5 && descr.substr(1, 3) == type.name) {
      array.dtype = type.dtype;
      known = true;
    }
  if (!known)
    return failure("dtype ", descr.substr(0, descr.find(',')),
                   ", expected <f4, <f2, <i4, <i8 or |u1");
  if (!valueOf(header, "fortran_order").starts_with("False"))
    return failure("Fortran order, expected C order");
  auto shape = parseNpyShape(valueOf(header, "shape"));
  if (shape.failed())
    return shape.status();
  array.shape = std::move(*shape);
  return {};
}

Status read(std::istream &in, NpyArray &array) {
  unsigned char head[12] = {};
  in.read(reinterpret_cast<char *>(head), kMagicBytes + 2);
  if (!in || std::memcmp(head, kMagic, kMagicBytes) != 0 || head[6] < 1 ||
      head[6] > 3)
    return failure("not a .npy file");
  size_t lengthBytes = head[6] == 1 ? 2 : 4;
  in.read(reinterpret_cast<char *>(head + 8),
          static_cast<std::streamsize>(lengthBytes));
  uint32_t length = 0;
  for (size_t i = 0; i < lengthBytes; ++i)
    length |= uint32_t(head[8 + i]) << (8 * i);
  constexpr uint32_t kLongestHeader = 1 << 20;
  if (!in || length > kLongestHeader)
    return failure("a damaged header");
  std::string header(length, ' ');
  in.read(header.data(), length);
  if (!in)
    return failure("a damaged header");
  HAMLET_TRY(parseHeader(header, array));
  auto begin = in.tellg();
  in.seekg(0, std::ios::end);
  int64_t found = in.tellg() - begin;
  int64_t wanted = array.elements() * sizeOf(array.dtype);
  if (found != wanted)
    return failure(found, " bytes of data, the header says ", wanted);
  in.seekg(begin);
  array.bytes.resize(static_cast<size_t>(wanted));
  in.read(reinterpret_cast<char *>(array.bytes.data()), wanted);
  return in ? Status() : failure("cannot read the data");
}

} // namespace

int64_t NpyArray::elements() const {
  int64_t count = 1;
  for (int64_t dim : shape)
    count *= dim;
  return count;
}

Result<NpyArray> readNpy(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  if (!in)
    return failure("cannot open '", path, "': ", std::strerror(errno));
  NpyArray array;
  HAMLET_TRY(read(in, array).in("'" + path + "'"));
  return array;
}

Status writeNpy(AtomicFile &file, const NpyArray &array) {
  std::string header = "{'descr': '";
  for (const TypeName &type : kTypes)
    if (type.dtype == array.dtype)
      header += type.name;
  header += "', 'fortran_order': False, 'shape': (";
  for (int64_t dim : array.shape)
    header += std::to_string(dim) + ", ";
  if (array.shape.size() > 1)
    header.resize(header.size() - 2);
  header += "), }";
  constexpr size_t kPrefix = 10, kAlignment = 64;
  size_t length =
      (kPrefix + header.size() + kAlignment) / kAlignment * kAlignment -
      kPrefix;
  header.resize(length - 1, ' ');
  header += '\n';
  std::string start(kMagic, kMagicBytes);
  start += {'\x01', '\x00', static_cast<char>(length & 0xff),
            static_cast<char>(length >> 8)};
  HAMLET_TRY(file.write(start + header));
  HAMLET_TRY(file.write(array.bytes.data(), array.bytes.size()));
  return file.commit();
}

} // namespace hamlet::runtime
