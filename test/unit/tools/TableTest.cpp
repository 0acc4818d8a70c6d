//===- TableTest.cpp ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/hamlet/Table.h"

#include <gtest/gtest.h>

namespace hamlet::tools {
namespace {

using enum Table::Align;

TEST(Table, AlignsColumnsUnderTitles) {
  Table table({{"kernel"}, {"decode\nbytes", Right}, {"note"}});
  table.add({"linear", "1.0 MiB", "x"});
  table.add({"norm_route", "6 B"});
  table.rule();
  table.add({"total", "1.0 MiB"});
  EXPECT_EQ(table.text(), "               decode\n"
                          "  kernel        bytes  note\n"
                          "  linear      1.0 MiB  x\n"
                          "  norm_route      6 B\n"
                          "  -------------------------\n"
                          "  total       1.0 MiB\n");
}

TEST(Table, StylesTheTitlesOnly) {
  Table table({{"a"}});
  table.add({"b"});
  EXPECT_EQ(table.text(/*bold=*/true), "\x1b[1m  a\x1b[0m\n  b\n");
}

TEST(Table, ShortensWithALegend) {
  Table table({{"name", Left, 12}, {"n"}});
  table.add({"model.layers.0.mlp.weight", "1"});
  table.add({"short", "2"});
  table.add({"model.layers.1.mlp.weight", "3"});
  table.add({"model.layers.0.mlp.weight", "4"});
  EXPECT_EQ(table.text(), "  name          n\n"
                          "  model..eight  1\n"
                          "  short         2\n"
                          "  model.2.ight  3\n"
                          "  model..eight  4\n"
                          "  model..eight is model.layers.0.mlp.weight\n"
                          "  model.2.ight is model.layers.1.mlp.weight\n");
}

TEST(Table, NotesStandBetweenRows) {
  Table table({{"a"}});
  table.note("before", 4);
  table.add({"b"});
  table.note("after", 6);
  EXPECT_EQ(table.text(), "  a\n    before\n  b\n      after\n");
}

TEST(Table, CharactersOfSeveralBytesAreOneColumn) {
  EXPECT_EQ(displayWidth("größe"), 5U);
  Table table({{"a", Left, 5}, {"b"}});
  table.add({"größe", "1"});
  table.add({"abcde", "2"});
  EXPECT_EQ(table.text(), "  a      b\n  größe  1\n  abcde  2\n");
  Table cut({{"a", Left, 4}});
  cut.add({"ßßßßßß"});
  EXPECT_EQ(cut.text(), "  a\n  ß..ß\n  ß..ß is ßßßßßß\n");
}

TEST(Table, ManyNamesOfOneShapeStayApart) {
  Table table({{"a", Left, 4}});
  for (int i = 0; i < 300; ++i)
    table.add({"name" + std::to_string(1000 + i) + "x"});
  std::string text = table.text();
  EXPECT_NE(text.find("is name1299x"), std::string::npos);
}

TEST(Table, ControlCharactersNeverReachTheTerminal) {
  EXPECT_EQ(printable("a\x1b[2J\nb\x7f"), "a?[2J?b?");
  Table table({{"a"}});
  table.add({"\x1b[31m"});
  table.note("\x1b]0;x\a", 0);
  EXPECT_EQ(table.text().find('\x1b'), std::string::npos);
  EXPECT_EQ(table.text().find('\a'), std::string::npos);
}

TEST(Paragraph, BreaksAtBlanks) {
  std::string words;
  for (int i = 0; i < 40; ++i)
    words += (i ? " word" : "word");
  std::string text = paragraph(words, 2, 3);
  size_t begin = 0, lines = 0;
  while (begin < text.size()) {
    size_t end = text.find('\n', begin);
    EXPECT_LE(end - begin, kTextWidth);
    EXPECT_EQ(text.substr(begin, lines ? 6 : 3), lines ? "     w" : "  w");
    begin = end + 1;
    ++lines;
  }
  EXPECT_EQ(lines, 3U);
  std::string longWord(100, 'x');
  EXPECT_EQ(paragraph("a " + longWord + " b", 0, 1),
            "a\n " + longWord + "\n b\n");
  EXPECT_EQ(paragraph("", 2), "  \n");
}

} // namespace
} // namespace hamlet::tools
