// RUN: hamlet-opt %s -nn-adjoint -verify-diagnostics

func.func @unfused(%x: tensor<?x32xf32>) -> tensor<?x32xf32> attributes {hamlet.differentiate} {
  // expected-error @below {{'nn.activation' op stands outside a fused region; run nn-fuse before nn-adjoint}}
  %y = nn.activation silu %x : tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}
