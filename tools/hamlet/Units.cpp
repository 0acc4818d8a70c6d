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
#include <numeric>

namespace hamlet::tools {
namespace {

std::string format(const char *pattern, double value) {
  char text[48];
  std::snprintf(text, sizeof(text), pattern, value);
  return text;
}

/// Letters to insert, drop or replace; Wagner and Fischer, a row at a time.
size_t editDistance(const std::string &a, const std::string &b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0]++;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
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

std::vector<std::string> nearestNames(const std::string &name,
                                      const std::vector<std::string> &names) {
  constexpr size_t kMost = 3;
  std::vector<std::pair<size_t, std::string>> ranked;
  for (const std::string &known : names) {
    size_t distance = editDistance(name, known);
    bool part = !name.empty() && (known.find(name) != std::string::npos ||
                                  name.find(known) != std::string::npos);
    if (part || 2 * distance <= std::max(name.size(), known.size()))
      ranked.emplace_back(distance, known);
  }
  std::sort(ranked.begin(), ranked.end());
  std::vector<std::string> nearest;
  for (size_t i = 0; i < std::min(ranked.size(), kMost); ++i)
    nearest.push_back(ranked[i].second);
  return nearest;
}

} // namespace hamlet::tools
