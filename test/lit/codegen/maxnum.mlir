// RUN: hamlet-opt %s --tile-to-cpu=level=v4 | FileCheck %s
// RUN: hamlet-opt %s --tile-to-nvvm | FileCheck %s --check-prefix=PTX

// One instruction on either target.
// CHECK-LABEL: func.func @larger(
// CHECK: %[[M:.*]] = arith.cmpf ogt, %[[X:.*]], %[[Y:.*]] : vector<16xf32>
// CHECK-NEXT: arith.select %[[M]], %[[X]], %[[Y]]
// CHECK-NOT: arith.maximumf
// PTX: llvm.intr.maxnum
// PTX-NOT: llvm.intr.maximum
func.func @larger(%x: !tile.ptr<f32>, %y: !tile.ptr<f32>) attributes {tile.kernel} {
  %c0 = arith.constant 0 : index
  %xv = tile.view %x[%c0] sizes [8, 64] strides [64, 1] : !tile.ptr<f32> -> !tile.desc<8x64xf32>
  %yv = tile.view %y[%c0] sizes [8] strides [1] : !tile.ptr<f32> -> !tile.desc<8xf32>
  %a = tile.load %xv[%c0, %c0] : !tile.desc<8x64xf32> -> tensor<8x64xf32>
  %s = tile.reduce maxnum %a axis 1 : tensor<8x64xf32> -> tensor<8xf32>
  tile.store %s, %yv[%c0] : tensor<8xf32>, !tile.desc<8xf32>
  return
}
