//===- NNGradOps.td - states and gradients of nn -----------------*- tablegen -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_NN_GRAD_OPS_TD
#define HAMLET_NN_GRAD_OPS_TD

include "dialects/NN/NNDialect.td"

//===----------------------------------------------------------------------===//
// States
//===----------------------------------------------------------------------===//

def NN_StateOp : NN_Op<"state", [Pure]> {
  let summary = "memory that outlives a call, by name";
  let description = [{
    Zeros when the binary is loaded, then what the last call left. A function
    takes each state once, and returns the last value of it; for the caller that
    is no result.

    Constraints:
    - (C1) the name is not empty.

    Example:
    ```mlir
    func.func @nn_state(%x: tensor<?x32xf32>, %dy: tensor<?x48xf32>) -> (tensor<48x32xf32>, !nn.state<tensor<48x32xf32>>) {
      %g = nn.state @gradient.proj : !nn.state<tensor<48x32xf32>>
      %h = nn.linear_weight_grad %x, %dy into(%g) : tensor<?x32xf32>, tensor<?x48xf32>, !nn.state<tensor<48x32xf32>>
      %v = nn.read %h : !nn.state<tensor<48x32xf32>> -> tensor<48x32xf32>
      return %v, %h : tensor<48x32xf32>, !nn.state<tensor<48x32xf32>>
    }
    ```

    Source: ours; `program.state`.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name);
  let results = (outs NN_StateType:$result);
  let assemblyFormat = "$sym_name attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def NN_ReadOp : NN_GraphOp<"read"> {
  let summary = "what a state holds";
  let description = [{
    A copy, for the caller. The example of `nn.state` has one.

    Constraints:
    - (C1) `result` is the state's tensor, of rank 1 to 3.

    Source: ours.
  }];
  let arguments = (ins NN_StateType:$state);
  let results = (outs AnyStaticShapeTensor:$result);
  let assemblyFormat = "$state attr-dict `:` type($state) `->` type($result)";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

def NN_LinearInputGradOp : NN_GraphOp<"linear_input_grad"> {
  let summary = "the gradient of nn.linear's x";
  let description = [{
        result[t, k] = round(sum_n dy[t, n] * w[n, k])

    n ascending as `numerics` says.

    - `dy`: `[T, N]`; `w`: `[N, K]` as stored; `result`: `[T, K]`.

    Constraints:
    - (C1) `w` is [N, K] with the N of `dy`.
    - (C2) `result` is [T, K].
    - (C3) under bf16 operands `dy` and `w` are bf16.

    Example:
    ```mlir
    func.func @nn_linear_input_grad(%dy: tensor<?x48xf32>, %w: tensor<48x32xf32>) -> tensor<?x32xf32> {
      %dx = nn.linear_input_grad #tile.numerics<operands = f32, accumulate = f32, group = 1> %dy, %w : (tensor<?x48xf32>, tensor<48x32xf32>) -> tensor<?x32xf32>
      return %dx : tensor<?x32xf32>
    }
    ```

    Source: y = x W^T: dX = dY W.
  }];
  let arguments = (ins Graph_Activation<2>:$dy, Graph_Weight<2>:$w, Graph_Numerics:$numerics);
  let results = (outs Graph_Activation<2>:$result);
  let assemblyFormat = "$numerics $dy `,` $w attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def NN_LinearWeightGradOp : NN_GraphOp<"linear_weight_grad", ["addChecks"],
    [Pure, AllTypesMatch<["into", "updated"]>]> {
  let summary = "adds the gradient of nn.linear's w";
  let description = [{
        updated[n, k] = into[n, k] + sum_t dy[t, n] * x[t, k]

    one f32 fma after another, t ascending, from `into` on: calls with some of
    the tokens each leave the bits that one call with all leaves. Operands are
    widened.

    - `x`: `[T, K]`; `dy`: `[T, N]`; `into`, `updated`: `[N, K]`.

    Constraints:
    - (C1) `into` is [N, K] of the K of `x` and the N of `dy`.

    Source: y = x W^T: dW = dY^T X. The example of `nn.state` has one.
  }];
  let arguments = (ins Graph_Activation<2>:$x, Graph_Activation<2>:$dy, NN_StateType:$into);
  let results = (outs NN_StateType:$updated);
  let assemblyFormat = "$x `,` $dy `into` `(` $into `)` attr-dict `:` type($x) `,` type($dy) `,` type($into)";
  let hasVerifier = 1;
}

def NN_BiasGradOp : NN_GraphOp<"bias_grad", [],
    [Pure, AllTypesMatch<["into", "updated"]>]> {
  let summary = "adds the gradient of nn.linear's bias";
  let description = [{
        updated[n] = into[n] + sum_t dy[t, n]

    in f32, t ascending, from `into` on.

    - `dy`: `[T, N]`; `into`, `updated`: `[N]`.

    Constraints:
    - (C1) `into` is [N].

    Example:
    ```mlir
    func.func @nn_bias_grad(%dy: tensor<?x48xf32>) -> (tensor<48xf32>, !nn.state<tensor<48xf32>>) {
      %g = nn.state @gradient.bias : !nn.state<tensor<48xf32>>
      %h = nn.bias_grad %dy into(%g) : tensor<?x48xf32>, !nn.state<tensor<48xf32>>
      %v = nn.read %h : !nn.state<tensor<48xf32>> -> tensor<48xf32>
      return %v, %h : tensor<48xf32>, !nn.state<tensor<48xf32>>
    }
    ```

    Source: y = x W^T + b.
  }];
  let arguments = (ins Graph_Activation<2>:$dy, NN_StateType:$into);
  let results = (outs NN_StateType:$updated);
  let assemblyFormat = "$dy `into` `(` $into `)` attr-dict `:` type($dy) `,` type($into)";
  let hasVerifier = 1;
}

def NN_EmbeddingGradOp : NN_GraphOp<"embedding_grad", ["addChecks"],
    [Pure, AllTypesMatch<["into", "updated"]>]> {
  let summary = "adds the gradient of nn.embedding's table";
  let description = [{
        updated[v, :] = into[v, :] + sum_{t: ids[t] = v} dy[t, :]

    in f32, t ascending, from `into` on.

    - `ids`: `[T]`, 0 <= id < V; `dy`: `[T, H]`; `into`, `updated`: `[V, H]`.

    Constraints:
    - (C1) `into` is [V, H] with the H of `dy`.

    Example:
    ```mlir
    func.func @nn_embedding_grad(%ids: tensor<?xi32>, %dy: tensor<?x32xf32>) -> (tensor<96x32xf32>, !nn.state<tensor<96x32xf32>>) {
      %g = nn.state @gradient.embed : !nn.state<tensor<96x32xf32>>
      %h = nn.embedding_grad %ids, %dy into(%g) : tensor<?xi32>, tensor<?x32xf32>, !nn.state<tensor<96x32xf32>>
      %v = nn.read %h : !nn.state<tensor<96x32xf32>> -> tensor<96x32xf32>
      return %v, %h : tensor<96x32xf32>, !nn.state<tensor<96x32xf32>>
    }
    ```

    Source: torch.nn.Embedding.
  }];
  let arguments = (ins Graph_I32<1>:$ids, Graph_Activation<2>:$dy, NN_StateType:$into);
  let results = (outs NN_StateType:$updated);
  let assemblyFormat = "$ids `,` $dy `into` `(` $into `)` attr-dict `:` type($ids) `,` type($dy) `,` type($into)";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Norms and elementwise
//===----------------------------------------------------------------------===//

def NN_ScaleOp : NN_GraphOp<"scale", ["getHeadsOf"], [Pure, SameOperandsAndResultType]> {
  let summary = "a product with a number";
  let description = [{
        result = factor * x

    in f32, rounded once.

    Constraints:
    - (C1) `factor` is finite.

    Example:
    ```mlir
    func.func @nn_scale(%x: tensor<?x32xf32>) -> tensor<?x32xf32> {
      %y = nn.scale %x {factor = 3.5565588 : f32} : tensor<?x32xf32>
      return %y : tensor<?x32xf32>
    }
    ```

    Source: the gradient of `nn.residual`.
  }];
  let arguments = (ins NN_Tensor23:$x, F32Attr:$factor);
  let results = (outs NN_Tensor23:$result);
  let assemblyFormat = "$x attr-dict `:` type($x)";
  let hasVerifier = 1;
}

def NN_ActivationGradOp : NN_GraphOp<"activation_grad", ["getHeadsOf", "addChecks"],
    [Pure, SameOperandsAndResultType]> {
  let summary = "the gradient of an elementwise function";
  let description = [{
        sigmoid: dy * s * (1 - s),               s = 1 / (1 + exp(-x))
        silu:    dy * s * (1 + x * (1 - s))

    in f32, rounded once.

    Example:
    ```mlir
    func.func @nn_activation_grad(%x: tensor<?x32xf32>, %dy: tensor<?x32xf32>) -> tensor<?x32xf32> {
      %s = nn.activation_grad sigmoid %x, %dy : tensor<?x32xf32>
      %z = nn.activation_grad silu %x, %s : tensor<?x32xf32>
      return %z : tensor<?x32xf32>
    }
    ```

    Source: derivatives of torch.sigmoid and torch.nn.functional.silu.
  }];
  let arguments = (ins NN_Tensor23:$x, NN_Tensor23:$dy, NN_ActivationAttr:$kind);
  let results = (outs NN_Tensor23:$result);
  let assemblyFormat = "$kind $x `,` $dy attr-dict `:` type($x)";
}

def NN_RmsNormGradOp : NN_GraphOp<"rms_norm_grad", ["getHeadsOf", "addChecks", "ask"]> {
  let summary = "the gradient of nn.rms_norm's x";
  let description = [{
    In each part of n columns, with r = 1 / sqrt(sum(x * x) / n + eps) and
    h = x * r as the norm has them:

        result = r * (dy * w - h * (sum(dy * w * h) / n))

    (`1 + w` where `unit_offset` is set), in f32, rounded once. Both sums are
    cut and ordered as `nn.rms_norm`'s.

    - `x`, `result`: `[T, W]` or `[T, heads, W]`; `dy`: as `x`, f32 or x's type; `w`: `[W]` or
      `[W / groups]`.
    - `inverse`: `[T, heads * groups]` f32, r, which the gradient of `w` needs.

    Constraints:
    - (C1) `dy` and `result` have the shape of `x`, `result` its type.
    - (C2) `groups` and `sum_blocks` are at least 1 and groups * sum_blocks divides
      W; `sum_split` is 0 or a power of two.
    - (C3) `w` has W or W / groups elements.
    - (C4) `eps` is at least 0.
    - (C5) `inverse` has a row for each token and a column for each part.

    Example:
    ```mlir
    func.func @nn_rms_norm_grad(%x: tensor<?x32xf32>, %w: tensor<32xf32>, %dy: tensor<?x32xf32>) -> (tensor<?x32xf32>, tensor<?x1xf32>) {
      %dx, %r = nn.rms_norm_grad %x, %w, %dy {eps = 1.0e-5 : f32} : (tensor<?x32xf32>, tensor<32xf32>, tensor<?x32xf32>) -> (tensor<?x32xf32>, tensor<?x1xf32>)
      return %dx, %r : tensor<?x32xf32>, tensor<?x1xf32>
    }
    ```

    Source: the derivative of arXiv:1910.07467's norm.
  }];
  let arguments = (ins NN_Tensor23:$x, TensorRankOf<[F32, BF16, F16], [1]>:$w, NN_Tensor23:$dy,
                       F32Attr:$eps, DefaultValuedAttr<I64Attr, "1">:$groups,
                       DefaultValuedAttr<I64Attr, "1">:$sum_blocks,
                       DefaultValuedAttr<I64Attr, "0">:$sum_split,
                       DefaultValuedAttr<BoolAttr, "false">:$unit_offset);
  let results = (outs NN_Tensor23:$result, Graph_F32<2>:$inverse);
  let assemblyFormat = "$x `,` $w `,` $dy attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def NN_RmsNormWeightGradOp : NN_GraphOp<"rms_norm_weight_grad", ["addChecks"],
    [Pure, AllTypesMatch<["into", "updated"]>]> {
  let summary = "adds the gradient of nn.rms_norm's w";
  let description = [{
        updated[i] = into[i] + sum_t sum_p dy[t, p, i] * (x[t, p, i] * inverse[t, p])

    over the parts p that share `w`, one if it has all columns; one f32 fma after
    another, t ascending, then p, from `into` on.

    - `x`, `dy`: `[T, W]` or `[T, heads, W]`; `inverse`: `[T, parts]`; `into`, `updated`: `[W]` or
      `[W / groups]`.

    Constraints:
    - (C1) `dy` has the shape of `x`.
    - (C2) the columns of `inverse` divide those of a row of `x`.
    - (C3) `into` has as many elements as a row of `x`, or as a part.

    Example:
    ```mlir
    func.func @nn_rms_norm_weight_grad(%x: tensor<?x32xf32>, %w: tensor<32xf32>, %dy: tensor<?x32xf32>) -> (tensor<?x32xf32>, tensor<32xf32>, !nn.state<tensor<32xf32>>) {
      %g = nn.state @gradient.norm : !nn.state<tensor<32xf32>>
      %dx, %r = nn.rms_norm_grad %x, %w, %dy {eps = 1.0e-5 : f32} : (tensor<?x32xf32>, tensor<32xf32>, tensor<?x32xf32>) -> (tensor<?x32xf32>, tensor<?x1xf32>)
      %h = nn.rms_norm_weight_grad %x, %r, %dy into(%g) : tensor<?x32xf32>, tensor<?x1xf32>, tensor<?x32xf32>, !nn.state<tensor<32xf32>>
      %v = nn.read %h : !nn.state<tensor<32xf32>> -> tensor<32xf32>
      return %dx, %v, %h : tensor<?x32xf32>, tensor<32xf32>, !nn.state<tensor<32xf32>>
    }
    ```

    Source: the derivative of arXiv:1910.07467's norm.
  }];
  let arguments = (ins NN_Tensor23:$x, Graph_F32<2>:$inverse, NN_Tensor23:$dy, NN_StateType:$into);
  let results = (outs NN_StateType:$updated);
  let assemblyFormat = [{
    $x `,` $inverse `,` $dy `into` `(` $into `)` attr-dict `:` type($x) `,` type($inverse) `,` type($dy) `,` type($into)
  }];
  let hasVerifier = 1;
}

def NN_MixGradOp : NN_GraphOp<"mix_grad", ["addChecks", "ask"]> {
  let summary = "the gradients of nn.mix";
  let description = [{
        dmoe[t, :] = dy[t, :] * (1 - gate[t])
        dshared[t, :] = dy[t, :] * gate[t]
        dgate[t] = sum_h dy[t, h] * (shared[t, h] - moe[t, h])

    in f32, rounded once; the sum is that of `tile.reduce`.

    - `moe`, `shared`, `dy`, `dmoe`, `dshared`: `[T, H]`, one type; `gate`, `dgate`: `[T, 1]`.

    Constraints:
    - (C1) `shared`, `dy`, `dmoe` and `dshared` have the type of `moe`.
    - (C2) `gate` and `dgate` are [T, 1].

    Example:
    ```mlir
    func.func @nn_mix_grad(%moe: tensor<?x32xf32>, %shared: tensor<?x32xf32>, %gate: tensor<?x1xf32>, %dy: tensor<?x32xf32>) -> (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x1xf32>) {
      %a, %b, %c = nn.mix_grad %moe, %shared, %gate, %dy : (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x1xf32>, tensor<?x32xf32>) -> (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x1xf32>)
      return %a, %b, %c : tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x1xf32>
    }
    ```

    Source: the derivative of the shared expert's gate of MiniMax-Text-01.
  }];
  let arguments = (ins Graph_Activation<2>:$moe, Graph_Activation<2>:$shared, Graph_Activation<2>:$gate,
                       Graph_Activation<2>:$dy);
  let results = (outs Graph_Activation<2>:$dmoe, Graph_Activation<2>:$dshared, Graph_Activation<2>:$dgate);
  let assemblyFormat = "$moe `,` $shared `,` $gate `,` $dy attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Heads
//===----------------------------------------------------------------------===//

def NN_ConcatHeadsOp : NN_GraphOp<"concat_heads", ["addChecks", "ask"]> {
  let summary = "heads of several tensors side by side";
  let description = [{
    The columns of each operand's rows, one operand after another: the gradient
    of what `nn.heads` takes windows of.

    - `xs`: `[T, heads, dim]` each; `result`: `[T, W]`, W the sum of heads * dim.

    Constraints:
    - (C1) there is an operand, and all have one element type.
    - (C2) `result` is [T, W] of it.

    Example:
    ```mlir
    func.func @nn_concat_heads(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x8xf32>) -> tensor<?x112xf32> {
      %y = nn.concat_heads %q, %k, %v : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x8xf32>) -> tensor<?x112xf32>
      return %y : tensor<?x112xf32>
    }
    ```

    Source: the gradient of the head split.
  }];
  let arguments = (ins Variadic<Graph_Activation<3>>:$xs);
  let results = (outs Graph_Activation<2>:$result);
  let assemblyFormat = "$xs attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

#endif
