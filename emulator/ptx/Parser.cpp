//===- Parser.cpp ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "emulator/ptx/Parser.h"

#include "emulator/ptx/ParserImpl.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace hamlet::emu {

std::string ast::Instruction::spelling() const {
  std::string s = opcode;
  for (const std::string &m : modifiers)
    s += "." + m;
  return s;
}

ast::Module parsePtx(std::string_view text) { return Parser(text).module(); }

void Parser::advance() {
  token = ahead.empty() ? lexer.next() : ahead.front();
  if (!ahead.empty())
    ahead.erase(ahead.begin());
}

const Token &Parser::peek() {
  if (ahead.empty())
    ahead.push_back(lexer.next());
  return ahead.front();
}

void Parser::fail(const std::string &what) const {
  throw PtxError(token.line, what);
}

std::string Parser::shown() const {
  switch (token.kind) {
  case Token::Kind::End:
    return "the end of the file";
  case Token::Kind::Dot:
    return "'." + std::string(token.text) + "'";
  default:
    return "'" + std::string(token.text) + "'";
  }
}

bool Parser::isPunct(char c) const {
  return token.kind == Token::Kind::Punct && token.text[0] == c;
}

bool Parser::takePunct(char c) {
  if (!isPunct(c))
    return false;
  advance();
  return true;
}

void Parser::expectPunct(char c) {
  if (!takePunct(c))
    fail(std::string("expected '") + c + "', got " + shown());
}

bool Parser::isDot(const char *name) const {
  return token.kind == Token::Kind::Dot && token.text == name;
}

bool Parser::takeDot(const char *name) {
  if (!isDot(name))
    return false;
  advance();
  return true;
}

std::string Parser::expectName() {
  if (token.kind != Token::Kind::Name)
    fail("expected a name, got " + shown());
  std::string s(token.text);
  advance();
  return s;
}

u64 Parser::expectInteger() {
  bool minus = takePunct('-');
  if (token.kind != Token::Kind::Integer)
    fail("expected an integer, got " + shown());
  u64 v = token.value;
  advance();
  return minus ? 0 - v : v;
}

void Parser::skipBraces() {
  expectPunct('{');
  for (int depth = 1; depth;) {
    if (token.kind == Token::Kind::End)
      fail("section is not closed, expected '}'");
    depth += isPunct('{') ? 1 : isPunct('}') ? -1 : 0;
    advance();
  }
}

ast::Module Parser::module() {
  advance();
  while (token.kind != Token::Kind::End) {
    if (takePunct(';'))
      continue;
    if (token.kind != Token::Kind::Dot)
      fail("expected a directive, got " + shown());
    topLevel();
  }
  if (!sawVersion)
    fail("no .version directive; is this a PTX file?");
  if (result.target.empty())
    fail("no .target directive");
  return std::move(result);
}

void Parser::topLevel() {
  std::string name(token.text);
  if (name == "version") {
    advance();
    versionDirective();
  } else if (name == "target") {
    advance();
    targetDirective();
  } else if (name == "address_size") {
    advance();
    u64 bits = expectInteger();
    if (bits != 64)
      fail("only .address_size 64 is supported, got " + std::to_string(bits));
  } else if (name == "file") {
    advance();
    u32 index = static_cast<u32>(expectInteger());
    if (token.kind != Token::Kind::String)
      fail("expected the file's name, got " + shown());
    result.files[index] = std::string(token.text);
    advance();
    while (takePunct(','))
      expectInteger();
  } else if (name == "loc") {
    locDirective();
  } else if (name == "section") {
    advance();
    advance(); // its name
    skipBraces();
  } else if (name == "pragma") {
    advance();
    while (!isPunct(';') && token.kind != Token::Kind::End)
      advance();
    expectPunct(';');
  } else if (name == "alias") {
    advance();
    std::string from = expectName();
    expectPunct(',');
    result.aliases[from] = expectName();
    expectPunct(';');
  } else {
    linkedDeclaration();
  }
}

void Parser::versionDirective() {
  // "9.0" reads as a decimal.
  if (token.kind != Token::Kind::Float && token.kind != Token::Kind::Integer)
    fail("expected a version such as 8.5, got " + shown());
  std::string v(token.text);
  const char *end = v.data() + v.size();
  auto [dot, error] = std::from_chars(v.data(), end, result.versionMajor);
  if (error == std::errc() && dot != end && *dot == '.')
    error = std::from_chars(dot + 1, end, result.versionMinor).ec;
  if (error != std::errc())
    fail("expected a version such as 8.5, got " + shown());
  sawVersion = true;
  if (std::pair(result.versionMajor, result.versionMinor) >
      std::pair(kNewestMajor, kNewestMinor))
    result.warnings.push_back(
        "PTX ISA " + v + " is newer than " + std::to_string(kNewestMajor) +
        "." + std::to_string(kNewestMinor) + ", which this emulator knows");
  advance();
}

