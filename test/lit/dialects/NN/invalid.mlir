// RUN: hamlet-opt %s -split-input-file -verify-diagnostics

func.func @weight_c1() {
  // expected-error @below {{'nn.weight' op expected a name}}
  nn.weight @"" : tensor<4xf32>
  return
}

// -----

func.func @weight_c2() {
  // expected-error @below {{'nn.weight' op expected extents of at least 1, got 'tensor<0x4xf32>'}}
  nn.weight @w : tensor<0x4xf32>
  return
}

// -----

func.func @embedding_c1(%i: tensor<?xi32>, %t: tensor<96x32xf32>) {
  // expected-error @below {{'nn.embedding' op expected 'result' to be [?, 32], got 'tensor<?x48xf32>'}}
  nn.embedding %i, %t : (tensor<?xi32>, tensor<96x32xf32>) -> tensor<?x48xf32>
  return
}

// -----

func.func @select_rows_c1(%x: tensor<?x32xf32>, %r: tensor<?xi32>) {
  // expected-error @below {{'nn.select_rows' op expected 'result' to be [?, 32], got 'tensor<?x16xf32>'}}
  nn.select_rows %x, %r : (tensor<?x32xf32>, tensor<?xi32>) -> tensor<?x16xf32>
  return
}

// -----

func.func @select_rows_c1_element(%x: tensor<?x32xf32>, %r: tensor<?xi32>) {
  // expected-error @below {{'nn.select_rows' op expected 'result' to have elements of 'f32', got 'tensor<?x32xbf16>'}}
  nn.select_rows %x, %r : (tensor<?x32xf32>, tensor<?xi32>) -> tensor<?x32xbf16>
  return
}

// -----

func.func @linear_c1(%x: tensor<?x32xf32>, %w: tensor<32x48xf32>) {
  // expected-error @below {{'nn.linear' op expected 'w' to be [N, 32] for 'x' of 'tensor<?x32xf32>', got 'tensor<32x48xf32>'; weights are [out, in]}}
  nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %w : (tensor<?x32xf32>, tensor<32x48xf32>) -> tensor<?x48xf32>
  return
}

// -----

func.func @linear_c1_dynamic(%x: tensor<?x32xf32>, %w: tensor<?x32xf32>) {
  // expected-error @below {{'nn.linear' op expected 'w' to have static extents from dimension 0 on, got 'tensor<?x32xf32>'}}
  nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %w : (tensor<?x32xf32>, tensor<?x32xf32>) -> tensor<?x48xf32>
  return
}

// -----

func.func @linear_c2(%x: tensor<7x32xf32>, %w: tensor<48x32xf32>) {
  // expected-error @below {{'nn.linear' op expected 'result' to be [7, 48], got 'tensor<8x48xf32>'}}
  nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %w : (tensor<7x32xf32>, tensor<48x32xf32>) -> tensor<8x48xf32>
  return
}

// -----

func.func @linear_c3(%x: tensor<?x32xf32>, %w: tensor<48x32xf32>, %b: tensor<32xf32>) {
  // expected-error @below {{'nn.linear' op expected 'bias' to be [48], got 'tensor<32xf32>'}}
  nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %w bias(%b) : (tensor<?x32xf32>, tensor<48x32xf32>, tensor<32xf32>) -> tensor<?x48xf32>
  return
}

// -----

func.func @linear_c4(%x: tensor<?x32xf32>, %w: tensor<48x32xbf16>) {
  // expected-error @below {{'nn.linear' op expected 'x' to be bf16 as the operands of #tile.numerics<operands = bf16, accumulate = f32, group = 2>, got 'tensor<?x32xf32>'}}
  nn.linear #tile.numerics<operands = bf16, accumulate = f32, group = 2> %x, %w : (tensor<?x32xf32>, tensor<48x32xbf16>) -> tensor<?x48xf32>
  return
}

// -----

func.func @linear_c5(%x: tensor<?x32xf32>, %w: tensor<48x32xf32>) {
  // expected-error @below {{'nn.linear' op expected 'result' to have elements of f32 or 'f32', got 'tensor<?x48xbf16>'}}
  nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %w : (tensor<?x32xf32>, tensor<48x32xf32>) -> tensor<?x48xbf16>
  return
}

