// RUN: hamlet-opt %s | hamlet-opt | FileCheck %s
// RUN: hamlet-opt %s -mlir-print-op-generic | hamlet-opt | FileCheck %s
// RUN: hamlet-opt %s -emit-bytecode | hamlet-opt | FileCheck %s

#bf16 = #tile.numerics<operands = bf16, accumulate = f32, group = 2>

// CHECK-LABEL: func.func @cached
func.func @cached(%q: tensor<?x4x16xbf16>, %k: tensor<?x2x16xbf16>, %v: tensor<?x2x32xbf16>, %c: !attention.cache<2x16x32, bf16, page 64>, %p: tensor<?x?xi32>, %f: tensor<?xi32>, %starts: tensor<?xi32>) -> (tensor<?x4x32xbf16>, !attention.cache<2x16x32, bf16, page 64>) {
  // CHECK: attention.softmax {{.*}} cache(%{{.*}}) pages(%{{.*}}) first(%{{.*}}) starts(%{{.*}}) {scale = 2.500000e-01 : f32, window = 100 : i64}
  // CHECK-SAME: -> tensor<?x4x32xbf16> updated !attention.cache<2x16x32, bf16, page 64>
  %o, %u = attention.softmax #bf16 %q, %k, %v cache(%c) pages(%p) first(%f) starts(%starts) {scale = 0.25 : f32, window = 100} : (tensor<?x4x16xbf16>, tensor<?x2x16xbf16>, tensor<?x2x32xbf16>, !attention.cache<2x16x32, bf16, page 64>, tensor<?x?xi32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x4x32xbf16> updated !attention.cache<2x16x32, bf16, page 64>
  return %o, %u : tensor<?x4x32xbf16>, !attention.cache<2x16x32, bf16, page 64>
}
