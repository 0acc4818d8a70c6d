//===- Interpreter.h ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEXT_CHAT_INTERPRETER_H
#define HAMLET_TEXT_CHAT_INTERPRETER_H

#include "text/chat/Ast.h"
#include "text/chat/Builtins.h"

#include <ctime>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace hamlet::text::chat {

/// The variables of one scope. A name is looked up outwards; `set` writes into
/// the scope that it stands in.
struct Frame {
  Frame *outer = nullptr;
  std::vector<std::pair<int, Value>> variables;
  /// A macro was made here, which sees the variables as long as it lives.
  bool isCaptured = false;

  Value *find(int symbol);
  void set(int symbol, const Value &value);
};

struct MacroObject {
  const Statement *definition = nullptr;
  Frame *closure = nullptr;
};

/// `loop` of one for. Items come one at a time: the condition of the for is
/// evaluated when the item is asked for, as late as in jinja2.
struct LoopObject {
  std::vector<Value> source;
  size_t nextInSource = 0;
  const Statement *loop = nullptr;
  Frame *outside = nullptr;
  int64_t index0 = -1;
  Value previous, item;
  std::vector<Value>
      ahead; ///< At most one, or all if the length was asked for.
  size_t nextAhead = 0;
  std::vector<Value> changed; ///< What loop.changed was last called with.
  bool hasChanged = false;
};

/// Runs one template once. Fails with TemplateErrors, whose line `currentLine`
/// has.
class Interpreter {
public:
  Interpreter(const Template &source, Heap &heap, const Limits &limits,
              std::time_t now)
      : source(source), heap(heap), limits(limits), now(now) {}

  /// The text that the template gives with these variables.
  std::string run(const std::vector<std::pair<std::string, Value>> &variables);
  int currentLine() const { return line; }

  // For the builtins.
  Heap &values() { return heap; }
  std::time_t time() const { return now; }
  Value attribute(const Value &value, const StringObject *name);
  Value item(const Value &value, const Value &key);
  Value slice(const Value &value, const Value &start, const Value &stop,
              const Value &step);
  Value call(const Value &callee, Arguments arguments);
  Value apply(const Builtin &builtin, const char *what, Arguments arguments);
  bool compareOnce(Operator op, const Value &a, const Value &b);
  Value sum(const Value &a, const Value &b) {
    return binary(Operator::Add, a, b);
  }
  /// Asks a loop for items until it has `count` of them ahead, or no more.
  size_t lookAhead(LoopObject &loop, size_t count);

private:
  enum class Flow : uint8_t { Normal, Break, Continue };

  /// Counts how deep evaluations are in each other.
  struct Depth {
    explicit Depth(Interpreter &in);
    ~Depth() { --in.depth; }
    Depth(const Depth &) = delete;
    Depth &operator=(const Depth &) = delete;
    Interpreter &in;
  };

  // Interpreter.cpp: statements.
  Flow run(const Block &block);
  Flow run(const Statement &statement);
  Flow runIf(const Statement &choice);
  Flow runFor(const Statement &loop);
  Flow runScope(const Statement &scope);
  void setBlock(const Statement &set);
  void filterBlock(const Statement &filtered);
  void print(const Value &value);
  void write(std::string_view text);
  void assign(const Target &target, const Value &value);
  /// The text that `block` prints, in a scope of its own.
  Value textOfBlock(const Block &block);
  Value filteredText(const Statement &statement);
  bool advance(LoopObject &loop);
  Value callMacro(const MacroObject &macro, const Arguments &arguments);

  // Evaluate.cpp
  Value evaluate(const Expression &e);
  Value name(const Expression &e);
  std::vector<Value> each(const Expression &e, size_t from);
  Value dict(const Expression &e);
  Value slice(const Expression &e);
  Value callExpression(const Expression &e);
  Value applyExpression(const Expression &e);
  NamedValues namedOf(const Expression &e);
  Value concatenate(const Expression &e);
  Value compareChain(const Expression &e);
  Value conditional(const Expression &e);
  Value unary(Operator op, const Value &operand);
  Value binary(Operator op, const Value &a, const Value &b);
  Value arithmetic(Operator op, const Value &a, const Value &b);
  Value repeat(const Value &what, int64_t times);

  const Template &source;
  Heap &heap;
  const Limits limits;
  const std::time_t now;
  std::string *out = nullptr;
  Frame *frame = nullptr;
  int line = 0;
  int depth = 0, macroDepth = 0;
};

/// Python's `format % values`.
std::string percentFormat(Interpreter &in, const std::string &format,
                          const Value &values);
/// str.format, without format specifications.
std::string braceFormat(Interpreter &in, const std::string &format,
                        const Arguments &arguments);

} // namespace hamlet::text::chat

#endif // HAMLET_TEXT_CHAT_INTERPRETER_H
