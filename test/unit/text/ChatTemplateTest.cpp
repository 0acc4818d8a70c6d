//===- ChatTemplateTest.cpp -----------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// One construct a test, with the text that jinja2 gives; refusals and bounds.
// test/system/test_chat_template.py compares many more with jinja2 itself.
#include "text/chat/ChatTemplate.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using hamlet::text::ChatTemplate;
using hamlet::text::RenderOptions;
using Json = nlohmann::ordered_json;

namespace {

const Json kMessages = Json::parse(R"([
  {"role": "system", "content": "Be brief."},
  {"role": "user", "content": "Hi"},
  {"role": "assistant", "content": "Hello"}])");
const Json kVariables = Json::parse(R"({
  "s": "Straße 漢字", "n": 7, "l": [3, 1, 2], "d": {"b": 1, "a": "x"},
  "f": 2.5, "nil": null, "eos_token": "</s>"})");

std::string rendered(const std::string &source, const Json &variables,
                     const RenderOptions &options = {}) {
  auto parsed = ChatTemplate::parse(source, "t");
  if (parsed.failed())
    return "refused: " + parsed.message();
  auto text = parsed->render(kMessages, variables, options);
  return text.ok() ? *text : "failed: " + text.message();
}
std::string rendered(const std::string &source) {
  return rendered(source, kVariables);
}

/// The template is refused when it is read, at `line`, with these words.
void expectRefused(const std::string &source, int line,
                   const std::string &words) {
  auto parsed = ChatTemplate::parse(source, "t");
  ASSERT_TRUE(parsed.failed()) << source;
  EXPECT_EQ(parsed.message().rfind("t:" + std::to_string(line) + ": ", 0), 0u)
      << parsed.message();
  EXPECT_NE(parsed.message().find(words), std::string::npos)
      << parsed.message();
}

/// The template is read, and fails at `line` with these words.
void expectFails(const std::string &source, int line, const std::string &words,
                 const RenderOptions &options = {}) {
  const std::string text = rendered(source, kVariables, options);
  EXPECT_EQ(text.rfind("failed: t:" + std::to_string(line) + ": ", 0), 0u)
      << source << "\n"
      << text;
  EXPECT_NE(text.find(words), std::string::npos) << text;
}

TEST(ChatTemplate, TagsTakeTheirLines) {
  EXPECT_EQ(rendered("a\n  {% if true %}\nb\n  {% endif %}\nc\n"), "a\nb\nc");
  EXPECT_EQ(rendered("a {%- if true -%} b {%+ endif +%}\nc"), "ab \nc");
  EXPECT_EQ(rendered("a {#- x -#} b\n {# y #}\nc"), "ab\nc");
  EXPECT_EQ(rendered("{% raw %}{{ x }}{% endraw %}"), "{{ x }}");
}

TEST(ChatTemplate, Loops) {
  EXPECT_EQ(rendered("{% for x in l if x > 1 %}{{ loop.index }}/"
                     "{{ loop.length }}{{ loop.last }} {% endfor %}"),
            "1/2False 2/2True ");
  EXPECT_EQ(rendered("{% for k, v in d.items() %}{{ k }}{{ v }}{% endfor %}"),
            "b1ax");
  EXPECT_EQ(rendered("{% for x in [] %}{% else %}e{% endfor %}"), "e");
  EXPECT_EQ(
      rendered("{% for x in l %}{% if x == 1 %}{% continue %}{% endif %}"
               "{% if x == 2 %}{% break %}{% endif %}{{ x }}{% endfor %}"),
      "3");
  EXPECT_EQ(rendered("{% for x in l %}{{ loop.previtem }}<{{ x }}>"
                     "{{ loop.nextitem }} {% endfor %}"),
            "<3>1 3<1>2 1<2> ");
}

TEST(ChatTemplate, ScopesAndNamespaces) {
  EXPECT_EQ(rendered("{% set x = 1 %}{% for i in l %}{% set x = i %}{% endfor "
                     "%}{{ x }}"),
            "1");
  EXPECT_EQ(rendered("{% set ns = namespace(x=0) %}{% for i in l %}"
                     "{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}"),
            "6");
  EXPECT_EQ(rendered("{% set x | upper %}a{{ n }}{% endset %}{{ x }}"), "A7");
  EXPECT_EQ(rendered("{% set ns = namespace() %}{% set ns.a, b = 1, 2 %}"
                     "{{ ns.a }}{{ b }}"),
            "12");
}

