// Kernels of the gradients of linear attention.
// RUN: hamlet-opt %s -lightning-chunk -nn-fuse -lower-to-tile | FileCheck %s
// RUN: hamlet-opt %s -lightning-chunk -nn-fuse -lower-to-tile | hamlet-opt | FileCheck %s
// RUN: hamlet-opt %s -lightning-chunk -nn-fuse -lower-to-program | FileCheck %s --check-prefix=PROGRAM

#f32 = #tile.numerics<operands = f32, accumulate = f32, group = 1>
#bf16 = #tile.numerics<operands = bf16, accumulate = f32, group = 2>

// Decays of heads: no sums of them, and without an initial state nothing is worked out before a sequence's first chunk.
// CHECK-LABEL: func.func @sequence_blocks_r1(
// CHECK-NOT: @lightning_grad_sums
// CHECK-LABEL: func.func @lightning_grad_states_r64(
// CHECK-SAME: {tile.name = "k"}, {{.*}} {tile.name = "v"}, {{.*}} {tile.name = "decay"}, {{.*}} {tile.name = "carry"}, {{.*}} {tile.name = "states"}, {{.*}} {tile.name = "starts"}, {{.*}} {tile.name = "first_block"})
// CHECK: tile.dot <operands = f32, accumulate = f32, group = 1>
// CHECK: math.fma
// CHECK-LABEL: func.func @lightning_grad_dstates_r64(
// CHECK-SAME: {tile.name = "q"}, {{.*}} {tile.name = "dresult"}, {{.*}} {tile.name = "decay"}, {{.*}} {tile.name = "carry"}, {{.*}} {tile.name = "dstates"}, {{.*}} {tile.name = "starts"}, {{.*}} {tile.name = "first_block"})
// Products with states are of f32, those of pairs of tokens of the operands' type.
// CHECK-LABEL: func.func @lightning_grad_queries_r64(
// CHECK-SAME: {tile.name = "k"}, {{.*}} {tile.name = "v"}, {{.*}} {tile.name = "dresult"}, {{.*}} {tile.name = "decay"}, {{.*}} {tile.name = "states"}, {{.*}} {tile.name = "dq"},
// CHECK: tile.dot <operands = f32, accumulate = f32, group = 1>
// CHECK-COUNT-2: tile.dot <operands = bf16, accumulate = f32, group = 2>
// CHECK-LABEL: func.func @lightning_grad_keys_r64(
// CHECK-SAME: {tile.name = "q"}, {{.*}} {tile.name = "v"}, {{.*}} {tile.name = "dresult"}, {{.*}} {tile.name = "decay"}, {{.*}} {tile.name = "dstates"}, {{.*}} {tile.name = "dk"},
// CHECK-LABEL: func.func @lightning_grad_values_r64(
// CHECK-SAME: {tile.name = "q"}, {{.*}} {tile.name = "k"}, {{.*}} {tile.name = "dresult"}, {{.*}} {tile.name = "decay"}, {{.*}} {tile.name = "dstates"}, {{.*}} {tile.name = "dv"},
// CHECK-NOT: @lightning_grad_decays
// PROGRAM-LABEL: program.func @constant
// PROGRAM: program.launch @sequence_blocks
// PROGRAM: program.launch @lightning_grad_states
// PROGRAM: program.launch @lightning_grad_dstates
// PROGRAM: program.launch @lightning_grad_queries
// PROGRAM: program.launch @lightning_grad_keys
// PROGRAM: program.launch @lightning_grad_values
func.func @constant(%q: tensor<?x4x16xbf16>, %g: tensor<4xf32>, %starts: tensor<?xi32>) -> (tensor<?x4x16xbf16>, tensor<?x4x16xbf16>, tensor<?x4x16xbf16>) {
  %dq, %dk, %dv = lightning.attention_grad gated #bf16 %q, %q, %q decay(%g) starts(%starts) dresult(%q) {scale = 1.0 : f32} : (tensor<?x4x16xbf16>, tensor<?x4x16xbf16>, tensor<?x4x16xbf16>, tensor<4xf32>, tensor<?xi32>, tensor<?x4x16xbf16>) -> (tensor<?x4x16xbf16>, tensor<?x4x16xbf16>, tensor<?x4x16xbf16>)
  return %dq, %dk, %dv : tensor<?x4x16xbf16>, tensor<?x4x16xbf16>, tensor<?x4x16xbf16>
}

// Decays of tokens and states: chunks of two blocks.
// CHECK-LABEL: func.func @lightning_grad_sums_r64(
// CHECK: tile.scan
// CHECK-LABEL: func.func @lightning_grad_states_1_r64(
// CHECK-SAME: {tile.name = "sums"}, {{.*}} {tile.name = "carry"}, {{.*}} {tile.name = "states"}, {{.*}} {tile.name = "initial"},
// CHECK-LABEL: func.func @lightning_grad_dstates_1_r64(
// CHECK-SAME: {tile.name = "sums"}, {{.*}} {tile.name = "carry"}, {{.*}} {tile.name = "dstates"}, {{.*}} {tile.name = "dfinal"},
// CHECK-LABEL: func.func @lightning_grad_queries_1_r64(
// CHECK-SAME: {tile.name = "dq"}, {{.*}} {tile.name = "q"}, {{.*}} {tile.name = "query_dots"},
// CHECK-LABEL: func.func @lightning_grad_keys_1_r64(
// CHECK-SAME: {tile.name = "dk"}, {{.*}} {tile.name = "k"}, {{.*}} {tile.name = "key_dots"},
// CHECK-LABEL: func.func @lightning_grad_values_1_r64(
// CHECK-LABEL: func.func @lightning_grad_decays_r64(
// CHECK-SAME: {tile.name = "states"}, {{.*}} {tile.name = "dstates"}, {{.*}} {tile.name = "query_dots"}, {{.*}} {tile.name = "key_dots"}, {{.*}} {tile.name = "ddecay"}, {{.*}} {tile.name = "dinitial"},
// CHECK: tile.scan
// PROGRAM-LABEL: program.func @token
// PROGRAM: program.launch @lightning_grad_sums
// PROGRAM: program.launch @lightning_grad_decays
func.func @token(%q: tensor<?x2x16xf32>, %v: tensor<?x4x32xf32>, %g: tensor<?x4xf32>, %s: tensor<?x4x16x32xf32>, %starts: tensor<?xi32>) -> (tensor<?x2x16xf32>, tensor<?x4xf32>) {
  %dq, %dk, %dv, %dg, %ds = lightning.attention_grad gated #f32 %q, %q, %v decay(%g) initial(%s) starts(%starts) dresult(%v) dfinal(%s) {scale = 1.0 : f32, chunk = 100} : (tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?x4x32xf32>, tensor<?x4xf32>, tensor<?x4x16x32xf32>, tensor<?xi32>, tensor<?x4x32xf32>, tensor<?x4x16x32xf32>) -> (tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?x4x32xf32>) ddecay tensor<?x4xf32> dinitial tensor<?x4x16x32xf32>
  return %dk, %dg : tensor<?x2x16xf32>, tensor<?x4xf32>
}
