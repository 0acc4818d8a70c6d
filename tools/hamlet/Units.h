//===- Units.h ------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TOOLS_HAMLET_UNITS_H
#define HAMLET_TOOLS_HAMLET_UNITS_H

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace hamlet::tools {

/// "512 B", "1.5 KiB", "3.8 MiB": of 1024 each.
std::string bytesText(double bytes);
/// "512", "1.93 M", "456 G": of 1000 each, three digits.
std::string countText(double count);
/// "37.4 %"; "-" of nothing.
std::string percentText(double part, double whole);
/// "1 launch", "14 launches".
std::string numbered(size_t count, const std::string &one,
                     const std::string &many);
/// "a, b, c".
std::string joined(const std::vector<std::string> &parts,
                   const std::string &separator = ", ");

/// Sorts by `key` of an element, the largest first and equal ones as they
/// stood.
template <typename T, typename Key>
void sortLargestFirst(std::vector<T> &items, Key key) {
  std::vector<std::pair<double, size_t>> order;
  order.reserve(items.size());
  for (const T &item : items)
    order.emplace_back(-double(key(item)), order.size());
  std::sort(order.begin(), order.end());
  std::vector<T> sorted;
  sorted.reserve(items.size());
  for (const auto &[value, index] : order)
    sorted.push_back(std::move(items[index]));
  items = std::move(sorted);
}

} // namespace hamlet::tools

#endif // HAMLET_TOOLS_HAMLET_UNITS_H
