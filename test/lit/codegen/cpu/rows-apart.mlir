// RUN: hamlet-opt %s --tile-to-cpu=level=v4 | FileCheck %s

// Strips across the rows of memory: blocks of 16 by 16 are turned in registers.
// CHECK-LABEL: func.func @turned(
// CHECK-SAME: hamlet.scratch = 4096
// CHECK-NOT: masked.gather
// CHECK-COUNT-64: vector.shuffle
// CHECK-NOT: masked.gather
// CHECK: return
func.func @turned(%x: !tile.ptr<f32>, %y: !tile.ptr<f32>) attributes {tile.kernel} {
  %c0 = arith.constant 0 : index
  %xv = tile.view %x[%c0] sizes [16, 64] strides [1, 1024] : !tile.ptr<f32> -> !tile.desc<16x64xf32>
  %yv = tile.view %y[%c0] sizes [16, 64] strides [64, 1] : !tile.ptr<f32> -> !tile.desc<16x64xf32>
  %a = tile.load %xv[%c0, %c0] : !tile.desc<16x64xf32> -> tensor<16x64xf32>
  tile.store %a, %yv[%c0, %c0] : tensor<16x64xf32>, !tile.desc<16x64xf32>
  return
}

// Part of a block: gathered, as before.
// CHECK-LABEL: func.func @too_narrow(
// CHECK-NOT: vector.shuffle
// CHECK: masked.gather
func.func @too_narrow(%x: !tile.ptr<f32>, %y: !tile.ptr<f32>) attributes {tile.kernel} {
  %c0 = arith.constant 0 : index
  %xv = tile.view %x[%c0] sizes [12, 16] strides [1, 1024] : !tile.ptr<f32> -> !tile.desc<12x16xf32>
  %yv = tile.view %y[%c0] sizes [12, 16] strides [16, 1] : !tile.ptr<f32> -> !tile.desc<12x16xf32>
  %a = tile.load %xv[%c0, %c0] : !tile.desc<12x16xf32> -> tensor<12x16xf32>
  tile.store %a, %yv[%c0, %c0] : tensor<12x16xf32>, !tile.desc<12x16xf32>
  return
}

// Both rows of a pair in one store.
// CHECK-LABEL: func.func @pairs(
// CHECK-NOT: masked.scatter
// CHECK: arith.ori {{.*}} : vector<16xi32>
// CHECK: llvm.store {{.*}} : vector<16xi32>
// CHECK-NOT: masked.scatter
// CHECK: return
func.func @pairs(%x: !tile.ptr<bf16>, %y: !tile.ptr<bf16>) attributes {tile.kernel} {
  %c0 = arith.constant 0 : index
  %xv = tile.view %x[%c0] sizes [4, 32] strides [32, 1] : !tile.ptr<bf16> -> !tile.desc<4x32xbf16>
  %yv = tile.view %y[%c0] sizes [4, 32] strides [] : !tile.ptr<bf16> -> !tile.desc<4x32xbf16, panel_pairs>
  %a = tile.load %xv[%c0, %c0] : !tile.desc<4x32xbf16> -> tensor<4x32xbf16>
  tile.store %a, %yv[%c0, %c0] : tensor<4x32xbf16>, !tile.desc<4x32xbf16, panel_pairs>
  return
}

// A last row without a partner: its pair's other half stays what it was.
// CHECK-LABEL: func.func @odd_rows(
// CHECK: masked.scatter
func.func @odd_rows(%x: !tile.ptr<bf16>, %y: !tile.ptr<bf16>) attributes {tile.kernel} {
  %c0 = arith.constant 0 : index
  %xv = tile.view %x[%c0] sizes [4, 32] strides [32, 1] : !tile.ptr<bf16> -> !tile.desc<4x32xbf16>
  %yv = tile.view %y[%c0] sizes [3, 32] strides [] : !tile.ptr<bf16> -> !tile.desc<3x32xbf16, panel_pairs>
  %a = tile.load %xv[%c0, %c0] : !tile.desc<4x32xbf16> -> tensor<4x32xbf16>
  tile.store %a, %yv[%c0, %c0] : tensor<4x32xbf16>, !tile.desc<3x32xbf16, panel_pairs>
  return
}

// A dot's short rows, 4 KiB from one another, are collected: 16 rows of 64, and
// the result.
// CHECK-LABEL: func.func @collected(
// CHECK-SAME: hamlet.scratch = 5120
// Rows that lie one after another are read where they are.
// CHECK-LABEL: func.func @together(
// CHECK-SAME: hamlet.scratch = 1024
func.func @collected(%x: !tile.ptr<f32>, %w: !tile.ptr<f32>, %y: !tile.ptr<f32>) attributes {tile.kernel} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant dense<0.0> : tensor<16x16xf32>
  %xv = tile.view %x[%c0] sizes [16, 64] strides [1024, 1] : !tile.ptr<f32> -> !tile.desc<16x64xf32>
  %wv = tile.view %w[%c0] sizes [64, 16] strides [] : !tile.ptr<f32> -> !tile.desc<64x16xf32, panel>
  %yv = tile.view %y[%c0] sizes [16, 16] strides [16, 1] : !tile.ptr<f32> -> !tile.desc<16x16xf32>
  %a = tile.load %xv[%c0, %c0] : !tile.desc<16x64xf32> -> tensor<16x64xf32>
  %b = tile.load %wv[%c0, %c0] : !tile.desc<64x16xf32, panel> -> tensor<64x16xf32>
  %d = tile.dot #tile.numerics<operands = f32, accumulate = f32, group = 1> %a, %b, %zero : tensor<16x64xf32>, tensor<64x16xf32> -> tensor<16x16xf32>
  tile.store %d, %yv[%c0, %c0] : tensor<16x16xf32>, !tile.desc<16x16xf32>
  return
}
func.func @together(%x: !tile.ptr<f32>, %w: !tile.ptr<f32>, %y: !tile.ptr<f32>) attributes {tile.kernel} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant dense<0.0> : tensor<16x16xf32>
  %xv = tile.view %x[%c0] sizes [16, 64] strides [64, 1] : !tile.ptr<f32> -> !tile.desc<16x64xf32>
  %wv = tile.view %w[%c0] sizes [64, 16] strides [] : !tile.ptr<f32> -> !tile.desc<64x16xf32, panel>
  %yv = tile.view %y[%c0] sizes [16, 16] strides [16, 1] : !tile.ptr<f32> -> !tile.desc<16x16xf32>
  %a = tile.load %xv[%c0, %c0] : !tile.desc<16x64xf32> -> tensor<16x64xf32>
  %b = tile.load %wv[%c0, %c0] : !tile.desc<64x16xf32, panel> -> tensor<64x16xf32>
  %d = tile.dot #tile.numerics<operands = f32, accumulate = f32, group = 1> %a, %b, %zero : tensor<16x64xf32>, tensor<64x16xf32> -> tensor<16x16xf32>
  tile.store %d, %yv[%c0, %c0] : tensor<16x16xf32>, !tile.desc<16x16xf32>
  return
}
