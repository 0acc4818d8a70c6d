// RUN: hamlet-opt %s -nn-fuse | hamlet-opt | FileCheck %s

// Every op that computes stands in a region, alone where nothing fits.
// CHECK-LABEL: func.func @a_single_op
func.func @a_single_op(%x: tensor<?x32xf32>, %w: tensor<48x32xf32>) -> tensor<?x48xf32> {
  // CHECK: nn.fused "linear"(%arg0, %arg1) {reason = "nothing beside it fits this kind of region"}
  // CHECK: nn.linear
  // CHECK-NOT: nn.fused
  %0 = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %w : (tensor<?x32xf32>, tensor<48x32xf32>) -> tensor<?x48xf32>
  return %0 : tensor<?x48xf32>
}

// CHECK-LABEL: func.func @activation_and_residual_in_the_epilogue
func.func @activation_and_residual_in_the_epilogue(%x: tensor<?x32xf32>, %w: tensor<32x32xf32>) -> tensor<?x32xf32> {
  // CHECK: nn.fused "linear"(%arg0, %arg1) {reason = "silu in the epilogue; residual in the epilogue"}
  // CHECK: nn.linear
  // CHECK-NEXT: nn.activation
  // CHECK-NEXT: nn.residual
  // CHECK-NEXT: nn.yield
  // CHECK-NOT: nn.fused
  %0 = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %w : (tensor<?x32xf32>, tensor<32x32xf32>) -> tensor<?x32xf32>
  %1 = nn.activation silu %0 : tensor<?x32xf32>
  %2 = nn.residual %x, %1 {alpha = 1.0 : f32, beta = 1.0 : f32} : tensor<?x32xf32>
  return %2 : tensor<?x32xf32>
}

// CHECK-LABEL: func.func @bias_stays_with_its_product
func.func @bias_stays_with_its_product(%x: tensor<?x32xf32>, %w: tensor<48x32xf32>, %b: tensor<48xf32>) -> tensor<?x48xf32> {
  // CHECK: nn.fused "linear"(%arg0, %arg1, %arg2)
  // CHECK: bias(
  // CHECK-NEXT: nn.activation
  // CHECK-NOT: nn.fused
  %0 = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %w bias(%b) : (tensor<?x32xf32>, tensor<48x32xf32>, tensor<48xf32>) -> tensor<?x48xf32>
  %1 = nn.activation sigmoid %0 : tensor<?x48xf32>
  return %1 : tensor<?x48xf32>
}

// Absorbing it would write the product twice: left alone.
// CHECK-LABEL: func.func @a_result_with_two_users
func.func @a_result_with_two_users(%x: tensor<?x32xf32>, %w: tensor<32x32xf32>) -> (tensor<?x32xf32>, tensor<?x32xf32>) {
  // CHECK: nn.fused "linear"
  // CHECK-NEXT: ^bb0
  // CHECK-NEXT: nn.linear
  // CHECK-NEXT: nn.yield
  // CHECK: nn.fused "elementwise"({{.*}}) {reason = "the result of linear has other users"}
  %0 = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %w : (tensor<?x32xf32>, tensor<32x32xf32>) -> tensor<?x32xf32>
  %1 = nn.activation silu %0 : tensor<?x32xf32>
  return %0, %1 : tensor<?x32xf32>, tensor<?x32xf32>
}

// Of two products the later one takes the gate: the other is there by then.
// CHECK-LABEL: func.func @gate_and_up
func.func @gate_and_up(%x: tensor<?x32xf32>, %g: tensor<48x32xf32>, %u: tensor<48x32xf32>) -> tensor<?x48xf32> {
  // CHECK: nn.fused "linear"({{.*}}) {reason = "silu in the epilogue"}
  // CHECK: nn.fused "linear"({{.*}}) {reason = "mul in the epilogue"}
  // CHECK: nn.linear
  // CHECK-NEXT: nn.mul
  // CHECK-NOT: nn.fused
  %0 = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %g : (tensor<?x32xf32>, tensor<48x32xf32>) -> tensor<?x48xf32>
  %1 = nn.activation silu %0 : tensor<?x48xf32>
  %2 = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %u : (tensor<?x32xf32>, tensor<48x32xf32>) -> tensor<?x48xf32>
  %3 = nn.mul %1, %2 : tensor<?x48xf32>
  return %3 : tensor<?x48xf32>
}

