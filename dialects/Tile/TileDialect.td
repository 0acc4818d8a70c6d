//===- TileDialect.td - kernels as programs over tiles -----------*- tablegen -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TILE_DIALECT_TD
#define HAMLET_TILE_DIALECT_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"

def Tile_Dialect : Dialect {
  let name = "tile";
  let summary = "a kernel as a program over tiles";
  let description = [{
    A kernel is a `func.func` with the attribute `tile.kernel`. Its arguments
    are `!tile.ptr`, `index` and `f32`; it returns nothing. A grid of program
    instances runs it; each reads its place with `tile.program_id`, and
    instances are independent of each other: none reads what another writes.
    An argument's attribute `tile.name` is its name, a string of which each
    argument of a kernel has another: a launch binds by it.

    Tiles are statically shaped builtin tensors (`tensor<64x128xbf16>`), of rank
    0 to 2 (dots) or any rank (elementwise). Elementwise work is upstream
    `arith` and `math` on tiles, control is `scf.for` and `scf.if` with tiles as
    loop values, constants are `arith.constant` and `tensor.splat`. Arithmetic
    on bf16 and f16 is not allowed: widen with `arith.extf`, compute in f32,
    round with `arith.truncf` (nearest even).

    No op knows a model concept. Memory is named by views (`!tile.desc`): loads
    outside a view's bounds, on either side, give zero, and stores outside are
    dropped, so that a kernel says nothing about ragged edges. Loads and stores
    of one instance take effect in program order.

    The order of every sum is part of an op's meaning and is stated with it;
    backends choose registers, blocks and threads, never the order (on targets
    whose matrix instructions sum in groups, the group is the instruction's).

    A `math.exp2` with the attribute `tile.nonpositive` has an operand that is at
    most 0 or NaN, which takes less work: 2^x within 1 ulp, 0 from -126.5 down.
    Above 0 its result is not defined.

    Example:
    ```mlir
    // Weights of a decay: 2^-j for j from 0 to 39.
    func.func @nonpositive(%y: !tile.ptr<f32>) attributes {tile.kernel} {
      %c0 = arith.constant 0 : index
      %yv = tile.view %y[%c0] sizes [40] strides [1] : !tile.ptr<f32> -> !tile.desc<40xf32>
      %i = tile.iota axis 0 : tensor<40xi32>
      %j = arith.sitofp %i : tensor<40xi32> to tensor<40xf32>
      %n = arith.negf %j : tensor<40xf32>
      %d = math.exp2 %n {tile.nonpositive} : tensor<40xf32>
      tile.store %d, %yv[%c0] : tensor<40xf32>, !tile.desc<40xf32>
      return
    }
    ```
  }];
  let cppNamespace = "::hamlet::tile";
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
    "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect",
    "::mlir::func::FuncDialect"
  ];
}

class Tile_Type<string name, string mnem, list<Trait> traits = []>
    : TypeDef<Tile_Dialect, name, traits> {
  let mnemonic = mnem;
}
class Tile_Attr<string name, string mnem, list<Trait> traits = []>
    : AttrDef<Tile_Dialect, name, traits> {
  let mnemonic = mnem;
}

def Tile_LayoutKind : I32EnumAttr<"Layout", "how the last two dimensions of a view lie in memory", [
    I32EnumAttrCase<"strided", 0>,
    I32EnumAttrCase<"panel", 1>,
    I32EnumAttrCase<"panel_pairs", 2>,
    I32EnumAttrCase<"blocks", 3>,
    I32EnumAttrCase<"packed", 4>,
    I32EnumAttrCase<"packed_bf16", 5>]> {
  let cppNamespace = "::hamlet::tile";
  let genSpecializedAttr = 0;
}

def Tile_Reduction : I32EnumAttr<"Reduction", "what a reduction does", [
    I32EnumAttrCase<"sum", 0>,
    I32EnumAttrCase<"max", 1>,
    I32EnumAttrCase<"min", 2>,
    I32EnumAttrCase<"maxnum", 3>]> {
  let cppNamespace = "::hamlet::tile";
  let genSpecializedAttr = 0;
}

def Tile_ReductionAttr : EnumAttr<Tile_Dialect, Tile_Reduction, "reduction">;

