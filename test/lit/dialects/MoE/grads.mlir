// RUN: hamlet-opt %s | hamlet-opt | FileCheck %s
// RUN: hamlet-opt %s -mlir-print-op-generic | hamlet-opt | FileCheck %s
// RUN: hamlet-opt %s -emit-bytecode | hamlet-opt | FileCheck %s
// RUN: hamlet-opt %s -nn-fuse | FileCheck %s --check-prefix=FUSED

#bf16 = #tile.numerics<operands = bf16, accumulate = f32, group = 2>

// The gradient of a layer's experts, with the sums kept from the way there.
// CHECK-LABEL: func.func @experts
func.func @experts(%x: tensor<?x32xbf16>, %dz: tensor<?x32xbf16>, %i: tensor<?x2xi32>, %g: tensor<?x2xf32>, %wg: tensor<8x48x32xbf16>, %wu: tensor<8x48x32xbf16>, %wd: tensor<8x32x48xbf16>) -> (tensor<?x48xbf16>, tensor<?x48xf32>, tensor<?x48xf32>, tensor<?x2xf32>, tensor<?x32xf32>) {
  %o, %d, %p = moe.dispatch %i {experts = 8} : (tensor<?x2xi32>) -> (tensor<9xi32>, tensor<?xi32>, tensor<?x2xi32>)
  // CHECK: %{{.*}}, %{{.*}}, %{{.*}} = moe.expert_up silu <{{.*}}> %{{.*}} {top_k = 2 : i64} : ({{.*}}) -> tensor<?x48xbf16> gate tensor<?x48xf32> up tensor<?x48xf32>
  // FUSED: nn.fused "expert_up"
  %h, %a, %b = moe.expert_up silu #bf16 %x, %o, %d, %wg, %wu {top_k = 2} : (tensor<?x32xbf16>, tensor<9xi32>, tensor<?xi32>, tensor<8x48x32xbf16>, tensor<8x48x32xbf16>) -> tensor<?x48xbf16> gate tensor<?x48xf32> up tensor<?x48xf32>
  %y = moe.expert_down #bf16 %h, %o, %wd : (tensor<?x48xbf16>, tensor<9xi32>, tensor<8x32x48xbf16>) -> tensor<?x32xf32>
  // CHECK: moe.gate_grad %{{.*}}, %{{.*}}, %{{.*}} : (tensor<?x32xf32>, tensor<?x2xi32>, tensor<?x32xbf16>) -> tensor<?x2xf32>
  // FUSED: nn.fused "gate_grad"
  %dg = moe.gate_grad %y, %p, %dz : (tensor<?x32xf32>, tensor<?x2xi32>, tensor<?x32xbf16>) -> tensor<?x2xf32>
  // CHECK: moe.expand %{{.*}}, %{{.*}} gates(%{{.*}}) {top_k = 2 : i64}
  // FUSED: nn.fused "expand"
  %dy = moe.expand %dz, %d gates(%g) {top_k = 2} : (tensor<?x32xbf16>, tensor<?xi32>, tensor<?x2xf32>) -> tensor<?x32xbf16>
  // CHECK: moe.expert_input_grad <{{.*}}> %{{.*}}, %{{.*}}, %{{.*}} :
  // FUSED: nn.fused "expert_input_grad"
  %dh = moe.expert_input_grad #bf16 %dy, %o, %wd : (tensor<?x32xbf16>, tensor<9xi32>, tensor<8x32x48xbf16>) -> tensor<?x48xbf16>
  %dx = moe.expert_input_grad #bf16 %dh, %o, %wg : (tensor<?x48xbf16>, tensor<9xi32>, tensor<8x48x32xbf16>) -> tensor<?x32xf32>
  // CHECK: moe.combine %{{.*}}, %{{.*}} : (tensor<?x32xf32>, tensor<?x2xi32>) -> tensor<?x32xf32>
  // FUSED: nn.fused "combine"
  %dt = moe.combine %dx, %p : (tensor<?x32xf32>, tensor<?x2xi32>) -> tensor<?x32xf32>
  return %h, %a, %b, %dg, %dt : tensor<?x48xbf16>, tensor<?x48xf32>, tensor<?x48xf32>, tensor<?x2xf32>, tensor<?x32xf32>
}

// CHECK-LABEL: func.func @router
func.func @router(%l: tensor<?x8xf32>, %i: tensor<?x2xi32>, %dg: tensor<?x2xf32>, %f: tensor<8xf32>) -> tensor<?x8xf32> {
  // CHECK: moe.route_grad {{ *}}sigmoid %{{.*}}, %{{.*}}, %{{.*}} balance(%{{.*}}) {epsilon = 0.000000e+00 : f32, renormalize = true, scaling = 1.000000e+00 : f32}
  // FUSED: nn.fused "route_grad"
  %dl = moe.route_grad sigmoid %l, %i, %dg balance(%f) {renormalize = true, epsilon = 0.0 : f32, scaling = 1.0 : f32} : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  return %dl : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @weights
func.func @weights(%x: tensor<?x48xf32>, %dy: tensor<?x32xbf16>, %o: tensor<9xi32>) -> !nn.state<tensor<8x32x48xf32>> {
  %g = nn.state @gradient : !nn.state<tensor<8x32x48xf32>>
  // CHECK: moe.expert_weight_grad %{{.*}}, %{{.*}}, %{{.*}} into(%{{.*}}) : tensor<?x48xf32>, tensor<?x32xbf16>, tensor<9xi32>, {{.*}}<tensor<8x32x48xf32>>
  // FUSED: nn.fused "expert_weight_grad"
  %u = moe.expert_weight_grad %x, %dy, %o into(%g) : tensor<?x48xf32>, tensor<?x32xbf16>, tensor<9xi32>, !nn.state<tensor<8x32x48xf32>>
  return %u : !nn.state<tensor<8x32x48xf32>>
}
