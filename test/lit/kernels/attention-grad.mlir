// Kernels of the gradients of softmax attention: blocks of the sequences, then queries, then keys.
// RUN: hamlet-opt %s -nn-fuse -lower-to-tile | FileCheck %s
// RUN: hamlet-opt %s -nn-fuse -lower-to-tile | hamlet-opt | FileCheck %s
// RUN: hamlet-opt %s -nn-fuse -lower-to-program | FileCheck %s --check-prefix=PROGRAM

#f32 = #tile.numerics<operands = f32, accumulate = f32, group = 1>
#bf16 = #tile.numerics<operands = bf16, accumulate = f32, group = 2>

// CHECK-LABEL: func.func @sequence_blocks_r1(
// CHECK-SAME: {tile.name = "starts"}, {{.*}} {tile.name = "blocks"}, {{.*}} {tile.name = "first_block"},
// CHECK-SAME: %{{.*}}: index {tile.name = "sequences"}, %{{.*}}: index {tile.name = "block_count"})
// Blocks that the queries see whole, and their own.
// CHECK-LABEL: func.func @softmax_grad_queries_r64(
// CHECK-SAME: {tile.name = "q"}, {{.*}} {tile.name = "k"}, {{.*}} {tile.name = "v"}, {{.*}} {tile.name = "dresult"}, {{.*}} {tile.name = "log_sum_exp"},
// CHECK-SAME: {tile.name = "row_dots"}, {{.*}} {tile.name = "starts"}, {{.*}} {tile.name = "blocks"}, {{.*}} {tile.name = "result"}, {{.*}} {tile.name = "dq"})
// CHECK: scf.for
// CHECK-COUNT-3: tile.dot <operands = f32, accumulate = f32, group = 1>
// CHECK: scf.for
// CHECK: arith.cmpi sge
// CHECK-NOT: arith.cmpi slt
// CHECK-LABEL: func.func @softmax_grad_keys_r64(
// CHECK-SAME: {tile.name = "q"}, {{.*}} {tile.name = "k"}, {{.*}} {tile.name = "v"}, {{.*}} {tile.name = "dresult"}, {{.*}} {tile.name = "log_sum_exp"},
// CHECK-SAME: {tile.name = "row_dots"}, {{.*}} {tile.name = "starts"}, {{.*}} {tile.name = "blocks"}, {{.*}} {tile.name = "dk"}, {{.*}} {tile.name = "dv"})
// PROGRAM: program.func @heads
// PROGRAM: program.launch @sequence_blocks
// PROGRAM: program.launch @softmax_grad_queries
// PROGRAM: program.launch @softmax_grad_keys
// The operands are views of one projection, whose rows are 128 long.
func.func @heads(%qkv: tensor<?x128xf32>, %o: tensor<?x4x16xf32>, %l: tensor<?x4xf32>, %do: tensor<?x4x16xf32>, %starts: tensor<?xi32>) -> (tensor<?x64xf32>, tensor<?x2x16xf32>, tensor<?x2x16xf32>) {
  %q = nn.heads %qkv {offset = 0, heads = 4, dim = 16} : (tensor<?x128xf32>) -> tensor<?x4x16xf32>
  %k = nn.heads %qkv {offset = 64, heads = 2, dim = 16} : (tensor<?x128xf32>) -> tensor<?x2x16xf32>
  %v = nn.heads %qkv {offset = 96, heads = 2, dim = 16} : (tensor<?x128xf32>) -> tensor<?x2x16xf32>
  %dq, %dk, %dv = attention.softmax_grad #f32 %q, %k, %v, %o, %l, %do starts(%starts) {scale = 0.25 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?x4x16xf32>, tensor<?x4xf32>, tensor<?x4x16xf32>, tensor<?xi32>) -> (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x16xf32>)
  %m = nn.merge_heads %dq : (tensor<?x4x16xf32>) -> tensor<?x64xf32>
  return %m, %dk, %dv : tensor<?x64xf32>, tensor<?x2x16xf32>, tensor<?x2x16xf32>
}

// A window bounds the loops, and hides at its edge.
// CHECK-LABEL: func.func @softmax_grad_queries_1_r64(
// CHECK: arith.maxsi
// CHECK: tile.dot <operands = bf16, accumulate = f32, group = 2>
// CHECK: arith.cmpi sge
// CHECK: arith.cmpi slt
// CHECK-LABEL: func.func @softmax_grad_keys_1_r64(
// CHECK: arith.minsi
func.func @window(%q: tensor<?x4x16xbf16>, %l: tensor<?x4xf32>, %starts: tensor<?xi32>) -> tensor<?x4x16xbf16> {
  %dq, %dk, %dv = attention.softmax_grad #bf16 %q, %q, %q, %q, %l, %q starts(%starts) {scale = 0.25 : f32, window = 10} : (tensor<?x4x16xbf16>, tensor<?x4x16xbf16>, tensor<?x4x16xbf16>, tensor<?x4x16xbf16>, tensor<?x4xf32>, tensor<?x4x16xbf16>, tensor<?xi32>) -> (tensor<?x4x16xbf16>, tensor<?x4x16xbf16>, tensor<?x4x16xbf16>)
  return %dk : tensor<?x4x16xbf16>
}
