// RUN: hamlet-opt %s -split-input-file -verify-diagnostics

func.func @softmax_grad_c1(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x4x24xf32>, %o: tensor<?x4x24xf32>, %l: tensor<?x4xf32>, %do: tensor<?x4x24xf32>, %s: tensor<?xi32>) {
  // expected-error @below {{'attention.softmax_grad' op expected 'q' [T, Hq, D], 'k' [T, Hk, D] and 'v' [T, Hk, Dv] of one element type, got 'tensor<?x4x16xf32>', 'tensor<?x2x16xf32>' and 'tensor<?x4x24xf32>'}}
  attention.softmax_grad #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v, %o, %l, %do starts(%s) {scale = 0.25 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x4x24xf32>, tensor<?x4x24xf32>, tensor<?x4xf32>, tensor<?x4x24xf32>, tensor<?xi32>) -> (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>)
  return
}

// -----

func.func @softmax_grad_c1_static(%q: tensor<?x?x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x24xf32>, %o: tensor<?x4x24xf32>, %l: tensor<?x4xf32>, %do: tensor<?x4x24xf32>, %s: tensor<?xi32>) {
  // expected-error @below {{'attention.softmax_grad' op expected 'q' to have static extents from dimension 1 on, got 'tensor<?x?x16xf32>'}}
  attention.softmax_grad #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v, %o, %l, %do starts(%s) {scale = 0.25 : f32} : (tensor<?x?x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>, tensor<?x4x24xf32>, tensor<?x4xf32>, tensor<?x4x24xf32>, tensor<?xi32>) -> (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>)
  return
}

// -----

func.func @softmax_grad_c2(%q: tensor<?x4x16xf32>, %k: tensor<?x3x16xf32>, %v: tensor<?x3x24xf32>, %o: tensor<?x4x24xf32>, %l: tensor<?x4xf32>, %do: tensor<?x4x24xf32>, %s: tensor<?xi32>) {
  // expected-error @below {{'attention.softmax_grad' op expected the heads of 'k' to divide those of 'q', got 3 and 4}}
  attention.softmax_grad #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v, %o, %l, %do starts(%s) {scale = 0.25 : f32} : (tensor<?x4x16xf32>, tensor<?x3x16xf32>, tensor<?x3x24xf32>, tensor<?x4x24xf32>, tensor<?x4xf32>, tensor<?x4x24xf32>, tensor<?xi32>) -> (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>)
  return
}

// -----

func.func @softmax_grad_c3(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x24xf32>, %o: tensor<?x4x16xf32>, %l: tensor<?x4xf32>, %do: tensor<?x4x24xf32>, %s: tensor<?xi32>) {
  // expected-error @below {{'attention.softmax_grad' op expected 'out' to be [?, 4, 24], got 'tensor<?x4x16xf32>'}}
  attention.softmax_grad #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v, %o, %l, %do starts(%s) {scale = 0.25 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>, tensor<?x4x16xf32>, tensor<?x4xf32>, tensor<?x4x24xf32>, tensor<?xi32>) -> (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>)
  return
}

// -----

func.func @softmax_grad_c3_dresult(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x24xf32>, %o: tensor<?x4x24xf32>, %l: tensor<?x4xf32>, %do: tensor<?x2x24xf32>, %s: tensor<?xi32>) {
  // expected-error @below {{'attention.softmax_grad' op expected 'dresult' to be [?, 4, 24], got 'tensor<?x2x24xf32>'}}
  attention.softmax_grad #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v, %o, %l, %do starts(%s) {scale = 0.25 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>, tensor<?x4x24xf32>, tensor<?x4xf32>, tensor<?x2x24xf32>, tensor<?xi32>) -> (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>)
  return
}

// -----

func.func @softmax_grad_c3_element(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x24xf32>, %o: tensor<?x4x24xf32>, %l: tensor<?x4xf32>, %do: tensor<?x4x24xbf16>, %s: tensor<?xi32>) {
  // expected-error @below {{'attention.softmax_grad' op expected 'dresult' to have elements of f32 or 'f32', got 'tensor<?x4x24xbf16>'}}
  attention.softmax_grad #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v, %o, %l, %do starts(%s) {scale = 0.25 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>, tensor<?x4x24xf32>, tensor<?x4xf32>, tensor<?x4x24xbf16>, tensor<?xi32>) -> (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>)
  return
}

// -----

func.func @softmax_grad_c4(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x24xf32>, %o: tensor<?x4x24xf32>, %l: tensor<?x2xf32>, %do: tensor<?x4x24xf32>, %s: tensor<?xi32>) {
  // expected-error @below {{'attention.softmax_grad' op expected 'log_sum_exp' to be [?, 4], got 'tensor<?x2xf32>'}}
  attention.softmax_grad #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v, %o, %l, %do starts(%s) {scale = 0.25 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>, tensor<?x4x24xf32>, tensor<?x2xf32>, tensor<?x4x24xf32>, tensor<?xi32>) -> (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>)
  return
}

