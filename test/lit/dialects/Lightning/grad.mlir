// RUN: hamlet-opt %s | hamlet-opt | FileCheck %s
// RUN: hamlet-opt %s -mlir-print-op-generic | hamlet-opt | FileCheck %s
// RUN: hamlet-opt %s -emit-bytecode | hamlet-opt | FileCheck %s

#bf16 = #tile.numerics<operands = bf16, accumulate = f32, group = 2>

// Optional operands and results stand each alone.
// CHECK-LABEL: func.func @one_of_each
func.func @one_of_each(%q: tensor<?x2x16xbf16>, %k: tensor<?x2x16xbf16>, %v: tensor<?x4x32xbf16>, %g: tensor<?x4xf32>, %s0: tensor<?x4x16x32xf32>, %starts: tensor<?xi32>, %do: tensor<?x4x32xf32>) -> (tensor<?x4x32xf32>, tensor<?x4xf32>, tensor<?x4x16x32xf32>) {
  // CHECK: lightning.attention_grad gated <{{.*}}> %{{.*}}, %{{.*}}, %{{.*}} decay(%{{.*}}) starts(%{{.*}}) dresult(%{{.*}}) dfinal(%{{.*}}) {chunk = 32 : i64, scale = 2.500000e-01 : f32}
  // CHECK-SAME: -> (tensor<?x2x16xbf16>, tensor<?x2x16xbf16>, tensor<?x4x32xf32>) ddecay tensor<?x4xf32>
  %dq, %dk, %dv, %dg = lightning.attention_grad gated #bf16 %q, %k, %v decay(%g) starts(%starts) dresult(%do) dfinal(%s0) {scale = 0.25 : f32, chunk = 32} : (tensor<?x2x16xbf16>, tensor<?x2x16xbf16>, tensor<?x4x32xbf16>, tensor<?x4xf32>, tensor<?xi32>, tensor<?x4x32xf32>, tensor<?x4x16x32xf32>) -> (tensor<?x2x16xbf16>, tensor<?x2x16xbf16>, tensor<?x4x32xf32>) ddecay tensor<?x4xf32>
  // CHECK: lightning.attention_grad gated <{{.*}}> %{{.*}}, %{{.*}}, %{{.*}} decay(%{{.*}}) initial(%{{.*}}) starts(%{{.*}}) dresult(%{{.*}}) {scale = 2.500000e-01 : f32}
  // CHECK-SAME: -> (tensor<?x2x16xbf16>, tensor<?x2x16xbf16>, tensor<?x4x32xbf16>) dinitial tensor<?x4x16x32xf32>
  %eq, %ek, %ev, %es = lightning.attention_grad gated #bf16 %q, %k, %v decay(%g) initial(%s0) starts(%starts) dresult(%do) {scale = 0.25 : f32} : (tensor<?x2x16xbf16>, tensor<?x2x16xbf16>, tensor<?x4x32xbf16>, tensor<?x4xf32>, tensor<?x4x16x32xf32>, tensor<?xi32>, tensor<?x4x32xf32>) -> (tensor<?x2x16xbf16>, tensor<?x2x16xbf16>, tensor<?x4x32xbf16>) dinitial tensor<?x4x16x32xf32>
  return %dv, %dg, %es : tensor<?x4x32xf32>, tensor<?x4xf32>, tensor<?x4x16x32xf32>
}
