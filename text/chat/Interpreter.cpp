//===- Interpreter.cpp ----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "text/chat/Interpreter.h"

#include <unordered_map>

namespace hamlet::text::chat {

Value *Frame::find(int symbol) {
  for (Frame *at = this; at; at = at->outer)
    for (auto &[known, value] : at->variables)
      if (known == symbol)
        return &value;
  return nullptr;
}

void Frame::set(int symbol, const Value &value) {
  for (auto &[known, held] : variables)
    if (known == symbol) {
      held = value;
      return;
    }
  variables.emplace_back(symbol, value);
}

Interpreter::Depth::Depth(Interpreter &in) : in(in) {
  if (++in.depth > kMaxEvaluationDepth) {
    --in.depth; // There is no destructor of what was not made.
    fail("the template's macros, blocks and expressions are more than ",
         std::to_string(kMaxEvaluationDepth), " deep in each other");
  }
}

std::string
Interpreter::run(const std::vector<std::pair<std::string, Value>> &variables) {
  std::unordered_map<std::string_view, Value> byName;
  for (const Function &function : functions())
    byName[function.builtin.name] = &function;
  for (const auto &[name, value] : variables)
    byName[name] = value;
  Frame *root = heap.keep<Frame>();
  // Only what the template names.
  for (size_t i = 0; i < source.symbols.size(); ++i)
    if (auto found = byName.find(source.symbols[i]); found != byName.end())
      root->variables.emplace_back(static_cast<int>(i), found->second);
  std::string text;
  out = &text;
  frame = root;
  run(source.body);
  return text;
}

Interpreter::Flow Interpreter::run(const Block &block) {
  for (const auto &statement : block)
    if (Flow flow = run(*statement); flow != Flow::Normal)
      return flow;
  return Flow::Normal;
}

Interpreter::Flow Interpreter::run(const Statement &statement) {
  const Depth guard(*this);
  line = statement.line;
  heap.work(1);
  switch (statement.kind) {
  case Statement::Text:
    write(statement.text);
    return Flow::Normal;
  case Statement::Print:
    print(evaluate(*statement.expressions[0]));
    return Flow::Normal;
  case Statement::If:
    return runIf(statement);
  case Statement::For:
    return runFor(statement);
  case Statement::Set:
    assign(statement.target, evaluate(*statement.expressions[0]));
    return Flow::Normal;
  case Statement::SetBlock:
    setBlock(statement);
    return Flow::Normal;
  case Statement::Macro: {
    auto *macro = heap.keep<MacroObject>();
    macro->definition = &statement;
    macro->closure = frame;
    for (Frame *at = frame; at; at = at->outer)
      at->isCaptured = true;
    frame->set(statement.symbol, macro);
    return Flow::Normal;
  }
  case Statement::FilterBlock:
    filterBlock(statement);
    return Flow::Normal;
  case Statement::Scope:
    return runScope(statement);
  case Statement::Break:
    return Flow::Break;
  case Statement::Continue:
    return Flow::Continue;
  }
  return Flow::Normal;
}

void Interpreter::write(std::string_view text) {
  if (out->size() + text.size() > limits.outputBytes)
    fail("the text is longer than ", std::to_string(limits.outputBytes),
         " bytes");
  heap.workOnText(text.size());
  *out += text;
}

void Interpreter::print(const Value &value) {
  if (value.isString())
    write(value.text());
  else
    write(toText(heap, value));
}

Interpreter::Flow Interpreter::runIf(const Statement &choice) {
  for (size_t i = 0; i < choice.expressions.size(); ++i)
    if (isTrue(evaluate(*choice.expressions[i])))
      return run(choice.blocks[i]);
  if (choice.blocks.size() > choice.expressions.size())
    return run(choice.blocks.back());
  return Flow::Normal;
}

/// Fills `ahead` from the source, past what the for's condition leaves out.
size_t Interpreter::lookAhead(LoopObject &loop, size_t count) {
  while (loop.ahead.size() - loop.nextAhead < count &&
         loop.nextInSource < loop.source.size()) {
    heap.work(1);
    const Value item = loop.source[loop.nextInSource++];
    if (loop.loop->expressions.size() > 1) {
      Frame *test = heap.keep<Frame>();
      test->outer = loop.outside;
      Frame *inside = std::exchange(frame, test);
      assign(loop.loop->target, item);
      const bool keeps = isTrue(evaluate(*loop.loop->expressions[1]));
      frame = inside;
      if (!keeps)
        continue;
    }
    loop.ahead.push_back(item);
  }
  return loop.ahead.size() - loop.nextAhead;
}

bool Interpreter::advance(LoopObject &loop) {
  if (lookAhead(loop, 1) == 0)
    return false;
  if (loop.index0 >= 0)
    loop.previous = loop.item;
  loop.item = loop.ahead[loop.nextAhead++];
  if (loop.nextAhead == loop.ahead.size()) {
    loop.ahead.clear();
    loop.nextAhead = 0;
  }
  ++loop.index0;
  return true;
}

Interpreter::Flow Interpreter::runFor(const Statement &statement) {
  auto *loop = heap.keep<LoopObject>();
  loop->source = iterate(heap, evaluate(*statement.expressions[0]));
  loop->loop = &statement;
  loop->outside = frame;
  Frame *outside = frame, *body = nullptr;
  // As in jinja2, an iteration that a jump ends does not count for the else.
  bool reachedEnd = false;
  while (advance(*loop)) {
    line = statement.line;
    heap.work(1);
    if (!body || body->isCaptured)
      body = heap.keep<Frame>();
    body->outer = outside;
    body->variables.clear();
    frame = body;
    frame->variables.emplace_back(kLoopSymbol, loop);
    assign(statement.target, loop->item);
    const Flow flow = run(statement.blocks[0]);
    frame = outside;
    if (flow == Flow::Break)
      break;
    reachedEnd |= flow == Flow::Normal;
  }
  if (reachedEnd || statement.blocks.size() == 1)
    return Flow::Normal;
  Frame *otherwise = heap.keep<Frame>();
  otherwise->outer = outside;
  frame = otherwise;
  const Flow flow = run(statement.blocks[1]);
  frame = outside;
  return flow;
}

Interpreter::Flow Interpreter::runScope(const Statement &scope) {
  Frame *outside = frame;
  Frame *inside = heap.keep<Frame>();
  inside->outer = outside;
  std::vector<Value> given;
  given.reserve(scope.expressions.size());
  for (const ExpressionPtr &expression : scope.expressions)
    given.push_back(evaluate(*expression));
  frame = inside;
  for (size_t i = 0; i < given.size(); ++i)
    assign(scope.targets[i], given[i]);
  const Flow flow = run(scope.blocks[0]);
  frame = outside;
  return flow;
}

Value Interpreter::textOfBlock(const Block &block) {
  std::string text;
  std::string *outer = std::exchange(out, &text);
  Frame *outside = frame;
  frame = heap.keep<Frame>();
  frame->outer = outside;
  run(block);
  frame = outside;
  out = outer;
  return heap.string(std::move(text));
}

Value Interpreter::filteredText(const Statement &statement) {
  const Value text = textOfBlock(statement.blocks[0]);
  line = statement.line;
  if (!statement.filters)
    return text;
  Frame *outside = frame;
  frame = heap.keep<Frame>();
  frame->outer = outside;
  frame->set(kFilteredSymbol, text);
  const Value filtered = evaluate(*statement.filters);
  frame = outside;
  return filtered;
}

void Interpreter::setBlock(const Statement &set) {
  assign(set.target, filteredText(set));
}

void Interpreter::filterBlock(const Statement &filtered) {
  print(filteredText(filtered));
}

void Interpreter::assign(const Target &target, const Value &value) {
  if (target.kind == Target::Name)
    return frame->set(target.symbol, value);
  if (target.kind == Target::Attribute) {
    const std::string &name = source.symbols[target.symbol];
    Value *space = frame->find(target.symbol);
    if (!space || !space->is(Kind::Namespace))
      fail("'", name, ".", target.attribute->text, "' is assigned to, but '",
           name, "' is ", space ? typeName(*space) : "undefined",
           ", not a namespace; begin with '{% set ", name,
           " = namespace() %}'");
    auto &attributes = space->space()->attributes;
    for (auto &[known, held] : attributes)
      if (known->text == target.attribute->text) {
        held = value;
        return;
      }
    heap.take(sizeof(attributes[0]));
    attributes.emplace_back(target.attribute, value);
    return;
  }
  const std::vector<Value> items = iterate(heap, value);
  if (items.size() != target.parts.size())
    fail(std::to_string(items.size()), " values cannot be given to ",
         std::to_string(target.parts.size()), " variables");
  for (size_t i = 0; i < items.size(); ++i)
    assign(target.parts[i], items[i]);
}

Value Interpreter::callMacro(const MacroObject &macro,
                             const Arguments &arguments) {
  const Statement &definition = *macro.definition;
  const std::string what = "macro '" + definition.text + "'";
  if (arguments.values.size() > definition.parameters.size())
    fail(what, " takes at most ", std::to_string(definition.parameters.size()),
         " arguments, and is given ", std::to_string(arguments.values.size()));
  if (macroDepth >= kMaxMacroDepth)
    fail(what, " is more than ", std::to_string(kMaxMacroDepth),
         " calls deep in itself and others");
  std::vector<Value> given(definition.parameters.size(), Value::absent());
  std::copy(arguments.values.begin(), arguments.values.end(), given.begin());
  for (const auto &[name, value] : arguments.named) {
    size_t at = 0;
    while (at < given.size() &&
           definition.parameters[at].name->text != name->text)
      ++at;
    if (at == given.size())
      fail(what, " has no parameter '", name->text, "'");
    if (!given[at].isAbsent())
      fail(what, " is given '", name->text, "' twice");
    given[at] = value;
  }

  std::string text;
  std::string *outerText = std::exchange(out, &text);
  Frame *outside = frame;
  const int calledAt = line;
  ++macroDepth;
  frame = heap.keep<Frame>();
  frame->outer = macro.closure;
  for (size_t i = 0; i < given.size(); ++i) {
    const Parameter &parameter = definition.parameters[i];
    Value value = given[i];
    if (value.isAbsent())
      value = parameter.preset
                  ? evaluate(*parameter.preset)
                  : heap.undefined("parameter '" + parameter.name->text +
                                   "' of " + what + " is not given");
    frame->set(parameter.symbol, value);
  }
  run(definition.blocks[0]);
  --macroDepth;
  line = calledAt;
  frame = outside;
  out = outerText;
  return heap.string(std::move(text));
}

} // namespace hamlet::text::chat
