// RUN: hamlet-opt %s | hamlet-opt | FileCheck %s --check-prefix=TEXT
// RUN: hamlet-opt %s --tile-to-cpu=level=v4 | FileCheck %s
// RUN: hamlet-opt %s --tile-to-nvvm=chip=sm_80 | FileCheck %s --check-prefix=PTX

// Rows of 256 bytes, one pass over the rows of the product: each row's four lines.
// TEXT: tile.dot {{.*}} prefetch(%{{.*}}[%{{.*}}, %{{.*}}] : !tile.desc<?x64xf32>)
// CHECK-LABEL: func.func @one_pass(
// CHECK-COUNT-16: "llvm.intr.prefetch"(%{{.*}}) <{cache = 1 : i32, hint = 2 : i32, rw = 0 : i32}>
// CHECK-NOT: llvm.intr.prefetch
// CHECK: return
// PTX-LABEL: llvm.func @one_pass(
// PTX-NOT: prefetch
func.func @one_pass(%x: !tile.ptr<f32>, %w: !tile.ptr<f32>, %y: !tile.ptr<f32>, %n: index) attributes {tile.kernel} {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %zero = arith.constant dense<0.0> : tensor<8x64xf32>
  %xv = tile.view %x[%c0] sizes [%n, 64] strides [1024, 1] : !tile.ptr<f32> -> !tile.desc<?x64xf32>
  %wv = tile.view %w[%c0] sizes [64, 64] strides [] : !tile.ptr<f32> -> !tile.desc<64x64xf32, panel>
  %yv = tile.view %y[%c0] sizes [8, 64] strides [64, 1] : !tile.ptr<f32> -> !tile.desc<8x64xf32>
  %a = tile.load %xv[%c0, %c0] : !tile.desc<?x64xf32> -> tensor<8x64xf32>
  %b = tile.load %wv[%c0, %c0] : !tile.desc<64x64xf32, panel> -> tensor<64x64xf32>
  %r = tile.dot #tile.numerics<operands = f32, accumulate = f32, group = 1> %a, %b, %zero
    prefetch(%xv[%c8, %c0] : !tile.desc<?x64xf32>) {tile.block = {"x86-64-v4" = array<i64: 4, 4, 64>}}
    : tensor<8x64xf32>, tensor<64x64xf32> -> tensor<8x64xf32>
  tile.store %r, %yv[%c0, %c0] : tensor<8x64xf32>, !tile.desc<8x64xf32>
  return
}

// Two passes, of two panels each: two lines of a row in each.
// CHECK-LABEL: func.func @two_passes(
// CHECK-COUNT-8: llvm.intr.prefetch
// CHECK-NOT: llvm.intr.prefetch
// CHECK: return
func.func @two_passes(%x: !tile.ptr<f32>, %w: !tile.ptr<f32>, %y: !tile.ptr<f32>, %n: index) attributes {tile.kernel} {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %zero = arith.constant dense<0.0> : tensor<8x64xf32>
  %xv = tile.view %x[%c0] sizes [%n, 64] strides [1024, 1] : !tile.ptr<f32> -> !tile.desc<?x64xf32>
  %wv = tile.view %w[%c0] sizes [64, 64] strides [] : !tile.ptr<f32> -> !tile.desc<64x64xf32, panel>
  %yv = tile.view %y[%c0] sizes [8, 64] strides [64, 1] : !tile.ptr<f32> -> !tile.desc<8x64xf32>
  %a = tile.load %xv[%c0, %c0] : !tile.desc<?x64xf32> -> tensor<8x64xf32>
  %b = tile.load %wv[%c0, %c0] : !tile.desc<64x64xf32, panel> -> tensor<64x64xf32>
  %r = tile.dot #tile.numerics<operands = f32, accumulate = f32, group = 1> %a, %b, %zero
    prefetch(%xv[%c8, %c0] : !tile.desc<?x64xf32>) {tile.block = {"x86-64-v4" = array<i64: 4, 2, 64>}}
    : tensor<8x64xf32>, tensor<64x64xf32> -> tensor<8x64xf32>
  tile.store %r, %yv[%c0, %c0] : tensor<8x64xf32>, !tile.desc<8x64xf32>
  return
}

// Panels: with every step of k, the strips of the same step of the next B.
// CHECK-LABEL: func.func @panels(
// CHECK: scf.for {{.*}} iter_args
// CHECK-COUNT-4: llvm.intr.prefetch
// CHECK-NOT: llvm.intr.prefetch
// CHECK: scf.yield
// CHECK: return
func.func @panels(%x: !tile.ptr<f32>, %w: !tile.ptr<f32>, %y: !tile.ptr<f32>) attributes {tile.kernel} {
  %c0 = arith.constant 0 : index
  %c4096 = arith.constant 4096 : index
  %zero = arith.constant dense<0.0> : tensor<4x64xf32>
  %xv = tile.view %x[%c0] sizes [4, 64] strides [64, 1] : !tile.ptr<f32> -> !tile.desc<4x64xf32>
  %wv = tile.view %w[%c0] sizes [64, 64] strides [] : !tile.ptr<f32> -> !tile.desc<64x64xf32, panel>
  %next = tile.view %w[%c4096] sizes [64, 64] strides [] : !tile.ptr<f32> -> !tile.desc<64x64xf32, panel>
  %yv = tile.view %y[%c0] sizes [4, 64] strides [64, 1] : !tile.ptr<f32> -> !tile.desc<4x64xf32>
  %a = tile.load %xv[%c0, %c0] : !tile.desc<4x64xf32> -> tensor<4x64xf32>
  %b = tile.load %wv[%c0, %c0] : !tile.desc<64x64xf32, panel> -> tensor<64x64xf32>
  %r = tile.dot #tile.numerics<operands = f32, accumulate = f32, group = 1> %a, %b, %zero
    prefetch(%next[%c0, %c0] : !tile.desc<64x64xf32, panel>) {tile.block = {"x86-64-v4" = array<i64: 4, 4, 64>}}
    : tensor<4x64xf32>, tensor<64x64xf32> -> tensor<4x64xf32>
  tile.store %r, %yv[%c0, %c0] : tensor<4x64xf32>, !tile.desc<4x64xf32>
  return
}
