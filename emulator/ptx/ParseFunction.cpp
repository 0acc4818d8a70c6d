//===- ParseFunction.cpp --------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Functions: their heads, declarations, labels and instructions.
#include "emulator/ptx/ParserImpl.h"

#include <cstdlib>

namespace hamlet::emu {
namespace {
constexpr u64 kMaxRegisters = 1 << 19; // of one module
} // namespace

/// `registers`: where they are declared, of a function that has a body.
std::vector<ast::Variable> Parser::parameterList(Parameters kind,
                                                 ast::Function *registers) {
  std::vector<ast::Variable> list;
  expectPunct('(');
  while (!isPunct(')')) {
    if (!list.empty() && list.back().unsized)
      fail("'" + list.back().name +
           "' is an incomplete array; only the last parameter may be");
    ast::Variable v;
    v.space = Space::Param;
    bool reg = takeDot("reg");
    if (!reg && !takeDot("param"))
      fail("expected .param or .reg, got " + shown());
    if (reg && kind == Parameters::OfEntry)
      fail("parameters of an entry are in .param space");
    v.line = token.line;
    variableType(v);
    if (token.kind == Token::Kind::Name)
      v.name = expectName();
    arrayBounds(v);
    if (v.unsized && kind != Parameters::OfFunction)
      fail("'" + v.name + "' is an incomplete array; only the last parameter " +
           "of a function may be");
    if (reg && v.isArray)
      fail("'" + v.name + "' is an array, which fits no register");
    if (v.isVector)
      fail("'" + v.name + "': " +
           (reg ? "vector registers are not supported"
                : "vectors in .param space are not allowed"));
    if (reg && registers) {
      v.reg = static_cast<int>(registers->registers.size());
      registers->registers.push_back({v.name, v.type});
    }
    list.push_back(std::move(v));
    if (!takePunct(','))
      break;
  }
  expectPunct(')');
  return list;
}

void Parser::triple(u32 (&into)[3]) {
  into[0] = into[1] = into[2] = 1;
  for (int i = 0; i < 3; ++i) {
    into[i] = static_cast<u32>(expectInteger());
    if (!takePunct(','))
      break;
  }
}

void Parser::functionDirectives() {
  ast::Function &f = *current;
  while (token.kind == Token::Kind::Dot) {
    if (takeDot("reqntid"))
      triple(f.reqntid);
    else if (takeDot("maxntid"))
      triple(f.maxntid);
    else if (takeDot("minnctapersm"))
      f.minnctapersm = static_cast<u32>(expectInteger());
    else if (takeDot("maxnctapersm"))
      expectInteger();
    else if (takeDot("maxnreg"))
      f.maxnreg = static_cast<u32>(expectInteger());
    else if (takeDot("reqnctapercluster"))
      triple(f.reqnctapercluster);
    else if (takeDot("maxclusterrank"))
      f.maxclusterrank = static_cast<u32>(expectInteger());
    else if (takeDot("explicitcluster"))
      f.explicitCluster = true;
    else if (takeDot("noreturn") || takeDot("blocksareclusters"))
      continue;
    else if (takeDot("abi_preserve") || takeDot("abi_preserve_control"))
      expectInteger();
    else if (takeDot("attribute")) {
      expectPunct('(');
      while (!isPunct(')') && token.kind != Token::Kind::End)
        advance();
      expectPunct(')');
    } else if (takeDot("pragma")) {
      while (!isPunct(';') && token.kind != Token::Kind::End)
        advance();
      expectPunct(';');
    } else {
      fail("unknown directive " + shown() + " of '" + f.name + "'");
    }
  }
}

void Parser::function(bool isEntry) {
  ast::Function f;
  f.isEntry = isEntry;
  f.line = token.line;
  takeDot("attribute");
  if (!isEntry && isPunct('('))
    f.results = parameterList(Parameters::Results, &f);
  f.name = expectName();
  if (isPunct('('))
    f.params = parameterList(
        isEntry ? Parameters::OfEntry : Parameters::OfFunction, &f);
  current = &f;
  functionDirectives();
  if (takePunct(';')) {
    // A declaration; the definition may come later or have come before.
  } else {
    body();
    f.hasBody = true;
  }
  current = nullptr;
  for (ast::Function &g : result.functions)
    if (g.name == f.name) {
      if (g.hasBody && f.hasBody)
        throw PtxError(f.line, "'" + f.name +
                                   "' is defined twice, first on line " +
                                   std::to_string(g.line));
      if (!g.hasBody)
        g = std::move(f);
      return;
    }
  result.functions.push_back(std::move(f));
}

void Parser::body() {
  ast::Function &f = *current;
  expectPunct('{');
  scopes.assign(1, {});
  f.scopeParent.assign(1, 0);
  scope = 0;
  location = {};
  for (size_t i = 0; i < f.registers.size(); ++i)
    if (!scopes.back().emplace(f.registers[i].name, static_cast<int>(i)).second)
      fail("parameter '" + f.registers[i].name + "' is declared twice");
  registersDeclared += f.registers.size();
  for (u32 open = 1; open;) {
    if (token.kind == Token::Kind::End)
      fail("body of '" + f.name + "' is not closed, expected '}'");
    if (takePunct('{')) {
      if (++open > 1000)
        fail("scopes are nested too deeply");
      f.scopeParent.push_back(scope);
      scope = static_cast<u32>(f.scopeParent.size() - 1);
      scopes.emplace_back();
    } else if (isPunct('}')) {
      --open;
      scope = f.scopeParent[scope];
      scopes.pop_back();
      advance();
    } else {
      statement();
    }
  }
  scope = 0;
}

void Parser::statement() {
  if (takePunct(';'))
    return;
  if (token.kind == Token::Kind::Dot)
    return bodyDirective();
  if (token.kind == Token::Kind::Name) {
    const Token &next = peek();
    if (next.kind == Token::Kind::Punct && next.text == ":")
      return labelled();
  }
  instruction();
}

void Parser::bodyDirective() {
  if (takeDot("reg"))
    return registerDeclaration();
  if (isDot("loc"))
    return locDirective();
  if (takeDot("pragma")) {
    do {
      if (token.kind != Token::Kind::String)
        fail("expected a string, got " + shown());
      std::string text(token.text);
      size_t at = text.find("used_bytes_mask");
      if (at != std::string::npos)
        usedBytes =
            static_cast<u32>(std::strtoul(text.c_str() + at + 15, nullptr, 0));
      advance();
    } while (takePunct(','));
    expectPunct(';');
    return;
  }
  if (isDot("file"))
    return topLevel();
  Space space;
  if (!takeSpace(space))
    fail("unknown directive " + shown());
  if (space == Space::Param || space == Space::Local || space == Space::Shared)
    return variables(space, false, current->locals);
  // .global and .const inside a body belong to the module.
  size_t before = result.globals.size();
  variables(space, false, result.globals);
  for (size_t i = before; i < result.globals.size(); ++i)
    result.globals[i].scope = 0;
}

void Parser::registerDeclaration() {
  ast::Variable v;
  variableType(v);
  if (v.bytes != typeBytes(v.type))
    fail("vector registers are not supported; declare scalars");
  do {
    std::string name = expectName();
    u64 count = 0;
    bool several = takePunct('<');
    if (several) {
      count = expectInteger();
      expectPunct('>');
    }
    if (!several)
      count = 1;
    if (count > kMaxRegisters || registersDeclared + count > kMaxRegisters)
      fail("more than " + std::to_string(kMaxRegisters) + " registers");
    registersDeclared += count;
    auto &names = scopes.back();
    for (u64 i = 0; i < count; ++i) {
      std::string n = several ? name + std::to_string(i) : name;
      if (!names.emplace(n, static_cast<int>(current->registers.size())).second)
        fail("register '" + n + "' is declared twice in one scope");
      current->registers.push_back({n, v.type});
    }
  } while (takePunct(','));
  expectPunct(';');
}

void Parser::labelled() {
  u32 line = token.line;
  std::string name = expectName();
  expectPunct(':');
  if (takeDot("callprototype")) {
    ast::Prototype p;
    if (isPunct('('))
      p.results = parameterList(Parameters::Results);
    expectName(); // _
    if (isPunct('('))
      p.params = parameterList(Parameters::OfFunction);
    takeDot("noreturn");
    while (takeDot("abi_preserve") || takeDot("abi_preserve_control"))
      expectInteger();
    expectPunct(';');
    current->prototypes[name] = p;
    return;
  }
  if (isDot("branchtargets") || isDot("calltargets")) {
    advance();
    std::vector<std::string> &list = current->branchTables[{scope, name}];
    do
      list.push_back(expectName());
    while (takePunct(','));
    expectPunct(';');
    return;
  }
  if (!current->labels
           .emplace(std::pair(scope, name),
                    static_cast<u32>(current->code.size()))
           .second)
    throw PtxError(line, "label '" + name + "' is defined twice in one scope");
}

int Parser::findRegister(const std::string &name) const {
  for (size_t i = scopes.size(); i-- > 0;)
    if (auto it = scopes[i].find(name); it != scopes[i].end())
      return it->second;
  return -1;
}

void Parser::instruction() {
  ast::Instruction inst;
  inst.line = token.line;
  inst.scope = scope;
  inst.source = location;
  if (takePunct('@')) {
    inst.guardNegated = takePunct('!');
    std::string name = expectName();
    inst.guard = findRegister(name);
    if (inst.guard < 0)
      fail("guard '" + name + "' is not a declared register");
    if (current->registers[inst.guard].type != Type::Pred)
      fail("guard '" + name + "' is not a predicate");
  }
  inst.line = token.line;
  inst.opcode = expectName();
  while (token.kind == Token::Kind::Dot) {
    inst.modifiers.emplace_back(token.text);
    advance();
  }
  if (inst.opcode == "ld" || inst.opcode == "ldu") {
    inst.usedBytes = usedBytes;
    usedBytes = ~0u;
  }
  inCall = inst.opcode == "call";
  while (!isPunct(';')) {
    inst.operands.push_back(operand(0));
    if (inst.operands.size() > 64)
      fail("more than 64 operands");
    if (!takePunct(','))
      break;
  }
  expectPunct(';');
  current->code.push_back(std::move(inst));
}

ast::Operand Parser::operand(int depth) {
  ast::Operand a = atom(depth);
  if (isPunct('|')) {
    advance();
    ast::Operand pair;
    pair.kind = ast::Operand::Kind::Pair;
    pair.elems.push_back(std::move(a));
    pair.elems.push_back(atom(depth));
    return pair;
  }
  return a;
}

ast::Operand Parser::atom(int depth) {
  using Kind = ast::Operand::Kind;
  if (depth > 8)
    fail("operand is nested too deeply");
  ast::Operand o;
  if (takePunct('!')) {
    o = atom(depth + 1);
    o.negated = true;
    return o;
  }
  if (isPunct('[')) {
    advance();
    return address(depth);
  }
  if (isPunct('{') || isPunct('(')) {
    bool braces = isPunct('{');
    // Behind `call` they hold arguments, else a constant expression may follow.
    if (!braces && !inCall && peek().kind != Token::Kind::Name &&
        !(peek().kind == Token::Kind::Punct && peek().text == ")")) {
      o.kind = Kind::Immediate;
      o.imm = constant(1);
      return o;
    }
    advance();
    o.kind = braces ? Kind::Vector : Kind::List;
    char close = braces ? '}' : ')';
    if (!isPunct(close))
      do {
        o.elems.push_back(operand(depth + 1));
        if (o.elems.size() > 512)
          fail("more than 512 elements in one operand");
      } while (takePunct(','));
    expectPunct(close);
    return o;
  }
  if (isPunct('-')) {
    advance();
    if (token.kind == Token::Kind::Float) {
      o.kind = Kind::Immediate;
      o.floatBytes = token.floatBytes;
      o.imm = floatBits(token.floatBytes == 8 ? Type::F64 : Type::F32, true);
      advance();
      return o;
    }
    if (token.kind == Token::Kind::Name) {
      o = atom(depth + 1);
      if (o.kind != Kind::Register || o.minus || o.negated)
        fail("expected a number or a register behind '-'");
      o.minus = true;
      return o;
    }
    o.kind = Kind::Immediate;
    o.imm = 0 - constant(1);
    return o;
  }
  if (token.kind == Token::Kind::Integer) {
    o.kind = Kind::Immediate;
    o.imm = token.value;
    advance();
    return o;
  }
  if (token.kind == Token::Kind::Float) {
    o.kind = Kind::Immediate;
    o.floatBytes = token.floatBytes;
    o.imm = token.value;
    advance();
    return o;
  }
  std::string name = expectName();
  if (name == "_") {
    o.kind = Kind::Sink;
    return o;
  }
  if (name == "WARP_SZ") {
    o.kind = Kind::Immediate;
    o.imm = 32;
    return o;
  }
  int reg = findRegister(name);
  if (reg >= 0) {
    o.kind = Kind::Register;
    o.reg = reg;
    o.name = name;
    if (token.kind == Token::Kind::Dot && token.glued) {
      o.part = token.text;
      advance();
    }
    return o;
  }
  if (name[0] == '%' && !namedVariables.count(name)) {
    o.kind = Kind::Special;
    o.name = name;
    return o;
  }
  o.kind = Kind::Symbol;
  o.name = name;
  if (depth == 0 && (isPunct('+') || isPunct('-'))) {
    bool minus = isPunct('-');
    advance();
    u64 add = constant(1);
    o.imm = minus ? 0 - add : add;
  }
  return o;
}

ast::Operand Parser::address(int depth) {
  using Kind = ast::Operand::Kind;
  ast::Operand o;
  o.kind = Kind::Address;
  o.elems.push_back(atom(depth + 1));
  if (isPunct('+') || isPunct('-')) {
    bool minus = isPunct('-');
    advance();
    u64 add = constant(1);
    o.imm = minus ? 0 - add : add;
  }
  while (takePunct(','))
    o.elems.push_back(operand(depth + 1));
  expectPunct(']');
  return o;
}

} // namespace hamlet::emu
