//===- MoEGradOps.td - gradients of the moe ops ------------------*- tablegen -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_MOE_GRAD_OPS_TD
#define HAMLET_MOE_GRAD_OPS_TD

include "dialects/MoE/MoEDialect.td"

/// A weight that a product reads as it is stored, in rows.
class MoE_PlainWeight<int rank> : TensorRankOf<[F32, BF16, F16], [rank]>;

def MoE_ExpandOp : MoE_Op<"expand", ["addChecks", "getGatheredFrom", "ask"]> {
  let summary = "the rows of the pairs, by expert";
  let description = [{
    For place p, of the pair order[p] = t * top_k + s:

        result[p, h] = round(x[t, h])                     without gates
        result[p, h] = round(gates[t, s] * x[t, h])       in f32, rounded once

    The rows that `moe.expert_up` reads by itself, and with `gates` the gradient
    of `moe.combine` by its `y`.

    - `x`: `[T, H]`; `order`: `[P]`, P = T * top_k; `gates`: `[T, top_k]` f32;
      `result`: `[P, H]`.

    Constraints:
    - (C1) `top_k` is at least 1 and `order` is [T * top_k].
    - (C2) `gates` is [T, top_k].
    - (C3) `result` is [P, H].

    Examples:
    ```mlir
    func.func @expand(%x: tensor<?x32xf32>, %ids: tensor<?x2xi32>) -> tensor<?x32xf32> {
      %o, %r, %p = moe.dispatch %ids {experts = 8} : (tensor<?x2xi32>) -> (tensor<9xi32>, tensor<?xi32>, tensor<?x2xi32>)
      %y = moe.expand %x, %r {top_k = 2} : (tensor<?x32xf32>, tensor<?xi32>) -> tensor<?x32xf32>
      return %y : tensor<?x32xf32>
    }
    ```
    ```mlir
    func.func @expand_gates(%dz: tensor<?x32xf32>, %ids: tensor<?x2xi32>, %g: tensor<?x2xf32>) -> tensor<?x32xf32> {
      %o, %r, %p = moe.dispatch %ids {experts = 8} : (tensor<?x2xi32>) -> (tensor<9xi32>, tensor<?xi32>, tensor<?x2xi32>)
      %dy = moe.expand %dz, %r gates(%g) {top_k = 2} : (tensor<?x32xf32>, tensor<?xi32>, tensor<?x2xf32>) -> tensor<?x32xf32>
      return %dy : tensor<?x32xf32>
    }
    ```

    Source: MegaBlocks, arXiv:2211.15841 (its gather); the gradient of Mixtral's
    sum over slots, arXiv:2401.04088.
  }];
  let arguments = (ins Graph_Activation<2>:$x, Graph_I32<1>:$order,
                       Optional<Graph_F32<2>>:$gates, I64Attr:$top_k);
  let results = (outs Graph_Activation<2>:$result);
  let assemblyFormat = [{
    $x `,` $order (`gates` `(` $gates^ `)`)? attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def MoE_GateGradOp : MoE_Op<"gate_grad", ["addChecks", "ask"]> {
  let summary = "the gradient of moe.combine by its gates";
  let description = [{
        result[t, s] = sum_h y[place[t, s], h] * dresult[t, h]

    in f32: products rounded, summed as `tile.reduce` sums a last axis.

    - `y`: `[P, H]`; `place`: `[T, k]`; `dresult`: `[T, H]`; `result`: `[T, k]` f32.

    Constraints:
    - (C1) `dresult` is [T, H].
    - (C2) `result` is [T, k].

    Example:
    ```mlir
    func.func @gate_grad(%y: tensor<?x32xf32>, %ids: tensor<?x2xi32>, %dz: tensor<?x32xf32>) -> tensor<?x2xf32> {
      %o, %r, %p = moe.dispatch %ids {experts = 8} : (tensor<?x2xi32>) -> (tensor<9xi32>, tensor<?xi32>, tensor<?x2xi32>)
      %dg = moe.gate_grad %y, %p, %dz : (tensor<?x32xf32>, tensor<?x2xi32>, tensor<?x32xf32>) -> tensor<?x2xf32>
      return %dg : tensor<?x2xf32>
    }
    ```

    Source: the gradient of Mixtral's sum over slots, arXiv:2401.04088.
  }];
  let arguments = (ins Graph_Activation<2>:$y, Graph_I32<2>:$place, Graph_Activation<2>:$dresult);
  let results = (outs Graph_F32<2>:$result);
  let assemblyFormat = "$y `,` $place `,` $dresult attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def MoE_RouteGradOp : MoE_Op<"route_grad", ["addChecks", "ask"]> {
  let summary = "the gradient of moe.route by its logits";
  let description = [{
    `score`, `renormalize`, `epsilon` and `scaling` are those of `moe.route`, and
    `ids` the experts that it gave; their choice, with its bias and groups, has no
    gradient. With a_s = score[ids_s], c = scaling, D = sum_s a_s + epsilon and
    G = sum_s dgates_s * gates_s, slots ascending:

        u_e = sum over the slots s of expert e of   (c * dgates_s - G) / D   renormalized
                                                    c * dgates_s             else
        softmax:  result_e = p_e * (u_e - q),  q = G * (epsilon / D)  renormalized, G else
        sigmoid:  result_e = u_e * (p_e * sigmoid(-logit_e))

    with p the scores; renormalized without epsilon q is left out, so that softmax
    gives exactly 0 to experts that were not chosen, and p may be its powers of e.
    With `balance` f, for a load-balancing loss whose gradient by the mean
    probabilities the caller has scaled:

        result_e += p_e * (f_e - sum_j p_j * f_j),  p = softmax(logits)

    All in f32; sums over experts as `tile.reduce` has them.

    - `logits`: `[T, E]` f32, x . w as `moe.route` computes them; `ids`: `[T, k]`,
      0 <= id < E; `dgates`: `[T, k]` f32; `balance`: `[E]` f32; `result`: `[T, E]`.

    Constraints:
    - (C1) `ids` and `dgates` are [T, k].
    - (C2) `balance` is [E].
    - (C3) `result` is [T, E].
    - (C4) `epsilon` is at least 0, `scaling` finite.

    Examples:
    ```mlir
    func.func @route_grad(%l: tensor<?x8xf32>, %ids: tensor<?x2xi32>, %dg: tensor<?x2xf32>) -> tensor<?x8xf32> {
      %dl = moe.route_grad softmax %l, %ids, %dg {renormalize = true, epsilon = 0.0 : f32, scaling = 1.0 : f32} : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>) -> tensor<?x8xf32>
      return %dl : tensor<?x8xf32>
    }
    ```
    ```mlir
    func.func @route_grad_balance(%l: tensor<?x8xf32>, %ids: tensor<?x2xi32>, %dg: tensor<?x2xf32>, %f: tensor<8xf32>) -> tensor<?x8xf32> {
      %dl = moe.route_grad sigmoid %l, %ids, %dg balance(%f) {renormalize = true, epsilon = 1.0e-20 : f32, scaling = 2.5 : f32} : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<8xf32>) -> tensor<?x8xf32>
      return %dl : tensor<?x8xf32>
    }
    ```

    Source: Mixtral, arXiv:2401.04088; DeepSeek-V3, arXiv:2412.19437 (sigmoid);
    the balancing loss: Switch Transformers, arXiv:2101.03961.
  }];
  let arguments = (ins Graph_F32<2>:$logits, Graph_I32<2>:$ids, Graph_F32<2>:$dgates,
                       Optional<Graph_F32<1>>:$balance,
                       MoE_ScoreAttr:$score, BoolAttr:$renormalize,
                       F32Attr:$epsilon, F32Attr:$scaling);
  let results = (outs Graph_F32<2>:$result);
  let assemblyFormat = [{
    $score $logits `,` $ids `,` $dgates (`balance` `(` $balance^ `)`)?
    attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def MoE_ExpertInputGradOp : MoE_Op<"expert_input_grad", ["addChecks"]> {
  let summary = "the gradient of an expert product by its rows";
  let description = [{
        result[p, k] = round(sum_n dy[p, n] * w[e, n, k])     (offsets[e] <= p < offsets[e + 1])

    n ascending as `numerics` says. The weights are those of `moe.expert_up` or
    `moe.expert_down`, read as they are stored.

    - `dy`: `[P, N]`; `offsets`: `[E + 1]`; `w`: `[E, N, K]` as stored; `result`:
      `[P, K]`, f32 or dy's type.

    Constraints:
    - (C1) `w` is [E, N, K] with the N of `dy`.
    - (C2) `offsets` is [E + 1].
    - (C3) `result` is [P, K].
    - (C4) under bf16 operands `dy` and `w` are bf16.

    Example:
    ```mlir
    func.func @expert_input_grad(%dy: tensor<?x32xf32>, %ids: tensor<?x2xi32>, %w: tensor<8x32x48xf32>) -> tensor<?x48xf32> {
      %o, %r, %p = moe.dispatch %ids {experts = 8} : (tensor<?x2xi32>) -> (tensor<9xi32>, tensor<?xi32>, tensor<?x2xi32>)
      %dh = moe.expert_input_grad #tile.numerics<operands = f32, accumulate = f32, group = 1> %dy, %o, %w : (tensor<?x32xf32>, tensor<9xi32>, tensor<8x32x48xf32>) -> tensor<?x48xf32>
      return %dh : tensor<?x48xf32>
    }
    ```

    Source: MegaBlocks, arXiv:2211.15841 (the data gradient of its grouped product).
  }];
  let arguments = (ins Graph_Activation<2>:$dy, Graph_I32<1>:$offsets, MoE_PlainWeight<3>:$w,
                       Graph_Numerics:$numerics);
  let results = (outs Graph_Activation<2>:$result);
  let assemblyFormat = [{
    $numerics $dy `,` $offsets `,` $w attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def MoE_ExpertWeightGradOp : MoE_Op<"expert_weight_grad", ["addChecks"],
    [Pure, AllTypesMatch<["into", "updated"]>]> {
  let summary = "adds the gradient of an expert product by its weights";
  let description = [{
        into[e, n, k] += sum_p dy[p, n] * x[p, k]     (offsets[e] <= p < offsets[e + 1])

    One sum from the stored element on, p ascending, an f32 fma for each p of
    operands that are widened: rows in one call or in several, in their order,
    give the same bits. An expert without rows keeps its elements.

    - `x`: `[P, K]`; `dy`: `[P, N]`; `offsets`: `[E + 1]`; `into`, and `updated`,
      which is the same memory: `!nn.state<tensor<ExNxKxf32>>`.

    Constraints:
    - (C1) `into` is [E, N, K] with the K of `x` and the N of `dy`.
    - (C2) `offsets` is [E + 1].

    Example:
    ```mlir
    func.func @expert_weight_grad(%x: tensor<?x48xf32>, %dy: tensor<?x32xf32>, %ids: tensor<?x2xi32>) -> (tensor<8x32x48xf32>, !nn.state<tensor<8x32x48xf32>>) {
      %o, %r, %p = moe.dispatch %ids {experts = 8} : (tensor<?x2xi32>) -> (tensor<9xi32>, tensor<?xi32>, tensor<?x2xi32>)
      %g = nn.state @gradient : !nn.state<tensor<8x32x48xf32>>
      %u = moe.expert_weight_grad %x, %dy, %o into(%g) : tensor<?x48xf32>, tensor<?x32xf32>, tensor<9xi32>, !nn.state<tensor<8x32x48xf32>>
      %v = nn.read %u : !nn.state<tensor<8x32x48xf32>> -> tensor<8x32x48xf32>
      return %v, %u : tensor<8x32x48xf32>, !nn.state<tensor<8x32x48xf32>>
    }
    ```

    Source: MegaBlocks, arXiv:2211.15841 (the weight gradient of its grouped product).
  }];
  let arguments = (ins Graph_Activation<2>:$x, Graph_Activation<2>:$dy, Graph_I32<1>:$offsets,
                       Graph_State:$into);
  let results = (outs Graph_State:$updated);
  let assemblyFormat = [{
    $x `,` $dy `,` $offsets `into` `(` $into `)`
    attr-dict `:` type($x) `,` type($dy) `,` type($offsets) `,` type($into)
  }];
  let hasVerifier = 1;
}

#endif
