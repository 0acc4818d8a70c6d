// What is printed parses again, from text, from the generic form and from bytecode. The pages' examples cover the rest.
// RUN: hamlet-opt %s | hamlet-opt | FileCheck %s
// RUN: hamlet-opt %s -mlir-print-op-generic | hamlet-opt | FileCheck %s
// RUN: hamlet-opt %s -emit-bytecode | hamlet-opt | FileCheck %s

// CHECK-LABEL: func.func @a_weight_with_a_recipe
func.func @a_weight_with_a_recipe() -> tensor<2x8x4xf32> {
  // CHECK: nn.weight @experts {recipe = {shapes = [array<i64: 8, 4>, array<i64: 8, 4>], sources = ["a.0", "a.1"], stack}} : tensor<2x8x4xf32>
  %w = nn.weight @experts {recipe = {sources = ["a.0", "a.1"], shapes = [array<i64: 8, 4>, array<i64: 8, 4>], stack}} : tensor<2x8x4xf32>
  return %w : tensor<2x8x4xf32>
}

// CHECK-LABEL: func.func @quantised_storage
func.func @quantised_storage(%x: tensor<?x32xf32>, %w: tensor<48x32xi8>) -> tensor<?x48xf32> {
  // CHECK: nn.linear {{.*}} -> tensor<?x48xf32>
  %y = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %w : (tensor<?x32xf32>, tensor<48x32xi8>) -> tensor<?x48xf32>
  return %y : tensor<?x48xf32>
}

// An unrounded norm, for the LM head.
// CHECK-LABEL: func.func @norm_of_bf16_in_f32
func.func @norm_of_bf16_in_f32(%x: tensor<?x32xbf16>, %w: tensor<8xbf16>) -> tensor<?x32xf32> {
  // CHECK: nn.rms_norm %{{.*}}, %{{.*}} {eps = {{.*}} : f32, groups = 4 : i64, sum_blocks = 2 : i64, unit_offset = true}
  %y = nn.rms_norm %x, %w {eps = 1.0e-6 : f32, groups = 4, sum_blocks = 2, unit_offset = true} : (tensor<?x32xbf16>, tensor<8xbf16>) -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}

// CHECK-LABEL: func.func @region_with_two_results
func.func @region_with_two_results(%p: tensor<?xi32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  // CHECK: %[[R:.*]]:2 = nn.fused "rotary_table"(%{{.*}})
  // CHECK: nn.yield %{{.*}}, %{{.*}} : tensor<?x4xf32>, tensor<?x4xf32>
  %0:2 = nn.fused "rotary_table"(%p) : (tensor<?xi32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  ^bb0(%a: tensor<?xi32>):
    %cos, %sin = nn.rotary_table %a {theta = 1.0e4 : f64, dims = 8} : (tensor<?xi32>) -> (tensor<?x4xf32>, tensor<?x4xf32>)
    nn.yield %cos, %sin : tensor<?x4xf32>, tensor<?x4xf32>
  }
  return %0#0, %0#1 : tensor<?x4xf32>, tensor<?x4xf32>
}