TEST(ChatTemplate, Macros) {
  EXPECT_EQ(rendered("{% macro m(a, b=a, c='x') %}{{ a }}{{ b }}{{ c }};"
                     "{% endmacro %}{{ m(1) }}{{ m(1, c=2) }}"),
            "11x;112;");
  EXPECT_EQ(rendered("{% macro m(n) %}{{ n }}{% if n %}{{ m(n - 1) }}{% endif "
                     "%}{% endmacro %}{{ m(3) }}"),
            "3210");
}

TEST(ChatTemplate, ValuesAreWrittenAsInPython) {
  EXPECT_EQ(rendered("{{ [1, 2.0, 1e22, true, none, 'it\\'s', (1,), {'a': 1}] "
                     "}}"),
            "[1, 2.0, 1e+22, True, None, \"it's\", (1,), {'a': 1}]");
  EXPECT_EQ(rendered("{{ {'b': [1, 'é']}|tojson }}"), "{\"b\": [1, \"é\"]}");
  EXPECT_EQ(rendered("{{ d|tojson(indent=2, sort_keys=true) }}"),
            "{\n  \"a\": \"x\",\n  \"b\": 1\n}");
}

TEST(ChatTemplate, TextIsUnicode) {
  EXPECT_EQ(rendered("{{ s|length }} {{ s[-2:] }} {{ s[::-1] }} {{ s|upper }}"),
            "9 漢字 字漢 eßartS STRASSE 漢字");
}

TEST(ChatTemplate, Undefined) {
  EXPECT_EQ(rendered("{{ missing }}{{ missing is defined }}{{ d.zz }}{{ "
                     "nil.x }}{{ missing|default('D') }}"),
            "FalseD");
  expectFails("a\n{{ missing.x }}", 2, "'missing' is undefined");
  expectFails("{{ d.zz.y }}", 1, "a dict has no 'zz'");
  expectFails("{{ nosuch(1) }}", 1, "'nosuch' is undefined");
}

TEST(ChatTemplate, VariablesThatAlwaysAre) {
  EXPECT_EQ(rendered("{{ tools is none }}{{ documents is none }}"
                     "{{ add_generation_prompt }}{{ messages|length }}"
                     "{{ eos_token }}"),
            "TrueTrueFalse3</s>");
}

TEST(ChatTemplate, Dates) {
  RenderOptions options;
  options.now = 1753876800;
  EXPECT_EQ(rendered("{{ strftime_now('%Y') }}", kVariables, options), "2025");
}

TEST(ChatTemplate, TheTemplatesOwnErrors) {
  expectFails("\n{{ raise_exception('roles must alternate') }}", 2,
              "roles must alternate");
  expectFails("{% macro m() %}\n{{ 1/0 }}\n{% endmacro %}\n\n{{ m() }}", 2,
              "division by zero");
  expectFails("{{ 1 +\n 'a' }}", 2, "'+' of an int and a string");
}

TEST(ChatTemplate, RefusedWhenRead) {
  // Even where it is never reached.
  expectRefused("{% if false %}\n{{ l|groupby('x') }}{% endif %}", 2,
                "filter 'groupby' is not supported");
  expectRefused("{{ l|map('nosuch') }}", 1, "filter 'nosuch'");
  expectRefused("{{ l|select('nosuch') }}", 1, "test 'nosuch'");
  expectRefused("{{ l|selectattr('a', 'nosuch') }}", 1, "test 'nosuch'");
  expectRefused("{{ n is nosuch }}", 1, "test 'nosuch' is not supported");
  expectRefused("\n\n{{ s.encode() }}", 3, "method 'encode' is not supported");
  expectRefused("{{ l.append(1) }}", 1, "sandbox forbids; use a namespace");
  expectRefused("{{ l.pop() }}", 1, "method 'pop'");
  expectRefused("{{ s.__class__ }}", 1, "attribute '__class__'");
  expectRefused("{% for x in l recursive %}{% endfor %}", 1,
                "'recursive' of a for is not supported; write a macro");
  expectRefused("{% for x in l %}{{ loop(x) }}{% endfor %}", 1,
                "calling 'loop'");
  expectRefused("a\n{% call m() %}{% endcall %}", 2, "statement 'call'");
  expectRefused("{% macro m() %}{{ caller() }}{% endmacro %}", 1, "'caller'");
  expectRefused("{% macro m(*a) %}{% endmacro %}", 1, "'*' in a macro's");
  expectRefused("{{ f(*l) }}", 1, "'*' before an argument");
  expectRefused("{{ f(**d) }}", 1, "'**' before an argument");
  expectRefused("{{ cycler(1) }}", 1, "use loop.cycle");
  for (const char *name : {"include", "import", "from", "extends", "block",
                           "autoescape", "trans", "do", "print", "debug"})
    expectRefused("{% " + std::string(name) + " x %}", 1,
                  "statement '" + std::string(name) + "' is not supported");
  expectRefused("{% nosuch %}", 1, "there is no statement 'nosuch'");
  expectRefused("{{ é }}", 1, "beyond ASCII");
  expectRefused("{{ '\\ud800' }}", 1, "surrogates are not supported");
  expectRefused("{{ s|replace('a') }}", 1, "needs 'new'");
  expectRefused("{{ s|upper(1) }}", 1, "takes at most 1 values");
  expectRefused("{{ s|join(x=1) }}", 1, "has no parameter 'x'");
  expectRefused("{{ 9223372036854775808 }}", 1, "64 bits");
}

