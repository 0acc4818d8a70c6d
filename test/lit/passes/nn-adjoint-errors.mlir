// RUN: hamlet-opt %s -split-input-file -nn-fuse -nn-adjoint -verify-diagnostics

#f32 = #tile.numerics<operands = f32, accumulate = f32, group = 1>

// An op that states no gradient.
func.func @no_gradient(%x: tensor<?x32xf32>, %rows: tensor<?xi32>, %head: tensor<96x32xf32>, %targets: tensor<?xi32>, %tau: tensor<?xf32>, %weight: tensor<?xf32>) -> tensor<?xf32> attributes {hamlet.differentiate} {
  // expected-error @below {{'nn.select_rows' op has no gradient yet}}
  %m = nn.select_rows %x, %rows : (tensor<?x32xf32>, tensor<?xi32>) -> tensor<?x32xf32>
  %lp, %lse, %h = policy.head #f32 %m, %head, %targets, %tau : (tensor<?x32xf32>, tensor<96x32xf32>, tensor<?xi32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  %loss, %g, %c = policy.loss none through %lp weight(%weight) : (tensor<?xf32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  return %loss : tensor<?xf32>
}

// -----

#f32 = #tile.numerics<operands = f32, accumulate = f32, group = 1>

// Columns that no heads read have no gradient to put together.
func.func @columns(%x: tensor<?x32xf32>, %head: tensor<96x16xf32>, %targets: tensor<?xi32>, %tau: tensor<?xf32>, %weight: tensor<?xf32>) -> tensor<?xf32> attributes {hamlet.differentiate} {
  // expected-error @below {{has columns that several heads read, or none: their gradient is not supported}}
  %y = nn.activation silu %x : tensor<?x32xf32>
  %q = nn.heads %y {offset = 0, heads = 2, dim = 8} : (tensor<?x32xf32>) -> tensor<?x2x8xf32>
  %m = nn.merge_heads %q : (tensor<?x2x8xf32>) -> tensor<?x16xf32>
  %z = nn.activation silu %m : tensor<?x16xf32>
  %lp, %lse, %h = policy.head #f32 %z, %head, %targets, %tau : (tensor<?x16xf32>, tensor<96x16xf32>, tensor<?xi32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  %loss, %g, %c = policy.loss none through %lp weight(%weight) : (tensor<?xf32>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>)
  return %loss : tensor<?xf32>
}
