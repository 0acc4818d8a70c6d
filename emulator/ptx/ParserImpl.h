//===- ParserImpl.h -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The parser's state; included by its two sources only.
#pragma once

#include "emulator/ptx/Lexer.h"
#include "emulator/ptx/Parser.h"

#include <set>
#include <unordered_map>

namespace hamlet::emu {

class Parser {
public:
  explicit Parser(std::string_view text) : lexer(text) {}
  ast::Module module();

private:
  void advance();
  const Token &peek();
  [[noreturn]] void fail(const std::string &what) const;
  std::string shown() const;
  bool isPunct(char c) const;
  bool takePunct(char c);
  void expectPunct(char c);
  bool isDot(const char *name) const;
  bool takeDot(const char *name);
  std::string expectName();
  u64 expectInteger();
  void skipBraces();

  // Module level (Parser.cpp).
  void topLevel();
  void versionDirective();
  void targetDirective();
  void locDirective();
  void linkedDeclaration();
  bool takeSpace(Space &space);
  Type variableType(ast::Variable &v);
  void arrayBounds(ast::Variable &v);
  void variables(Space space, bool isExtern, std::vector<ast::Variable> &into);
  void initialiser(ast::Variable &v);
  void initialiserList(ast::Variable &v, u64 &at, int depth);
  u64 floatBits(Type type, bool minus);
  u64 constant(int depth);

  // Functions (ParseFunction.cpp).
  void function(bool isEntry);
  enum class Parameters { OfEntry, OfFunction, Results };
  std::vector<ast::Variable> parameterList(Parameters kind,
                                           ast::Function *registers = nullptr);
  void functionDirectives();
  void triple(u32 (&into)[3]);
  void body();
  void statement();
  void registerDeclaration();
  void labelled();
  void instruction();
  ast::Operand operand(int depth);
  ast::Operand atom(int depth);
  ast::Operand address(int depth);
  int findRegister(const std::string &name) const;
  void bodyDirective();

  Lexer lexer;
  Token token;
  std::vector<Token> ahead;
  ast::Module result;
  ast::Location location;
  bool sawVersion = false;

  ast::Function *current = nullptr;
  u64 registersDeclared = 0; ///< in the module
  bool inCall = false;       ///< the instruction is a call
  u32 scope = 0;
  u32 usedBytes = ~0u;
  std::set<std::string> namedVariables; ///< whose names begin with %
  std::vector<std::unordered_map<std::string, int>> scopes; // innermost last
};

} // namespace hamlet::emu
