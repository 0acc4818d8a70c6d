//===- MoEOps.td - the ops of the moe dialect --------------------*- tablegen -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_MOE_OPS_TD
#define HAMLET_MOE_OPS_TD

include "dialects/MoE/MoEDialect.td"

class MoE_Op<string mnemonic, list<string> answers,
             list<Trait> traits = [Pure]>
    : Graph_Op<MoE_Dialect, mnemonic, traits, answers>;

def MoE_RouteOp : MoE_Op<"route", ["addChecks", "operandName", "getNumerics", "isPacked", "ask"],
    [Pure, AttrSizedOperandSegments]> {
  let summary = "the experts of each token and their gates";
  let description = [{
        logit[e] = sum_h x[h] * w[e, h]                   (f32, as `sums` says)
        score = softmax(logit) over all experts, or sigmoid(logit)
        choice = score + bias                             (bias: selection only)
        ids = the top_k largest choices, largest first, ties to the lowest expert
        gate = score[ids]; renormalize: gate / (sum of the gates, slot order, + epsilon)
        gates = scaling * gate

    With `groups` > 1 the experts are cut into equal groups; a group's worth is the
    sum of its two largest choices (its only one, if it has one), and only the
    `topk_groups` best groups take part, ties to the lowest group. Given `ids` are
    taken as they are (replay), and only the gates are computed. softmax subtracts
    the largest logit; its sum ascends as `tile.reduce` of a last axis does.

    - `x`: `[T, H]`; `w`: `[E, H]`, f32 as a rule; `bias`: `[E]`; `ids`: `[T, k]`,
      0 <= id < E; `gates`: `[T, k]` f32. All arithmetic is f32.
    - `sums`, optional: `#tile.numerics` of the logits. Without it they are one sum,
      h ascending; the products of a bf16 `x` and a bf16 `w`, which are exact, are
      added in pairs.

    Constraints:
    - (C1) `w` is [E, H] with the H of `x`; `bias` is [E].
    - (C2) `ids` (operand and result) and `gates` are [T, top_k].
    - (C3) 1 <= top_k <= E.
    - (C4) groups >= 1 divides E, 1 <= topk_groups <= groups, and the kept groups have top_k experts.
    - (C5) `epsilon` is at least 0, `scaling` finite.
    - (C6) under bf16 operands `x` and `w` are bf16.

    Examples:
    ```mlir
    func.func @route_softmax(%x: tensor<?x32xf32>, %w: tensor<8x32xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) {
      %i, %g = moe.route softmax %x, %w {top_k = 2, renormalize = true, epsilon = 0.0 : f32, scaling = 1.0 : f32} : (tensor<?x32xf32>, tensor<8x32xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
      return %i, %g : tensor<?x2xi32>, tensor<?x2xf32>
    }
    ```
    ```mlir
    func.func @route_sigmoid_bias_groups(%x: tensor<?x32xf32>, %w: tensor<8x32xf32>, %b: tensor<8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) {
      %i, %g = moe.route sigmoid %x, %w bias(%b) {top_k = 2, renormalize = true, epsilon = 1.0e-20 : f32, scaling = 2.5 : f32, groups = 4, topk_groups = 2} : (tensor<?x32xf32>, tensor<8x32xf32>, tensor<8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
      return %i, %g : tensor<?x2xi32>, tensor<?x2xf32>
    }
    ```
    ```mlir
    func.func @route_replay(%x: tensor<?x32xf32>, %w: tensor<8x32xf32>, %ids: tensor<?x2xi32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) {
      %i, %g = moe.route softmax %x, %w ids(%ids) {top_k = 2, renormalize = false, epsilon = 0.0 : f32, scaling = 1.0 : f32} : (tensor<?x32xf32>, tensor<8x32xf32>, tensor<?x2xi32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
      return %i, %g : tensor<?x2xi32>, tensor<?x2xf32>
    }
    ```
    ```mlir
    func.func @route_bias_replay(%x: tensor<?x32xf32>, %w: tensor<8x32xf32>, %b: tensor<8xf32>, %ids: tensor<?x2xi32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) {
      %i, %g = moe.route sigmoid %x, %w bias(%b) ids(%ids) {top_k = 2, renormalize = true, epsilon = 0.0 : f32, scaling = 1.0 : f32} : (tensor<?x32xf32>, tensor<8x32xf32>, tensor<8xf32>, tensor<?x2xi32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
      return %i, %g : tensor<?x2xi32>, tensor<?x2xf32>
    }
    ```

    Source: Mixtral, arXiv:2401.04088; sigmoid, bias and groups: DeepSeek-V3,
    arXiv:2412.19437, as Ring-linear (arXiv:2510.19338) uses them.
  }];
  let arguments = (ins Graph_Activation<2>:$x, Graph_Weight<2>:$w,
                       Optional<Graph_F32<1>>:$bias, Optional<Graph_I32<2>>:$given,
                       MoE_ScoreAttr:$score, I64Attr:$top_k, BoolAttr:$renormalize,
                       F32Attr:$epsilon, F32Attr:$scaling,
                       DefaultValuedAttr<I64Attr, "1">:$groups,
                       DefaultValuedAttr<I64Attr, "1">:$topk_groups,
                       OptionalAttr<Graph_Numerics>:$sums);
  let results = (outs Graph_I32<2>:$ids, Graph_F32<2>:$gates);
  let assemblyFormat = [{
    $score $x `,` $w (`bias` `(` $bias^ `)`)? (`ids` `(` $given^ `)`)? (`sums` `(` $sums^ `)`)?
    attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def MoE_DispatchOp : MoE_Op<"dispatch", ["addChecks", "getLastBoundary"]> {
  let summary = "the order of the pairs by expert";
  let description = [{
    Stable: pairs of one expert are in the order of tokens, then slots.

        offsets[e] = first place of expert e; offsets[E] = P
        order[p] = token * k + slot of the pair at place p
        place[token, slot] = p

    - `ids`: `[T, k]`; `offsets`: `[E + 1]`; `order`: `[P]`, P = T * k; `place`: `[T, k]`.

    Constraints:
    - (C1) `experts` is at least 1 and `offsets` is [experts + 1].
    - (C2) `order` is [T * k].
    - (C3) `place` is [T, k].

    Example:
    ```mlir
    func.func @dispatch(%ids: tensor<?x2xi32>) -> (tensor<9xi32>, tensor<?xi32>, tensor<?x2xi32>) {
      %o, %r, %p = moe.dispatch %ids {experts = 8} : (tensor<?x2xi32>) -> (tensor<9xi32>, tensor<?xi32>, tensor<?x2xi32>)
      return %o, %r, %p : tensor<9xi32>, tensor<?xi32>, tensor<?x2xi32>
    }
    ```

    Source: MegaBlocks, arXiv:2211.15841 (dropless).
  }];
  let arguments = (ins Graph_I32<2>:$ids, I64Attr:$experts);
  let results = (outs Graph_I32<1>:$offsets, Graph_I32<1>:$order, Graph_I32<2>:$place);
  let assemblyFormat = "$ids attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def MoE_ExpertUpOp : MoE_Op<"expert_up", ["addChecks", "isPacked"],
    [Pure, AttrSizedResultSegments]> {
  let summary = "gate and up products of each pair's expert";
  let description = [{
    For place p of expert e (offsets[e] <= p < offsets[e + 1]), token
    t = order[p] / top_k:

        result[p, f] = round(activation(sum_h x[t, h] * w_gate[e, f, h]) * (sum_h x[t, h] * w_up[e, f, h]))

    Both sums ascend over h as `numerics` says and stay f32 until the product,
    which is rounded once.

    - `x`: `[T, H]`; `offsets`: `[E + 1]`; `order`: `[P]`; `w_gate`, `w_up`:
      `[E, F, H]` as stored; `result`: `[P, F]`, f32 or x's type.
    - `gate`, `up`, optional: `[P, F]`, f32 or x's type: the two sums, for the
      gradient. They change no bit of `result`.

    Constraints:
    - (C1) `w_gate` and `w_up` are [E, F, H] with the H of `x`, one type.
    - (C2) `offsets` is [E + 1].
    - (C3) `result` is [P, F] with the P of `order`.
    - (C4) `top_k` is at least 1 and P is T * top_k.
    - (C5) under bf16 operands `x` and the weights are bf16.
    - (C6) `gate` and `up` are [P, F], and both are there or none.

    Examples:
    ```mlir
    func.func @expert_up(%x: tensor<?x32xf32>, %ids: tensor<?x2xi32>, %wg: tensor<8x48x32xf32>, %wu: tensor<8x48x32xf32>) -> tensor<?x48xf32> {
      %o, %r, %p = moe.dispatch %ids {experts = 8} : (tensor<?x2xi32>) -> (tensor<9xi32>, tensor<?xi32>, tensor<?x2xi32>)
      %h = moe.expert_up silu #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %o, %r, %wg, %wu {top_k = 2} : (tensor<?x32xf32>, tensor<9xi32>, tensor<?xi32>, tensor<8x48x32xf32>, tensor<8x48x32xf32>) -> tensor<?x48xf32>
      return %h : tensor<?x48xf32>
    }
    ```
    ```mlir
    func.func @expert_up_sums(%x: tensor<?x32xf32>, %ids: tensor<?x2xi32>, %wg: tensor<8x48x32xf32>, %wu: tensor<8x48x32xf32>) -> (tensor<?x48xf32>, tensor<?x48xf32>, tensor<?x48xf32>) {
      %o, %r, %p = moe.dispatch %ids {experts = 8} : (tensor<?x2xi32>) -> (tensor<9xi32>, tensor<?xi32>, tensor<?x2xi32>)
      %h, %a, %b = moe.expert_up silu #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %o, %r, %wg, %wu {top_k = 2} : (tensor<?x32xf32>, tensor<9xi32>, tensor<?xi32>, tensor<8x48x32xf32>, tensor<8x48x32xf32>) -> tensor<?x48xf32> gate tensor<?x48xf32> up tensor<?x48xf32>
      return %h, %a, %b : tensor<?x48xf32>, tensor<?x48xf32>, tensor<?x48xf32>
    }
    ```

    Source: Mixtral, arXiv:2401.04088 (w1 is the gate, w3 up).
  }];
  let arguments = (ins Graph_Activation<2>:$x, Graph_I32<1>:$offsets, Graph_I32<1>:$order,
                       Graph_Weight<3>:$w_gate, Graph_Weight<3>:$w_up,
                       MoE_Activation:$activation, I64Attr:$top_k, Graph_Numerics:$numerics);
  let results = (outs Graph_Activation<2>:$result, Optional<Graph_Activation<2>>:$gate,
                      Optional<Graph_Activation<2>>:$up);
  let assemblyFormat = [{
    custom<Activation>($activation) $numerics $x `,` $offsets `,` $order `,` $w_gate `,` $w_up
    attr-dict `:` `(` type(operands) `)` `->` type($result) (`gate` type($gate)^ `up` type($up))?
  }];
  let builders = [OpBuilder<(ins "::mlir::Type":$result, "::mlir::Value":$x,
      "::mlir::Value":$offsets, "::mlir::Value":$order, "::mlir::Value":$w_gate,
      "::mlir::Value":$w_up, "::hamlet::nn::ActivationAttr":$activation,
      "::mlir::IntegerAttr":$top_k, "::hamlet::tile::NumericsAttr":$numerics), [{
    build($_builder, $_state, result, ::mlir::Type(), ::mlir::Type(), x, offsets,
          order, w_gate, w_up, activation, top_k, numerics);
  }]>];
  let hasVerifier = 1;
}

def MoE_ExpertDownOp : MoE_Op<"expert_down", ["addChecks", "isPacked"]> {
  let summary = "the down product of each pair's expert";
  let description = [{
        result[p, n] = round(sum_f h[p, f] * w[e, n, f])     (offsets[e] <= p < offsets[e + 1])

    f ascending as `numerics` says.

    - `h`: `[P, F]`; `offsets`: `[E + 1]`; `w`: `[E, H, F]` as stored; `result`:
      `[P, H]`, f32 or h's type.

    Constraints:
    - (C1) `w` is [E, H, F] with the F of `h`.
    - (C2) `offsets` is [E + 1].
    - (C3) `result` is [P, H].
    - (C4) under bf16 operands `h` and `w` are bf16.

    Example:
    ```mlir
    func.func @expert_down(%h: tensor<?x48xf32>, %ids: tensor<?x2xi32>, %w: tensor<8x32x48xf32>) -> tensor<?x32xf32> {
      %o, %r, %p = moe.dispatch %ids {experts = 8} : (tensor<?x2xi32>) -> (tensor<9xi32>, tensor<?xi32>, tensor<?x2xi32>)
      %y = moe.expert_down #tile.numerics<operands = f32, accumulate = f32, group = 1> %h, %o, %w : (tensor<?x48xf32>, tensor<9xi32>, tensor<8x32x48xf32>) -> tensor<?x32xf32>
      return %y : tensor<?x32xf32>
    }
    ```

    Source: Mixtral, arXiv:2401.04088 (w2).
  }];
  let arguments = (ins Graph_Activation<2>:$h, Graph_I32<1>:$offsets, Graph_Weight<3>:$w,
                       Graph_Numerics:$numerics);
  let results = (outs Graph_Activation<2>:$result);
  let assemblyFormat = [{
    $numerics $h `,` $offsets `,` $w attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def MoE_CombineOp : MoE_Op<"combine", ["addChecks", "ask"]> {
  let summary = "the gated sum over a token's slots";
  let description = [{
        result[t, h] = round(sum_s gates[t, s] * y[place[t, s], h])

    in f32, slots ascending, from the first product on, each operation rounded to
    f32, then once to the result's type. Without `gates` rows are added as they
    are: the gradient of `moe.expand`, and of the rows that experts read.

    - `y`: `[P, H]`; `place`: `[T, k]`; `gates`, optional: `[T, k]` f32; `result`: `[T, H]`.

    Constraints:
    - (C1) `gates` has the shape of `place`.
    - (C2) `result` is [T, H].

    Examples:
    ```mlir
    func.func @combine(%y: tensor<?x32xf32>, %ids: tensor<?x2xi32>, %gates: tensor<?x2xf32>) -> tensor<?x32xf32> {
      %o, %r, %p = moe.dispatch %ids {experts = 8} : (tensor<?x2xi32>) -> (tensor<9xi32>, tensor<?xi32>, tensor<?x2xi32>)
      %z = moe.combine %y, %p, %gates : (tensor<?x32xf32>, tensor<?x2xi32>, tensor<?x2xf32>) -> tensor<?x32xf32>
      return %z : tensor<?x32xf32>
    }
    ```
    ```mlir
    func.func @combine_rows(%y: tensor<?x32xf32>, %ids: tensor<?x2xi32>) -> tensor<?x32xf32> {
      %o, %r, %p = moe.dispatch %ids {experts = 8} : (tensor<?x2xi32>) -> (tensor<9xi32>, tensor<?xi32>, tensor<?x2xi32>)
      %z = moe.combine %y, %p : (tensor<?x32xf32>, tensor<?x2xi32>) -> tensor<?x32xf32>
      return %z : tensor<?x32xf32>
    }
    ```

    Source: Mixtral, arXiv:2401.04088, in the order of slots.
  }];
  let arguments = (ins Graph_Activation<2>:$y, Graph_I32<2>:$place, Optional<Graph_F32<2>>:$gates);
  let results = (outs Graph_Activation<2>:$result);
  let assemblyFormat = "$y `,` $place (`,` $gates^)? attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

include "dialects/MoE/MoEGradOps.td"

#endif
