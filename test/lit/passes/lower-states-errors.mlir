// Which of two ops that take one value of a state comes first is for nobody to guess.
// RUN: hamlet-opt %s -split-input-file -nn-fuse -lower-to-program -verify-diagnostics

func.func @read_beside_an_update(%dy: tensor<?x48xf32>) -> (tensor<48xf32>, !nn.state<tensor<48xf32>>) {
  %g = nn.state @gradient.bias : !nn.state<tensor<48xf32>>
  // expected-error @below {{updates a state that another op takes as well; take the updated one there}}
  %h = nn.bias_grad %dy into(%g) : tensor<?x48xf32>, !nn.state<tensor<48xf32>>
  // expected-note @below {{the other op is here}}
  %v = nn.read %g : !nn.state<tensor<48xf32>> -> tensor<48xf32>
  return %v, %h : tensor<48xf32>, !nn.state<tensor<48xf32>>
}

// -----

func.func @one(%dy: tensor<?x48xf32>) -> !nn.state<tensor<48xf32>> {
  // expected-note @below {{the other is here}}
  %g = nn.state @gradient.bias : !nn.state<tensor<48xf32>>
  %h = nn.bias_grad %dy into(%g) : tensor<?x48xf32>, !nn.state<tensor<48xf32>>
  return %h : !nn.state<tensor<48xf32>>
}
func.func @other(%dy: tensor<?x32xf32>) -> !nn.state<tensor<32xf32>> {
  // expected-error @below {{is a state of 'tensor<32xf32>', another with its name is of 'tensor<48xf32>'}}
  %g = nn.state @gradient.bias : !nn.state<tensor<32xf32>>
  %h = nn.bias_grad %dy into(%g) : tensor<?x32xf32>, !nn.state<tensor<32xf32>>
  return %h : !nn.state<tensor<32xf32>>
}

// -----

func.func @some_columns(%x: tensor<?x96xf32>, %ids: tensor<?x2xi32>, %w: tensor<8x32x48xf32>) -> tensor<?x32xf32> {
  %o, %r, %p = moe.dispatch %ids {experts = 8} : (tensor<?x2xi32>) -> (tensor<9xi32>, tensor<?xi32>, tensor<?x2xi32>)
  %h = nn.heads %x {offset = 48, heads = 6, dim = 8} : (tensor<?x96xf32>) -> tensor<?x6x8xf32>
  // expected-error @below {{'nn.merge_heads' op gives 48 of the 96 columns of a row to an op whose kernels take whole rows}}
  %m = nn.merge_heads %h : (tensor<?x6x8xf32>) -> tensor<?x48xf32>
  %y = moe.expert_down #tile.numerics<operands = f32, accumulate = f32, group = 1> %m, %o, %w : (tensor<?x48xf32>, tensor<9xi32>, tensor<8x32x48xf32>) -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}
