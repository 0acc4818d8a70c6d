// RUN: hamlet-opt %s -split-input-file -verify-diagnostics

func.func @state_c1() {
  // expected-error @below {{'nn.state' op expected a name}}
  nn.state @"" : !nn.state<tensor<4xf32>>
  return
}

// -----

func.func @read_c1(%s: !nn.state<tensor<4xf32>>) {
  // expected-error @below {{'nn.read' op expected 'result' to be 'tensor<4xf32>', got 'tensor<5xf32>'}}
  nn.read %s : !nn.state<tensor<4xf32>> -> tensor<5xf32>
  return
}

// -----

func.func @read_c1_rank(%s: !nn.state<tensor<f32>>) {
  // expected-error @below {{'nn.read' op expected a state of rank 1 to 3, got 'tensor<f32>'}}
  nn.read %s : !nn.state<tensor<f32>> -> tensor<f32>
  return
}

// -----

func.func @linear_input_grad_c1(%dy: tensor<?x48xf32>, %w: tensor<32x48xf32>) {
  // expected-error @below {{'nn.linear_input_grad' op expected 'w' to be [48, K] for 'dy' of 'tensor<?x48xf32>', got 'tensor<32x48xf32>'; weights are [out, in]}}
  nn.linear_input_grad #tile.numerics<operands = f32, accumulate = f32, group = 1> %dy, %w : (tensor<?x48xf32>, tensor<32x48xf32>) -> tensor<?x48xf32>
  return
}

// -----

func.func @linear_input_grad_c2(%dy: tensor<?x48xf32>, %w: tensor<48x32xf32>) {
  // expected-error @below {{'nn.linear_input_grad' op expected 'result' to be [?, 32], got 'tensor<?x48xf32>'}}
  nn.linear_input_grad #tile.numerics<operands = f32, accumulate = f32, group = 1> %dy, %w : (tensor<?x48xf32>, tensor<48x32xf32>) -> tensor<?x48xf32>
  return
}

// -----

func.func @linear_input_grad_c3(%dy: tensor<?x48xbf16>, %w: tensor<48x32xf32>) {
  // expected-error @below {{'nn.linear_input_grad' op expected 'w' to be bf16 as the operands of #tile.numerics<operands = bf16, accumulate = f32, group = 2>, got 'tensor<48x32xf32>'}}
  nn.linear_input_grad #tile.numerics<operands = bf16, accumulate = f32, group = 2> %dy, %w : (tensor<?x48xbf16>, tensor<48x32xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @linear_weight_grad_c1(%x: tensor<?x32xf32>, %dy: tensor<?x48xf32>, %g: !nn.state<tensor<32x48xf32>>) {
  // expected-error @below {{'nn.linear_weight_grad' op expected 'into' to be [48, 32], got '!nn.state<tensor<32x48xf32>>'}}
  nn.linear_weight_grad %x, %dy into(%g) : tensor<?x32xf32>, tensor<?x48xf32>, !nn.state<tensor<32x48xf32>>
  return
}

// -----

func.func @bias_grad_c1(%dy: tensor<?x48xf32>, %g: !nn.state<tensor<32xf32>>) {
  // expected-error @below {{'nn.bias_grad' op expected 'into' to be [48], got '!nn.state<tensor<32xf32>>'}}
  nn.bias_grad %dy into(%g) : tensor<?x48xf32>, !nn.state<tensor<32xf32>>
  return
}

// -----

func.func @embedding_grad_c1(%i: tensor<?xi32>, %dy: tensor<?x32xf32>, %g: !nn.state<tensor<96x48xf32>>) {
  // expected-error @below {{'nn.embedding_grad' op expected 'into' to be [V, 32], got '!nn.state<tensor<96x48xf32>>'}}
  nn.embedding_grad %i, %dy into(%g) : tensor<?xi32>, tensor<?x32xf32>, !nn.state<tensor<96x48xf32>>
  return
}

// -----

func.func @scale_c1(%x: tensor<?x32xf32>) {
  // expected-error @below {{'nn.scale' op expected a finite 'factor'}}
  nn.scale %x {factor = 0x7F800000 : f32} : tensor<?x32xf32>
  return
}

// -----

func.func @rms_norm_grad_c1(%x: tensor<?x32xf32>, %w: tensor<32xf32>, %dy: tensor<?x48xf32>) {
  // expected-error @below {{'nn.rms_norm_grad' op expected 'dy' to be [?, 32], got 'tensor<?x48xf32>'}}
  nn.rms_norm_grad %x, %w, %dy {eps = 1.0e-5 : f32} : (tensor<?x32xf32>, tensor<32xf32>, tensor<?x48xf32>) -> (tensor<?x32xf32>, tensor<?x1xf32>)
  return
}

// -----

func.func @rms_norm_grad_c1_element(%x: tensor<?x32xf32>, %w: tensor<32xf32>, %dy: tensor<?x32xf32>) {
  // expected-error @below {{'nn.rms_norm_grad' op expected 'result' to have elements of 'f32', got 'tensor<?x32xbf16>'}}
  nn.rms_norm_grad %x, %w, %dy {eps = 1.0e-5 : f32} : (tensor<?x32xf32>, tensor<32xf32>, tensor<?x32xf32>) -> (tensor<?x32xbf16>, tensor<?x1xf32>)
  return
}

// -----

func.func @rms_norm_grad_c2(%x: tensor<?x32xf32>, %w: tensor<32xf32>, %dy: tensor<?x32xf32>) {
  // expected-error @below {{'nn.rms_norm_grad' op expected groups * sum_blocks to divide the width 32, got 5 * 1}}
  nn.rms_norm_grad %x, %w, %dy {eps = 1.0e-5 : f32, groups = 5} : (tensor<?x32xf32>, tensor<32xf32>, tensor<?x32xf32>) -> (tensor<?x32xf32>, tensor<?x5xf32>)
  return
}

