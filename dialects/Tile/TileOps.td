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

    Example:
    ```mlir
    // y[instance] = instance, for a grid of any size.
    func.func @program_id(%y: !tile.ptr<i32>) attributes {tile.kernel} {
      %p = tile.program_id 0
      %v = arith.index_cast %p : index to i32
      tile.store_scalar %v, %y[%p] : i32, !tile.ptr<i32>
      return
    }
    ```
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
    - (C5) the layout is one of a target's: packed matrices are `tile.matrix`es.

    Example:
    ```mlir
    // The transpose of 3 x 5 numbers is a view with the strides exchanged.
    func.func @view(%x: !tile.ptr<f32>, %y: !tile.ptr<f32>) attributes {tile.kernel} {
      %c0 = arith.constant 0 : index
      %from = tile.view %x[%c0] sizes [5, 3] strides [1, 5] : !tile.ptr<f32> -> !tile.desc<5x3xf32>
      %to = tile.view %y[%c0] sizes [5, 3] strides [3, 1] : !tile.ptr<f32> -> !tile.desc<5x3xf32>
      %t = tile.load %from[%c0, %c0] : !tile.desc<5x3xf32> -> tensor<5x3xf32>
      tile.store %t, %to[%c0, %c0] : tensor<5x3xf32>, !tile.desc<5x3xf32>
      return
    }
    ```
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

def Tile_MatrixOp : Tile_Op<"matrix", [Pure]> {
  let summary = "a matrix of a packed array";
  let description = [{
    `tile.matrix %w[%slot, %head] of [4]` is the matrix [K, N] at these leading
    coordinates of an array `[..., 4, K, N]`, one after another: an expert's
    weights, the state of a head, a head's keys in a page. The coordinates are in
    bounds. How a matrix lies, and so where the next one begins, is the target's
    to say (`tile-assign-layout`).

    Constraints:
    - (C1) the result is `packed` or `packed_bf16`, of two static extents from 1 to 2^31 - 1.
    - (C2) there is such an extent for each coordinate but the first.
    - (C3) element types of `base` and result agree.

    Example:
    ```mlir
    // Both matrices of 5 x 7 numbers, packed.
    func.func @matrix(%x: !tile.ptr<f32>, %y: !tile.ptr<f32>) attributes {tile.kernel} {
      %c0 = arith.constant 0 : index
      %c35 = arith.constant 35 : index
      %p = tile.program_id 0
      %offset = arith.muli %p, %c35 : index
      %from = tile.view %x[%offset] sizes [5, 7] strides [7, 1] : !tile.ptr<f32> -> !tile.desc<5x7xf32>
      %to = tile.matrix %y[%p] : !tile.ptr<f32> -> !tile.desc<5x7xf32, packed>
      %t = tile.load %from[%c0, %c0] : !tile.desc<5x7xf32> -> tensor<5x7xf32>
      tile.store %t, %to[%c0, %c0] : tensor<5x7xf32>, !tile.desc<5x7xf32, packed>
      return
    }
    ```
  }];
  let arguments = (ins Tile_PtrType:$base, Variadic<Index>:$coords,
                       DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$extents);
  let results = (outs Tile_DescType:$result);
  let assemblyFormat = [{
    $base `[` $coords `]` (`of` $extents^)? attr-dict `:` type($base) `->` type($result)
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

    Example:
    ```mlir
    // Each row of 6 becomes 8 numbers: itself, shifted by one, with zeros around.
    func.func @load(%x: !tile.ptr<f32>, %y: !tile.ptr<f32>, %rows: index) attributes {tile.kernel} {
      %c0 = arith.constant 0 : index
      %before = arith.constant -1 : index
      %c4 = arith.constant 4 : index
      %p = tile.program_id 0
      %row = arith.muli %p, %c4 : index
      %from = tile.view %x[%c0] sizes [%rows, 6] strides [6, 1] : !tile.ptr<f32> -> !tile.desc<?x6xf32>
      %to = tile.view %y[%c0] sizes [%rows, 8] strides [8, 1] : !tile.ptr<f32> -> !tile.desc<?x8xf32>
      %t = tile.load %from[%row, %before] : !tile.desc<?x6xf32> -> tensor<4x8xf32>
      tile.store %t, %to[%row, %c0] : tensor<4x8xf32>, !tile.desc<?x8xf32>
      return
    }
    ```
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

    Example:
    ```mlir
    // 48 ones, of which those inside of [rows, 10] are written.
    func.func @store(%y: !tile.ptr<f32>, %rows: index) attributes {tile.kernel} {
      %c0 = arith.constant 0 : index
      %to = tile.view %y[%c0] sizes [%rows, 10] strides [10, 1] : !tile.ptr<f32> -> !tile.desc<?x10xf32>
      %one = arith.constant dense<1.0> : tensor<4x12xf32>
      tile.store %one, %to[%c0, %c0] : tensor<4x12xf32>, !tile.desc<?x10xf32>
      return
    }
    ```
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

    Example:
    ```mlir
    // Rows of a table, zeros for an index of none.
    func.func @gather(%x: !tile.ptr<f32>, %ids: !tile.ptr<i32>, %y: !tile.ptr<f32>, %rows: index) attributes {tile.kernel} {
      %c0 = arith.constant 0 : index
      %table = tile.view %x[%c0] sizes [%rows, 20] strides [20, 1] : !tile.ptr<f32> -> !tile.desc<?x20xf32>
      %list = tile.view %ids[%c0] sizes [8] strides [1] : !tile.ptr<i32> -> !tile.desc<8xi32>
      %to = tile.view %y[%c0] sizes [8, 20] strides [20, 1] : !tile.ptr<f32> -> !tile.desc<8x20xf32>
      %i = tile.load %list[%c0] : !tile.desc<8xi32> -> tensor<8xi32>
      %t = tile.gather %table[%i, %c0] : !tile.desc<?x20xf32>, tensor<8xi32> -> tensor<8x20xf32>
      tile.store %t, %to[%c0, %c0] : tensor<8x20xf32>, !tile.desc<8x20xf32>
      return
    }
    ```
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

    Example:
    ```mlir
    // The way back: rows to their places; an index of none drops its row.
    func.func @scatter(%x: !tile.ptr<f32>, %ids: !tile.ptr<i32>, %y: !tile.ptr<f32>, %rows: index) attributes {tile.kernel} {
      %c0 = arith.constant 0 : index
      %from = tile.view %x[%c0] sizes [8, 20] strides [20, 1] : !tile.ptr<f32> -> !tile.desc<8x20xf32>
      %list = tile.view %ids[%c0] sizes [8] strides [1] : !tile.ptr<i32> -> !tile.desc<8xi32>
      %table = tile.view %y[%c0] sizes [%rows, 20] strides [20, 1] : !tile.ptr<f32> -> !tile.desc<?x20xf32>
      %i = tile.load %list[%c0] : !tile.desc<8xi32> -> tensor<8xi32>
      %t = tile.load %from[%c0, %c0] : !tile.desc<8x20xf32> -> tensor<8x20xf32>
      tile.scatter %t, %table[%i, %c0] : tensor<8x20xf32>, !tile.desc<?x20xf32>, tensor<8xi32>
      return
    }
    ```
  }];
  let arguments = (ins Tile_Tile:$value, Tile_DescType:$dest, 1DTensorOf<[I32]>:$rows, Index:$col);
  let assemblyFormat = "$value `,` $dest `[` $rows `,` $col `]` attr-dict `:` type($value) `,` type($dest) `,` type($rows)";
  let hasVerifier = 1;
}

