// RUN: hamlet-opt %s | hamlet-opt > %t
// Top-2 of 5 experts by softmax score, 8 rows an instance: router logits in f32, ids ascending on ties. Then the gather of 8 rows by index.
// Grid: (ceil(T / 8), 1, 1).
func.func @route_r8(%x: !tile.ptr<bf16>, %w: !tile.ptr<f32>, %ids: !tile.ptr<i32>, %gates: !tile.ptr<f32>, %t: index) attributes {tile.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %p = tile.program_id 0
  %row = arith.muli %p, %c8 : index
  %xv = tile.view %x[%c0] sizes [%t, 64] strides [64, 1] : !tile.ptr<bf16> -> !tile.desc<?x64xbf16>
  %wv = tile.view %w[%c0] sizes [64, 5] strides [] : !tile.ptr<f32> -> !tile.desc<64x5xf32, panel>
  %iv = tile.view %ids[%c0] sizes [%t, 2] strides [2, 1] : !tile.ptr<i32> -> !tile.desc<?x2xi32>
  %gv = tile.view %gates[%c0] sizes [%t, 2] strides [2, 1] : !tile.ptr<f32> -> !tile.desc<?x2xf32>
  %a = tile.load %xv[%row, %c0] : !tile.desc<?x64xbf16> -> tensor<8x64xbf16>
  %b = tile.load %wv[%c0, %c0] : !tile.desc<64x5xf32, panel> -> tensor<64x5xf32>
  %z = arith.constant dense<0.0> : tensor<8x5xf32>
  %lg = tile.dot #tile.numerics<operands = f32, accumulate = f32, group = 1> %a, %b, %z : tensor<8x64xbf16>, tensor<64x5xf32> -> tensor<8x5xf32>
  %e = tile.iota axis 1 : tensor<8x5xi32>
  %big = arith.constant dense<5> : tensor<8x5xi32>
  %ninf = arith.constant dense<0xFF800000> : tensor<8x5xf32>
  %m0 = tile.reduce max %lg axis 1 : tensor<8x5xf32> -> tensor<8xf32>
  %m0b = tile.broadcast %m0 dims [0] : tensor<8xf32> -> tensor<8x5xf32>
  %is0 = arith.cmpf oeq, %lg, %m0b : tensor<8x5xf32>
  %c0i = arith.select %is0, %e, %big : tensor<8x5xi1>, tensor<8x5xi32>
  %id0 = tile.reduce min %c0i axis 1 : tensor<8x5xi32> -> tensor<8xi32>
  %id0b = tile.broadcast %id0 dims [0] : tensor<8xi32> -> tensor<8x5xi32>
  %taken = arith.cmpi eq, %e, %id0b : tensor<8x5xi32>
  %lg1 = arith.select %taken, %ninf, %lg : tensor<8x5xi1>, tensor<8x5xf32>
  %m1 = tile.reduce max %lg1 axis 1 : tensor<8x5xf32> -> tensor<8xf32>
  %m1b = tile.broadcast %m1 dims [0] : tensor<8xf32> -> tensor<8x5xf32>
  %is1 = arith.cmpf oeq, %lg1, %m1b : tensor<8x5xf32>
  %c1i = arith.select %is1, %e, %big : tensor<8x5xi1>, tensor<8x5xi32>
  %id1 = tile.reduce min %c1i axis 1 : tensor<8x5xi32> -> tensor<8xi32>
  // softmax over the two: g1 = exp(m1 - m0) / (1 + exp(m1 - m0))
  %d = arith.subf %m1, %m0 : tensor<8xf32>
  %ed = math.exp %d : tensor<8xf32>
  %one = arith.constant dense<1.0> : tensor<8xf32>
  %den = arith.addf %one, %ed : tensor<8xf32>
  %g0 = arith.divf %one, %den : tensor<8xf32>
  %g1 = arith.divf %ed, %den : tensor<8xf32>
  %i0c = tile.broadcast %id0 dims [0] : tensor<8xi32> -> tensor<8x1xi32>
  %i1c = tile.broadcast %id1 dims [0] : tensor<8xi32> -> tensor<8x1xi32>
  %g0c = tile.broadcast %g0 dims [0] : tensor<8xf32> -> tensor<8x1xf32>
  %g1c = tile.broadcast %g1 dims [0] : tensor<8xf32> -> tensor<8x1xf32>
  tile.store %i0c, %iv[%row, %c0] : tensor<8x1xi32>, !tile.desc<?x2xi32>
  tile.store %i1c, %iv[%row, %c1] : tensor<8x1xi32>, !tile.desc<?x2xi32>
  tile.store %g0c, %gv[%row, %c0] : tensor<8x1xf32>, !tile.desc<?x2xf32>
  tile.store %g1c, %gv[%row, %c1] : tensor<8x1xf32>, !tile.desc<?x2xf32>
  return
}

// Rows of x by index, and a compensated running sum of decays. Grid: (1, 1, 1).
func.func @gather_scan(%x: !tile.ptr<f32>, %rows: !tile.ptr<i32>, %y: !tile.ptr<f32>, %g: !tile.ptr<f32>, %hi: !tile.ptr<f32>, %lo: !tile.ptr<f32>, %t: index) attributes {tile.kernel} {
  %c0 = arith.constant 0 : index
  %xv = tile.view %x[%c0] sizes [%t, 40] strides [40, 1] : !tile.ptr<f32> -> !tile.desc<?x40xf32>
  %yv = tile.view %y[%c0] sizes [8, 40] strides [40, 1] : !tile.ptr<f32> -> !tile.desc<8x40xf32>
  %rv = tile.view %rows[%c0] sizes [8] strides [1] : !tile.ptr<i32> -> !tile.desc<8xi32>
  %r = tile.load %rv[%c0] : !tile.desc<8xi32> -> tensor<8xi32>
  %a = tile.gather %xv[%r, %c0] : !tile.desc<?x40xf32>, tensor<8xi32> -> tensor<8x40xf32>
  tile.store %a, %yv[%c0, %c0] : tensor<8x40xf32>, !tile.desc<8x40xf32>
  %gv = tile.view %g[%c0] sizes [64] strides [1] : !tile.ptr<f32> -> !tile.desc<64xf32>
  %hv = tile.view %hi[%c0] sizes [64] strides [1] : !tile.ptr<f32> -> !tile.desc<64xf32>
  %lv = tile.view %lo[%c0] sizes [64] strides [1] : !tile.ptr<f32> -> !tile.desc<64xf32>
  %gt = tile.load %gv[%c0] : !tile.desc<64xf32> -> tensor<64xf32>
  %s, %err = tile.scan %gt axis 0 : tensor<64xf32> -> tensor<64xf32>, tensor<64xf32>
  tile.store %s, %hv[%c0] : tensor<64xf32>, !tile.desc<64xf32>
  tile.store %err, %lv[%c0] : tensor<64xf32>, !tile.desc<64xf32>
  return
}
