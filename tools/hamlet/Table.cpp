//===- Table.cpp ----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/hamlet/Table.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace hamlet::tools {
namespace {

constexpr size_t kGap = 2; // columns between cells
constexpr const char *kBold = "\x1b[1m", *kPlain = "\x1b[0m";

bool continuesCharacter(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

/// The first, or last, `width` characters.
std::string firstOf(const std::string &text, size_t width) {
  size_t end = 0;
  for (size_t seen = 0; end < text.size(); ++end)
    if (!continuesCharacter(text[end]) && seen++ == width)
      break;
  return text.substr(0, end);
}
std::string lastOf(const std::string &text, size_t width) {
  size_t begin = text.size();
  for (size_t seen = 0; begin > 0 && seen < width; --begin)
    seen += !continuesCharacter(text[begin - 1]);
  return text.substr(begin);
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos)
      return parts;
    text.remove_prefix(end + 1);
  }
}

} // namespace

size_t displayWidth(std::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return !continuesCharacter(c); }));
}

std::string printable(std::string_view text) {
  std::string safe(text);
  for (char &c : safe)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      c = '?';
  return safe;
}

std::string paragraph(std::string_view text, size_t indent, size_t hanging) {
  std::string out, line(indent, ' ');
  bool empty = true;
  for (const std::string &word : split(text, ' ')) {
    size_t needed = displayWidth(line) + (empty ? 0 : 1) + displayWidth(word);
    if (!empty && needed > kTextWidth) {
      out += line + "\n";
      line.assign(indent + hanging, ' ');
      empty = true;
    }
    line += (empty ? "" : " ") + printable(word);
    empty = false;
  }
  return out + line + "\n";
}

Table::Table(std::vector<Column> columns, size_t indent)
    : columns(std::move(columns)), indent(indent) {}

std::string Table::shortened(const std::string &cell, size_t most) {
  if (!most || displayWidth(cell) <= most)
    return cell;
  for (const auto &[brief, whole] : shorter)
    if (whole == cell && displayWidth(brief) <= most)
      return brief;
  auto taken = [&](const std::string &brief) {
    return std::any_of(shorter.begin(), shorter.end(),
                       [&](const auto &known) { return known.first == brief; });
  };
  // The end tells names apart more often than the middle does.
  std::string mark = "..";
  for (int number = 2;; ++number) {
    size_t left = most > mark.size() ? most - mark.size() : 0;
    std::string brief =
        firstOf(cell, left - left / 2) + mark + lastOf(cell, left / 2);
    if (!taken(brief)) {
      shorter.emplace_back(brief, cell);
      return brief;
    }
    mark = "." + std::to_string(number) + ".";
  }
}

void Table::add(std::vector<std::string> cells) {
  cells.resize(columns.size());
  for (size_t i = 0; i < cells.size(); ++i)
    cells[i] = shortened(printable(cells[i]), columns[i].most);
  lines.push_back({Kind::Row, std::move(cells)});
}

void Table::rule() { lines.push_back({Kind::Rule, {}}); }

void Table::note(std::string_view text, size_t indent, size_t hanging) {
  lines.push_back({Kind::Note, {paragraph(text, indent, hanging)}});
}

std::string Table::row(const std::vector<std::string> &cells,
                       const std::vector<size_t> &widths) const {
  std::string line(indent, ' ');
  for (size_t i = 0; i < cells.size(); ++i) {
    std::string blanks(widths[i] - displayWidth(cells[i]), ' ');
    line += i ? std::string(kGap, ' ') : "";
    line += columns[i].align == Align::Right ? blanks + cells[i]
                                             : cells[i] + blanks;
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

std::string Table::titles(const std::vector<size_t> &widths, bool bold) const {
  std::vector<std::vector<std::string>> parts;
  size_t height = 0;
  for (const Column &column : columns) {
    parts.push_back(split(column.title, '\n'));
    height = std::max(height, parts.back().size());
  }
  std::string out;
  for (size_t y = 0; y < height; ++y) {
    std::vector<std::string> cells;
    for (const auto &title : parts) {
      size_t above = height - title.size(); // empty lines
      cells.push_back(y < above ? "" : title[y - above]);
    }
    std::string line = row(cells, widths);
    if (!line.empty())
      out += (bold ? kBold + line + kPlain : line) + "\n";
  }
  return out;
}

std::string Table::text(bool bold) const {
  std::vector<size_t> widths;
  for (const Column &column : columns) {
    size_t width = 0;
    for (const std::string &part : split(column.title, '\n'))
      width = std::max(width, displayWidth(part));
    widths.push_back(width);
  }
  for (const Line &line : lines)
    if (line.kind == Kind::Row)
      for (size_t i = 0; i < widths.size(); ++i)
        widths[i] = std::max(widths[i], displayWidth(line.cells[i]));
  size_t whole = kGap * (widths.empty() ? 0 : widths.size() - 1);
  for (size_t width : widths)
    whole += width;

  std::string out = titles(widths, bold);
  for (const Line &line : lines) {
    if (line.kind == Kind::Note)
      out += line.cells[0];
    else if (line.kind == Kind::Rule)
      out += std::string(indent, ' ') + std::string(whole, '-') + "\n";
    else
      out += row(line.cells, widths) + "\n";
  }
  for (const auto &[brief, name] : shorter)
    out.append(indent, ' ').append(brief).append(" is ").append(name) += '\n';
  return out;
}

bool stylesWanted() {
  if (const char *no = std::getenv("NO_COLOR"); no && *no)
    return false;
  const char *terminal = std::getenv("TERM");
  return isatty(STDOUT_FILENO) && terminal &&
         std::strcmp(terminal, "dumb") != 0;
}

} // namespace hamlet::tools