def Tile_LoadScalarOp : Tile_Op<"load_scalar", [MemoryEffects<[MemRead]>]> {
  let summary = "one element";
  let description = [{
    The element `index` elements after `base`; the caller keeps it in bounds.

    Constraints:
    - (C1) `result` is of the element type of `base`.

    Example:
    ```mlir
    // Row `chosen` of 16 numbers each, where `chosen` stands in memory.
    func.func @load_scalar(%x: !tile.ptr<f32>, %chosen: !tile.ptr<i32>, %y: !tile.ptr<f32>, %rows: index) attributes {tile.kernel} {
      %c0 = arith.constant 0 : index
      %c = tile.load_scalar %chosen[%c0] : !tile.ptr<i32> -> i32
      %row = arith.index_cast %c : i32 to index
      %from = tile.view %x[%c0] sizes [%rows, 16] strides [16, 1] : !tile.ptr<f32> -> !tile.desc<?x16xf32>
      %to = tile.view %y[%c0] sizes [16] strides [1] : !tile.ptr<f32> -> !tile.desc<16xf32>
      %t = tile.load %from[%row, %c0] : !tile.desc<?x16xf32> -> tensor<16xf32>
      tile.store %t, %to[%c0] : tensor<16xf32>, !tile.desc<16xf32>
      return
    }
    ```
  }];
  let arguments = (ins Tile_PtrType:$base, Index:$index);
  let results = (outs Tile_Scalar:$result);
  let assemblyFormat = "$base `[` $index `]` attr-dict `:` type($base) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_StoreScalarOp : Tile_Op<"store_scalar", [MemoryEffects<[MemWrite]>]> {
  let summary = "writes one element";
  let description = [{
    The element `index` elements after `base`; the caller keeps it in bounds.

    Constraints:
    - (C1) `value` is of the element type of `base`.

    Example:
    ```mlir
    // A Fibonacci sequence: y[i] = y[i - 1] + y[i - 2].
    func.func @store_scalar(%y: !tile.ptr<i32>, %n: index) attributes {tile.kernel} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %zero = arith.constant 0 : i32
      %one = arith.constant 1 : i32
      %last:2 = scf.for %i = %c0 to %n step %c1 iter_args(%a = %zero, %b = %one) -> (i32, i32) {
        tile.store_scalar %a, %y[%i] : i32, !tile.ptr<i32>
        %next = arith.addi %a, %b : i32
        scf.yield %b, %next : i32, i32
      }
      return
    }
    ```
  }];
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

    Example:
    ```mlir
    // Y = X . W of [8, 40] and [40, 24], which lies in panels; the sum over k in two parts of 32 and 8.
    func.func @dot(%x: !tile.ptr<f32>, %w: !tile.ptr<f32>, %y: !tile.ptr<f32>) attributes {tile.kernel} {
      %c0 = arith.constant 0 : index
      %xv = tile.view %x[%c0] sizes [8, 40] strides [40, 1] : !tile.ptr<f32> -> !tile.desc<8x40xf32>
      %wv = tile.view %w[%c0] sizes [40, 24] strides [] : !tile.ptr<f32> -> !tile.desc<40x24xf32, panel>
      %yv = tile.view %y[%c0] sizes [8, 24] strides [24, 1] : !tile.ptr<f32> -> !tile.desc<8x24xf32>
      %a = tile.load %xv[%c0, %c0] : !tile.desc<8x40xf32> -> tensor<8x40xf32>
      %b = tile.load %wv[%c0, %c0] : !tile.desc<40x24xf32, panel> -> tensor<40x24xf32>
      %zero = arith.constant dense<0.0> : tensor<8x24xf32>
      %d = tile.dot #tile.numerics<operands = f32, accumulate = f32, group = 1, split = 2> %a, %b, %zero : tensor<8x40xf32>, tensor<40x24xf32> -> tensor<8x24xf32>
      tile.store %d, %yv[%c0, %c0] : tensor<8x24xf32>, !tile.desc<8x24xf32>
      return
    }
    ```
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

    Example:
    ```mlir
    // The sum of each row of 50 numbers in 4 parts, and its largest.
    func.func @reduce(%x: !tile.ptr<f32>, %sums: !tile.ptr<f32>, %most: !tile.ptr<f32>) attributes {tile.kernel} {
      %c0 = arith.constant 0 : index
      %xv = tile.view %x[%c0] sizes [6, 50] strides [50, 1] : !tile.ptr<f32> -> !tile.desc<6x50xf32>
      %sv = tile.view %sums[%c0] sizes [6] strides [1] : !tile.ptr<f32> -> !tile.desc<6xf32>
      %mv = tile.view %most[%c0] sizes [6] strides [1] : !tile.ptr<f32> -> !tile.desc<6xf32>
      %t = tile.load %xv[%c0, %c0] : !tile.desc<6x50xf32> -> tensor<6x50xf32>
      %s = tile.reduce sum %t axis 1 split 4 : tensor<6x50xf32> -> tensor<6xf32>
      %m = tile.reduce max %t axis 1 : tensor<6x50xf32> -> tensor<6xf32>
      tile.store %s, %sv[%c0] : tensor<6xf32>, !tile.desc<6xf32>
      tile.store %m, %mv[%c0] : tensor<6xf32>, !tile.desc<6xf32>
      return
    }
    ```
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

    Example:
    ```mlir
    // Running sums of 30 numbers, and the errors of the additions.
    func.func @scan(%x: !tile.ptr<f32>, %high: !tile.ptr<f32>, %low: !tile.ptr<f32>) attributes {tile.kernel} {
      %c0 = arith.constant 0 : index
      %xv = tile.view %x[%c0] sizes [30] strides [1] : !tile.ptr<f32> -> !tile.desc<30xf32>
      %hv = tile.view %high[%c0] sizes [30] strides [1] : !tile.ptr<f32> -> !tile.desc<30xf32>
      %lv = tile.view %low[%c0] sizes [30] strides [1] : !tile.ptr<f32> -> !tile.desc<30xf32>
      %t = tile.load %xv[%c0] : !tile.desc<30xf32> -> tensor<30xf32>
      %s, %e = tile.scan %t axis 0 : tensor<30xf32> -> tensor<30xf32>, tensor<30xf32>
      tile.store %s, %hv[%c0] : tensor<30xf32>, !tile.desc<30xf32>
      tile.store %e, %lv[%c0] : tensor<30xf32>, !tile.desc<30xf32>
      return
    }
    ```
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

    Example:
    ```mlir
    // y[i][j] = i - j.
    func.func @iota(%y: !tile.ptr<i32>) attributes {tile.kernel} {
      %c0 = arith.constant 0 : index
      %yv = tile.view %y[%c0] sizes [5, 20] strides [20, 1] : !tile.ptr<i32> -> !tile.desc<5x20xi32>
      %i = tile.iota axis 0 : tensor<5x20xi32>
      %j = tile.iota axis 1 : tensor<5x20xi32>
      %d = arith.subi %i, %j : tensor<5x20xi32>
      tile.store %d, %yv[%c0, %c0] : tensor<5x20xi32>, !tile.desc<5x20xi32>
      return
    }
    ```
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
    - (C2) the named dimensions have the size of the source's.
    - (C3) element types agree.

    Example:
    ```mlir
    // y[i][j] = x[i] * w[j].
    func.func @broadcast(%x: !tile.ptr<f32>, %w: !tile.ptr<f32>, %y: !tile.ptr<f32>) attributes {tile.kernel} {
      %c0 = arith.constant 0 : index
      %xv = tile.view %x[%c0] sizes [6] strides [1] : !tile.ptr<f32> -> !tile.desc<6xf32>
      %wv = tile.view %w[%c0] sizes [18] strides [1] : !tile.ptr<f32> -> !tile.desc<18xf32>
      %yv = tile.view %y[%c0] sizes [6, 18] strides [18, 1] : !tile.ptr<f32> -> !tile.desc<6x18xf32>
      %a = tile.load %xv[%c0] : !tile.desc<6xf32> -> tensor<6xf32>
      %b = tile.load %wv[%c0] : !tile.desc<18xf32> -> tensor<18xf32>
      %rows = tile.broadcast %a dims [0] : tensor<6xf32> -> tensor<6x18xf32>
      %columns = tile.broadcast %b dims [1] : tensor<18xf32> -> tensor<6x18xf32>
      %p = arith.mulf %rows, %columns : tensor<6x18xf32>
      tile.store %p, %yv[%c0, %c0] : tensor<6x18xf32>, !tile.desc<6x18xf32>
      return
    }
    ```
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
    The element is a scalar then, which decides a branch or counts a loop.

    Constraints:
    - (C1) one index for each dimension.
    - (C2) the result is of the element type of `source`.

    Example:
    ```mlir
    // The place of the first of the largest of 24 numbers, and that number.
    func.func @extract(%x: !tile.ptr<f32>, %at: !tile.ptr<i32>, %y: !tile.ptr<f32>) attributes {tile.kernel} {
      %c0 = arith.constant 0 : index
      %xv = tile.view %x[%c0] sizes [24] strides [1] : !tile.ptr<f32> -> !tile.desc<24xf32>
      %t = tile.load %xv[%c0] : !tile.desc<24xf32> -> tensor<24xf32>
      %most = tile.reduce max %t axis 0 : tensor<24xf32> -> tensor<f32>
      %all = tile.broadcast %most dims [] : tensor<f32> -> tensor<24xf32>
      %is = arith.cmpf oeq, %t, %all : tensor<24xf32>
      %i = tile.iota axis 0 : tensor<24xi32>
      %none = arith.constant dense<24> : tensor<24xi32>
      %where = arith.select %is, %i, %none : tensor<24xi1>, tensor<24xi32>
      %first = tile.reduce min %where axis 0 : tensor<24xi32> -> tensor<i32>
      %place = tile.extract %first[] : tensor<i32> -> i32
      %index = arith.index_cast %place : i32 to index
      %value = tile.extract %t[%index] : tensor<24xf32> -> f32
      tile.store_scalar %place, %at[%c0] : i32, !tile.ptr<i32>
      tile.store_scalar %value, %y[%c0] : f32, !tile.ptr<f32>
      return
    }
    ```
  }];
  let arguments = (ins Tile_Tile:$source, Variadic<Index>:$indices);
  let results = (outs Tile_Scalar:$result);
  let assemblyFormat = "$source `[` $indices `]` attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
}

#endif
