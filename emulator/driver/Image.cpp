//===- Image.cpp ----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "emulator/driver/Image.h"

#include <charconv>
#include <climits>
#include <cstring>
#include <vector>
#include <zstd.h>

namespace hamlet::emu::driver {
namespace {
// A fat binary: a header, then entries, each with a header of its own. It is
// not documented; this is what nvcc 13 writes.
constexpr uint32_t kFatMagic = 0xba55ed50, kWrapperMagic = 0x466243b1;
constexpr uint64_t kLz4 = 0x2000, kZstd = 0x8000; // Entry::flags
constexpr uint16_t kPtxKind = 1, kElfKind = 2;
struct FatHeader {
  uint32_t magic;
  uint16_t version, headerBytes;
  uint64_t bytes; ///< of what follows the header
};
struct Entry {
  uint16_t kind, version;
  uint32_t headerBytes;
  uint64_t bytes; ///< of what follows this header, padded
  uint32_t compressedBytes, optionsOffset;
  uint16_t minor, major;
  uint32_t architecture, nameOffset, nameBytes;
  uint64_t flags, reserved;
  uint64_t fullBytes; ///< once decompressed
};
struct Wrapper {
  uint32_t magic, version;
  const void *data, *names;
};
constexpr uint64_t kMostText = uint64_t(1) << 28;
constexpr uint64_t kMostOfByte = 255; ///< that LZ4 makes of one

/// LZ4's block format. False: it is damaged, or not `to.size()` bytes long.
bool unpackLz4(const uint8_t *at, size_t bytes, std::string &to) {
  const uint8_t *end = at + bytes;
  size_t filled = 0;
  auto length = [&](size_t nibble) {
    size_t n = nibble;
    for (uint8_t more = 255; nibble == 15 && more == 255 && at < end;)
      n += more = *at++;
    return n;
  };
  while (at < end) {
    uint8_t token = *at++;
    size_t literals = length(token >> 4);
    if (literals > size_t(end - at) || literals > to.size() - filled)
      return false;
    std::memcpy(to.data() + filled, at, literals);
    at += literals;
    filled += literals;
    if (at == end) // the last sequence has no match
      break;
    if (end - at < 2)
      return false;
    size_t back = at[0] | at[1] << 8;
    at += 2;
    size_t match = length(token & 15) + 4;
    if (!back || back > filled || match > to.size() - filled)
      return false;
    for (; match; --match, ++filled) // may overlap what it writes
      to[filled] = to[filled - back];
  }
  return filled == to.size();
}

/// Puts the text of a PTX entry into `text`; says why it cannot.
std::string textOf(const Entry &e, const uint8_t *payload, std::string &text) {
  bool packed = (e.flags & (kLz4 | kZstd)) != 0;
  if (!packed) {
    const auto *chars = reinterpret_cast<const char *>(payload);
    text.assign(chars, strnlen(chars, e.bytes));
    return {};
  }
  bool lz4 = (e.flags & kLz4) != 0;
  if (e.compressedBytes > e.bytes || e.fullBytes > kMostText ||
      (lz4 && e.fullBytes > kMostOfByte * e.compressedBytes))
    return "its sizes do not fit the fat binary";
  text.assign(e.fullBytes, '\0');
  bool whole = lz4 ? unpackLz4(payload, e.compressedBytes, text)
                   : ZSTD_decompress(text.data(), text.size(), payload,
                                     e.compressedBytes) == text.size();
  if (!whole)
    return std::string("its ") + (lz4 ? "LZ4" : "zstd") + " data are damaged";
  text.resize(strnlen(text.data(), text.size()));
  return {};
}

/// The word after .target.
std::string targetOf(const std::string &text) {
  size_t at = text.find(".target");
  if (at == std::string::npos)
    return {};
  at = text.find_first_not_of(" \t", at + 7);
  return at == std::string::npos
             ? std::string()
             : text.substr(at, text.find_first_of(" \t,\r\n/", at) - at);
}
int numberOf(const std::string &target) {
  int number = 0;
  if (target.starts_with("sm_") &&
      std::from_chars(target.data() + 3, target.data() + target.size(), number)
              .ec == std::errc::result_out_of_range)
    return INT_MAX;
  return number;
}

CUresult readFatBinary(const uint8_t *image, size_t limit, int sm,
                       std::string &text, std::string &log) {
  FatHeader header{};
  if (limit >= sizeof header)
    std::memcpy(&header, image, sizeof header);
  if (header.headerBytes < sizeof header || header.headerBytes > limit ||
      header.bytes > limit - header.headerBytes) {
    log = "the fat binary's header is damaged";
    return kInvalidImage;
  }
  const uint8_t *at = image + header.headerBytes, *end = at + header.bytes;
  std::string cubins, targets;
  int best = -1;
  while (size_t(end - at) >= sizeof(Entry)) {
    Entry e;
    std::memcpy(&e, at, sizeof e);
    if (e.headerBytes < sizeof e || e.headerBytes > size_t(end - at) ||
        e.bytes > size_t(end - at) - e.headerBytes) {
      log = "the fat binary's entries do not fit its size";
      return kInvalidImage;
    }
    if (e.kind == kElfKind)
      cubins += " sm_" + std::to_string(e.architecture);
    if (e.kind == kPtxKind) {
      std::string one, why = textOf(e, at + e.headerBytes, one);
      if (!why.empty()) {
        log = "the fat binary's PTX for sm_" + std::to_string(e.architecture) +
              " cannot be read: " + why;
        return kInvalidImage;
      }
      std::string target = targetOf(one);
      targets += " " + target;
      if (runsOn(target, sm)) {
        // The newest; of equals the one for this device alone.
        int rank =
            2 * numberOf(target) + (target.find_last_of("af") != target.npos);
        if (rank > best) {
          best = rank;
          text = std::move(one);
        }
      }
    }
    at += e.headerBytes + e.bytes;
  }
  if (best >= 0)
    return kSuccess;
  if (!targets.empty())
    log = "the fat binary's PTX is for" + targets + ", the device is sm_" +
          std::to_string(sm);
  else if (!cubins.empty())
    log = "the fat binary has machine code alone (" + cubins.substr(1) +
          "); the emulator executes PTX: compile with -gencode "
          "arch=compute_NN,code=compute_NN, without -rdc=true";
  else
    log = "the fat binary has no code";
  return kNoBinaryForGpu;
}
} // namespace

bool runsOn(const std::string &target, int sm) {
  int number = numberOf(target);
  if (target.empty())
    return true;
  if (target.back() == 'f')
    return number / 10 == sm / 10 && number <= sm;
  return target.back() == 'a' ? number == sm : number <= sm;
}

CUresult readImage(const void *image, size_t limit, int sm, std::string &text,
                   std::string &log) {
  auto begins = [&](const void *magic) { // a text may have fewer characters
    return !std::strncmp(static_cast<const char *>(image),
                         static_cast<const char *>(magic), 4);
  };
  if (begins("\x7f\x45LF")) {
    log = "the image is a cubin, machine code alone; the emulator executes "
          "PTX";
    return kNoBinaryForGpu;
  }
  std::string wrapper(reinterpret_cast<const char *>(&kWrapperMagic), 4);
  if (limit == SIZE_MAX && begins(wrapper.c_str())) { // points into a process
    Wrapper w;
    std::memcpy(&w, image, sizeof w);
    if (!w.data) {
      log = "the fat binary's wrapper points nowhere";
      return kInvalidImage;
    }
    image = w.data;
  }
  std::string fat(reinterpret_cast<const char *>(&kFatMagic), 4);
  if (begins(fat.c_str()))
    return readFatBinary(static_cast<const uint8_t *>(image), limit, sm, text,
                         log);
  text = static_cast<const char *>(image);
  return kSuccess;
}
} // namespace hamlet::emu::driver