void Parser::targetDirective() {
  do {
    std::string name = expectName();
    if (name.rfind("sm_", 0) == 0)
      result.target = name;
    else if (name != "debug" && name != "texmode_independent" &&
             name != "texmode_unified" && name != "map_f64_to_f32")
      fail("unknown target '" + name + "'");
  } while (takePunct(','));
}

void Parser::locDirective() {
  advance();
  location.file = static_cast<u32>(expectInteger());
  location.line = static_cast<u32>(expectInteger());
  expectInteger();
  while (takePunct(',')) {
    std::string what = expectName();
    if (what == "function_name") {
      expectName();
      if (takePunct('+'))
        expectInteger();
    } else if (what == "inlined_at") {
      expectInteger();
      expectInteger();
      expectInteger();
    } else {
      fail("unknown .loc attribute '" + what + "'");
    }
  }
}

void Parser::linkedDeclaration() {
  bool isExtern = false;
  while (true) {
    if (takeDot("visible") || takeDot("weak") || takeDot("common"))
      continue;
    if (takeDot("extern")) {
      isExtern = true;
      continue;
    }
    break;
  }
  if (takeDot("entry"))
    return function(true);
  if (takeDot("func"))
    return function(false);
  Space space;
  if (!takeSpace(space))
    fail("unknown directive " + shown());
  variables(space, isExtern, result.globals);
}

bool Parser::takeSpace(Space &space) {
  if (takeDot("global") || takeDot("tex"))
    space = Space::Global;
  else if (takeDot("const"))
    space = Space::Const;
  else if (takeDot("shared") || takeDot("shared::cta"))
    space = Space::Shared;
  else if (takeDot("local"))
    space = Space::Local;
  else if (takeDot("param"))
    space = Space::Param;
  else
    return false;
  return true;
}

Type Parser::variableType(ast::Variable &v) {
  u32 vectorOf = 1;
  while (token.kind == Token::Kind::Dot) {
    if (takeDot("align")) {
      u64 align = expectInteger();
      if (align == 0 || (align & (align - 1)) || align > 4096)
        fail("alignment must be a power of two up to 4096, got " +
             std::to_string(align));
      v.align = static_cast<u32>(align);
    } else if (takeDot("v2")) {
      vectorOf = 2;
    } else if (takeDot("v4")) {
      vectorOf = 4;
    } else if (takeDot("attribute")) {
      expectPunct('(');
      while (!isPunct(')') && token.kind != Token::Kind::End) {
        if (takeDot("managed"))
          v.managed = true;
        else
          advance();
      }
      expectPunct(')');
    } else if (takeDot("ptr")) {
      v.pointer = true;
      Space ignored;
      takeSpace(ignored);
    } else {
      Type t = typeNamed(token.text);
      if (t == Type::None)
        fail("unknown type " + shown());
      v.type = t;
      advance();
    }
  }
  if (v.type == Type::None)
    fail("variable has no type, got " + shown());
  v.isVector = vectorOf > 1;
  v.bytes = u64(typeBytes(v.type)) * vectorOf;
  if (!v.align)
    v.align = static_cast<u32>(v.bytes);
  // `.param .u64 .ptr .global .align 16 name`: the alignment is the target's.
  if (v.pointer)
    v.align = typeBytes(v.type);
  return v.type;
}

void Parser::arrayBounds(ast::Variable &v) {
  u64 element = v.bytes, count = 1;
  bool unsized = false;
  while (takePunct('[')) {
    bool outermost = !v.isArray;
    v.isArray = true;
    if (takePunct(']')) {
      if (!outermost)
        fail("only the first extent of '" + v.name + "' may be left out");
      unsized = true;
      continue;
    }
    u64 n = expectInteger();
    expectPunct(']');
    if (n > (u64(1) << 40) || count > (u64(1) << 40) / std::max<u64>(n, 1))
      fail("'" + v.name + "' is larger than 1 TiB");
    count *= n;
  }
  v.unsized = unsized;
  v.bytes = unsized ? 0 : element * count;
  if (v.bytes > (u64(1) << 40))
    fail("'" + v.name + "' is larger than 1 TiB");
}

