// RUN: hamlet-opt %s --tile-to-cpu=level=v3 | FileCheck %s

// A chain becomes one loop over rows; the row of 40 is two whole strips and one
// of 8 lanes. Nothing goes through scratch.
// CHECK-LABEL: func.func @scale(
// CHECK-SAME: hamlet.scratch = 0
// CHECK: scf.for
// CHECK: llvm.load {{.*}} -> vector<16xf32>
// CHECK: arith.mulf {{.*}} : vector<16xf32>
// CHECK: llvm.store {{.*}} : vector<16xf32>
// CHECK: llvm.intr.masked.load
// CHECK: llvm.intr.masked.store
func.func @scale(%x: !tile.ptr<f32>, %y: !tile.ptr<f32>, %s: f32) attributes {tile.kernel} {
  %c0 = arith.constant 0 : index
  %xv = tile.view %x[%c0] sizes [4, 40] strides [40, 1] : !tile.ptr<f32> -> !tile.desc<4x40xf32>
  %yv = tile.view %y[%c0] sizes [4, 40] strides [40, 1] : !tile.ptr<f32> -> !tile.desc<4x40xf32>
  %a = tile.load %xv[%c0, %c0] : !tile.desc<4x40xf32> -> tensor<4x40xf32>
  %b = tensor.splat %s : tensor<4x40xf32>
  %r = arith.mulf %a, %b : tensor<4x40xf32>
  tile.store %r, %yv[%c0, %c0] : tensor<4x40xf32>, !tile.desc<4x40xf32>
  return
}

// The store overwrites what the second store still needs, so it is kept.
// CHECK-LABEL: func.func @overwritten(
// CHECK-SAME: hamlet.scratch = 64
func.func @overwritten(%x: !tile.ptr<f32>, %y: !tile.ptr<f32>) attributes {tile.kernel} {
  %c0 = arith.constant 0 : index
  %xv = tile.view %x[%c0] sizes [16] strides [1] : !tile.ptr<f32> -> !tile.desc<16xf32>
  %yv = tile.view %y[%c0] sizes [16] strides [1] : !tile.ptr<f32> -> !tile.desc<16xf32>
  %a = tile.load %xv[%c0] : !tile.desc<16xf32> -> tensor<16xf32>
  %n = arith.negf %a : tensor<16xf32>
  tile.store %n, %xv[%c0] : tensor<16xf32>, !tile.desc<16xf32>
  tile.store %a, %yv[%c0] : tensor<16xf32>, !tile.desc<16xf32>
  return
}
