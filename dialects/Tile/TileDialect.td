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
    I32EnumAttrCase<"panel_pairs", 2>]> {
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
    view says otherwise. `!tile.desc<?x128x64xbf16, panel_pairs>` has its last
    two dimensions [K, N] in panels of 16 columns:

    - `panel`: `[ceil(N/16)][K][16]`
    - `panel_pairs`: `[ceil(N/16)][ceil(K/2)][16][2]`, two rows side by side

    What lies past N or K in the last panel is there and zero. K and N of a
    panel layout are static; leading dimensions have strides.
  }];
  let parameters = (ins
    ArrayRefParameter<"int64_t">:$shape,
    "::mlir::Type":$elementType,
    DefaultValuedParameter<"::hamlet::tile::Layout", "::hamlet::tile::Layout::strided">:$layout);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    int64_t getRank() const { return getShape().size(); }
    bool isPanel() const { return getLayout() != ::hamlet::tile::Layout::strided; }
    /// Elements of one [K, N] panel block, with its padding; 0 for strided.
    int64_t getPanelElements() const;
  }];
}

/// Where sums are split and how operands are rounded: the canonical order.
def Tile_NumericsAttr : Tile_Attr<"Numerics", "numerics"> {
  let summary = "the canonical order of a sum of products";
  let description = [{
    - `operands`: f32, f16 or bf16: the type both operands are rounded to before
      they are multiplied (f16 and bf16 weights under f32 operands are widened).
    - `accumulate`: f32.
    - `group`: products per step, in the order of k. 1: one fma per product, k
      ascending. 2 (bf16 on x86): pairs, odd element first, one fma each, as
      `vdpbf16ps` does. On PTX a bf16 product is `mma.sync`, 16 a step.
    - `split`: the sum over k (or keys) restarts at each multiple of this, and
      the parts are added in ascending order; 0: never.
  }];
  let parameters = (ins "::mlir::Type":$operands, "::mlir::Type":$accumulate,
                        "int64_t":$group, DefaultValuedParameter<"int64_t", "0">:$split);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

#endif