// -----

func.func @lm_head_c1(%x: tensor<?x32xf32>, %w: tensor<96x48xf32>) {
  // expected-error @below {{'nn.lm_head' op expected 'w' to be [96, 32], got 'tensor<96x48xf32>'}}
  nn.lm_head #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %w : (tensor<?x32xf32>, tensor<96x48xf32>) -> tensor<?x96xf32>
  return
}

// -----

func.func @lm_head_c2(%x: tensor<?x32xf32>, %w: tensor<96x32xbf16>) {
  // expected-error @below {{'nn.lm_head' op expected numerics with f32 operands, got #tile.numerics<operands = bf16, accumulate = f32, group = 2>; logits are f32 in every mode}}
  nn.lm_head #tile.numerics<operands = bf16, accumulate = f32, group = 2> %x, %w : (tensor<?x32xf32>, tensor<96x32xbf16>) -> tensor<?x96xf32>
  return
}

// -----

func.func @rms_norm_c1(%x: tensor<?x32xf32>, %w: tensor<32xf32>) {
  // expected-error @below {{'nn.rms_norm' op expected 'result' to have elements of f32 or 'f32', got 'tensor<?x32xbf16>'}}
  nn.rms_norm %x, %w {eps = 1.0e-5 : f32} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xbf16>
  return
}

// -----

