// RUN: hamlet-opt %s | hamlet-opt > %t
// y = x * rsqrt(mean(x^2) + eps) * w, 8 rows an instance. Grid: (ceil(T / 8), 1, 1).
func.func @rms_norm_r8(%x: !tile.ptr<f32>, %w: !tile.ptr<f32>, %y: !tile.ptr<f32>, %t: index) attributes {tile.kernel} {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %p = tile.program_id 0
  %row = arith.muli %p, %c8 : index
  %xv = tile.view %x[%c0] sizes [%t, 100] strides [100, 1] : !tile.ptr<f32> -> !tile.desc<?x100xf32>
  %wv = tile.view %w[%c0] sizes [100] strides [1] : !tile.ptr<f32> -> !tile.desc<100xf32>
  %yv = tile.view %y[%c0] sizes [%t, 100] strides [100, 1] : !tile.ptr<f32> -> !tile.desc<?x100xf32>
  %a = tile.load %xv[%row, %c0] : !tile.desc<?x100xf32> -> tensor<8x100xf32>
  %sq = arith.mulf %a, %a : tensor<8x100xf32>
  %sum = tile.reduce sum %sq axis 1 : tensor<8x100xf32> -> tensor<8xf32>
  %n = arith.constant dense<1.000000e+02> : tensor<8xf32>
  %eps = arith.constant dense<1.0e-5> : tensor<8xf32>
  %one = arith.constant dense<1.0> : tensor<8xf32>
  %mean = arith.divf %sum, %n : tensor<8xf32>
  %me = arith.addf %mean, %eps : tensor<8xf32>
  %root = math.sqrt %me : tensor<8xf32>
  %inv = arith.divf %one, %root : tensor<8xf32>
  %invb = tile.broadcast %inv dims [0] : tensor<8xf32> -> tensor<8x100xf32>
  %u = arith.mulf %a, %invb : tensor<8x100xf32>
  %wt = tile.load %wv[%c0] : !tile.desc<100xf32> -> tensor<100xf32>
  %wb = tile.broadcast %wt dims [1] : tensor<100xf32> -> tensor<8x100xf32>
  %r = arith.mulf %u, %wb : tensor<8x100xf32>
  tile.store %r, %yv[%row, %c0] : tensor<8x100xf32>, !tile.desc<?x100xf32>
  return
}
