// Ops of a kernel have the places of the graph ops that they work for; kernels
// that differ in places alone are one.
// RUN: hamlet-opt %s -nn-fuse -lower-to-tile -mlir-print-debuginfo -mlir-print-local-scope | FileCheck %s --implicit-check-not='func.func @linear_1'

#f32 = #tile.numerics<operands = f32, accumulate = f32, group = 1>

// CHECK-LABEL: func.func @linear_r1(
// CHECK: tile.dot {{.*}} loc("first.product")
// CHECK: math.exp {{.*}} loc("first.gate")
// CHECK: } loc("first.{{.*}}")
func.func @twice(%x: tensor<?x32xf32>, %w: tensor<32x32xf32>) -> tensor<?x32xf32> {
  %0 = nn.linear #f32 %x, %w : (tensor<?x32xf32>, tensor<32x32xf32>) -> tensor<?x32xf32> loc("first.product")
  %1 = nn.activation silu %0 : tensor<?x32xf32> loc("first.gate")
  %2 = nn.linear #f32 %1, %w : (tensor<?x32xf32>, tensor<32x32xf32>) -> tensor<?x32xf32> loc("second.product")
  %3 = nn.activation silu %2 : tensor<?x32xf32> loc("second.gate")
  return %3 : tensor<?x32xf32>
}

// CHECK-LABEL: func.func @iota_r1(
// CHECK: scf.for
// CHECK: tile.store_scalar {{.*}} loc("scores")
// CHECK-LABEL: func.func @lightning_prefill_r64(
// CHECK: tile.dot {{.*}} loc("scores")
func.func @lightning(%q: tensor<?x4x16xf32>, %g: tensor<4xf32>, %starts: tensor<?xi32>) -> tensor<?x4x16xf32> {
  %o = lightning.attention gated #f32 %q, %q, %q decay(%g) starts(%starts) {scale = 0.25 : f32} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<4xf32>, tensor<?xi32>) -> tensor<?x4x16xf32> loc("scores")
  return %o : tensor<?x4x16xf32>
}

// CHECK-LABEL: func.func @attention_append_r1(
// CHECK: tile.store {{.*}} loc("softmax")
// CHECK-LABEL: func.func @attention_prefill_r64(
// CHECK: tile.dot {{.*}} loc("softmax")
func.func @softmax(%q: tensor<?x4x16xf32>, %starts: tensor<?xi32>) -> tensor<?x4x16xf32> {
  %o = attention.softmax #f32 %q, %q, %q starts(%starts) {scale = 0.25 : f32} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?xi32>) -> tensor<?x4x16xf32> loc("softmax")
  return %o : tensor<?x4x16xf32>
}

// CHECK-LABEL: func.func @expert_down_r1(
// CHECK: tile.dot {{.*}} loc("experts.down")
func.func @down(%h: tensor<?x48xf32>, %o: tensor<9xi32>, %w: tensor<8x32x48xf32>) -> tensor<?x32xf32> {
  %y = moe.expert_down #f32 %h, %o, %w : (tensor<?x48xf32>, tensor<9xi32>, tensor<8x32x48xf32>) -> tensor<?x32xf32> loc("experts.down")
  return %y : tensor<?x32xf32>
}
