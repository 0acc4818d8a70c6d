//===- Passes.td - the passes over the graph dialects ------------*- tablegen -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_PASSES_TD
#define HAMLET_PASSES_TD

include "mlir/Pass/PassBase.td"

def LightningChunkPass : Pass<"lightning-chunk", "::mlir::ModuleOp"> {
  let summary = "set the chunk of linear attention, and reject what no kernel does";
  let description = [{
    Sets `chunk` on each `lightning.attention` that has none: to the chunk of its
    cache, or to the option; on `lightning.attention_grad` to the option. A binary has one chunk, because it fixes the order of
    sums; the pass fails if two ops differ.

    It fails, too, on what has no chunked form yet: the update rules `linear`,
    `delta` and `gated_delta`, and decays per channel. What is lowered: `gated`
    with a constant decay per head, or one per token and head.

    Before:
    ```mlir
    %o = lightning.attention gated #n %q, %k, %v decay(%g) starts(%s) {scale = 1.0 : f32} : ...
    ```
    After:
    ```mlir
    %o = lightning.attention gated #n %q, %k, %v decay(%g) starts(%s) {chunk = 64 : i64, scale = 1.0 : f32} : ...
    ```

    Remarks: `chunk` (passed), with the tokens of a chunk.
  }];
  let options = [
    Option<"chunk", "chunk", "int64_t", "64",
           "tokens between anchors, for ops without a cache (64: at heads of 128 a decoded token moves 1.55 times fewer bytes than the recurrence)">];
  let dependentDialects = ["::hamlet::lightning::LightningDialect"];
}

def NNFusePass : Pass<"nn-fuse", "::mlir::ModuleOp"> {
  let summary = "wrap every op that computes in an nn.fused region";
  let description = [{
    One `nn.fused` region becomes one kernel. Each op of the graph dialects ends up
    in exactly one region, alone where nothing fits; `nn.weight` and constants
    stay outside and become operands; `nn.heads` and `nn.merge_heads` are views
    and are copied to where they are used. Regions that are there already, and
    functions marked `tile.kernel`, are left alone; ops that nothing reads are
    erased. Fails on an op of another dialect and on functions of more than one
    block.

    No op is named here: each says by `GraphOpInterface::getFusion` what it is to
    its neighbours. Before a region is made, `dialects/Graph/RegionRules.h` is
    asked whether it has a kernel; if not, its ops stay apart and the remark says
    why. A region gives what others ask for, and takes a weight that is read as
    rows too as two operands.

    What is absorbed, where the value between has no other user unless it says:

    | remark | what |
    | --- | --- |
    | `fuse-epilogue` | activation, product with a tensor or residual after a product |
    | `fuse-prologue` | a norm, and a gate after it, before the only product that reads it |
    | `fuse-route` | the router with the norm before it, which is yielded as well |
    | `fuse-combine` | shared expert, residual after the experts' sum |
    | `fuse-norm` | a norm after embedding, the experts' sum or its residual; the sum is yielded as well if it has other users |
    | `fuse-logits` | the choice of rows and the last norm with the LM head |
    | `fuse-prepare` | norms and rotations of heads between a projection and its attention |
    | `region` (analysis) | each region: its kind, how many ops, why |
    | `keep-apart` (missed) | a neighbour that was not absorbed, and why |

    The category of the remarks is `nn-fuse`. What is said of a region stands in
    its `reason` too.

    Before:
    ```mlir
    %0 = nn.linear #n %x, %w : ...
    %1 = nn.activation silu %0 : ...
    ```
    After:
    ```mlir
    %1 = nn.fused "linear"(%x, %w) {reason = "silu in the epilogue"} : ... {
    ^bb0(%a: ..., %b: ...):
      %2 = nn.linear #n %a, %b : ...
      %3 = nn.activation silu %2 : ...
      nn.yield %3 : ...
    }
    ```
  }];
  let options = [
    Option<"prologue", "prologue", "bool", "true",
           "absorb a norm into the one product that reads it (each tile of columns works the norm out again)">];
  let dependentDialects = ["::hamlet::nn::NNDialect"];
}

def NNAdjointPass : Pass<"nn-adjoint", "::mlir::ModuleOp"> {
  let summary = "append the backward to functions marked hamlet.differentiate";
  let description = [{
    Runs after `nn-fuse`, whose regions say where values are rounded. The regions
    stay; the gradients of all weights that the loss (`policy.loss`) depends on are
    appended as ops of their own, which a second `nn-fuse` fuses. Each op states
    its gradient by `AdjointOpInterface` (`passes/adjoint`, a file for each dialect).
    The gradient of `nn.weight @w` is added to `nn.state @gradient.w`, whose last
    value becomes a result. What the backward needs of a region is yielded by it
    (products, sums) or worked out again (norms, elementwise ops, views).

    Fails on an op that has no gradient yet, and on columns that several
    `nn.heads` read.

    Before:
    ```mlir
    %y = nn.fused "linear"(%x, %w) ...
    ```
    After:
    ```mlir
    %y = nn.fused "linear"(%x, %w) ...
    ...
    %dx = nn.linear_input_grad #n %dy, %w : ...
    %g = nn.state @gradient.w : !nn.state<...>
    %h = nn.linear_weight_grad %x, %dy into(%g) : ...
    ```
  }];
  let dependentDialects = ["::hamlet::nn::NNDialect", "::hamlet::moe::MoEDialect",
    "::hamlet::attention::AttentionDialect", "::hamlet::lightning::LightningDialect",
    "::hamlet::policy::PolicyDialect"];
}

#endif
