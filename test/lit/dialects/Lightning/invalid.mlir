// RUN: hamlet-opt %s -split-input-file -verify-diagnostics

func.func @attention_c1(%q: tensor<?x4x16xf32>, %k: tensor<?x4x32xf32>, %v: tensor<?x4x16xf32>, %g: tensor<4xf32>, %s: tensor<?xi32>) {
  // expected-error @below {{'lightning.attention' op expected 'q' [T, Hq, Dk], 'k' [T, Hk, Dk] and 'v' [T, Hv, Dv] of one element type, got 'tensor<?x4x16xf32>', 'tensor<?x4x32xf32>' and 'tensor<?x4x16xf32>'}}
  lightning.attention gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) starts(%s) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x4x32xf32>, tensor<?x4x16xf32>, tensor<4xf32>, tensor<?xi32>) -> tensor<?x4x16xf32>
  return
}

// -----

func.func @attention_c1_tokens(%q: tensor<7x4x16xf32>, %k: tensor<8x4x16xf32>, %v: tensor<?x4x16xf32>, %g: tensor<4xf32>, %s: tensor<?xi32>) {
  // expected-error @below {{'lightning.attention' op expected 'q' [T, Hq, Dk], 'k' [T, Hk, Dk] and 'v' [T, Hv, Dv] of one element type, got 'tensor<7x4x16xf32>', 'tensor<8x4x16xf32>' and 'tensor<?x4x16xf32>'}}
  lightning.attention gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) starts(%s) {scale = 1.0 : f32} : (tensor<7x4x16xf32>, tensor<8x4x16xf32>, tensor<?x4x16xf32>, tensor<4xf32>, tensor<?xi32>) -> tensor<?x4x16xf32>
  return
}

// -----

func.func @attention_c2(%q: tensor<?x4x16xf32>, %k: tensor<?x3x16xf32>, %v: tensor<?x4x16xf32>, %g: tensor<4xf32>, %s: tensor<?xi32>) {
  // expected-error @below {{'lightning.attention' op expected head counts that divide each other, got 4 of 'q', 3 of 'k' and 4 of 'v'}}
  lightning.attention gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) starts(%s) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x3x16xf32>, tensor<?x4x16xf32>, tensor<4xf32>, tensor<?xi32>) -> tensor<?x4x16xf32>
  return
}

// -----

func.func @attention_c2_queries(%q: tensor<?x3x16xf32>, %k: tensor<?x4x16xf32>, %v: tensor<?x4x16xf32>, %g: tensor<4xf32>, %s: tensor<?xi32>) {
  // expected-error @below {{'lightning.attention' op expected head counts that divide each other, got 3 of 'q', 4 of 'k' and 4 of 'v'}}
  lightning.attention gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) starts(%s) {scale = 1.0 : f32} : (tensor<?x3x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<4xf32>, tensor<?xi32>) -> tensor<?x4x16xf32>
  return
}

// -----

func.func @attention_c3(%q: tensor<?x4x16xf32>, %k: tensor<?x4x16xf32>, %v: tensor<?x4x16xf32>, %g: tensor<4xf32>, %s: tensor<?xi32>) {
  // expected-error @below {{'lightning.attention' op expected 'result' to be [?, 4, 16], got 'tensor<?x4x32xf32>'}}
  lightning.attention gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) starts(%s) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<4xf32>, tensor<?xi32>) -> tensor<?x4x32xf32>
  return
}

// -----

func.func @attention_c4(%q: tensor<?x4x16xf32>, %k: tensor<?x4x16xf32>, %v: tensor<?x4x16xf32>, %s: tensor<?xi32>) {
  // expected-error @below {{'lightning.attention' op expected a 'decay' with the update rule gated}}
  lightning.attention gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v starts(%s) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?xi32>) -> tensor<?x4x16xf32>
  return
}

// -----

func.func @attention_c4_linear(%q: tensor<?x4x16xf32>, %k: tensor<?x4x16xf32>, %v: tensor<?x4x16xf32>, %g: tensor<4xf32>, %s: tensor<?xi32>) {
  // expected-error @below {{'lightning.attention' op expected no 'decay' with the update rule linear}}
  lightning.attention linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) starts(%s) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<4xf32>, tensor<?xi32>) -> tensor<?x4x16xf32>
  return
}

// -----

