// RUN: hamlet-opt %s -split-input-file -lightning-chunk=chunk=32 -verify-diagnostics | FileCheck %s

#n = #tile.numerics<operands = f32, accumulate = f32, group = 1>

// CHECK-LABEL: func.func @the_option
func.func @the_option(%q: tensor<?x4x16xf32>, %g: tensor<4xf32>, %starts: tensor<?xi32>) -> tensor<?x4x16xf32> {
  // CHECK: lightning.attention {{.*}} {chunk = 32 : i64
  %o = lightning.attention gated #n %q, %q, %q decay(%g) starts(%starts) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<4xf32>, tensor<?xi32>) -> tensor<?x4x16xf32>
  return %o : tensor<?x4x16xf32>
}

// -----

#n = #tile.numerics<operands = f32, accumulate = f32, group = 1>

// CHECK-LABEL: func.func @the_cache_before_the_option
func.func @the_cache_before_the_option(%q: tensor<?x4x16xf32>, %g: tensor<?x4xf32>, %c: !lightning.state<4x16x16, f32, chunk 48, tail 48>, %s: tensor<?xi32>, %starts: tensor<?xi32>) -> (tensor<?x4x16xf32>, !lightning.state<4x16x16, f32, chunk 48, tail 48>) {
  // CHECK: lightning.attention {{.*}} {chunk = 48 : i64
  %o, %u = lightning.attention gated #n %q, %q, %q decay(%g) cache(%c) slots(%s) first(%s) starts(%starts) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4xf32>, !lightning.state<4x16x16, f32, chunk 48, tail 48>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x4x16xf32> updated !lightning.state<4x16x16, f32, chunk 48, tail 48>
  return %o, %u : tensor<?x4x16xf32>, !lightning.state<4x16x16, f32, chunk 48, tail 48>
}

// -----

#n = #tile.numerics<operands = f32, accumulate = f32, group = 1>

// A chunk that is there is left alone.
// CHECK-LABEL: func.func @left_alone
func.func @left_alone(%q: tensor<?x4x16xf32>, %g: tensor<4xf32>, %starts: tensor<?xi32>) -> tensor<?x4x16xf32> {
  // CHECK: lightning.attention {{.*}} {chunk = 100 : i64
  %o = lightning.attention gated #n %q, %q, %q decay(%g) starts(%starts) {scale = 1.0 : f32, chunk = 100} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<4xf32>, tensor<?xi32>) -> tensor<?x4x16xf32>
  return %o : tensor<?x4x16xf32>
}

// -----

#n = #tile.numerics<operands = f32, accumulate = f32, group = 1>

func.func @two_chunks(%q: tensor<?x4x16xf32>, %g: tensor<4xf32>, %starts: tensor<?xi32>) -> (tensor<?x4x16xf32>, tensor<?x4x16xf32>) {
  // expected-note @below {{the other op is here}}
  %o = lightning.attention gated #n %q, %q, %q decay(%g) starts(%starts) {scale = 1.0 : f32, chunk = 100} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<4xf32>, tensor<?xi32>) -> tensor<?x4x16xf32>
  // expected-error @below {{'lightning.attention' op has chunk 32, another op has 100; a binary has one chunk}}
  %p = lightning.attention gated #n %q, %q, %q decay(%g) starts(%starts) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<4xf32>, tensor<?xi32>) -> tensor<?x4x16xf32>
  return %o, %p : tensor<?x4x16xf32>, tensor<?x4x16xf32>
}

// -----

#n = #tile.numerics<operands = f32, accumulate = f32, group = 1>

func.func @linear(%q: tensor<?x4x16xf32>, %starts: tensor<?xi32>) {
  // expected-error @below {{'lightning.attention' op has the update rule linear, which has no chunked form yet; only gated is lowered}}
  %o = lightning.attention linear #n %q, %q, %q starts(%starts) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?xi32>) -> tensor<?x4x16xf32>
  return
}

// -----

#n = #tile.numerics<operands = f32, accumulate = f32, group = 1>

func.func @delta(%q: tensor<?x4x16xf32>, %b: tensor<?x4xf32>, %starts: tensor<?xi32>) {
  // expected-error @below {{'lightning.attention' op has the update rule delta, which has no chunked form yet; only gated is lowered}}
  %o = lightning.attention delta #n %q, %q, %q beta(%b) starts(%starts) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4xf32>, tensor<?xi32>) -> tensor<?x4x16xf32>
  return
}

// -----

#n = #tile.numerics<operands = f32, accumulate = f32, group = 1>

func.func @gated_delta(%q: tensor<?x4x16xf32>, %b: tensor<?x4xf32>, %starts: tensor<?xi32>) {
  // expected-error @below {{'lightning.attention' op has the update rule gated_delta, which has no chunked form yet; only gated is lowered}}
  %o = lightning.attention gated_delta #n %q, %q, %q decay(%b) beta(%b) starts(%starts) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?xi32>) -> tensor<?x4x16xf32>
  return
}

// -----

#n = #tile.numerics<operands = f32, accumulate = f32, group = 1>

func.func @per_channel(%q: tensor<?x4x16xf32>, %starts: tensor<?xi32>) {
  // expected-error @below {{'lightning.attention' op has a decay per channel, 'tensor<?x4x16xf32>', which has no chunked form yet; decays per head or per token and head are lowered}}
  %o = lightning.attention gated #n %q, %q, %q decay(%q) starts(%starts) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?xi32>) -> tensor<?x4x16xf32>
  return
}
