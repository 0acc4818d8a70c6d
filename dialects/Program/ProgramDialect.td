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
  let summary = "buffers and launches: what the container stores";
  let description = [{
    A function of the graph as the runtime executes it: memory with its place in
    the arena, and launches of kernels in order. Sizes and grids are extents,
    known when a step is prepared (`#program.extent`).

    `hamlet compile --compile-to=program` prints it. It says what a `.hmlt` file
    says: one op here is one entry there. A launch names its device and stream,
    and the events it waits for and signals; launches of one stream run in
    order. Collectives come with the plan for several devices.
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
    I32EnumAttrCase<"longest_prefill", 9>]> {
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

def Program_ExtentAttr : AttrDef<Program_Dialect, "Extent"> {
  let mnemonic = "extent";
  let summary = "a count or size that is known when a step is prepared";
  let description = [{
    `ceil(quantity * mul / div) + add`. With `byRows` the divisor is the rows of
    the kernel's variant that is picked. `extent` with `index` i is the function's
    extent i, or one derived from them.

    Constraints:
    - (C1) `div` is at least 1, and 1 with `byRows`.
    - (C2) `index` is 0 but for the quantity `extent`.
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

#endif