TEST(ChatTemplate, WrongSyntaxHasItsLine) {
  expectRefused("\n{% if n %}\n\n", 2, "without '{% endif %}'");
  expectRefused("{% for x in l %}\n{% endif %}", 2, "closes nothing");
  expectRefused("a\n{{ n", 2, "'{{' without '}}'");
  expectRefused("\n{{ (n }}", 2, "unexpected '}'");
  expectRefused("{{\n(n", 2, "'(' is never closed");
  expectRefused("{{ 'a }}", 1, "never closed");
  expectRefused("{{ 1 + }}", 1, "expected an expression, found '}}'");
  expectRefused("{# a", 1, "'{#' without '#}'");
  expectRefused("{% break %}", 1, "not in a for");
  expectRefused("{% raw %}a", 1, "without '{% endraw %}'");
  EXPECT_EQ(rendered("\xff"), "refused: t: is not valid UTF-8");
}

TEST(ChatTemplate, NestingIsBounded) {
  std::string brackets(300, '('), sum = "1";
  expectRefused("{{ " + brackets + "1" + std::string(300, ')') + " }}", 1,
                "nested more than");
  for (int i = 0; i < 400; ++i)
    sum += "+1";
  expectRefused("{{ " + sum + " }}", 1, "operations in each other");
  std::string ifs;
  for (int i = 0; i < 150; ++i)
    ifs += "{% if 1 %}";
  expectRefused(ifs, 1, "nested more than");
  expectFails("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", 1,
              "calls deep");
  // A list in a list, many times: made by the template, seen by repr.
  expectFails("{% set ns = namespace(x=[]) %}{% for i in range(300) %}"
              "{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}",
              1, "deep");
  // A value that has itself.
  expectFails("{% set ns = namespace() %}{% set ns.x = [ns] %}{{ ns.x == [1] "
              "}}{{ ns.x }}",
              1, "no text of its own");
}

TEST(ChatTemplate, WorkIsBounded) {
  RenderOptions few;
  few.limits.steps = 1000;
  expectFails("{% for x in range(100) %}{% for y in range(100) %}{% endfor "
              "%}{% endfor %}",
              1, "more than 1000 steps", few);
  RenderOptions small;
  small.limits.valueBytes = 10000;
  expectFails("{{ 'a' * 1000000000000 }}", 1, "10000 bytes", small);
  expectFails("{% set ns = namespace(x='aaaa') %}{% for i in range(40) %}"
              "{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
              1, "10000 bytes", small);
  expectFails("{{ s.center(10 ** 12) }}", 1, "10000 bytes", small);
  expectFails("{{ s|indent(10 ** 12, true) }}", 1, "10000 bytes", small);
  RenderOptions brief;
  brief.limits.outputBytes = 10;
  expectFails("0123456789a", 1, "longer than 10 bytes", brief);
  expectFails("{{ range(100001) }}", 1, "more than 100000 numbers");
}

TEST(ChatTemplate, InputIsChecked) {
  auto parsed = ChatTemplate::parse("{{ x }}", "t");
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->render(Json::object(), {}).message(),
            "t: expected an array of messages, found object");
  EXPECT_EQ(parsed->render(kMessages, Json::array()).message(),
            "t: expected an object of variables, found array");
  Json deep = 1;
  for (int i = 0; i < 300; ++i)
    deep = Json::array({deep});
  EXPECT_NE(parsed->render(kMessages, {{"x", deep}}).message().find("deep"),
            std::string::npos);
  EXPECT_NE(parsed->render(kMessages, {{"x", "\xff"}}).message().find("UTF-8"),
            std::string::npos);
  EXPECT_NE(parsed->render(kMessages, {{"x", UINT64_MAX}})
                .message()
                .find("64 bits with a sign"),
            std::string::npos);
}

} // namespace
