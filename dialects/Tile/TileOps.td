//===- TileOps.td - the ops of the tile dialect ------------------*- tablegen -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TILE_OPS_TD
#define HAMLET_TILE_OPS_TD

include "dialects/Tile/TileDialect.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Tile_Op<string mnemonic, list<Trait> traits = []>
    : Op<Tile_Dialect, mnemonic, traits>;

def Tile_Scalar : AnyTypeOf<[F32, BF16, F16, F64, I32, I64, I1]>;
def Tile_Tile : StaticShapeTensorOf<[F32, BF16, F16, F64, I32, I64, I1]>;

def Tile_ProgramIdOp : Tile_Op<"program_id", [Pure]> {
  let summary = "the instance's coordinate in the grid";
  let description = [{
    `axis` is 0, 1 or 2; axis 0 varies fastest.

    Constraints:
    - (C1) `axis` is 0, 1 or 2.
  }];
  let arguments = (ins I32Attr:$axis);
  let results = (outs Index:$result);
  let assemblyFormat = "$axis attr-dict";
  let hasVerifier = 1;
}

def Tile_ViewOp : Tile_Op<"view", [Pure, AttrSizedOperandSegments]> {
  let summary = "names memory: base, extents, strides";
  let description = [{
    `tile.view %p[%offset] sizes [%T, 128] strides [256, 1]` starts `offset`
    elements after `p`. Strides are elements, one for each dimension; a panel
    layout has strides for its leading dimensions only (none for rank 2), and
    its last two sizes are static.

    Constraints:
    - (C1) one size for each dimension of the result, equal where both are static.
    - (C2) one stride for each dimension (strided), or for each but the last two (panel).
    - (C3) element types of `base` and result agree.
    - (C4) the last two dimensions of a panel layout are static.
  }];
  let arguments = (ins Tile_PtrType:$base, Index:$offset,
                       Variadic<Index>:$sizes, Variadic<Index>:$strides,
                       DenseI64ArrayAttr:$staticSizes, DenseI64ArrayAttr:$staticStrides);
  let results = (outs Tile_DescType:$result);
  let assemblyFormat = [{
    $base `[` $offset `]` `sizes` custom<DynamicIndexList>($sizes, $staticSizes)
    `strides` custom<DynamicIndexList>($strides, $staticStrides)
    attr-dict `:` type($base) `->` type($result)
  }];
  let extraClassDeclaration = [{
    ::llvm::SmallVector<::mlir::OpFoldResult> getMixedSizes();
    ::llvm::SmallVector<::mlir::OpFoldResult> getMixedStrides();
  }];
  let hasVerifier = 1;
}

def Tile_LoadOp : Tile_Op<"load", [MemoryEffects<[MemRead]>]> {
  let summary = "a box of a view; zero outside its bounds";
  let description = [{
    The box is the result's shape over the view's last dimensions; `coords` has
    one coordinate (elements, may be negative) for each dimension of the view,
    where the box starts. A coordinate of a leading dimension that the box does
    not span must be in bounds, else everything is zero.

    Constraints:
    - (C1) one coordinate for each dimension of the view.
    - (C2) the result's rank is at most the view's.
    - (C3) the element types agree.
  }];
  let arguments = (ins Tile_DescType:$source, Variadic<Index>:$coords);
  let results = (outs Tile_Tile:$result);
  let assemblyFormat = "$source `[` $coords `]` attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_StoreOp : Tile_Op<"store", [MemoryEffects<[MemWrite]>]> {
  let summary = "writes a box of a view; nothing outside its bounds";
  let description = [{
    As `tile.load`. Storing to a panel layout writes no padding.

    Constraints:
    - (C1) one coordinate for each dimension of the view.
    - (C2) the tile's rank is at most the view's.
    - (C3) the element types agree.
  }];
  let arguments = (ins Tile_Tile:$value, Tile_DescType:$dest, Variadic<Index>:$coords);
  let assemblyFormat = "$value `,` $dest `[` $coords `]` attr-dict `:` type($value) `,` type($dest)";
  let hasVerifier = 1;
}

