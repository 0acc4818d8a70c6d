//===- Arguments.cpp ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/hamlet-ptx/Arguments.h"

#include "emulator/core/Narrow.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <stdexcept>

namespace hamlet::ptx {
namespace {
struct TypeRow {
  const char *descr;
  uint32_t bytes;
  char kind; ///< i u f, h: f16, b: bf16
};
const std::map<std::string, TypeRow> kTypes = {
    {"i8", {"|i1", 1, 'i'}},  {"u8", {"|u1", 1, 'u'}},
    {"i16", {"<i2", 2, 'i'}}, {"u16", {"<u2", 2, 'u'}},
    {"i32", {"<i4", 4, 'i'}}, {"u32", {"<u4", 4, 'u'}},
    {"i64", {"<i8", 8, 'i'}}, {"u64", {"<u8", 8, 'u'}},
    {"f16", {"<f2", 2, 'h'}}, {"bf16", {"<u2", 2, 'b'}},
    {"f32", {"<f4", 4, 'f'}}, {"f64", {"<f8", 8, 'f'}}};

std::vector<std::string> split(const std::string &s, char c) {
  std::vector<std::string> parts;
  size_t from = 0;
  for (size_t at; (at = s.find(c, from)) != std::string::npos; from = at + 1)
    parts.push_back(s.substr(from, at - from));
  parts.push_back(s.substr(from));
  return parts;
}

uint64_t number(const std::string &s, const std::string &what) {
  errno = 0;
  char *end = nullptr;
  uint64_t v = std::strtoull(s.c_str(), &end, 0);
  if (s.empty() || *end || errno || s[0] == '-')
    throw std::runtime_error(what + " '" + s + "' is not a number");
  return v;
}

std::vector<uint64_t> list(const std::string &s, const std::string &what) {
  std::vector<uint64_t> v;
  if (s.empty())
    return v;
  for (const std::string &p : split(s, 'x'))
    v.push_back(number(p, what));
  return v;
}

const TypeRow &typeOf(const std::string &name) {
  auto it = kTypes.find(name);
  if (it == kTypes.end())
    throw std::runtime_error(
        "type '" + name +
        "' is not one of i8 u8 i16 u16 i32 u32 i64 u64 f16 bf16 f32 f64");
  return it->second;
}

/// N[+OFF]: another argument's buffer.
void pointsInto(Argument &a, const std::string &text) {
  size_t plus = text.find('+');
  a.of = static_cast<unsigned>(
      std::min<uint64_t>(number(text.substr(0, plus), "argument"), ~0u));
  if (plus != std::string::npos)
    a.offset = static_cast<int64_t>(number(text.substr(plus + 1), "offset"));
}

Argument buffer(const std::vector<std::string> &parts, bool initialised) {
  if (parts.size() != 3)
    throw std::runtime_error("expected " + parts[0] + ":TYPE:SHAPE");
  const TypeRow &t = typeOf(parts[1]);
  Argument a;
  a.kind = Argument::Kind::Buffer;
  a.array.descr = t.descr;
  a.array.shape = list(parts[2], "dimension");
  a.bytes = t.bytes;
  for (uint64_t n : a.array.shape) {
    if (n && a.bytes > (uint64_t(1) << 36) / n)
      throw std::runtime_error("the buffer is larger than 64 GiB");
    a.bytes *= n;
  }
  a.initialised = initialised;
  return a;
}

Argument scalar(const TypeRow &t, const std::string &text) {
  Argument a;
  a.kind = Argument::Kind::Scalar;
  a.value.resize(t.bytes);
  uint64_t bits;
  char *end = nullptr;
  errno = 0;
  if (t.kind == 'i' || t.kind == 'u') {
    bool minus = !text.empty() && text[0] == '-';
    uint64_t limit =
        t.bytes == 8 ? ~uint64_t(0) : (uint64_t(1) << (8 * t.bytes)) - 1;
    uint64_t v = std::strtoull(text.c_str() + minus, &end, 0);
    bool hex = text.find('x') != std::string::npos;
    if (text.size() <= minus || *end || errno || (minus && t.kind == 'u'))
      throw std::runtime_error("'" + text + "' is not a value of this type");
    uint64_t top = t.kind == 'i' && !hex ? (limit >> 1) + minus : limit;
    if (v > top)
      throw std::runtime_error("'" + text + "' does not fit the type");
    bits = minus ? 0 - v : v;
  } else {
    double v = std::strtod(text.c_str(), &end);
    if (text.empty() || *end)
      throw std::runtime_error("'" + text + "' is not a number");
    if (t.kind == 'h')
      bits = emu::encode(v, emu::kF16, emu::Round::NearestEven);
    else if (t.kind == 'b')
      bits = emu::encode(v, emu::kBF16, emu::Round::NearestEven);
    else if (t.bytes == 4)
      bits = emu::encode(v, emu::kF32, emu::Round::NearestEven);
    else
      std::memcpy(&bits, &v, 8);
    if (v != v && t.bytes == 4)
      bits = 0x7fc00000;
  }
  std::memcpy(a.value.data(), &bits, t.bytes);
  return a;
}

/// What both kinds of tensor map begin with: N[+OFF]:dtype:dims:strides.
Argument mapOf(const std::vector<std::string> &p, const std::string &swizzle) {
  static const std::map<std::string, uint8_t> types = {
      {"u8", 0},  {"i8", 0},  {"u16", 1}, {"i16", 1}, {"u32", 2}, {"i32", 3},
      {"u64", 4}, {"i64", 5}, {"f16", 6}, {"f32", 7}, {"f64", 8}, {"bf16", 9}};
  static const std::map<std::string, uint8_t> swizzles = {
      {"none", 0}, {"32", 1}, {"64", 2}, {"128", 3}};
  Argument a;
  a.kind = Argument::Kind::Map;
  pointsInto(a, p[1]);
  auto t = types.find(p[2]);
  auto s = swizzles.find(swizzle);
  if (t == types.end())
    throw std::runtime_error("type '" + p[2] + "' is not one a tensor map has");
  if (s == swizzles.end())
    throw std::runtime_error("swizzle '" + swizzle +
                             "' is not one of none 32 64 128");
  std::vector<uint64_t> dims = list(p[3], "dimension"),
                        strides = list(p[4], "stride");
  if (dims.empty() || dims.size() > 5 || strides.size() + 1 != dims.size())
    throw std::runtime_error(
        "a tensor map has 1 to 5 dimensions and one stride less");
  a.map.type = t->second;
  a.map.swizzle = s->second;
  a.map.rankMinusOne = static_cast<uint8_t>(dims.size() - 1);
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] > 0xffffffff)
      throw std::runtime_error("dimensions are below 2^32");
    a.map.dim[i] = static_cast<uint32_t>(dims[i]);
    a.map.elementStride[i] = 1;
    if (i)
      a.map.stride[i - 1] = strides[i - 1];
  }
  return a;
}

