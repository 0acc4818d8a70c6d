//===- ParseExpression.cpp ------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Levels of precedence are those of jinja2, which are not Python's: `~` binds
// stronger than `+`, a filter stronger than a sign.
#include "text/chat/Builtins.h"
#include "text/chat/Parser.h"

#include <algorithm>
#include <map>

namespace hamlet::text::chat {

ExpressionPtr Parser::make(Expression::Kind kind, int line) {
  auto made = std::make_unique<Expression>();
  made->kind = kind;
  made->line = line;
  return made;
}

void Parser::grow(Expression &to, const Expression *operand) {
  if (!operand)
    return;
  to.height = std::max(to.height, operand->height + 1);
  if (to.height > kMaxExpressionHeight)
    failAt(to.line, "an expression has more than " +
                        std::to_string(kMaxExpressionHeight) +
                        " operations in each other");
}

void Parser::add(Expression &to, ExpressionPtr operand) {
  grow(to, operand.get());
  to.operands.push_back(std::move(operand));
}

ExpressionPtr Parser::constant(const Value &value, int line) {
  ExpressionPtr made = make(Expression::Constant, line);
  made->constant = value;
  return made;
}

ExpressionPtr Parser::binary(Operator op, ExpressionPtr left,
                             ExpressionPtr right, int line) {
  ExpressionPtr made = make(Expression::Binary, line);
  made->operation = op;
  add(*made, std::move(left));
  add(*made, std::move(right));
  return made;
}

bool Parser::startsExpression() const {
  switch (current().type) {
  case Token::TagEnd:
  case Token::PrintEnd:
  case Token::End:
    return false;
  default:
    return !current().isOperator(")");
  }
}

ExpressionPtr Parser::expressions(bool withConditional) {
  auto one = [&] { return withConditional ? conditional() : either(); };
  int line = current().line;
  ExpressionPtr first = one();
  if (!current().isOperator(","))
    return first;
  ExpressionPtr tuple = make(Expression::Tuple, line);
  add(*tuple, std::move(first));
  while (skipOperator(",")) {
    if (!startsExpression())
      break;
    add(*tuple, one());
  }
  return tuple;
}

ExpressionPtr Parser::conditional() {
  Nesting nesting(*this);
  int line = current().line;
  ExpressionPtr value = either();
  while (skipName("if")) {
    ExpressionPtr choice = make(Expression::Conditional, line);
    add(*choice, either());
    add(*choice, std::move(value));
    add(*choice, skipName("else") ? conditional() : nullptr);
    value = std::move(choice);
  }
  return value;
}

ExpressionPtr Parser::either() {
  int line = current().line;
  ExpressionPtr left = both();
  while (skipName("or")) {
    ExpressionPtr made = make(Expression::Or, line);
    add(*made, std::move(left));
    add(*made, both());
    left = std::move(made);
  }
  return left;
}

ExpressionPtr Parser::both() {
  int line = current().line;
  ExpressionPtr left = negation();
  while (skipName("and")) {
    ExpressionPtr made = make(Expression::And, line);
    add(*made, std::move(left));
    add(*made, negation());
    left = std::move(made);
  }
  return left;
}

ExpressionPtr Parser::negation() {
  Nesting nesting(*this);
  int line = current().line;
  if (!skipName("not"))
    return comparison();
  ExpressionPtr made = make(Expression::Not, line);
  add(*made, negation());
  return made;
}

ExpressionPtr Parser::comparison() {
  static const std::map<std::string_view, Operator> kComparisons = {
      {"==", Operator::Equal},  {"!=", Operator::NotEqual},
      {"<", Operator::Less},    {"<=", Operator::LessEqual},
      {">", Operator::Greater}, {">=", Operator::GreaterEqual}};
  int line = current().line;
  ExpressionPtr first = sum();
  ExpressionPtr made;
  while (true) {
    Operator op = Operator::None;
    if (current().type == Token::Operator) {
      auto found = kComparisons.find(current().text);
      if (found != kComparisons.end())
        op = found->second;
    } else if (current().isName("in")) {
      op = Operator::In;
    } else if (current().isName("not") && ahead().isName("in")) {
      next();
      op = Operator::NotIn;
    }
    if (op == Operator::None)
      return made ? std::move(made) : std::move(first);
    next();
    if (!made) {
      made = make(Expression::Compare, line);
      add(*made, std::move(first));
    }
    made->comparisons.push_back(op);
    add(*made, sum());
  }
}

ExpressionPtr Parser::sum() {
  int line = current().line;
  ExpressionPtr left = concatenation();
  while (current().isOperator("+") || current().isOperator("-")) {
    Operator op = next().text == "+" ? Operator::Add : Operator::Subtract;
    left = binary(op, std::move(left), concatenation(), line);
  }
  return left;
}

ExpressionPtr Parser::concatenation() {
  int line = current().line;
  ExpressionPtr first = product();
  if (!current().isOperator("~"))
    return first;
  ExpressionPtr made = make(Expression::Concatenate, line);
  add(*made, std::move(first));
  while (skipOperator("~"))
    add(*made, product());
  return made;
}

ExpressionPtr Parser::product() {
  static const std::map<std::string_view, Operator> kProducts = {
      {"*", Operator::Multiply},
      {"/", Operator::Divide},
      {"//", Operator::FloorDivide},
      {"%", Operator::Modulo}};
  int line = current().line;
  ExpressionPtr left = power();
  while (current().type == Token::Operator) {
    auto found = kProducts.find(current().text);
    if (found == kProducts.end())
      break;
    next();
    left = binary(found->second, std::move(left), power(), line);
  }
  return left;
}

ExpressionPtr Parser::power() {
  int line = current().line;
  ExpressionPtr left = unary(/*withFilter=*/true);
  while (skipOperator("**")) // From the left, unlike Python's.
    left = binary(Operator::Power, std::move(left), unary(true), line);
  return left;
}

ExpressionPtr Parser::unary(bool withFilter) {
  Nesting nesting(*this);
  int line = current().line;
  ExpressionPtr operand;
  if (current().isOperator("-") || current().isOperator("+")) {
    operand = make(Expression::Unary, line);
    operand->operation = next().text == "-" ? Operator::Negate : Operator::Plus;
    add(*operand, unary(/*withFilter=*/false));
  } else {
    operand = primary();
  }
  operand = postfix(std::move(operand));
  return withFilter ? filtersAndTests(std::move(operand)) : std::move(operand);
}

ExpressionPtr Parser::primary() {
  int line = current().line;
  switch (current().type) {
  case Token::Name: {
    Token name = next();
    if (name.text == "true" || name.text == "True")
      return constant(Value::boolean(true), line);
    if (name.text == "false" || name.text == "False")
      return constant(Value::boolean(false), line);
    if (name.text == "none" || name.text == "None")
      return constant(Value::none(), line);
    static const std::map<std::string_view, std::string_view> kRefused = {
        {"caller", "pass the text as an argument"},
        {"varargs", "give each parameter a name"},
        {"kwargs", "give each parameter a name"},
        {"self", "a chat template has no blocks"},
        {"super", "a chat template has no blocks"},
        {"cycler", "use loop.cycle"},
        {"joiner", "use loop.first"},
        {"lipsum", "write the text"}};
    auto refused = kRefused.find(name.text);
    // `self` always is special, others in a macro, or where they are called.
    if (refused != kRefused.end() &&
        (inMacro || name.text == "self" || current().isOperator("(")))
      refuse(line, "'" + name.text + "'", std::string(refused->second));
    ExpressionPtr made = make(Expression::Name, line);
    made->symbol = symbol(name.text);
    return made;
  }
  case Token::String: {
    std::string joined = next().text;
    while (current().type == Token::String)
      joined += next().text;
    return constant(text(joined), line);
  }
  case Token::Int:
    return constant(Value::integer(next().integer), line);
  case Token::Float:
    return constant(Value::real(next().real), line);
  default:
    break;
  }
  if (skipOperator("(")) {
    if (skipOperator(")"))
      return make(Expression::Tuple, line);
    ExpressionPtr inner = expressions(/*withConditional=*/true);
    expectOperator(")");
    return inner;
  }
  if (skipOperator("[")) {
    ExpressionPtr list = make(Expression::List, line);
    while (!current().isOperator("]")) {
      if (!list->operands.empty()) {
        expectOperator(",");
        if (current().isOperator("]"))
          break;
      }
      add(*list, expression());
    }
    next();
    return list;
  }
  if (skipOperator("{"))
    return dict(line);
  unexpected("an expression");
}

ExpressionPtr Parser::dict(int line) {
  ExpressionPtr made = make(Expression::Dict, line);
  while (!current().isOperator("}")) {
    if (!made->operands.empty()) {
      expectOperator(",");
      if (current().isOperator("}"))
        break;
    }
    add(*made, expression());
    expectOperator(":");
    add(*made, expression());
  }
  next();
  return made;
}

ExpressionPtr Parser::postfix(ExpressionPtr operand) {
  while (true) {
    if (current().isOperator(".") || current().isOperator("["))
      operand = subscript(std::move(operand));
    else if (current().isOperator("("))
      operand = call(std::move(operand));
    else
      return operand;
  }
}

ExpressionPtr Parser::filtersAndTests(ExpressionPtr operand) {
  while (true) {
    if (skipOperator("|"))
      operand = filter(std::move(operand));
    else if (skipName("is"))
      operand = test(std::move(operand));
    else if (current().isOperator("("))
      operand = call(std::move(operand));
    else
      return operand;
  }
}

ExpressionPtr Parser::subscript(ExpressionPtr operand) {
  int line = current().line;
  if (next().text == ".") {
    if (current().type == Token::Int) {
      ExpressionPtr made = make(Expression::Subscript, line);
      add(*made, std::move(operand));
      add(*made, constant(Value::integer(next().integer), line));
      return made;
    }
    ExpressionPtr made = make(Expression::Attribute, line);
    made->text = text(expectName("the name of an attribute").text);
    if (made->text->text.starts_with("__"))
      refuse(line, "attribute '" + made->text->text + "'",
             "transformers' sandbox does not show it; use ['" +
                 made->text->text + "'] for an item");
    add(*made, std::move(operand));
    return made;
  }
  // operand[part, part] is a tuple; operand[a:b:c] a slice.
  auto end = [&] {
    return current().isOperator("]") || current().isOperator(",");
  };
  ExpressionPtr first;
  if (!current().isOperator(":"))
    first = expression();
  if (first && !current().isOperator(":")) {
    ExpressionPtr made = make(Expression::Subscript, line);
    add(*made, std::move(operand));
    if (current().isOperator(",")) {
      ExpressionPtr tuple = make(Expression::Tuple, line);
      add(*tuple, std::move(first));
      while (skipOperator(",")) {
        if (current().isOperator(":"))
          refuse(line, "a slice in several dimensions", "use one slice");
        add(*tuple, expression());
      }
      first = std::move(tuple);
    }
    add(*made, std::move(first));
    expectOperator("]");
    return made;
  }
  ExpressionPtr made = make(Expression::Slice, line);
  add(*made, std::move(operand));
  add(*made, std::move(first));
  for (int part = 0; part < 2; ++part) {
    bool given = skipOperator(":") && !end() && !current().isOperator(":");
    add(*made, given ? expression() : nullptr);
  }
  if (current().isOperator(","))
    refuse(line, "a slice in several dimensions", "use one slice");
  expectOperator("]");
  return made;
}

/// Positional and named arguments of a call, after its "(".
void Parser::arguments(Expression &call) {
  bool first = true;
  while (!current().isOperator(")")) {
    if (!first) {
      expectOperator(",");
      if (current().isOperator(")"))
        break;
    }
    first = false;
    if (current().isOperator("*") || current().isOperator("**"))
      refuse(current().line, "'" + current().text + "' before an argument",
             "pass the arguments one by one");
    if (current().type == Token::Name && ahead().isOperator("=")) {
      std::string name = next().text;
      next();
      for (const auto &other : call.named)
        if (other.first->text == name)
          failAt(current().line, "argument '" + name + "' is given twice");
      ExpressionPtr value = expression();
      grow(call, value.get());
      call.named.emplace_back(text(name), std::move(value));
      continue;
    }
    if (!call.named.empty())
      failAt(current().line, "an argument without a name follows one with a "
                             "name");
    add(call, expression());
  }
  next();
}

ExpressionPtr Parser::call(ExpressionPtr callee) {
  int line = current().line;
  next();
  checkCallee(*callee, line);
  ExpressionPtr made = make(Expression::Call, line);
  add(*made, std::move(callee));
  arguments(*made);
  return made;
}

/// Methods are known by name: whatever has an attribute of another name, no
/// value has one that can be called.
void Parser::checkCallee(const Expression &callee, int line) {
  if (callee.kind == Expression::Name &&
      result.symbols[callee.symbol] == "loop")
    refuse(line, "calling 'loop'", "write a macro that calls itself");
  if (callee.kind != Expression::Attribute)
    return;
  const std::string &name = callee.text->text;
  if (isMethodOfAny(name))
    return;
  if (const char *why = whyNoMethod(name))
    refuse(line, "method '" + name + "'", why);
  refuse(line, "method '" + name + "'",
         "docs/chat.md lists the methods that are");
}

namespace {
std::vector<std::string_view> namesOf(const Expression &call) {
  std::vector<std::string_view> names;
  names.reserve(call.named.size());
  for (const auto &named : call.named)
    names.push_back(named.first->text);
  return names;
}
} // namespace

ExpressionPtr Parser::filter(ExpressionPtr operand) {
  int line = current().line;
  ExpressionPtr made = make(Expression::Filter, line);
  std::string name = expectName("the name of a filter").text;
  made->text = text(name);
  made->builtin = findFilter(name);
  if (!made->builtin)
    refuse(line, "filter '" + name + "'",
           "docs/chat.md lists the filters that are");
  add(*made, std::move(operand));
  if (skipOperator("("))
    arguments(*made);
  checkFilter(*made);
  return made;
}

void Parser::checkFilter(const Expression &filter) {
  const std::string &name = filter.text->text;
  try {
    checkCall(*filter.builtin, "filter '" + name + "'", filter.operands.size(),
              namesOf(filter));
  } catch (TemplateError &error) {
    failAt(filter.line, error.message);
  }
  // Filters that are given the name of another filter or of a test.
  bool isMap = name == "map";
  size_t at = name == "selectattr" || name == "rejectattr"    ? 2
              : isMap || name == "select" || name == "reject" ? 1
                                                              : 0;
  if (at == 0 || filter.operands.size() <= at)
    return;
  const Expression &inner = *filter.operands[at];
  if (inner.kind != Expression::Constant || !inner.constant.isString())
    return;
  const std::string &innerName = inner.constant.text();
  const Builtin *found = isMap ? findFilter(innerName) : findTest(innerName);
  std::string what =
      std::string(isMap ? "filter '" : "test '") + innerName + "'";
  if (!found)
    refuse(filter.line, what, "docs/chat.md lists those that are");
  try {
    checkCall(*found, what, filter.operands.size() - at, namesOf(filter));
  } catch (TemplateError &error) {
    failAt(filter.line, error.message);
  }
}

ExpressionPtr Parser::test(ExpressionPtr operand) {
  int line = current().line;
  bool negated = skipName("not");
  ExpressionPtr made = make(Expression::Test, line);
  std::string name = expectName("the name of a test").text;
  made->text = text(name);
  made->builtin = findTest(name);
  if (!made->builtin)
    refuse(line, "test '" + name + "'",
           "docs/chat.md lists the tests that are");
  add(*made, std::move(operand));
  bool takesOne = false;
  switch (current().type) {
  case Token::Name:
    takesOne = !current().isName("else") && !current().isName("or") &&
               !current().isName("and");
    break;
  case Token::String:
  case Token::Int:
  case Token::Float:
    takesOne = true;
    break;
  default:
    takesOne = current().isOperator("[") || current().isOperator("{");
  }
  if (skipOperator("(")) {
    arguments(*made);
  } else if (takesOne) {
    if (current().isName("is"))
      failAt(line, "tests cannot follow each other with 'is'; use 'and'");
    add(*made, postfix(primary()));
  }
  try {
    checkCall(*made->builtin, "test '" + name + "'", made->operands.size(),
              namesOf(*made));
  } catch (TemplateError &error) {
    failAt(line, error.message);
  }
  if (!negated)
    return made;
  ExpressionPtr inverse = make(Expression::Not, line);
  add(*inverse, std::move(made));
  return inverse;
}

} // namespace hamlet::text::chat
