//===- Tests.cpp ----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// What stands behind `is`.
#include "text/chat/Interpreter.h"
#include "text/chat/Numbers.h"
#include "text/chat/TextMethods.h"

namespace hamlet::text::chat {
namespace {

using Call = Builtin::Call;

/// A test of a value's kind alone.
template <bool (*Holds)(const Value &)>
Value ofKind(Interpreter &, Arguments &a) {
  return Value::boolean(Holds(a[0]));
}

bool isDefined(const Value &v) { return !v.isUndefined(); }
bool isUndefined(const Value &v) { return v.isUndefined(); }
bool isNone(const Value &v) { return v.isNone(); }
bool isBoolean(const Value &v) { return v.is(Kind::Bool); }
bool isTrueItself(const Value &v) { return v.is(Kind::Bool) && v.asBool(); }
bool isFalseItself(const Value &v) { return v.is(Kind::Bool) && !v.asBool(); }
bool isInt(const Value &v) { return v.is(Kind::Int); }
bool isFloat(const Value &v) { return v.is(Kind::Float); }
bool isNumber(const Value &v) { return v.isNumber(); }
bool isText(const Value &v) { return v.isString(); }
bool isMapping(const Value &v) { return v.isDict(); }
bool isIterable(const Value &v) {
  switch (v.kind()) {
  case Kind::Undefined:
  case Kind::String:
  case Kind::List:
  case Kind::Tuple:
  case Kind::Dict:
  case Kind::View:
  case Kind::Range:
  case Kind::Generator:
  case Kind::Loop:
    return true;
  default:
    return false;
  }
}
/// What has a length and items by index, as Python sees it; an undefined value
/// claims both.
bool isSequence(const Value &v) {
  return isIterable(v) && !v.is(Kind::View) && !v.is(Kind::Generator) &&
         !v.is(Kind::Loop);
}
bool isCallable(const Value &v) {
  return v.isUndefined() || v.is(Kind::Macro) || v.is(Kind::Function) ||
         v.is(Kind::Method) || v.is(Kind::Loop);
}

Value remainder(const Value &value, const Value &by) {
  mustBeDefined(value);
  mustBeDefined(by);
  if (!value.isNumber() || !by.isNumber())
    fail("the test needs numbers, not ", typeName(value), " and ",
         typeName(by));
  if (value.isInteger() && by.isInteger())
    return Value::integer(floorModulo(value.asInt(), by.asInt()));
  return Value::real(floorModulo(value.asDouble(), by.asDouble()));
}

Value even(Interpreter &, Arguments &a) {
  return Value::boolean(remainder(a[0], Value::integer(2)).asDouble() == 0);
}
Value odd(Interpreter &, Arguments &a) {
  return Value::boolean(remainder(a[0], Value::integer(2)).asDouble() == 1);
}
Value divisible(Interpreter &, Arguments &a) {
  return Value::boolean(remainder(a[0], a[1]).asDouble() == 0);
}

template <Operator Op> Value compared(Interpreter &in, Arguments &a) {
  return Value::boolean(in.compareOnce(Op, a[0], a[1]));
}

/// Python's `is`. Texts and lists have an identity of their own there, which
/// constants share or not as the compiler likes.
Value same(Interpreter &in, Arguments &a) {
  const Value &x = a[0], &y = a[1];
  if (x.kind() != y.kind())
    return Value::boolean(false);
  switch (x.kind()) {
  case Kind::None:
  case Kind::Bool:
  case Kind::Int:
    return Value::boolean(equal(in.values(), x, y));
  default:
    fail("test 'sameas' of ", typeName(x), " is not supported; use '=='");
  }
}

Value lower(Interpreter &in, Arguments &a) {
  return Value::boolean(isLowerText(textOf(in, a[0])));
}
Value upper(Interpreter &in, Arguments &a) {
  return Value::boolean(isUpperText(textOf(in, a[0])));
}

} // namespace

Builtins tests() {
  return {
      {"boolean", "value", ofKind<isBoolean>},
      {"callable", "obj /", ofKind<isCallable>},
      {"defined", "value", ofKind<isDefined>},
      {"divisibleby", "value num", divisible},
      {"eq", "a b /", compared<Operator::Equal>},
      {"equalto", "a b /", compared<Operator::Equal>},
      {"even", "value", even},
      {"false", "value", ofKind<isFalseItself>},
      {"float", "value", ofKind<isFloat>},
      {"ge", "a b /", compared<Operator::GreaterEqual>},
      {"greaterthan", "a b /", compared<Operator::Greater>},
      {"gt", "a b /", compared<Operator::Greater>},
      {"in", "value seq", compared<Operator::In>},
      {"integer", "value", ofKind<isInt>},
      {"iterable", "value", ofKind<isIterable>},
      {"le", "a b /", compared<Operator::LessEqual>},
      {"lessthan", "a b /", compared<Operator::Less>},
      {"lower", "value", lower},
      {"lt", "a b /", compared<Operator::Less>},
      {"mapping", "value", ofKind<isMapping>},
      {"ne", "a b /", compared<Operator::NotEqual>},
      {"none", "value", ofKind<isNone>},
      {"number", "value", ofKind<isNumber>},
      {"odd", "value", odd},
      {"sameas", "value other", same},
      {"sequence", "value", ofKind<isSequence>},
      {"string", "value", ofKind<isText>},
      {"true", "value", ofKind<isTrueItself>},
      {"undefined", "value", ofKind<isUndefined>},
      {"upper", "value", upper},
      // Quoted in `select('==', 1)` only.
      {"==", "a b /", compared<Operator::Equal>},
      {"!=", "a b /", compared<Operator::NotEqual>},
      {"<", "a b /", compared<Operator::Less>},
      {"<=", "a b /", compared<Operator::LessEqual>},
      {">", "a b /", compared<Operator::Greater>},
      {">=", "a b /", compared<Operator::GreaterEqual>},
  };
}

} // namespace hamlet::text::chat
