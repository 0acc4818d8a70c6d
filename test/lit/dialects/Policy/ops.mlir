// RUN: hamlet-opt %s | hamlet-opt | FileCheck %s
// RUN: hamlet-opt %s -mlir-print-op-generic | hamlet-opt | FileCheck %s
// RUN: hamlet-opt %s -emit-bytecode | hamlet-opt | FileCheck %s

#f32 = #tile.numerics<operands = f32, accumulate = f32, group = 1>

// A step of training from the last hidden rows on.
// CHECK-LABEL: func.func @train
func.func @train(%x: tensor<?x32xf32>, %w: tensor<96x32xbf16>, %t: tensor<?xi32>, %tau: tensor<?xf32>, %old: tensor<?xf32>, %a: tensor<?xf32>, %weight: tensor<?xf32>, %m: tensor<?xi32>) -> (tensor<?x32xf32>, tensor<?xf32>, tensor<?x8xf32>, !nn.state<tensor<96x32xf32>>) {
  // CHECK: policy.head <operands = f32, accumulate = f32, group = 1> %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : ({{.*}}) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  %p, %l, %e = policy.head #f32 %x, %w, %t, %tau : (tensor<?x32xf32>, tensor<96x32xbf16>, tensor<?xi32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  // CHECK: policy.loss {{ *}}token {{ *}}detached %{{.*}} weight(%{{.*}}) old(%{{.*}}) advantage(%{{.*}}) mask(%{{.*}}) entropy(%{{.*}}) {is_high = 5.000000e+00 : f32, kappa = {{.*}} : f32}
  %loss, %g, %c, %n = policy.loss token detached %p weight(%weight) old(%old) advantage(%a) mask(%m) entropy(%e) {is_high = 5.0 : f32, kappa = 0.01 : f32} : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xi32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?x8xf32>)
  %s = nn.state @gradient.head : !nn.state<tensor<96x32xf32>>
  // CHECK: policy.head_grad <{{.*}}> %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} into(%{{.*}})
  %dx, %u = policy.head_grad #f32 %x, %w, %t, %tau, %l, %e, %g, %c into(%s) : (tensor<?x32xf32>, tensor<96x32xbf16>, tensor<?xi32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, !nn.state<tensor<96x32xf32>>) -> (tensor<?x32xf32>, !nn.state<tensor<96x32xf32>>)
  return %dx, %loss, %n, %u : tensor<?x32xf32>, tensor<?xf32>, tensor<?x8xf32>, !nn.state<tensor<96x32xf32>>
}

// Every term at once.
// CHECK-LABEL: func.func @terms
func.func @terms(%p: tensor<?xf32>, %i: tensor<?xi32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) {
  // CHECK: policy.loss {{ *}}sequence {{ *}}through %{{.*}} weight(%{{.*}}) old(%{{.*}}) ref(%{{.*}}) rollout(%{{.*}}) starts(%{{.*}}) {behave = #policy<behave mis>, behave_high = {{.*}}, beta = {{.*}}, kl = #policy<kl k3>, kl_by_ratio, off_policy = {{.*}}}
  %l, %g, %c = policy.loss sequence through %p weight(%p) old(%p) ref(%p) rollout(%p) starts(%i) {behave = #policy<behave mis>, behave_high = 3.0 : f32, beta = 0.1 : f32, kl = #policy<kl k3>, kl_by_ratio, off_policy = 0.5 : f32} : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xi32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  return %l, %g, %c : tensor<?xf32>, tensor<?xf32>, tensor<?xf32>
}
