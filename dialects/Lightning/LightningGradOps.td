//===- LightningGradOps.td - gradients of linear attention -------*- tablegen -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_LIGHTNING_GRAD_OPS_TD
#define HAMLET_LIGHTNING_GRAD_OPS_TD

include "dialects/Lightning/LightningDialect.td"

def Lightning_AttentionGradOp : Graph_Op<Lightning_Dialect, "attention_grad",
    [Pure, AttrSizedOperandSegments, AttrSizedResultSegments], ["addChecks"]> {
  let summary = "the gradients of a gated lightning.attention without a cache";
  let description = [{
    Of a loss whose gradients by the `result` and the `final_state` of
    `lightning.attention gated` are `dresult` and `dfinal`, the gradients by its
    operands. With S_t the state after token t, and Z_t the gradient by it, from
    the last token back:

        Z_t = exp(g_(t+1)) Z_(t+1) + scale * q_t dresult_t^T
        dq_t = scale * S_t dresult_t
        dk_t = Z_t v_t,  dv_t = Z_t^T k_t
        ddecay_t = exp(g_t) <Z_t, S_(t-1)>
        dinitial = exp(g_0) Z_0

    where Z past the end is `dfinal`, undecayed, and where heads share a head of
    `q`, `k` or `v` its gradient is the sum of theirs.

    - `q`, `k`, `v`, `decay`, `initial`, `starts`, `scale`: the forward op's.
    - `dresult`: `[T, Hout, Dv]`; `dfinal`: `[S, Hs, Dk, Dv]`, without it zero.
    - `dq`, `dk`, `dv`: of the shapes of `q`, `k` and `v`, rounded once.
    - `ddecay`, optional, of decays per token: `[T, Hs]`.
    - `dinitial`, optional: `[S, Hs, Dk, Dv]`.
    - `chunk`: B, as in the forward op, whose chunk may be another; `lightning-chunk` sets it.
      States at chunks' boundaries are kept, and gradients by them: 8 Dk Dv / B
      bytes for each token and state head.

    Canonical order, with the chunks, rows and G_i of the forward op, S_c the
    state before chunk c, Z_c the gradient by the state after it, P_ij =
    scale * exp(G_i - G_j) for j <= i, and sums over d, i and j ascending as
    `numerics` says:

        dq_i = (scale * exp(G_i)) * dresult_i S_c^T + sum_j (P_ij (dresult_i . v_j)) k_j
        dk_j = exp(G_last - G_j) * v_j Z_c^T + sum_i (P_ij (dresult_i . v_j)) q_i
        dv_j = exp(G_last - G_j) * k_j Z_c + sum_i (P_ij (q_i . k_j)) dresult_i
        S_(c+1) = fma(exp(G_last), S_c, sum_j (exp(G_last - G_j) k_j) v_j^T)
        Z_(c-1) = fma(exp(G_last), Z_c, sum_i (scale * exp(G_i) q_i) dresult_i^T)
        ddecay_i = <Z_(c-1), S_c> - sum_(t < i) (<dq_t, q_t> - <dk_t, k_t>)

    the last without the terms of j = i, which cancel out.

    The sums over i are over blocks of rows ascending, in each over the query
    heads of the state head, in each over rows. Heads that share one are added in
    their order. Under bf16, `dresult` and the products with P are rounded to
    bf16 where the other operand is; products with S and Z, or with what was
    scaled by a decay, are of f32. ddecay has nothing of that rounded but
    `dresult`; its sum is compensated. So the bits of a sequence depend on
    nothing else in the batch; a value that is not finite may reach every
    gradient of its sequence.

    Constraints:
    - (C1) `q`, `k`, `v` are [T, heads, dim] with one T; `q` and `k` have one Dk; elements have one type.
    - (C2) of Hk and Hv one divides the other; of Hq and Hs too.
    - (C3) `update` is gated.
    - (C4) `decay` is [Hs] or [T, Hs].
    - (C5) `starts` has at least 2 entries, S + 1.
    - (C6) `initial`, `dfinal` and `dinitial` are [S, Hs, Dk, Dv]; `dinitial` stands with `initial` only.
    - (C7) `dresult` is [T, Hout, Dv], of f32 or the type of `q`.
    - (C8) `dq`, `dk` and `dv` have the shapes of `q`, `k` and `v`, and elements of f32 or theirs.
    - (C9) `ddecay` is [T, Hs], and stands with a decay of [T, Hs] only.
    - (C10) `chunk` is 1 to 1024; `scale` is finite.
    - (C11) under bf16 operands `q`, `k` and `v` are bf16.

    Examples (constant decays; decays per token with grouped heads and states):
    ```mlir
    func.func @lightning_grad(%q: tensor<?x4x16xf32>, %k: tensor<?x4x16xf32>, %v: tensor<?x4x16xf32>, %g: tensor<4xf32>, %starts: tensor<?xi32>, %do: tensor<?x4x16xf32>) -> (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>) {
      %dq, %dk, %dv = lightning.attention_grad gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) starts(%starts) dresult(%do) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<4xf32>, tensor<?xi32>, tensor<?x4x16xf32>) -> (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>)
      return %dq, %dk, %dv : tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>
    }
    ```
    ```mlir
    func.func @lightning_grad_token(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x32xf32>, %g: tensor<?x2xf32>, %s0: tensor<?x2x16x32xf32>, %starts: tensor<?xi32>, %do: tensor<?x4x32xf32>, %s1: tensor<?x2x16x32xf32>) -> (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x32xf32>, tensor<?x2xf32>, tensor<?x2x16x32xf32>) {
      %dq, %dk, %dv, %dg, %ds = lightning.attention_grad gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) initial(%s0) starts(%starts) dresult(%do) dfinal(%s1) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x32xf32>, tensor<?x2xf32>, tensor<?x2x16x32xf32>, tensor<?xi32>, tensor<?x4x32xf32>, tensor<?x2x16x32xf32>) -> (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x32xf32>) ddecay tensor<?x2xf32> dinitial tensor<?x2x16x32xf32>
      return %dq, %dk, %dv, %dg, %ds : tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x32xf32>, tensor<?x2xf32>, tensor<?x2x16x32xf32>
    }
    ```

    Source: Lightning Attention-2, arXiv:2401.04658, for constant decays; for
    decays per token, Gated Linear Attention, arXiv:2312.06635, appendix C.
  }];
  let arguments = (ins
    Graph_Activation<3>:$q, Graph_Activation<3>:$k, Graph_Activation<3>:$v,
    TensorRankOf<[F32], [1, 2, 3]>:$decay, Optional<Graph_F32<4>>:$initial,
    Graph_I32<1>:$starts, Graph_Activation<3>:$dresult, Optional<Graph_F32<4>>:$dfinal,
    Lightning_UpdateAttr:$update, F32Attr:$scale, OptionalAttr<I64Attr>:$chunk,
    Graph_Numerics:$numerics);
  let results = (outs Graph_Activation<3>:$dq, Graph_Activation<3>:$dk, Graph_Activation<3>:$dv,
                      Optional<Graph_F32<2>>:$ddecay, Optional<Graph_F32<4>>:$dinitial);
  let assemblyFormat = [{
    $update $numerics $q `,` $k `,` $v `decay` `(` $decay `)` (`initial` `(` $initial^ `)`)?
    `starts` `(` $starts `)` `dresult` `(` $dresult `)` (`dfinal` `(` $dfinal^ `)`)?
    attr-dict `:` `(` type(operands) `)` `->` `(` type($dq) `,` type($dk) `,` type($dv) `)`
    (`ddecay` type($ddecay)^)? (`dinitial` type($dinitial)^)?
  }];
  let hasVerifier = 1;
}

#endif
