//===- NNOps.td - the ops of the nn dialect ----------------------*- tablegen -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_NN_OPS_TD
#define HAMLET_NN_OPS_TD

include "dialects/NN/NNDialect.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/IR/SymbolInterfaces.td"

class NN_Op<string mnemonic, list<Trait> traits = []>
    : Op<NN_Dialect, mnemonic, traits>;

class NN_GraphOp<string mnemonic, list<string> answers = [],
                 list<Trait> traits = [Pure]>
    : Graph_Op<NN_Dialect, mnemonic, traits, answers>;

def NN_Tensor23 : TensorRankOf<[F32, BF16], [2, 3]>;

//===----------------------------------------------------------------------===//
// Weights, ids, rows
//===----------------------------------------------------------------------===//

def NN_WeightOp : NN_Op<"weight", [Pure]> {
  let summary = "a tensor of the checkpoint, by name";
  let description = [{
    The name is that of the value in the binary's weight manifest. `recipe` says
    how it comes out of the checkpoint's tensors; without it, it is the tensor of
    that name. Two weights with one name and type are one value. Linear weights
    are [out, in]. Keys of a recipe, `docs/graph-module.md` has more:

    - `sources`: the checkpoint's names, `shapes`: theirs, as stored. Several are
      concatenated along rows, or with `stack` lie along a new leading dimension.
    - `permute = [a, b, c]`: rows seen as [a, b, c] are taken as [b, a, c].
    - `add_one`: 1 is added (norms stored around 0).

    Elements are widened or rounded to the type of the result.

    Constraints:
    - (C1) the name is not empty.
    - (C2) every extent is static and at least 1.

    Example:
    ```mlir
    func.func @nn_weight(%x: tensor<?x32xf32>) -> tensor<?x48xf32> {
      %w = nn.weight @proj.weight : tensor<48x32xf32>
      %y = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %w : (tensor<?x32xf32>, tensor<48x32xf32>) -> tensor<?x48xf32>
      return %y : tensor<?x48xf32>
    }
    ```

    Source: safetensors, torch.nn.Linear (weights [out, in]).
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, OptionalAttr<DictionaryAttr>:$recipe);
  let results = (outs AnyStaticShapeTensor:$result);
  let assemblyFormat = "$sym_name attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def NN_EmbeddingOp : NN_GraphOp<"embedding", ["addChecks", "ask"]> {
  let summary = "rows of a table by token id";
  let description = [{
        result[t, :] = table[ids[t], :]

    - `ids`: `[T]`, 0 <= id < V (the runtime checks them before a step).
    - `table`: `[V, H]`, as stored.
    - `result`: `[T, H]`; widened or rounded once where the types differ.

    Constraints:
    - (C1) `result` is [T, H].

    Example:
    ```mlir
    func.func @nn_embedding(%ids: tensor<?xi32>, %table: tensor<96x32xf32>) -> tensor<?x32xf32> {
      %y = nn.embedding %ids, %table : (tensor<?xi32>, tensor<96x32xf32>) -> tensor<?x32xf32>
      return %y : tensor<?x32xf32>
    }
    ```

    Source: torch.nn.Embedding.
  }];
  let arguments = (ins Graph_I32<1>:$ids, Graph_Weight<2>:$table);
  let results = (outs Graph_Activation<2>:$result);
  let assemblyFormat = "$ids `,` $table attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def NN_SelectRowsOp : NN_GraphOp<"select_rows",
    ["addChecks", "getGatheredFrom", "ask"]> {
  let summary = "rows by index";
  let description = [{
        result[r, :] = x[rows[r], :]

    - `x`: `[T, W]`; `rows`: `[R]`, 0 <= row < T; `result`: `[R, W]`.

    Constraints:
    - (C1) `result` is [R, W] of x's type.

    Example:
    ```mlir
    func.func @nn_select_rows(%x: tensor<?x32xf32>, %rows: tensor<?xi32>) -> tensor<?x32xf32> {
      %y = nn.select_rows %x, %rows : (tensor<?x32xf32>, tensor<?xi32>) -> tensor<?x32xf32>
      return %y : tensor<?x32xf32>
    }
    ```

    Source: torch.index_select.
  }];
  let arguments = (ins Graph_Activation<2>:$x, Graph_I32<1>:$rows);
  let results = (outs Graph_Activation<2>:$result);
  let assemblyFormat = "$x `,` $rows attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

def NN_LinearOp : NN_GraphOp<"linear", ["isPacked", "ask"]> {
  let summary = "a matrix product with a weight";
  let description = [{
        result[t, n] = round(sum_k x[t, k] * w[n, k] + bias[n])

    The sum starts at +0 and runs over k as `numerics` says, in parts with a
    `split`; the bias is added to the f32 sum; the result is rounded once. Under
    f32 operands bf16 and f16 tensors are widened.

    - `x`: `[T, K]`; `w`: `[N, K]` as stored (i8 and f8E4M3FN are quantised
      storage); `bias`: `[N]`; `result`: `[T, N]`, f32 or x's type.

    Constraints:
    - (C1) `w` is [N, K] with the K of `x`.
    - (C2) `result` is [T, N].
    - (C3) `bias` has N elements.
    - (C4) under bf16 operands `x` and `w` are bf16.
    - (C5) elements of `result` are f32 or x's.

    Examples:
    ```mlir
    func.func @nn_linear(%x: tensor<?x32xf32>, %w: tensor<48x32xf32>) -> tensor<?x48xf32> {
      %y = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %w : (tensor<?x32xf32>, tensor<48x32xf32>) -> tensor<?x48xf32>
      return %y : tensor<?x48xf32>
    }
    ```
    ```mlir
    func.func @nn_linear_bias(%x: tensor<?x32xbf16>, %w: tensor<48x32xbf16>, %b: tensor<48xf32>) -> tensor<?x48xbf16> {
      %y = nn.linear #tile.numerics<operands = bf16, accumulate = f32, group = 2> %x, %w bias(%b) : (tensor<?x32xbf16>, tensor<48x32xbf16>, tensor<48xf32>) -> tensor<?x48xbf16>
      return %y : tensor<?x48xbf16>
    }
    ```

    Source: torch.nn.Linear.
  }];
  let arguments = (ins Graph_Activation<2>:$x, Graph_Weight<2>:$w,
                       Optional<TensorRankOf<[F32, BF16, F16], [1]>>:$bias,
                       Graph_Numerics:$numerics);
  let results = (outs Graph_Activation<2>:$result);
  let assemblyFormat = [{
    $numerics $x `,` $w (`bias` `(` $bias^ `)`)? attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def NN_LmHeadOp : NN_GraphOp<"lm_head", ["isPacked", "ask"]> {
  let summary = "logits: an f32 product with the vocabulary's weight";
  let description = [{
        result[r, v] = sum_k x[r, k] * w[v, k]

    in f32, with `x` unrounded and `w` widened from its stored type, k ascending.

    - `x`: `[R, H]` f32; `w`: `[V, H]` as stored; `result`: `[R, V]` f32.

    Constraints:
    - (C1) `w` is [V, H] and `result` [R, V].
    - (C2) `numerics` has f32 operands.

    Example:
    ```mlir
    func.func @nn_lm_head(%x: tensor<?x32xf32>, %w: tensor<96x32xbf16>) -> tensor<?x96xf32> {
      %y = nn.lm_head #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %w : (tensor<?x32xf32>, tensor<96x32xbf16>) -> tensor<?x96xf32>
      return %y : tensor<?x96xf32>
    }
    ```

    Source: MiniMax-M1 technical report, arXiv:2506.13585, figure 3 (f32 head).
  }];
  let arguments = (ins Graph_F32<2>:$x, Graph_Weight<2>:$w, Graph_Numerics:$numerics);
  let results = (outs Graph_F32<2>:$result);
  let assemblyFormat = "$numerics $x `,` $w attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Norms and elementwise
//===----------------------------------------------------------------------===//

def NN_RmsNormOp : NN_GraphOp<"rms_norm", ["getHeadsOf", "ask"]> {
  let summary = "root-mean-square norm of each row";
  let description = [{
    The last dimension, W, is cut into `groups` equal parts of n = W / groups
    elements; each is normalised alone:

        u = x * (1 / sqrt(sum(x * x) / n + eps))
        result = w * u

    (`1 + w` in place of `w` where `unit_offset` is set). All in f32. The sum
    over n is the sum of `sum_blocks` equal parts, each summed as `tile.reduce`
    sums a last axis (16 partial sums, then a tree; with `sum_split` that in parts),
    added ascending from the first: with one block for each head a norm over all
    heads shards by heads.
    Between bf16 and bf16, u is rounded to bf16 before the product with `w`, and
    the product is rounded once; an f32 result of a bf16 `x` rounds nothing.

    - `x`: `[T, W]` or `[T, heads, W]`; `w`: `[W]`, or `[W / groups]` shared by the
      groups; `result`: as `x`, f32 or x's type.
    - `eps`: added to the mean of squares.
    - `inverse`, optional: `[T, heads * groups]` f32, 1 / sqrt(mean + eps) of each
      part, which the gradient needs again.

    Constraints:
    - (C1) `result` has the shape of `x`, and elements of f32 or x's.
    - (C2) `groups` and `sum_blocks` are at least 1 and groups * sum_blocks divides
      W; `sum_split` is 0 or a power of two.
    - (C3) `w` has W or W / groups elements.
    - (C4) `eps` is at least 0.
    - (C5) `inverse` has a row for each token and a column for each part.

    Examples:
    ```mlir
    func.func @nn_rms_norm_inverse(%x: tensor<?x32xf32>, %w: tensor<32xf32>) -> (tensor<?x32xf32>, tensor<?x1xf32>) {
      %y, %r = nn.rms_norm %x, %w {eps = 1.0e-5 : f32} : (tensor<?x32xf32>, tensor<32xf32>) -> (tensor<?x32xf32>, tensor<?x1xf32>)
      return %y, %r : tensor<?x32xf32>, tensor<?x1xf32>
    }
    ```
    ```mlir
    func.func @nn_rms_norm(%x: tensor<?x32xf32>, %w: tensor<32xf32>) -> tensor<?x32xf32> {
      %y = nn.rms_norm %x, %w {eps = 1.0e-5 : f32} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
      return %y : tensor<?x32xf32>
    }
    ```
    ```mlir
    func.func @nn_rms_norm_heads(%x: tensor<?x64xbf16>, %w: tensor<16xbf16>) -> tensor<?x64xbf16> {
      %q = nn.heads %x {offset = 0, heads = 4, dim = 16} : (tensor<?x64xbf16>) -> tensor<?x4x16xbf16>
      %n = nn.rms_norm %q, %w {eps = 1.0e-6 : f32} : (tensor<?x4x16xbf16>, tensor<16xbf16>) -> tensor<?x4x16xbf16>
      %y = nn.merge_heads %n : (tensor<?x4x16xbf16>) -> tensor<?x64xbf16>
      return %y : tensor<?x64xbf16>
    }
    ```

    Source: arXiv:1910.07467; the cast order of MiniMax-M1's and Hugging Face's
    RMSNorm.
  }];
  let arguments = (ins NN_Tensor23:$x, TensorRankOf<[F32, BF16, F16], [1]>:$w,
                       F32Attr:$eps, DefaultValuedAttr<I64Attr, "1">:$groups,
                       DefaultValuedAttr<I64Attr, "1">:$sum_blocks,
                       DefaultValuedAttr<I64Attr, "0">:$sum_split,
                       DefaultValuedAttr<BoolAttr, "false">:$unit_offset);
  let results = (outs NN_Tensor23:$result, Optional<Graph_F32<2>>:$inverse);
  let assemblyFormat = "$x `,` $w attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def NN_ActivationOp : NN_GraphOp<"activation", ["getHeadsOf", "getPieces", "getShortName"],
    [Pure, SameOperandsAndResultType]> {
  let summary = "an elementwise function";
  let description = [{
        sigmoid: 1 / (1 + exp(-x))
        silu:    x / (1 + exp(-x))

    in f32, rounded once.

    Example:
    ```mlir
    func.func @nn_activation(%x: tensor<?x32xf32>) -> tensor<?x32xf32> {
      %s = nn.activation sigmoid %x : tensor<?x32xf32>
      %y = nn.activation silu %s : tensor<?x32xf32>
      return %y : tensor<?x32xf32>
    }
    ```

    Source: torch.nn.functional.silu.
  }];
  let arguments = (ins NN_Tensor23:$x, NN_ActivationAttr:$kind);
  let results = (outs NN_Tensor23:$result);
  let assemblyFormat = "$kind $x attr-dict `:` type($x)";
}

def NN_MulOp : NN_GraphOp<"mul", ["addChecks"],
    [Pure, Commutative, SameOperandsAndResultType]> {
  let summary = "elementwise product";
  let description = [{
        result = x * y

    in f32, rounded once.

    Example:
    ```mlir
    func.func @nn_mul(%x: tensor<?x32xf32>, %y: tensor<?x32xf32>) -> tensor<?x32xf32> {
      %z = nn.mul %x, %y : tensor<?x32xf32>
      return %z : tensor<?x32xf32>
    }
    ```

    Source: the output gate of MiniMax-M1.
  }];
  let arguments = (ins NN_Tensor23:$x, NN_Tensor23:$y);
  let results = (outs NN_Tensor23:$result);
  let assemblyFormat = "$x `,` $y attr-dict `:` type($x)";
}

def NN_ResidualOp : NN_GraphOp<"residual", ["addChecks"],
    [Pure, SameOperandsAndResultType]> {
  let summary = "a scaled residual sum";
  let description = [{
        result = alpha * r + beta * y

    in f32: two products, then their sum, each rounded to f32 (a factor of 1 changes
    nothing); then once to the result's type.

    Constraints:
    - (C1) `alpha` and `beta` are finite.

    Example:
    ```mlir
    func.func @nn_residual(%r: tensor<?x32xf32>, %y: tensor<?x32xf32>) -> tensor<?x32xf32> {
      %z = nn.residual %r, %y {alpha = 3.5565588 : f32, beta = 1.0 : f32} : tensor<?x32xf32>
      return %z : tensor<?x32xf32>
    }
    ```

    Source: DeepNorm, arXiv:2203.00555, as MiniMax-01 uses it.
  }];
  let arguments = (ins Graph_Activation<2>:$r, Graph_Activation<2>:$y, F32Attr:$alpha, F32Attr:$beta);
  let results = (outs Graph_Activation<2>:$result);
  let assemblyFormat = "$r `,` $y attr-dict `:` type($r)";
  let hasVerifier = 1;
}

def NN_MixOp : NN_GraphOp<"mix", ["addChecks", "ask"]> {
  let summary = "experts and the shared expert, weighed by a gate";
  let description = [{
        result[t, :] = moe[t, :] * (1 - gate[t]) + shared[t, :] * gate[t]

    in f32, each operation rounded to f32, then once to the result's type.

    - `moe`, `shared`, `result`: `[T, H]`, one type; `gate`: `[T, 1]`, in [0, 1].

    Constraints:
    - (C1) `moe`, `shared` and `result` have one type.
    - (C2) `gate` is [T, 1].

    Example:
    ```mlir
    func.func @nn_mix(%moe: tensor<?x32xf32>, %shared: tensor<?x32xf32>, %gate: tensor<?x1xf32>) -> tensor<?x32xf32> {
      %y = nn.mix %moe, %shared, %gate : (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x1xf32>) -> tensor<?x32xf32>
      return %y : tensor<?x32xf32>
    }
    ```

    Source: the shared expert of MiniMax-Text-01 (`shared_moe_mode` "sigmoid").
  }];
  let arguments = (ins Graph_Activation<2>:$moe, Graph_Activation<2>:$shared, Graph_Activation<2>:$gate);
  let results = (outs Graph_Activation<2>:$result);
  let assemblyFormat = "$moe `,` $shared `,` $gate attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Heads and positions
//===----------------------------------------------------------------------===//

def NN_HeadsOp : NN_GraphOp<"heads", ["getHeadsOf", "getViewOffset", "ask"]> {
  let summary = "some columns as heads";
  let description = [{
        result[t, h, i] = x[t, offset + h * dim + i]

    A view: no bytes move.

    Constraints:
    - (C1) offset >= 0, heads >= 1, dim >= 1, and offset + heads * dim is at most the width of `x`.
    - (C2) `result` is [T, heads, dim] of x's element type.

    Example:
    ```mlir
    func.func @nn_heads(%x: tensor<?x96xf32>) -> tensor<?x32xf32> {
      %k = nn.heads %x {offset = 32, heads = 2, dim = 16} : (tensor<?x96xf32>) -> tensor<?x2x16xf32>
      %y = nn.merge_heads %k : (tensor<?x2x16xf32>) -> tensor<?x32xf32>
      return %y : tensor<?x32xf32>
    }
    ```

    Source: the head split of every attention layer.
  }];
  let arguments = (ins Graph_Activation<2>:$x, I64Attr:$offset, I64Attr:$heads, I64Attr:$dim);
  let results = (outs Graph_Activation<3>:$result);
  let assemblyFormat = "$x attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def NN_MergeHeadsOp : NN_GraphOp<"merge_heads", ["getHeadsOf", "getPieces", "ask"]> {
  let summary = "heads side by side";
  let description = [{
        result[t, h * dim + i] = x[t, h, i]

    A view: no bytes move. The example of `nn.heads` has one.

    Constraints:
    - (C1) `result` is [T, heads * dim] of x's element type.

    Source: the concatenation of heads in every attention layer.
  }];
  let arguments = (ins Graph_Activation<3>:$x);
  let results = (outs Graph_Activation<2>:$result);
  let assemblyFormat = "$x attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def NN_RotaryTableOp : NN_GraphOp<"rotary_table", ["ask"]> {
  let summary = "cosines and sines of the rotary angles";
  let description = [{
        f_i = theta^(-2i / dims)            (f64, rounded once to f32)
        angle[t, i] = f32(positions[t]) * f_i   (one f32 product)
        cos[t, i] = cos(angle[t, i]), sin[t, i] = sin(angle[t, i])

    for i < dims / 2. The f32 product is what every implementation trains with;
    at position 10^6 its last place is 2^-4, so it is not "improved" here.

    - `positions`: `[T]`, from 0; `cos`, `sin`: `[T, dims / 2]`.

    Constraints:
    - (C1) `dims` is even and at least 2.
    - (C2) `theta` is positive and finite.
    - (C3) `cos` and `sin` are [T, dims / 2].

    Example:
    ```mlir
    func.func @nn_rotary_table(%positions: tensor<?xi32>) -> (tensor<?x32xf32>, tensor<?x32xf32>) {
      %cos, %sin = nn.rotary_table %positions {theta = 1.0e7 : f64, dims = 64} : (tensor<?xi32>) -> (tensor<?x32xf32>, tensor<?x32xf32>)
      return %cos, %sin : tensor<?x32xf32>, tensor<?x32xf32>
    }
    ```

    Source: arXiv:2104.09864.
  }];
  let arguments = (ins Graph_I32<1>:$positions, F64Attr:$theta, I64Attr:$dims);
  let results = (outs Graph_F32<2>:$cos, Graph_F32<2>:$sin);
  let assemblyFormat = "$positions attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def NN_RotaryOp : NN_GraphOp<"rotary",
    ["getHeadsOf", "getPieces", "addChecks", "ask"]> {
  let summary = "rotates the first features of each head";
  let description = [{
    Half-split pairs over the first 2r features of each head:

        result[i]     = x[i] * cos[i] - x[i + r] * sin[i]
        result[i + r] = x[i + r] * cos[i] + x[i] * sin[i]      (i < r)

    and the rest unchanged. In f32: each product rounded, then the sum, then once
    to the result's type.

    - `x`, `result`: `[T, heads, D]`; `cos`, `sin`: `[T, r]`.

    Constraints:
    - (C1) `result` has the type of `x`.
    - (C2) `cos` and `sin` are [T, r] with 2r <= D.

    Example:
    ```mlir
    func.func @nn_rotary(%x: tensor<?x32xf32>, %positions: tensor<?xi32>) -> tensor<?x32xf32> {
      %cos, %sin = nn.rotary_table %positions {theta = 1.0e4 : f64, dims = 8} : (tensor<?xi32>) -> (tensor<?x4xf32>, tensor<?x4xf32>)
      %h = nn.heads %x {offset = 0, heads = 2, dim = 16} : (tensor<?x32xf32>) -> tensor<?x2x16xf32>
      %r = nn.rotary %h, %cos, %sin : (tensor<?x2x16xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x2x16xf32>
      %y = nn.merge_heads %r : (tensor<?x2x16xf32>) -> tensor<?x32xf32>
      return %y : tensor<?x32xf32>
    }
    ```

    Source: arXiv:2104.09864; the half-split order of Hugging Face's `rotate_half`.
  }];
  let arguments = (ins Graph_Activation<3>:$x, Graph_F32<2>:$cos, Graph_F32<2>:$sin);
  let results = (outs Graph_Activation<3>:$result);
  let assemblyFormat = "$x `,` $cos `,` $sin attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Fused regions
//===----------------------------------------------------------------------===//

def NN_FusedOp : NN_Op<"fused", [Pure, IsolatedFromAbove, SingleBlock]> {
  let summary = "ops that become one kernel";
  let description = [{
    The body's ops are computed by one kernel (an expert product or an attention
    has several, for different numbers of rows). Values that stay inside are f32
    and are not rounded to the activations' type, save where a product takes bf16
    operands: rounding happens where a value leaves the region. So the regions
    are part of a binary's meaning in bf16, and every path through the binary
    has the same. `kind` names the shape of the region, `reason` says why it is so.
    Not every region that verifies has a kernel: lowering refuses the others at the
    op that stands in the way (`dialects/Graph/RegionRules.h`).

    Constraints:
    - (C1) the block's arguments have the types of the operands.
    - (C2) `nn.yield` gives the results' types.
    - (C3) the body has at least one op, and no `nn.fused`, `nn.weight` or op of another level.
    - (C4) the body has at most one product, attention, routing or op of the experts.

    Example:
    ```mlir
    func.func @nn_fused(%x: tensor<?x32xf32>, %w: tensor<48x32xf32>) -> tensor<?x48xf32> {
      %y = nn.fused "linear"(%x, %w) {reason = "linear + silu"} : (tensor<?x32xf32>, tensor<48x32xf32>) -> tensor<?x48xf32> {
      ^bb0(%a: tensor<?x32xf32>, %b: tensor<48x32xf32>):
        %0 = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %a, %b : (tensor<?x32xf32>, tensor<48x32xf32>) -> tensor<?x48xf32>
        %1 = nn.activation silu %0 : tensor<?x48xf32>
        nn.yield %1 : tensor<?x48xf32>
      }
      return %y : tensor<?x48xf32>
    }
    ```

    Source: ours; made by the pass `nn-fuse`.
  }];
  let arguments = (ins StrAttr:$kind, Variadic<AnyType>:$inputs, OptionalAttr<StrAttr>:$reason);
  let results = (outs Variadic<AnyType>:$results);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $kind `(` $inputs `)` attr-dict `:` functional-type($inputs, $results) $body
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::Block &getBlock() { return getBody().front(); }
  }];
}

def NN_YieldOp : NN_Op<"yield", [Pure, Terminator, ReturnLike, HasParent<"FusedOp">]> {
  let summary = "what a fused region gives";
  let description = "Ends the body of `nn.fused`; its operands are the region's results.";
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
  let builders = [OpBuilder<(ins), "build($_builder, $_state, ::mlir::ValueRange{});">];
}

include "dialects/NN/NNGradOps.td"

#endif
