//===- Options.h ----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TOOLS_COMMAND_OPTIONS_H
#define HAMLET_TOOLS_COMMAND_OPTIONS_H

#include "container/AtomicFile.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <string>
#include <type_traits>
#include <vector>

namespace hamlet::tools {

/// The whole of `text` as a decimal number; CLI11 itself would read 010 as 8
/// and wrap what is too large.
template <typename T> bool parseDecimal(const std::string &text, T &value) {
  const char *end = text.data() + text.size();
  auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && stop == end;
}

/// An option that takes a number of T for which `allowed`; `expected` says
/// which those are.
template <typename T, typename Allowed>
CLI::Option *addNumber(CLI::App &app, const std::string &name, T &value,
                       const std::string &description, std::string expected,
                       Allowed allowed) {
  CLI::callback_t read = [name, &value, expected = std::move(expected),
                          allowed](const CLI::results_t &given) {
    T number{};
    if (!parseDecimal(given.back(), number) || !allowed(number))
      throw CLI::ValidationError(name, "expected " + expected + ", got '" +
                                           given.back() + "'");
    value = number;
    return true;
  };
  return app.add_option(name, std::move(read), description)
      ->type_name(std::is_integral_v<T> ? "INT" : "FLOAT")
      ->default_str(CLI::detail::to_string(value));
}

/// The same of integers from `least` to `most`.
template <typename T>
CLI::Option *
addCount(CLI::App &app, const std::string &name, T &value,
         const std::string &description, std::type_identity_t<T> least,
         std::type_identity_t<T> most = std::numeric_limits<T>::max()) {
  std::string expected = "an integer from " + std::to_string(least) + " to " +
                         std::to_string(most);
  return addNumber(app, name, value, description, expected,
                   [least, most](T n) { return n >= least && n <= most; });
}

/// An option that takes a list separated by commas, and may be repeated.
CLI::Option *addList(CLI::App &app, const std::string &name,
                     std::vector<std::string> &values,
                     const std::string &description);

/// Names two options that would write the same file. `outputs` are names of
/// options with their paths; empty ones are not given.
void checkOutputs(
    const std::vector<std::pair<std::string, std::string>> &outputs);

/// Opens the output that `option` names, if it is given; errors name both.
Status openOutput(AtomicFile &file, const std::string &option,
                  const std::string &path);

} // namespace hamlet::tools

#endif // HAMLET_TOOLS_COMMAND_OPTIONS_H
