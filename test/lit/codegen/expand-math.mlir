// RUN: hamlet-opt %s -tile-expand-math | FileCheck %s

// No function is left, and nothing but arithmetic comes instead.
// CHECK-LABEL: func @exp_of_a_tile
// CHECK-NOT: math.exp
// CHECK: math.fma {{.*}} : tensor<8x64xf32>
// CHECK: arith.shli {{.*}} : tensor<8x64xi32>
// CHECK: return
func.func @exp_of_a_tile(%x: tensor<8x64xf32>) -> tensor<8x64xf32> {
  %y = math.exp %x : tensor<8x64xf32>
  return %y : tensor<8x64xf32>
}

// The angle is reduced in f64.
// CHECK-LABEL: func @cos_of_a_scalar
// CHECK: arith.extf %{{.*}} : f32 to f64
// CHECK: math.fma {{.*}} : f64
// CHECK: arith.truncf %{{.*}} : f64 to f32
// CHECK-NOT: math.cos
func.func @cos_of_a_scalar(%x: f32) -> f32 {
  %y = math.cos %x : f32
  return %y : f32
}

// CHECK-LABEL: func @others_stay
// CHECK: math.sqrt
// CHECK: math.absf
// CHECK: math.exp {{.*}} : f64
// CHECK: math.exp {{.*}} : tensor<?xf32>
func.func @others_stay(%x: f32, %z: f64, %t: tensor<?xf32>) -> (f32, f64, tensor<?xf32>) {
  %a = math.sqrt %x : f32
  %b = math.absf %a : f32
  %c = math.exp %z : f64
  %d = math.exp %t : tensor<?xf32>
  return %b, %c, %d : f32, f64, tensor<?xf32>
}

// One clamp less, and 2^n without its halves.
// CHECK-LABEL: func @exp2_of_nonpositive
// CHECK-COUNT-1: arith.select
// CHECK-NOT: arith.select
// CHECK: arith.shli
// CHECK-NOT: arith.shli
// CHECK: return
func.func @exp2_of_nonpositive(%x: tensor<64xf32>) -> tensor<64xf32> {
  %y = math.exp2 %x {tile.nonpositive} : tensor<64xf32>
  return %y : tensor<64xf32>
}
