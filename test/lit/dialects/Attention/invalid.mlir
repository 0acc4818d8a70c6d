// RUN: hamlet-opt %s -split-input-file -verify-diagnostics

func.func @softmax_c1(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x4x16xf32>, %s: tensor<?xi32>) {
  // expected-error @below {{'attention.softmax' op expected 'q' [T, Hq, D], 'k' [T, Hk, D] and 'v' [T, Hk, Dv] of one element type, got 'tensor<?x4x16xf32>', 'tensor<?x2x16xf32>' and 'tensor<?x4x16xf32>'}}
  attention.softmax #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v starts(%s) {scale = 0.25 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x4x16xf32>, tensor<?xi32>) -> tensor<?x4x16xf32>
  return
}

// -----

func.func @softmax_c1_element(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x16xbf16>, %s: tensor<?xi32>) {
  // expected-error @below {{'attention.softmax' op expected 'q' [T, Hq, D], 'k' [T, Hk, D] and 'v' [T, Hk, Dv] of one element type, got 'tensor<?x4x16xf32>', 'tensor<?x2x16xf32>' and 'tensor<?x2x16xbf16>'}}
  attention.softmax #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v starts(%s) {scale = 0.25 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x16xbf16>, tensor<?xi32>) -> tensor<?x4x16xf32>
  return
}

// -----

func.func @softmax_c2(%q: tensor<?x4x16xf32>, %k: tensor<?x3x16xf32>, %v: tensor<?x3x16xf32>, %s: tensor<?xi32>) {
  // expected-error @below {{'attention.softmax' op expected the heads of 'k' to divide those of 'q', got 3 and 4}}
  attention.softmax #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v starts(%s) {scale = 0.25 : f32} : (tensor<?x4x16xf32>, tensor<?x3x16xf32>, tensor<?x3x16xf32>, tensor<?xi32>) -> tensor<?x4x16xf32>
  return
}

// -----

func.func @softmax_c3(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x16xf32>, %s: tensor<?xi32>) {
  // expected-error @below {{'attention.softmax' op expected 'result' to be [?, 4, 16], got 'tensor<?x2x16xf32>'}}
  attention.softmax #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v starts(%s) {scale = 0.25 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?xi32>) -> tensor<?x2x16xf32>
  return
}

// -----

func.func @softmax_c4(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x16xf32>, %s: tensor<1xi32>) {
  // expected-error @below {{'attention.softmax' op expected 'starts' to have at least 2 elements, got 1; a single sequence of T tokens is [0, T]}}
  attention.softmax #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v starts(%s) {scale = 0.25 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<1xi32>) -> tensor<?x4x16xf32>
  return
}

// -----

func.func @softmax_c4_pages(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x16xf32>, %c: !attention.cache<2x16x16, f32, page 64>, %p: tensor<3x?xi32>, %f: tensor<2xi32>, %s: tensor<3xi32>) {
  // expected-error @below {{'attention.softmax' op expected 'pages' to be [2, ?], got 'tensor<3x?xi32>'}}
  attention.softmax #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v cache(%c) pages(%p) first(%f) starts(%s) {scale = 0.25 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x16xf32>, !attention.cache<2x16x16, f32, page 64>, tensor<3x?xi32>, tensor<2xi32>, tensor<3xi32>) -> tensor<?x4x16xf32> updated !attention.cache<2x16x16, f32, page 64>
  return
}

// -----

func.func @softmax_c5(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x16xf32>, %c: !attention.cache<2x16x16, f32, page 64>, %f: tensor<?xi32>, %s: tensor<?xi32>) {
  // expected-error @below {{'attention.softmax' op expected 'cache', 'pages' and 'first' together, and an 'updated' cache with them}}
  attention.softmax #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v cache(%c) first(%f) starts(%s) {scale = 0.25 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x16xf32>, !attention.cache<2x16x16, f32, page 64>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x4x16xf32> updated !attention.cache<2x16x16, f32, page 64>
  return
}

