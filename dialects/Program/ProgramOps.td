//===- ProgramOps.td - the ops of the program dialect ------------*- tablegen -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_PROGRAM_OPS_TD
#define HAMLET_PROGRAM_OPS_TD

include "dialects/Program/ProgramDialect.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Program_Op<string mnemonic, list<Trait> traits = []>
    : Op<Program_Dialect, mnemonic, traits>;
class Program_InFunc<string mnemonic, list<Trait> traits = []>
    : Program_Op<mnemonic, !listconcat(traits, [HasParent<"FuncOp">])>;

//===----------------------------------------------------------------------===//
// Declarations
//===----------------------------------------------------------------------===//

def Program_WeightOp : Program_Op<"weight"> {
  let summary = "a weight, and how it comes out of a checkpoint";
  let description = [{
    `type` is what kernels see; `recipe` as of `nn.weight`: its `sources` and their
    `shapes` are there always. How the bytes lie is for the kernels that take it.

    Constraints:
    - (C1) `type` has static extents of at least 1.

    Example:
    ```mlir
    program.weight @embed : tensor<96x32xf32> {shapes = [array<i64: 96, 32>], sources = ["model.embed.weight"]}
    ```

    Source: the table `Weight` of `container/hmlt.fbs`.
  }];
  let arguments = (ins SymbolNameAttr:$name, TypeAttrOf<AnyRankedTensor>:$type,
                       DictionaryAttr:$recipe);
  let assemblyFormat = "$name `:` $type $recipe attr-dict";
  let hasVerifier = 1;
}

def Program_ConstantOp : Program_Op<"constant"> {
  let summary = "elements that the container holds";
  let description = [{
    Example:
    ```mlir
    program.constant @slopes = dense<[0.5, 0.25]> : tensor<2xf32>
    ```

    Source: the table `Constant` of `container/hmlt.fbs`.
  }];
  let arguments = (ins SymbolNameAttr:$name, ElementsAttr:$value);
  let assemblyFormat = "$name `=` $value attr-dict";
}

def Program_CacheOp : Program_Op<"cache"> {
  let summary = "a pool of the cache manager, per slot or per page";
  let description = [{
    `bytes` of each slot (a sequence) or page (64 tokens); `kind` names the op that
    it belongs to, `layer` counts its caches.

    Constraints:
    - (C1) `bytes` is at least 1.

    Example:
    ```mlir
    program.cache @lightning.0.state "lightning" layer 0 per slot bytes 4096
    ```

    Source: the table `Cache` of `container/hmlt.fbs`.
  }];
  let arguments = (ins SymbolNameAttr:$name, StrAttr:$kind, I64Attr:$layer,
                       Program_EnumAttr<Program_CachePer, "cache_per">:$per, I64Attr:$bytes);
  let assemblyFormat = "$name $kind `layer` $layer `per` $per `bytes` $bytes attr-dict";
  let hasVerifier = 1;
}

def Program_StateOp : Program_Op<"state"> {
  let summary = "memory that outlives a run and that functions write";
  let description = [{
    Begins as zeros, or as the weight `initial` (in its plain layout).

    Constraints:
    - (C1) `type` has static extents of at least 1.
    - (C2) `initial` is a weight of the same type.

    Example:
    ```mlir
    program.state @steps : tensor<1xf32>
    ```

    Source: the table `State` of `container/hmlt.fbs`.
  }];
  let arguments = (ins SymbolNameAttr:$name, TypeAttrOf<AnyRankedTensor>:$type,
                       OptionalAttr<FlatSymbolRefAttr>:$initial);
  let assemblyFormat = "$name `:` $type (`from` $initial^)? attr-dict";
  let hasVerifier = 1;
}

