// RUN: hamlet-opt %s | hamlet-opt | FileCheck %s
// RUN: hamlet-opt %s -mlir-print-op-generic | hamlet-opt | FileCheck %s
// RUN: hamlet-opt %s -emit-bytecode | hamlet-opt | FileCheck %s

#bf16 = #tile.numerics<operands = bf16, accumulate = f32, group = 2>

// A layer in bf16, router in f32, with sigmoid scores, bias and groups.
// CHECK-LABEL: func.func @layer
func.func @layer(%x: tensor<?x32xbf16>, %r: tensor<8x32xf32>, %b: tensor<8xf32>, %wg: tensor<8x48x32xbf16>, %wu: tensor<8x48x32xbf16>, %wd: tensor<8x32x48xbf16>) -> tensor<?x32xbf16> {
  // CHECK: moe.route {{ *}}sigmoid %{{.*}}, %{{.*}} bias(%{{.*}}) {{{.*}}groups = 4 : i64, {{.*}}top_k = 2 : i64, topk_groups = 2 : i64}
  %i, %g = moe.route sigmoid %x, %r bias(%b) {top_k = 2, renormalize = true, epsilon = 1.0e-20 : f32, scaling = 2.5 : f32, groups = 4, topk_groups = 2} : (tensor<?x32xbf16>, tensor<8x32xf32>, tensor<8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  // CHECK: moe.dispatch %{{.*}} {experts = 8 : i64}
  %o, %d, %p = moe.dispatch %i {experts = 8} : (tensor<?x2xi32>) -> (tensor<9xi32>, tensor<?xi32>, tensor<?x2xi32>)
  // CHECK: moe.expert_up silu
  %h = moe.expert_up silu #bf16 %x, %o, %d, %wg, %wu {top_k = 2} : (tensor<?x32xbf16>, tensor<9xi32>, tensor<?xi32>, tensor<8x48x32xbf16>, tensor<8x48x32xbf16>) -> tensor<?x48xbf16>
  // CHECK: moe.expert_down
  %y = moe.expert_down #bf16 %h, %o, %wd : (tensor<?x48xbf16>, tensor<9xi32>, tensor<8x32x48xbf16>) -> tensor<?x32xf32>
  // CHECK: moe.combine
  %z = moe.combine %y, %p, %g : (tensor<?x32xf32>, tensor<?x2xi32>, tensor<?x2xf32>) -> tensor<?x32xbf16>
  return %z : tensor<?x32xbf16>
}

// The order of the router's sums can be said.
// CHECK-LABEL: func.func @route_sums
func.func @route_sums(%x: tensor<?x64xf32>, %w: tensor<8x64xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) {
  // CHECK: moe.route {{ *}}softmax %{{.*}}, %{{.*}} sums(<operands = f32, accumulate = f32, group = 1, split = 2>)
  %i, %g = moe.route softmax %x, %w sums(#tile.numerics<operands = f32, accumulate = f32, group = 1, split = 2>) {top_k = 2, renormalize = true, epsilon = 0.0 : f32, scaling = 1.0 : f32} : (tensor<?x64xf32>, tensor<8x64xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return %i, %g : tensor<?x2xi32>, tensor<?x2xf32>
}
