//===- Parser.cpp ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "text/chat/Parser.h"

#include <algorithm>
#include <map>

namespace hamlet::text::chat {

Parser::Nesting::Nesting(Parser &parser) : parser(parser) {
  if (++parser.depth > kMaxNesting) {
    --parser.depth; // There is no destructor of what was not made.
    parser.failAt(parser.current().line,
                  "blocks and brackets are nested more than " +
                      std::to_string(kMaxNesting) + " deep");
  }
}

void Parser::unexpected(const std::string &wanted) const {
  failAt(current().line, "expected " + wanted + ", found " + current().shown());
}

bool Parser::skipName(std::string_view name) {
  bool found = current().isName(name);
  if (found)
    next();
  return found;
}

bool Parser::skipOperator(std::string_view op) {
  bool found = current().isOperator(op);
  if (found)
    next();
  return found;
}

void Parser::expectOperator(std::string_view op) {
  if (!skipOperator(op))
    unexpected("'" + std::string(op) + "'");
}

Token Parser::expectName(const char *what) {
  if (current().type != Token::Name)
    unexpected(what);
  return next();
}

int Parser::symbol(const std::string &name) {
  auto [found, isNew] =
      known.emplace(name, static_cast<int>(result.symbols.size()));
  if (isNew)
    result.symbols.push_back(name);
  return found->second;
}

void Parser::run() {
  // Are kFilteredSymbol and kLoopSymbol.
  symbol(kFilteredName);
  symbol("loop");
  result.body = block({}, "", 0);
}

/// The end of a tag; `name` is of its statement.
void Parser::endTag(std::string_view name) {
  if (current().type != Token::TagEnd)
    unexpected("'%}' after '" + std::string(name) + "'");
  next();
}

/// Up to the tag of one of `ends`, whose name is left as the current token;
/// without any, up to the end of the template.
Block Parser::block(std::initializer_list<std::string_view> ends,
                    std::string_view opened, int line) {
  Nesting nesting(*this);
  Block statements;
  while (true) {
    switch (current().type) {
    case Token::End:
      if (ends.size())
        failAt(line, "'{% " + std::string(opened) + " %}' without '{% " +
                         std::string(*(ends.end() - 1)) + " %}'");
      return statements;
    case Token::Data: {
      auto text = std::make_unique<Statement>();
      text->line = current().line;
      text->text = next().text;
      statements.push_back(std::move(text));
      break;
    }
    case Token::PrintBegin: {
      next();
      auto print = std::make_unique<Statement>();
      print->kind = Statement::Print;
      print->line = current().line;
      print->expressions.push_back(expressions(/*withConditional=*/true));
      if (current().type != Token::PrintEnd)
        unexpected("'}}'");
      next();
      statements.push_back(std::move(print));
      break;
    }
    default:
      next(); // {%
      if (current().type == Token::Name &&
          std::find(ends.begin(), ends.end(), current().text) != ends.end())
        return statements;
      statements.push_back(statement());
    }
  }
}

/// Up to the tag `end`, which is read too.
Block Parser::closedBlock(std::string_view end, std::string_view opened,
                          int line) {
  Block body = block({end}, opened, line);
  next();
  endTag(end);
  return body;
}

std::unique_ptr<Statement> Parser::statement() {
  int line = current().line;
  Token name = expectName("the name of a statement");
  if (name.text == "for")
    return parseFor(line);
  if (name.text == "if")
    return parseIf(line);
  if (name.text == "set")
    return parseSet(line);
  if (name.text == "macro")
    return parseMacro(line);
  if (name.text == "filter")
    return parseFilterBlock(line);
  if (name.text == "with")
    return parseWith(line);
  if (name.text == "generation")
    return parseGeneration(line);
  if (name.text == "break" || name.text == "continue") {
    if (loops == 0)
      failAt(line, "'" + name.text + "' is not in a for");
    endTag(name.text);
    auto jump = std::make_unique<Statement>();
    jump->kind = name.text == "break" ? Statement::Break : Statement::Continue;
    jump->line = line;
    return jump;
  }
  static const std::map<std::string_view, std::string_view> kRefused = {
      {"call", "call the macro with the text as an argument"},
      {"include", "put the other template's text in its place"},
      {"import", "put the other template's macros into this one"},
      {"from", "put the other template's macros into this one"},
      {"extends", "put both templates into one"},
      {"block", "leave the tag out, a chat template has no children"},
      {"autoescape", "leave the tag out, nothing is escaped"},
      {"trans", "leave the tag out"},
      {"do", "transformers does not have it either; use set"},
      {"print", "use '{{ }}'"},
      {"debug", "leave the tag out"}};
  if (auto refused = kRefused.find(name.text); refused != kRefused.end())
    refuse(line, "statement '" + name.text + "'", std::string(refused->second));
  if (name.text.starts_with("end") || name.text == "else" ||
      name.text == "elif")
    failAt(line, "'{% " + name.text + " %}' closes nothing that is open here");
  failAt(line, "there is no statement '" + name.text + "'");
}

std::unique_ptr<Statement> Parser::parseFor(int line) {
  auto loop = std::make_unique<Statement>();
  loop->kind = Statement::For;
  loop->line = line;
  loop->target = target(/*withNamespace=*/false, /*isLoop=*/true);
  if (!skipName("in"))
    unexpected("'in' of the for");
  loop->expressions.push_back(expressions(/*withConditional=*/false));
  if (skipName("if"))
    loop->expressions.push_back(expression());
  if (current().isName("recursive"))
    refuse(current().line, "'recursive' of a for",
           "write a macro that calls itself");
  endTag("for");
  ++loops;
  loop->blocks.push_back(block({"else", "endfor"}, "for", line));
  --loops;
  bool hasElse = next().text == "else";
  endTag(hasElse ? "else" : "endfor");
  if (hasElse)
    loop->blocks.push_back(closedBlock("endfor", "for", line));
  return loop;
}

std::unique_ptr<Statement> Parser::parseIf(int line) {
  auto choice = std::make_unique<Statement>();
  choice->kind = Statement::If;
  choice->line = line;
  while (true) {
    choice->expressions.push_back(expressions(/*withConditional=*/false));
    endTag("if");
    choice->blocks.push_back(block({"elif", "else", "endif"}, "if", line));
    Token end = next();
    if (end.text == "elif")
      continue;
    endTag(end.text);
    if (end.text == "else")
      choice->blocks.push_back(closedBlock("endif", "if", line));
    return choice;
  }
}

std::unique_ptr<Statement> Parser::parseSet(int line) {
  auto set = std::make_unique<Statement>();
  set->line = line;
  set->target = target(/*withNamespace=*/true, /*isLoop=*/false);
  if (skipOperator("=")) {
    set->kind = Statement::Set;
    set->expressions.push_back(expressions(/*withConditional=*/true));
    endTag("set");
    return set;
  }
  set->kind = Statement::SetBlock;
  if (set->target.kind == Target::Tuple)
    unexpected("'='");
  if (skipOperator("|")) {
    ExpressionPtr inner = make(Expression::Name, line);
    inner->symbol = kFilteredSymbol;
    set->filters = filter(std::move(inner));
    while (skipOperator("|"))
      set->filters = filter(std::move(set->filters));
  }
  endTag("set");
  int outer = std::exchange(loops, 0); // A jump would leave the text.
  set->blocks.push_back(closedBlock("endset", "set", line));
  loops = outer;
  return set;
}

std::unique_ptr<Statement> Parser::parseMacro(int line) {
  auto macro = std::make_unique<Statement>();
  macro->kind = Statement::Macro;
  macro->line = line;
  macro->text = expectName("the name of the macro").text;
  macro->symbol = symbol(macro->text);
  expectOperator("(");
  while (!current().isOperator(")")) {
    if (!macro->parameters.empty())
      expectOperator(",");
    if (current().isOperator("*") || current().isOperator("**"))
      refuse(current().line, "'" + current().text + "' in a macro's parameters",
             "give each parameter a name");
    int at = current().line;
    std::string name = expectName("the name of a parameter").text;
    for (const Parameter &other : macro->parameters)
      if (other.name->text == name)
        failAt(at, "two parameters have the name '" + name + "'");
    if (name == "caller")
      refuse(at, "'caller' of a macro", "pass the text as an argument");
    Parameter &parameter = macro->parameters.emplace_back(
        Parameter{symbol(name), text(name), nullptr});
    if (skipOperator("="))
      parameter.preset = expression();
    else if (macro->parameters.size() > 1 &&
             (macro->parameters.end() - 2)->preset)
      failAt(at, "parameter '" + name +
                     "' has no default, but the one before it has");
  }
  next(); // )
  endTag("macro");
  int outer = std::exchange(loops, 0);
  bool outerMacro = std::exchange(inMacro, true);
  macro->blocks.push_back(closedBlock("endmacro", "macro", line));
  loops = outer;
  inMacro = outerMacro;
  return macro;
}

std::unique_ptr<Statement> Parser::parseFilterBlock(int line) {
  auto filtered = std::make_unique<Statement>();
  filtered->kind = Statement::FilterBlock;
  filtered->line = line;
  ExpressionPtr inner = make(Expression::Name, line);
  inner->symbol = kFilteredSymbol;
  filtered->filters = filter(std::move(inner));
  while (skipOperator("|"))
    filtered->filters = filter(std::move(filtered->filters));
  endTag("filter");
  int outer = std::exchange(loops, 0);
  filtered->blocks.push_back(closedBlock("endfilter", "filter", line));
  loops = outer;
  return filtered;
}

std::unique_ptr<Statement> Parser::parseWith(int line) {
  auto with = std::make_unique<Statement>();
  with->kind = Statement::Scope;
  with->line = line;
  while (current().type != Token::TagEnd) {
    if (!with->targets.empty())
      expectOperator(",");
    with->targets.push_back(targetPart(/*withNamespace=*/false,
                                       /*isLoop=*/false));
    expectOperator("=");
    with->expressions.push_back(expression());
  }
  endTag("with");
  with->blocks.push_back(closedBlock("endwith", "with", line));
  return with;
}

/// Transformers marks with it what a model has written, for training; here it
/// is only a scope.
std::unique_ptr<Statement> Parser::parseGeneration(int line) {
  auto generation = std::make_unique<Statement>();
  generation->kind = Statement::Scope;
  generation->line = line;
  endTag("generation");
  int outer = std::exchange(loops, 0);
  generation->blocks.push_back(
      closedBlock("endgeneration", "generation", line));
  loops = outer;
  return generation;
}

Target Parser::target(bool withNamespace, bool isLoop) {
  Target first = targetPart(withNamespace, isLoop);
  if (!current().isOperator(","))
    return first;
  Target tuple;
  tuple.kind = Target::Tuple;
  tuple.parts.push_back(std::move(first));
  while (skipOperator(",")) {
    if (current().isName("in") || current().isOperator("="))
      break;
    tuple.parts.push_back(targetPart(withNamespace, isLoop));
  }
  return tuple;
}

Target Parser::targetPart(bool withNamespace, bool isLoop) {
  Nesting nesting(*this);
  if (skipOperator("(")) {
    Target inner = target(withNamespace, isLoop);
    expectOperator(")");
    return inner;
  }
  int line = current().line;
  Target part;
  std::string name = expectName("the name of a variable").text;
  static constexpr std::string_view kConstants[] = {"true", "false", "none",
                                                    "True", "False", "None"};
  if (std::find(std::begin(kConstants), std::end(kConstants), name) !=
      std::end(kConstants))
    failAt(line, "'" + name + "' cannot be assigned to");
  if (name == "loop" && (isLoop || loops > 0))
    failAt(line, "'loop' cannot be assigned to in a for");
  part.symbol = symbol(name);
  if (!skipOperator("."))
    return part;
  if (!withNamespace)
    failAt(line, "an attribute cannot be assigned to here");
  part.kind = Target::Attribute;
  part.attribute = text(expectName("the name of an attribute").text);
  if (part.attribute->text.starts_with("_"))
    failAt(line, "attributes of a namespace must not start with '_' ('" +
                     part.attribute->text + "'); rename it");
  return part;
}

} // namespace hamlet::text::chat
