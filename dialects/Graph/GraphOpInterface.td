//===- GraphOpInterface.td - what passes ask a graph op ----------*- tablegen -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_GRAPH_OP_INTERFACE_TD
#define HAMLET_GRAPH_OP_INTERFACE_TD

include "mlir/IR/OpBase.td"

def GraphOpInterface : OpInterface<"GraphOpInterface"> {
  let cppNamespace = "::hamlet::graph";
  let description = [{
    Every op of nn, lightning, attention and moe that computes implements this
    (all but `nn.weight`, `nn.fused` and `nn.yield`). Fusion, the kernel writers
    and lowering ask it instead of naming ops, so that a new op is added in one
    place. The answers stand in `dialects/<Dialect>/<Dialect>Graph.cpp`.
  }];
  let methods = [
    InterfaceMethod<[{
      The operand whose rows (the extent of dimension 0) result `result` has.
      Null if the rows are the result's own:

      - `offsets` of `moe.dispatch`: experts + 1; `order`: T * k, the rows and
        columns of `ids`;
      - `final_state` of `lightning.attention`: a row for each sequence, one
        less than `starts` has;
      - the updated caches, which have no rows.
    }], "::mlir::Value", "getRowSource", (ins "unsigned":$result)>,
    InterfaceMethod<[{
      Heads (or groups of columns) that result `result` is worked out by, each
      by a program instance of its own; 0 if whole rows are.
    }], "int64_t", "getHeadsOf", (ins "unsigned":$result), "",
      "return 0;">,
    InterfaceMethod<[{
      The name of operand `index` as the assembly has it.
    }], "std::string", "operandName", (ins "unsigned":$index), "", [{
      return ::hamlet::graph::detail::operandName($_op, index);
    }]>,
    InterfaceMethod<[{
      The op as people say it, in reasons and remarks: "silu", "rms_norm".
    }], "std::string", "getShortName", (ins), "", [{
      return $_op->getName().stripDialect().str();
    }]>,
    InterfaceMethod<[{
      What a call must bring, where the types leave it open.
    }], "void", "addChecks", (ins "::hamlet::graph::CheckSink &":$sink), "",
      "return;">,
    InterfaceMethod<[{
      What the last entry of result `result` is, if that is a list of
      boundaries.
    }], "std::optional<::hamlet::graph::Extent>", "getLastBoundary",
      (ins "unsigned":$result), "", "return std::nullopt;">,
    InterfaceMethod<[{
      The operand whose rows are picked by an index, where their number is
      known only when a call comes; null if there is none.
    }], "::mlir::Value", "getGatheredFrom", (ins), "", "return {};">,
    InterfaceMethod<[{
      The canonical order of its sums of products; null if it has none of its
      own.
    }], "::hamlet::tile::NumericsAttr", "getNumerics", (ins), "",
      "return {};">,
    InterfaceMethod<[{
      Whether operand `index` is a weight whose bytes are laid out for a
      product. Such an operand of a region is no tensor of rows.
    }], "bool", "isPacked", (ins "unsigned":$index), "", "return false;">,
    InterfaceMethod<[{
      Of a view, the column of its operand's rows that its result begins at.
    }], "int64_t", "getViewOffset", (ins), "", "return 0;">,
    InterfaceMethod<[{
      Widths of the parts of a head that result `result` is worked out in, one
      after another; empty: a head at once.
    }], "::llvm::SmallVector<int64_t>", "getPieces", (ins "unsigned":$result),
      "", "return {};">,
    InterfaceMethod<[{
      What a region's kernel needs of the operands to have `window` of result
      `result`, or why it cannot have it. Elementwise ops need the same window
      of each operand.
    }], "void", "ask", (ins "unsigned":$result,
                        "const ::hamlet::graph::Window &":$window,
                        "::hamlet::graph::WindowSink &":$sink), "", [{
      ::hamlet::graph::detail::ask($_op, window, sink);
    }]>,
    InterfaceMethod<[{
      How it joins its neighbours in a region.
    }], "::hamlet::graph::Fusion", "getFusion">
  ];
  let extraSharedClassDeclaration = [{
    /// Whether it moves no bytes: it is copied to where it is read.
    bool isView() {
      return $_op.getFusion().role == ::hamlet::graph::Role::view;
    }
    /// A product, or an op with kernels of its own: a region has at most one.
    bool isAnchor() { return $_op.getFusion().anchor; }
  }];
}

/// An op that computes, with the names of its operands. `answers` names the
/// methods of GraphOpInterface that it has besides those without a default.
class Graph_Op<Dialect dialect, string mnemonic, list<Trait> traits,
               list<string> answers>
    : Op<dialect, mnemonic,
         traits # [DeclareOpInterfaceMethods<GraphOpInterface, answers>]> {
  list<string> operandGroupNames = !foldl(
      []<string>, !range(!size(arguments)), names, i,
      names # !if(!isa<TypeConstraint>(!getdagarg<Constraint>(arguments, i)),
                  [!getdagname(arguments, i)], []<string>));
  let extraClassDeclaration = [{
    /// The operands, the optional ones too, in their order.
    static ::llvm::ArrayRef<::llvm::StringRef> getOperandGroupNames() {
      static const ::llvm::StringRef names[] = {
  }] # !interleave(!foreach(name, operandGroupNames, "\"" # name # "\""), ", ")
     # [{
      };
      return names;
    }
  }];
}

#endif
