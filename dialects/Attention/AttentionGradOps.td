//===- AttentionGradOps.td - gradients of softmax attention ------*- tablegen -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_ATTENTION_GRAD_OPS_TD
#define HAMLET_ATTENTION_GRAD_OPS_TD

include "dialects/Attention/AttentionDialect.td"

def Attention_SoftmaxGradOp : Graph_Op<Attention_Dialect, "softmax_grad",
    [Pure], ["addChecks"]> {
  let summary = "the gradients of attention.softmax without a cache";
  let description = [{
    Of a loss whose gradient by the result of `attention.softmax` is `dresult`,
    the gradients by `q`, `k` and `v`. In each sequence, for the query i of head
    h and the keys j that it sees (j <= i, and j > i - window where window is not
    0) of head h / (Hq / Hk):

        p_ij = exp(scale * (q_i . k_j) - log_sum_exp_i)
        s_ij = p_ij * (dresult_i . v_j - dresult_i . out_i)
        dq_i = scale * sum_j s_ij k_j
        dk_j = scale * sum_i s_ij q_i,  dv_j = sum_i p_ij dresult_i

    where the sums over i are over the heads of the group, too.

    - `q`, `k`, `v`, `starts`, `scale`, `window`: the forward op's.
    - `out` `[T, Hq, Dv]`, `log_sum_exp` `[T, Hq]`: its result and the log of its sums.
    - `dresult`: `[T, Hq, Dv]`.
    - `dq`, `dk`, `dv`: of the shapes of `q`, `k` and `v`, rounded once.

    Nothing of [T, T] is stored, and pairs that are not seen cost nothing but
    within a block of 64 positions.

    Canonical order: f32. Each product over D or Dv ascends as `numerics` says;
    dq_i is one sum over the keys it sees, ascending; dk_j and dv_j are one over
    blocks of 64 queries at positions 64b, ascending, in each over the heads of
    the group, in each over queries. Exponentials are powers of two of
    scale log2(e) (q . k) - log2(e) log_sum_exp. `dresult`, p and s are rounded
    to the operands' type for products. What is hidden is zero. So the bits of a
    sequence depend on nothing else in the batch; a value that is not finite may
    reach every gradient of its sequence.

    Constraints:
    - (C1) `q`, `k`, `v` are [T, heads, dim] with one T; `q` and `k` have one D, `k` and `v` one number of heads; elements have one type.
    - (C2) Hk divides Hq.
    - (C3) `out` and `dresult` are [T, Hq, Dv], of f32 or the type of `q`.
    - (C4) `log_sum_exp` is [T, Hq].
    - (C5) `starts` has at least 2 entries.
    - (C6) `window` is at least 0; `scale` is finite.
    - (C7) under bf16 operands `q`, `k` and `v` are bf16.
    - (C8) `dq`, `dk` and `dv` have the shapes of `q`, `k` and `v`, and elements of f32 or theirs.

    Examples:
    ```mlir
    func.func @softmax_grad(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x16xf32>, %o: tensor<?x4x16xf32>, %l: tensor<?x4xf32>, %do: tensor<?x4x16xf32>, %starts: tensor<?xi32>) -> (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x16xf32>) {
      %dq, %dk, %dv = attention.softmax_grad #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v, %o, %l, %do starts(%starts) {scale = 0.25 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?x4x16xf32>, tensor<?x4xf32>, tensor<?x4x16xf32>, tensor<?xi32>) -> (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x16xf32>)
      return %dq, %dk, %dv : tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x16xf32>
    }
    ```
    ```mlir
    func.func @softmax_grad_window(%q: tensor<?x3x16xf32>, %k: tensor<?x3x16xf32>, %v: tensor<?x3x24xf32>, %o: tensor<?x3x24xf32>, %l: tensor<?x3xf32>, %do: tensor<?x3x24xf32>, %starts: tensor<?xi32>) -> (tensor<?x3x16xf32>, tensor<?x3x16xf32>, tensor<?x3x24xf32>) {
      %dq, %dk, %dv = attention.softmax_grad #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v, %o, %l, %do starts(%starts) {scale = 0.25 : f32, window = 10} : (tensor<?x3x16xf32>, tensor<?x3x16xf32>, tensor<?x3x24xf32>, tensor<?x3x24xf32>, tensor<?x3xf32>, tensor<?x3x24xf32>, tensor<?xi32>) -> (tensor<?x3x16xf32>, tensor<?x3x16xf32>, tensor<?x3x24xf32>)
      return %dq, %dk, %dv : tensor<?x3x16xf32>, tensor<?x3x16xf32>, tensor<?x3x24xf32>
    }
    ```

    Source: FlashAttention-2, arXiv:2307.08691, algorithm 2.
  }];
  let arguments = (ins
    Graph_Activation<3>:$q, Graph_Activation<3>:$k, Graph_Activation<3>:$v,
    Graph_Activation<3>:$out, Graph_F32<2>:$log_sum_exp,
    Graph_Activation<3>:$dresult, Graph_I32<1>:$starts,
    F32Attr:$scale, DefaultValuedAttr<I64Attr, "0">:$window, Graph_Numerics:$numerics);
  let results = (outs Graph_Activation<3>:$dq, Graph_Activation<3>:$dk, Graph_Activation<3>:$dv);
  let assemblyFormat = [{
    $numerics $q `,` $k `,` $v `,` $out `,` $log_sum_exp `,` $dresult
    `starts` `(` $starts `)` attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

#endif
