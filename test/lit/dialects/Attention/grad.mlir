// RUN: hamlet-opt %s | hamlet-opt | FileCheck %s
// RUN: hamlet-opt %s -mlir-print-op-generic | hamlet-opt | FileCheck %s
// RUN: hamlet-opt %s -emit-bytecode | hamlet-opt | FileCheck %s

#bf16 = #tile.numerics<operands = bf16, accumulate = f32, group = 2>

// The result and its gradient may be f32 beside bf16 operands, and so may the gradients.
// CHECK-LABEL: func.func @mixed
func.func @mixed(%q: tensor<?x4x16xbf16>, %k: tensor<?x2x16xbf16>, %v: tensor<?x2x32xbf16>, %o: tensor<?x4x32xf32>, %l: tensor<?x4xf32>, %do: tensor<?x4x32xbf16>, %starts: tensor<?xi32>) -> (tensor<?x4x16xbf16>, tensor<?x2x16xf32>, tensor<?x2x32xbf16>) {
  // CHECK: attention.softmax_grad <{{.*}}> %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} starts(%{{.*}}) {scale = 2.500000e-01 : f32, window = 100 : i64}
  // CHECK-SAME: -> (tensor<?x4x16xbf16>, tensor<?x2x16xf32>, tensor<?x2x32xbf16>)
  %dq, %dk, %dv = attention.softmax_grad #bf16 %q, %k, %v, %o, %l, %do starts(%starts) {scale = 0.25 : f32, window = 100} : (tensor<?x4x16xbf16>, tensor<?x2x16xbf16>, tensor<?x2x32xbf16>, tensor<?x4x32xf32>, tensor<?x4xf32>, tensor<?x4x32xbf16>, tensor<?xi32>) -> (tensor<?x4x16xbf16>, tensor<?x2x16xf32>, tensor<?x2x32xbf16>)
  return %dq, %dk, %dv : tensor<?x4x16xbf16>, tensor<?x2x16xf32>, tensor<?x2x32xbf16>
}
