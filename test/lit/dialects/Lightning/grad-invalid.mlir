// RUN: hamlet-opt %s -split-input-file -verify-diagnostics

func.func @attention_grad_c1(%q: tensor<?x4x16xf32>, %k: tensor<?x2x8xf32>, %v: tensor<?x2x24xf32>, %g: tensor<?x2xf32>, %s0: tensor<?x2x16x24xf32>, %s: tensor<?xi32>, %do: tensor<?x4x24xf32>, %ds: tensor<?x2x16x24xf32>) {
  // expected-error @below {{'lightning.attention_grad' op expected 'q' [T, Hq, Dk], 'k' [T, Hk, Dk] and 'v' [T, Hv, Dv] of one element type, got 'tensor<?x4x16xf32>', 'tensor<?x2x8xf32>' and 'tensor<?x2x24xf32>'}}
  lightning.attention_grad gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) initial(%s0) starts(%s) dresult(%do) dfinal(%ds) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x2x8xf32>, tensor<?x2x24xf32>, tensor<?x2xf32>, tensor<?x2x16x24xf32>, tensor<?xi32>, tensor<?x4x24xf32>, tensor<?x2x16x24xf32>) -> (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>) ddecay tensor<?x2xf32> dinitial tensor<?x2x16x24xf32>
  return
}

// -----

func.func @attention_grad_c2(%q: tensor<?x3x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x24xf32>, %g: tensor<?x2xf32>, %s0: tensor<?x2x16x24xf32>, %s: tensor<?xi32>, %do: tensor<?x4x24xf32>, %ds: tensor<?x2x16x24xf32>) {
  // expected-error @below {{'lightning.attention_grad' op expected head counts that divide each other, got 3 of 'q', 2 of 'k' and 2 of 'v'}}
  lightning.attention_grad gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) initial(%s0) starts(%s) dresult(%do) dfinal(%ds) {scale = 1.0 : f32} : (tensor<?x3x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>, tensor<?x2xf32>, tensor<?x2x16x24xf32>, tensor<?xi32>, tensor<?x4x24xf32>, tensor<?x2x16x24xf32>) -> (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>) ddecay tensor<?x2xf32> dinitial tensor<?x2x16x24xf32>
  return
}

// -----

func.func @attention_grad_c3(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x24xf32>, %g: tensor<?x2xf32>, %s0: tensor<?x2x16x24xf32>, %s: tensor<?xi32>, %do: tensor<?x4x24xf32>, %ds: tensor<?x2x16x24xf32>) {
  // expected-error @below {{'lightning.attention_grad' op expected the update rule gated, got delta}}
  lightning.attention_grad delta #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) initial(%s0) starts(%s) dresult(%do) dfinal(%ds) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>, tensor<?x2xf32>, tensor<?x2x16x24xf32>, tensor<?xi32>, tensor<?x4x24xf32>, tensor<?x2x16x24xf32>) -> (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>) ddecay tensor<?x2xf32> dinitial tensor<?x2x16x24xf32>
  return
}

// -----

func.func @attention_grad_c4(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x24xf32>, %g: tensor<?x4xf32>, %s0: tensor<?x2x16x24xf32>, %s: tensor<?xi32>, %do: tensor<?x4x24xf32>, %ds: tensor<?x2x16x24xf32>) {
  // expected-error @below {{'lightning.attention_grad' op expected 'decay' to be [2] or [?, 2], got 'tensor<?x4xf32>'}}
  lightning.attention_grad gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) initial(%s0) starts(%s) dresult(%do) dfinal(%ds) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>, tensor<?x4xf32>, tensor<?x2x16x24xf32>, tensor<?xi32>, tensor<?x4x24xf32>, tensor<?x2x16x24xf32>) -> (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>) ddecay tensor<?x2xf32> dinitial tensor<?x2x16x24xf32>
  return
}

// -----