def Tile_GatherOp : Tile_Op<"gather", [MemoryEffects<[MemRead]>]> {
  let summary = "rows of a rank-2 view by index";
  let description = [{
    Row i of the result is columns `col`.. of row `rows[i]` of the view; zero
    where the row or column is out of bounds (a row of -1 is a common filler).

    Constraints:
    - (C1) the view has rank 2 and is strided.
    - (C2) the result is [M, N] with M the length of `rows`.
    - (C3) the element types agree.
  }];
  let arguments = (ins Tile_DescType:$source, 1DTensorOf<[I32]>:$rows, Index:$col);
  let results = (outs Tile_Tile:$result);
  let assemblyFormat = "$source `[` $rows `,` $col `]` attr-dict `:` type($source) `,` type($rows) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_ScatterOp : Tile_Op<"scatter", [MemoryEffects<[MemWrite]>]> {
  let summary = "writes rows of a rank-2 view by index";
  let description = [{
    Row i of `value` goes to columns `col`.. of row `rows[i]`; rows and columns
    out of bounds are dropped. Two equal rows leave one of the values.

    Constraints:
    - (C1) the view has rank 2 and is strided.
    - (C2) the value is [M, N] with M the length of `rows`.
    - (C3) the element types agree.
  }];
  let arguments = (ins Tile_Tile:$value, Tile_DescType:$dest, 1DTensorOf<[I32]>:$rows, Index:$col);
  let assemblyFormat = "$value `,` $dest `[` $rows `,` $col `]` attr-dict `:` type($value) `,` type($dest) `,` type($rows)";
  let hasVerifier = 1;
}

def Tile_LoadScalarOp : Tile_Op<"load_scalar", [MemoryEffects<[MemRead]>]> {
  let summary = "one element";
  let description = "The element `index` elements after `base`; the caller keeps it in bounds.";
  let arguments = (ins Tile_PtrType:$base, Index:$index);
  let results = (outs Tile_Scalar:$result);
  let assemblyFormat = "$base `[` $index `]` attr-dict `:` type($base) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_StoreScalarOp : Tile_Op<"store_scalar", [MemoryEffects<[MemWrite]>]> {
  let summary = "writes one element";
  let description = "The element `index` elements after `base`; the caller keeps it in bounds.";
  let arguments = (ins Tile_Scalar:$value, Tile_PtrType:$base, Index:$index);
  let assemblyFormat = "$value `,` $base `[` $index `]` attr-dict `:` type($value) `,` type($base)";
  let hasVerifier = 1;
}

