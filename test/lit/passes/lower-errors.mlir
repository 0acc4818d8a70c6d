// What no program can have.
// RUN: hamlet-opt %s -split-input-file -nn-fuse -lower-to-program -verify-diagnostics

func.func @an_operand(%x: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %y = nn.mul %x, %x : tensor<?x8xf32>
  // expected-error @below {{result 1: expected a value that the function computes, got its operand; the caller has it already}}
  return %y, %x : tensor<?x8xf32>, tensor<?x8xf32>
}

// -----

func.func @twice(%x: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  // expected-note @below {{it is computed here}}
  %y = nn.mul %x, %x : tensor<?x8xf32>
  // expected-error @below {{result 1 is the value of result 0; a function gives a value once (equal ops are one): leave it out}}
  return %y, %y : tensor<?x8xf32>, tensor<?x8xf32>
}
