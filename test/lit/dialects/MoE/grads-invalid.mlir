// RUN: hamlet-opt %s -split-input-file -verify-diagnostics

func.func @expand_c1(%x: tensor<?x32xf32>, %r: tensor<?xi32>) {
  // expected-error @below {{'moe.expand' op expected 'top_k' to be at least 1, got 0}}
  moe.expand %x, %r {top_k = 0} : (tensor<?x32xf32>, tensor<?xi32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @expand_c1_pairs(%x: tensor<7x32xf32>, %r: tensor<7xi32>) {
  // expected-error @below {{'moe.expand' op expected 'order' to be [14], got 'tensor<7xi32>'}}
  moe.expand %x, %r {top_k = 2} : (tensor<7x32xf32>, tensor<7xi32>) -> tensor<7x32xf32>
  return
}

// -----

func.func @expand_c2(%x: tensor<?x32xf32>, %r: tensor<?xi32>, %g: tensor<?x3xf32>) {
  // expected-error @below {{'moe.expand' op expected 'gates' to be [?, 2], got 'tensor<?x3xf32>'}}
  moe.expand %x, %r gates(%g) {top_k = 2} : (tensor<?x32xf32>, tensor<?xi32>, tensor<?x3xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @expand_c3(%x: tensor<?x32xf32>, %r: tensor<?xi32>) {
  // expected-error @below {{'moe.expand' op expected 'result' to be [?, 32], got 'tensor<?x16xf32>'}}
  moe.expand %x, %r {top_k = 2} : (tensor<?x32xf32>, tensor<?xi32>) -> tensor<?x16xf32>
  return
}

// -----

func.func @gate_grad_c1(%y: tensor<?x32xf32>, %p: tensor<?x2xi32>, %d: tensor<?x16xf32>) {
  // expected-error @below {{'moe.gate_grad' op expected 'dresult' to be [?, 32], got 'tensor<?x16xf32>'}}
  moe.gate_grad %y, %p, %d : (tensor<?x32xf32>, tensor<?x2xi32>, tensor<?x16xf32>) -> tensor<?x2xf32>
  return
}

// -----

func.func @gate_grad_c2(%y: tensor<?x32xf32>, %p: tensor<?x2xi32>, %d: tensor<?x32xf32>) {
  // expected-error @below {{'moe.gate_grad' op expected 'result' to be [?, 2], got 'tensor<?x3xf32>'}}
  moe.gate_grad %y, %p, %d : (tensor<?x32xf32>, tensor<?x2xi32>, tensor<?x32xf32>) -> tensor<?x3xf32>
  return
}

// -----

func.func @route_grad_c1(%l: tensor<?x8xf32>, %i: tensor<?x2xi32>, %d: tensor<?x3xf32>) {
  // expected-error @below {{'moe.route_grad' op expected 'dgates' to be [?, 2], got 'tensor<?x3xf32>'}}
  moe.route_grad softmax %l, %i, %d {renormalize = true, epsilon = 0.0 : f32, scaling = 1.0 : f32} : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x3xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @route_grad_c2(%l: tensor<?x8xf32>, %i: tensor<?x2xi32>, %d: tensor<?x2xf32>, %f: tensor<4xf32>) {
  // expected-error @below {{'moe.route_grad' op expected 'balance' to be [8], got 'tensor<4xf32>'}}
  moe.route_grad softmax %l, %i, %d balance(%f) {renormalize = true, epsilon = 0.0 : f32, scaling = 1.0 : f32} : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<4xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @route_grad_c3(%l: tensor<?x8xf32>, %i: tensor<?x2xi32>, %d: tensor<?x2xf32>) {
  // expected-error @below {{'moe.route_grad' op expected 'result' to be [?, 8], got 'tensor<?x2xf32>'}}
  moe.route_grad softmax %l, %i, %d {renormalize = true, epsilon = 0.0 : f32, scaling = 1.0 : f32} : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  return
}

// -----

func.func @route_grad_c4(%l: tensor<?x8xf32>, %i: tensor<?x2xi32>, %d: tensor<?x2xf32>) {
  // expected-error @below {{'moe.route_grad' op expected 'epsilon' of at least 0 and a finite 'scaling', got -1.000000e+00 : f32 and 1.000000e+00 : f32}}
  moe.route_grad softmax %l, %i, %d {renormalize = true, epsilon = -1.0 : f32, scaling = 1.0 : f32} : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @expert_input_grad_c1(%d: tensor<?x32xf32>, %o: tensor<9xi32>, %w: tensor<8x48x32xf32>) {
  // expected-error @below {{'moe.expert_input_grad' op expected 'w' to be [8, 32, 32], got 'tensor<8x48x32xf32>'}}
  moe.expert_input_grad #tile.numerics<operands = f32, accumulate = f32, group = 1> %d, %o, %w : (tensor<?x32xf32>, tensor<9xi32>, tensor<8x48x32xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @expert_input_grad_c2(%d: tensor<?x32xf32>, %o: tensor<8xi32>, %w: tensor<8x32x48xf32>) {
  // expected-error @below {{'moe.expert_input_grad' op expected 'offsets' to be [9], got 'tensor<8xi32>'}}
  moe.expert_input_grad #tile.numerics<operands = f32, accumulate = f32, group = 1> %d, %o, %w : (tensor<?x32xf32>, tensor<8xi32>, tensor<8x32x48xf32>) -> tensor<?x48xf32>
  return
}

// -----

func.func @expert_input_grad_c3(%d: tensor<?x32xf32>, %o: tensor<9xi32>, %w: tensor<8x32x48xf32>) {
  // expected-error @below {{'moe.expert_input_grad' op expected 'result' to be [?, 48], got 'tensor<?x32xf32>'}}
  moe.expert_input_grad #tile.numerics<operands = f32, accumulate = f32, group = 1> %d, %o, %w : (tensor<?x32xf32>, tensor<9xi32>, tensor<8x32x48xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @expert_input_grad_c4(%d: tensor<?x32xf32>, %o: tensor<9xi32>, %w: tensor<8x32x48xf32>) {
  // expected-error @below {{'moe.expert_input_grad' op expected 'dy' to be bf16 as the operands of #tile.numerics<operands = bf16, accumulate = f32, group = 2>, got 'tensor<?x32xf32>'}}
  moe.expert_input_grad #tile.numerics<operands = bf16, accumulate = f32, group = 2> %d, %o, %w : (tensor<?x32xf32>, tensor<9xi32>, tensor<8x32x48xf32>) -> tensor<?x48xf32>
  return
}

// -----

func.func @expert_weight_grad_c1(%x: tensor<?x48xf32>, %d: tensor<?x32xf32>, %o: tensor<9xi32>) {
  %g = nn.state @gradient : !nn.state<tensor<8x48x32xf32>>
  // expected-error @below {{'moe.expert_weight_grad' op expected 'into' to be [E, 32, 48], got 'tensor<8x48x32xf32>'}}
  moe.expert_weight_grad %x, %d, %o into(%g) : tensor<?x48xf32>, tensor<?x32xf32>, tensor<9xi32>, !nn.state<tensor<8x48x32xf32>>
  return
}

// -----

func.func @expert_weight_grad_c1_rows(%x: tensor<5x48xf32>, %d: tensor<6x32xf32>, %o: tensor<9xi32>) {
  %g = nn.state @gradient : !nn.state<tensor<8x32x48xf32>>
  // expected-error @below {{'moe.expert_weight_grad' op expected 'dy' to be [5, 32], got 'tensor<6x32xf32>'}}
  moe.expert_weight_grad %x, %d, %o into(%g) : tensor<5x48xf32>, tensor<6x32xf32>, tensor<9xi32>, !nn.state<tensor<8x32x48xf32>>
  return
}

// -----

func.func @expert_weight_grad_c2(%x: tensor<?x48xf32>, %d: tensor<?x32xf32>, %o: tensor<8xi32>) {
  %g = nn.state @gradient : !nn.state<tensor<8x32x48xf32>>
  // expected-error @below {{'moe.expert_weight_grad' op expected 'offsets' to be [9], got 'tensor<8xi32>'}}
  moe.expert_weight_grad %x, %d, %o into(%g) : tensor<?x48xf32>, tensor<?x32xf32>, tensor<8xi32>, !nn.state<tensor<8x32x48xf32>>
  return
}

// -----

func.func @expert_up_c6(%x: tensor<?x32xf32>, %o: tensor<9xi32>, %r: tensor<?xi32>, %g: tensor<8x48x32xf32>, %u: tensor<8x48x32xf32>) {
  // expected-error @below {{'moe.expert_up' op expected 'up' to be [?, 48], got 'tensor<?x32xf32>'}}
  moe.expert_up silu #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %o, %r, %g, %u {top_k = 2} : (tensor<?x32xf32>, tensor<9xi32>, tensor<?xi32>, tensor<8x48x32xf32>, tensor<8x48x32xf32>) -> tensor<?x48xf32> gate tensor<?x48xf32> up tensor<?x32xf32>
  return
}

// -----

func.func @expert_up_c6_one(%x: tensor<?x32xf32>, %o: tensor<9xi32>, %r: tensor<?xi32>, %g: tensor<8x48x32xf32>, %u: tensor<8x48x32xf32>) {
  // expected-error @below {{'moe.expert_up' op expected 'gate' and 'up', or none of them}}
  %h:2 = "moe.expert_up"(%x, %o, %r, %g, %u) <{activation = #nn<activation silu>, top_k = 2 : i64, numerics = #tile.numerics<operands = f32, accumulate = f32, group = 1>, resultSegmentSizes = array<i32: 1, 1, 0>}> : (tensor<?x32xf32>, tensor<9xi32>, tensor<?xi32>, tensor<8x48x32xf32>, tensor<8x48x32xf32>) -> (tensor<?x48xf32>, tensor<?x48xf32>)
  return
}
