// RUN: hamlet-opt %s --tile-to-cpu=level=v4 | FileCheck %s

// A tile of one column is read and written element by element, not by gathers of one lane.
// CHECK-LABEL: func.func @column(
// CHECK-NOT: masked
// CHECK: llvm.load {{.*}} -> f32
// CHECK-NOT: masked
// CHECK: llvm.store {{.*}} : f32, !llvm.ptr
// CHECK-NOT: masked
// CHECK: return
func.func @column(%x: !tile.ptr<f32>, %y: !tile.ptr<f32>, %at: index) attributes {tile.kernel} {
  %c0 = arith.constant 0 : index
  %xv = tile.view %x[%c0] sizes [64, 1] strides [1, 64] : !tile.ptr<f32> -> !tile.desc<64x1xf32>
  %yv = tile.view %y[%c0] sizes [64, 64] strides [] : !tile.ptr<f32> -> !tile.desc<64x64xf32, panel>
  %a = tile.load %xv[%c0, %c0] : !tile.desc<64x1xf32> -> tensor<64x1xf32>
  tile.store %a, %yv[%c0, %at] : tensor<64x1xf32>, !tile.desc<64x64xf32, panel>
  return
}
