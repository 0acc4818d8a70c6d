// RUN: hamlet-opt %s | hamlet-opt > %t
// y = silu(x . w) for 8 rows and 64 columns of w an instance; x [T, 96], w [96, 160] in panels.
// Grid: (ceil(N / 64), ceil(T / 8), 1).
func.func @linear_silu_r8(%x: !tile.ptr<f32>, %w: !tile.ptr<f32>, %y: !tile.ptr<f32>, %t: index) attributes {tile.kernel} {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %c64 = arith.constant 64 : index
  %n = tile.program_id 0
  %m = tile.program_id 1
  %col = arith.muli %n, %c64 : index
  %row = arith.muli %m, %c8 : index
  %xv = tile.view %x[%c0] sizes [%t, 96] strides [96, 1] : !tile.ptr<f32> -> !tile.desc<?x96xf32>
  %wv = tile.view %w[%c0] sizes [96, 160] strides [] : !tile.ptr<f32> -> !tile.desc<96x160xf32, panel>
  %yv = tile.view %y[%c0] sizes [%t, 160] strides [160, 1] : !tile.ptr<f32> -> !tile.desc<?x160xf32>
  %a = tile.load %xv[%row, %c0] : !tile.desc<?x96xf32> -> tensor<8x96xf32>
  %b = tile.load %wv[%c0, %col] : !tile.desc<96x160xf32, panel> -> tensor<96x64xf32>
  %zero = arith.constant dense<0.0> : tensor<8x64xf32>
  %d = tile.dot #tile.numerics<operands = f32, accumulate = f32, group = 1> %a, %b, %zero : tensor<8x96xf32>, tensor<96x64xf32> -> tensor<8x64xf32>
  %neg = arith.negf %d : tensor<8x64xf32>
  %e = math.exp %neg : tensor<8x64xf32>
  %one = arith.constant dense<1.0> : tensor<8x64xf32>
  %den = arith.addf %one, %e : tensor<8x64xf32>
  %s = arith.divf %d, %den : tensor<8x64xf32>
  tile.store %s, %yv[%row, %col] : tensor<8x64xf32>, !tile.desc<?x160xf32>
  return
}

// The same product in bf16, one row: what decode runs.
func.func @linear_bf16_r1(%x: !tile.ptr<bf16>, %w: !tile.ptr<bf16>, %y: !tile.ptr<bf16>, %t: index) attributes {tile.kernel} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %n = tile.program_id 0
  %row = tile.program_id 1
  %col = arith.muli %n, %c64 : index
  %xv = tile.view %x[%c0] sizes [%t, 96] strides [96, 1] : !tile.ptr<bf16> -> !tile.desc<?x96xbf16>
  %wv = tile.view %w[%c0] sizes [96, 160] strides [] : !tile.ptr<bf16> -> !tile.desc<96x160xbf16, panel_pairs>
  %yv = tile.view %y[%c0] sizes [%t, 160] strides [160, 1] : !tile.ptr<bf16> -> !tile.desc<?x160xbf16>
  %a = tile.load %xv[%row, %c0] : !tile.desc<?x96xbf16> -> tensor<1x96xbf16>
  %b = tile.load %wv[%c0, %col] : !tile.desc<96x160xbf16, panel_pairs> -> tensor<96x64xbf16>
  %zero = arith.constant dense<0.0> : tensor<1x64xf32>
  %d = tile.dot #tile.numerics<operands = bf16, accumulate = f32, group = 2> %a, %b, %zero : tensor<1x96xbf16>, tensor<96x64xbf16> -> tensor<1x64xf32>
  %r = arith.truncf %d : tensor<1x64xf32> to tensor<1x64xbf16>
  tile.store %r, %yv[%row, %col] : tensor<1x64xbf16>, !tile.desc<?x160xbf16>
  return
}
