//===- LightningOps.td - the ops of the lightning dialect --------*- tablegen -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_LIGHTNING_OPS_TD
#define HAMLET_LIGHTNING_OPS_TD

include "dialects/Lightning/LightningDialect.td"
include "dialects/Lightning/LightningGradOps.td"

def Lightning_AttentionOp : Graph_Op<Lightning_Dialect, "attention",
    [Pure, AttrSizedOperandSegments, AttrSizedResultSegments], ["addChecks"]> {
  let summary = "linear attention over packed sequences";
  let description = [{
    In each sequence and state head, with S of [Dk, Dv] in f32 and g the log decay
    (at most 0), token after token:

        linear:      S_t = S_(t-1) + k_t v_t^T
        gated:       S_t = exp(g_t) S_(t-1) + k_t v_t^T
        delta:       S_t = S_(t-1) + beta_t k_t (v_t - S_(t-1)^T k_t)^T
        gated_delta: S_t = exp(g_t) S_(t-1) + beta_t k_t (v_t - exp(g_t) S_(t-1)^T k_t)^T
        result_t = scale * S_t^T q_t

    A token sees itself. A decay for each channel scales the rows of S.

    - `q`: `[T, Hq, Dk]`; `k`: `[T, Hk, Dk]`; `v`: `[T, Hv, Dv]`. There are
      Hs = max(Hk, Hv) state heads and Hout = max(Hq, Hs) output heads; head h of
      the larger number uses head h / (larger / smaller) of the smaller.
    - `decay` (gated, gated_delta): natural log, f32, at most 0. `[Hs]`: constant;
      `[T, Hs]`: for each token; `[T, Hs, Dk]`: for each token and channel.
    - `beta` (delta, gated_delta): f32 `[T, Hs]`.
    - `initial`: f32 `[S, Hs, Dk, Dv]`, the state before each sequence's first
      token; without it, zero. `final_state` (optional result): the same shape, after
      the last.
    - `cache`, `slots` `[S]`, `first` `[S]`: sequence s continues from slot
      `slots[s]`, which has `first[s]` tokens; with 0 the slot is cleared first. The
      result `updated` is the cache with the step's tokens.
    - `starts`: `[S + 1]`, the first token of each sequence, then T, ascending; a
      sequence may be empty.
    - `result`: `[T, Hout, Dv]`, rounded once.
    - `chunk`: B, the tokens between anchors; absent until `lightning-chunk` runs.

    Canonical order, with B and the position p of a token in its sequence (a
    sequence without cache starts at 0): chunk c holds the positions cB to cB + B - 1,
    row i of it is position cB + i, and S_c is the state before the chunk. With
    G_i = g_0 + ... + g_i the sum of the rows' logs since the chunk's start,

        result_i = scale * (exp(G_i) * q_i S_c + sum_(j <= i) exp(G_i - G_j) * (q_i . k_j) v_j)
        S_(c+1) = fma(exp(G_(B-1)), S_c, sum_j exp(G_(B-1) - G_j) k_j v_j^T)

    for constant decays G_i = (i + 1) g. Sums over d and over j ascend, as
    `numerics` says. For decays per token, differences G_i - G_j come from
    compensated sums (a plain f32 sum loses 1e-4 over resets of -100). The final
    state is S of a chunk that ends with the sequence.

    Constraints:
    - (C1) `q`, `k`, `v` are [T, heads, dim] with one T; `q` and `k` have one Dk; elements have one type.
    - (C2) of Hk and Hv one divides the other; of Hq and Hs too.
    - (C3) `result` is [T, Hout, Dv].
    - (C4) `decay` stands with gated and gated_delta, and only there.
    - (C5) `beta` stands with delta and gated_delta, and only there, and is [T, Hs].
    - (C6) `decay` is [Hs], [T, Hs] or [T, Hs, Dk].
    - (C7) `initial` and `final_state` are [S, Hs, Dk, Dv], where `starts` has S + 1 entries.
    - (C8) `cache`, `slots` and `first` come together, and `updated` with them; neither `initial` nor `final_state` does.
    - (C9) the cache's heads, Dk, Dv, tail type and chunk are the op's, and `updated` has its type.
    - (C10) `starts` has at least 2 entries; `slots` and `first` have one fewer.
    - (C11) `chunk` is 1 to 1024; `scale` is finite.
    - (C12) under bf16 operands `q`, `k` and `v` are bf16.

    Examples (constant decays; decays per token with grouped heads and Dk other than Dv; each with
    and without an initial and a final state):
    ```mlir
    func.func @lightning_constant(%q: tensor<?x4x16xf32>, %k: tensor<?x4x16xf32>, %v: tensor<?x4x16xf32>, %g: tensor<4xf32>, %starts: tensor<?xi32>) -> tensor<?x4x16xf32> {
      %o = lightning.attention gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) starts(%starts) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<4xf32>, tensor<?xi32>) -> tensor<?x4x16xf32>
      return %o : tensor<?x4x16xf32>
    }
    ```
    ```mlir
    func.func @lightning_constant_final(%q: tensor<?x4x16xf32>, %k: tensor<?x4x16xf32>, %v: tensor<?x4x16xf32>, %g: tensor<4xf32>, %starts: tensor<?xi32>) -> (tensor<?x4x16xf32>, tensor<?x4x16x16xf32>) {
      %o, %s = lightning.attention gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) starts(%starts) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<4xf32>, tensor<?xi32>) -> tensor<?x4x16xf32> final tensor<?x4x16x16xf32>
      return %o, %s : tensor<?x4x16xf32>, tensor<?x4x16x16xf32>
    }
    ```
    ```mlir
    func.func @lightning_constant_initial(%q: tensor<?x4x16xf32>, %k: tensor<?x4x16xf32>, %v: tensor<?x4x16xf32>, %g: tensor<4xf32>, %s0: tensor<?x4x16x16xf32>, %starts: tensor<?xi32>) -> tensor<?x4x16xf32> {
      %o = lightning.attention gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) initial(%s0) starts(%starts) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<4xf32>, tensor<?x4x16x16xf32>, tensor<?xi32>) -> tensor<?x4x16xf32>
      return %o : tensor<?x4x16xf32>
    }
    ```
    ```mlir
    func.func @lightning_constant_initial_final(%q: tensor<?x4x16xf32>, %k: tensor<?x4x16xf32>, %v: tensor<?x4x16xf32>, %g: tensor<4xf32>, %s0: tensor<?x4x16x16xf32>, %starts: tensor<?xi32>) -> (tensor<?x4x16xf32>, tensor<?x4x16x16xf32>) {
      %o, %s = lightning.attention gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) initial(%s0) starts(%starts) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<4xf32>, tensor<?x4x16x16xf32>, tensor<?xi32>) -> tensor<?x4x16xf32> final tensor<?x4x16x16xf32>
      return %o, %s : tensor<?x4x16xf32>, tensor<?x4x16x16xf32>
    }
    ```
    ```mlir
    func.func @lightning_token(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x32xf32>, %g: tensor<?x2xf32>, %starts: tensor<?xi32>) -> tensor<?x4x32xf32> {
      %o = lightning.attention gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) starts(%starts) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x32xf32>, tensor<?x2xf32>, tensor<?xi32>) -> tensor<?x4x32xf32>
      return %o : tensor<?x4x32xf32>
    }
    ```
    ```mlir
    func.func @lightning_token_final(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x32xf32>, %g: tensor<?x2xf32>, %starts: tensor<?xi32>) -> (tensor<?x4x32xf32>, tensor<?x2x16x32xf32>) {
      %o, %s = lightning.attention gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) starts(%starts) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x32xf32>, tensor<?x2xf32>, tensor<?xi32>) -> tensor<?x4x32xf32> final tensor<?x2x16x32xf32>
      return %o, %s : tensor<?x4x32xf32>, tensor<?x2x16x32xf32>
    }
    ```
    ```mlir
    func.func @lightning_token_initial(%q: tensor<?x2x32xf32>, %k: tensor<?x2x32xf32>, %v: tensor<?x4x16xf32>, %g: tensor<?x4xf32>, %s0: tensor<?x4x32x16xf32>, %starts: tensor<?xi32>) -> tensor<?x4x16xf32> {
      %o = lightning.attention gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) initial(%s0) starts(%starts) {scale = 1.0 : f32} : (tensor<?x2x32xf32>, tensor<?x2x32xf32>, tensor<?x4x16xf32>, tensor<?x4xf32>, tensor<?x4x32x16xf32>, tensor<?xi32>) -> tensor<?x4x16xf32>
      return %o : tensor<?x4x16xf32>
    }
    ```
    ```mlir
    func.func @lightning_token_initial_final(%q: tensor<?x2x32xf32>, %k: tensor<?x2x32xf32>, %v: tensor<?x4x16xf32>, %g: tensor<?x4xf32>, %s0: tensor<?x4x32x16xf32>, %starts: tensor<?xi32>) -> (tensor<?x4x16xf32>, tensor<?x4x32x16xf32>) {
      %o, %s = lightning.attention gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) initial(%s0) starts(%starts) {scale = 1.0 : f32} : (tensor<?x2x32xf32>, tensor<?x2x32xf32>, tensor<?x4x16xf32>, tensor<?x4xf32>, tensor<?x4x32x16xf32>, tensor<?xi32>) -> tensor<?x4x16xf32> final tensor<?x4x32x16xf32>
      return %o, %s : tensor<?x4x16xf32>, tensor<?x4x32x16xf32>
    }
    ```

    Source: the `LinearAttention` operator of ONNX opset 27 (whose heads of k and v
    are equal, whose decay is per token, and which has no sequence boundaries);
    Lightning Attention-2, arXiv:2401.04658; MiniMax-01, arXiv:2501.08313.
  }];
  let arguments = (ins
    Graph_Activation<3>:$q, Graph_Activation<3>:$k, Graph_Activation<3>:$v,
    Optional<TensorRankOf<[F32], [1, 2, 3]>>:$decay, Optional<Graph_F32<2>>:$beta,
    Optional<Graph_F32<4>>:$initial, Optional<Lightning_StateType>:$cache,
    Optional<Graph_I32<1>>:$slots, Optional<Graph_I32<1>>:$first,
    Graph_I32<1>:$starts,
    Lightning_UpdateAttr:$update, F32Attr:$scale, OptionalAttr<I64Attr>:$chunk,
    Graph_Numerics:$numerics);
  let results = (outs Graph_Activation<3>:$result, Optional<Graph_F32<4>>:$final_state,
                      Optional<Lightning_StateType>:$updated);
  let assemblyFormat = [{
    $update $numerics $q `,` $k `,` $v
    (`decay` `(` $decay^ `)`)? (`beta` `(` $beta^ `)`)? (`initial` `(` $initial^ `)`)?
    (`cache` `(` $cache^ `)`)? (`slots` `(` $slots^ `)`)? (`first` `(` $first^ `)`)?
    `starts` `(` $starts `)` attr-dict `:` `(` type(operands) `)` `->` type($result)
    (`final` type($final_state)^)? (`updated` type($updated)^)?
  }];
  let hasVerifier = 1;
}

#endif