// -----

func.func @softmax_grad_c5(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x24xf32>, %o: tensor<?x4x24xf32>, %l: tensor<?x4xf32>, %do: tensor<?x4x24xf32>, %s: tensor<1xi32>) {
  // expected-error @below {{'attention.softmax_grad' op expected 'starts' to have at least 2 elements, got 1; a single sequence of T tokens is [0, T]}}
  attention.softmax_grad #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v, %o, %l, %do starts(%s) {scale = 0.25 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>, tensor<?x4x24xf32>, tensor<?x4xf32>, tensor<?x4x24xf32>, tensor<1xi32>) -> (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>)
  return
}

// -----

func.func @softmax_grad_c6(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x24xf32>, %o: tensor<?x4x24xf32>, %l: tensor<?x4xf32>, %do: tensor<?x4x24xf32>, %s: tensor<?xi32>) {
  // expected-error @below {{'attention.softmax_grad' op expected 'window' to be at least 0 tokens, got -1}}
  attention.softmax_grad #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v, %o, %l, %do starts(%s) {scale = 0.25 : f32, window = -1} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>, tensor<?x4x24xf32>, tensor<?x4xf32>, tensor<?x4x24xf32>, tensor<?xi32>) -> (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>)
  return
}

// -----

func.func @softmax_grad_c6_scale(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x24xf32>, %o: tensor<?x4x24xf32>, %l: tensor<?x4xf32>, %do: tensor<?x4x24xf32>, %s: tensor<?xi32>) {
  // expected-error @below {{'attention.softmax_grad' op expected 'scale' to be finite, got 0x7FC00000 : f32}}
  attention.softmax_grad #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v, %o, %l, %do starts(%s) {scale = 0x7FC00000 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>, tensor<?x4x24xf32>, tensor<?x4xf32>, tensor<?x4x24xf32>, tensor<?xi32>) -> (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>)
  return
}

// -----

func.func @softmax_grad_c7(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x24xf32>, %o: tensor<?x4x24xf32>, %l: tensor<?x4xf32>, %do: tensor<?x4x24xf32>, %s: tensor<?xi32>) {
  // expected-error @below {{'attention.softmax_grad' op expected 'q' to be bf16 as the operands of #tile.numerics<operands = bf16, accumulate = f32, group = 2>, got 'tensor<?x4x16xf32>'}}
  attention.softmax_grad #tile.numerics<operands = bf16, accumulate = f32, group = 2> %q, %k, %v, %o, %l, %do starts(%s) {scale = 0.25 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>, tensor<?x4x24xf32>, tensor<?x4xf32>, tensor<?x4x24xf32>, tensor<?xi32>) -> (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>)
  return
}

// -----

func.func @softmax_grad_c8(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x24xf32>, %o: tensor<?x4x24xf32>, %l: tensor<?x4xf32>, %do: tensor<?x4x24xf32>, %s: tensor<?xi32>) {
  // expected-error @below {{'attention.softmax_grad' op expected 'dk' to be [?, 2, 16], got 'tensor<?x4x16xf32>'}}
  attention.softmax_grad #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v, %o, %l, %do starts(%s) {scale = 0.25 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>, tensor<?x4x24xf32>, tensor<?x4xf32>, tensor<?x4x24xf32>, tensor<?xi32>) -> (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x2x24xf32>)
  return
}

// -----

func.func @softmax_grad_c8_element(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x24xf32>, %o: tensor<?x4x24xf32>, %l: tensor<?x4xf32>, %do: tensor<?x4x24xf32>, %s: tensor<?xi32>) {
  // expected-error @below {{'attention.softmax_grad' op expected 'dv' to have elements of f32 or 'f32', got 'tensor<?x2x24xbf16>'}}
  attention.softmax_grad #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v, %o, %l, %do starts(%s) {scale = 0.25 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>, tensor<?x4x24xf32>, tensor<?x4xf32>, tensor<?x4x24xf32>, tensor<?xi32>) -> (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xbf16>)
  return
}

// -----

// Boundaries are not to be forgotten: without them the op does not parse.
func.func @softmax_grad_without_starts(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x24xf32>, %o: tensor<?x4x24xf32>, %l: tensor<?x4xf32>, %do: tensor<?x4x24xf32>) {
  // expected-error @below {{expected 'starts'}}
  attention.softmax_grad #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v, %o, %l, %do {scale = 0.25 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>, tensor<?x4x24xf32>, tensor<?x4xf32>, tensor<?x4x24xf32>) -> (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>)
  return
}
