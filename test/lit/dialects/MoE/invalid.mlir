// RUN: hamlet-opt %s -split-input-file -verify-diagnostics

func.func @route_c1(%x: tensor<?x32xf32>, %w: tensor<8x16xf32>) {
  // expected-error @below {{'moe.route' op expected 'w' to be [8, 32], got 'tensor<8x16xf32>'}}
  moe.route softmax %x, %w {top_k = 2, renormalize = true, epsilon = 0.0 : f32, scaling = 1.0 : f32} : (tensor<?x32xf32>, tensor<8x16xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return
}

// -----

func.func @route_c1_bias(%x: tensor<?x32xf32>, %w: tensor<8x32xf32>, %b: tensor<4xf32>) {
  // expected-error @below {{'moe.route' op expected 'bias' to be [8], got 'tensor<4xf32>'}}
  moe.route softmax %x, %w bias(%b) {top_k = 2, renormalize = true, epsilon = 0.0 : f32, scaling = 1.0 : f32} : (tensor<?x32xf32>, tensor<8x32xf32>, tensor<4xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return
}

// -----

func.func @route_c2(%x: tensor<?x32xf32>, %w: tensor<8x32xf32>) {
  // expected-error @below {{'moe.route' op expected 'gates' to be [?, 2], got 'tensor<?x3xf32>'}}
  moe.route softmax %x, %w {top_k = 2, renormalize = true, epsilon = 0.0 : f32, scaling = 1.0 : f32} : (tensor<?x32xf32>, tensor<8x32xf32>) -> (tensor<?x2xi32>, tensor<?x3xf32>)
  return
}

// -----

func.func @route_c2_given(%x: tensor<?x32xf32>, %w: tensor<8x32xf32>, %i: tensor<?x3xi32>) {
  // expected-error @below {{'moe.route' op expected 'ids' to be [?, 2], got 'tensor<?x3xi32>'}}
  moe.route softmax %x, %w ids(%i) {top_k = 2, renormalize = true, epsilon = 0.0 : f32, scaling = 1.0 : f32} : (tensor<?x32xf32>, tensor<8x32xf32>, tensor<?x3xi32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return
}

// -----

func.func @route_c3(%x: tensor<?x32xf32>, %w: tensor<8x32xf32>) {
  // expected-error @below {{'moe.route' op expected 'top_k' from 1 to the number of experts, 8, got 9}}
  moe.route softmax %x, %w {top_k = 9, renormalize = true, epsilon = 0.0 : f32, scaling = 1.0 : f32} : (tensor<?x32xf32>, tensor<8x32xf32>) -> (tensor<?x9xi32>, tensor<?x9xf32>)
  return
}

// -----

func.func @route_c4(%x: tensor<?x32xf32>, %w: tensor<8x32xf32>) {
  // expected-error @below {{'moe.route' op expected groups that divide 8 experts, and kept groups with room for top_k = 2, got 3 groups, 1 kept}}
  moe.route softmax %x, %w {top_k = 2, renormalize = true, epsilon = 0.0 : f32, scaling = 1.0 : f32, groups = 3} : (tensor<?x32xf32>, tensor<8x32xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return
}

// -----

func.func @route_c4_room(%x: tensor<?x32xf32>, %w: tensor<8x32xf32>) {
  // expected-error @below {{'moe.route' op expected groups that divide 8 experts, and kept groups with room for top_k = 2, got 8 groups, 1 kept}}
  moe.route softmax %x, %w {top_k = 2, renormalize = true, epsilon = 0.0 : f32, scaling = 1.0 : f32, groups = 8} : (tensor<?x32xf32>, tensor<8x32xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return
}

// -----

func.func @route_c5(%x: tensor<?x32xf32>, %w: tensor<8x32xf32>) {
  // expected-error @below {{'moe.route' op expected 'epsilon' of at least 0 and a finite 'scaling', got -1.000000e+00 : f32 and 1.000000e+00 : f32}}
  moe.route softmax %x, %w {top_k = 2, renormalize = true, epsilon = -1.0 : f32, scaling = 1.0 : f32} : (tensor<?x32xf32>, tensor<8x32xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return
}

// -----

func.func @route_c6(%x: tensor<?x32xbf16>, %w: tensor<8x32xf32>) {
  // expected-error @below {{'moe.route' op expected 'w' to be bf16 as the operands of #tile.numerics<operands = bf16, accumulate = f32, group = 2>, got 'tensor<8x32xf32>'}}
  moe.route softmax %x, %w sums(#tile.numerics<operands = bf16, accumulate = f32, group = 2>) {top_k = 2, renormalize = true, epsilon = 0.0 : f32, scaling = 1.0 : f32} : (tensor<?x32xbf16>, tensor<8x32xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return
}

// -----

func.func @route_c5_scaling(%x: tensor<?x32xf32>, %w: tensor<8x32xf32>) {
  // expected-error @below {{'moe.route' op expected 'epsilon' of at least 0 and a finite 'scaling', got 0.000000e+00 : f32 and 0x7F800000 : f32}}
  moe.route softmax %x, %w {top_k = 2, renormalize = true, epsilon = 0.0 : f32, scaling = 0x7F800000 : f32} : (tensor<?x32xf32>, tensor<8x32xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return
}

// -----

func.func @dispatch_c1(%i: tensor<?x2xi32>) {
  // expected-error @below {{'moe.dispatch' op expected 'offsets' to be [9], got 'tensor<8xi32>'}}
  moe.dispatch %i {experts = 8} : (tensor<?x2xi32>) -> (tensor<8xi32>, tensor<?xi32>, tensor<?x2xi32>)
  return
}

// -----

func.func @dispatch_c1_none(%i: tensor<?x2xi32>) {
  // expected-error @below {{'moe.dispatch' op expected 'experts' to be at least 1, got 0}}
  moe.dispatch %i {experts = 0} : (tensor<?x2xi32>) -> (tensor<1xi32>, tensor<?xi32>, tensor<?x2xi32>)
  return
}

// -----

func.func @dispatch_c2(%i: tensor<7x2xi32>) {
  // expected-error @below {{'moe.dispatch' op expected 'order' to be [14], got 'tensor<15xi32>'}}
  moe.dispatch %i {experts = 8} : (tensor<7x2xi32>) -> (tensor<9xi32>, tensor<15xi32>, tensor<7x2xi32>)
  return
}

// -----

func.func @dispatch_c3(%i: tensor<?x2xi32>) {
  // expected-error @below {{'moe.dispatch' op expected 'place' to be [?, 2], got 'tensor<?x3xi32>'}}
  moe.dispatch %i {experts = 8} : (tensor<?x2xi32>) -> (tensor<9xi32>, tensor<?xi32>, tensor<?x3xi32>)
  return
}

// -----

func.func @expert_up_c1(%x: tensor<?x32xf32>, %o: tensor<9xi32>, %r: tensor<?xi32>, %g: tensor<8x48x16xf32>, %u: tensor<8x48x16xf32>) {
  // expected-error @below {{'moe.expert_up' op expected 'w_gate' to be [8, 48, 32], got 'tensor<8x48x16xf32>'}}
  moe.expert_up silu #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %o, %r, %g, %u {top_k = 2} : (tensor<?x32xf32>, tensor<9xi32>, tensor<?xi32>, tensor<8x48x16xf32>, tensor<8x48x16xf32>) -> tensor<?x48xf32>
  return
}

// -----

func.func @expert_up_c1_up(%x: tensor<?x32xf32>, %o: tensor<9xi32>, %r: tensor<?xi32>, %g: tensor<8x48x32xf32>, %u: tensor<8x48x32xbf16>) {
  // expected-error @below {{'moe.expert_up' op expected 'w_up' to have the type of 'w_gate', 'tensor<8x48x32xf32>', got 'tensor<8x48x32xbf16>'}}
  moe.expert_up silu #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %o, %r, %g, %u {top_k = 2} : (tensor<?x32xf32>, tensor<9xi32>, tensor<?xi32>, tensor<8x48x32xf32>, tensor<8x48x32xbf16>) -> tensor<?x48xf32>
  return
}

// -----

func.func @expert_up_c2(%x: tensor<?x32xf32>, %o: tensor<8xi32>, %r: tensor<?xi32>, %g: tensor<8x48x32xf32>, %u: tensor<8x48x32xf32>) {
  // expected-error @below {{'moe.expert_up' op expected 'offsets' to be [9], got 'tensor<8xi32>'}}
  moe.expert_up silu #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %o, %r, %g, %u {top_k = 2} : (tensor<?x32xf32>, tensor<8xi32>, tensor<?xi32>, tensor<8x48x32xf32>, tensor<8x48x32xf32>) -> tensor<?x48xf32>
  return
}

// -----

func.func @expert_up_c3(%x: tensor<?x32xf32>, %o: tensor<9xi32>, %r: tensor<?xi32>, %g: tensor<8x48x32xf32>, %u: tensor<8x48x32xf32>) {
  // expected-error @below {{'moe.expert_up' op expected 'result' to be [?, 48], got 'tensor<?x32xf32>'}}
  moe.expert_up silu #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %o, %r, %g, %u {top_k = 2} : (tensor<?x32xf32>, tensor<9xi32>, tensor<?xi32>, tensor<8x48x32xf32>, tensor<8x48x32xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @expert_up_c4(%x: tensor<?x32xf32>, %o: tensor<9xi32>, %r: tensor<?xi32>, %g: tensor<8x48x32xf32>, %u: tensor<8x48x32xf32>) {
  // expected-error @below {{'moe.expert_up' op expected 'top_k' to be at least 1, got 0}}
  moe.expert_up silu #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %o, %r, %g, %u {top_k = 0} : (tensor<?x32xf32>, tensor<9xi32>, tensor<?xi32>, tensor<8x48x32xf32>, tensor<8x48x32xf32>) -> tensor<?x48xf32>
  return
}

// -----

func.func @expert_up_c4_pairs(%x: tensor<7x32xf32>, %o: tensor<9xi32>, %r: tensor<7xi32>, %g: tensor<8x48x32xf32>, %u: tensor<8x48x32xf32>) {
  // expected-error @below {{'moe.expert_up' op expected 'order' to be [14], got 'tensor<7xi32>'}}
  moe.expert_up silu #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %o, %r, %g, %u {top_k = 2} : (tensor<7x32xf32>, tensor<9xi32>, tensor<7xi32>, tensor<8x48x32xf32>, tensor<8x48x32xf32>) -> tensor<7x48xf32>
  return
}

// -----

func.func @expert_up_c5(%x: tensor<?x32xf32>, %o: tensor<9xi32>, %r: tensor<?xi32>, %g: tensor<8x48x32xf32>, %u: tensor<8x48x32xf32>) {
  // expected-error @below {{'moe.expert_up' op expected 'x' to be bf16 as the operands of #tile.numerics<operands = bf16, accumulate = f32, group = 2>, got 'tensor<?x32xf32>'}}
  moe.expert_up silu #tile.numerics<operands = bf16, accumulate = f32, group = 2> %x, %o, %r, %g, %u {top_k = 2} : (tensor<?x32xf32>, tensor<9xi32>, tensor<?xi32>, tensor<8x48x32xf32>, tensor<8x48x32xf32>) -> tensor<?x48xf32>
  return
}

// -----

func.func @expert_down_c1(%h: tensor<?x48xf32>, %o: tensor<9xi32>, %w: tensor<8x32x32xf32>) {
  // expected-error @below {{'moe.expert_down' op expected 'w' to be [8, 32, 48], got 'tensor<8x32x32xf32>'}}
  moe.expert_down #tile.numerics<operands = f32, accumulate = f32, group = 1> %h, %o, %w : (tensor<?x48xf32>, tensor<9xi32>, tensor<8x32x32xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @expert_down_c2(%h: tensor<?x48xf32>, %o: tensor<8xi32>, %w: tensor<8x32x48xf32>) {
  // expected-error @below {{'moe.expert_down' op expected 'offsets' to be [9], got 'tensor<8xi32>'}}
  moe.expert_down #tile.numerics<operands = f32, accumulate = f32, group = 1> %h, %o, %w : (tensor<?x48xf32>, tensor<8xi32>, tensor<8x32x48xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @expert_down_c3(%h: tensor<?x48xf32>, %o: tensor<9xi32>, %w: tensor<8x32x48xf32>) {
  // expected-error @below {{'moe.expert_down' op expected 'result' to be [?, 32], got 'tensor<?x48xf32>'}}
  moe.expert_down #tile.numerics<operands = f32, accumulate = f32, group = 1> %h, %o, %w : (tensor<?x48xf32>, tensor<9xi32>, tensor<8x32x48xf32>) -> tensor<?x48xf32>
  return
}

// -----

func.func @expert_down_c4(%h: tensor<?x48xf32>, %o: tensor<9xi32>, %w: tensor<8x32x48xf32>) {
  // expected-error @below {{'moe.expert_down' op expected 'h' to be bf16 as the operands of #tile.numerics<operands = bf16, accumulate = f32, group = 2>, got 'tensor<?x48xf32>'}}
  moe.expert_down #tile.numerics<operands = bf16, accumulate = f32, group = 2> %h, %o, %w : (tensor<?x48xf32>, tensor<9xi32>, tensor<8x32x48xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @combine_c1(%y: tensor<?x32xf32>, %p: tensor<?x2xi32>, %g: tensor<?x3xf32>) {
  // expected-error @below {{'moe.combine' op expected 'gates' to be [?, 2], got 'tensor<?x3xf32>'}}
  moe.combine %y, %p, %g : (tensor<?x32xf32>, tensor<?x2xi32>, tensor<?x3xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @combine_c2(%y: tensor<?x32xf32>, %p: tensor<?x2xi32>, %g: tensor<?x2xf32>) {
  // expected-error @below {{'moe.combine' op expected 'result' to be [?, 32], got 'tensor<?x16xf32>'}}
  moe.combine %y, %p, %g : (tensor<?x32xf32>, tensor<?x2xi32>, tensor<?x2xf32>) -> tensor<?x16xf32>
  return
}

// -----

func.func @activation_name(%x: tensor<?x32xf32>, %o: tensor<9xi32>, %r: tensor<?xi32>, %g: tensor<8x48x32xf32>, %u: tensor<8x48x32xf32>) {
  // expected-error @below {{custom op 'moe.expert_up' expected 'silu' or 'sigmoid', got 'relu'}}
  moe.expert_up relu #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %o, %r, %g, %u {top_k = 2} : (tensor<?x32xf32>, tensor<9xi32>, tensor<?xi32>, tensor<8x48x32xf32>, tensor<8x48x32xf32>) -> tensor<?x48xf32>
  return
}

// -----

func.func @dispatch_c1_overflow(%i: tensor<?x2xi32>) {
  // expected-error @below {{'moe.dispatch' op expected 'experts' to be below 2147483647, got 9223372036854775807}}
  moe.dispatch %i {experts = 9223372036854775807} : (tensor<?x2xi32>) -> (tensor<8xi32>, tensor<?xi32>, tensor<?x2xi32>)
  return
}

// -----

func.func @dispatch_c2_overflow(%i: tensor<4611686018427387904x4xi32>) {
  // expected-error @below {{'moe.dispatch' op expected 'order' to be [-1], got 'tensor<0xi32>'}}
  moe.dispatch %i {experts = 8} : (tensor<4611686018427387904x4xi32>) -> (tensor<9xi32>, tensor<0xi32>, tensor<4611686018427387904x4xi32>)
  return
}

// -----

func.func @expert_down_c1_no_experts(%h: tensor<?x48xf32>, %o: tensor<1xi32>, %w: tensor<0x32x48xf32>) {
  // expected-error @below {{'moe.expert_down' op expected 'w' to have extents of 1 to 2147483647 from dimension 0 on, got 'tensor<0x32x48xf32>'}}
  moe.expert_down #tile.numerics<operands = f32, accumulate = f32, group = 1> %h, %o, %w : (tensor<?x48xf32>, tensor<1xi32>, tensor<0x32x48xf32>) -> tensor<?x32xf32>
  return
}
