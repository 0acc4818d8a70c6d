// RUN: hamlet-opt %s -split-input-file -verify-diagnostics

func.func @head_c1(%x: tensor<?x32xf32>, %w: tensor<96x16xf32>, %t: tensor<?xi32>, %tau: tensor<?xf32>) {
  // expected-error @below {{'policy.head' op expected 'w' to be [96, 32], got 'tensor<96x16xf32>'}}
  policy.head #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %w, %t, %tau : (tensor<?x32xf32>, tensor<96x16xf32>, tensor<?xi32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  return
}

// -----

func.func @head_c1_logits(%x: tensor<?x32xf32>, %w: tensor<96x32xf32>, %t: tensor<?xi32>, %tau: tensor<?xf32>) {
  // expected-error @below {{'policy.head' op expected 'logits' to be [?, 96], got 'tensor<?x95xf32>'}}
  policy.head #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %w, %t, %tau : (tensor<?x32xf32>, tensor<96x32xf32>, tensor<?xi32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?x95xf32>)
  return
}

// -----

func.func @head_c1_static(%x: tensor<?x32xf32>, %w: tensor<?x32xf32>, %t: tensor<?xi32>, %tau: tensor<?xf32>) {
  // expected-error @below {{'policy.head' op expected 'w' to have static extents from dimension 0 on, got 'tensor<?x32xf32>'}}
  policy.head #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %w, %t, %tau : (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?xi32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  return
}

// -----

func.func @head_c2(%x: tensor<5x32xf32>, %w: tensor<96x32xf32>, %t: tensor<4xi32>, %tau: tensor<?xf32>) {
  // expected-error @below {{'policy.head' op expected 'targets' to be [5], got 'tensor<4xi32>'}}
  policy.head #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %w, %t, %tau : (tensor<5x32xf32>, tensor<96x32xf32>, tensor<4xi32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  return
}

// -----

func.func @head_c2_result(%x: tensor<5x32xf32>, %w: tensor<96x32xf32>, %t: tensor<?xi32>, %tau: tensor<?xf32>) {
  // expected-error @below {{'policy.head' op expected 'lse' to be [5], got 'tensor<6xf32>'}}
  policy.head #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %w, %t, %tau : (tensor<5x32xf32>, tensor<96x32xf32>, tensor<?xi32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<6xf32>, tensor<?xf32>)
  return
}

// -----

func.func @head_c3(%x: tensor<?x32xf32>, %w: tensor<96x32xf32>, %t: tensor<?xi32>, %tau: tensor<?xf32>) {
  // expected-error @below {{'policy.head' op expected 'numerics' to have f32 operands, got #tile.numerics<operands = bf16, accumulate = f32, group = 2>}}
  policy.head #tile.numerics<operands = bf16, accumulate = f32, group = 2> %x, %w, %t, %tau : (tensor<?x32xf32>, tensor<96x32xf32>, tensor<?xi32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  return
}

// -----

func.func @head_grad_c1(%x: tensor<?x32xf32>, %w: tensor<96x16xf32>, %t: tensor<?xi32>, %v: tensor<?xf32>, %l: tensor<?xf32>, %c: tensor<?xf32>) {
  // expected-error @below {{'policy.head_grad' op expected 'w' to be [96, 32], got 'tensor<96x16xf32>'}}
  policy.head_grad #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %w, %t, %v, %l, %v, %v, %c : (tensor<?x32xf32>, tensor<96x16xf32>, tensor<?xi32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @head_grad_c1_dx(%x: tensor<?x32xf32>, %w: tensor<96x32xf32>, %t: tensor<?xi32>, %v: tensor<?xf32>, %l: tensor<?xf32>, %c: tensor<?xf32>) {
  // expected-error @below {{'policy.head_grad' op expected 'dx' to be [?, 32], got 'tensor<?x31xf32>'}}
  policy.head_grad #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %w, %t, %v, %l, %v, %v, %c : (tensor<?x32xf32>, tensor<96x32xf32>, tensor<?xi32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> tensor<?x31xf32>
  return
}

// -----

