//===- Architecture.cpp ---------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "container/Architecture.h"

#include <charconv>

namespace hamlet {

std::string Architecture::name() const {
  std::string text = "sm_" + std::to_string(capability);
  if (suffix)
    text += suffix;
  return text;
}

std::optional<Architecture> parseArchitecture(std::string_view text) {
  constexpr std::string_view kPrefix = "sm_";
  if (!text.starts_with(kPrefix))
    return std::nullopt;
  text.remove_prefix(kPrefix.size());
  Architecture found;
  auto [rest, error] =
      std::from_chars(text.data(), text.data() + text.size(), found.capability);
  if (error != std::errc() || found.capability < 10)
    return std::nullopt;
  text.remove_prefix(static_cast<size_t>(rest - text.data()));
  if (text == "a" || text == "f")
    found.suffix = text[0];
  else if (!text.empty())
    return std::nullopt;
  return found;
}

std::optional<Architecture> architectureOf(const hmlt::ImageT &image) {
  std::string_view ptx(reinterpret_cast<const char *>(image.bytes.data()),
                       image.bytes.size());
  // A directive has a line of its own; options may follow.
  constexpr std::string_view kDirective = "\n.target ";
  size_t at = ptx.find(kDirective);
  if (at == ptx.npos)
    return parseArchitecture(image.target);
  ptx.remove_prefix(at + kDirective.size());
  return parseArchitecture(ptx.substr(0, ptx.find_first_of(", \t\r\n")));
}

} // namespace hamlet