// CHECK-LABEL: func.func @norm_before_one_product
func.func @norm_before_one_product(%x: tensor<?x32xf32>, %n: tensor<32xf32>, %w: tensor<48x32xf32>) -> tensor<?x48xf32> {
  // CHECK: nn.fused "linear"({{.*}}) {reason = "rms_norm before the only product that reads it"}
  // CHECK: nn.rms_norm
  // CHECK-NEXT: nn.linear
  // CHECK-NOT: nn.fused
  %0 = nn.rms_norm %x, %n {eps = 1.0e-5 : f32} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
  %1 = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %0, %w : (tensor<?x32xf32>, tensor<48x32xf32>) -> tensor<?x48xf32>
  return %1 : tensor<?x48xf32>
}

// CHECK-LABEL: func.func @norm_before_two_products
func.func @norm_before_two_products(%x: tensor<?x32xf32>, %n: tensor<32xf32>, %w: tensor<48x32xf32>) -> (tensor<?x48xf32>, tensor<?x48xf32>) {
  // CHECK: nn.fused "norm"({{.*}}) {reason = "the norm is read by several ops"}
  // CHECK: nn.fused "linear"
  // CHECK: nn.fused "linear"
  %0 = nn.rms_norm %x, %n {eps = 1.0e-5 : f32} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
  %1 = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %0, %w : (tensor<?x32xf32>, tensor<48x32xf32>) -> tensor<?x48xf32>
  %2 = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %0, %w : (tensor<?x32xf32>, tensor<48x32xf32>) -> tensor<?x48xf32>
  return %1, %2 : tensor<?x48xf32>, tensor<?x48xf32>
}

// The end of a lightning layer; the view of the heads goes along.
// CHECK-LABEL: func.func @gated_norm_before_the_projection
func.func @gated_norm_before_the_projection(%x: tensor<?x32xf32>, %h: tensor<?x4x16xf32>, %n: tensor<64xf32>, %g: tensor<?x64xf32>, %w: tensor<32x64xf32>) -> tensor<?x32xf32> {
  // CHECK: nn.fused "linear"({{.*}}) {reason = "rms_norm, mul before the only product that reads it; residual in the epilogue"}
  // CHECK: nn.merge_heads
  // CHECK-NEXT: nn.rms_norm
  // CHECK-NEXT: nn.mul
  // CHECK-NEXT: nn.linear
  // CHECK-NEXT: nn.residual
  // CHECK-NOT: nn.fused
  %m = nn.merge_heads %h : (tensor<?x4x16xf32>) -> tensor<?x64xf32>
  %0 = nn.rms_norm %m, %n {eps = 1.0e-5 : f32, sum_blocks = 4} : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  %1 = nn.mul %g, %0 : tensor<?x64xf32>
  %2 = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %1, %w : (tensor<?x64xf32>, tensor<32x64xf32>) -> tensor<?x32xf32>
  %3 = nn.residual %x, %2 {alpha = 1.0 : f32, beta = 1.0 : f32} : tensor<?x32xf32>
  return %3 : tensor<?x32xf32>
}