def Program_ImageOp : Program_Op<"image"> {
  let summary = "the code of one target";
  let description = [{
    `code` is a shared object or the text of PTX, `cubin` what ptxas made of it.

    Example:
    ```mlir
    program.image "sm_80" dense<[46, 118]> : tensor<2xi8>
    ```

    Source: the table `Image` of `container/hmlt.fbs`.
  }];
  let arguments = (ins StrAttr:$target, ElementsAttr:$code, OptionalAttr<ElementsAttr>:$cubin);
  let assemblyFormat = "$target $code (`cubin` $cubin^)? attr-dict";
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

def Program_KernelOp : Program_Op<"kernel",
    [NoTerminator, NoRegionArguments, SingleBlock]> {
  let summary = "a kernel: what a launch gives it, and what targets make of it";
  let description = [{
    Parameters are memory, numbers (`f32`) and sizes (`index`), the latter by the
    name of one of `over`, which a launch counts. Of the variants of a realization
    the smallest whose rows are at least the metric runs, else the largest.
    `kind` is for profiles; `product` counts in `rows_per_launch`; `fused` names the
    graph ops inside, `remarks` say why.

    Constraints:
    - (C1) parameters have different names, and there is a type for each.
    - (C2) an `index` parameter has the name of a size.
    - (C3) `metric` is an extent of a size, or of one, without rows.
    - (C4) a target has one realization.

    Example:
    ```mlir
    program.kernel @double "elementwise" (x: !program.memory<f32>, y: !program.memory<f32>, rows: index) over [rows] by <size> {
      program.realization "x86-64-v3" grid [#program.extent<size, byRows = true>, #program.extent<one>, #program.extent<one>] layouts [plain, plain, plain] "whole rows" {
        program.variant @double_r8 rows 8 scratch 0
      }
    }
    ```

    Source: the table `Kernel` of `container/hmlt.fbs`.
  }];
  let arguments = (ins SymbolNameAttr:$name, StrAttr:$kind, StrArrayAttr:$names,
                       TypeArrayAttr:$types, StrArrayAttr:$sizes, Program_ExtentAttr:$metric,
                       UnitAttr:$product, DefaultValuedAttr<StrArrayAttr, "{}">:$fused,
                       DefaultValuedAttr<StrArrayAttr, "{}">:$remarks);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $name $kind custom<Signature>($names, $types) `over` custom<Names>($sizes)
    `by` $metric (`product` $product^)? attr-dict-with-keyword $body
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    /// The number of the size `name`; none if there is none.
    std::optional<unsigned> sizeNamed(::llvm::StringRef name);
  }];
}