func.func @attention_grad_c4_channel(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x24xf32>, %g: tensor<?x2x16xf32>, %s0: tensor<?x2x16x24xf32>, %s: tensor<?xi32>, %do: tensor<?x4x24xf32>, %ds: tensor<?x2x16x24xf32>) {
  // expected-error @below {{'lightning.attention_grad' op expected 'decay' to be [2] or [?, 2], got 'tensor<?x2x16xf32>'}}
  lightning.attention_grad gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) initial(%s0) starts(%s) dresult(%do) dfinal(%ds) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>, tensor<?x2x16xf32>, tensor<?x2x16x24xf32>, tensor<?xi32>, tensor<?x4x24xf32>, tensor<?x2x16x24xf32>) -> (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>) ddecay tensor<?x2xf32> dinitial tensor<?x2x16x24xf32>
  return
}

// -----

func.func @attention_grad_c5(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x24xf32>, %g: tensor<?x2xf32>, %s0: tensor<?x2x16x24xf32>, %s: tensor<1xi32>, %do: tensor<?x4x24xf32>, %ds: tensor<?x2x16x24xf32>) {
  // expected-error @below {{'lightning.attention_grad' op expected 'starts' to have at least 2 elements, got 1; a single sequence of T tokens is [0, T]}}
  lightning.attention_grad gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) initial(%s0) starts(%s) dresult(%do) dfinal(%ds) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>, tensor<?x2xf32>, tensor<?x2x16x24xf32>, tensor<1xi32>, tensor<?x4x24xf32>, tensor<?x2x16x24xf32>) -> (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>) ddecay tensor<?x2xf32> dinitial tensor<?x2x16x24xf32>
  return
}

// -----

func.func @attention_grad_c6(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x24xf32>, %g: tensor<?x2xf32>, %s0: tensor<?x2x24x16xf32>, %s: tensor<?xi32>, %do: tensor<?x4x24xf32>, %ds: tensor<?x2x16x24xf32>) {
  // expected-error @below {{'lightning.attention_grad' op expected 'initial' to be [?, 2, 16, 24], got 'tensor<?x2x24x16xf32>'}}
  lightning.attention_grad gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) initial(%s0) starts(%s) dresult(%do) dfinal(%ds) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>, tensor<?x2xf32>, tensor<?x2x24x16xf32>, tensor<?xi32>, tensor<?x4x24xf32>, tensor<?x2x16x24xf32>) -> (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>) ddecay tensor<?x2xf32> dinitial tensor<?x2x16x24xf32>
  return
}

// -----

func.func @attention_grad_c6_dfinal(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x24xf32>, %g: tensor<?x2xf32>, %s0: tensor<?x2x16x24xf32>, %s: tensor<4xi32>, %do: tensor<?x4x24xf32>, %ds: tensor<4x2x16x24xf32>) {
  // expected-error @below {{'lightning.attention_grad' op expected 'dfinal' to be [3, 2, 16, 24], got 'tensor<4x2x16x24xf32>'}}
  lightning.attention_grad gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) initial(%s0) starts(%s) dresult(%do) dfinal(%ds) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>, tensor<?x2xf32>, tensor<?x2x16x24xf32>, tensor<4xi32>, tensor<?x4x24xf32>, tensor<4x2x16x24xf32>) -> (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>) ddecay tensor<?x2xf32> dinitial tensor<?x2x16x24xf32>
  return
}

// -----

func.func @attention_grad_c6_dinitial(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x24xf32>, %g: tensor<?x2xf32>, %s0: tensor<?x2x16x24xf32>, %s: tensor<?xi32>, %do: tensor<?x4x24xf32>, %ds: tensor<?x2x16x24xf32>) {
  // expected-error @below {{'lightning.attention_grad' op expected 'dinitial' to be [?, 2, 16, 24], got 'tensor<?x4x16x24xf32>'}}
  lightning.attention_grad gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) initial(%s0) starts(%s) dresult(%do) dfinal(%ds) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>, tensor<?x2xf32>, tensor<?x2x16x24xf32>, tensor<?xi32>, tensor<?x4x24xf32>, tensor<?x2x16x24xf32>) -> (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>) ddecay tensor<?x2xf32> dinitial tensor<?x4x16x24xf32>
  return
}

// -----