def Tile_PtrType : Tile_Type<"Ptr", "ptr"> {
  let summary = "the address of elements in global memory";
  let description = [{
    A kernel argument. Two pointers of a kernel that are written through do not
    overlap with any other. Aligned to 64 bytes, as are all buffers.
  }];
  let parameters = (ins "::mlir::Type":$elementType);
  let assemblyFormat = "`<` $elementType `>`";
}

def Tile_DescType : Tile_Type<"Desc", "desc"> {
  let summary = "a view of global memory: extents, strides, layout";
  let description = [{
    `!tile.desc<?x128xf32>` is a strided view; the last stride is 1 unless the
    view says otherwise.

    `!tile.desc<128x64xbf16, packed_bf16>` is a matrix [K, N] that lies as the
    target likes the right operand of a product: `packed` for products of f32,
    `packed_bf16` for those of bf16. Kernels are written with these;
    `tile-assign-layout` puts in what the target says:

    - `panel`: `[ceil(N/16)][K][16]`
    - `panel_pairs`: `[ceil(N/16)][ceil(K/2)][16][2]`, two rows side by side
    - `blocks`: `[ceil(N/64)][ceil(K/64)][64][64]`, in a block
      64 of k for each of 64 n. Of n's line of 128 bytes the eight k from 8 u on
      stand in unit u xor n % 8, as a swizzle of 128 bytes has them in the shared
      memory of a GPU.

    Pairs, blocks and `packed_bf16` have elements of 2 bytes. What lies past N or K
    is there and zero. K and N of a matrix are static; in a
    view its leading dimensions have strides.
  }];
  let parameters = (ins
    ArrayRefParameter<"int64_t">:$shape,
    "::mlir::Type":$elementType,
    DefaultValuedParameter<"::hamlet::tile::Layout", "::hamlet::tile::Layout::strided">:$layout);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    int64_t getRank() const { return getShape().size(); }
    /// Not strided: the last two dimensions are a matrix.
    bool isMatrix() const { return getLayout() != ::hamlet::tile::Layout::strided; }
    bool isPanel() const {
      return getLayout() == ::hamlet::tile::Layout::panel || getLayout() == ::hamlet::tile::Layout::panel_pairs;
    }
    /// The target is yet to say how it lies.
    bool isPacked() const {
      return getLayout() == ::hamlet::tile::Layout::packed || getLayout() == ::hamlet::tile::Layout::packed_bf16;
    }
  }];
}

/// Where sums are split and how operands are rounded: the canonical order.
def Tile_NumericsAttr : Tile_Attr<"Numerics", "numerics"> {
  let summary = "the canonical order of a sum of products";
  let description = [{
    - `operands`: f32 or bf16: the type both operands are rounded to before they
      are multiplied (f16 and bf16 weights under f32 operands are widened).
    - `accumulate`: f32.
    - `group`: products per step, in the order of k. 1: one fma per product, k
      ascending. 2 (bf16 on x86): pairs, odd element first, one fma each, as
      `vdpbf16ps` does. On PTX a bf16 product is `mma.sync`, 16 a step.
    - `split`: S, a power of two; 0 or 1: none, one sum that begins as `acc`. Else
      K is cut at multiples of P = 16 ceil(K / (16 S)) into at most S parts, of
      which the last may be shorter and those past K are absent. Each is summed
      from +0 as above; the parts' sums are added in a balanced binary tree over
      neighbours, ((p0 + p1) + (p2 + p3)) + ..., an odd one is carried up; last
      comes `acc` + tree. An `acc` that is a constant of zeros is left out.

    K = 200 and S = 4 give P = 64 and parts of 64, 64, 64 and 8:
    `acc + ((p0 + p1) + (p2 + p3))`. A short sum has a small error: of K products
    in one sum it grows with K, of parts with K / S + log2(S). And whoever owns
    whole parts can hand over one number for each.

    Constraints:
    - (C1) `accumulate` is f32.
    - (C2) `operands` is f32 or bf16.
    - (C3) `group` is 2 for bf16 operands, 1 for f32.
    - (C4) `split` is 0 or a power of two.
  }];
  let parameters = (ins "::mlir::Type":$operands, "::mlir::Type":$accumulate,
                        "int64_t":$group, DefaultValuedParameter<"int64_t", "0">:$split);
  let extraClassDeclaration = [{
    /// P of a sum over `k`; `k` if it is not split.
    int64_t getPart(int64_t k) const { return ::hamlet::tile::partOf(k, getSplit()); }
  }];
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

#endif