def Program_RealizationOp : Program_Op<"realization",
    [HasParent<"KernelOp">, NoTerminator, NoRegionArguments, SingleBlock]> {
  let summary = "what one target makes of a kernel";
  let description = [{
    The grid is counted from the launch's sizes; a layout for each parameter.
    While variants are not emitted, `code` names the module of tile kernels that
    they are written in, by its attribute `program.tiles`.

    Constraints:
    - (C1) `grid` is three extents of sizes or of one.
    - (C2) there is a layout for each parameter of the kernel, plain but for memory.
    - (C3) there is a variant, and rows of variants ascend.

    Example:
    ```mlir
    program.realization "sm_80" grid [#program.extent<size, byRows = true>, #program.extent<one>, #program.extent<one>] layouts [plain, panel, plain] "tiles of 64 columns" {
      program.variant @linear_r1 rows 1 shared 2048 threads 128
    }
    ```

    Source: the table `Realization` of `container/hmlt.fbs`.
  }];
  let arguments = (ins StrAttr:$target, ArrayAttr:$grid, DenseI32ArrayAttr:$layouts,
                       StrAttr:$schedule, OptionalAttr<StrAttr>:$code);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $target `grid` $grid `layouts` custom<Layouts>($layouts) $schedule (`code` $code^)?
    attr-dict-with-keyword $body
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

def Program_VariantOp : Program_Op<"variant", [HasParent<"RealizationOp">]> {
  let summary = "a kernel's code for one number of rows on one target";
  let description = [{
    `symbol` is the name in the target's image. `scratch`: bytes for each thread of
    a CPU, or for each block of a GPU; `shared` bytes and `threads` of a block are a
    GPU's, and so are the `registers` of a thread, which ptxas counts.

    Constraints:
    - (C1) `rows` is at least 1; bytes, threads and registers are at least 0.

    Example:
    ```mlir
    program.variant @linear_r8 rows 8 shared 4096 threads 128
    ```

    Source: the table `Variant` of `container/hmlt.fbs`.
  }];
  let arguments = (ins FlatSymbolRefAttr:$symbol, I64Attr:$rows, DefaultValuedAttr<I64Attr, "0">:$scratch,
                       DefaultValuedAttr<I64Attr, "0">:$shared, DefaultValuedAttr<I64Attr, "0">:$threads,
                       DefaultValuedAttr<I64Attr, "0">:$registers,
                       DefaultValuedAttr<ArrayAttr, "{}">:$products);
  let assemblyFormat = [{
    $symbol `rows` $rows (`scratch` $scratch^)? (`shared` $shared^)? (`threads` $threads^)? (`registers` $registers^)?
    (`products` $products^)? attr-dict
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

def Program_FuncOp : Program_Op<"func",
    [Symbol, IsolatedFromAbove, SingleBlock, NoTerminator, NoRegionArguments]> {
  let summary = "a function: its memory, then its launches in order";
  let description = [{
    A `step` is told a step's inputs, and its sizes are those of the step
    (`tokens`, ...). Any other function is called: `extents` names the dynamic
    dimensions, which its operands fix.

    Constraints:
    - (C1) a step has no extents; a function that is called has no step inputs and no caches.
    - (C2) a launch waits only for events that a launch before it signals.
    - (C3) where a buffer has a life, launches that use it are in it.
    - (C4) a launch takes each result.

    Example:
    ```mlir
    program.weight @embed : tensor<96x32xf32> {shapes = [array<i64: 96, 32>], sources = ["embed"]}
    program.kernel @embedding "embedding" (ids: !program.memory<i32>, table: !program.memory<f32>, out: !program.memory<f32>) over [rows] by <size> {
    }
    program.func step @step extents [] {
      %ids = program.step_input token_ids : !program.memory<i32>
      %embed = program.get weight @embed : !program.memory<f32>
      %x = program.alloc "x" bytes <tokens, mul = 128> : !program.memory<f32>
      program.launch @embedding [#program.extent<tokens>] (ids = %ids, table = %embed, out = %x) : !program.memory<i32>, !program.memory<f32>, !program.memory<f32>
    }
    ```

    Source: the table `Function` of `container/hmlt.fbs`.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, UnitAttr:$step, StrArrayAttr:$extents);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "(`step` $step^)? $sym_name `extents` $extents attr-dict-with-keyword $body";
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
    `zeroed`: filled with zeros before the first launch that uses it. `live`, which
    `program-lifetimes` sets: the first and the last launch, from 0, during which
    its bytes are its own.

    Constraints:
    - (C1) `live` is two launches, 0 <= first <= last.

    Source: the table `Buffer` of `container/hmlt.fbs`.
  }];
  let arguments = (ins StrAttr:$name, Program_ExtentAttr:$bytes, UnitAttr:$zeroed,
                       OptionalAttr<DenseI64ArrayAttr>:$live);
  let results = (outs Program_MemoryType:$result);
  let assemblyFormat = [{
    $name `bytes` $bytes (`zeroed` $zeroed^)? (`live` $live^)? attr-dict `:` type($result)
  }];
  let hasVerifier = 1;
}

def Program_StepInputOp : Program_InFunc<"step_input", [Pure]> {
  let summary = "what the runtime gives to each step";
  let description = "Source: the enumeration `StepInput` of `container/hmlt.fbs`.";
  let arguments = (ins Program_EnumAttr<Program_StepInput, "step_input">:$kind);
  let results = (outs Program_MemoryType:$result);
  let assemblyFormat = "$kind attr-dict `:` type($result)";
}

def Program_GetOp : Program_InFunc<"get", [Pure]> {
  let summary = "the memory of a weight, constant, cache or state of the module";
  let description = [{
    Constraints:
    - (C1) `source` is declared in the module.
    - (C2) elements are those of the source; a cache's are bytes.

    Source: the table `Arg` of `container/hmlt.fbs`.
  }];
  let arguments = (ins Program_EnumAttr<Program_Declared, "declared">:$kind, FlatSymbolRefAttr:$source);
  let results = (outs Program_MemoryType:$result);
  let assemblyFormat = "$kind $source attr-dict `:` type($result)";
}

class Program_Outside<string mnemonic, string what> : Program_InFunc<mnemonic> {
  let summary = what;
  let arguments = (ins StrAttr:$name, DenseI64ArrayAttr:$shape, DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$extents,
                       OptionalAttr<Program_ExtentAttr>:$rows);
}
def Program_OperandOp : Program_Outside<"operand", "what a caller gives, in order"> {
  let description = [{
    An extent of -1 is the function's extent `extents[i]`; in a step dimension 0 is
    `rows`. An operand of type `f32` is a scalar that kernels take by value.

    Constraints:
    - (C1) each extent of -1 has an entry of `extents`, or is dimension 0 with `rows`.
    - (C2) a scalar has no dimensions.

    Source: the table `Operand` of `container/hmlt.fbs`.
  }];
  let results = (outs AnyTypeOf<[Program_MemoryType, F32]>:$result);
  let assemblyFormat = "$name $shape (`extents` $extents^)? (`rows` $rows^)? attr-dict `:` type($result)";
  let hasVerifier = 1;
}
def Program_ResultOp : Program_Outside<"result", "what a caller gets, in order"> {
  let description = [{
    As `program.operand`; its extents may be derived ones.

    Constraints:
    - (C1) each extent of -1 has an entry of `extents`, or is dimension 0 with `rows`.

    Source: the table `Operand` of `container/hmlt.fbs`.
  }];
  let results = (outs Program_MemoryType:$result);
  let assemblyFormat = "$name $shape (`extents` $extents^)? (`rows` $rows^)? attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Program_RealOp : Program_InFunc<"real", [Pure]> {
  let summary = "a number as an argument of a kernel";
  let description = "Source: `Arg.value` of `container/hmlt.fbs`.";
  let arguments = (ins F32Attr:$value);
  let results = (outs F32:$result);
  let assemblyFormat = "$value attr-dict";
}

def Program_CheckOp : Program_InFunc<"check"> {
  let summary = "what is looked at before a call runs";
  let description = [{
    equal: `value` and `limit` are one number. boundaries: the i32 array ascends
    from 0 to `limit`. below: its elements are at least 0 and below `limit`.
    `what` names it in the error.

    Constraints:
    - (C1) `value` stands with equal and an array with the others.

    Source: the table `Check` of `container/hmlt.fbs`.
  }];
  let arguments = (ins Program_EnumAttr<Program_CheckKind, "check_kind">:$kind, StrAttr:$what,
                       OptionalAttr<Program_ExtentAttr>:$value, Optional<Program_MemoryType>:$array,
                       Program_ExtentAttr:$limit);
  let assemblyFormat = [{
    $kind $what (`value` $value^)? (`array` $array^ `:` type($array))? `limit` $limit attr-dict
  }];
  let hasVerifier = 1;
}

def Program_LaunchOp : Program_InFunc<"launch"> {
  let summary = "a kernel with its arguments";
  let description = [{
    `counts` are the kernel's sizes in their order. Arguments are given by name to
    all parameters that are not sizes. A grid with a 0 is not launched. `device` and
    `stream` count from 0; the launch waits for the events `wait` and signals
    `signal`.

    Constraints:
    - (C1) `counts` are extents.
    - (C2) `device` and `stream` are at least 0.
    - (C3) the kernel is declared in the module, with as many sizes.
    - (C4) each parameter that is no size has one argument of its type.

    Source: the table `Launch` of `container/hmlt.fbs`.
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, ArrayAttr:$counts, StrArrayAttr:$names,
                       Variadic<AnyTypeOf<[Program_MemoryType, F32]>>:$args,
                       OptionalAttr<I64Attr>:$layer,
                       DefaultValuedAttr<I64Attr, "0">:$device,
                       DefaultValuedAttr<I64Attr, "0">:$stream,
                       DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$wait,
                       OptionalAttr<I64Attr>:$signal);
  let assemblyFormat = [{
    $kernel $counts custom<Arguments>($names, $args) attr-dict (`:` type($args)^)?
  }];
  let hasVerifier = 1;
}

def Program_LogitsOp : Program_InFunc<"logits"> {
  let summary = "the buffer that a step's logits stand in after its last launch";
  let description = [{
    Constraints:
    - (C1) it is a buffer of f32 in a step.

    Source: `Function.logits_buffer` of `container/hmlt.fbs`.
  }];
  let arguments = (ins Program_MemoryType:$buffer);
  let assemblyFormat = "$buffer attr-dict `:` type($buffer)";
  let hasVerifier = 1;
}

#endif
