// What no program can have.
// RUN: hamlet-opt %s -split-input-file -lower-to-program -verify-diagnostics

func.func @an_operand(%x: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %y = nn.fused "elementwise"(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%a: tensor<?x8xf32>):
    %0 = nn.mul %a, %a : tensor<?x8xf32>
    nn.yield %0 : tensor<?x8xf32>
  }
  // expected-error @below {{result 1: expected a value that the function computes, got its operand; the caller has it already}}
  return %y, %x : tensor<?x8xf32>, tensor<?x8xf32>
}

// -----

func.func @twice(%x: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  // expected-note @below {{it is computed here}}
  %y = nn.fused "elementwise"(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%a: tensor<?x8xf32>):
    %0 = nn.mul %a, %a : tensor<?x8xf32>
    nn.yield %0 : tensor<?x8xf32>
  }
  // expected-error @below {{result 1 is the value of result 0; a function gives a value once (equal ops are one): leave it out}}
  return %y, %y : tensor<?x8xf32>, tensor<?x8xf32>
}

// -----

func.func @unfused(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // expected-note @below {{by this op}}
  %y = nn.mul %x, %x : tensor<?x8xf32>
  // expected-error @below {{result 0 comes from no fused region: run nn-fuse first}}
  return %y : tensor<?x8xf32>
}

// -----

// expected-error @below {{is of a program already; expected a graph}}
program.func @f extents ["rows"] {
}
