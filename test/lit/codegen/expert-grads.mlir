// RUN: hamlet-opt %s -nn-fuse -lower-to-tile | FileCheck %s

// A tile of the gradient stays one sum: blocks of an expert's rows, then what is left of them, filled up with -0.
// CHECK-LABEL: func.func @expert_weight_grad_r1
// CHECK: %[[DY:.*]] = tile.view %{{.*}} sizes [64, %{{.*}}] strides [1, 64]
// CHECK: %[[X:.*]] = tile.view %{{.*}} sizes [%{{.*}}, 48] strides [48, 1]
// CHECK: %[[G:.*]] = tile.load %{{.*}} -> tensor<64x48xf32>
// CHECK: %[[WHOLE:.*]] = scf.for {{.*}} iter_args(%[[SUM:.*]] = %[[G]])
// CHECK: tile.dot <operands = f32, accumulate = f32, group = 1> %{{.*}}, %{{.*}}, %[[SUM]] : tensor<64x64xf32>, tensor<64x48xbf16>
// CHECK: %[[LAST:.*]] = scf.for {{.*}} iter_args(%[[SUM:.*]] = %[[WHOLE]])
// CHECK: arith.select %{{.*}}, %{{.*}}, %{{.*}} : tensor<64x16xi1>, tensor<64x16xf32>
// CHECK: tile.dot <operands = f32, accumulate = f32, group = 1> %{{.*}}, %{{.*}}, %[[SUM]] : tensor<64x16xf32>, tensor<16x48xbf16>
// CHECK: tile.store %[[LAST]]
func.func @weights(%x: tensor<?x48xbf16>, %dy: tensor<?x64xf32>, %o: tensor<9xi32>) -> !nn.state<tensor<8x64x48xf32>> {
  %g = nn.state @gradient : !nn.state<tensor<8x64x48xf32>>
  %u = moe.expert_weight_grad %x, %dy, %o into(%g) : tensor<?x48xbf16>, tensor<?x64xf32>, tensor<9xi32>, !nn.state<tensor<8x64x48xf32>>
  return %u : !nn.state<tensor<8x64x48xf32>>
}

// The weights are read in rows, as they are stored.
// CHECK-LABEL: func.func @expert_input_grad_r8
// CHECK: tile.view %{{.*}} sizes [64, 48] strides [48, 1] : <bf16>
// CHECK: tile.dot <operands = bf16, accumulate = f32, group = 2> %{{.*}} : tensor<8x64xbf16>, tensor<64x48xbf16>
func.func @rows(%dy: tensor<?x64xbf16>, %o: tensor<9xi32>, %w: tensor<8x64x48xbf16>) -> tensor<?x48xf32> {
  %dx = moe.expert_input_grad #tile.numerics<operands = bf16, accumulate = f32, group = 2> %dy, %o, %w : (tensor<?x64xbf16>, tensor<9xi32>, tensor<8x64x48xbf16>) -> tensor<?x48xf32>
  return %dx : tensor<?x48xf32>
}
