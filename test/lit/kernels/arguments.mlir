// Arguments of kernels have names, those that are optional too.
// RUN: hamlet-opt %s -nn-fuse -lower-to-tile | FileCheck %s
// RUN: hamlet-opt %S/../graph/minimax.mlir -graph-to-tile | FileCheck %s --check-prefix=STEP

#f32 = #tile.numerics<operands = f32, accumulate = f32, group = 1>

// CHECK-LABEL: func.func @iota_r1(
// CHECK-SAME: %{{.*}}: !tile.ptr<i32> {tile.name = "out"}, %{{.*}}: index {tile.name = "count"}) attributes {tile.kernel,
// CHECK-LABEL: func.func @initial_state_r1(
// CHECK-SAME: {tile.name = "in"}, {{.*}} {tile.name = "out"})
// CHECK-LABEL: func.func @lightning_prefill_r64(
// CHECK-SAME: {tile.name = "q"}, {{.*}} {tile.name = "k"}, {{.*}} {tile.name = "v"}, {{.*}} {tile.name = "decay"}, {{.*}} {tile.name = "out"},
// CHECK-SAME: {tile.name = "state"}, {{.*}} {tile.name = "tail_keys"}, {{.*}} {tile.name = "tail_values"}, {{.*}} {tile.name = "tail_decays"},
// CHECK-SAME: {tile.name = "list"}, {{.*}} {tile.name = "starts"}, {{.*}} {tile.name = "first"}, {{.*}} {tile.name = "slots"}, {{.*}} {tile.name = "final_state"})
func.func @lightning(%q: tensor<?x4x16xf32>, %g: tensor<?x4xf32>, %s0: tensor<?x4x16x16xf32>, %starts: tensor<?xi32>) -> (tensor<?x4x16xf32>, tensor<?x4x16x16xf32>) {
  %o, %s = lightning.attention gated #f32 %q, %q, %q decay(%g) initial(%s0) starts(%starts) {scale = 0.25 : f32} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4xf32>, tensor<?x4x16x16xf32>, tensor<?xi32>) -> tensor<?x4x16xf32> final tensor<?x4x16x16xf32>
  return %o, %s : tensor<?x4x16xf32>, tensor<?x4x16x16xf32>
}

// CHECK-LABEL: func.func @page_plan_r1(
// CHECK-SAME: {tile.name = "starts"}, {{.*}} {tile.name = "token_pages"}, {{.*}} {tile.name = "token_offsets"}, {{.*}} {tile.name = "page_table"}, {{.*}} {tile.name = "query_blocks"},
// CHECK-SAME: {tile.name = "sequences"}, {{.*}} {tile.name = "max_pages"}, {{.*}} {tile.name = "block_count"})
// CHECK-LABEL: func.func @attention_append_r1(
// CHECK-SAME: {tile.name = "k"}, {{.*}} {tile.name = "v"}, {{.*}} {tile.name = "key_pages"}, {{.*}} {tile.name = "value_pages"},
// CHECK-SAME: {tile.name = "token_pages"}, {{.*}} {tile.name = "token_offsets"}, %{{.*}}: index {tile.name = "tokens"})
// CHECK-LABEL: func.func @attention_prefill_r64(
// CHECK-SAME: {tile.name = "q"}, {{.*}} {tile.name = "out"}, {{.*}} {tile.name = "key_pages"}, {{.*}} {tile.name = "value_pages"}, {{.*}} {tile.name = "list"}, {{.*}} {tile.name = "starts"},
// CHECK-SAME: {tile.name = "first"}, {{.*}} {tile.name = "page_table"}, %{{.*}}: index {tile.name = "max_pages"}, %{{.*}}: !tile.ptr<f32> {tile.name = "log_sum_exp"})
func.func @softmax(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %starts: tensor<?xi32>) -> (tensor<?x4x16xf32>, tensor<?x4xf32>) {
  %o, %l = attention.softmax #f32 %q, %k, %k starts(%starts) {scale = 0.25 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?xi32>) -> tensor<?x4x16xf32> log_sum_exp tensor<?x4xf32>
  return %o, %l : tensor<?x4x16xf32>, tensor<?x4xf32>
}

// A region: its operands and results by number.
// CHECK-LABEL: func.func @linear_r1(
// CHECK-SAME: {tile.name = "x0"}, {{.*}} {tile.name = "x1"}, {{.*}} {tile.name = "y0"}, %{{.*}}: index {tile.name = "rows"}, %{{.*}}: index {tile.name = "tokens"}) attributes {tile.kernel,
func.func @product(%x: tensor<?x32xf32>, %w: tensor<32x32xf32>) -> tensor<?x32xf32> {
  %0 = nn.linear #f32 %x, %w : (tensor<?x32xf32>, tensor<32x32xf32>) -> tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
}

// CHECK-LABEL: func.func @block_plan_r1(
// CHECK-SAME: {tile.name = "offsets"}, {{.*}} {tile.name = "blocks"}, {{.*}} {tile.name = "block_count"})
func.func @down(%h: tensor<?x48xf32>, %o: tensor<9xi32>, %w: tensor<8x32x48xf32>) -> tensor<?x32xf32> {
  %y = moe.expert_down #f32 %h, %o, %w : (tensor<?x48xf32>, tensor<9xi32>, tensor<8x32x48xf32>) -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}

// A constant decay in a step: no tail of decays, and no state is returned.
// STEP-LABEL: func.func @lightning_prefill_r64(
// STEP-SAME: {tile.name = "tail_values"}, %{{[0-9a-z]*}}: !tile.ptr<i32> {tile.name = "list"}
// STEP-SAME: {tile.name = "slots"}) attributes
// STEP-LABEL: func.func @dispatch_r1(
// STEP-SAME: {tile.name = "ids"}, {{.*}} {tile.name = "offsets"}, {{.*}} {tile.name = "order"}, {{.*}} {tile.name = "place"}, {{.*}} {tile.name = "blocks"}, {{.*}} {tile.name = "pairs"}, {{.*}} {tile.name = "block_count"})
// STEP-LABEL: func.func @expert_up_r1(
// STEP-SAME: {tile.name = "x"}, {{.*}} {tile.name = "order"}, {{.*}} {tile.name = "blocks"}, {{.*}} {tile.name = "w_gate"}, {{.*}} {tile.name = "w_up"}, {{.*}} {tile.name = "out"}, {{.*}} {tile.name = "tokens"}, {{.*}} {tile.name = "pairs"})
// STEP-LABEL: func.func @expert_down_r1(
// STEP-SAME: {tile.name = "h"}, {{.*}} {tile.name = "blocks"}, {{.*}} {tile.name = "w"}, {{.*}} {tile.name = "out"}, {{.*}} {tile.name = "pairs"})
// STEP-LABEL: func.func @attention_decode_r1(
// STEP-SAME: {tile.name = "list"}{{.*}} {tile.name = "max_pages"}) attributes
