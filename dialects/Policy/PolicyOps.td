//===- PolicyOps.td - the ops of the policy dialect --------------*- tablegen -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_POLICY_OPS_TD
#define HAMLET_POLICY_OPS_TD

include "dialects/Policy/PolicyDialect.td"

class Policy_Op<string mnemonic, list<string> answers,
                list<Trait> traits = [Pure]>
    : Graph_Op<Policy_Dialect, mnemonic, traits, answers>;

//===----------------------------------------------------------------------===//
// Log-probabilities
//===----------------------------------------------------------------------===//

def Policy_HeadOp : Policy_Op<"head", ["addChecks", "isPacked"]> {
  let summary = "the log-probability of each row's token";
  let description = [{
        logits[t, v] = sum_k x[t, k] * w[v, k]          (as `nn.lm_head`, to the bit)
        z_v = logits[t, v] / temperature[t]
        m = max_v z_v;  l = sum_v e^(z_v - m);  u = sum_v (z_v - m) e^(z_v - m)
        lse = m + log(l);  entropy = log(l) - u / l
        logprob = z_target - lse

    in f32. A row whose target is no token (-1) has logprob 0; `lse` and `entropy`
    are those of its distribution all the same.

    Canonical order: the vocabulary in parts of 512, a part in blocks of 64, both
    ascending. A block's l and u are sums as `tile.reduce` of a last axis has them;
    they join those before it by

        m' = max(m, block's);  a = e^(m - m')
        u = (u + (m - m') l) a + block's;  l = fma(l, a, block's)

    and so do parts. A row's bits depend on nothing else, in whatever step it comes.

    - `x`: `[T, H]` f32; `w`: `[V, H]` as stored; `targets`: `[T]`;
      `temperature`: `[T]`, above 0.
    - `logprob`, `lse`, `entropy`: `[T]`.
    - `logits`, optional: `[T, V]`, for a sampler; the other results' bits are the
      same with it. z / temperature - lse in f32 is any token's log-probability.

    Constraints:
    - (C1) `w` is [V, H] with the H of `x`, and `logits` [T, V].
    - (C2) `targets`, `temperature` and the results are [T].
    - (C3) `numerics` has f32 operands.

    Examples:
    ```mlir
    func.func @policy_head(%x: tensor<?x32xf32>, %w: tensor<96x32xf32>, %targets: tensor<?xi32>, %tau: tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) {
      %p, %l, %e = policy.head #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %w, %targets, %tau : (tensor<?x32xf32>, tensor<96x32xf32>, tensor<?xi32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
      return %p, %l, %e : tensor<?xf32>, tensor<?xf32>, tensor<?xf32>
    }
    ```
    ```mlir
    func.func @policy_head_logits(%x: tensor<?x32xf32>, %w: tensor<96x32xbf16>, %targets: tensor<?xi32>, %tau: tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?x96xf32>) {
      %p, %l, %e, %z = policy.head #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %w, %targets, %tau : (tensor<?x32xf32>, tensor<96x32xbf16>, tensor<?xi32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?x96xf32>)
      return %p, %l, %e, %z : tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?x96xf32>
    }
    ```

    Source: online softmax, arXiv:1805.02867; f32 head, MiniMax-M1 technical
    report, arXiv:2506.13585.
  }];
  let arguments = (ins Graph_F32<2>:$x, Graph_Weight<2>:$w, Graph_I32<1>:$targets,
                       Graph_F32<1>:$temperature, Graph_Numerics:$numerics);
  let results = (outs Graph_F32<1>:$logprob, Graph_F32<1>:$lse, Graph_F32<1>:$entropy,
                      Optional<Graph_F32<2>>:$logits);
  let assemblyFormat = [{
    $numerics $x `,` $w `,` $targets `,` $temperature attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Policy_HeadGradOp : Policy_Op<"head_grad", ["addChecks", "isPacked"]> {
  let summary = "the gradient of policy.head";
  let description = [{
    With z of `policy.head`, worked out anew by blocks, and p_v = e^(z_v - lse),

        dz_v = (1 / temperature) (g (1[v = target] - p_v) - c p_v (z_v - lse + entropy))
        dx[t, :] = sum_v dz_v w[v, :]                       (v ascending)
        updated[v, :] = into[v, :] + sum_t dz_tv x[t, :]    (t ascending)

    each sum one chain of f32 fma's; that of `updated` goes on from what is there,
    so that a batch gives the same bits in one call or in several. g is 0 where the
    target is no token, whose logprob depends on nothing. A row with g = c = 0 has dx = 0 and leaves `updated` as it is, whatever `x` holds.

    - `x`, `w`, `targets`, `temperature`: those of `policy.head`; `lse`, `entropy`:
      its results; `g`, `c`: `[T]`, the derivatives by logprob and by entropy.
    - `dx`: `[T, H]`.
    - `into`, optional, with the result `updated`: `[V, H]` f32.

    Constraints:
    - (C1) `w` is [V, H] with the H of `x`, and `dx` [T, H].
    - (C2) the operands but `x`, `w` and `into` are [T].
    - (C3) `numerics` has f32 operands.
    - (C4) `into` and `updated` come together, are one type, and [V, H].

    Examples:
    ```mlir
    func.func @policy_head_grad(%x: tensor<?x32xf32>, %w: tensor<96x32xf32>, %targets: tensor<?xi32>, %tau: tensor<?xf32>, %lse: tensor<?xf32>, %entropy: tensor<?xf32>, %g: tensor<?xf32>, %c: tensor<?xf32>) -> tensor<?x32xf32> {
      %dx = policy.head_grad #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %w, %targets, %tau, %lse, %entropy, %g, %c : (tensor<?x32xf32>, tensor<96x32xf32>, tensor<?xi32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> tensor<?x32xf32>
      return %dx : tensor<?x32xf32>
    }
    ```
    ```mlir
    func.func @policy_head_grad_into(%x: tensor<?x32xf32>, %w: tensor<96x32xf32>, %targets: tensor<?xi32>, %tau: tensor<?xf32>, %lse: tensor<?xf32>, %entropy: tensor<?xf32>, %g: tensor<?xf32>, %c: tensor<?xf32>) -> (tensor<?x32xf32>, tensor<96x32xf32>, !nn.state<tensor<96x32xf32>>) {
      %s = nn.state @gradient.head : !nn.state<tensor<96x32xf32>>
      %dx, %u = policy.head_grad #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %w, %targets, %tau, %lse, %entropy, %g, %c into(%s) : (tensor<?x32xf32>, tensor<96x32xf32>, tensor<?xi32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, !nn.state<tensor<96x32xf32>>) -> (tensor<?x32xf32>, !nn.state<tensor<96x32xf32>>)
      %dw = nn.read %u : !nn.state<tensor<96x32xf32>> -> tensor<96x32xf32>
      return %dx, %dw, %u : tensor<?x32xf32>, tensor<96x32xf32>, !nn.state<tensor<96x32xf32>>
    }
    ```

    Source: the derivative; by blocks as in Cut Cross-Entropy, arXiv:2411.09009,
    whose filter of small terms it has not.
  }];
  let arguments = (ins Graph_F32<2>:$x, Graph_Weight<2>:$w, Graph_I32<1>:$targets,
                       Graph_F32<1>:$temperature, Graph_F32<1>:$lse, Graph_F32<1>:$entropy,
                       Graph_F32<1>:$g, Graph_F32<1>:$c, Optional<Graph_State>:$into,
                       Graph_Numerics:$numerics);
  let results = (outs Graph_F32<2>:$dx, Optional<Graph_State>:$updated);
  let assemblyFormat = [{
    $numerics $x `,` $w `,` $targets `,` $temperature `,` $lse `,` $entropy `,` $g `,` $c
    (`into` `(` $into^ `)`)? attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Losses
//===----------------------------------------------------------------------===//

def Policy_LossOp : Policy_Op<"loss", ["addChecks"], [Pure, AttrSizedOperandSegments]> {
  let summary = "the loss of each token, and its gradient";
  let description = [{
    For a token that counts, with A = `advantage` (1 without) and a = `weight`,

        loss = a (rho P + beta K - kappa entropy)
        g = d loss / d logprob = a (rho P' + beta K');  c = d loss / d entropy = -a kappa

    A token counts where `mask` is not 0, without it where `weight` is not 0. Others
    are 0 in every result, whatever their operands hold.

    The ratio r: 1 for `none`; e^x for `token`, x = logprob - old; e^(mean x) for
    `sequence`, over the tokens of the sequence that count. Before e, x (or its
    mean) is brought into [`log_low`, `log_high`]; outside, P' through r is 0.

        none:      P = -A logprob                  P' = -A
        through:   P = -r A                        P' = -r A
                   A > 0 and r > clip_high: P = -clip_high A, P' = 0
                   A < 0 and r < clip_low:  P = -clip_low A,  P' = 0
                   A < 0 and r > dual:      P = -dual A,      P' = 0
        detached:  P = -s A logprob, P' = -s A, s = r brought into [is_low, is_high];
                   0 where `through` would be clipped by clip_high or clip_low
        soft:      P = -(4 / T) y A, P' = -4 y (1 - y) r A, y = sigmoid(T (r - 1)),
                   T = soft_positive for A > 0, else soft_negative

    A `sequence` ratio's gradient is given to each token as if the ratio were its
    own: with one advantage and one weight in a sequence, as all aggregations have
    them, that is the derivative through the mean.

    K with y = ref - logprob (for k3 within +-`kl_clamp`): k1: -y; absolute: |y|; k2: y^2 / 2;
    k3: e^y - y - 1; K' = -1; -sign(y); -y; 1 - e^y. k3_k2: k3's value, k2's gradient.
    `kl_by_ratio`: K r, with the derivative of both. K is at most `kl_limit`.
    Where a bound holds K, K' is 0.

    rho with q = e^(old - rollout), constant for the gradient:

        tis:      q brought into [behave_low, behave_high]
        icepop:   q, but 0 outside [behave_low, behave_high]
        seq_tis:  the product of q over the sequence, brought into the bounds
        mis:      the product, but 0 outside of them
        seqmask:  q, but 0 where the sequence's geometric mean is outside of them

    `off_policy`: P is 0 where A < 0 and the sequence's mean of old - logprob is above it.
    Bounds that are not given do not bind; all are absolute.

    - `logprob`, `weight`, `old`, `advantage`, `ref`, `rollout`, `entropy`: `[T]` f32;
      `mask`: `[T]` i32; `starts`: `[S + 1]`, the first token of each sequence, then T.
    - `loss`, `g`, `c`: `[T]`; `counters`, optional: `[T, 8]` f32, of tokens that count:
      r; old - logprob; r - 1 - log r; then 1 or 0: bound from above, bound from below
      (`is_` bounds of detached, `clip_` bounds of through), bound by `dual`,
      left out (by detached's clip, rho = 0 or `off_policy`), and P' = 0 where A is not.

    All in f32; sums over a sequence take blocks of 128 tokens, ascending. e^y - 1
    and e^y - y - 1 are series where |y| < 1/2: they keep their digits.

    Constraints:
    - (C1) operands but `starts` and results are [T], `counters` [T, 8].
    - (C2) `old` comes where the ratio or a correction needs it, and only there.
    - (C3) `is_` bounds are of `detached`, `dual` of `through`, `soft_` temperatures, both and above 0, of `soft`; `clip_` bounds of `through` and `detached`; `none` has no bound at all.
    - (C4) a lower bound is at least 0 and at most its upper one; `log_low` at most `log_high`; `dual` at least `clip_high`, and above 1.
    - (C5) `kl` and `ref` come together; `kl_clamp`, `kl_limit` and `kl_by_ratio` only with them, and the latter with a ratio.
    - (C6) `behave` and `rollout` come together; `behave_high` with both, `behave_low` too for icepop and seqmask.
    - (C7) `starts` comes where something is summed over a sequence, and only there.
    - (C8) `kappa` and `entropy` come together; `beta` and `kappa` are finite.

    Examples:
    ```mlir
    // CISPO with r at most 5.
    func.func @cispo(%lp: tensor<?xf32>, %old: tensor<?xf32>, %adv: tensor<?xf32>, %w: tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) {
      %l, %g, %c = policy.loss token detached %lp weight(%w) old(%old) advantage(%adv) {is_high = 5.0 : f32} : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
      return %l, %g, %c : tensor<?xf32>, tensor<?xf32>, tensor<?xf32>
    }
    ```
    ```mlir
    // Cross-entropy.
    func.func @cross_entropy(%lp: tensor<?xf32>, %w: tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) {
      %l, %g, %c = policy.loss none through %lp weight(%w) : (tensor<?xf32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
      return %l, %g, %c : tensor<?xf32>, tensor<?xf32>, tensor<?xf32>
    }
    ```
    ```mlir
    // GSPO with a divergence from a reference, an entropy bonus, and counters.
    func.func @gspo(%lp: tensor<?xf32>, %old: tensor<?xf32>, %adv: tensor<?xf32>, %w: tensor<?xf32>, %m: tensor<?xi32>, %ref: tensor<?xf32>, %e: tensor<?xf32>, %starts: tensor<?xi32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?x8xf32>) {
      %l, %g, %c, %n = policy.loss sequence through %lp weight(%w) old(%old) advantage(%adv) mask(%m) ref(%ref) entropy(%e) starts(%starts) {clip_low = 0.9997 : f32, clip_high = 1.0004 : f32, kl = #policy<kl k3>, beta = 0.001 : f32, kappa = 0.01 : f32} : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xi32>, tensor<?xf32>, tensor<?xf32>, tensor<?xi32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?x8xf32>)
      return %l, %g, %c, %n : tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?x8xf32>
    }
    ```

    Source: CISPO, arXiv:2506.13585; PPO, arXiv:1707.06347; dual clip,
    arXiv:1912.09729; GSPO, arXiv:2507.18071; SAPO, arXiv:2511.20347.
  }];
  let arguments = (ins Graph_F32<1>:$logprob, Graph_F32<1>:$weight, Optional<Graph_F32<1>>:$old,
                       Optional<Graph_F32<1>>:$advantage, Optional<Graph_I32<1>>:$mask,
                       Optional<Graph_F32<1>>:$ref, Optional<Graph_F32<1>>:$rollout,
                       Optional<Graph_F32<1>>:$entropy, Optional<Graph_I32<1>>:$starts,
                       Policy_RatioAttr:$ratio, Policy_SurrogateAttr:$surrogate,
                       OptionalAttr<F32Attr>:$is_low, OptionalAttr<F32Attr>:$is_high,
                       OptionalAttr<F32Attr>:$clip_low, OptionalAttr<F32Attr>:$clip_high,
                       OptionalAttr<F32Attr>:$dual,
                       OptionalAttr<F32Attr>:$soft_positive, OptionalAttr<F32Attr>:$soft_negative,
                       OptionalAttr<F32Attr>:$log_low, OptionalAttr<F32Attr>:$log_high,
                       DefaultValuedAttr<Policy_KlAttr, "Kl::none">:$kl,
                       DefaultValuedAttr<F32Attr, "0.0">:$beta,
                       OptionalAttr<F32Attr>:$kl_clamp, OptionalAttr<F32Attr>:$kl_limit,
                       UnitAttr:$kl_by_ratio,
                       DefaultValuedAttr<F32Attr, "0.0">:$kappa,
                       DefaultValuedAttr<Policy_BehaveAttr, "Behave::none">:$behave,
                       OptionalAttr<F32Attr>:$behave_low, OptionalAttr<F32Attr>:$behave_high,
                       OptionalAttr<F32Attr>:$off_policy);
  let results = (outs Graph_F32<1>:$loss, Graph_F32<1>:$g, Graph_F32<1>:$c,
                      Optional<Graph_F32<2>>:$counters);
  let assemblyFormat = [{
    $ratio $surrogate $logprob `weight` `(` $weight `)` (`old` `(` $old^ `)`)?
    (`advantage` `(` $advantage^ `)`)? (`mask` `(` $mask^ `)`)? (`ref` `(` $ref^ `)`)?
    (`rollout` `(` $rollout^ `)`)? (`entropy` `(` $entropy^ `)`)? (`starts` `(` $starts^ `)`)?
    attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

#endif