func.func @attention_c5(%q: tensor<?x4x16xf32>, %k: tensor<?x4x16xf32>, %v: tensor<?x4x16xf32>, %g: tensor<4xf32>, %s: tensor<?xi32>) {
  // expected-error @below {{'lightning.attention' op expected a 'beta' with the update rule gated_delta}}
  lightning.attention gated_delta #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) starts(%s) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<4xf32>, tensor<?xi32>) -> tensor<?x4x16xf32>
  return
}

// -----

func.func @attention_c5_shape(%q: tensor<?x4x16xf32>, %k: tensor<?x4x16xf32>, %v: tensor<?x4x16xf32>, %g: tensor<4xf32>, %b: tensor<?x2xf32>, %s: tensor<?xi32>) {
  // expected-error @below {{'lightning.attention' op expected 'beta' to be [?, 4], got 'tensor<?x2xf32>'}}
  lightning.attention gated_delta #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) beta(%b) starts(%s) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<4xf32>, tensor<?x2xf32>, tensor<?xi32>) -> tensor<?x4x16xf32>
  return
}

// -----

func.func @attention_c6(%q: tensor<?x4x16xf32>, %k: tensor<?x4x16xf32>, %v: tensor<?x4x16xf32>, %g: tensor<2xf32>, %s: tensor<?xi32>) {
  // expected-error @below {{'lightning.attention' op expected 'decay' to be [4], [?, 4] or [?, 4, 16], got 'tensor<2xf32>'}}
  lightning.attention gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) starts(%s) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<2xf32>, tensor<?xi32>) -> tensor<?x4x16xf32>
  return
}

// -----

func.func @attention_c6_channel(%q: tensor<?x4x16xf32>, %k: tensor<?x4x16xf32>, %v: tensor<?x4x16xf32>, %g: tensor<?x4x8xf32>, %s: tensor<?xi32>) {
  // expected-error @below {{'lightning.attention' op expected 'decay' to be [4], [?, 4] or [?, 4, 16], got 'tensor<?x4x8xf32>'}}
  lightning.attention gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) starts(%s) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x8xf32>, tensor<?xi32>) -> tensor<?x4x16xf32>
  return
}

// -----

func.func @attention_c7(%q: tensor<?x4x16xf32>, %k: tensor<?x4x16xf32>, %v: tensor<?x4x16xf32>, %g: tensor<4xf32>, %s0: tensor<?x4x16x32xf32>, %s: tensor<?xi32>) {
  // expected-error @below {{'lightning.attention' op expected 'initial' to be [?, 4, 16, 16], got 'tensor<?x4x16x32xf32>'}}
  lightning.attention gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) initial(%s0) starts(%s) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<4xf32>, tensor<?x4x16x32xf32>, tensor<?xi32>) -> tensor<?x4x16xf32>
  return
}

// -----

func.func @attention_c7_final(%q: tensor<?x4x16xf32>, %k: tensor<?x4x16xf32>, %v: tensor<?x4x16xf32>, %g: tensor<4xf32>, %s: tensor<3xi32>) {
  // expected-error @below {{'lightning.attention' op expected 'final_state' to be [2, 4, 16, 16], got 'tensor<3x4x16x16xf32>'}}
  lightning.attention gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) starts(%s) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<4xf32>, tensor<3xi32>) -> tensor<?x4x16xf32> final tensor<3x4x16x16xf32>
  return
}

// -----

func.func @attention_c8(%q: tensor<?x4x16xf32>, %k: tensor<?x4x16xf32>, %v: tensor<?x4x16xf32>, %g: tensor<4xf32>, %c: !lightning.state<4x16x16, f32, chunk 64, tail 64>, %sl: tensor<?xi32>, %s: tensor<?xi32>) {
  // expected-error @below {{'lightning.attention' op expected 'cache', 'slots' and 'first' together, and an 'updated' cache with them}}
  lightning.attention gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) cache(%c) slots(%sl) starts(%s) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<4xf32>, !lightning.state<4x16x16, f32, chunk 64, tail 64>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x4x16xf32> updated !lightning.state<4x16x16, f32, chunk 64, tail 64>
  return
}

// -----

