// RUN: hamlet-opt %s -tile-schedule=target=x86-64-v3 | FileCheck %s --check-prefixes=CHECK,V3
// RUN: hamlet-opt %s -tile-schedule=target=x86-64-v4 | FileCheck %s --check-prefixes=CHECK,V4
// RUN: hamlet-opt %s -tile-schedule=target=x86-64-v4 -tile-schedule=target=x86-64-v3 | FileCheck %s --check-prefixes=BOTH
// The cost model's register blocks: [rows, panels of 16 columns, depth of k].

#f32 = #tile.numerics<operands = f32, accumulate = f32, group = 1>

// Many rows: as many sums as registers hold, the whole depth while a pass over
// B fits half of the second-level cache.
// CHECK-LABEL: func.func @many
// V3: tile.dot {{.*}}tile.block = {"x86-64-v3" = array<i64: 6, 1, 1024>}
// V4: tile.dot {{.*}}tile.block = {"x86-64-v4" = array<i64: 6, 4, 1024>}
// BOTH: tile.block = {"x86-64-v3" = array<i64: 6, 1, 1024>, "x86-64-v4" = array<i64: 6, 4, 1024>}
func.func @many(%a: tensor<64x1024xf32>, %b: tensor<1024x64xf32>, %c: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %d = tile.dot #f32 %a, %b, %c : tensor<64x1024xf32>, tensor<1024x64xf32> -> tensor<64x64xf32>
  return %d : tensor<64x64xf32>
}

// One row: enough sums for the latency of an FMA.
// CHECK-LABEL: func.func @one
// V3: array<i64: 1, 4, 1024>
// V4: array<i64: 1, 4, 1024>
func.func @one(%a: tensor<1x1024xf32>, %b: tensor<1024x64xf32>, %c: tensor<1x64xf32>) -> tensor<1x64xf32> {
  %d = tile.dot #f32 %a, %b, %c : tensor<1x1024xf32>, tensor<1024x64xf32> -> tensor<1x64xf32>
  return %d : tensor<1x64xf32>
}

// Few rows: B comes from memory, so few passes over it.
// CHECK-LABEL: func.func @few
// V3: array<i64: 4, 1, 1024>
// V4: array<i64: 8, 2, 1024>
func.func @few(%a: tensor<8x1024xf32>, %b: tensor<1024x64xf32>, %c: tensor<8x64xf32>) -> tensor<8x64xf32> {
  %d = tile.dot #f32 %a, %b, %c : tensor<8x1024xf32>, tensor<1024x64xf32> -> tensor<8x64xf32>
  return %d : tensor<8x64xf32>
}

// A deep product is cut where a pass over B would not stay in the cache.
// CHECK-LABEL: func.func @deep
// V4: array<i64: 8, 2, 4096>
func.func @deep(%a: tensor<64x16384xf32>, %b: tensor<16384x64xf32>, %c: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %d = tile.dot #f32 %a, %b, %c : tensor<64x16384xf32>, tensor<16384x64xf32> -> tensor<64x64xf32>
  return %d : tensor<64x64xf32>
}