func.func @head_grad_c2(%x: tensor<5x32xf32>, %w: tensor<96x32xf32>, %t: tensor<?xi32>, %v: tensor<?xf32>, %l: tensor<?xf32>, %c: tensor<4xf32>) {
  // expected-error @below {{'policy.head_grad' op expected 'c' to be [5], got 'tensor<4xf32>'}}
  policy.head_grad #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %w, %t, %v, %l, %v, %v, %c : (tensor<5x32xf32>, tensor<96x32xf32>, tensor<?xi32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<4xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @head_grad_c3(%x: tensor<?x32xf32>, %w: tensor<96x32xf32>, %t: tensor<?xi32>, %v: tensor<?xf32>, %l: tensor<?xf32>, %c: tensor<?xf32>) {
  // expected-error @below {{'policy.head_grad' op expected 'numerics' to have f32 operands, got #tile.numerics<operands = bf16, accumulate = f32, group = 2>}}
  policy.head_grad #tile.numerics<operands = bf16, accumulate = f32, group = 2> %x, %w, %t, %v, %l, %v, %v, %c : (tensor<?x32xf32>, tensor<96x32xf32>, tensor<?xi32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @head_grad_c4(%x: tensor<?x32xf32>, %w: tensor<96x32xf32>, %t: tensor<?xi32>, %v: tensor<?xf32>, %l: tensor<?xf32>, %c: tensor<?xf32>, %s: !nn.state<tensor<96x32xf32>>) {
  // expected-error @below {{'policy.head_grad' op expected 'into' and 'updated' to come together}}
  policy.head_grad #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %w, %t, %v, %l, %v, %v, %c into(%s) : (tensor<?x32xf32>, tensor<96x32xf32>, tensor<?xi32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, !nn.state<tensor<96x32xf32>>) -> tensor<?x32xf32>
  return
}

// -----

func.func @head_grad_c4_shape(%x: tensor<?x32xf32>, %w: tensor<96x32xf32>, %t: tensor<?xi32>, %v: tensor<?xf32>, %l: tensor<?xf32>, %c: tensor<?xf32>, %s: !nn.state<tensor<97x32xf32>>) {
  // expected-error @below {{'policy.head_grad' op expected 'into' to be [96, 32], got '!nn.state<tensor<97x32xf32>>'}}
  policy.head_grad #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %w, %t, %v, %l, %v, %v, %c into(%s) : (tensor<?x32xf32>, tensor<96x32xf32>, tensor<?xi32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, !nn.state<tensor<97x32xf32>>) -> (tensor<?x32xf32>, !nn.state<tensor<97x32xf32>>)
  return
}

// -----

func.func @head_grad_c4_type(%x: tensor<?x32xf32>, %w: tensor<96x32xf32>, %t: tensor<?xi32>, %v: tensor<?xf32>, %l: tensor<?xf32>, %c: tensor<?xf32>, %s: !nn.state<tensor<96x32xf32>>) {
  // expected-error @below {{'policy.head_grad' op expected 'updated' to have the type of 'into', '!nn.state<tensor<96x32xf32>>', got '!nn.state<tensor<95x32xf32>>'}}
  policy.head_grad #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %w, %t, %v, %l, %v, %v, %c into(%s) : (tensor<?x32xf32>, tensor<96x32xf32>, tensor<?xi32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, !nn.state<tensor<96x32xf32>>) -> (tensor<?x32xf32>, !nn.state<tensor<95x32xf32>>)
  return
}

// -----

func.func @loss_c1(%lp: tensor<5xf32>, %weight: tensor<?xf32>, %old: tensor<?xf32>, %advantage: tensor<4xf32>) {
  // expected-error @below {{'policy.loss' op expected 'advantage' to be [5], got 'tensor<4xf32>'}}
  policy.loss token through %lp weight(%weight) old(%old) advantage(%advantage) : (tensor<5xf32>, tensor<?xf32>, tensor<?xf32>, tensor<4xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  return
}

// -----

func.func @loss_c1_counters(%lp: tensor<?xf32>, %weight: tensor<?xf32>, %old: tensor<?xf32>, %advantage: tensor<?xf32>) {
  // expected-error @below {{'policy.loss' op expected 'counters' to be [?, 8], got 'tensor<?x7xf32>'}}
  policy.loss token through %lp weight(%weight) old(%old) advantage(%advantage) : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?x7xf32>)
  return
}

// -----

func.func @loss_c1_result(%lp: tensor<5xf32>, %weight: tensor<?xf32>, %old: tensor<?xf32>, %advantage: tensor<?xf32>) {
  // expected-error @below {{'policy.loss' op expected 'g' to be [5], got 'tensor<6xf32>'}}
  policy.loss token through %lp weight(%weight) old(%old) advantage(%advantage) : (tensor<5xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<6xf32>, tensor<?xf32>)
  return
}

// -----

func.func @loss_c2(%lp: tensor<?xf32>, %weight: tensor<?xf32>, %advantage: tensor<?xf32>) {
  // expected-error @below {{'policy.loss' op expected 'old', which its ratio or a correction needs}}
  policy.loss token through %lp weight(%weight) advantage(%advantage) : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  return
}

// -----

func.func @loss_c2_unused(%lp: tensor<?xf32>, %weight: tensor<?xf32>, %old: tensor<?xf32>, %advantage: tensor<?xf32>) {
  // expected-error @below {{'policy.loss' op expected no 'old', which nothing needs}}
  policy.loss none through %lp weight(%weight) old(%old) advantage(%advantage) : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  return
}