// -----

func.func @rms_norm_grad_c3(%x: tensor<?x32xf32>, %w: tensor<16xf32>, %dy: tensor<?x32xf32>) {
  // expected-error @below {{'nn.rms_norm_grad' op expected 'w' to have 32 elements, got 'tensor<16xf32>'}}
  nn.rms_norm_grad %x, %w, %dy {eps = 1.0e-5 : f32} : (tensor<?x32xf32>, tensor<16xf32>, tensor<?x32xf32>) -> (tensor<?x32xf32>, tensor<?x1xf32>)
  return
}

// -----

func.func @rms_norm_grad_c4(%x: tensor<?x32xf32>, %w: tensor<32xf32>, %dy: tensor<?x32xf32>) {
  // expected-error @below {{'nn.rms_norm_grad' op expected 'eps' to be at least 0 and finite, got -1.000000e+00 : f32}}
  nn.rms_norm_grad %x, %w, %dy {eps = -1.0 : f32} : (tensor<?x32xf32>, tensor<32xf32>, tensor<?x32xf32>) -> (tensor<?x32xf32>, tensor<?x1xf32>)
  return
}

// -----

func.func @rms_norm_grad_c5(%x: tensor<?x32xf32>, %w: tensor<32xf32>, %dy: tensor<?x32xf32>) {
  // expected-error @below {{'nn.rms_norm_grad' op expected 'inverse' to be [?, 1], got 'tensor<?x2xf32>'}}
  nn.rms_norm_grad %x, %w, %dy {eps = 1.0e-5 : f32} : (tensor<?x32xf32>, tensor<32xf32>, tensor<?x32xf32>) -> (tensor<?x32xf32>, tensor<?x2xf32>)
  return
}

// -----

func.func @rms_norm_weight_grad_c1(%x: tensor<?x32xf32>, %r: tensor<?x1xf32>, %dy: tensor<?x48xf32>, %g: !nn.state<tensor<32xf32>>) {
  // expected-error @below {{'nn.rms_norm_weight_grad' op expected 'dy' to be [?, 32], got 'tensor<?x48xf32>'}}
  nn.rms_norm_weight_grad %x, %r, %dy into(%g) : tensor<?x32xf32>, tensor<?x1xf32>, tensor<?x48xf32>, !nn.state<tensor<32xf32>>
  return
}

// -----

func.func @rms_norm_weight_grad_c2(%x: tensor<?x32xf32>, %r: tensor<?x5xf32>, %dy: tensor<?x32xf32>, %g: !nn.state<tensor<32xf32>>) {
  // expected-error @below {{'nn.rms_norm_weight_grad' op expected 'inverse' to have columns that divide the 32 of a row of 'x', got 'tensor<?x5xf32>'}}
  nn.rms_norm_weight_grad %x, %r, %dy into(%g) : tensor<?x32xf32>, tensor<?x5xf32>, tensor<?x32xf32>, !nn.state<tensor<32xf32>>
  return
}

// -----

func.func @rms_norm_weight_grad_c3(%x: tensor<?x32xf32>, %r: tensor<?x4xf32>, %dy: tensor<?x32xf32>, %g: !nn.state<tensor<16xf32>>) {
  // expected-error @below {{'nn.rms_norm_weight_grad' op expected 'into' to be [32] or [8], got '!nn.state<tensor<16xf32>>'}}
  nn.rms_norm_weight_grad %x, %r, %dy into(%g) : tensor<?x32xf32>, tensor<?x4xf32>, tensor<?x32xf32>, !nn.state<tensor<16xf32>>
  return
}

// -----

func.func @concat_heads_c1(%x: tensor<?x4x16xf32>, %y: tensor<?x2x16xbf16>) {
  // expected-error @below {{'nn.concat_heads' op expected operands of one element type, got 'f32' and 'bf16'}}
  nn.concat_heads %x, %y : (tensor<?x4x16xf32>, tensor<?x2x16xbf16>) -> tensor<?x96xf32>
  return
}

// -----

func.func @concat_heads_c2(%x: tensor<?x4x16xf32>) {
  // expected-error @below {{'nn.concat_heads' op expected 'result' to be [?, 64], got 'tensor<?x96xf32>'}}
  nn.concat_heads %x : (tensor<?x4x16xf32>) -> tensor<?x96xf32>
  return
}

// -----

// expected-error @below {{expected static extents of at least 1, got 'tensor<?x4xf32>'}}
func.func private @state_type_c1(%s: !nn.state<tensor<?x4xf32>>)

// -----

// expected-error @below {{expected elements of f32, got 'tensor<4xbf16>'}}
func.func private @state_type_c2(%s: !nn.state<tensor<4xbf16>>)

// -----

func.func @mix_grad_c1(%m: tensor<?x32xf32>, %s: tensor<?x48xf32>, %g: tensor<?x1xf32>) {
  // expected-error @below {{'nn.mix_grad' op expected 'shared' to be 'tensor<?x32xf32>', got 'tensor<?x48xf32>'}}
  nn.mix_grad %m, %s, %g, %m : (tensor<?x32xf32>, tensor<?x48xf32>, tensor<?x1xf32>, tensor<?x32xf32>) -> (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x1xf32>)
  return
}

// -----

func.func @mix_grad_c2(%m: tensor<?x32xf32>, %g: tensor<?x2xf32>) {
  // expected-error @below {{'nn.mix_grad' op expected 'gate' to be [?, 1], got 'tensor<?x2xf32>'}}
  nn.mix_grad %m, %m, %g, %m : (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x2xf32>, tensor<?x32xf32>) -> (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x1xf32>)
  return
}
