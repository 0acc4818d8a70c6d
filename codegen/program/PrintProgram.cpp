//===- PrintProgram.cpp
//---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/program/PrintProgram.h"

#include "llvm/ADT/STLExtras.h"

using namespace hamlet;

namespace {

void print(const hmlt::Expr &e, const hmlt::FunctionT &f,
           llvm::raw_ostream &out) {
  bool divides = e.by_rows() || e.div() != 1;
  if (divides)
    out << "ceil(";
  if (e.symbol() == hmlt::Symbol::one) {
    out << e.mul();
  } else {
    if (e.symbol() != hmlt::Symbol::extent)
      out << hmlt::EnumNameSymbol(e.symbol());
    else if (static_cast<size_t>(e.index()) < f.extents.size())
      out << f.extents[e.index()];
    else
      out << "'" << f.derived[e.index() - f.extents.size()]->name << "'";
    if (e.mul() != 1)
      out << " * " << e.mul();
  }
  if (divides) {
    out << " / ";
    if (e.by_rows())
      out << "rows";
    else
      out << e.div();
    out << ")";
  }
  if (e.add() != 0)
    out << " + " << e.add();
}

void print(const hmlt::ArgT &arg, const hmlt::FunctionT &f,
           const hmlt::ContainerT &c, llvm::raw_ostream &out) {
  switch (arg.kind) {
  case hmlt::ArgKind::buffer:
    out << "%" << f.buffers[arg.index]->name << "#" << arg.index;
    return;
  case hmlt::ArgKind::step_input:
    out << "step."
        << hmlt::EnumNameStepInput(static_cast<hmlt::StepInput>(arg.index));
    return;
  case hmlt::ArgKind::weight:
    out << "@" << c.weights[arg.index]->name;
    return;
  case hmlt::ArgKind::constant:
    out << "@" << c.constants[arg.index]->name;
    return;
  case hmlt::ArgKind::cache:
    out << "@" << c.caches[arg.index]->name;
    return;
  case hmlt::ArgKind::scalar:
    print(*arg.scalar, f, out);
    return;
  case hmlt::ArgKind::float_scalar:
    out << arg.value;
    return;
  case hmlt::ArgKind::operand:
    out << "operand " << arg.index;
    return;
  case hmlt::ArgKind::result:
    out << "result " << arg.index;
    return;
  }
}

} // namespace

void hamlet::printProgram(const hmlt::ContainerT &c, llvm::raw_ostream &out) {
  for (const auto &f : c.functions) {
    out << "program @" << f->name << " {\n";
    for (auto [i, buffer] : llvm::enumerate(f->buffers)) {
      out << "  buffer %" << buffer->name << "#" << i << " : "
          << hmlt::EnumNameDType(buffer->dtype) << ", bytes ";
      print(*buffer->bytes, *f, out);
      out << ", arena slot " << buffer->arena_slot << ", launches "
          << buffer->first << ".." << buffer->last
          << (buffer->zero_first ? ", zeroed" : "") << "\n";
    }
    for (auto [i, launch] : llvm::enumerate(f->launches)) {
      out << "  launch " << i << " @" << c.kernels[launch->kernel]->name
          << " grid(";
      llvm::interleaveComma(launch->grid, out,
                            [&](const hmlt::Expr &e) { print(e, *f, out); });
      out << ") args(";
      llvm::interleaveComma(launch->args, out,
                            [&](const auto &arg) { print(*arg, *f, c, out); });
      out << ")";
      if (launch->layer >= 0)
        out << " layer " << launch->layer;
      out << "\n";
    }
    out << "}\n";
  }
}
