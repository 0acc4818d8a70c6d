// RUN: hamlet-opt %s -split-input-file -nn-fuse -verify-diagnostics

func.func @an_op_of_another_dialect(%x: tensor<?x32xf32>) -> tensor<?x32xf32> {
  // expected-error @below {{'arith.addf' op is not of a graph dialect; nn-fuse takes ops of nn, lightning, attention, moe and policy, and constants}}
  %0 = arith.addf %x, %x : tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
}

// -----

// expected-error @below {{'func.func' op has several blocks; nn-fuse takes straight code}}
func.func @branches(%x: tensor<?x32xf32>) -> tensor<?x32xf32> {
  cf.br ^bb1(%x : tensor<?x32xf32>)
^bb1(%y: tensor<?x32xf32>):
  return %y : tensor<?x32xf32>
}
