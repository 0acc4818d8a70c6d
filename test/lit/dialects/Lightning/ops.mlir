// The forms without kernels too: an op that is not lowered is still an op.
// RUN: hamlet-opt %s | hamlet-opt | FileCheck %s
// RUN: hamlet-opt %s -mlir-print-op-generic | hamlet-opt | FileCheck %s
// RUN: hamlet-opt %s -emit-bytecode | hamlet-opt | FileCheck %s

#f32 = #tile.numerics<operands = f32, accumulate = f32, group = 1>
#bf16 = #tile.numerics<operands = bf16, accumulate = f32, group = 2>

// CHECK-LABEL: func.func @cached
func.func @cached(%q: tensor<?x4x16xbf16>, %g: tensor<4xf32>, %c: !lightning.state<4x16x16, bf16, chunk 64, tail 72>, %s: tensor<?xi32>, %f: tensor<?xi32>, %starts: tensor<?xi32>) -> (tensor<?x4x16xbf16>, !lightning.state<4x16x16, bf16, chunk 64, tail 72>) {
  // CHECK: lightning.attention {{ *}}gated {{.*}} decay(%{{.*}}) cache(%{{.*}}) slots(%{{.*}}) first(%{{.*}}) starts(%{{.*}}) {chunk = 64 : i64, scale = 1.000000e+00 : f32}
  // CHECK-SAME: updated !lightning.state<4x16x16, bf16, chunk 64, tail 72>
  %o, %u = lightning.attention gated #bf16 %q, %q, %q decay(%g) cache(%c) slots(%s) first(%f) starts(%starts) {scale = 1.0 : f32, chunk = 64} : (tensor<?x4x16xbf16>, tensor<?x4x16xbf16>, tensor<?x4x16xbf16>, tensor<4xf32>, !lightning.state<4x16x16, bf16, chunk 64, tail 72>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x4x16xbf16> updated !lightning.state<4x16x16, bf16, chunk 64, tail 72>
  return %o, %u : tensor<?x4x16xbf16>, !lightning.state<4x16x16, bf16, chunk 64, tail 72>
}

// CHECK-LABEL: func.func @linear
func.func @linear(%q: tensor<?x4x16xf32>, %starts: tensor<?xi32>) -> tensor<?x4x16xf32> {
  // CHECK: lightning.attention {{ *}}linear
  %o = lightning.attention linear #f32 %q, %q, %q starts(%starts) {scale = 0.25 : f32} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?xi32>) -> tensor<?x4x16xf32>
  return %o : tensor<?x4x16xf32>
}

// Qwen3-Next: 2 key heads, 4 value heads, so 4 states, and beta.
// CHECK-LABEL: func.func @gated_delta
func.func @gated_delta(%q: tensor<?x2x16xf32>, %v: tensor<?x4x32xf32>, %g: tensor<?x4xf32>, %b: tensor<?x4xf32>, %s0: tensor<3x4x16x32xf32>, %starts: tensor<4xi32>) -> (tensor<?x4x32xf32>, tensor<3x4x16x32xf32>) {
  // CHECK: lightning.attention {{ *}}gated_delta {{.*}} decay(%{{.*}}) beta(%{{.*}}) initial(%{{.*}}) starts(%{{.*}}) {{.*}} -> tensor<?x4x32xf32> final tensor<3x4x16x32xf32>
  %o, %s = lightning.attention gated_delta #f32 %q, %q, %v decay(%g) beta(%b) initial(%s0) starts(%starts) {scale = 0.25 : f32} : (tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?x4x32xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<3x4x16x32xf32>, tensor<4xi32>) -> tensor<?x4x32xf32> final tensor<3x4x16x32xf32>
  return %o, %s : tensor<?x4x32xf32>, tensor<3x4x16x32xf32>
}

// Kimi-Linear: a decay for each channel.
// CHECK-LABEL: func.func @per_channel
func.func @per_channel(%q: tensor<?x4x16xf32>, %g: tensor<?x4x16xf32>, %starts: tensor<?xi32>) -> tensor<?x4x16xf32> {
  // CHECK: lightning.attention {{ *}}gated
  %o = lightning.attention gated #f32 %q, %q, %q decay(%g) starts(%starts) {scale = 0.25 : f32} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?xi32>) -> tensor<?x4x16xf32>
  return %o : tensor<?x4x16xf32>
}
