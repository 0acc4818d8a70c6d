// RUN: hamlet-opt %s -split-input-file -lower-to-tile -verify-diagnostics

// Regions that verify and for which there is no kernel.

func.func @columns_of_a_product(%x: tensor<?x32xf32>, %w: tensor<48x32xf32>, %n: tensor<48xf32>) -> tensor<?x48xf32> {
  %0 = nn.fused "f"(%x, %w, %n) : (tensor<?x32xf32>, tensor<48x32xf32>, tensor<48xf32>) -> tensor<?x48xf32> {
  ^bb0(%a: tensor<?x32xf32>, %b: tensor<48x32xf32>, %c: tensor<48xf32>):
    // expected-error @below {{'nn.linear' op is asked for other columns than a tile of the region's, which no kernel does}}
    %1 = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %a, %b : (tensor<?x32xf32>, tensor<48x32xf32>) -> tensor<?x48xf32>
    %2 = nn.rms_norm %1, %c {eps = 1.0e-5 : f32} : (tensor<?x48xf32>, tensor<48xf32>) -> tensor<?x48xf32>
    nn.yield %2 : tensor<?x48xf32>
  }
  return %0 : tensor<?x48xf32>
}

// -----

func.func @parts_of_a_norm(%x: tensor<?x32xf32>, %w: tensor<48x32xf32>, %n: tensor<32xf32>) -> tensor<?x48xf32> {
  %0 = nn.fused "f"(%x, %w, %n) : (tensor<?x32xf32>, tensor<48x32xf32>, tensor<32xf32>) -> tensor<?x48xf32> {
  ^bb0(%a: tensor<?x32xf32>, %b: tensor<48x32xf32>, %c: tensor<32xf32>):
    // expected-error @below {{'nn.rms_norm' op norms parts of 8 columns and is asked for others, which no kernel does}}
    %1 = nn.rms_norm %a, %c {eps = 1.0e-5 : f32, groups = 4} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
    %2 = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %1, %b : (tensor<?x32xf32>, tensor<48x32xf32>) -> tensor<?x48xf32>
    nn.yield %2 : tensor<?x48xf32>
  }
  return %0 : tensor<?x48xf32>
}

// -----

func.func @groups_in_heads(%x: tensor<?x2x16xf32>, %n: tensor<16xf32>) -> tensor<?x2x16xf32> {
  %0 = nn.fused "f"(%x, %n) : (tensor<?x2x16xf32>, tensor<16xf32>) -> tensor<?x2x16xf32> {
  ^bb0(%a: tensor<?x2x16xf32>, %c: tensor<16xf32>):
    // expected-error @below {{'nn.rms_norm' op has 4 groups in each head; kernels norm a head as one}}
    %1 = nn.rms_norm %a, %c {eps = 1.0e-5 : f32, groups = 4} : (tensor<?x2x16xf32>, tensor<16xf32>) -> tensor<?x2x16xf32>
    nn.yield %1 : tensor<?x2x16xf32>
  }
  return %0 : tensor<?x2x16xf32>
}

// -----