void Parser::variables(Space space, bool isExtern,
                       std::vector<ast::Variable> &into) {
  ast::Variable first;
  variableType(first);
  u64 element = first.bytes;
  while (true) {
    ast::Variable v = first;
    v.space = space;
    v.isExtern = isExtern;
    v.line = token.line;
    v.scope = scope;
    v.bytes = element;
    v.name = expectName();
    if (v.name[0] == '%')
      namedVariables.insert(v.name);
    // A parameterised name declares several: x<3> is x0, x1, x2.
    u64 copies = 0;
    if (takePunct('<')) {
      copies = expectInteger();
      expectPunct('>');
      if (copies > 4096)
        fail("more than 4096 variables in one declaration");
    }
    arrayBounds(v);
    if (takePunct('=')) {
      if (v.bytes > (u64(1) << 30))
        fail("initialised variable '" + v.name + "' is larger than 1 GiB");
      initialiser(v);
    }
    if (v.unsized && !isExtern)
      fail("'" + v.name +
           "' is an incomplete array; only external variables and the last "
           "parameter of a function may be");
    if (v.isVector && space == Space::Param)
      fail("'" + v.name + "': vectors in .param space are not allowed");
    if (copies)
      for (u64 i = 0; i < copies; ++i) {
        ast::Variable c = v;
        c.name += std::to_string(i);
        into.push_back(c);
      }
    else
      into.push_back(std::move(v));
    if (!takePunct(','))
      break;
  }
  expectPunct(';');
}

void Parser::initialiser(ast::Variable &v) {
  // Elements are laid out one after the other; inner braces and a short list
  // leave the rest zero. An unsized array takes the length of its list.
  u64 at = 0;
  initialiserList(v, at, 0);
  if (v.unsized) {
    v.bytes = at;
    v.unsized = false;
  }
  v.init.resize(v.bytes);
}

void Parser::initialiserList(ast::Variable &v, u64 &at, int depth) {
  if (depth > 16)
    fail("initialiser is nested too deeply");
  if (takePunct('{')) {
    if (!isPunct('}'))
      do
        initialiserList(v, at, depth + 1);
      while (takePunct(','));
    expectPunct('}');
    return;
  }
  u32 bytes = typeBytes(v.type);
  if (!v.unsized && at + bytes > v.bytes)
    fail("initialiser of '" + v.name + "' has more than " +
         std::to_string(v.bytes) + " bytes");
  v.init.resize(std::max<u64>(v.init.size(), at + bytes));
  u64 value = 0;
  if (token.kind == Token::Kind::Name) {
    ast::Relocation r;
    r.offset = static_cast<u32>(at);
    r.bytes = bytes;
    r.symbol = expectName();
    if (r.symbol == "generic" && takePunct('(')) {
      r.symbol = expectName();
      expectPunct(')');
    }
    if (isPunct('+') || isPunct('-')) {
      bool minus = isPunct('-');
      advance();
      s64 add = static_cast<s64>(expectInteger());
      r.addend = minus ? -add : add;
    }
    v.relocations.push_back(r);
  } else {
    bool minus = takePunct('-');
    if (token.kind == Token::Kind::Float) {
      value = floatBits(v.type, minus);
      advance();
    } else {
      value = constant(0);
      if (minus)
        value = 0 - value;
    }
  }
  for (u32 i = 0; i < bytes && i < 8; ++i)
    v.init[at + i] = static_cast<u8>(value >> (8 * i));
  at += bytes;
}

u64 Parser::floatBits(Type type, bool minus) {
  u64 bits = token.value;
  if (token.floatBytes == 8 && type == Type::F32) {
    double d;
    std::memcpy(&d, &bits, 8);
    float f = static_cast<float>(d);
    u32 b;
    std::memcpy(&b, &f, 4);
    bits = b;
  }
  if (minus)
    bits ^= typeBytes(type) == 8 ? u64(1) << 63 : u64(1) << 31;
  return bits;
}

u64 Parser::constant(int depth) {
  // Constant expressions: literals joined by + - *, and parentheses.
  if (depth > 64)
    fail("expression is nested too deeply");
  u64 v;
  if (takePunct('(')) {
    v = constant(depth + 1);
    expectPunct(')');
  } else if (takePunct('-')) {
    v = 0 - constant(depth + 1);
  } else if (takePunct('~')) {
    v = ~constant(depth + 1);
  } else {
    if (token.kind != Token::Kind::Integer)
      fail("expected a constant, got " + shown());
    v = token.value;
    advance();
  }
  while (depth > 0 && (isPunct('+') || isPunct('-') || isPunct('*'))) {
    char op = token.text[0];
    advance();
    u64 r = constant(depth + 1);
    v = op == '+' ? v + r : op == '-' ? v - r : v * r;
  }
  return v;
}

} // namespace hamlet::emu
