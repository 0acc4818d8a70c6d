// RUN: hamlet-opt %s --tile-to-cpu=level=v4 | FileCheck %s

// Four rows at a time: a tree of five sums, not of four for each row.
// CHECK-LABEL: func.func @four(
// CHECK: scf.for
// CHECK: scf.for
// CHECK-COUNT-4: arith.addf {{.*}} : vector<16xf32>
// CHECK: scf.yield
// CHECK-COUNT-3: arith.addf {{.*}} : vector<16xf32>
// CHECK: arith.addf {{.*}} : vector<8xf32>
// CHECK: arith.addf {{.*}} : vector<4xf32>
// CHECK-NOT: arith.addf
// CHECK: llvm.store {{.*}} : vector<4xf32>
func.func @four(%x: !tile.ptr<f32>, %y: !tile.ptr<f32>) attributes {tile.kernel} {
  %c0 = arith.constant 0 : index
  %xv = tile.view %x[%c0] sizes [8, 64] strides [64, 1] : !tile.ptr<f32> -> !tile.desc<8x64xf32>
  %yv = tile.view %y[%c0] sizes [8] strides [1] : !tile.ptr<f32> -> !tile.desc<8xf32>
  %a = tile.load %xv[%c0, %c0] : !tile.desc<8x64xf32> -> tensor<8x64xf32>
  %s = tile.reduce sum %a axis 1 : tensor<8x64xf32> -> tensor<8xf32>
  tile.store %s, %yv[%c0] : tensor<8xf32>, !tile.desc<8xf32>
  return
}

// An odd number of rows: one at a time.
// CHECK-LABEL: func.func @three(
// CHECK: arith.addf {{.*}} : vector<16xf32>
// CHECK: arith.addf {{.*}} : vector<8xf32>
// CHECK-NEXT: vector.shuffle
// CHECK-NEXT: vector.shuffle
// CHECK-NEXT: arith.addf {{.*}} : vector<4xf32>
// CHECK-NEXT: vector.shuffle
// CHECK-NEXT: vector.shuffle
// CHECK-NEXT: arith.addf {{.*}} : vector<2xf32>
// CHECK-NEXT: vector.shuffle
// CHECK-NEXT: vector.shuffle
// CHECK-NEXT: arith.addf {{.*}} : vector<1xf32>
func.func @three(%x: !tile.ptr<f32>, %y: !tile.ptr<f32>) attributes {tile.kernel} {
  %c0 = arith.constant 0 : index
  %xv = tile.view %x[%c0] sizes [3, 32] strides [32, 1] : !tile.ptr<f32> -> !tile.desc<3x32xf32>
  %yv = tile.view %y[%c0] sizes [3] strides [1] : !tile.ptr<f32> -> !tile.desc<3xf32>
  %a = tile.load %xv[%c0, %c0] : !tile.desc<3x32xf32> -> tensor<3x32xf32>
  %s = tile.reduce sum %a axis 1 : tensor<3x32xf32> -> tensor<3xf32>
  tile.store %s, %yv[%c0] : tensor<3xf32>, !tile.desc<3xf32>
  return
}
