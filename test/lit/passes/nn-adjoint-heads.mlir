// RUN: hamlet-opt %s -nn-fuse -nn-adjoint | FileCheck %s

// Heads that two ops read: their gradients are added side by side.
// CHECK-LABEL: func.func @shared_heads
// CHECK: %[[DQ:[a-z0-9_]+]], %[[DK:[a-z0-9_]+]], %{{.*}} = attention.softmax_grad
// CHECK: %[[Q:[0-9]+]] = nn.merge_heads %[[DQ]]
// CHECK: %[[K:[0-9]+]] = nn.merge_heads %[[DK]]
// CHECK: %[[SUM:[0-9]+]] = nn.residual %[[Q]], %[[K]] {alpha = 1.0{{.*}}, beta = 1.0
// CHECK: nn.heads %[[SUM]] {dim = 8 : i64, heads = 4 : i64, offset = 0 : i64}
#f32 = #tile.numerics<operands = f32, accumulate = f32, group = 1>
func.func @shared_heads(%ids: tensor<?xi32>, %starts: tensor<?xi32>, %targets: tensor<?xi32>, %tau: tensor<?xf32>, %weight: tensor<?xf32>) -> tensor<?xf32> attributes {hamlet.differentiate} {
  %embed = nn.weight @embed : tensor<96x64xf32>
  %head = nn.weight @head : tensor<96x32xf32>
  %norm = nn.weight @norm : tensor<8xf32>
  %x = nn.embedding %ids, %embed : (tensor<?xi32>, tensor<96x64xf32>) -> tensor<?x64xf32>
  %h = nn.heads %x {offset = 0, heads = 4, dim = 8} : (tensor<?x64xf32>) -> tensor<?x4x8xf32>
  %v = nn.heads %x {offset = 32, heads = 4, dim = 8} : (tensor<?x64xf32>) -> tensor<?x4x8xf32>
  %q = nn.rms_norm %h, %norm {eps = 1.0e-5 : f32} : (tensor<?x4x8xf32>, tensor<8xf32>) -> tensor<?x4x8xf32>
  %o, %l = attention.softmax #f32 %q, %q, %v starts(%starts) {scale = 0.25 : f32} : (tensor<?x4x8xf32>, tensor<?x4x8xf32>, tensor<?x4x8xf32>, tensor<?xi32>) -> tensor<?x4x8xf32> log_sum_exp tensor<?x4xf32>
  %m = nn.merge_heads %o : (tensor<?x4x8xf32>) -> tensor<?x32xf32>
  %lp, %lse, %e = policy.head #f32 %m, %head, %targets, %tau : (tensor<?x32xf32>, tensor<96x32xf32>, tensor<?xi32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  %loss, %g, %c = policy.loss none through %lp weight(%weight) : (tensor<?xf32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  return %loss : tensor<?xf32>
}