Argument tensorMap(const std::vector<std::string> &p) {
  if (p.size() != 7)
    throw std::runtime_error(
        "expected tensormap:N:dtype:dims:strides:box:swizzle");
  Argument a = mapOf(p, p[6]);
  std::vector<uint64_t> box = list(p[5], "box");
  if (box.size() != a.map.rankMinusOne + size_t(1))
    throw std::runtime_error("a box has as many numbers as there are "
                             "dimensions");
  for (size_t i = 0; i < box.size(); ++i) {
    if (box[i] > 256)
      throw std::runtime_error("boxes are at most 256");
    a.map.box[i] = static_cast<uint16_t>(box[i]);
  }
  return a;
}

/// Lists joined by x whose numbers may be negative.
std::vector<int16_t> corner(const std::string &s, size_t count) {
  std::vector<int16_t> v;
  for (const std::string &p : split(s, 'x')) {
    bool minus = !p.empty() && p[0] == '-';
    uint64_t n = number(p.substr(minus), "corner");
    if (n > 32767)
      throw std::runtime_error("a corner is -32767 to 32767");
    v.push_back(static_cast<int16_t>(minus ? -static_cast<int>(n) : int(n)));
  }
  if (v.size() != count)
    throw std::runtime_error("a corner has two numbers less than there are "
                             "dimensions");
  return v;
}

Argument im2colMap(const std::vector<std::string> &p) {
  if (p.size() != 11)
    throw std::runtime_error("expected im2col:N:dtype:dims:strides:lower:upper:"
                             "channels:pixels:steps:swizzle");
  Argument a = mapOf(p, p[10]);
  size_t rank = a.map.rankMinusOne + size_t(1);
  if (rank < 3)
    throw std::runtime_error("an im2col map has 3 to 5 dimensions");
  a.map.im2col = 1;
  auto lower = corner(p[5], rank - 2), upper = corner(p[6], rank - 2);
  std::copy(lower.begin(), lower.end(), a.map.lower);
  std::copy(upper.begin(), upper.end(), a.map.upper);
  a.map.channels = static_cast<uint16_t>(
      std::min<uint64_t>(number(p[7], "channels"), 65535));
  a.map.pixels =
      static_cast<uint16_t>(std::min<uint64_t>(number(p[8], "pixels"), 65535));
  std::vector<uint64_t> steps = list(p[9], "step");
  if (steps.size() != rank)
    throw std::runtime_error("there are as many steps as dimensions");
  for (size_t i = 0; i < rank; ++i) {
    if (steps[i] < 1 || steps[i] > 8)
      throw std::runtime_error("steps are 1 to 8");
    a.map.elementStride[i] = static_cast<uint8_t>(steps[i]);
  }
  return a;
}

