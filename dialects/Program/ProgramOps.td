//===- ProgramOps.td - the ops of the program dialect ------------*- tablegen -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_PROGRAM_OPS_TD
#define HAMLET_PROGRAM_OPS_TD

include "dialects/Program/ProgramDialect.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Program_Op<string mnemonic, list<Trait> traits = []>
    : Op<Program_Dialect, mnemonic, traits>;
class Program_InFunc<string mnemonic, list<Trait> traits = []>
    : Program_Op<mnemonic, !listconcat(traits, [HasParent<"FuncOp">])>;

def Program_FuncOp : Program_Op<"func",
    [Symbol, IsolatedFromAbove, SingleBlock, NoTerminator, NoRegionArguments]> {
  let summary = "a function: its memory, then its launches in order";
  let description = [{
    `extents` names the dynamic dimensions of a function that `hamlet call` runs;
    a model's step has none. Buffers of one arena slot are never live at the same
    time, so the arena is the sum over slots of the largest buffer.

    Constraints:
    - (C1) every buffer's slot is below `arena_slots`.
    - (C2) buffers of one slot are live at different launches.
    - (C3) a buffer is used by launches of its life only.

    Example:
    ```mlir
    program.func @step extents [] arena_slots 1 {
      %ids = program.step_input token_ids : !program.memory<i32>
      %embed = program.weight @embed : !program.memory<f32>
      %x = program.alloc "x" bytes <tokens, mul = 128> slot 0 live 0 to 0 : !program.memory<f32>
      %rows = program.scalar <tokens>
      program.launch @embedding grid [#program.extent<tokens, byRows = true>, #program.extent<one>, #program.extent<one>] by <tokens> (%ids, %embed, %x, %rows) : !program.memory<i32>, !program.memory<f32>, !program.memory<f32>, index
    }
    ```

    Source: the table `Function` of `container/hmlt.fbs`.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrArrayAttr:$extents, I64Attr:$arena_slots);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name `extents` $extents `arena_slots` $arena_slots attr-dict-with-keyword $body";
  let hasRegionVerifier = 1;
}

def Program_DeriveOp : Program_InFunc<"derive"> {
  let summary = "an extent that is the sum or the product of others";
  let description = [{
    Its index follows those of the function's extents and of the ops before it.

    Constraints:
    - (C1) `terms` are extents, at least one.

    Source: the table `DerivedExtent` of `container/hmlt.fbs`.
  }];
  let arguments = (ins StrAttr:$name, ArrayAttr:$terms, UnitAttr:$product);
  let assemblyFormat = "$name (`product` $product^)? $terms attr-dict";
  let hasVerifier = 1;
}

def Program_AllocOp : Program_InFunc<"alloc", [Pure]> {
  let summary = "a buffer of the arena";
  let description = [{
    Live from the launch `first` to the launch `last`, counted from 0; `zeroed`:
    filled with zeros before `first`.

    Constraints:
    - (C1) 0 <= first <= last and slot >= 0.

    Source: the table `Buffer` of `container/hmlt.fbs`.
  }];
  let arguments = (ins StrAttr:$name, Program_ExtentAttr:$bytes, I64Attr:$slot,
                       I64Attr:$first, I64Attr:$last, UnitAttr:$zeroed);
  let results = (outs Program_MemoryType:$result);
  let assemblyFormat = [{
    $name `bytes` $bytes `slot` $slot `live` $first `to` $last (`zeroed` $zeroed^)?
    attr-dict `:` type($result)
  }];
  let hasVerifier = 1;
}

def Program_StepInputOp : Program_InFunc<"step_input", [Pure]> {
  let summary = "what the runtime gives to each step";
  let description = "Source: the enumeration `StepInput` of `container/hmlt.fbs`.";
  let arguments = (ins EnumAttr<Program_Dialect, Program_StepInput, "step_input">:$kind);
  let results = (outs Program_MemoryType:$result);
  let assemblyFormat = "$kind attr-dict `:` type($result)";
}

class Program_Named<string mnemonic, string what> : Program_InFunc<mnemonic, [Pure]> {
  let summary = what;
  let arguments = (ins SymbolNameAttr:$sym_name);
  let results = (outs Program_MemoryType:$result);
  let assemblyFormat = "$sym_name attr-dict `:` type($result)";
}
def Program_WeightOp : Program_Named<"weight", "a weight of the manifest"> {
  let description = "Source: the table `Weight` of `container/hmlt.fbs`.";
}
def Program_ConstantOp : Program_Named<"constant", "bytes that the container holds"> {
  let description = "Source: the table `Constant` of `container/hmlt.fbs`.";
}
def Program_CacheOp : Program_Named<"cache", "a pool of the cache manager, per slot or per page"> {
  let description = "Source: the table `Cache` of `container/hmlt.fbs`.";
}

class Program_Numbered<string mnemonic, string what> : Program_InFunc<mnemonic, [Pure]> {
  let summary = what;
  let description = "Source: the table `Operand` of `container/hmlt.fbs`.";
  let arguments = (ins ConfinedAttr<I64Attr, [IntNonNegative]>:$index);
  let results = (outs Program_MemoryType:$result);
  let assemblyFormat = "$index attr-dict `:` type($result)";
}
def Program_OperandOp : Program_Numbered<"operand", "an operand of a called function">;
def Program_ResultOp : Program_Numbered<"result", "a result of a called function">;

def Program_ScalarOp : Program_InFunc<"scalar", [Pure]> {
  let summary = "an extent as an argument of a kernel";
  let description = "Source: `Arg.scalar` of `container/hmlt.fbs`.";
  let arguments = (ins Program_ExtentAttr:$value);
  let results = (outs Index:$result);
  let assemblyFormat = "$value attr-dict";
}

def Program_RealOp : Program_InFunc<"real", [Pure]> {
  let summary = "a number as an argument of a kernel";
  let description = "Source: `Arg.value` of `container/hmlt.fbs`.";
  let arguments = (ins F32Attr:$value);
  let results = (outs F32:$result);
  let assemblyFormat = "$value attr-dict";
}

def Program_LaunchOp : Program_InFunc<"launch"> {
  let summary = "a kernel over a grid";
  let description = [{
    Of the kernel's variants, the smallest whose rows are at least the metric, else
    the largest, runs. A grid with a 0 is not launched. `device` and `stream` count from 0; the launch waits for `wait` and
    signals `signal`, which are numbers of events.

    Constraints:
    - (C1) `grid` is three extents.
    - (C2) `device` and `stream` are at least 0.
    - (C3) a launch waits only for events that a launch before it signals.

    Source: the table `Launch` of `container/hmlt.fbs`.
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, ArrayAttr:$grid,
                       Program_ExtentAttr:$metric,
                       Variadic<AnyTypeOf<[Program_MemoryType, Index, F32]>>:$args,
                       OptionalAttr<I64Attr>:$layer,
                       DefaultValuedAttr<I64Attr, "0">:$device,
                       DefaultValuedAttr<I64Attr, "0">:$stream,
                       DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$wait,
                       OptionalAttr<I64Attr>:$signal);
  let assemblyFormat = [{
    $kernel `grid` $grid `by` $metric `(` $args `)` attr-dict `:` type($args)
  }];
  let hasVerifier = 1;
}

#endif