func.func @attention_c8_initial(%q: tensor<?x4x16xf32>, %k: tensor<?x4x16xf32>, %v: tensor<?x4x16xf32>, %g: tensor<4xf32>, %s0: tensor<?x4x16x16xf32>, %c: !lightning.state<4x16x16, f32, chunk 64, tail 64>, %sl: tensor<?xi32>, %f: tensor<?xi32>, %s: tensor<?xi32>) {
  // expected-error @below {{'lightning.attention' op expected no 'initial' or 'final_state' with a 'cache': the cache holds the state}}
  lightning.attention gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) initial(%s0) cache(%c) slots(%sl) first(%f) starts(%s) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<4xf32>, tensor<?x4x16x16xf32>, !lightning.state<4x16x16, f32, chunk 64, tail 64>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x4x16xf32> updated !lightning.state<4x16x16, f32, chunk 64, tail 64>
  return
}

// -----

func.func @attention_c9(%q: tensor<?x4x16xf32>, %k: tensor<?x4x16xf32>, %v: tensor<?x4x16xf32>, %g: tensor<4xf32>, %c: !lightning.state<2x16x16, f32, chunk 64, tail 64>, %sl: tensor<?xi32>, %f: tensor<?xi32>, %s: tensor<?xi32>) {
  // expected-error @below {{'lightning.attention' op expected a cache of 4x16x16, tails of 'f32' and chunk 64, got '!lightning.state<2x16x16, f32, chunk 64, tail 64>'}}
  lightning.attention gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) cache(%c) slots(%sl) first(%f) starts(%s) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<4xf32>, !lightning.state<2x16x16, f32, chunk 64, tail 64>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x4x16xf32> updated !lightning.state<2x16x16, f32, chunk 64, tail 64>
  return
}

// -----

func.func @attention_c9_chunk(%q: tensor<?x4x16xf32>, %k: tensor<?x4x16xf32>, %v: tensor<?x4x16xf32>, %g: tensor<4xf32>, %c: !lightning.state<4x16x16, f32, chunk 64, tail 64>, %sl: tensor<?xi32>, %f: tensor<?xi32>, %s: tensor<?xi32>) {
  // expected-error @below {{'lightning.attention' op expected a cache of 4x16x16, tails of 'f32' and chunk 32, got '!lightning.state<4x16x16, f32, chunk 64, tail 64>'}}
  lightning.attention gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) cache(%c) slots(%sl) first(%f) starts(%s) {scale = 1.0 : f32, chunk = 32} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<4xf32>, !lightning.state<4x16x16, f32, chunk 64, tail 64>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x4x16xf32> updated !lightning.state<4x16x16, f32, chunk 64, tail 64>
  return
}

// -----

func.func @attention_c9_updated(%q: tensor<?x4x16xf32>, %k: tensor<?x4x16xf32>, %v: tensor<?x4x16xf32>, %g: tensor<4xf32>, %c: !lightning.state<4x16x16, f32, chunk 64, tail 64>, %sl: tensor<?xi32>, %f: tensor<?xi32>, %s: tensor<?xi32>) {
  // expected-error @below {{'lightning.attention' op expected 'updated' to be '!lightning.state<4x16x16, f32, chunk 64, tail 64>', got '!lightning.state<4x16x16, f32, chunk 64, tail 72>'}}
  lightning.attention gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) cache(%c) slots(%sl) first(%f) starts(%s) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<4xf32>, !lightning.state<4x16x16, f32, chunk 64, tail 64>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x4x16xf32> updated !lightning.state<4x16x16, f32, chunk 64, tail 72>
  return
}

// -----

func.func @attention_c10(%q: tensor<?x4x16xf32>, %k: tensor<?x4x16xf32>, %v: tensor<?x4x16xf32>, %g: tensor<4xf32>, %s: tensor<1xi32>) {
  // expected-error @below {{'lightning.attention' op expected 'starts' to have at least 2 elements, got 1; a single sequence of T tokens is [0, T]}}
  lightning.attention gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) starts(%s) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<4xf32>, tensor<1xi32>) -> tensor<?x4x16xf32>
  return
}

// -----

func.func @attention_c10_slots(%q: tensor<?x4x16xf32>, %k: tensor<?x4x16xf32>, %v: tensor<?x4x16xf32>, %g: tensor<4xf32>, %c: !lightning.state<4x16x16, f32, chunk 64, tail 64>, %sl: tensor<4xi32>, %f: tensor<3xi32>, %s: tensor<4xi32>) {
  // expected-error @below {{'lightning.attention' op expected 'slots' to be [3], got 'tensor<4xi32>'}}
  lightning.attention gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) cache(%c) slots(%sl) first(%f) starts(%s) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<4xf32>, !lightning.state<4x16x16, f32, chunk 64, tail 64>, tensor<4xi32>, tensor<3xi32>, tensor<4xi32>) -> tensor<?x4x16xf32> updated !lightning.state<4x16x16, f32, chunk 64, tail 64>
  return
}

