//===- Ast.h --------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEXT_CHAT_AST_H
#define HAMLET_TEXT_CHAT_AST_H

#include "text/chat/Value.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// A template as read. Names of variables are numbers (symbols), texts are
/// constants in the template's heap.
namespace hamlet::text::chat {

struct Builtin;
struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

enum class Operator : uint8_t {
  None,
  Add,
  Subtract,
  Multiply,
  Divide,
  FloorDivide,
  Modulo,
  Power,
  Negate,
  Plus,
  Equal,
  NotEqual,
  Less,
  LessEqual,
  Greater,
  GreaterEqual,
  In,
  NotIn,
};

struct Expression {
  enum Kind : uint8_t {
    Constant,  ///< `constant`
    Name,      ///< `symbol`
    List,      ///< operands
    Tuple,     ///< operands
    Dict,      ///< operands: key, value, key, ...
    Attribute, ///< operands[0].text
    Subscript, ///< operands[0][operands[1]]
    Slice,  ///< operands[0][operands[1]:operands[2]:operands[3]], may be null
    Call,   ///< operands[0](operands[1], ..., named)
    Filter, ///< operands[0] | builtin(operands[1], ..., named)
    Test,   ///< operands[0] is builtin(operands[1], ..., named)
    Unary,  ///< operation operands[0]
    Binary, ///< operands[0] operation operands[1]
    Concatenate, ///< operands[0] ~ operands[1] ~ ...
    And,
    Or,
    Not,
    Compare,     ///< operands[0] comparisons[0] operands[1] ...
    Conditional, ///< operands[1] if operands[0] else operands[2], may be null
  } kind = Constant;
  Operator operation = Operator::None;
  int line = 0;
  int height = 1; ///< Of the tree.
  int symbol = 0;
  Value constant;
  const StringObject *text = nullptr;
  const Builtin *builtin = nullptr;
  std::vector<Operator> comparisons;
  std::vector<ExpressionPtr> operands;
  std::vector<std::pair<const StringObject *, ExpressionPtr>> named;
};

/// What is assigned to.
struct Target {
  enum Kind : uint8_t { Name, Attribute, Tuple } kind = Name;
  int symbol = 0; ///< Of the namespace, if it is an attribute.
  const StringObject *attribute = nullptr;
  std::vector<Target> parts;
};

struct Statement;
using Block = std::vector<std::unique_ptr<Statement>>;

struct Parameter {
  int symbol;
  const StringObject *name;
  ExpressionPtr preset; ///< May be null.
};

struct Statement {
  enum Kind : uint8_t {
    Text,        ///< text
    Print,       ///< expressions[0]
    If,          ///< expressions[i]: blocks[i]; one block more is the else
    For,         ///< target in expressions[0], if expressions[1]: blocks[0];
                 ///< blocks[1] is the else
    Set,         ///< target = expressions[0]
    SetBlock,    ///< target = blocks[0], through filters
    Macro,       ///< symbol(parameters): blocks[0]
    FilterBlock, ///< blocks[0], through filters
    Scope,       ///< blocks[0] with variables of its own: target[i] =
                 ///< expressions[i]
    Break,
    Continue,
  } kind = Text;
  int line = 0;
  int symbol = 0;
  std::string text;
  Target target;
  std::vector<Target> targets;
  std::vector<ExpressionPtr> expressions;
  std::vector<Block> blocks;
  std::vector<Parameter> parameters;
  /// A chain whose innermost operand is the name `kFilteredSymbol`.
  ExpressionPtr filters;
};

/// The variable that stands for the text of a block which filters take.
constexpr int kFilteredSymbol = 0;
/// `loop`.
constexpr int kLoopSymbol = 1;
constexpr const char *kFilteredName = "the text of the block";

struct Template {
  std::string name;
  std::vector<std::string> symbols; ///< Names of variables.
  Heap constants{Limits()};
  Block body;
};

} // namespace hamlet::text::chat

#endif // HAMLET_TEXT_CHAT_AST_H
