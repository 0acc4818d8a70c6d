//===- Parser.h -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEXT_CHAT_PARSER_H
#define HAMLET_TEXT_CHAT_PARSER_H

#include "text/chat/Ast.h"
#include "text/chat/Lexer.h"

#include <initializer_list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace hamlet::text::chat {

/// Reads the tokens of one template into `result`, with jinja2's grammar. What
/// is not supported, and what is wrong, is a TemplateError with its line.
class Parser {
public:
  Parser(std::vector<Token> tokens, Template &result)
      : tokens(std::move(tokens)), result(result) {}
  void run();

private:
  // Parser.cpp: statements.
  Block block(std::initializer_list<std::string_view> ends,
              std::string_view opened, int line);
  std::unique_ptr<Statement> statement();
  std::unique_ptr<Statement> parseFor(int line);
  std::unique_ptr<Statement> parseIf(int line);
  std::unique_ptr<Statement> parseSet(int line);
  std::unique_ptr<Statement> parseMacro(int line);
  std::unique_ptr<Statement> parseFilterBlock(int line);
  std::unique_ptr<Statement> parseWith(int line);
  std::unique_ptr<Statement> parseGeneration(int line);
  Target target(bool withNamespace, bool isLoop);
  Target targetPart(bool withNamespace, bool isLoop);
  void endTag(std::string_view name);
  Block closedBlock(std::string_view end, std::string_view opened, int line);

  // ParseExpression.cpp
  ExpressionPtr expression() { return conditional(); }
  /// An expression, or several with commas between: a tuple.
  ExpressionPtr expressions(bool withConditional);
  ExpressionPtr conditional();
  ExpressionPtr either();
  ExpressionPtr both();
  ExpressionPtr negation();
  ExpressionPtr comparison();
  ExpressionPtr sum();
  ExpressionPtr concatenation();
  ExpressionPtr product();
  ExpressionPtr power();
  ExpressionPtr unary(bool withFilter);
  ExpressionPtr primary();
  ExpressionPtr dict(int line);
  ExpressionPtr postfix(ExpressionPtr operand);
  ExpressionPtr filtersAndTests(ExpressionPtr operand);
  ExpressionPtr filter(ExpressionPtr operand);
  ExpressionPtr test(ExpressionPtr operand);
  ExpressionPtr subscript(ExpressionPtr operand);
  ExpressionPtr call(ExpressionPtr callee);
  void arguments(Expression &call);
  void checkFilter(const Expression &filter);
  void checkCallee(const Expression &callee, int line);
  ExpressionPtr binary(Operator op, ExpressionPtr left, ExpressionPtr right,
                       int line);
  ExpressionPtr constant(const Value &value, int line);
  bool startsExpression() const;

  ExpressionPtr make(Expression::Kind kind, int line);
  /// Adds an operand and keeps the height, which is limited.
  void add(Expression &to, ExpressionPtr operand);
  void grow(Expression &to, const Expression *operand);

  const Token &current() const { return tokens[at]; }
  const Token &ahead() const {
    return tokens[at + 1 < tokens.size() ? at + 1 : at];
  }
  Token next() { return tokens[at + 1 < tokens.size() ? at++ : at]; }
  bool skipName(std::string_view name);
  bool skipOperator(std::string_view op);
  void expectOperator(std::string_view op);
  Token expectName(const char *what);
  [[noreturn]] void failAt(int line, std::string message) const {
    throw TemplateError(std::move(message), line);
  }
  [[noreturn]] void unexpected(const std::string &wanted) const;
  [[noreturn]] void refuse(int line, const std::string &what,
                           const std::string &instead) const {
    failAt(line, what + " is not supported; " + instead);
  }
  int symbol(const std::string &name);
  const StringObject *text(const std::string &text) {
    return result.constants.string(text).string();
  }

  /// Counts how deep the functions above are in each other.
  struct Nesting {
    explicit Nesting(Parser &parser);
    ~Nesting() { --parser.depth; }
    Nesting(const Nesting &) = delete;
    Nesting &operator=(const Nesting &) = delete;
    Parser &parser;
  };

  std::vector<Token> tokens;
  Template &result;
  size_t at = 0;
  int depth = 0;
  int loops = 0; ///< That `break` would end.
  bool inMacro = false;
  std::unordered_map<std::string, int> known;
};

} // namespace hamlet::text::chat

#endif // HAMLET_TEXT_CHAT_PARSER_H
