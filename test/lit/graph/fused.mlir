// RUN: hamlet-opt %S/minimax.mlir -lightning-chunk -nn-fuse | FileCheck %s --implicit-check-not='error'
// RUN: hamlet-opt %S/minimax.mlir -lightning-chunk -nn-fuse | hamlet-opt -nn-fuse | FileCheck %s

// The regions of a whole step: 21 kernels for 44 ops, views among them.
// CHECK: nn.fused "embedding_norm"
// CHECK: nn.fused "rotary_table"
// CHECK: nn.fused "linear"({{.*}}) {reason = "silu in the epilogue"}
// CHECK: nn.fused "lightning"
// CHECK: nn.fused "linear"({{.*}}) {reason = "sigmoid in the epilogue"}
// CHECK: nn.fused "linear"({{.*}}) {reason = "rms_norm, mul before the only product that reads it; residual in the epilogue"}
// CHECK: nn.fused "norm_route"
// CHECK: nn.fused "dispatch"
// CHECK: nn.fused "expert_up"
// CHECK: nn.fused "expert_down"
// CHECK: nn.fused "combine_norm"
// CHECK: nn.fused "linear"
// CHECK: nn.fused "attention_prepare"
// CHECK: nn.fused "softmax"
// CHECK: nn.fused "linear"
// CHECK: nn.fused "norm_route"
// CHECK: nn.fused "dispatch"
// CHECK: nn.fused "expert_up"
// CHECK: nn.fused "expert_down"
// CHECK: nn.fused "combine"
// CHECK: nn.fused "logits"