Argument parse(const std::string &text) {
  if (text[0] == '@') {
    Argument a;
    a.kind = Argument::Kind::Buffer;
    a.array = readNpy(text.substr(1));
    a.bytes = a.array.data.size();
    return a;
  }
  if (text == "null")
    return Argument();
  std::vector<std::string> parts = split(text, ':');
  if (parts[0] == "zeros" || parts[0] == "empty")
    return buffer(parts, parts[0] == "zeros");
  if (parts[0] == "tensormap")
    return tensorMap(parts);
  if (parts[0] == "im2col")
    return im2colMap(parts);
  if (parts.size() != 2)
    throw std::runtime_error(
        "expected @FILE, zeros:T:SHAPE, empty:T:SHAPE, T:VALUE, null, "
        "bytes:HEX, same:N[+OFF], tensormap:... or im2col:...");
  Argument a;
  if (parts[0] == "bytes") {
    a.kind = Argument::Kind::Bytes;
    const std::string &h = parts[1];
    if (h.size() % 2 ||
        h.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
      throw std::runtime_error("expected an even number of hex digits");
    for (size_t i = 0; i < h.size(); i += 2)
      a.value.push_back(
          static_cast<uint8_t>(std::stoul(h.substr(i, 2), nullptr, 16)));
    return a;
  }
  if (parts[0] == "same") {
    a.kind = Argument::Kind::Alias;
    pointsInto(a, parts[1]);
    return a;
  }
  return scalar(typeOf(parts[0]), parts[1]);
}
} // namespace

Argument parseArgument(const std::string &text) {
  if (text.empty())
    throw std::runtime_error("--arg is empty");
  try {
    Argument a = parse(text);
    a.text = text;
    return a;
  } catch (const std::runtime_error &e) {
    throw std::runtime_error("--arg " + text + ": " + e.what());
  }
}

Placement::Placement(std::vector<Argument> &arguments,
                     emu::DeviceMemory &memory,
                     const std::vector<uint32_t> &slots, bool track) {
  addresses.assign(arguments.size(), 0);
  parameters.resize(arguments.size());
  auto fail = [&](size_t i, const std::string &what) {
    throw std::runtime_error("argument " + std::to_string(i) + " (" +
                             arguments[i].text + "): " + what);
  };
  if (arguments.size() != slots.size())
    throw std::runtime_error("the entry has " + std::to_string(slots.size()) +
                             " parameters, got " +
                             std::to_string(arguments.size()) + " --arg");
  for (size_t i = 0; i < arguments.size(); ++i) {
    Argument &a = arguments[i];
    if (a.kind != Argument::Kind::Buffer)
      continue;
    uint64_t bytes = std::max<uint64_t>(a.bytes, 1);
    addresses[i] = memory.allocate(bytes, 256, track);
    if (!addresses[i])
      fail(i, "no memory for " + std::to_string(bytes) + " bytes");
    emu::Allocation *block = memory.find(addresses[i]);
    if (!a.array.data.empty())
      std::memcpy(block->host, a.array.data.data(), a.array.data.size());
    else if (a.initialised)
      std::memset(block->host, 0, bytes);
    if (a.initialised)
      block->markWritten(addresses[i], a.bytes);
  }
  for (size_t i = 0; i < arguments.size(); ++i) {
    Argument &a = arguments[i];
    std::vector<uint8_t> &p = parameters[i];
    uint64_t pointer = 0;
    switch (a.kind) {
    case Argument::Kind::Alias:
    case Argument::Kind::Map:
      if (a.of >= arguments.size() ||
          arguments[a.of].kind != Argument::Kind::Buffer)
        fail(i, "argument " + std::to_string(a.of) + " is not a buffer");
      pointer = addresses[a.of] + static_cast<uint64_t>(a.offset);
      break;
    case Argument::Kind::Buffer:
      pointer = addresses[i];
      break;
    default:
      break;
    }
    if (a.kind == Argument::Kind::Map) {
      a.map.base = pointer;
      std::string wrong = emu::validate(a.map);
      if (!wrong.empty())
        fail(i, wrong);
      p.resize(128);
      std::memcpy(p.data(), &a.map, 128);
    } else if (a.kind == Argument::Kind::Scalar ||
               a.kind == Argument::Kind::Bytes) {
      p = a.value;
    } else {
      p.resize(8);
      std::memcpy(p.data(), &pointer, 8);
      addresses[i] = pointer;
    }
    if (p.size() != slots[i])
      fail(i, "has " + std::to_string(p.size()) + " bytes, the parameter has " +
                  std::to_string(slots[i]));
  }
}

} // namespace hamlet::ptx
