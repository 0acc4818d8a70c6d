// RUN: hamlet-opt %s | hamlet-opt | FileCheck %s

// A whole step function: MiniMax's two kinds of layer, 32 wide, 4 experts.
#numerics = #tile.numerics<operands = f32, accumulate = f32, group = 1>

// CHECK-LABEL: func.func @step(
// CHECK: lightning.attention {{ *}}gated
// CHECK: attention.softmax
// CHECK: nn.lm_head
func.func @step(
    %ids: tensor<?xi32> {hamlet.input = "token_ids"},
    %positions: tensor<?xi32> {hamlet.input = "positions"},
    %starts: tensor<?xi32> {hamlet.input = "starts"},
    %first: tensor<?xi32> {hamlet.input = "first"},
    %slots: tensor<?xi32> {hamlet.input = "slots"},
    %pages: tensor<?x?xi32> {hamlet.input = "pages"},
    %rows: tensor<?xi32> {hamlet.input = "rows"},
    %state: !lightning.state<4x16x16, f32, chunk 64, tail 64> {hamlet.input = "cache"},
    %kv: !attention.cache<2x16x16, f32, page 64> {hamlet.input = "cache"})
    -> (tensor<?x96xf32>, !lightning.state<4x16x16, f32, chunk 64, tail 64>, !attention.cache<2x16x16, f32, page 64>) {
  %embed = nn.weight @model.embed_tokens.weight : tensor<96x32xf32>
  %x = nn.embedding %ids, %embed : (tensor<?xi32>, tensor<96x32xf32>) -> tensor<?x32xf32>
  %cos, %sin = nn.rotary_table %positions {theta = 1.0e7 : f64, dims = 8} : (tensor<?xi32>) -> (tensor<?x4xf32>, tensor<?x4xf32>)
  // Layer 0: lightning.
  %wn_0 = nn.weight @model.layers.0.input_layernorm.weight : tensor<32xf32>
  %y_0 = nn.rms_norm %x, %wn_0 {eps = 1.0e-5 : f32} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
  %wqkv_0 = nn.weight @model.layers.0.self_attn.qkv_proj.weight {recipe = {sources = ["model.layers.0.self_attn.qkv_proj.weight"], shapes = [array<i64: 192, 32>], permute = array<i64: 4, 3, 16>}} : tensor<192x32xf32>
  %qkv_0 = nn.linear #numerics %y_0, %wqkv_0 : (tensor<?x32xf32>, tensor<192x32xf32>) -> tensor<?x192xf32>
  %act_0 = nn.activation silu %qkv_0 : tensor<?x192xf32>
  %q_0 = nn.heads %act_0 {offset = 0, heads = 4, dim = 16} : (tensor<?x192xf32>) -> tensor<?x4x16xf32>
  %k_0 = nn.heads %act_0 {offset = 64, heads = 4, dim = 16} : (tensor<?x192xf32>) -> tensor<?x4x16xf32>
  %v_0 = nn.heads %act_0 {offset = 128, heads = 4, dim = 16} : (tensor<?x192xf32>) -> tensor<?x4x16xf32>
  %decay_0 = arith.constant dense<[-0.0625, -0.03125, -0.015625, -0.0078125]> : tensor<4xf32>
  %o_0, %state_out = lightning.attention gated #numerics %q_0, %k_0, %v_0 decay(%decay_0) cache(%state) slots(%slots) first(%first) starts(%starts) {scale = 1.0 : f32} : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<4xf32>, !lightning.state<4x16x16, f32, chunk 64, tail 64>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x4x16xf32> updated !lightning.state<4x16x16, f32, chunk 64, tail 64>
  %om_0 = nn.merge_heads %o_0 : (tensor<?x4x16xf32>) -> tensor<?x64xf32>
  %won_0 = nn.weight @model.layers.0.self_attn.norm.weight : tensor<64xf32>
  %on_0 = nn.rms_norm %om_0, %won_0 {eps = 1.0e-6 : f32, sum_blocks = 4} : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  %wgate_0 = nn.weight @model.layers.0.self_attn.output_gate.weight : tensor<64x32xf32>
  %g_0 = nn.linear #numerics %y_0, %wgate_0 : (tensor<?x32xf32>, tensor<64x32xf32>) -> tensor<?x64xf32>
  %gs_0 = nn.activation sigmoid %g_0 : tensor<?x64xf32>
  %u_0 = nn.mul %on_0, %gs_0 : tensor<?x64xf32>
  %wo_0 = nn.weight @model.layers.0.self_attn.out_proj.weight : tensor<32x64xf32>
  %a_0 = nn.linear #numerics %u_0, %wo_0 : (tensor<?x64xf32>, tensor<32x64xf32>) -> tensor<?x32xf32>
  %z_0 = nn.residual %y_0, %a_0 {alpha = 1.5 : f32, beta = 1.0 : f32} : tensor<?x32xf32>
  %wpn_0 = nn.weight @model.layers.0.post_attention_layernorm.weight : tensor<32xf32>
  %m_0 = nn.rms_norm %z_0, %wpn_0 {eps = 1.0e-5 : f32} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
  %wr_0 = nn.weight @model.layers.0.block_sparse_moe.gate.weight : tensor<4x32xf32>
  %ids_0, %gates_0 = moe.route softmax %m_0, %wr_0 {top_k = 2, renormalize = true, epsilon = 0.0 : f32, scaling = 1.0 : f32} : (tensor<?x32xf32>, tensor<4x32xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  %off_0, %order_0, %place_0 = moe.dispatch %ids_0 {experts = 4} : (tensor<?x2xi32>) -> (tensor<5xi32>, tensor<?xi32>, tensor<?x2xi32>)
  %w1_0 = nn.weight @model.layers.0.block_sparse_moe.experts.w1 {recipe = {sources = ["model.layers.0.block_sparse_moe.experts.0.w1.weight", "model.layers.0.block_sparse_moe.experts.1.w1.weight", "model.layers.0.block_sparse_moe.experts.2.w1.weight", "model.layers.0.block_sparse_moe.experts.3.w1.weight"], shapes = [array<i64: 24, 32>, array<i64: 24, 32>, array<i64: 24, 32>, array<i64: 24, 32>], stack}} : tensor<4x24x32xf32>
  %w3_0 = nn.weight @model.layers.0.block_sparse_moe.experts.w3 {recipe = {sources = ["model.layers.0.block_sparse_moe.experts.0.w3.weight", "model.layers.0.block_sparse_moe.experts.1.w3.weight", "model.layers.0.block_sparse_moe.experts.2.w3.weight", "model.layers.0.block_sparse_moe.experts.3.w3.weight"], shapes = [array<i64: 24, 32>, array<i64: 24, 32>, array<i64: 24, 32>, array<i64: 24, 32>], stack}} : tensor<4x24x32xf32>
  %w2_0 = nn.weight @model.layers.0.block_sparse_moe.experts.w2 {recipe = {sources = ["model.layers.0.block_sparse_moe.experts.0.w2.weight", "model.layers.0.block_sparse_moe.experts.1.w2.weight", "model.layers.0.block_sparse_moe.experts.2.w2.weight", "model.layers.0.block_sparse_moe.experts.3.w2.weight"], shapes = [array<i64: 32, 24>, array<i64: 32, 24>, array<i64: 32, 24>, array<i64: 32, 24>], stack}} : tensor<4x32x24xf32>
  %h_0 = moe.expert_up silu #numerics %m_0, %off_0, %order_0, %w1_0, %w3_0 {top_k = 2} : (tensor<?x32xf32>, tensor<5xi32>, tensor<?xi32>, tensor<4x24x32xf32>, tensor<4x24x32xf32>) -> tensor<?x24xf32>
  %d_0 = moe.expert_down #numerics %h_0, %off_0, %w2_0 : (tensor<?x24xf32>, tensor<5xi32>, tensor<4x32x24xf32>) -> tensor<?x32xf32>
  %c_0 = moe.combine %d_0, %place_0, %gates_0 : (tensor<?x32xf32>, tensor<?x2xi32>, tensor<?x2xf32>) -> tensor<?x32xf32>
  %x_0 = nn.residual %m_0, %c_0 {alpha = 1.5 : f32, beta = 1.0 : f32} : tensor<?x32xf32>
  // Layer 1: softmax.
  %wn_1 = nn.weight @model.layers.1.input_layernorm.weight : tensor<32xf32>
  %y_1 = nn.rms_norm %x_0, %wn_1 {eps = 1.0e-5 : f32} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
  %wqkv_1 = nn.weight @model.layers.1.self_attn.qkv {recipe = {sources = ["model.layers.1.self_attn.q_proj.weight", "model.layers.1.self_attn.k_proj.weight", "model.layers.1.self_attn.v_proj.weight"], shapes = [array<i64: 64, 32>, array<i64: 32, 32>, array<i64: 32, 32>]}} : tensor<128x32xf32>
  %qkv_1 = nn.linear #numerics %y_1, %wqkv_1 : (tensor<?x32xf32>, tensor<128x32xf32>) -> tensor<?x128xf32>
  %q_1 = nn.heads %qkv_1 {offset = 0, heads = 4, dim = 16} : (tensor<?x128xf32>) -> tensor<?x4x16xf32>
  %k_1 = nn.heads %qkv_1 {offset = 64, heads = 2, dim = 16} : (tensor<?x128xf32>) -> tensor<?x2x16xf32>
  %v_1 = nn.heads %qkv_1 {offset = 96, heads = 2, dim = 16} : (tensor<?x128xf32>) -> tensor<?x2x16xf32>
  %qr_1 = nn.rotary %q_1, %cos, %sin : (tensor<?x4x16xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4x16xf32>
  %kr_1 = nn.rotary %k_1, %cos, %sin : (tensor<?x2x16xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x2x16xf32>
  %o_1, %kv_out = attention.softmax #numerics %qr_1, %kr_1, %v_1 cache(%kv) pages(%pages) first(%first) starts(%starts) {scale = 0.25 : f32} : (tensor<?x4x16xf32>, tensor<?x2x16xf32>, tensor<?x2x16xf32>, !attention.cache<2x16x16, f32, page 64>, tensor<?x?xi32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x4x16xf32> updated !attention.cache<2x16x16, f32, page 64>
  %om_1 = nn.merge_heads %o_1 : (tensor<?x4x16xf32>) -> tensor<?x64xf32>
  %wo_1 = nn.weight @model.layers.1.self_attn.o_proj.weight : tensor<32x64xf32>
  %a_1 = nn.linear #numerics %om_1, %wo_1 : (tensor<?x64xf32>, tensor<32x64xf32>) -> tensor<?x32xf32>
  %z_1 = nn.residual %y_1, %a_1 {alpha = 1.5 : f32, beta = 1.0 : f32} : tensor<?x32xf32>
  %wpn_1 = nn.weight @model.layers.1.post_attention_layernorm.weight : tensor<32xf32>
  %m_1 = nn.rms_norm %z_1, %wpn_1 {eps = 1.0e-5 : f32} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
  %wr_1 = nn.weight @model.layers.1.block_sparse_moe.gate.weight : tensor<4x32xf32>
  %ids_1, %gates_1 = moe.route softmax %m_1, %wr_1 {top_k = 2, renormalize = true, epsilon = 0.0 : f32, scaling = 1.0 : f32} : (tensor<?x32xf32>, tensor<4x32xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  %off_1, %order_1, %place_1 = moe.dispatch %ids_1 {experts = 4} : (tensor<?x2xi32>) -> (tensor<5xi32>, tensor<?xi32>, tensor<?x2xi32>)
  %w1_1 = nn.weight @model.layers.1.block_sparse_moe.experts.w1 {recipe = {sources = ["model.layers.1.block_sparse_moe.experts.0.w1.weight", "model.layers.1.block_sparse_moe.experts.1.w1.weight", "model.layers.1.block_sparse_moe.experts.2.w1.weight", "model.layers.1.block_sparse_moe.experts.3.w1.weight"], shapes = [array<i64: 24, 32>, array<i64: 24, 32>, array<i64: 24, 32>, array<i64: 24, 32>], stack}} : tensor<4x24x32xf32>
  %w3_1 = nn.weight @model.layers.1.block_sparse_moe.experts.w3 {recipe = {sources = ["model.layers.1.block_sparse_moe.experts.0.w3.weight", "model.layers.1.block_sparse_moe.experts.1.w3.weight", "model.layers.1.block_sparse_moe.experts.2.w3.weight", "model.layers.1.block_sparse_moe.experts.3.w3.weight"], shapes = [array<i64: 24, 32>, array<i64: 24, 32>, array<i64: 24, 32>, array<i64: 24, 32>], stack}} : tensor<4x24x32xf32>
  %w2_1 = nn.weight @model.layers.1.block_sparse_moe.experts.w2 {recipe = {sources = ["model.layers.1.block_sparse_moe.experts.0.w2.weight", "model.layers.1.block_sparse_moe.experts.1.w2.weight", "model.layers.1.block_sparse_moe.experts.2.w2.weight", "model.layers.1.block_sparse_moe.experts.3.w2.weight"], shapes = [array<i64: 32, 24>, array<i64: 32, 24>, array<i64: 32, 24>, array<i64: 32, 24>], stack}} : tensor<4x32x24xf32>
  %h_1 = moe.expert_up silu #numerics %m_1, %off_1, %order_1, %w1_1, %w3_1 {top_k = 2} : (tensor<?x32xf32>, tensor<5xi32>, tensor<?xi32>, tensor<4x24x32xf32>, tensor<4x24x32xf32>) -> tensor<?x24xf32>
  %d_1 = moe.expert_down #numerics %h_1, %off_1, %w2_1 : (tensor<?x24xf32>, tensor<5xi32>, tensor<4x32x24xf32>) -> tensor<?x32xf32>
  %c_1 = moe.combine %d_1, %place_1, %gates_1 : (tensor<?x32xf32>, tensor<?x2xi32>, tensor<?x2xf32>) -> tensor<?x32xf32>
  %x_1 = nn.residual %m_1, %c_1 {alpha = 1.5 : f32, beta = 1.0 : f32} : tensor<?x32xf32>
  // The rows whose logits are wanted.
  %last = nn.select_rows %x_1, %rows : (tensor<?x32xf32>, tensor<?xi32>) -> tensor<?x32xf32>
  %wf = nn.weight @model.norm.weight : tensor<32xf32>
  %f = nn.rms_norm %last, %wf {eps = 1.0e-5 : f32} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
  %head = nn.weight @lm_head.weight : tensor<96x32xf32>
  %logits = nn.lm_head #numerics %f, %head : (tensor<?x32xf32>, tensor<96x32xf32>) -> tensor<?x96xf32>
  return %logits, %state_out, %kv_out : tensor<?x96xf32>, !lightning.state<4x16x16, f32, chunk 64, tail 64>, !attention.cache<2x16x16, f32, page 64>
}
