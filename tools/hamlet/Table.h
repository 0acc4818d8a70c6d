//===- Table.h ------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TOOLS_HAMLET_TABLE_H
#define HAMLET_TOOLS_HAMLET_TABLE_H

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hamlet::tools {

/// Columns of a terminal that tables and paragraphs are made for.
inline constexpr size_t kTextWidth = 80;

/// Characters of UTF-8 text, each taken as one column wide.
size_t displayWidth(std::string_view text);

/// `text` without what could steer a terminal: control characters are shown as
/// '?'. Names in a container come from outside.
std::string printable(std::string_view text);

/// `text` in lines of at most kTextWidth columns, each after `indent` blanks
/// and all but the first after `hanging` more. Only blanks are broken at: a
/// longer word stands alone.
std::string paragraph(std::string_view text, size_t indent, size_t hanging = 0);

/// Rows under aligned titles.
///
///   kernel       launches    bytes
///   linear             14  1.0 MiB
///   norm_route         16  6.1 KiB
///   ------------------------------
///   total              30  1.0 MiB
class Table {
public:
  enum class Align { Left, Right };
  struct Column {
    std::string title; ///< of several lines, if it has newlines
    Align align = Align::Left;
    size_t most = 0; ///< columns; longer cells are shortened; 0: no limit
  };

  explicit Table(std::vector<Column> columns, size_t indent = 2);
  /// A row; cells that are missing at its end are empty.
  void add(std::vector<std::string> cells);
  /// A line over the rows that follow, which are sums.
  void rule();
  /// Whole lines between the rows, as `paragraph` breaks them.
  void note(std::string_view text, size_t indent, size_t hanging = 0);

  /// The titles in bold if `bold`. Under the rows stands what was shortened:
  /// equal names get equal short ones, different names different ones.
  std::string text(bool bold = false) const;

private:
  enum class Kind { Row, Rule, Note };
  struct Line {
    Kind kind;
    std::vector<std::string> cells; ///< of a note: its text
  };
  std::string shortened(const std::string &cell, size_t most);
  std::string row(const std::vector<std::string> &cells,
                  const std::vector<size_t> &widths) const;
  std::string titles(const std::vector<size_t> &widths, bool bold) const;

  std::vector<Column> columns;
  std::vector<Line> lines;
  std::vector<std::pair<std::string, std::string>> shorter; ///< short, whole
  size_t indent;
};

/// Whether standard output is a terminal that may be sent styles; the
/// environment's NO_COLOR and TERM=dumb say no.
bool stylesWanted();

} // namespace hamlet::tools

#endif // HAMLET_TOOLS_HAMLET_TABLE_H
