//===- ProgramDialect.td - what the container stores -------------*- tablegen -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_PROGRAM_DIALECT_TD
#define HAMLET_PROGRAM_DIALECT_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"

def Program_Dialect : Dialect {
  let name = "program";
  let summary = "the host program: functions, memory, launches of declared kernels";
  let description = [{
    What the runtime executes, and all that a `.hmlt` file stores: the file is a
    serialisation of a module of this dialect, and `hamlet inspect --program`
    prints a file as this text, which `hamlet compile` takes again.

    Names of weights, of constants, of caches, of states, of kernels and of
    functions are apart: a function and a kernel may have one name.

    A module declares weights, constants, caches, states and kernels, and has
    functions. A kernel is declared once: its parameters by name, the sizes that a
    launch counts for it, and the metric by which one of its variants is picked.
    What a target makes of it is a `program.realization` of its own, with grid,
    layouts, schedule and variants, so that nothing of one target holds for
    another. A function allocates buffers and launches kernels with named
    arguments. Sizes are extents (`#program.extent`), known when a run is prepared.

    Launches of one stream run in order. A launch waits for the events that it
    names and signals one, so that streams can be ordered against each other.
    Where a buffer lies is worked out when a run's sizes are known, from the lives
    that `program-lifetimes` writes down.
  }];
  let cppNamespace = "::hamlet::program";
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
}

def Program_Quantity : I32EnumAttr<"Quantity", "what is known when a step is prepared", [
    I32EnumAttrCase<"one", 0>,
    I32EnumAttrCase<"tokens", 1>,
    I32EnumAttrCase<"sequences", 2>,
    I32EnumAttrCase<"decode_sequences", 3>,
    I32EnumAttrCase<"prefill_sequences", 4>,
    I32EnumAttrCase<"query_blocks", 5>,
    I32EnumAttrCase<"output_rows", 6>,
    I32EnumAttrCase<"max_pages", 7>,
    I32EnumAttrCase<"extent", 8>,
    I32EnumAttrCase<"longest_prefill", 9>,
    I32EnumAttrCase<"size", 10>]> {
  let cppNamespace = "::hamlet::program";
  let genSpecializedAttr = 0;
}

def Program_StepInput : I32EnumAttr<"StepInput", "what the runtime gives to each step", [
    I32EnumAttrCase<"token_ids", 0>,
    I32EnumAttrCase<"positions", 1>,
    I32EnumAttrCase<"sequence_starts", 2>,
    I32EnumAttrCase<"first_positions", 3>,
    I32EnumAttrCase<"slots", 4>,
    I32EnumAttrCase<"page_table", 5>,
    I32EnumAttrCase<"token_pages", 6>,
    I32EnumAttrCase<"token_offsets", 7>,
    I32EnumAttrCase<"decode_list", 8>,
    I32EnumAttrCase<"prefill_list", 9>,
    I32EnumAttrCase<"query_block_list", 10>,
    I32EnumAttrCase<"output_row_list", 11>]> {
  let cppNamespace = "::hamlet::program";
  let genSpecializedAttr = 0;
}

def Program_Layout : I32EnumAttr<"Layout", "how the bytes of an argument lie", [
    I32EnumAttrCase<"plain", 0>,
    I32EnumAttrCase<"panel", 1>,
    I32EnumAttrCase<"panel_pairs", 2>,
    I32EnumAttrCase<"blocks", 3>]> {
  let cppNamespace = "::hamlet::program";
  let genSpecializedAttr = 0;
}

def Program_CachePer : I32EnumAttr<"CachePer", "what a cache has one of", [
    I32EnumAttrCase<"slot", 0>,
    I32EnumAttrCase<"page", 1>]> {
  let cppNamespace = "::hamlet::program";
  let genSpecializedAttr = 0;
}

def Program_Declared : I32EnumAttr<"Declared", "what a module declares and functions use", [
    I32EnumAttrCase<"weight", 0>,
    I32EnumAttrCase<"constant", 1>,
    I32EnumAttrCase<"cache", 2>,
    I32EnumAttrCase<"state", 3>]> {
  let cppNamespace = "::hamlet::program";
  let genSpecializedAttr = 0;
}

def Program_CheckKind : I32EnumAttr<"CheckKind", "what is checked before a call", [
    I32EnumAttrCase<"equal", 0>,
    I32EnumAttrCase<"boundaries", 1>,
    I32EnumAttrCase<"below", 2>]> {
  let cppNamespace = "::hamlet::program";
  let genSpecializedAttr = 0;
}

class Program_EnumAttr<EnumInfo enum, string mnemonic>
    : EnumAttr<Program_Dialect, enum, mnemonic>;

def Program_ExtentAttr : AttrDef<Program_Dialect, "Extent"> {
  let mnemonic = "extent";
  let summary = "a count or size that is known when a step is prepared";
  let description = [{
    `ceil(quantity * mul / div) + add`. With `byRows` the divisor is the rows of
    the kernel's variant that is picked. `extent` with `index` i is the function's
    extent i, or one derived from them; `size` is the launch's size i, in grids and
    metrics of kernels.

    Constraints:
    - (C1) `div` is at least 1, and 1 with `byRows`.
    - (C2) `index` is 0 but for the quantities `extent` and `size`.
  }];
  let parameters = (ins EnumParameter<Program_Quantity>:$quantity,
                        DefaultValuedParameter<"int64_t", "0">:$index,
                        DefaultValuedParameter<"int64_t", "1">:$mul,
                        DefaultValuedParameter<"int64_t", "1">:$div,
                        DefaultValuedParameter<"bool", "false">:$byRows,
                        DefaultValuedParameter<"int64_t", "0">:$add);
  let assemblyFormat = "`<` $quantity (`,` struct($index, $mul, $div, $byRows, $add)^)? `>`";
  let genVerifyDecl = 1;
}

def Program_MemoryType : TypeDef<Program_Dialect, "Memory"> {
  let mnemonic = "memory";
  let summary = "the address of elements in a device's memory";
  let parameters = (ins "::mlir::Type":$elementType);
  let assemblyFormat = "`<` $elementType `>`";
}

def Program_ProductAttr : AttrDef<Program_Dialect, "Product"> {
  let mnemonic = "product";
  let summary = "the register block that the schedule gave one product of a variant";
  let description = [{
    A product of `m` rows, `n` columns and `k` terms works in blocks of `rows`,
    `panels` of 16 columns and `depth` terms; `cycles` of one core are predicted;
    `given`: by a schedule file, not by the cost model. Terms are summed in parts of
    `part`, 0: in one sum.
  }];
  let parameters = (ins "int64_t":$m, "int64_t":$n, "int64_t":$k, "int64_t":$rows,
                        "int64_t":$panels, "int64_t":$depth, "int64_t":$cycles, "bool":$given,
                        DefaultValuedParameter<"int64_t", "0">:$part);
  let assemblyFormat = "`<` struct(params) `>`";
}

#endif