// -----

func.func @softmax_c6(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x16xf32>, %c: !attention.cache<2x16x16, f32, page 32>, %p: tensor<?x?xi32>, %f: tensor<?xi32>, %s: tensor<?xi32>) {
  // expected-error @below {{'attention.softmax' op expected a cache of 2x16x16, 'f32', page 64, got '!attention.cache<2x16x16, f32, page 32>'}}
  attention.softmax #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v cache(%c) pages(%p) first(%f) starts(%s) {scale = 0.25 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x16xf32>, !attention.cache<2x16x16, f32, page 32>, tensor<?x?xi32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x4x16xf32> updated !attention.cache<2x16x16, f32, page 32>
  return
}

// -----

func.func @softmax_c6_updated(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x16xf32>, %c: !attention.cache<2x16x16, f32, page 64>, %p: tensor<?x?xi32>, %f: tensor<?xi32>, %s: tensor<?xi32>) {
  // expected-error @below {{'attention.softmax' op expected 'updated' to be '!attention.cache<2x16x16, f32, page 64>', got '!attention.cache<4x16x16, f32, page 64>'}}
  attention.softmax #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v cache(%c) pages(%p) first(%f) starts(%s) {scale = 0.25 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x16xf32>, !attention.cache<2x16x16, f32, page 64>, tensor<?x?xi32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x4x16xf32> updated !attention.cache<4x16x16, f32, page 64>
  return
}

// -----

func.func @softmax_c7(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x16xf32>, %s: tensor<?xi32>) {
  // expected-error @below {{'attention.softmax' op expected 'window' to be at least 0 tokens, got -1}}
  attention.softmax #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v starts(%s) {scale = 0.25 : f32, window = -1} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?xi32>) -> tensor<?x4x16xf32>
  return
}

// -----

func.func @softmax_c7_scale(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x16xf32>, %s: tensor<?xi32>) {
  // expected-error @below {{'attention.softmax' op expected 'scale' to be finite, got 0x7FC00000 : f32}}
  attention.softmax #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v starts(%s) {scale = 0x7FC00000 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?xi32>) -> tensor<?x4x16xf32>
  return
}

// -----

func.func @softmax_c8(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x16xf32>, %s: tensor<?xi32>) {
  // expected-error @below {{'attention.softmax' op expected 'q' to be bf16 as the operands of #tile.numerics<operands = bf16, accumulate = f32, group = 2>, got 'tensor<?x4x16xf32>'}}
  attention.softmax #tile.numerics<operands = bf16, accumulate = f32, group = 2> %q, %k, %v starts(%s) {scale = 0.25 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?xi32>) -> tensor<?x4x16xf32>
  return
}

// -----

func.func @softmax_c9(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x16xf32>, %s: tensor<?xi32>) {
  // expected-error @below {{'attention.softmax' op expected 'log_sum_exp' to be [?, 4], got 'tensor<?x2xf32>'}}
  attention.softmax #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v starts(%s) {scale = 0.25 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?xi32>) -> tensor<?x4x16xf32> log_sum_exp tensor<?x2xf32>
  return
}

// -----

// expected-error @below {{expected heads, D, Dv and page of at least 1, got 2, 16, 16 and 0}}
func.func private @cache_c1(!attention.cache<2x16x16, f32, page 0>)

// -----

// expected-error @below {{expected elements of f32 or bf16, got 'i8'}}
func.func private @cache_c2(!attention.cache<2x16x16, i8, page 64>)

// -----

// expected-error @below {{expected heads x D x Dv, got 4 extents}}
func.func private @cache_extents(!attention.cache<2x16x16x16, f32, page 64>)

// -----

// Boundaries are not to be forgotten: without them the op does not parse.
func.func @softmax_without_starts(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x16xf32>) {
  // expected-error @below {{expected 'starts'}}
  attention.softmax #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v {scale = 0.25 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x16xf32>) -> tensor<?x4x16xf32>
  return
}
