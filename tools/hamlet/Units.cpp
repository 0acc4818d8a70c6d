//===- Units.cpp ----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/hamlet/Units.h"

#include <algorithm>
#include <cstdio>
#include <iterator>

namespace hamlet::tools {
namespace {

std::string format(const char *pattern, double value) {
  char text[48];
  std::snprintf(text, sizeof(text), pattern, value);
  return text;
}

} // namespace

std::string bytesText(double bytes) {
  const char *units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  size_t unit = 0;
  // 1023.96 would be shown as 1024.0 of the smaller unit.
  for (; bytes >= (unit ? 1023.95 : 1023.5) && unit + 1 < std::size(units);
       ++unit)
    bytes /= 1024;
  return format(unit ? "%.1f " : "%.0f ", bytes) + units[unit];
}

std::string countText(double count) {
  const char *units[] = {"", " K", " M", " G", " T", " P", " E"};
  size_t unit = 0;
  for (; count >= 999.5 && unit + 1 < std::size(units); ++unit)
    count /= 1000;
  const char *pattern = !unit || count >= 99.95 ? "%.0f"
                        : count >= 9.995        ? "%.1f"
                                                : "%.2f";
  return format(pattern, count) + units[unit];
}

std::string percentText(double part, double whole) {
  return whole > 0 ? format("%.1f %%", 100 * part / whole) : "-";
}

std::string numbered(size_t count, const std::string &one,
                     const std::string &many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

std::string joined(const std::vector<std::string> &parts,
                   const std::string &separator) {
  std::string text;
  for (const std::string &part : parts)
    text += (&part == &parts.front() ? "" : separator) + part;
  return text;
}

} // namespace hamlet::tools
