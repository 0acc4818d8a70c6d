// RUN: hamlet-opt %s -nn-fuse -lower-to-tile -canonicalize -cse | FileCheck %s

// An op's #tile.numerics is its products': bf16 tensors under f32 operands are
// widened. What they are multiplied as is how their weights are packed.
// CHECK-LABEL: func.func @linear_r1(
// CHECK: tile.matrix {{.*}} <32x48xbf16, packed>
// CHECK: tile.dot <operands = f32, accumulate = f32, group = 1> {{.*}} tensor<1x32xbf16>, tensor<32x48xbf16>
func.func @f32_operands(%x: tensor<?x32xbf16>, %w: tensor<48x32xbf16>) -> tensor<?x48xf32> {
  %0 = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %w : (tensor<?x32xbf16>, tensor<48x32xbf16>) -> tensor<?x48xf32>
  return %0 : tensor<?x48xf32>
}

// CHECK-LABEL: func.func @linear_1_r1(
// CHECK: tile.matrix {{.*}} <32x48xbf16, packed_bf16>
// CHECK: tile.dot <operands = bf16, accumulate = f32, group = 2>
func.func @bf16_operands(%x: tensor<?x32xbf16>, %w: tensor<48x32xbf16>) -> tensor<?x48xf32> {
  %0 = nn.linear #tile.numerics<operands = bf16, accumulate = f32, group = 2> %x, %w : (tensor<?x32xbf16>, tensor<48x32xbf16>) -> tensor<?x48xf32>
  return %0 : tensor<?x48xf32>
}
