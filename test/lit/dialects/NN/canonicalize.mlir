// RUN: hamlet-opt %s -canonicalize -cse | FileCheck %s

// CHECK-LABEL: func.func @merge_of_all_heads
// CHECK-SAME: (%[[X:.*]]: tensor<?x64xf32>)
func.func @merge_of_all_heads(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // CHECK-NEXT: return %[[X]]
  %h = nn.heads %x {offset = 0, heads = 4, dim = 16} : (tensor<?x64xf32>) -> tensor<?x4x16xf32>
  %y = nn.merge_heads %h : (tensor<?x4x16xf32>) -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// Three of four heads are not all.
// CHECK-LABEL: func.func @merge_of_some_heads
func.func @merge_of_some_heads(%x: tensor<?x64xf32>) -> tensor<?x48xf32> {
  // CHECK: nn.heads
  // CHECK: nn.merge_heads
  %h = nn.heads %x {offset = 16, heads = 3, dim = 16} : (tensor<?x64xf32>) -> tensor<?x3x16xf32>
  %y = nn.merge_heads %h : (tensor<?x3x16xf32>) -> tensor<?x48xf32>
  return %y : tensor<?x48xf32>
}

// CHECK-LABEL: func.func @heads_of_merged_heads
// CHECK-SAME: (%[[X:.*]]: tensor<?x4x16xf32>)
func.func @heads_of_merged_heads(%x: tensor<?x4x16xf32>) -> tensor<?x4x16xf32> {
  // CHECK-NEXT: return %[[X]]
  %m = nn.merge_heads %x : (tensor<?x4x16xf32>) -> tensor<?x64xf32>
  %y = nn.heads %m {offset = 0, heads = 4, dim = 16} : (tensor<?x64xf32>) -> tensor<?x4x16xf32>
  return %y : tensor<?x4x16xf32>
}

// Heads of another size are another tensor.
// CHECK-LABEL: func.func @other_heads_of_merged_heads
func.func @other_heads_of_merged_heads(%x: tensor<?x4x16xf32>) -> tensor<?x8x8xf32> {
  // CHECK: nn.merge_heads
  // CHECK: nn.heads
  %m = nn.merge_heads %x : (tensor<?x4x16xf32>) -> tensor<?x64xf32>
  %y = nn.heads %m {offset = 0, heads = 8, dim = 8} : (tensor<?x64xf32>) -> tensor<?x8x8xf32>
  return %y : tensor<?x8x8xf32>
}

// A tied embedding's two weights are one value.
// CHECK-LABEL: func.func @equal_weights
func.func @equal_weights(%ids: tensor<?xi32>) -> (tensor<?x32xf32>, tensor<96x32xf32>) {
  // CHECK-COUNT-1: nn.weight @embed
  // CHECK-NOT: nn.weight
  %a = nn.weight @embed : tensor<96x32xf32>
  %b = nn.weight @embed : tensor<96x32xf32>
  %x = nn.embedding %ids, %a : (tensor<?xi32>, tensor<96x32xf32>) -> tensor<?x32xf32>
  return %x, %b : tensor<?x32xf32>, tensor<96x32xf32>
}