func.func @attention_grad_c6_without_initial(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x24xf32>, %g: tensor<?x2xf32>, %s: tensor<?xi32>, %do: tensor<?x4x24xf32>, %ds: tensor<?x2x16x24xf32>) {
  // expected-error @below {{'lightning.attention_grad' op expected no 'dinitial' without an 'initial'}}
  lightning.attention_grad gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) starts(%s) dresult(%do) dfinal(%ds) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>, tensor<?x2xf32>, tensor<?xi32>, tensor<?x4x24xf32>, tensor<?x2x16x24xf32>) -> (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>) ddecay tensor<?x2xf32> dinitial tensor<?x2x16x24xf32>
  return
}

// -----

func.func @attention_grad_c7(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x24xf32>, %g: tensor<?x2xf32>, %s0: tensor<?x2x16x24xf32>, %s: tensor<?xi32>, %do: tensor<?x2x24xf32>, %ds: tensor<?x2x16x24xf32>) {
  // expected-error @below {{'lightning.attention_grad' op expected 'dresult' to be [?, 4, 24], got 'tensor<?x2x24xf32>'}}
  lightning.attention_grad gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) initial(%s0) starts(%s) dresult(%do) dfinal(%ds) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>, tensor<?x2xf32>, tensor<?x2x16x24xf32>, tensor<?xi32>, tensor<?x2x24xf32>, tensor<?x2x16x24xf32>) -> (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>) ddecay tensor<?x2xf32> dinitial tensor<?x2x16x24xf32>
  return
}

// -----

func.func @attention_grad_c7_element(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x24xf32>, %g: tensor<?x2xf32>, %s0: tensor<?x2x16x24xf32>, %s: tensor<?xi32>, %do: tensor<?x4x24xbf16>, %ds: tensor<?x2x16x24xf32>) {
  // expected-error @below {{'lightning.attention_grad' op expected 'dresult' to have elements of f32 or 'f32', got 'tensor<?x4x24xbf16>'}}
  lightning.attention_grad gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) initial(%s0) starts(%s) dresult(%do) dfinal(%ds) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>, tensor<?x2xf32>, tensor<?x2x16x24xf32>, tensor<?xi32>, tensor<?x4x24xbf16>, tensor<?x2x16x24xf32>) -> (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>) ddecay tensor<?x2xf32> dinitial tensor<?x2x16x24xf32>
  return
}

// -----

func.func @attention_grad_c8(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x24xf32>, %g: tensor<?x2xf32>, %s0: tensor<?x2x16x24xf32>, %s: tensor<?xi32>, %do: tensor<?x4x24xf32>, %ds: tensor<?x2x16x24xf32>) {
  // expected-error @below {{'lightning.attention_grad' op expected 'dv' to be [?, 2, 24], got 'tensor<?x4x24xf32>'}}
  lightning.attention_grad gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) initial(%s0) starts(%s) dresult(%do) dfinal(%ds) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>, tensor<?x2xf32>, tensor<?x2x16x24xf32>, tensor<?xi32>, tensor<?x4x24xf32>, tensor<?x2x16x24xf32>) -> (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x4x24xf32>) ddecay tensor<?x2xf32> dinitial tensor<?x2x16x24xf32>
  return
}

// -----

func.func @attention_grad_c8_element(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x24xf32>, %g: tensor<?x2xf32>, %s0: tensor<?x2x16x24xf32>, %s: tensor<?xi32>, %do: tensor<?x4x24xf32>, %ds: tensor<?x2x16x24xf32>) {
  // expected-error @below {{'lightning.attention_grad' op expected 'dq' to have elements of f32 or 'f32', got 'tensor<?x4x16xbf16>'}}
  lightning.attention_grad gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) initial(%s0) starts(%s) dresult(%do) dfinal(%ds) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>, tensor<?x2xf32>, tensor<?x2x16x24xf32>, tensor<?xi32>, tensor<?x4x24xf32>, tensor<?x2x16x24xf32>) -> (tensor<?x4x16xbf16>, tensor<?x2x16xf32>, tensor<?x2x24xf32>) ddecay tensor<?x2xf32> dinitial tensor<?x2x16x24xf32>
  return
}

// -----