func.func @halves_of_a_rotation(%x: tensor<?x2x16xf32>, %n: tensor<16xf32>, %cos: tensor<?x4xf32>, %sin: tensor<?x4xf32>) -> tensor<?x2x16xf32> {
  %0 = nn.fused "f"(%x, %n, %cos, %sin) : (tensor<?x2x16xf32>, tensor<16xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x2x16xf32> {
  ^bb0(%a: tensor<?x2x16xf32>, %c: tensor<16xf32>, %d: tensor<?x4xf32>, %e: tensor<?x4xf32>):
    // expected-error @below {{'nn.rotary' op rotates halves of 4 columns and is asked for others, which no kernel does}}
    %1 = nn.rotary %a, %d, %e : (tensor<?x2x16xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x2x16xf32>
    %2 = nn.rms_norm %1, %c {eps = 1.0e-5 : f32} : (tensor<?x2x16xf32>, tensor<16xf32>) -> tensor<?x2x16xf32>
    nn.yield %2 : tensor<?x2x16xf32>
  }
  return %0 : tensor<?x2x16xf32>
}

// -----

func.func @rows_from_inside(%x: tensor<?x32xf32>, %r: tensor<?xi32>) -> tensor<?x32xf32> {
  %0 = nn.fused "f"(%x, %r) : (tensor<?x32xf32>, tensor<?xi32>) -> tensor<?x32xf32> {
  ^bb0(%a: tensor<?x32xf32>, %b: tensor<?xi32>):
    // expected-note @below {{'x' is made here}}
    %1 = nn.activation silu %a : tensor<?x32xf32>
    // expected-error @below {{'nn.select_rows' op reads 'x' from memory and gets it from inside its own region; it needs a region of its own}}
    %2 = nn.select_rows %1, %b : (tensor<?x32xf32>, tensor<?xi32>) -> tensor<?x32xf32>
    nn.yield %2 : tensor<?x32xf32>
  }
  return %0 : tensor<?x32xf32>
}

// -----

func.func @gates_inside(%x: tensor<?x32xf32>, %r: tensor<4x32xf32>) -> tensor<?x2xf32> {
  %0 = nn.fused "f"(%x, %r) : (tensor<?x32xf32>, tensor<4x32xf32>) -> tensor<?x2xf32> {
  ^bb0(%a: tensor<?x32xf32>, %b: tensor<4x32xf32>):
    // expected-error @below {{'moe.route' op writes whole results and is read inside its own region; it needs a region of its own}}
    %i, %g = moe.route softmax %a, %b {top_k = 2, renormalize = true, epsilon = 0.0 : f32, scaling = 1.0 : f32} : (tensor<?x32xf32>, tensor<4x32xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
    %1 = nn.activation silu %g : tensor<?x2xf32>
    nn.yield %1 : tensor<?x2xf32>
  }
  return %0 : tensor<?x2xf32>
}

// -----

func.func @beside_kernels_of_its_own(%x: tensor<?x2x16xf32>, %s: tensor<?xi32>) -> tensor<?x2x16xf32> {
  %0 = nn.fused "f"(%x, %s) : (tensor<?x2x16xf32>, tensor<?xi32>) -> tensor<?x2x16xf32> {
  ^bb0(%a: tensor<?x2x16xf32>, %b: tensor<?xi32>):
    // expected-note @below {{that op is here}}
    %1 = attention.softmax #tile.numerics<operands = f32, accumulate = f32, group = 1> %a, %a, %a starts(%b) {scale = 0.25 : f32} : (tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?xi32>) -> tensor<?x2x16xf32>
    // expected-error @below {{'nn.activation' op stands in the region of an op with kernels of its own, which take nothing in}}
    %2 = nn.activation silu %1 : tensor<?x2x16xf32>
    nn.yield %2 : tensor<?x2x16xf32>
  }
  return %0 : tensor<?x2x16xf32>
}

// -----

func.func @a_result_twice(%x: tensor<?x2x16xf32>, %s: tensor<?xi32>) -> tensor<?x32xf32> {
  %0:2 = nn.fused "f"(%x, %s) : (tensor<?x2x16xf32>, tensor<?xi32>) -> (tensor<?x2x16xf32>, tensor<?x32xf32>) {
  ^bb0(%a: tensor<?x2x16xf32>, %b: tensor<?xi32>):
    // expected-error @below {{'attention.softmax' op has a result that its region gives twice, which no kernel does}}
    %1 = attention.softmax #tile.numerics<operands = f32, accumulate = f32, group = 1> %a, %a, %a starts(%b) {scale = 0.25 : f32} : (tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?xi32>) -> tensor<?x2x16xf32>
    %2 = nn.merge_heads %1 : (tensor<?x2x16xf32>) -> tensor<?x32xf32>
    nn.yield %1, %2 : tensor<?x2x16xf32>, tensor<?x32xf32>
  }
  return %0#1 : tensor<?x32xf32>
}

// -----

func.func @a_weight_that_is_rows_too(%w: tensor<32x32xf32>) -> tensor<32x32xf32> {
  %0 = nn.fused "f"(%w) : (tensor<32x32xf32>) -> tensor<32x32xf32> {
  ^bb0(%a: tensor<32x32xf32>):
    // expected-error @below {{'nn.linear' op has a weight that the region reads as rows as well; make it two operands of the region}}
    // expected-note @below {{it is read here}}
    %1 = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %a, %a : (tensor<32x32xf32>, tensor<32x32xf32>) -> tensor<32x32xf32>
    nn.yield %1 : tensor<32x32xf32>
  }
  return %0 : tensor<32x32xf32>
}

// -----

func.func @attention_in_parts(%x: tensor<?x2x16xf32>, %s: tensor<?xi32>) -> tensor<?x2x16xf32> {
  %0 = nn.fused "f"(%x, %s) : (tensor<?x2x16xf32>, tensor<?xi32>) -> tensor<?x2x16xf32> {
  ^bb0(%a: tensor<?x2x16xf32>, %b: tensor<?xi32>):
    // expected-error @below {{'attention.softmax' op has #tile.numerics<operands = f32, accumulate = f32, group = 1, split = 2>; its kernels do not sum in parts (split)}}
    %1 = attention.softmax #tile.numerics<operands = f32, accumulate = f32, group = 1, split = 2> %a, %a, %a starts(%b) {scale = 0.25 : f32} : (tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?xi32>) -> tensor<?x2x16xf32>
    nn.yield %1 : tensor<?x2x16xf32>
  }
  return %0 : tensor<?x2x16xf32>
}

// -----

func.func @attention_in_f32(%x: tensor<?x2x16xbf16>, %s: tensor<?xi32>) -> tensor<?x2x16xbf16> {
  %0 = nn.fused "f"(%x, %s) : (tensor<?x2x16xbf16>, tensor<?xi32>) -> tensor<?x2x16xbf16> {
  ^bb0(%a: tensor<?x2x16xbf16>, %b: tensor<?xi32>):
    // expected-error @below {{'attention.softmax' op has #tile.numerics<operands = f32, accumulate = f32, group = 1>; its kernels multiply bf16 tensors as bf16, others as f32}}
    %1 = attention.softmax #tile.numerics<operands = f32, accumulate = f32, group = 1> %a, %a, %a starts(%b) {scale = 0.25 : f32} : (tensor<?x2x16xbf16>, tensor<?x2x16xbf16>, tensor<?x2x16xbf16>, tensor<?xi32>) -> tensor<?x2x16xbf16>
    nn.yield %1 : tensor<?x2x16xbf16>
  }
  return %0 : tensor<?x2x16xbf16>
}

// -----

func.func @a_quantised_weight(%x: tensor<?x32xf32>) -> tensor<?x48xf32> {
  %w = nn.weight @w : tensor<48x32xi8>
  %0 = nn.fused "f"(%x, %w) : (tensor<?x32xf32>, tensor<48x32xi8>) -> tensor<?x48xf32> {
  ^bb0(%a: tensor<?x32xf32>, %b: tensor<48x32xi8>):
    // expected-error @below {{'nn.linear' op has 'w' of i8 elements; kernels take weights of f32, bf16 and f16}}
    %1 = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %a, %b : (tensor<?x32xf32>, tensor<48x32xi8>) -> tensor<?x48xf32>
    nn.yield %1 : tensor<?x48xf32>
  }
  return %0 : tensor<?x48xf32>
}