// CHECK-LABEL: func.func @grouped_norm
func.func @grouped_norm(%x: tensor<?x32xf32>, %n: tensor<32xf32>, %w: tensor<48x32xf32>) -> tensor<?x48xf32> {
  // CHECK: nn.fused "norm"({{.*}}) {reason = "each group of columns is a program instance"}
  // CHECK: nn.fused "linear"
  %0 = nn.rms_norm %x, %n {eps = 1.0e-5 : f32, groups = 4} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
  %1 = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %0, %w : (tensor<?x32xf32>, tensor<48x32xf32>) -> tensor<?x48xf32>
  return %1 : tensor<?x48xf32>
}

// The experts read the norm as well: it is given.
// CHECK-LABEL: func.func @norm_and_router
func.func @norm_and_router(%x: tensor<?x32xf32>, %n: tensor<32xf32>, %r: tensor<4x32xf32>) -> (tensor<?x32xf32>, tensor<?x2xi32>, tensor<?x2xf32>) {
  // CHECK: %[[R:.*]]:3 = nn.fused "norm_route"
  // CHECK: nn.rms_norm
  // CHECK-NEXT: moe.route
  // CHECK-NEXT: nn.yield
  // CHECK: return %[[R]]#0, %[[R]]#1, %[[R]]#2
  %0 = nn.rms_norm %x, %n {eps = 1.0e-5 : f32} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
  %i, %s = moe.route softmax %0, %r {top_k = 2, renormalize = true, epsilon = 0.0 : f32, scaling = 1.0 : f32} : (tensor<?x32xf32>, tensor<4x32xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return %0, %i, %s : tensor<?x32xf32>, tensor<?x2xi32>, tensor<?x2xf32>
}

// An op with several results gives them all, used or not.
// CHECK-LABEL: func.func @router_alone
func.func @router_alone(%x: tensor<?x32xf32>, %r: tensor<4x32xf32>) -> tensor<?x2xi32> {
  // CHECK: %[[R:.*]]:2 = nn.fused "route"({{.*}}) {reason = "what the router reads is not the result of a norm"}
  // CHECK: return %[[R]]#0
  %i, %s = moe.route softmax %x, %r {top_k = 2, renormalize = true, epsilon = 0.0 : f32, scaling = 1.0 : f32} : (tensor<?x32xf32>, tensor<4x32xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return %i : tensor<?x2xi32>
}

// A block with its norm first: the sum goes on beside its norm.
// CHECK-LABEL: func.func @experts_sum_residual_and_norm
func.func @experts_sum_residual_and_norm(%x: tensor<?x32xf32>, %y: tensor<?x32xf32>, %p: tensor<?x2xi32>, %s: tensor<?x2xf32>, %n: tensor<32xf32>) -> (tensor<?x32xf32>, tensor<?x32xf32>) {
  // CHECK: %[[R:.*]]:2 = nn.fused "combine_norm"({{.*}}) {reason = "residual after the sum; the norm of its result; the result itself is given as well"}
  // CHECK: moe.combine
  // CHECK-NEXT: nn.residual
  // CHECK-NEXT: nn.rms_norm
  // CHECK: return %[[R]]#0, %[[R]]#1
  %c = moe.combine %y, %p, %s : (tensor<?x32xf32>, tensor<?x2xi32>, tensor<?x2xf32>) -> tensor<?x32xf32>
  %0 = nn.residual %x, %c {alpha = 1.0 : f32, beta = 1.0 : f32} : tensor<?x32xf32>
  %1 = nn.rms_norm %0, %n {eps = 1.0e-5 : f32} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
  return %0, %1 : tensor<?x32xf32>, tensor<?x32xf32>
}

// The sum waits for the shared expert and its gate.
// CHECK-LABEL: func.func @shared_expert
func.func @shared_expert(%x: tensor<?x32xf32>, %y: tensor<?x32xf32>, %p: tensor<?x2xi32>, %s: tensor<?x2xf32>, %h: tensor<?x48xf32>, %d: tensor<32x48xf32>, %w: tensor<1x32xf32>) -> tensor<?x32xf32> {
  // CHECK: nn.fused "linear"
  // CHECK: nn.fused "linear"
  // CHECK: nn.fused "combine"({{.*}}) {reason = "mix after the sum; residual after the sum"}
  // CHECK-NOT: nn.fused
  %c = moe.combine %y, %p, %s : (tensor<?x32xf32>, tensor<?x2xi32>, tensor<?x2xf32>) -> tensor<?x32xf32>
  %0 = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %h, %d : (tensor<?x48xf32>, tensor<32x48xf32>) -> tensor<?x32xf32>
  %1 = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %w : (tensor<?x32xf32>, tensor<1x32xf32>) -> tensor<?x1xf32>
  %2 = nn.activation sigmoid %1 : tensor<?x1xf32>
  %3 = nn.mix %c, %0, %2 : (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x1xf32>) -> tensor<?x32xf32>
  %4 = nn.residual %x, %3 {alpha = 1.0 : f32, beta = 1.0 : f32} : tensor<?x32xf32>
  return %4 : tensor<?x32xf32>
}

// The residual needs the sum and a product of the sum: it cannot be in the sum's region.
// CHECK-LABEL: func.func @a_way_around
func.func @a_way_around(%x: tensor<?x32xf32>, %y: tensor<?x32xf32>, %p: tensor<?x2xi32>, %s: tensor<?x2xf32>, %w: tensor<32x32xf32>) -> tensor<?x32xf32> {
  // CHECK: nn.fused "combine"({{.*}}) {reason = "nothing beside it fits this kind of region"}
  // CHECK: nn.fused "linear"({{.*}}) {reason = "residual in the epilogue"}
  %c = moe.combine %y, %p, %s : (tensor<?x32xf32>, tensor<?x2xi32>, tensor<?x2xf32>) -> tensor<?x32xf32>
  %0 = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %c, %w : (tensor<?x32xf32>, tensor<32x32xf32>) -> tensor<?x32xf32>
  %1 = nn.residual %c, %0 {alpha = 1.0 : f32, beta = 1.0 : f32} : tensor<?x32xf32>
  return %1 : tensor<?x32xf32>
}

// CHECK-LABEL: func.func @embedding_and_norm
func.func @embedding_and_norm(%i: tensor<?xi32>, %t: tensor<96x32xf32>, %n: tensor<32xf32>) -> tensor<?x32xf32> {
  // CHECK: nn.fused "embedding_norm"
  // CHECK: nn.embedding
  // CHECK-NEXT: nn.rms_norm
  // CHECK-NEXT: nn.yield
  // CHECK-NOT: nn.fused
  %0 = nn.embedding %i, %t : (tensor<?xi32>, tensor<96x32xf32>) -> tensor<?x32xf32>
  %1 = nn.rms_norm %0, %n {eps = 1.0e-5 : f32} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
  return %1 : tensor<?x32xf32>
}

// CHECK-LABEL: func.func @logits
func.func @logits(%x: tensor<?x32xf32>, %r: tensor<?xi32>, %n: tensor<32xf32>, %w: tensor<96x32xf32>) -> tensor<?x96xf32> {
  // CHECK: nn.fused "logits"
  // CHECK: nn.select_rows
  // CHECK-NEXT: nn.rms_norm
  // CHECK-NEXT: nn.lm_head
  // CHECK-NOT: nn.fused
  %0 = nn.select_rows %x, %r : (tensor<?x32xf32>, tensor<?xi32>) -> tensor<?x32xf32>
  %1 = nn.rms_norm %0, %n {eps = 1.0e-5 : f32} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
  %2 = nn.lm_head #tile.numerics<operands = f32, accumulate = f32, group = 1> %1, %w : (tensor<?x32xf32>, tensor<96x32xf32>) -> tensor<?x96xf32>
  return %2 : tensor<?x96xf32>
}

// Queries and keys in one region; the values are a view of the projection.
// CHECK-LABEL: func.func @heads_before_attention
func.func @heads_before_attention(%x: tensor<?x128xf32>, %n: tensor<16xf32>, %p: tensor<?xi32>, %starts: tensor<?xi32>) -> tensor<?x4x16xf32> {
  // CHECK: %[[TABLE:.*]]:2 = nn.fused "rotary_table"(%arg2)
  // CHECK: %[[QK:.*]]:2 = nn.fused "attention_prepare"(%arg0, %arg1, %[[TABLE]]#0, %[[TABLE]]#1)
  // CHECK: nn.heads
  // CHECK-NEXT: nn.rms_norm
  // CHECK-NEXT: nn.rotary
  // CHECK-NEXT: nn.heads
  // CHECK-NEXT: nn.rms_norm
  // CHECK-NEXT: nn.rotary
  // CHECK-NEXT: nn.yield
  // CHECK: nn.fused "softmax"(%[[QK]]#0, %[[QK]]#1, %arg0, %arg3)
  // CHECK-NEXT: ^bb0
  // CHECK-NEXT: nn.heads
  // CHECK-NEXT: attention.softmax
  // CHECK-NOT: nn.fused
  %cos, %sin = nn.rotary_table %p {theta = 1.0e4 : f64, dims = 8} : (tensor<?xi32>) -> (tensor<?x4xf32>, tensor<?x4xf32>)
  %q = nn.heads %x {offset = 0, heads = 4, dim = 16} : (tensor<?x128xf32>) -> tensor<?x4x16xf32>
  %k = nn.heads %x {offset = 64, heads = 2, dim = 16} : (tensor<?x128xf32>) -> tensor<?x2x16xf32>
  %v = nn.heads %x {offset = 96, heads = 2, dim = 16} : (tensor<?x128xf32>) -> tensor<?x2x16xf32>
  %qn = nn.rms_norm %q, %n {eps = 1.0e-6 : f32} : (tensor<?x4x16xf32>, tensor<16xf32>) -> tensor<?x4x16xf32>
  %qr = nn.rotary %qn, %cos, %sin : (tensor<?x4x16xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4x16xf32>
  %kn = nn.rms_norm %k, %n {eps = 1.0e-6 : f32} : (tensor<?x2x16xf32>, tensor<16xf32>) -> tensor<?x2x16xf32>
  %kr = nn.rotary %kn, %cos, %sin : (tensor<?x2x16xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x2x16xf32>
  %o = attention.softmax #tile.numerics<operands = f32, accumulate = f32, group = 1> %qr, %kr, %v starts(%starts) {scale = 0.25 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?xi32>) -> tensor<?x4x16xf32>
  return %o : tensor<?x4x16xf32>
}

// Merged heads that are returned are what the region gives.
// CHECK-LABEL: func.func @views_are_copied_to_their_users
func.func @views_are_copied_to_their_users(%x: tensor<?x128xf32>, %g: tensor<2xf32>, %starts: tensor<?xi32>) -> tensor<?x32xf32> {
  // CHECK: %[[R:.*]] = nn.fused "lightning"(%arg0, %arg1, %arg2)
  // CHECK: nn.heads
  // CHECK-NEXT: %[[O:.*]] = lightning.attention
  // CHECK-NEXT: %[[M:.*]] = nn.merge_heads %[[O]]
  // CHECK-NEXT: nn.yield %[[M]]
  // CHECK: return %[[R]]
  // CHECK-NOT: nn.fused
  %q = nn.heads %x {offset = 0, heads = 2, dim = 16} : (tensor<?x128xf32>) -> tensor<?x2x16xf32>
  %o = lightning.attention gated #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %q, %q decay(%g) starts(%starts) {scale = 1.0 : f32, chunk = 64} : (tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<2xf32>, tensor<?xi32>) -> tensor<?x2x16xf32>
  %m = nn.merge_heads %o : (tensor<?x2x16xf32>) -> tensor<?x32xf32>
  return %m : tensor<?x32xf32>
}

// CHECK-LABEL: func.func @a_view_that_is_returned
func.func @a_view_that_is_returned(%x: tensor<?x128xf32>) -> tensor<?x2x16xf32> {
  // CHECK: nn.fused "view"(%arg0) {reason = "a view that is returned is a copy"}
  %q = nn.heads %x {offset = 32, heads = 2, dim = 16} : (tensor<?x128xf32>) -> tensor<?x2x16xf32>
  return %q : tensor<?x2x16xf32>
}

// Regions that are there are left alone, and nothing joins them.
// CHECK-LABEL: func.func @regions_that_are_there
func.func @regions_that_are_there(%x: tensor<?x32xf32>, %w: tensor<48x32xf32>) -> tensor<?x48xf32> {
  // CHECK: nn.fused "mine"
  // CHECK: nn.fused "elementwise"
  // CHECK-NOT: nn.fused
  %0 = nn.fused "mine"(%x, %w) : (tensor<?x32xf32>, tensor<48x32xf32>) -> tensor<?x48xf32> {
  ^bb0(%a: tensor<?x32xf32>, %b: tensor<48x32xf32>):
    %2 = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %a, %b : (tensor<?x32xf32>, tensor<48x32xf32>) -> tensor<?x48xf32>
    nn.yield %2 : tensor<?x48xf32>
  }
  %1 = nn.activation silu %0 : tensor<?x48xf32>
  return %1 : tensor<?x48xf32>
}

// CHECK-LABEL: func.func @weights_and_constants_stay_outside
func.func @weights_and_constants_stay_outside(%x: tensor<?x32xf32>) -> tensor<?x48xf32> {
  // CHECK-NEXT: %[[W:.*]] = nn.weight @w
  // CHECK-NEXT: nn.fused "linear"(%arg0, %[[W]])
  %w = nn.weight @w : tensor<48x32xf32>
  %0 = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %w : (tensor<?x32xf32>, tensor<48x32xf32>) -> tensor<?x48xf32>
  return %0 : tensor<?x48xf32>
}

// A kernel is not a graph.
// CHECK-LABEL: func.func @kernel
// CHECK-NOT: nn.fused
func.func @kernel(%a: f32) attributes {tile.kernel} {
  %0 = arith.addf %a, %a : f32
  return
}

// The norm's inverse goes along, where its product has the norm.
// CHECK-LABEL: func.func @inverse_of_a_norm_in_a_product
func.func @inverse_of_a_norm_in_a_product(%x: tensor<?x32xf32>, %n: tensor<32xf32>, %w: tensor<48x32xf32>) -> (tensor<?x48xf32>, tensor<?x1xf32>) {
  // CHECK: %[[R:.*]]:2 = nn.fused "linear"
  // CHECK: %{{.*}}, %[[INVERSE:.*]] = nn.rms_norm
  // CHECK-NEXT: %[[DOT:.*]] = nn.linear
  // CHECK-NEXT: nn.yield %[[INVERSE]], %[[DOT]]
  // CHECK: return %[[R]]#1, %[[R]]#0
  %0, %r = nn.rms_norm %x, %n {eps = 1.0e-5 : f32} : (tensor<?x32xf32>, tensor<32xf32>) -> (tensor<?x32xf32>, tensor<?x1xf32>)
  %1 = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %0, %w : (tensor<?x32xf32>, tensor<48x32xf32>) -> tensor<?x48xf32>
  return %1, %r : tensor<?x48xf32>, tensor<?x1xf32>
}

// A rotation is made in halves, a norm reads whole heads: no kernel has both.
// CHECK-LABEL: func.func @a_norm_of_what_is_rotated
func.func @a_norm_of_what_is_rotated(%x: tensor<?x2x16xf32>, %n: tensor<16xf32>, %cos: tensor<?x4xf32>, %sin: tensor<?x4xf32>, %starts: tensor<?xi32>) -> tensor<?x2x16xf32> {
  // CHECK: nn.fused "attention_prepare"
  // CHECK: nn.rotary
  // CHECK-NEXT: nn.yield
  // CHECK: nn.fused "attention_prepare"({{.*}}) {reason = "in one region with it rotary rotates halves of 4 columns and is asked for others, which no kernel does"}
  // CHECK: nn.rms_norm
  %0 = nn.rotary %x, %cos, %sin : (tensor<?x2x16xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x2x16xf32>
  %1 = nn.rms_norm %0, %n {eps = 1.0e-5 : f32} : (tensor<?x2x16xf32>, tensor<16xf32>) -> tensor<?x2x16xf32>
  %o = attention.softmax #tile.numerics<operands = f32, accumulate = f32, group = 1> %1, %x, %x starts(%starts) {scale = 0.25 : f32} : (tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?xi32>) -> tensor<?x2x16xf32>
  return %o : tensor<?x2x16xf32>
}

// CHECK-LABEL: func.func @a_router_after_groups
func.func @a_router_after_groups(%x: tensor<?x32xf32>, %n: tensor<32xf32>, %r: tensor<4x32xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) {
  // CHECK: nn.fused "norm"
  // CHECK: nn.fused "route"
  %0 = nn.rms_norm %x, %n {eps = 1.0e-5 : f32, groups = 4} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
  %i, %s = moe.route softmax %0, %r {top_k = 2, renormalize = true, epsilon = 0.0 : f32, scaling = 1.0 : f32} : (tensor<?x32xf32>, tensor<4x32xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return %i, %s : tensor<?x2xi32>, tensor<?x2xf32>
}

// A weight's bytes lie otherwise than rows.
// CHECK-LABEL: func.func @a_weight_that_is_rows_too
func.func @a_weight_that_is_rows_too(%w: tensor<32x32xf32>) -> tensor<32x32xf32> {
  // CHECK: nn.fused "linear"(%arg0, %arg0)
  // CHECK-NEXT: ^bb0(%[[X:.*]]: tensor<32x32xf32>, %[[W:.*]]: tensor<32x32xf32>)
  // CHECK-NEXT: nn.linear {{.*}} %[[X]], %[[W]]
  %0 = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %w, %w : (tensor<32x32xf32>, tensor<32x32xf32>) -> tensor<32x32xf32>
  return %0 : tensor<32x32xf32>
}

// The heads are returned as they are, merged, and read.
// CHECK-LABEL: func.func @a_returned_view_beside_other_users
func.func @a_returned_view_beside_other_users(%x: tensor<?x2x16xf32>) -> (tensor<?x32xf32>, tensor<?x2x16xf32>, tensor<?x2x16xf32>) {
  // CHECK: %[[A:.*]] = nn.fused "elementwise"
  // CHECK: %[[M:.*]] = nn.fused "view"(%[[A]])
  // CHECK: %[[B:.*]] = nn.fused "elementwise"(%[[A]])
  // CHECK: return %[[M]], %[[B]], %[[A]]
  %0 = nn.activation silu %x : tensor<?x2x16xf32>
  %1 = nn.merge_heads %0 : (tensor<?x2x16xf32>) -> tensor<?x32xf32>
  %2 = nn.activation sigmoid %0 : tensor<?x2x16xf32>
  return %1, %2, %0 : tensor<?x32xf32>, tensor<?x2x16xf32>, tensor<?x2x16xf32>
}

// What nothing reads is no region.
// CHECK-LABEL: func.func @unused
func.func @unused(%x: tensor<?x32xf32>) -> tensor<?x32xf32> {
  // CHECK-NEXT: return
  %0 = nn.activation silu %x : tensor<?x32xf32>
  %1 = nn.activation silu %0 : tensor<?x32xf32>
  return %x : tensor<?x32xf32>
}