// -----

func.func @attention_c11(%q: tensor<?x4x16xf32>, %k: tensor<?x4x16xf32>, %v: tensor<?x4x16xf32>, %g: tensor<4xf32>, %s: tensor<?xi32>) {
  // expected-error @below {{'lightning.attention' op expected 'chunk' to be 1 to 1024 tokens, got 0}}
  lightning.attention gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) starts(%s) {scale = 1.0 : f32, chunk = 0} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<4xf32>, tensor<?xi32>) -> tensor<?x4x16xf32>
  return
}

// -----

func.func @attention_c11_scale(%q: tensor<?x4x16xf32>, %k: tensor<?x4x16xf32>, %v: tensor<?x4x16xf32>, %g: tensor<4xf32>, %s: tensor<?xi32>) {
  // expected-error @below {{'lightning.attention' op expected 'scale' to be finite, got 0x7F800000 : f32}}
  lightning.attention gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) starts(%s) {scale = 0x7F800000 : f32} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<4xf32>, tensor<?xi32>) -> tensor<?x4x16xf32>
  return
}

// -----

func.func @attention_c12(%q: tensor<?x4x16xf32>, %k: tensor<?x4x16xf32>, %v: tensor<?x4x16xf32>, %g: tensor<4xf32>, %s: tensor<?xi32>) {
  // expected-error @below {{'lightning.attention' op expected 'q' to be bf16 as the operands of #tile.numerics<operands = bf16, accumulate = f32, group = 2>, got 'tensor<?x4x16xf32>'}}
  lightning.attention gated #tile.numerics<operands = bf16, accumulate = f32, group = 2> %q, %k, %v decay(%g) starts(%s) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<4xf32>, tensor<?xi32>) -> tensor<?x4x16xf32>
  return
}

// -----

// expected-error @below {{expected heads, Dk and Dv of at least 1, got 0, 16 and 16}}
func.func private @state_c1(!lightning.state<0x16x16, f32, chunk 64, tail 64>)

// -----

// expected-error @below {{expected a tail of f32 or bf16, got 'f16'}}
func.func private @state_c2(!lightning.state<4x16x16, f16, chunk 64, tail 64>)

// -----

// expected-error @below {{expected 1 <= chunk <= tail, got chunk 64 and tail 63}}
func.func private @state_c3(!lightning.state<4x16x16, f32, chunk 64, tail 63>)

// -----

// expected-error @below {{expected heads x Dk x Dv, got 2 extents}}
func.func private @state_extents(!lightning.state<4x16, f32, chunk 64, tail 64>)

// -----

// Boundaries are not to be forgotten: without them the op does not parse.
func.func @attention_without_starts(%q: tensor<?x4x16xf32>, %g: tensor<4xf32>) {
  // expected-error @below {{expected 'starts'}}
  lightning.attention gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %q, %q decay(%g) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<4xf32>) -> tensor<?x4x16xf32>
  return
}

// -----

func.func @attention_c11_large(%q: tensor<?x4x16xf32>, %k: tensor<?x4x16xf32>, %v: tensor<?x4x16xf32>, %g: tensor<4xf32>, %s: tensor<?xi32>) {
  // expected-error @below {{'lightning.attention' op expected 'chunk' to be 1 to 1024 tokens, got 4611686018427387904}}
  lightning.attention gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) starts(%s) {scale = 1.0 : f32, chunk = 4611686018427387904} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<4xf32>, tensor<?xi32>) -> tensor<?x4x16xf32>
  return
}

// -----

func.func @attention_c1_no_keys(%q: tensor<?x4x0xf32>, %k: tensor<?x4x0xf32>, %v: tensor<?x4x16xf32>, %g: tensor<4xf32>, %s: tensor<?xi32>) {
  // expected-error @below {{'lightning.attention' op expected 'q' to have extents of 1 to 2147483647 from dimension 1 on, got 'tensor<?x4x0xf32>'}}
  lightning.attention gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) starts(%s) {scale = 1.0 : f32} : (tensor<?x4x0xf32>, tensor<?x4x0xf32>, tensor<?x4x16xf32>, tensor<4xf32>, tensor<?xi32>) -> tensor<?x4x16xf32>
  return
}