// -----

func.func @loss_c3(%lp: tensor<?xf32>, %weight: tensor<?xf32>, %old: tensor<?xf32>, %advantage: tensor<?xf32>) {
  // expected-error @below {{'policy.loss' op expected no 'is_high' of a loss that is 'token through'}}
  policy.loss token through %lp weight(%weight) old(%old) advantage(%advantage) {is_high = 5.0 : f32} : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  return
}

// -----

func.func @loss_c3_none(%lp: tensor<?xf32>, %weight: tensor<?xf32>, %advantage: tensor<?xf32>) {
  // expected-error @below {{'policy.loss' op expected no 'clip_high' of a loss that is 'none through'}}
  policy.loss none through %lp weight(%weight) advantage(%advantage) {clip_high = 1.2 : f32} : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  return
}

// -----

func.func @loss_c3_dual(%lp: tensor<?xf32>, %weight: tensor<?xf32>, %old: tensor<?xf32>, %advantage: tensor<?xf32>) {
  // expected-error @below {{'policy.loss' op expected no 'dual' of a loss that is 'token detached'}}
  policy.loss token detached %lp weight(%weight) old(%old) advantage(%advantage) {dual = 3.0 : f32} : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  return
}

// -----

func.func @loss_c3_soft(%lp: tensor<?xf32>, %weight: tensor<?xf32>, %old: tensor<?xf32>, %advantage: tensor<?xf32>) {
  // expected-error @below {{'policy.loss' op expected 'soft' to have 'soft_positive' and 'soft_negative' above 0}}
  policy.loss token soft %lp weight(%weight) old(%old) advantage(%advantage) {soft_positive = 1.0 : f32} : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  return
}

// -----

func.func @loss_c3_soft_none(%lp: tensor<?xf32>, %weight: tensor<?xf32>, %advantage: tensor<?xf32>) {
  // expected-error @below {{'policy.loss' op expected 'soft' to have a ratio, got 'none'}}
  policy.loss none soft %lp weight(%weight) advantage(%advantage) : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  return
}

// -----

func.func @loss_c3_clip(%lp: tensor<?xf32>, %weight: tensor<?xf32>, %old: tensor<?xf32>, %advantage: tensor<?xf32>) {
  // expected-error @below {{'policy.loss' op expected no 'clip_low' of a loss that is 'token soft'}}
  policy.loss token soft %lp weight(%weight) old(%old) advantage(%advantage) {soft_positive = 1.0 : f32, soft_negative = 1.0 : f32, clip_low = 0.8 : f32} : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  return
}

// -----

func.func @loss_c4(%lp: tensor<?xf32>, %weight: tensor<?xf32>, %old: tensor<?xf32>, %advantage: tensor<?xf32>) {
  // expected-error @below {{'policy.loss' op expected bounds 0 <= clip_low <= clip_high, which are absolute}}
  policy.loss token through %lp weight(%weight) old(%old) advantage(%advantage) {clip_low = -0.2 : f32, clip_high = 0.2 : f32} : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  return
}

// -----

func.func @loss_c4_order(%lp: tensor<?xf32>, %weight: tensor<?xf32>, %old: tensor<?xf32>, %advantage: tensor<?xf32>) {
  // expected-error @below {{'policy.loss' op expected bounds 0 <= clip_low <= clip_high, which are absolute}}
  policy.loss token through %lp weight(%weight) old(%old) advantage(%advantage) {clip_low = 1.2 : f32, clip_high = 0.8 : f32} : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  return
}

// -----

func.func @loss_c4_log(%lp: tensor<?xf32>, %weight: tensor<?xf32>, %old: tensor<?xf32>, %advantage: tensor<?xf32>) {
  // expected-error @below {{'policy.loss' op expected bounds log_low <= log_high, which are absolute}}
  policy.loss token through %lp weight(%weight) old(%old) advantage(%advantage) {log_low = 1.0 : f32, log_high = -1.0 : f32} : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  return
}

// -----

func.func @loss_c4_dual(%lp: tensor<?xf32>, %weight: tensor<?xf32>, %old: tensor<?xf32>, %advantage: tensor<?xf32>) {
  // expected-error @below {{'policy.loss' op expected 'dual' above 1, got 1.000000e+00 : f32}}
  policy.loss token through %lp weight(%weight) old(%old) advantage(%advantage) {dual = 1.0 : f32} : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  return
}

// -----

