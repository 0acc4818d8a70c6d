//===- NpyShape.cpp -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "container/NpyShape.h"

#include <algorithm>
#include <charconv>

namespace hamlet {

Result<std::vector<int64_t>> parseNpyShape(std::string_view text) {
  constexpr int64_t kLargest = int64_t(1) << 46;
  constexpr size_t kMostDimensions = 16;
  size_t close = text.find(')');
  if (!text.starts_with('(') || close == std::string_view::npos)
    return failure("the header has no shape");
  std::string_view inside = text.substr(1, close - 1);
  auto skipSpaces = [&] {
    inside.remove_prefix(
        std::min(inside.find_first_not_of(' '), inside.size()));
  };
  std::vector<int64_t> shape;
  int64_t elements = 1;
  bool separated = true;
  for (skipSpaces(); !inside.empty(); skipSpaces()) {
    int64_t dim = 0;
    const char *begin = inside.data();
    auto [stop, error] = std::from_chars(begin, begin + inside.size(), dim);
    if (!separated || stop == begin || dim < 0)
      return failure(
          "shape ", text.substr(0, close + 1),
          ", expected dimensions of at least 0, separated by commas");
    if (error != std::errc() || dim > kLargest ||
        elements > kLargest / std::max<int64_t>(dim, 1))
      return failure("the shape ", text.substr(0, close + 1), " is too large");
    elements *= std::max<int64_t>(dim, 1);
    shape.push_back(dim);
    if (shape.size() > kMostDimensions)
      return failure("more than ", kMostDimensions, " dimensions");
    inside.remove_prefix(static_cast<size_t>(stop - begin));
    skipSpaces();
    separated = inside.starts_with(',');
    inside.remove_prefix(separated);
  }
  // (3) is a number in Python.
  if (shape.size() == 1 && !separated)
    return failure("shape ", text.substr(0, close + 1),
                   ", expected a comma after the only dimension");
  return shape;
}

} // namespace hamlet
