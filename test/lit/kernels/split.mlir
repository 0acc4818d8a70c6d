// A split travels from each graph op that sums over features to the sums of its kernel.
// RUN: hamlet-opt %s -nn-fuse -lower-to-tile | FileCheck %s

#f32 = #tile.numerics<operands = f32, accumulate = f32, group = 1, split = 4>
#bf16 = #tile.numerics<operands = bf16, accumulate = f32, group = 2, split = 8>

// CHECK-LABEL: func.func @linear_r1(
// CHECK: tile.dot <operands = bf16, accumulate = f32, group = 2, split = 8>
func.func @linear(%x: tensor<?x128xbf16>, %w: tensor<32x128xbf16>) -> tensor<?x32xbf16> {
  %0 = nn.linear #bf16 %x, %w : (tensor<?x128xbf16>, tensor<32x128xbf16>) -> tensor<?x32xbf16>
  return %0 : tensor<?x32xbf16>
}

// CHECK-LABEL: func.func @lm_head_r1(
// CHECK: tile.dot <operands = f32, accumulate = f32, group = 1, split = 4>
func.func @head(%x: tensor<?x64xf32>, %w: tensor<96x64xbf16>) -> tensor<?x96xf32> {
  %0 = nn.lm_head #f32 %x, %w : (tensor<?x64xf32>, tensor<96x64xbf16>) -> tensor<?x96xf32>
  return %0 : tensor<?x96xf32>
}

// CHECK-LABEL: func.func @norm_r1(
// CHECK: tile.reduce sum %{{.*}} axis 1 split 2
func.func @norm(%x: tensor<?x64xf32>, %w: tensor<64xf32>) -> tensor<?x64xf32> {
  %0 = nn.rms_norm %x, %w {eps = 1.0e-5 : f32, sum_split = 2} : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// CHECK-LABEL: func.func @route_r1(
// CHECK: tile.dot <operands = f32, accumulate = f32, group = 1, split = 4>
func.func @route(%x: tensor<?x64xf32>, %w: tensor<8x64xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) {
  %i, %g = moe.route softmax %x, %w sums(#f32) {top_k = 2, renormalize = true, epsilon = 0.0 : f32, scaling = 1.0 : f32} : (tensor<?x64xf32>, tensor<8x64xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return %i, %g : tensor<?x2xi32>, tensor<?x2xf32>
}

// CHECK-LABEL: func.func @expert_up_r1(
// CHECK-COUNT-2: tile.dot <operands = f32, accumulate = f32, group = 1, split = 4>
// CHECK-LABEL: func.func @expert_down_r1(
// CHECK: tile.dot <operands = f32, accumulate = f32, group = 1, split = 4>
func.func @experts(%x: tensor<?x64xf32>, %o: tensor<9xi32>, %r: tensor<?xi32>, %wg: tensor<8x80x64xf32>, %wd: tensor<8x64x80xf32>) -> tensor<?x64xf32> {
  %h = moe.expert_up silu #f32 %x, %o, %r, %wg, %wg {top_k = 2} : (tensor<?x64xf32>, tensor<9xi32>, tensor<?xi32>, tensor<8x80x64xf32>, tensor<8x80x64xf32>) -> tensor<?x80xf32>
  %y = moe.expert_down #f32 %h, %o, %wd : (tensor<?x80xf32>, tensor<9xi32>, tensor<8x64x80xf32>) -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}