func.func @loss_c4_dual_clip(%lp: tensor<?xf32>, %weight: tensor<?xf32>, %old: tensor<?xf32>, %advantage: tensor<?xf32>) {
  // expected-error @below {{'policy.loss' op expected bounds 0 <= clip_high <= dual, which are absolute}}
  policy.loss token through %lp weight(%weight) old(%old) advantage(%advantage) {clip_high = 4.0 : f32, dual = 3.0 : f32} : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  return
}

// -----

func.func @loss_c5(%lp: tensor<?xf32>, %weight: tensor<?xf32>, %old: tensor<?xf32>, %advantage: tensor<?xf32>) {
  // expected-error @below {{'policy.loss' op expected 'kl' and 'ref' to come together}}
  policy.loss token through %lp weight(%weight) old(%old) advantage(%advantage) {kl = #policy<kl k3>} : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  return
}

// -----

func.func @loss_c5_clamp(%lp: tensor<?xf32>, %weight: tensor<?xf32>, %old: tensor<?xf32>, %advantage: tensor<?xf32>) {
  // expected-error @below {{'policy.loss' op expected no 'kl_clamp', 'kl_limit' or 'kl_by_ratio' without 'kl'}}
  policy.loss token through %lp weight(%weight) old(%old) advantage(%advantage) {kl_clamp = 20.0 : f32} : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  return
}

// -----

func.func @loss_c5_ratio(%lp: tensor<?xf32>, %weight: tensor<?xf32>, %advantage: tensor<?xf32>, %ref: tensor<?xf32>) {
  // expected-error @below {{'policy.loss' op expected a ratio for 'kl_by_ratio', got 'none'}}
  policy.loss none through %lp weight(%weight) advantage(%advantage) ref(%ref) {kl = #policy<kl k3>, kl_by_ratio} : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  return
}

// -----

func.func @loss_c6(%lp: tensor<?xf32>, %weight: tensor<?xf32>, %old: tensor<?xf32>, %advantage: tensor<?xf32>) {
  // expected-error @below {{'policy.loss' op expected 'behave' and 'rollout' to come together}}
  policy.loss token through %lp weight(%weight) old(%old) advantage(%advantage) {behave = #policy<behave tis>, behave_high = 2.0 : f32} : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  return
}

// -----

func.func @loss_c6_high(%lp: tensor<?xf32>, %weight: tensor<?xf32>, %old: tensor<?xf32>, %rollout: tensor<?xf32>) {
  // expected-error @below {{'policy.loss' op expected 'behave_high' for a correction, for 'icepop' and 'seqmask' 'behave_low' too, got tis}}
  policy.loss token through %lp weight(%weight) old(%old) rollout(%rollout) {behave = #policy<behave tis>} : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  return
}

// -----

func.func @loss_c6_low(%lp: tensor<?xf32>, %weight: tensor<?xf32>, %old: tensor<?xf32>, %rollout: tensor<?xf32>) {
  // expected-error @below {{'policy.loss' op expected 'behave_high' for a correction, for 'icepop' and 'seqmask' 'behave_low' too, got icepop}}
  policy.loss token through %lp weight(%weight) old(%old) rollout(%rollout) {behave = #policy<behave icepop>, behave_high = 2.0 : f32} : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  return
}

// -----

func.func @loss_c7(%lp: tensor<?xf32>, %weight: tensor<?xf32>, %old: tensor<?xf32>, %advantage: tensor<?xf32>) {
  // expected-error @below {{'policy.loss' op expected 'starts', as something is summed over a sequence}}
  policy.loss sequence through %lp weight(%weight) old(%old) advantage(%advantage) : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  return
}

// -----

func.func @loss_c7_unused(%lp: tensor<?xf32>, %weight: tensor<?xf32>, %old: tensor<?xf32>, %starts: tensor<?xi32>) {
  // expected-error @below {{'policy.loss' op expected no 'starts', as nothing is summed over a sequence}}
  policy.loss token through %lp weight(%weight) old(%old) starts(%starts) : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xi32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  return
}

// -----

func.func @loss_c8(%lp: tensor<?xf32>, %weight: tensor<?xf32>, %old: tensor<?xf32>, %advantage: tensor<?xf32>) {
  // expected-error @below {{'policy.loss' op expected 'kappa' and 'entropy' to come together}}
  policy.loss token through %lp weight(%weight) old(%old) advantage(%advantage) {kappa = 0.1 : f32} : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  return
}

// -----

func.func @loss_c8_beta(%lp: tensor<?xf32>, %weight: tensor<?xf32>, %old: tensor<?xf32>, %ref: tensor<?xf32>) {
  // expected-error @below {{'policy.loss' op expected finite 'beta' and 'kappa', got 0x7F800000 : f32 and 0.000000e+00 : f32}}
  policy.loss token through %lp weight(%weight) old(%old) ref(%ref) {kl = #policy<kl k1>, beta = 0x7F800000 : f32} : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  return
}
