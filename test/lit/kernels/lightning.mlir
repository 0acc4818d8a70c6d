// RUN: hamlet-opt %s | hamlet-opt > %t
// Lightning attention, one sequence and head an instance, chunk 64, blocks of 64 rows, d = 16, bf16, constant decay per head.
// q, k, v: [T, 3 * heads * 16], state [slots][heads][16, 16] f32, tails keys [slots][heads][16, 64] in pairs panels, values [slots][heads][64, 16].
// Grid: (heads, prefill sequences, 1).
func.func @lightning_r64(%qkv: !tile.ptr<bf16>, %decays: !tile.ptr<f32>, %out: !tile.ptr<bf16>, %state: !tile.ptr<f32>, %tailk: !tile.ptr<bf16>, %tailv: !tile.ptr<bf16>,
                         %list: !tile.ptr<i32>, %starts: !tile.ptr<i32>, %first: !tile.ptr<i32>, %slots: !tile.ptr<i32>) attributes {tile.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %c64 = arith.constant 64 : index
  %c128 = arith.constant 128 : index
  %c192 = arith.constant 192 : index
  %heads = arith.constant 4 : index
  %c256 = arith.constant 256 : index
  %c1024 = arith.constant 1024 : index
  %h = tile.program_id 0
  %item = tile.program_id 1
  %s32 = tile.load_scalar %list[%item] : !tile.ptr<i32> -> i32
  %s = arith.index_cast %s32 : i32 to index
  %s1 = arith.addi %s, %c1 : index
  %t0i = tile.load_scalar %starts[%s] : !tile.ptr<i32> -> i32
  %t1i = tile.load_scalar %starts[%s1] : !tile.ptr<i32> -> i32
  %p0i = tile.load_scalar %first[%s] : !tile.ptr<i32> -> i32
  %sloti = tile.load_scalar %slots[%s] : !tile.ptr<i32> -> i32
  %t0 = arith.index_cast %t0i : i32 to index
  %t1 = arith.index_cast %t1i : i32 to index
  %p0 = arith.index_cast %p0i : i32 to index
  %slot = arith.index_cast %sloti : i32 to index
  %n = arith.subi %t1, %t0 : index
  %g = tile.load_scalar %decays[%h] : !tile.ptr<f32> -> f32
  // Views of this sequence's rows and this head's columns: row 0 is the first token of this step.
  %rowoff = arith.muli %t0, %c192 : index
  %hoff = arith.muli %h, %c16 : index
  %qoff = arith.addi %rowoff, %hoff : index
  %koff = arith.addi %qoff, %c64 : index
  %voff = arith.addi %qoff, %c128 : index
  %q = tile.view %qkv[%qoff] sizes [%n, 16] strides [192, 1] : !tile.ptr<bf16> -> !tile.desc<?x16xbf16>
  %kt = tile.view %qkv[%koff] sizes [16, %n] strides [1, 192] : !tile.ptr<bf16> -> !tile.desc<16x?xbf16>
  %v = tile.view %qkv[%voff] sizes [%n, 16] strides [192, 1] : !tile.ptr<bf16> -> !tile.desc<?x16xbf16>
  %orow = arith.muli %t0, %c64 : index
  %ooff = arith.addi %orow, %hoff : index
  %o = tile.view %out[%ooff] sizes [%n, 16] strides [64, 1] : !tile.ptr<bf16> -> !tile.desc<?x16xbf16>
  %sh0 = arith.muli %slot, %heads : index
  %sh = arith.addi %sh0, %h : index
  %soff = arith.muli %sh, %c256 : index
  %toff = arith.muli %sh, %c1024 : index
  %sv = tile.view %state[%soff] sizes [16, 16] strides [16, 1] : !tile.ptr<f32> -> !tile.desc<16x16xf32>
  %tk = tile.view %tailk[%toff] sizes [16, 64] strides [] : !tile.ptr<bf16> -> !tile.desc<16x64xbf16, panel_pairs>
  %tv = tile.view %tailv[%toff] sizes [64, 16] strides [] : !tile.ptr<bf16> -> !tile.desc<64x16xbf16, panel_pairs>
  %p1 = arith.addi %p0, %n : index
  %cfirst = arith.divui %p0, %c64 : index
  %cend0 = arith.ceildivui %p1, %c64 : index
  scf.for %c = %cfirst to %cend0 step %c1 {
    %cpos = arith.muli %c, %c64 : index
    // rel: row (of this step's tokens) that chunk row 0 would be; negative rows were fed before.
    %rel = arith.subi %cpos, %p0 : index
    %negrel = arith.subi %c0, %rel : index
    %lo = arith.maxsi %negrel, %c0 : index
    %hi0 = arith.subi %p1, %cpos : index
    %hi = arith.minsi %hi0, %c64 : index
    %loi = arith.index_cast %lo : index to i32
    %hii = arith.index_cast %hi : index to i32
    // New keys and values join the tail; rows below `lo` are there already.
    %tkold = tile.load %tk[%c0, %c0] : !tile.desc<16x64xbf16, panel_pairs> -> tensor<16x64xbf16>
    %knew = tile.load %kt[%c0, %rel] : !tile.desc<16x?xbf16> -> tensor<16x64xbf16>
    %kcol = tile.iota axis 1 : tensor<16x64xi32>
    %klo = tensor.splat %loi : tensor<16x64xi32>
    %khi = tensor.splat %hii : tensor<16x64xi32>
    %kisold = arith.cmpi slt, %kcol, %klo : tensor<16x64xi32>
    %kisin = arith.cmpi slt, %kcol, %khi : tensor<16x64xi32>
    %zk = arith.constant dense<0.0> : tensor<16x64xbf16>
    %kmix = arith.select %kisold, %tkold, %knew : tensor<16x64xi1>, tensor<16x64xbf16>
    %kall = arith.select %kisin, %kmix, %zk : tensor<16x64xi1>, tensor<16x64xbf16>
    %tvold = tile.load %tv[%c0, %c0] : !tile.desc<64x16xbf16, panel_pairs> -> tensor<64x16xbf16>
    %vnew = tile.load %v[%rel, %c0] : !tile.desc<?x16xbf16> -> tensor<64x16xbf16>
    %vrow = tile.iota axis 0 : tensor<64x16xi32>
    %vlo = tensor.splat %loi : tensor<64x16xi32>
    %vhi = tensor.splat %hii : tensor<64x16xi32>
    %visold = arith.cmpi slt, %vrow, %vlo : tensor<64x16xi32>
    %visin = arith.cmpi slt, %vrow, %vhi : tensor<64x16xi32>
    %zv = arith.constant dense<0.0> : tensor<64x16xbf16>
    %vmix = arith.select %visold, %tvold, %vnew : tensor<64x16xi1>, tensor<64x16xbf16>
    %vall = arith.select %visin, %vmix, %zv : tensor<64x16xi1>, tensor<64x16xbf16>
    tile.store %kall, %tk[%c0, %c0] : tensor<16x64xbf16>, !tile.desc<16x64xbf16, panel_pairs>
    tile.store %vall, %tv[%c0, %c0] : tensor<64x16xbf16>, !tile.desc<64x16xbf16, panel_pairs>
    // o_i = exp(g (i + 1)) q_i S + sum_{j <= i} exp(g (i - j)) (q_i . k_j) v_j
    %qt = tile.load %q[%rel, %c0] : !tile.desc<?x16xbf16> -> tensor<64x16xbf16>
    %st = tile.load %sv[%c0, %c0] : !tile.desc<16x16xf32> -> tensor<16x16xf32>
    %zo = arith.constant dense<0.0> : tensor<64x16xf32>
    %qs = tile.dot #tile.numerics<operands = f32, accumulate = f32, group = 1> %qt, %st, %zo : tensor<64x16xbf16>, tensor<16x16xf32> -> tensor<64x16xf32>
    %ri = tile.iota axis 0 : tensor<64xi32>
    %one32 = arith.constant dense<1> : tensor<64xi32>
    %ri1 = arith.addi %ri, %one32 : tensor<64xi32>
    %rif = arith.sitofp %ri1 : tensor<64xi32> to tensor<64xf32>
    %gr = tensor.splat %g : tensor<64xf32>
    %ge = arith.mulf %gr, %rif : tensor<64xf32>
    %gd = math.exp %ge : tensor<64xf32>
    %gb = tile.broadcast %gd dims [0] : tensor<64xf32> -> tensor<64x16xf32>
    %o0 = arith.mulf %qs, %gb : tensor<64x16xf32>
    %zs = arith.constant dense<0.0> : tensor<64x64xf32>
    %sc = tile.dot #tile.numerics<operands = bf16, accumulate = f32, group = 2> %qt, %kall, %zs : tensor<64x16xbf16>, tensor<16x64xbf16> -> tensor<64x64xf32>
    %i = tile.iota axis 0 : tensor<64x64xi32>
    %j = tile.iota axis 1 : tensor<64x64xi32>
    %dist = arith.subi %i, %j : tensor<64x64xi32>
    %z32 = arith.constant dense<0> : tensor<64x64xi32>
    %causal = arith.cmpi sge, %dist, %z32 : tensor<64x64xi32>
    %distf = arith.sitofp %dist : tensor<64x64xi32> to tensor<64x64xf32>
    %gg = tensor.splat %g : tensor<64x64xf32>
    %ex0 = arith.mulf %gg, %distf : tensor<64x64xf32>
    %ninf = arith.constant dense<0xFF800000> : tensor<64x64xf32>
    %ex = arith.select %causal, %ex0, %ninf : tensor<64x64xi1>, tensor<64x64xf32>
    %dec = math.exp %ex : tensor<64x64xf32>
    %pf = arith.mulf %sc, %dec : tensor<64x64xf32>
    %p = arith.truncf %pf : tensor<64x64xf32> to tensor<64x64xbf16>
    %of = tile.dot #tile.numerics<operands = bf16, accumulate = f32, group = 2> %p, %vall, %o0 : tensor<64x64xbf16>, tensor<64x16xbf16> -> tensor<64x16xf32>
    %ob = arith.truncf %of : tensor<64x16xf32> to tensor<64x16xbf16>
    tile.store %ob, %o[%rel, %c0] : tensor<64x16xbf16>, !tile.desc<?x16xbf16>
    %full = arith.cmpi eq, %hi, %c64 : index
    scf.if %full {
      // S = exp(64 g) S + sum_j exp(g (63 - j)) k_j v_j
      %jj = tile.iota axis 0 : tensor<64xi32>
      %c63 = arith.constant dense<63> : tensor<64xi32>
      %age = arith.subi %c63, %jj : tensor<64xi32>
      %agef = arith.sitofp %age : tensor<64xi32> to tensor<64xf32>
      %ga = arith.mulf %gr, %agef : tensor<64xf32>
      %kd = math.exp %ga : tensor<64xf32>
      %kdb = tile.broadcast %kd dims [1] : tensor<64xf32> -> tensor<16x64xf32>
      %kf = arith.extf %kall : tensor<16x64xbf16> to tensor<16x64xf32>
      %kw = arith.mulf %kf, %kdb : tensor<16x64xf32>
      %zd = arith.constant dense<0.0> : tensor<16x16xf32>
      %delta = tile.dot #tile.numerics<operands = f32, accumulate = f32, group = 1> %kw, %vall, %zd : tensor<16x64xf32>, tensor<64x16xbf16> -> tensor<16x16xf32>
      %c64f = arith.constant 64.0 : f32
      %gB = arith.mulf %g, %c64f : f32
      %eB = math.exp %gB : f32
      %eBt = tensor.splat %eB : tensor<16x16xf32>
      %snew = math.fma %eBt, %st, %delta : tensor<16x16xf32>
      tile.store %snew, %sv[%c0, %c0] : tensor<16x16xf32>, !tile.desc<16x16xf32>
    }
  }
  return
}