func.func @attention_grad_c9(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x24xf32>, %g: tensor<2xf32>, %s0: tensor<?x2x16x24xf32>, %s: tensor<?xi32>, %do: tensor<?x4x24xf32>, %ds: tensor<?x2x16x24xf32>) {
  // expected-error @below {{'lightning.attention_grad' op expected no 'ddecay' with a decay for each head: a constant has no gradient here}}
  lightning.attention_grad gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) initial(%s0) starts(%s) dresult(%do) dfinal(%ds) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>, tensor<2xf32>, tensor<?x2x16x24xf32>, tensor<?xi32>, tensor<?x4x24xf32>, tensor<?x2x16x24xf32>) -> (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>) ddecay tensor<?x2xf32> dinitial tensor<?x2x16x24xf32>
  return
}

// -----

func.func @attention_grad_c9_shape(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x24xf32>, %g: tensor<?x2xf32>, %s0: tensor<?x2x16x24xf32>, %s: tensor<?xi32>, %do: tensor<?x4x24xf32>, %ds: tensor<?x2x16x24xf32>) {
  // expected-error @below {{'lightning.attention_grad' op expected 'ddecay' to be [?, 2], got 'tensor<?x4xf32>'}}
  lightning.attention_grad gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) initial(%s0) starts(%s) dresult(%do) dfinal(%ds) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>, tensor<?x2xf32>, tensor<?x2x16x24xf32>, tensor<?xi32>, tensor<?x4x24xf32>, tensor<?x2x16x24xf32>) -> (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>) ddecay tensor<?x4xf32> dinitial tensor<?x2x16x24xf32>
  return
}

// -----

func.func @attention_grad_c10(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x24xf32>, %g: tensor<?x2xf32>, %s0: tensor<?x2x16x24xf32>, %s: tensor<?xi32>, %do: tensor<?x4x24xf32>, %ds: tensor<?x2x16x24xf32>) {
  // expected-error @below {{'lightning.attention_grad' op expected 'chunk' to be 1 to 1024 tokens, got 0}}
  lightning.attention_grad gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) initial(%s0) starts(%s) dresult(%do) dfinal(%ds) {scale = 1.0 : f32, chunk = 0} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>, tensor<?x2xf32>, tensor<?x2x16x24xf32>, tensor<?xi32>, tensor<?x4x24xf32>, tensor<?x2x16x24xf32>) -> (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>) ddecay tensor<?x2xf32> dinitial tensor<?x2x16x24xf32>
  return
}

// -----

func.func @attention_grad_c10_scale(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x24xf32>, %g: tensor<?x2xf32>, %s0: tensor<?x2x16x24xf32>, %s: tensor<?xi32>, %do: tensor<?x4x24xf32>, %ds: tensor<?x2x16x24xf32>) {
  // expected-error @below {{'lightning.attention_grad' op expected 'scale' to be finite, got 0x7FC00000 : f32}}
  lightning.attention_grad gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v decay(%g) initial(%s0) starts(%s) dresult(%do) dfinal(%ds) {scale = 0x7FC00000 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>, tensor<?x2xf32>, tensor<?x2x16x24xf32>, tensor<?xi32>, tensor<?x4x24xf32>, tensor<?x2x16x24xf32>) -> (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>) ddecay tensor<?x2xf32> dinitial tensor<?x2x16x24xf32>
  return
}

// -----

func.func @attention_grad_c11(%q: tensor<?x4x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x24xf32>, %g: tensor<?x2xf32>, %s0: tensor<?x2x16x24xf32>, %s: tensor<?xi32>, %do: tensor<?x4x24xf32>, %ds: tensor<?x2x16x24xf32>) {
  // expected-error @below {{'lightning.attention_grad' op expected 'q' to be bf16 as the operands of #tile.numerics<operands = bf16, accumulate = f32, group = 2>, got 'tensor<?x4x16xf32>'}}
  lightning.attention_grad gated #tile.numerics<operands = bf16, accumulate = f32, group = 2> %q, %k, %v decay(%g) initial(%s0) starts(%s) dresult(%do) dfinal(%ds) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>, tensor<?x2xf32>, tensor<?x2x16x24xf32>, tensor<?xi32>, tensor<?x4x24xf32>, tensor<?x2x16x24xf32>) -> (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x24xf32>) ddecay tensor<?x2xf32> dinitial tensor<?x2x16x24xf32>
  return
}