func.func @rms_norm_c2(%x: tensor<?x32xf32>, %w: tensor<32xf32>) {
  // expected-error @below {{'nn.rms_norm' op expected groups * sum_blocks to divide the width 32, got 4 * 16}}
  nn.rms_norm %x, %w {eps = 1.0e-5 : f32, groups = 4, sum_blocks = 16} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @rms_norm_c2_split(%x: tensor<?x32xf32>, %w: tensor<32xf32>) {
  // expected-error @below {{'nn.rms_norm' op expected 'sum_split' to be 0 or a power of two, got 3}}
  nn.rms_norm %x, %w {eps = 1.0e-5 : f32, sum_split = 3} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @rms_norm_c2_zero(%x: tensor<?x32xf32>, %w: tensor<32xf32>) {
  // expected-error @below {{'nn.rms_norm' op expected groups * sum_blocks to divide the width 32, got 0 * 1}}
  nn.rms_norm %x, %w {eps = 1.0e-5 : f32, groups = 0} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @rms_norm_c3(%x: tensor<?x32xf32>, %w: tensor<16xf32>) {
  // expected-error @below {{'nn.rms_norm' op expected 'w' to have 32 elements, got 'tensor<16xf32>'}}
  nn.rms_norm %x, %w {eps = 1.0e-5 : f32} : (tensor<?x32xf32>, tensor<16xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @rms_norm_c3_groups(%x: tensor<?x32xf32>, %w: tensor<16xf32>) {
  // expected-error @below {{'nn.rms_norm' op expected 'w' to have 32 elements or 8 shared by the groups, got 'tensor<16xf32>'}}
  nn.rms_norm %x, %w {eps = 1.0e-5 : f32, groups = 4} : (tensor<?x32xf32>, tensor<16xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @rms_norm_c4(%x: tensor<?x32xf32>, %w: tensor<32xf32>) {
  // expected-error @below {{'nn.rms_norm' op expected 'eps' to be at least 0 and finite, got -1.000000e+00 : f32}}
  nn.rms_norm %x, %w {eps = -1.0 : f32} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @rms_norm_c5(%x: tensor<?x32xf32>, %w: tensor<32xf32>) {
  // expected-error @below {{'nn.rms_norm' op expected 'inverse' to be [?, 1], got 'tensor<?x2xf32>'}}
  nn.rms_norm %x, %w {eps = 1.0e-5 : f32} : (tensor<?x32xf32>, tensor<32xf32>) -> (tensor<?x32xf32>, tensor<?x2xf32>)
  return
}

// -----

func.func @residual_c1(%x: tensor<?x32xf32>, %y: tensor<?x32xf32>) {
  // expected-error @below {{'nn.residual' op expected 'alpha' and 'beta' to be finite, got 0x7FC00000 : f32 and 1.000000e+00 : f32}}
  nn.residual %x, %y {alpha = 0x7FC00000 : f32, beta = 1.0 : f32} : tensor<?x32xf32>
  return
}

// -----

func.func @mix_c1(%m: tensor<?x32xf32>, %s: tensor<?x16xf32>, %g: tensor<?x1xf32>) {
  // expected-error @below {{'nn.mix' op expected 'moe', 'shared' and the result to have one type, got 'tensor<?x32xf32>', 'tensor<?x16xf32>' and 'tensor<?x32xf32>'}}
  nn.mix %m, %s, %g : (tensor<?x32xf32>, tensor<?x16xf32>, tensor<?x1xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @mix_c2(%m: tensor<?x32xf32>, %s: tensor<?x32xf32>, %g: tensor<?x2xf32>) {
  // expected-error @below {{'nn.mix' op expected 'gate' to be [?, 1], got 'tensor<?x2xf32>'}}
  nn.mix %m, %s, %g : (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x2xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @heads_c1(%x: tensor<?x96xf32>) {
  // expected-error @below {{'nn.heads' op expected columns within the width 96 of 'x', got 2 heads of 16 from column 80}}
  nn.heads %x {offset = 80, heads = 2, dim = 16} : (tensor<?x96xf32>) -> tensor<?x2x16xf32>
  return
}

// -----

func.func @heads_c1_negative(%x: tensor<?x96xf32>) {
  // expected-error @below {{'nn.heads' op expected columns within the width 96 of 'x', got 2 heads of 16 from column -16}}
  nn.heads %x {offset = -16, heads = 2, dim = 16} : (tensor<?x96xf32>) -> tensor<?x2x16xf32>
  return
}

// -----

func.func @heads_c2(%x: tensor<?x96xf32>) {
  // expected-error @below {{'nn.heads' op expected 'result' to be [?, 2, 16], got 'tensor<?x16x2xf32>'}}
  nn.heads %x {offset = 0, heads = 2, dim = 16} : (tensor<?x96xf32>) -> tensor<?x16x2xf32>
  return
}

// -----

func.func @merge_heads_c1(%x: tensor<?x4x16xf32>) {
  // expected-error @below {{'nn.merge_heads' op expected 'result' to be [?, 64], got 'tensor<?x32xf32>'}}
  nn.merge_heads %x : (tensor<?x4x16xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @merge_heads_c1_element(%x: tensor<?x4x16xf32>) {
  // expected-error @below {{'nn.merge_heads' op expected 'result' to have elements of 'f32', got 'tensor<?x64xbf16>'}}
  nn.merge_heads %x : (tensor<?x4x16xf32>) -> tensor<?x64xbf16>
  return
}

// -----

func.func @rotary_table_c1(%p: tensor<?xi32>) {
  // expected-error @below {{'nn.rotary_table' op expected 'dims' to be even and at least 2, got 7}}
  nn.rotary_table %p {theta = 1.0e4 : f64, dims = 7} : (tensor<?xi32>) -> (tensor<?x4xf32>, tensor<?x4xf32>)
  return
}

// -----

func.func @rotary_table_c2(%p: tensor<?xi32>) {
  // expected-error @below {{'nn.rotary_table' op expected 'theta' to be positive and finite, got 0.000000e+00 : f64}}
  nn.rotary_table %p {theta = 0.0 : f64, dims = 8} : (tensor<?xi32>) -> (tensor<?x4xf32>, tensor<?x4xf32>)
  return
}

// -----

func.func @rotary_table_c3(%p: tensor<?xi32>) {
  // expected-error @below {{'nn.rotary_table' op expected 'cos' to be [?, 4], got 'tensor<?x8xf32>'}}
  nn.rotary_table %p {theta = 1.0e4 : f64, dims = 8} : (tensor<?xi32>) -> (tensor<?x8xf32>, tensor<?x8xf32>)
  return
}

// -----

func.func @rotary_c1(%x: tensor<?x2x16xf32>, %c: tensor<?x4xf32>, %s: tensor<?x4xf32>) {
  // expected-error @below {{'nn.rotary' op expected a result of the type of 'x', 'tensor<?x2x16xf32>', got 'tensor<?x2x16xbf16>'}}
  nn.rotary %x, %c, %s : (tensor<?x2x16xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x2x16xbf16>
  return
}

// -----

func.func @rotary_c2(%x: tensor<?x2x16xf32>, %c: tensor<?x9xf32>, %s: tensor<?x9xf32>) {
  // expected-error @below {{'nn.rotary' op expected at most 8 angles for heads of 16 features, got 'tensor<?x9xf32>'}}
  nn.rotary %x, %c, %s : (tensor<?x2x16xf32>, tensor<?x9xf32>, tensor<?x9xf32>) -> tensor<?x2x16xf32>
  return
}

// -----

func.func @rotary_c2_sin(%x: tensor<?x2x16xf32>, %c: tensor<?x4xf32>, %s: tensor<?x3xf32>) {
  // expected-error @below {{'nn.rotary' op expected 'sin' to be [?, 4], got 'tensor<?x3xf32>'}}
  nn.rotary %x, %c, %s : (tensor<?x2x16xf32>, tensor<?x4xf32>, tensor<?x3xf32>) -> tensor<?x2x16xf32>
  return
}

// -----

func.func @fused_c1(%x: tensor<?x32xf32>) {
  // expected-error @below {{'nn.fused' op expected block arguments of the operands' types, ('tensor<?x32xf32>'), got ('tensor<?x16xf32>')}}
  nn.fused "f"(%x) : (tensor<?x32xf32>) -> tensor<?x32xf32> {
  ^bb0(%a: tensor<?x16xf32>):
    %0 = nn.activation silu %a : tensor<?x16xf32>
    nn.yield %0 : tensor<?x16xf32>
  }
  return
}

// -----

func.func @fused_c2(%x: tensor<?x32xf32>) {
  // expected-error @below {{'nn.fused' op expected nn.yield to give ('tensor<?x16xf32>'), got ('tensor<?x32xf32>')}}
  nn.fused "f"(%x) : (tensor<?x32xf32>) -> tensor<?x16xf32> {
  ^bb0(%a: tensor<?x32xf32>):
    %0 = nn.activation silu %a : tensor<?x32xf32>
    // expected-note @below {{yielded here}}
    nn.yield %0 : tensor<?x32xf32>
  }
  return
}

// -----

func.func @fused_c3(%x: tensor<?x32xf32>) {
  // expected-error @below {{'nn.fused' op expected at least one op in the body}}
  nn.fused "f"(%x) : (tensor<?x32xf32>) -> tensor<?x32xf32> {
  ^bb0(%a: tensor<?x32xf32>):
    nn.yield %a : tensor<?x32xf32>
  }
  return
}

// -----

func.func @fused_c3_weight(%x: tensor<?x32xf32>) {
  // expected-error @below {{'nn.fused' op expected only ops of the graph dialects in the body, without nn.fused and nn.weight, got 'nn.weight'}}
  nn.fused "f"(%x) : (tensor<?x32xf32>) -> tensor<?x48xf32> {
  ^bb0(%a: tensor<?x32xf32>):
    // expected-note @below {{it is here; make it an operand}}
    %w = nn.weight @w : tensor<48x32xf32>
    %0 = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %a, %w : (tensor<?x32xf32>, tensor<48x32xf32>) -> tensor<?x48xf32>
    nn.yield %0 : tensor<?x48xf32>
  }
  return
}

// -----

func.func @fused_c4(%x: tensor<?x32xf32>, %w: tensor<32x32xf32>) -> tensor<?x32xf32> {
  // expected-error @below {{'nn.fused' op expected at most one product, attention or op with kernels of its own in the body, got 'nn.linear' and 'nn.linear'; each needs a region of its own}}
  %0 = nn.fused "f"(%x, %w) : (tensor<?x32xf32>, tensor<32x32xf32>) -> tensor<?x32xf32> {
  ^bb0(%a: tensor<?x32xf32>, %b: tensor<32x32xf32>):
    // expected-note @below {{the first is here}}
    %1 = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %a, %b : (tensor<?x32xf32>, tensor<32x32xf32>) -> tensor<?x32xf32>
    // expected-note @below {{the second is here}}
    %2 = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %1, %b : (tensor<?x32xf32>, tensor<32x32xf32>) -> tensor<?x32xf32>
    nn.yield %2 : tensor<?x32xf32>
  }
  return %0 : tensor<?x32xf32>
}

// -----

func.func @fused_c4_softmax(%x: tensor<?x32xf32>, %w: tensor<32x32xf32>, %s: tensor<?xi32>) -> (tensor<?x2x16xf32>, tensor<?x32xf32>) {
  // expected-error @below {{got 'nn.linear' and 'attention.softmax'}}
  %0:2 = nn.fused "f"(%x, %w, %s) : (tensor<?x32xf32>, tensor<32x32xf32>, tensor<?xi32>) -> (tensor<?x2x16xf32>, tensor<?x32xf32>) {
  ^bb0(%a: tensor<?x32xf32>, %b: tensor<32x32xf32>, %c: tensor<?xi32>):
    // expected-note @below {{the first is here}}
    %1 = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %a, %b : (tensor<?x32xf32>, tensor<32x32xf32>) -> tensor<?x32xf32>
    %2 = nn.heads %a {offset = 0, heads = 2, dim = 16} : (tensor<?x32xf32>) -> tensor<?x2x16xf32>
    // expected-note @below {{the second is here}}
    %3 = attention.softmax #tile.numerics<operands = f32, accumulate = f32, group = 1> %2, %2, %2 starts(%c) {scale = 0.25 : f32} : (tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?xi32>) -> tensor<?x2x16xf32>
    nn.yield %3, %1 : tensor<?x2x16xf32>, tensor<?x32xf32>
  }
  return %0#0, %0#1 : tensor<?x2x16xf32>, tensor<?x32xf32>
}

// -----

func.func @linear_c1_no_columns(%x: tensor<?x32xf32>, %w: tensor<0x32xf32>) {
  // expected-error @below {{'nn.linear' op expected 'w' to have extents of 1 to 2147483647 from dimension 0 on, got 'tensor<0x32xf32>'}}
  nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %w : (tensor<?x32xf32>, tensor<0x32xf32>) -> tensor<?x0xf32>
  return
}

// -----

func.func @lm_head_c1_width(%x: tensor<?x?xf32>, %w: tensor<96x32xf32>) {
  // expected-error @below {{'nn.lm_head' op expected 'x' to have static extents from dimension 1 on, got 'tensor<?x?xf32>'}}
  nn.lm_head #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %w : (tensor<?x?xf32>, tensor<96x32xf32>) -> tensor<?x96xf32>
  return
}

// -----

func.func @rms_norm_c2_overflow(%x: tensor<?x32xf32>, %w: tensor<32xf32>) {
  // expected-error @below {{'nn.rms_norm' op expected groups * sum_blocks to divide the width 32, got 4611686018427387904 * 4}}
  nn.rms_norm %x, %w {eps = 1.0e-5 : f32, groups = 4611686018427387904, sum_blocks = 4} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @heads_c1_overflow(%x: tensor<?x96xf32>) {
  // expected-error @below {{'nn.heads' op expected columns within the width 96 of 'x', got 4611686018427387904 heads of 4 from column 0}}
  nn.heads %x {offset = 0, heads = 4611686018427387904, dim = 4} : (tensor<?x96xf32>) -> tensor<?x4611686018427387904x4xf32>
  return
}

// -----

func.func @merge_heads_c1_overflow(%x: tensor<?x4294967296x4294967296xf32>) {
  // expected-error @below {{'nn.merge_heads' op expected 'x' to have extents of 1 to 2147483647 from dimension 1 on}}
  nn.merge_heads %x : (tensor<?x4294967296x4294967296xf32>) -> tensor<?x0xf32>
  return
}
