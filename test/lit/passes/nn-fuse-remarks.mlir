// RUN: hamlet-opt %s -nn-fuse --remarks-filter=nn-fuse --remark-format=emitRemark 2>&1 >/dev/null | FileCheck %s
// RUN: hamlet-opt %s -nn-fuse=prologue=false | FileCheck %s --check-prefix=OFF

// CHECK: [Passed] fuse-prologue | Category:nn-fuse | Function=layer | Remark="rms_norm before the only product that reads it", region=linear
// CHECK: [Missed] keep-apart | Category:nn-fuse | Function=layer | Remark="the result of linear has other users", op=nn.activation
// CHECK: [Analysis] region | Category:nn-fuse | Function=layer | Remark="rms_norm before the only product that reads it", kind=linear, ops=2
// OFF: nn.fused "norm"({{.*}}) {reason = "no product alone reads the norm, or prologues are off"}
// OFF: nn.fused "linear"
func.func @layer(%x: tensor<?x32xf32>, %n: tensor<32xf32>, %w: tensor<48x32xf32>) -> (tensor<?x48xf32>, tensor<?x48xf32>) {
  %0 = nn.rms_norm %x, %n {eps = 1.0e-5 : f32} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
  %1 = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %0, %w : (tensor<?x32xf32>, tensor<48x32xf32>) -> tensor<?x48xf32>
  %2 = nn.activation silu %1 : tensor<?x48xf32>
  return %1, %2 : tensor<?x48xf32>, tensor<?x48xf32>
}