def Tile_DotOp : Tile_Op<"dot", [Pure, AttrSizedOperandSegments, AllTypesMatch<["acc", "result"]>]> {
  let summary = "result = acc + a . b";
  let description = [{
    `a` is [M, K], `b` [K, N], `acc` and the result [M, N] in f32. Each element
    is summed alone, k ascending, as `numerics` says; its bits depend on its row
    of `a`, its column of `b` and its `acc`, on nothing else.

    - f32 operands (group 1): acc = fma(a[k], b[k], acc). An `a` or `b` of bf16 or
      f16 is widened, which is exact.
    - bf16 operands (group 2): both are bf16; for each pair
      acc = fma(a[2j], b[2j], fma(a[2j+1], b[2j+1], acc)); an odd K ends with a
      product by zero.

    With a `split`, these are the sums of the parts of K, which begin at +0; the
    parts are added in a tree, and `acc` to it.

    K may be the whole of a long sum: loads are views, and the backend blocks
    them. Transposed operands are views with other strides.

    `prefetch` changes no result: what is needed soon comes into a cache while
    the product works. Of a strided view that is M rows from the coordinates on,
    some for each row of the product; they may lie outside of the view. Of a view
    in panels it is the next `b`, a strip for each step of k. The CPU target does
    it; the PTX target ignores it.

    Constraints:
    - (C1) shapes agree.
    - (C2) `acc` is f32.
    - (C3) operands of bf16 numerics are bf16; under f32 each is f32, bf16 or f16.
    - (C4) what is prefetched is a view of rank 2 with two coordinates: strided,
      of contiguous rows, or in panels and of the type of `b`'s.
  }];
  let arguments = (ins Tile_Tile:$a, Tile_Tile:$b, Tile_Tile:$acc, Optional<Tile_DescType>:$next,
                       Variadic<Index>:$nextCoords, Tile_NumericsAttr:$numerics);
  let results = (outs Tile_Tile:$result);
  let assemblyFormat = [{
    $numerics $a `,` $b `,` $acc (`prefetch` `(` $next^ `[` $nextCoords `]` `:` type($next) `)`)? attr-dict
    `:` type($a) `,` type($b) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Tile_ReduceOp : Tile_Op<"reduce", [Pure]> {
  let summary = "reduces one dimension";
  let description = [{
    `axis` is removed from the shape. Element types f32 and i32.

    An f32 sum over n elements x of the last axis has S = `strands` partial sums,
    p[l] = ((x[l] + x[S+l]) + x[2S+l]) + ... (each starts at its first element; of
    n below S the missing ones are +0), then p[l] += p[l+S/2] for l < S/2, and so
    on, S halving, down to p[0] + p[1]. With `split` the axis is cut into parts
    first, and the parts' sums, each of S partial sums, are added in a balanced
    tree, both as `#tile.numerics` has them. Over another axis: ascending.
    The CPU target lowers 16 strands, PTX 16 and 32.

    `max` is arith.maximumf / maxsi, `min` minimumf / minsi.
    `maxnum` is the larger of two numbers; of a number and a NaN it may be either.
    Where a NaN reaches the result another way, this is a third of max's work.

    Constraints:
    - (C1) `axis` is a dimension of `source`.
    - (C2) the result is `source` without that dimension.
    - (C3) `maxnum` is of f32.
    - (C4) elements are f32 or i32.
    - (C5) `strands` is a power of two and `split` is 0 or one; others than 16
      and 0 only for an f32 sum over the last axis.
  }];
  let arguments = (ins Tile_Tile:$source, Tile_ReductionAttr:$kind, I64Attr:$axis,
                       DefaultValuedAttr<I64Attr, "16">:$strands, DefaultValuedAttr<I64Attr, "0">:$split);
  let results = (outs Tile_Tile:$result);
  let assemblyFormat = [{
    $kind $source `axis` $axis (`strands` $strands^)? (`split` $split^)? attr-dict
    `:` type($source) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Tile_ScanOp : Tile_Op<"scan", [Pure]> {
  let summary = "inclusive running sums along one dimension, ascending";
  let description = [{
    i32: `sums` alone. f32: `sums` is the high and `errors` the low part of a
    compensated sum (Knuth's two-sum carries the error of each addition), so that
    differences of far-apart sums keep their small addends; sums + errors is exact
    to about 2^-45.

    Constraints:
    - (C1) `axis` is a dimension of `source`.
    - (C2) results have the type of `source`; i32 has no `errors`, f32 has.
  }];
  let arguments = (ins Tile_Tile:$source, I64Attr:$axis);
  let results = (outs Tile_Tile:$sums, Optional<Tile_Tile>:$errors);
  let assemblyFormat = "$source `axis` $axis attr-dict `:` type($source) `->` type($sums) (`,` type($errors)^)?";
  let hasVerifier = 1;
}

def Tile_IotaOp : Tile_Op<"iota", [Pure]> {
  let summary = "the index along one dimension";
  let description = [{
    i32 tiles.

    Constraints:
    - (C1) `axis` is a dimension of the result, whose elements are i32.
  }];
  let arguments = (ins I64Attr:$axis);
  let results = (outs Tile_Tile:$result);
  let assemblyFormat = "`axis` $axis attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Tile_BroadcastOp : Tile_Op<"broadcast", [Pure]> {
  let summary = "repeats a tile along new dimensions";
  let description = [{
    Dimension i of `source` is dimension `dims[i]` of the result. A tile of rank 0
    has no `dims`.

    Constraints:
    - (C1) one entry in `dims` for each dimension of `source`, ascending.
    - (C2) the named dimensions have the size of the source's; element types agree.
  }];
  let arguments = (ins Tile_Tile:$source, DenseI64ArrayAttr:$dims);
  let results = (outs Tile_Tile:$result);
  let assemblyFormat = "$source `dims` $dims attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Tile_ExtractOp : Tile_Op<"extract", [Pure]> {
  let summary = "the only element of a tile of rank 0, or one element by index";
  let description = [{
    Constraints:
    - (C1) one index for each dimension.
  }];
  let arguments = (ins Tile_Tile:$source, Variadic<Index>:$indices);
  let results = (outs Tile_Scalar:$result);
  let assemblyFormat = "$source `[` $indices `]` attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
}

#endif
