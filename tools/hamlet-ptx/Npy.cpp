//===- Npy.cpp ------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/hamlet-ptx/Npy.h"

#include "container/AtomicFile.h"
#include "container/NpyShape.h"

#include <algorithm>
#include <fstream>
#include <stdexcept>

namespace hamlet::ptx {
namespace {
[[noreturn]] void bad(const std::string &path, const std::string &what) {
  throw std::runtime_error(path + ": " + what);
}

std::string field(const std::string &path, const std::string &header,
                  const std::string &key) {
  size_t at = header.find("'" + key + "'");
  if (at == std::string::npos)
    bad(path, "the .npy header has no '" + key + "'");
  at = header.find(':', at);
  if (at == std::string::npos)
    bad(path, "the .npy header is malformed");
  return header.substr(at + 1);
}

Status save(const std::string &path, const std::string &header,
            const std::vector<uint8_t> &data) {
  AtomicFile file;
  HAMLET_TRY(file.open(path));
  HAMLET_TRY(file.write(header));
  HAMLET_TRY(file.write(data.data(), data.size()));
  return file.commit();
}
} // namespace

Array readNpy(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  if (!in)
    bad(path, "cannot be opened");
  return parseNpy(std::string((std::istreambuf_iterator<char>(in)),
                              std::istreambuf_iterator<char>()),
                  path);
}

Array parseNpy(const std::string &all, const std::string &path) {
  if (all.size() < 10 || all.compare(0, 6, "\x93NUMPY") != 0)
    bad(path, "is no .npy file");
  auto byte = [&](size_t i) {
    return static_cast<size_t>(static_cast<unsigned char>(all[i]));
  };
  size_t version = byte(6), start = version == 1 ? 10 : 12, length;
  if (all.size() < start)
    bad(path, "is truncated");
  length = byte(8) | byte(9) << 8;
  if (version > 1)
    length |= byte(10) << 16 | byte(11) << 24;
  if (all.size() < start + length)
    bad(path, "is truncated");
  std::string header = all.substr(start, length);
  Array a;
  std::string descr = field(path, header, "descr");
  size_t q = descr.find('\''), r = descr.find('\'', q + 1);
  if (q == std::string::npos || r == std::string::npos)
    bad(path, "has a structured dtype, expected a plain one");
  a.descr = descr.substr(q + 1, r - q - 1);
  if (a.descr.size() < 3 || a.descr[0] == '>')
    bad(path, "has dtype '" + a.descr + "', expected a little-endian number");
  if (std::string("fiub").find(a.descr[1]) == std::string::npos)
    bad(path, "has dtype '" + a.descr + "', expected a number");
  uint64_t bytes = std::strtoul(a.descr.c_str() + 2, nullptr, 10);
  if (bytes == 0 || bytes > 16)
    bad(path, "has dtype '" + a.descr + "', expected 1 to 8 bytes");
  std::string order = field(path, header, "fortran_order");
  std::string shape = field(path, header, "shape");
  if (order.find("True") < order.find(','))
    bad(path, "is in Fortran order, expected C order");
  auto dims = parseNpyShape(std::string_view(shape).substr(
      std::min(shape.find_first_not_of(' '), shape.size())));
  if (dims.failed())
    bad(path, dims.message());
  uint64_t count = 1;
  for (int64_t n : *dims) {
    a.shape.push_back(static_cast<uint64_t>(n));
    count *= static_cast<uint64_t>(n);
  }
  size_t data = start + length;
  if (all.size() - data < count * bytes)
    bad(path, "has " + std::to_string(all.size() - data) +
                  " bytes of data, its shape needs " +
                  std::to_string(count * bytes));
  a.data.assign(all.begin() + static_cast<long>(data),
                all.begin() + static_cast<long>(data + count * bytes));
  return a;
}

void writeNpy(const std::string &path, const Array &a) {
  std::string shape;
  for (uint64_t n : a.shape)
    shape += std::to_string(n) + ", ";
  if (a.shape.size() > 1)
    shape.resize(shape.size() - 2);
  std::string header = "{'descr': '" + a.descr +
                       "', 'fortran_order': False, 'shape': (" + shape + "), }";
  while ((header.size() + 11) % 64)
    header += ' ';
  header += '\n';
  std::string start("\x93NUMPY\x01\x00", 8);
  start +=
      {static_cast<char>(header.size()), static_cast<char>(header.size() >> 8)};
  if (Status status = save(path, start + header, a.data); status.failed())
    throw std::runtime_error(status.message());
}

} // namespace hamlet::ptx
