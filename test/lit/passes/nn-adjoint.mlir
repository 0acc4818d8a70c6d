// RUN: hamlet-opt %s -nn-fuse -nn-adjoint | FileCheck %s

// A region yields the product that silu is worked out from; the norm is worked out again by its gradient. Gradients of a
// value with two users are added, and states become results.
// CHECK-LABEL: func.func @keeps
// CHECK-SAME: -> (tensor<?xf32>, !nn.state<tensor<96x32xf32>>, !nn.state<tensor<32xf32>>, !nn.state<tensor<32x32xf32>>, !nn.state<tensor<96x32xf32>>)
// CHECK: %[[REGION:[0-9]+]]:2 = nn.fused "linear"
// CHECK: %[[Y:[0-9]+]] = nn.linear
// CHECK: %[[R:[0-9]+]] = nn.residual
// CHECK: nn.yield %[[R]], %[[Y]]
// CHECK: nn.fused "policy_loss"
// CHECK: %[[DN:[a-z0-9]+]], %{{.*}} = policy.head_grad
// CHECK: %[[DR:[a-z0-9]+]], %[[INVERSE:[a-z0-9]+]] = nn.rms_norm_grad %[[REGION]]#0, %{{.*}}, %[[DN]]
// CHECK: nn.rms_norm_weight_grad %[[REGION]]#0, %[[INVERSE]], %[[DN]] into
// CHECK: %[[DZ:[0-9]+]] = nn.scale %[[DR]] {factor = 2.0
// CHECK: %[[DY:[0-9]+]] = nn.activation_grad silu %[[REGION]]#1, %[[DZ]]
// CHECK: %[[DX:[0-9]+]] = nn.linear_input_grad {{.*}} %[[DY]]
// CHECK: %[[SUM:[0-9]+]] = nn.residual %[[DR]], %[[DX]] {alpha = 1.0{{.*}}, beta = 1.0
// CHECK: nn.embedding_grad %{{.*}}, %[[SUM]] into
#f32 = #tile.numerics<operands = f32, accumulate = f32, group = 1>

func.func @keeps(%ids: tensor<?xi32>, %targets: tensor<?xi32>, %tau: tensor<?xf32>, %weight: tensor<?xf32>) -> tensor<?xf32> attributes {hamlet.differentiate} {
  %embed = nn.weight @embed : tensor<96x32xf32>
  %w = nn.weight @proj : tensor<32x32xf32>
  %s = nn.weight @norm : tensor<32xf32>
  %head = nn.weight @head : tensor<96x32xf32>
  %x = nn.embedding %ids, %embed : (tensor<?xi32>, tensor<96x32xf32>) -> tensor<?x32xf32>
  %y = nn.linear #f32 %x, %w : (tensor<?x32xf32>, tensor<32x32xf32>) -> tensor<?x32xf32>
  %z = nn.activation silu %y : tensor<?x32xf32>
  %r = nn.residual %x, %z {alpha = 1.0 : f32, beta = 2.0 : f32} : tensor<?x32xf32>
  %n = nn.rms_norm %r, %s {eps = 1.0e-5 : f32} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
  %lp, %lse, %h = policy.head #f32 %n, %head, %targets, %tau : (tensor<?x32xf32>, tensor<96x32xf32>, tensor<?xi32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  %loss, %g, %c = policy.loss none through %lp weight(%weight) : (tensor<?xf32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  return %loss : tensor<?xf32>
}
