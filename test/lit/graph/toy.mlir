// RUN: hamlet-test-opt %s -nn-fuse | FileCheck %s --check-prefix=FUSED
// RUN: hamlet-test-opt %s -nn-fuse -lower-to-tile -canonicalize -cse | FileCheck %s

// An op that only a library of the tests knows joins the product before it and
// the residual after, and is written into their kernel.

// FUSED: nn.fused "linear"({{.*}}) {reason = "clamp in the epilogue; scale_rows in the epilogue; residual in the epilogue"}
// FUSED: nn.linear
// FUSED-NEXT: toy.clamp
// FUSED-NEXT: toy.scale_rows
// FUSED-NEXT: nn.residual
// FUSED-NEXT: nn.yield
// FUSED-NOT: nn.fused

// CHECK-LABEL: func.func @linear_r1(
// CHECK-DAG: %[[LEAST:.*]] = arith.constant dense<-2.500000e-01> : tensor<1x32xf32>
// CHECK: %[[DOT:.*]] = tile.dot
// CHECK: %[[CLAMPED:.*]] = arith.maximumf %[[DOT]], %[[LEAST]]
// CHECK: arith.mulf %[[CLAMPED]]
// CHECK: arith.addf
// CHECK: tile.store
func.func @beside_a_product(%x: tensor<?x32xf32>, %w: tensor<32x32xf32>, %by: tensor<?xi32>) -> tensor<?x32xf32> {
  %0 = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %w : (tensor<?x32xf32>, tensor<32x32xf32>) -> tensor<?x32xf32>
  %1 = toy.clamp %0 at -2.5e-01 : tensor<?x32xf32>
  %2 = toy.scale_rows %1, %by : (tensor<?x32xf32>, tensor<?xi32>) -> tensor<?x32xf32>
  %3 = nn.residual %x, %2 {alpha = 1.0 : f32, beta = 1.0 : f32} : tensor<?x32xf32>
  return %3 : tensor<?x32xf32>
}
