//===- Evaluate.cpp -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "text/chat/Interpreter.h"
#include "text/chat/Numbers.h"

#include <cmath>

namespace hamlet::text::chat {

// Each kind has a function of its own: one with the variables of all would take
// much more stack, of which nesting costs.
Value Interpreter::evaluate(const Expression &e) {
  const Depth guard(*this);
  heap.work(1);
  line = e.line;
  switch (e.kind) {
  case Expression::Constant:
    return e.constant;
  case Expression::Name:
    return name(e);
  case Expression::List:
    return heap.list(each(e, 0));
  case Expression::Tuple:
    return heap.tuple(each(e, 0));
  case Expression::Dict:
    return dict(e);
  case Expression::Attribute:
    return attribute(evaluate(*e.operands[0]), e.text);
  case Expression::Subscript: {
    const Value value = evaluate(*e.operands[0]);
    return item(value, evaluate(*e.operands[1]));
  }
  case Expression::Slice:
    return slice(e);
  case Expression::Call:
    return callExpression(e);
  case Expression::Filter:
  case Expression::Test:
    return applyExpression(e);
  case Expression::Unary:
    return unary(e.operation, evaluate(*e.operands[0]));
  case Expression::Binary: {
    const Value left = evaluate(*e.operands[0]);
    return binary(e.operation, left, evaluate(*e.operands[1]));
  }
  case Expression::Concatenate:
    return concatenate(e);
  case Expression::And: {
    const Value left = evaluate(*e.operands[0]);
    return isTrue(left) ? evaluate(*e.operands[1]) : left;
  }
  case Expression::Or: {
    const Value left = evaluate(*e.operands[0]);
    return isTrue(left) ? left : evaluate(*e.operands[1]);
  }
  case Expression::Not:
    return Value::boolean(!isTrue(evaluate(*e.operands[0])));
  case Expression::Compare:
    return compareChain(e);
  case Expression::Conditional:
    return conditional(e);
  }
  return {};
}

Value Interpreter::name(const Expression &e) {
  if (Value *found = frame->find(e.symbol))
    return *found;
  return heap.undefined("'" + source.symbols[e.symbol] + "' is undefined");
}

std::vector<Value> Interpreter::each(const Expression &e, size_t from) {
  std::vector<Value> values;
  values.reserve(e.operands.size() - from);
  for (size_t i = from; i < e.operands.size(); ++i)
    values.push_back(evaluate(*e.operands[i]));
  return values;
}

Value Interpreter::dict(const Expression &e) {
  std::vector<std::pair<Value, Value>> entries;
  entries.reserve(e.operands.size() / 2);
  for (size_t i = 0; i + 1 < e.operands.size(); i += 2) {
    const Value key = evaluate(*e.operands[i]);
    entries.emplace_back(key, evaluate(*e.operands[i + 1]));
  }
  return heap.dict(std::move(entries));
}

Value Interpreter::slice(const Expression &e) {
  Value parts[4];
  for (size_t i = 0; i < 4; ++i)
    parts[i] = e.operands[i] ? evaluate(*e.operands[i]) : Value::none();
  return slice(parts[0], parts[1], parts[2], parts[3]);
}

NamedValues Interpreter::namedOf(const Expression &e) {
  NamedValues named;
  named.reserve(e.named.size());
  for (const auto &[name, value] : e.named)
    named.emplace_back(name, evaluate(*value));
  return named;
}

Value Interpreter::callExpression(const Expression &e) {
  const Value callee = evaluate(*e.operands[0]);
  Arguments arguments{each(e, 1), {}};
  arguments.named = namedOf(e);
  line = e.line;
  return call(callee, std::move(arguments));
}

Value Interpreter::applyExpression(const Expression &e) {
  Arguments arguments{each(e, 0), {}};
  arguments.named = namedOf(e);
  line = e.line;
  return apply(*e.builtin, e.kind == Expression::Filter ? "filter" : "test",
               std::move(arguments));
}

Value Interpreter::call(const Value &callee, Arguments arguments) {
  switch (callee.kind()) {
  case Kind::Macro:
    return callMacro(*callee.macro(), arguments);
  case Kind::Function:
    return apply(callee.function()->builtin, "function", std::move(arguments));
  case Kind::Method: {
    const MethodObject &method = *callee.method();
    const Builtin *found = findMethod(method.self.kind(), method.name->text);
    if (!found) {
      const char *why = whyNoMethod(method.name->text);
      fail("method '", method.name->text, "' of ", typeName(method.self),
           " is not supported; ",
           why ? why : "docs/chat.md lists the methods that are");
    }
    arguments.values.insert(arguments.values.begin(), method.self);
    return apply(*found, "method", std::move(arguments));
  }
  default:
    mustBeDefined(callee);
    fail(typeName(callee), " cannot be called");
  }
}

Value Interpreter::apply(const Builtin &builtin, const char *what,
                         Arguments arguments) {
  const Depth guard(*this);
  heap.work(1);
  bindArguments(builtin,
                std::string(what) + " '" + std::string(builtin.name) + "'",
                arguments);
  return builtin.call(*this, arguments);
}

Value Interpreter::concatenate(const Expression &e) {
  std::string text;
  for (const ExpressionPtr &operand : e.operands) {
    const Value value = evaluate(*operand);
    const size_t before = text.size();
    text += toText(heap, value);
    heap.take(text.size() - before); // Before it grows further.
  }
  return heap.string(std::move(text));
}

Value Interpreter::compareChain(const Expression &e) {
  Value left = evaluate(*e.operands[0]);
  for (size_t i = 0; i < e.comparisons.size(); ++i) {
    const Value right = evaluate(*e.operands[i + 1]);
    if (!compareOnce(e.comparisons[i], left, right))
      return Value::boolean(false);
    left = right;
  }
  return Value::boolean(true);
}

bool Interpreter::compareOnce(Operator op, const Value &a, const Value &b) {
  switch (op) {
  case Operator::Equal:
    return equal(heap, a, b);
  case Operator::NotEqual:
    return !equal(heap, a, b);
  case Operator::In:
    return contains(heap, b, a);
  case Operator::NotIn:
    return !contains(heap, b, a);
  default:
    break;
  }
  // A NaN is neither below nor above.
  auto isNan = [](const Value &v) {
    return v.is(Kind::Float) && std::isnan(v.asDouble());
  };
  const int order = compare(heap, a, b);
  if (isNan(a) || isNan(b))
    return false;
  switch (op) {
  case Operator::Less:
    return order < 0;
  case Operator::LessEqual:
    return order <= 0;
  case Operator::Greater:
    return order > 0;
  default:
    return order >= 0;
  }
}

Value Interpreter::conditional(const Expression &e) {
  if (isTrue(evaluate(*e.operands[0])))
    return evaluate(*e.operands[1]);
  if (e.operands[2])
    return evaluate(*e.operands[2]);
  return heap.undefined("the condition of an 'if' without 'else' does not "
                        "hold, so that it has no value");
}

Value Interpreter::unary(Operator op, const Value &operand) {
  mustBeDefined(operand);
  const char *sign = op == Operator::Negate ? "-" : "+";
  if (!operand.isNumber())
    fail("'", sign, "' needs a number, not ", typeName(operand));
  if (operand.is(Kind::Float))
    return Value::real(op == Operator::Negate ? -operand.asDouble()
                                              : operand.asDouble());
  return Value::integer(op == Operator::Negate ? subtract(0, operand.asInt())
                                               : operand.asInt());
}

Value Interpreter::repeat(const Value &what, int64_t times) {
  const int64_t count = std::max<int64_t>(times, 0);
  const size_t size =
      what.isString() ? what.text().size() : what.items().size();
  const size_t unit = what.isString() ? 1 : sizeof(Value);
  // Counted before it is made.
  size_t bytes = 0;
  if (__builtin_mul_overflow(size * unit, static_cast<size_t>(count), &bytes))
    bytes = SIZE_MAX / 2;
  heap.take(bytes);
  if (what.isString()) {
    std::string text;
    text.reserve(bytes);
    for (int64_t i = 0; size && i < count; ++i)
      text += what.text();
    return heap.string(std::move(text));
  }
  heap.work(bytes / unit);
  std::vector<Value> items;
  items.reserve(bytes / unit);
  for (int64_t i = 0; size && i < count; ++i)
    items.insert(items.end(), what.items().begin(), what.items().end());
  return what.is(Kind::List) ? heap.list(std::move(items))
                             : heap.tuple(std::move(items));
}

namespace {
std::string_view signOf(Operator op) {
  switch (op) {
  case Operator::Add:
    return "+";
  case Operator::Subtract:
    return "-";
  case Operator::Multiply:
    return "*";
  case Operator::Divide:
    return "/";
  case Operator::FloorDivide:
    return "//";
  case Operator::Modulo:
    return "%";
  default:
    return "**";
  }
}
} // namespace

Value Interpreter::binary(Operator op, const Value &a, const Value &b) {
  mustBeDefined(a);
  if (op != Operator::Modulo || !a.isString())
    mustBeDefined(b);
  if (a.isNumber() && b.isNumber())
    return arithmetic(op, a, b);
  if (op == Operator::Add && a.isString() && b.isString()) {
    if (a.string()->markup || b.string()->markup)
      fail("'+' after `safe` or `escape` is not supported, since it would "
           "escape the other string; use '~', or leave `safe` out");
    heap.take(a.text().size() + b.text().size());
    return heap.string(a.text() + b.text());
  }
  if (op == Operator::Add && a.isSequence() && a.kind() == b.kind()) {
    heap.work(a.items().size() + b.items().size());
    std::vector<Value> items = a.items();
    items.insert(items.end(), b.items().begin(), b.items().end());
    return a.is(Kind::List) ? heap.list(std::move(items))
                            : heap.tuple(std::move(items));
  }
  if (op == Operator::Multiply) {
    if ((a.isString() || a.isSequence()) && b.isInteger())
      return repeat(a, b.asInt());
    if ((b.isString() || b.isSequence()) && a.isInteger())
      return repeat(b, a.asInt());
  }
  if (op == Operator::Modulo && a.isString()) {
    if (a.string()->markup)
      fail("'%' after `safe` or `escape` is not supported, since it would "
           "escape the values; leave `safe` out");
    return heap.string(percentFormat(*this, a.text(), b));
  }
  fail("'", std::string(signOf(op)), "' of ", typeName(a), " and ", typeName(b),
       op == Operator::Add && (a.isString() || b.isString())
           ? " is an error; '~' joins values of any type"
           : " is an error");
}

Value Interpreter::arithmetic(Operator op, const Value &a, const Value &b) {
  const bool whole = a.isInteger() && b.isInteger();
  const int64_t i = whole ? a.asInt() : 0, j = whole ? b.asInt() : 0;
  const double x = a.asDouble(), y = b.asDouble();
  switch (op) {
  case Operator::Add:
    return whole ? Value::integer(add(i, j)) : Value::real(x + y);
  case Operator::Subtract:
    return whole ? Value::integer(subtract(i, j)) : Value::real(x - y);
  case Operator::Multiply:
    return whole ? Value::integer(multiply(i, j)) : Value::real(x * y);
  case Operator::Divide: {
    if (y == 0)
      fail("division by zero");
    // Beyond 53 bits both would be rounded before they are divided.
    constexpr int64_t kExact = int64_t{1} << 53;
    if (whole && (std::abs(x) > kExact || std::abs(y) > kExact))
      fail("'/' of whole numbers with more than 53 bits is not supported; use "
           "'//'");
    return Value::real(x / y);
  }
  case Operator::FloorDivide:
    return whole ? Value::integer(floorDivide(i, j))
                 : Value::real(floorDivide(x, y));
  case Operator::Modulo:
    return whole ? Value::integer(floorModulo(i, j))
                 : Value::real(floorModulo(x, y));
  default: // **
    if (whole && j >= 0)
      return Value::integer(power(i, j));
    if (x == 0 && y < 0)
      fail("0 has no negative power");
    if (x < 0 && y != std::floor(y))
      fail("a negative number to a power that is not whole is not supported");
    const double result = std::pow(x, y);
    if (std::isinf(result) && std::isfinite(x) && std::isfinite(y))
      fail("the result of '**' is too large");
    return Value::real(result);
  }
}

} // namespace hamlet::text::chat
