// RUN: hamlet-opt %s | hamlet-opt > %t
// Softmax attention with a paged cache, f32: two query heads share a key/value head, one token an instance (decode).
// q [T, 2 * 2 * 24]; pages of keys [pages][2][24, 64] and values [pages][2][64, 24], in panels. Grid: (2 key/value heads, decode sequences, 1).
func.func @attention_decode(%q: !tile.ptr<f32>, %out: !tile.ptr<f32>, %kp: !tile.ptr<f32>, %vp: !tile.ptr<f32>,
                            %list: !tile.ptr<i32>, %starts: !tile.ptr<i32>, %first: !tile.ptr<i32>, %table: !tile.ptr<i32>, %t: index, %maxpages: index) attributes {tile.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c48 = arith.constant 48 : index
  %c64 = arith.constant 64 : index
  %c96 = arith.constant 96 : index
  // Elements of a page: keys [2][2 panels of 16... 24 x 64] = 2 * 1536, values [2][64 x 32 with padding] = 2 * 2048.
  %kh = arith.constant 1536 : index
  %vh = arith.constant 2048 : index
  %hkv = tile.program_id 0
  %item = tile.program_id 1
  %s32 = tile.load_scalar %list[%item] : !tile.ptr<i32> -> i32
  %s = arith.index_cast %s32 : i32 to index
  %t0i = tile.load_scalar %starts[%s] : !tile.ptr<i32> -> i32
  %posi = tile.load_scalar %first[%s] : !tile.ptr<i32> -> i32
  %t0 = arith.index_cast %t0i : i32 to index
  %pos = arith.index_cast %posi : i32 to index
  %qrow = arith.muli %t0, %c96 : index
  %hoff = arith.muli %hkv, %c48 : index
  %qoff = arith.addi %qrow, %hoff : index
  %qv = tile.view %q[%qoff] sizes [2, 24] strides [24, 1] : !tile.ptr<f32> -> !tile.desc<2x24xf32>
  %ov = tile.view %out[%qoff] sizes [2, 24] strides [24, 1] : !tile.ptr<f32> -> !tile.desc<2x24xf32>
  %qt = tile.load %qv[%c0, %c0] : !tile.desc<2x24xf32> -> tensor<2x24xf32>
  %pages0 = arith.divui %pos, %c64 : index
  %pages = arith.addi %pages0, %c1 : index
  %trow = arith.muli %s, %maxpages : index
  %m0 = arith.constant dense<-1.0e+30> : tensor<2xf32>
  %l0 = arith.constant dense<0.0> : tensor<2xf32>
  %o0 = arith.constant dense<0.0> : tensor<2x24xf32>
  %scale = arith.constant dense<0.204124153> : tensor<2x64xf32>
  %r:3 = scf.for %pg = %c0 to %pages step %c1 iter_args(%m = %m0, %l = %l0, %o = %o0) -> (tensor<2xf32>, tensor<2xf32>, tensor<2x24xf32>) {
    %ti = arith.addi %trow, %pg : index
    %pi = tile.load_scalar %table[%ti] : !tile.ptr<i32> -> i32
    %page = arith.index_cast %pi : i32 to index
    %ph0 = arith.muli %page, %c2 : index
    %ph = arith.addi %ph0, %hkv : index
    %ko = arith.muli %ph, %kh : index
    %vo = arith.muli %ph, %vh : index
    %kv = tile.view %kp[%ko] sizes [24, 64] strides [] : !tile.ptr<f32> -> !tile.desc<24x64xf32, panel>
    %vv = tile.view %vp[%vo] sizes [64, 24] strides [] : !tile.ptr<f32> -> !tile.desc<64x24xf32, panel>
    %kt = tile.load %kv[%c0, %c0] : !tile.desc<24x64xf32, panel> -> tensor<24x64xf32>
    %z = arith.constant dense<0.0> : tensor<2x64xf32>
    %sc0 = tile.dot #tile.numerics<operands = f32, accumulate = f32, group = 1> %qt, %kt, %z : tensor<2x24xf32>, tensor<24x64xf32> -> tensor<2x64xf32>
    %sc1 = arith.mulf %sc0, %scale : tensor<2x64xf32>
    %base = arith.muli %pg, %c64 : index
    %left = arith.subi %pos, %base : index
    %lefti = arith.index_cast %left : index to i32
    %leftt = tensor.splat %lefti : tensor<2x64xi32>
    %j = tile.iota axis 1 : tensor<2x64xi32>
    %see = arith.cmpi sle, %j, %leftt : tensor<2x64xi32>
    %ninf = arith.constant dense<0xFF800000> : tensor<2x64xf32>
    %sc = arith.select %see, %sc1, %ninf : tensor<2x64xi1>, tensor<2x64xf32>
    %mp = tile.reduce max %sc axis 1 : tensor<2x64xf32> -> tensor<2xf32>
    %mn = arith.maximumf %m, %mp : tensor<2xf32>
    %dm = arith.subf %m, %mn : tensor<2xf32>
    %corr = math.exp %dm : tensor<2xf32>
    %mnb = tile.broadcast %mn dims [0] : tensor<2xf32> -> tensor<2x64xf32>
    %sm = arith.subf %sc, %mnb : tensor<2x64xf32>
    %p = math.exp %sm : tensor<2x64xf32>
    %ps = tile.reduce sum %p axis 1 : tensor<2x64xf32> -> tensor<2xf32>
    %ln = math.fma %l, %corr, %ps : tensor<2xf32>
    %corrb = tile.broadcast %corr dims [0] : tensor<2xf32> -> tensor<2x24xf32>
    %os = arith.mulf %o, %corrb : tensor<2x24xf32>
    // Rows past the position hold whatever the page held before; p is 0 there, but 0 times garbage may be NaN.
    %vraw = tile.load %vv[%c0, %c0] : !tile.desc<64x24xf32, panel> -> tensor<64x24xf32>
    %vi = tile.iota axis 0 : tensor<64x24xi32>
    %vl = tensor.splat %lefti : tensor<64x24xi32>
    %vsee = arith.cmpi sle, %vi, %vl : tensor<64x24xi32>
    %vz = arith.constant dense<0.0> : tensor<64x24xf32>
    %vt = arith.select %vsee, %vraw, %vz : tensor<64x24xi1>, tensor<64x24xf32>
    %on = tile.dot #tile.numerics<operands = f32, accumulate = f32, group = 1> %p, %vt, %os : tensor<2x64xf32>, tensor<64x24xf32> -> tensor<2x24xf32>
    scf.yield %mn, %ln, %on : tensor<2xf32>, tensor<2xf32>, tensor<2x24xf32>
  }
  %lb = tile.broadcast %r#1 dims [0] : tensor<2xf32> -> tensor<2x24xf32>
  %y = arith.divf %r#2, %lb : tensor<2x24xf32>
  tile.store %y, %ov[%c0, %c0] : tensor<2x24xf32>, !tile.desc<2x24xf32>
  return
}
