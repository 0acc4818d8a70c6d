//===- AttentionOps.td - the ops of the attention dialect --------*- tablegen -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_ATTENTION_OPS_TD
#define HAMLET_ATTENTION_OPS_TD

include "dialects/Attention/AttentionDialect.td"
include "dialects/Attention/AttentionGradOps.td"

def Attention_SoftmaxOp : Graph_Op<Attention_Dialect, "softmax",
    [Pure, AttrSizedOperandSegments, AttrSizedResultSegments], ["addChecks"]> {
  let summary = "causal grouped-query softmax attention over packed sequences";
  let description = [{
    In each sequence, for the query at position p and query head h, over the keys
    at positions j <= p (and j > p - window, where window is not 0) of key head
    h / (Hq / Hk):

        s_j = scale * (q . k_j)
        result = sum_j exp(s_j - m) v_j / sum_j exp(s_j - m),  m = max_j s_j

    - `q`: `[T, Hq, D]`; `k`: `[T, Hk, D]`; `v`: `[T, Hk, Dv]`; rotated already.
    - `cache`, `pages` `[S, P]`, `first` `[S]`: the keys at positions below
      `first[s]` are in the pages of row s, 64 positions a page; the step's own go
      there too, which `updated` holds.
    - `starts`: `[S + 1]`, the first token of each sequence, then T, ascending; a
      sequence may be empty. A sequence without cache starts at position 0.
    - `result`: `[T, Hq, Dv]`, rounded once.
    - `log_sum_exp`, optional: `[T, Hq]` f32, m + log(sum_j exp(s_j - m)), which
      the gradient needs again.

    Canonical order: online softmax in f32 over blocks of 64 keys, at positions
    64b, ascending: the running maximum, then sum and accumulator scaled by
    exp(m_old - m_new), then the block's. Exponentials are powers of two of
    scale log2(e) s - m', m' the largest of the first. Products over D ascend as
    `numerics` says; weights are rounded to the operands' type for the product with `v`.

    Constraints:
    - (C1) `q`, `k`, `v` are [T, heads, dim] with one T; `q` and `k` have one D, `k` and `v` one number of heads; elements have one type.
    - (C2) Hk divides Hq.
    - (C3) `result` is [T, Hq, Dv].
    - (C4) `starts` has at least 2 entries; `first` and the rows of `pages` are one fewer.
    - (C5) `cache`, `pages` and `first` come together, and `updated` with them.
    - (C6) the cache's heads, D, Dv and element type are the op's, its page is 64, and `updated` has its type.
    - (C7) `window` is at least 0; `scale` is finite.
    - (C8) under bf16 operands `q`, `k` and `v` are bf16.
    - (C9) `log_sum_exp` is [T, Hq].

    Examples:
    ```mlir
    func.func @softmax(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x16xf32>, %starts: tensor<?xi32>) -> tensor<?x4x16xf32> {
      %o = attention.softmax #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v starts(%starts) {scale = 0.25 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?xi32>) -> tensor<?x4x16xf32>
      return %o : tensor<?x4x16xf32>
    }
    ```
    ```mlir
    func.func @softmax_residual(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x16xf32>, %starts: tensor<?xi32>) -> (tensor<?x4x16xf32>, tensor<?x4xf32>) {
      %o, %l = attention.softmax #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v starts(%starts) {scale = 0.25 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?xi32>) -> tensor<?x4x16xf32> log_sum_exp tensor<?x4xf32>
      return %o, %l : tensor<?x4x16xf32>, tensor<?x4xf32>
    }
    ```
    ```mlir
    func.func @softmax_window(%q: tensor<?x4x16xbf16>, %k: tensor<?x4x16xbf16>, %v: tensor<?x4x32xbf16>, %starts: tensor<?xi32>) -> tensor<?x4x32xbf16> {
      %o = attention.softmax #tile.numerics<operands = bf16, accumulate = f32, group = 2> %q, %k, %v starts(%starts) {scale = 0.25 : f32, window = 100} : (tensor<?x4x16xbf16>, tensor<?x4x16xbf16>, tensor<?x4x32xbf16>, tensor<?xi32>) -> tensor<?x4x32xbf16>
      return %o : tensor<?x4x32xbf16>
    }
    ```

    Source: arXiv:1706.03762; online softmax, arXiv:2205.14135; the window as in
    MiniMax-M1 and Mistral (i - window < j <= i).
  }];
  let arguments = (ins
    Graph_Activation<3>:$q, Graph_Activation<3>:$k, Graph_Activation<3>:$v,
    Optional<Attention_CacheType>:$cache, Optional<Graph_I32<2>>:$pages,
    Optional<Graph_I32<1>>:$first, Graph_I32<1>:$starts,
    F32Attr:$scale, DefaultValuedAttr<I64Attr, "0">:$window, Graph_Numerics:$numerics);
  let results = (outs Graph_Activation<3>:$result, Optional<Graph_F32<2>>:$log_sum_exp,
                      Optional<Attention_CacheType>:$updated);
  let assemblyFormat = [{
    $numerics $q `,` $k `,` $v
    (`cache` `(` $cache^ `)`)? (`pages` `(` $pages^ `)`)? (`first` `(` $first^ `)`)?
    `starts` `(` $starts `)` attr-dict `:` `(` type(operands) `)` `->` type($result)
    (`log_sum_exp` type($log_sum_exp)^)? (`updated` type($updated)^)?
  }];
  let hasVerifier = 1;
}

#endif
