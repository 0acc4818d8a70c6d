//===- ModelTest.cpp ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestFiles.h"

#include <cmath>

using namespace hamlet::frontend;
using namespace hamlet::test;

namespace {

// Two layers in the published dialect; tests cut and change keys.
const char *const kM1 =
    R"({"model_type":"minimax_m1","hidden_size":64,"num_hidden_layers":2,"num_attention_heads":4,
"num_key_value_heads":2,"intermediate_size":96,"num_local_experts":4,"num_experts_per_tok":2,"vocab_size":160,
"attn_type_list":[0,1]})";

std::string edited(std::string text, const std::string &from,
                   const std::string &to) {
  size_t place = text.find(from);
  EXPECT_NE(place, std::string::npos) << from;
  return place == std::string::npos ? text
                                    : text.replace(place, from.size(), to);
}
std::string with(const std::string &text, const std::string &member) {
  return edited(text, "{", "{" + member + ",");
}

TEST(Model, M1DefaultsOfAbsentKeys) {
  ModelSpec spec = resolved(kM1);
  ASSERT_EQ(spec.layers.size(), 2u);
  EXPECT_FALSE(spec.postnorm);
  EXPECT_EQ(spec.normEps, 1e-5);
  EXPECT_FALSE(spec.configDType);
  EXPECT_TRUE(spec.eosIds.empty());
  const LightningSpec *lightning = spec.layers[0].lightning();
  ASSERT_TRUE(lightning);
  EXPECT_EQ(lightning->keyDim, 16); // hidden / heads
  EXPECT_EQ(lightning->outputNormEps, 1e-6);
  EXPECT_EQ(lightning->activation, Activation::Silu);
  EXPECT_EQ(lightning->scale, 1);
  EXPECT_EQ(lightning->rope.dims, 0);
  const SoftmaxSpec *softmax = spec.layers[1].softmax();
  ASSERT_TRUE(softmax);
  EXPECT_EQ(softmax->rope.dims, 16); // the whole head
  EXPECT_EQ(softmax->rope.theta, 1e6);
  EXPECT_EQ(softmax->scale, 0.25);
  EXPECT_FALSE(softmax->slidingWindow);
  EXPECT_EQ(spec.layers[0].mixerResidual.alpha, 1);
  EXPECT_FALSE(spec.layers[0].moe.shared);
}

TEST(Model, NamesOfOneFamily) {
  for (const char *name :
       {"MiniMaxM1", "minimax_text_01", "MiniMaxText01", "MINIMAX-M1"})
    EXPECT_EQ(resolved(edited(kM1, "minimax_m1", name)).family, "minimax_m1")
        << name;
  EXPECT_EQ(resolved(edited(kM1, R"("model_type":"minimax_m1")",
                            R"("architectures":["MiniMaxM1ForCausalLM"])"))
                .family,
            "minimax_m1");
}

TEST(Model, ArchitecturesAgreeWithTheModelType) {
  EXPECT_EQ(
      resolved(with(kM1, R"("architectures":["MiniMaxText01ForCausalLM"])"))
          .unknownArchitecture,
      "");
  EXPECT_EQ(resolved(with(kM1, R"("architectures":["MyOwnForCausalLM"])"))
                .unknownArchitecture,
            "config.json: architectures: 'MyOwnForCausalLM' is unknown; read "
            "as MiniMaxM1ForCausalLM or MiniMaxText01ForCausalLM, as the model "
            "type is");
  EXPECT_EQ(
      configError(with(kM1, R"("architectures":["MixtralForCausalLM"])")),
      "config.json: architectures: expected one of family 'minimax_m1' "
      "(MiniMaxM1ForCausalLM, MiniMaxText01ForCausalLM), as the model type is, "
      "found 'MixtralForCausalLM'");
}

TEST(Model, AliasesAndListsPerLayer) {
  ModelSpec spec =
      resolved(edited(kM1, "attn_type_list", "decoder_attention_types"));
  EXPECT_TRUE(spec.layers[0].lightning());
  spec = resolved(edited(
      edited(kM1, R"("num_local_experts":4)", R"("num_local_experts":[4,8])"),
      "hidden_size", R"(shared_intermediate_size":[0],"hidden_size)"));
  EXPECT_EQ(spec.layers[0].moe.experts, 4);
  EXPECT_EQ(spec.layers[1].moe.experts, 8);
  EXPECT_EQ(spec.weight("layers.1.experts.down")->shape,
            (std::vector<int64_t>{8, 64, 96}));
  // Two names of one thing: equal is fine, different is not.
  EXPECT_EQ(configError(with(kM1, R"("num_experts":4)")), "");
  EXPECT_EQ(configError(with(kM1, R"("num_experts":5)")),
            "config.json: num_local_experts, num_experts: two names of one "
            "thing disagree: expected equal values, "
            "found 4 and 5");
}

TEST(Model, NullMeansNone) {
  // The class default of eos_token_id is 2: for an absent key only.
  std::string native = edited(edited(kM1, "minimax_m1", "minimax"),
                              R"("attn_type_list":[0,1])", R"("use_cache":0)");
  EXPECT_EQ(resolved(native).eosIds, std::vector<int64_t>{2});
  EXPECT_TRUE(resolved(with(native, R"("eos_token_id":null)")).eosIds.empty());
  EXPECT_EQ(resolved(with(native, R"("eos_token_id":[3,4])")).eosIds,
            (std::vector<int64_t>{3, 4}));
  EXPECT_EQ(resolved(edited(kM1, R"("num_key_value_heads":2)",
                            R"("num_key_value_heads":null)"))
                .layers[1]
                .softmax()
                ->kvHeads,
            4);
  EXPECT_EQ(
      configError(edited(kM1, R"("vocab_size":160)", R"("vocab_size":null)")),
      "config.json: vocab_size: expected a whole number from 1 to 268435456, "
      "found null");
  std::string qwen =
      R"({"model_type":"qwen3_moe","num_hidden_layers":1,"num_experts":4,"num_experts_per_tok":2,)";
  EXPECT_FALSE(resolved(qwen + R"("use_sliding_window":false})")
                   .layers[0]
                   .softmax()
                   ->slidingWindow);
  EXPECT_EQ(resolved(qwen + R"("use_sliding_window":true})")
                .layers[0]
                .softmax()
                ->slidingWindow,
            4096);
  EXPECT_FALSE(
      resolved(qwen + R"("use_sliding_window":true,"sliding_window":null})")
          .layers[0]
          .softmax()
          ->slidingWindow);
}

TEST(Model, NativeLayersAlternateFromFull) {
  std::string native =
      edited(edited(kM1, "minimax_m1", "minimax"), R"("attn_type_list":[0,1])",
             R"("layer_types":null)");
  ModelSpec spec = resolved(native);
  EXPECT_TRUE(spec.layers[0].softmax());
  EXPECT_TRUE(spec.layers[1].lightning());
  EXPECT_TRUE(spec.postnorm);
  // Converted configurations may keep the older key, spelt otherwise.
  spec = resolved(
      edited(with(native, R"("attn_type_list":[0,1])"), R"("layer_types":null)",
             R"("layer_types":["linear_attention","full_attention"])"));
  EXPECT_TRUE(spec.layers[0].lightning());
  spec = resolved(with(
      native,
      R"("rope_parameters":{"rope_theta":10000000.0,"partial_rotary_factor":0.5})"));
  EXPECT_EQ(spec.layers[0].softmax()->rope.dims, 8);
  EXPECT_EQ(spec.layers[0].softmax()->rope.theta, 1e7);
  EXPECT_EQ(resolved(with(native, R"("rotary_dim":4)"))
                .layers[0]
                .softmax()
                ->rope.dims,
            4);
}

TEST(Model, ErrorsNameFileKeyExpectedAndFound) {
  struct Case {
    std::string config;
    const char *error;
  };
  const Case cases[] = {
      {"{", "config.json: is not valid JSON"},
      {"[]", "config.json: expected a mapping, found []"},
      {R"({"model_type":"llama"})", "config.json: model_type: expected a known "
                                    "family (minimax_m1, minimax_text_01, "
                                    "minimax, mixtral, qwen3_moe), found "
                                    "'llama'; --models DIR adds descriptions"},
      {"{}", "found none"},
      {edited(kM1, R"("hidden_size":64,)", ""),
       "config.json: hidden_size: is missing"},
      {edited(kM1, "64", "\"64\""),
       "config.json: hidden_size: expected a whole number from 1 to 1048576, "
       "found \"64\""},
      {edited(kM1, "64", "0"),
       "hidden_size: expected a whole number from 1 to 1048576, found 0"},
      {edited(kM1, "64", "64.5"), "found 64.5"},
      {edited(kM1, R"("num_hidden_layers":2)",
              R"("num_hidden_layers":1000000000)"),
       "from 1 to 4096"},
      {edited(kM1, "[0,1]", "[0]"),
       "config.json: attn_type_list: expected a list of 2 layer kinds, one for "
       "each layer, "
       "found [0] with 1 entries"},
      {edited(kM1, "[0,1]", "[0,2]"),
       "config.json: attn_type_list[1]: expected one of 0, 1, found 2"},
      {edited(kM1, "[0,1]", "7"),
       "attn_type_list: expected a list of 2 layer kinds"},
      {edited(kM1, ",\n\"attn_type_list\":[0,1]", ""),
       "attn_type_list: expected a list of 2 layer kinds, found nothing"},
      {edited(kM1, R"("num_key_value_heads":2)", R"("num_key_value_heads":3)"),
       "expected a divisor of the 4 heads, found 3"},
      {edited(kM1, R"("num_experts_per_tok":2)", R"("num_experts_per_tok":5)"),
       "config.json: num_experts_per_tok: expected a whole number from 1 to 4, "
       "found 5"},
      {with(kM1, R"("hidden_act":"gelu")"),
       "config.json: hidden_act: expected one of silu, swish, found \"gelu\""},
      {with(kM1, R"("attention_bias":true)"),
       "config.json: attention_bias: expected false (hamlet supports "
       "nothing else here), found true"},
      {with(kM1, R"("rotary_dim":7)"), "expected an even number, found 7"},
      {with(kM1, R"("rotary_dim":18)"),
       "rotary_dim: expected a whole number from 0 to 16, found 18"},
      {with(kM1, R"("sliding_window":0)"),
       "sliding_window: expected a whole number from 1"},
      {with(kM1, R"("postnorm":1)"),
       "postnorm: expected true or false, found 1"},
      {with(kM1, R"("rms_norm_eps":-1)"),
       "rms_norm_eps: expected a number from 0 to 1, found -1"},
      {with(kM1, R"("torch_dtype":"int8")"),
       "torch_dtype: expected float32, bfloat16 or float16, found \"int8\""},
      {with(kM1, R"("shared_intermediate_size":8,"shared_moe_mode":"softmax")"),
       "shared_moe_mode: expected \"sigmoid\""},
      {R"({"model_type":"qwen3_moe","mlp_only_layers":[0]})",
       "mlp_only_layers: expected []"},
      {R"({"model_type":"qwen3_moe","decoder_sparse_step":2})",
       "decoder_sparse_step: expected 1"},
      {std::string(5000, '['), "nested deeper than 64"},
  };
  for (const Case &c : cases) {
    std::string error = configError(c.config);
    EXPECT_NE(error.find(c.error), std::string::npos)
        << c.config << "\n -> " << error;
  }
  // Without a shared expert the mode means nothing.
  EXPECT_EQ(
      configError(with(
          kM1, R"("shared_intermediate_size":0,"shared_moe_mode":"softmax")")),
      "");
  EXPECT_EQ(
      configError(with(
          kM1,
          R"("shared_intermediate_size":[0],"shared_moe_mode":"softmax")")),
      "");
}

// Wherever the rotation is spoken of: the old names and the new ones, flat and
// within, count alike; what is not understood is refused.
TEST(Model, EveryNameOfTheRotation) {
  const std::string mixtral =
      R"({"model_type":"mixtral","num_hidden_layers":1,)";
  auto theta = [](const std::string &config) {
    return resolved(config).layers[0].softmax()->rope.theta;
  };
  for (
      const char *members : {
          R"("rope_theta":5e4)",
          R"("rope_theta":null,"rope_parameters":{"rope_theta":5e4})",
          R"("rope_theta":5e4,"rope_parameters":null)",
          R"("rope_theta":5e4,"rope_parameters":{"rope_theta":null})",
          R"("rope_theta":5e4,"rope_parameters":{"rope_type":"default","rope_theta":50000})",
          R"("rope_scaling":{"rope_theta":5e4,"type":"default"})",
          R"("rope_theta":5e4,"rope_scaling":{})",
          R"("rope_theta":5e4,"rope_scaling":null,"rope_type":"default")",
          R"("rope_theta":5e4,"rope_scaling":{"rope_type":"default"})",
          R"("rope_theta":5e4,"rope_scaling":{"type":"default","factor":null})",
      })
    EXPECT_EQ(theta(mixtral + members + "}"), 5e4) << members;
  EXPECT_EQ(
      resolved(mixtral +
               R"("head_dim":16,"rope_scaling":{"partial_rotary_factor":0.5}})")
          .layers[0]
          .softmax()
          ->rope.dims,
      8);

  for (auto [members, error] : {
           std::pair<const char *, const char *>{
               R"("rope_scaling":{"type":"yarn","factor":4})",
               "config.json: rope_scaling.type: expected \"default\" (hamlet "
               "supports nothing else here), found \"yarn\""},
           {R"("rope_scaling":{"rope_type":"linear","factor":2})",
            "rope_scaling.rope_type: expected \"default\""},
           {R"("rope_parameters":{"type":"yarn","factor":4})",
            "rope_parameters.type: expected \"default\""},
           {R"("rope_parameters":{"rope_type":"default","type":"longrope"})",
            "rope_parameters.type: expected \"default\""},
           {R"("rope_type":"llama3")", "rope_type: expected \"default\""},
           {R"("rope_parameters":{"rope_theta":1e4,"factor":4})",
            "rope_parameters.factor: expected none, found 4 (a rotary "
            "embedding): the description of family 'mixtral' does not have it, "
            "and without it results would differ"},
           {R"("rope_scaling":{"factor":4})",
            "rope_scaling.factor: expected none, found 4"},
           {R"("rope_parameters":{"full_attention":{"rope_theta":1e4}})",
            "rope_parameters.full_attention: expected none"},
           {R"("rope_parameters":{"rope_theta":{"value":1e4}})",
            "rope_parameters.rope_theta: expected a number"},
           {R"("rope_parameters":5)", "rope_parameters: expected an object"},
           {R"("rope_scaling":"yarn")", "rope_scaling: expected an object"},
           {R"("rope_theta":1e4,"rope_scaling":{"rope_theta":1e5})",
            "rope_theta, rope_scaling.rope_theta: two names of one thing "
            "disagree"},
           {R"("rope_theta":null)", "rope_theta: expected a number"},
           {R"("rope_theta":Infinity)",
            "rope_theta: expected a number from 0.001 to 1e+30, found "
            "\"Infinity\""},
           {R"("rotary_emb_base":10000)", "rotary_emb_base: expected none"},
           {R"("rope_interleave":true)", "rope_interleave: expected none"},
       }) {
    std::string found = configError(mixtral + members + "}");
    EXPECT_NE(found.find(error), std::string::npos)
        << members << "\n -> " << found;
  }
  // Two ways to say how much of a head is rotated.
  EXPECT_EQ(
      configError(with(kM1, R"("rotary_dim":8,"partial_rotary_factor":0.5)")),
      "");
  EXPECT_NE(
      configError(with(kM1, R"("rotary_dim":8,"partial_rotary_factor":0.25)"))
          .find("rotary_dim: values that should be one (8, 4)"),
      std::string::npos);
}

TEST(Model, LayerKindsOfTwoNamesMustAgree) {
  std::string native =
      with(edited(kM1, "minimax_m1", "minimax"), R"("layer_types":null)");
  EXPECT_TRUE(resolved(native).layers[0].lightning());
  EXPECT_NE(
      configError(
          edited(native, "null", R"(["full_attention","linear_attention"])"))
          .find("layer_types, attn_type_list: two names of one thing disagree"),
      std::string::npos);
}

// One or two keys of each kind that changes results, in each family.
TEST(Model, KeysThatChangeResultsAreRefused) {
  const char *const members[] = {
      R"("quantization_config":{"quant_method":"fp8"})",
      R"("quantization":{"bits":4})",
      R"("compression_config":{"format":"int"})",
      R"("attn_logit_softcapping":50.0)",
      R"("final_logit_softcapping":30)",
      R"("clip_qkv":8)",
      R"("swiglu_limit":7.0)",
      R"("mlp_bias":true)",
      R"("use_bias":true)",
      R"("attention_multiplier":0.5)",
      R"("logit_scale":0.0625)",
      R"("embedding_multiplier":12)",
      R"("routed_scaling_factor":2.5)",
      R"("scale_emb":12)",
      R"("query_pre_attn_scalar":256)",
      R"("qk_layernorm":true)",
      R"("layer_norm_eps":1e-5)",
      R"("use_post_norm":true)",
      R"("no_rope_layers":[1,0])",
      R"("first_k_dense_replace":1)",
      R"("moe_layer_freq":2)",
      R"("sliding_window_pattern":6)",
      R"("layers_block_type":["mamba"])",
      R"("n_shared_experts":1)",
      R"("scoring_func":"sigmoid")",
      R"("n_group":8)",
      R"("act_fn":"gelu")",
      R"("attn_output_gate":true)",
      R"("attention_chunk_size":8192)",
      R"("use_attention_sinks":true)",
      R"("is_causal":false)",
      R"("use_rope":false)",
      R"("kv_lora_rank":512)",
      R"("use_parallel_residual":true)",
      R"("text_config":{"hidden_size":64})",
      R"("NORMALIZE_Embeddings":true)",
  };
  for (const char *family : {"mixtral", "qwen3_moe", "minimax", "minimax_m1"})
    for (const char *member : members) {
      std::string error = configError(
          with(edited(kM1, "minimax_m1", family) == kM1
                   ? std::string(kM1)
                   : edited(edited(kM1, "minimax_m1", family),
                            R"("attn_type_list":[0,1])", R"("use_cache":1)"),
               member));
      std::string key =
          llvm::StringRef(member).split('"').second.split('"').first.str();
      EXPECT_NE(error.find(key + ": expected none, found"), std::string::npos)
          << family << " " << member << "\n -> " << error;
    }
  // All of them in one message.
  EXPECT_NE(configError(with(kM1, R"("mlp_bias":true,"clip_qkv":8)"))
                .find("config.json: clip_qkv: expected none, found 8 (soft "
                      "capping); mlp_bias: expected none, found true (a bias): "
                      "the description of family 'minimax_m1'"),
            std::string::npos);
}

TEST(Model, KeysThatAreOffAreNone) {
  for (const char *member :
       {R"("quantization_config":null)", R"("quantization_config":{})",
        R"("attn_logit_softcapping":null)", R"("mlp_bias":false)",
        R"("qk_layernorm":false)", R"("moe_layer_freq":1)",
        R"("first_k_dense_replace":0)", R"("n_shared_experts":0)",
        R"("logit_scale":1.0)", R"("no_rope_layers":[])", R"("is_causal":true)",
        R"("use_rope":true)", R"("any_note":null)",
        R"("initializer_range":Infinity,"_x":[NaN,-Infinity])"}) {
    ModelSpec spec = resolved(with(kM1, member));
    EXPECT_EQ(spec.unknownKeys, "") << member;
  }
}

TEST(Model, OtherUnknownKeysAreNamed) {
  EXPECT_EQ(resolved(with(kM1, R"("seed":Infinity,"my_note":"x","ep_size":2)"))
                .unknownKeys,
            "config.json: keys that nothing reads, ignored: ep_size, my_note, "
            "seed");
  // A family's own list.
  EXPECT_EQ(resolved(with(kM1, R"("block":256)")).unknownKeys, "");
  EXPECT_NE(resolved(R"({"model_type":"mixtral","block":256})")
                .unknownKeys.find("ignored: block"),
            std::string::npos);
}

// As published, with every key that they have.
TEST(Model, PublishedConfigurationsPassInSilence) {
  const char *const configs[] = {
      // Mixtral 8x7B
      R"({"architectures":["MixtralForCausalLM"],"attention_dropout":0.0,"bos_token_id":1,"eos_token_id":2,
"hidden_act":"silu","hidden_size":4096,"initializer_range":0.02,"intermediate_size":14336,
"max_position_embeddings":32768,"model_type":"mixtral","num_attention_heads":32,"num_experts_per_tok":2,
"num_hidden_layers":32,"num_key_value_heads":8,"num_local_experts":8,"output_router_logits":false,
"rms_norm_eps":1e-05,"rope_theta":1000000.0,"router_aux_loss_coef":0.02,"sliding_window":null,
"tie_word_embeddings":false,"torch_dtype":"bfloat16","transformers_version":"4.36.0.dev0","use_cache":true,
"vocab_size":32000})",
      // Mixtral 8x22B Instruct, as Transformers 4.38 wrote it
      R"({"_name_or_path":"x","architectures":["MixtralForCausalLM"],"attention_dropout":0.0,"bos_token_id":1,
"eos_token_id":2,"hidden_act":"silu","hidden_size":6144,"initializer_range":0.02,"intermediate_size":16384,
"max_position_embeddings":65536,"model_type":"mixtral","num_attention_heads":48,"num_experts_per_tok":2,
"num_hidden_layers":56,"num_key_value_heads":8,"num_local_experts":8,"output_router_logits":false,
"rms_norm_eps":1e-05,"rope_theta":1000000,"router_aux_loss_coef":0.001,"router_jitter_noise":0.0,
"sliding_window":null,"tie_word_embeddings":false,"torch_dtype":"bfloat16","transformers_version":"4.38.0",
"use_cache":true,"vocab_size":32768})",
      // Qwen3-30B-A3B
      R"({"architectures":["Qwen3MoeForCausalLM"],"attention_bias":false,"attention_dropout":0.0,
"bos_token_id":151643,"decoder_sparse_step":1,"eos_token_id":151645,"head_dim":128,"hidden_act":"silu",
"hidden_size":2048,"initializer_range":0.02,"intermediate_size":6144,"max_position_embeddings":40960,
"max_window_layers":48,"mlp_only_layers":[],"model_type":"qwen3_moe","moe_intermediate_size":768,
"norm_topk_prob":true,"num_attention_heads":32,"num_experts":128,"num_experts_per_tok":8,
"num_hidden_layers":48,"num_key_value_heads":4,"output_router_logits":false,"rms_norm_eps":1e-06,
"rope_scaling":null,"rope_theta":1000000.0,"router_aux_loss_coef":0.001,"sliding_window":null,
"tie_word_embeddings":false,"torch_dtype":"bfloat16","transformers_version":"4.51.0","use_cache":true,
"use_sliding_window":false,"vocab_size":151936})",
      // Qwen3-Coder-30B-A3B
      R"({"architectures":["Qwen3MoeForCausalLM"],"attention_dropout":0.0,"decoder_sparse_step":1,
"eos_token_id":151645,"head_dim":128,"hidden_act":"silu","hidden_size":2048,"initializer_range":0.02,
"intermediate_size":5472,"max_position_embeddings":262144,"max_window_layers":28,"mlp_only_layers":[],
"model_type":"qwen3_moe","moe_intermediate_size":768,"norm_topk_prob":true,"num_attention_heads":32,
"num_experts":128,"num_experts_per_tok":8,"num_hidden_layers":48,"num_key_value_heads":4,
"output_router_logits":false,"qkv_bias":false,"rms_norm_eps":1e-06,"rope_scaling":null,"rope_theta":10000000,
"router_aux_loss_coef":0.0,"shared_expert_intermediate_size":0,"sliding_window":null,
"tie_word_embeddings":false,"torch_dtype":"bfloat16","transformers_version":"4.52.3","use_cache":true,
"use_qk_norm":true,"use_sliding_window":false,"vocab_size":151936})",
      // MiniMax as Transformers 5 writes it
      R"({"architectures":["MiniMaxForCausalLM"],"attention_dropout":0.0,"block_size":256,"bos_token_id":1,
"dtype":"bfloat16","eos_token_id":2,"full_attn_alpha_factor":3.5,"full_attn_beta_factor":1,"head_dim":16,
"hidden_act":"silu","hidden_size":64,"initializer_range":0.02,"intermediate_size":96,
"layer_types":["linear_attention","full_attention"],"linear_attn_alpha_factor":3.5,"linear_attn_beta_factor":1,
"max_position_embeddings":4096,"mlp_alpha_factor":3.5,"mlp_beta_factor":1,"model_type":"minimax",
"num_attention_heads":4,"num_experts_per_tok":2,"num_hidden_layers":2,"num_key_value_heads":2,
"num_local_experts":4,"output_router_logits":false,"pad_token_id":null,"rms_norm_eps":1e-05,
"rope_parameters":{"partial_rotary_factor":0.5,"rope_theta":10000000.0,"rope_type":"default"},
"router_aux_loss_coef":0.001,"router_jitter_noise":0.0,"sliding_window":null,"tie_word_embeddings":false,
"transformers_version":"5.0.0","use_cache":true,"vocab_size":160})",
      // MiniMax-Text-01, cut to two layers
      R"({"architectures":["MiniMaxText01ForCausalLM"],"attention_dropout":0.0,"attn_type_list":[0,1],
"auto_map":{"AutoConfig":"configuration_minimax_text_01.MiniMaxText01Config",
"AutoModelForCausalLM":"modeling_minimax_text_01.MiniMaxText01ForCausalLM"},"bos_token_id":null,
"eos_token_id":null,"head_dim":128,"hidden_act":"silu","hidden_size":6144,"initializer_range":0.02,
"intermediate_size":9216,"layernorm_full_attention_alpha":3.5565588200778455,
"layernorm_full_attention_beta":1.0,"layernorm_linear_attention_alpha":3.5565588200778455,
"layernorm_linear_attention_beta":1.0,"layernorm_mlp_alpha":3.5565588200778455,"layernorm_mlp_beta":1.0,
"max_position_embeddings":10240000,"model_type":"minimax_text_01","num_attention_heads":64,
"num_experts_per_tok":2,"num_hidden_layers":2,"num_key_value_heads":8,"num_local_experts":32,
"output_router_logits":false,"postnorm":true,"rms_norm_eps":1e-05,"rope_theta":10000000,"rotary_dim":64,
"router_aux_loss_coef":0.001,"router_jitter_noise":0.0,"shared_intermediate_size":0,
"shared_moe_mode":"sigmoid","sliding_window":null,"tie_word_embeddings":false,"transformers_version":"4.45.2",
"use_cache":true,"vocab_size":200064})",
  };
  for (const char *config : configs) {
    ModelSpec spec = resolved(config);
    EXPECT_EQ(spec.unknownKeys, "") << config;
    EXPECT_EQ(spec.unknownArchitecture, "");
    ScratchDir dir;
    dir.write("config.json", config);
    EXPECT_EQ(hamlet::differences(spec.configuration, dir.path),
              std::vector<std::string>());
  }
  std::vector<std::string> folders = {
      sourceDir() + "/test/golden/packs", sharedDir() + "/golden",
      sharedDir() + "/models", sourceDir() + "/examples"};
  for (const std::string &folder : folders)
    if (std::filesystem::exists(folder))
      for (const auto &model : std::filesystem::directory_iterator(folder))
        if (model.is_directory()) {
          EXPECT_EQ(resolved(readText(model.path().string() + "/config.json"),
                             {sourceDir() + "/test/golden/families"})
                        .unknownKeys,
                    "")
              << model.path();
        }
}

// A switch beside the width must not say otherwise.
TEST(Model, WindowsAndTheirSwitch) {
  const std::string mixtral =
      R"({"model_type":"mixtral","num_hidden_layers":1,)";
  for (const char *members :
       {R"("use_sliding_window":true,"sliding_window":8})",
        R"("use_sliding_window":false})", R"("use_sliding_window":true})"})
    EXPECT_EQ(configError(mixtral + members), "") << members;
  EXPECT_NE(
      configError(mixtral + R"("use_sliding_window":false,"sliding_window":8})")
          .find("use_sliding_window: expected true"),
      std::string::npos);
  EXPECT_NE(configError(mixtral + R"("attention_window":8})")
                .find("attention_window: expected none, found 8"),
            std::string::npos);
}

TEST(Model, WindowsOfQwen3) {
  const std::string qwen =
      R"({"model_type":"qwen3_moe","num_hidden_layers":1,"max_window_layers":28,)";
  EXPECT_EQ(configError(qwen + R"("use_sliding_window":false})"), "");
  EXPECT_NE(configError(qwen + R"("use_sliding_window":true})")
                .find("max_window_layers: expected 0"),
            std::string::npos);
  EXPECT_EQ(configError(qwen + R"("layer_types":["full_attention"]})"), "");
  EXPECT_NE(configError(qwen + R"("layer_types":["sliding_attention"]})")
                .find("layer_types: expected a list of nothing but "
                      "\"full_attention\""),
            std::string::npos);
}

TEST(Model, DTypeOfTheConfiguration) {
  EXPECT_EQ(resolved(with(kM1, R"("torch_dtype":"bfloat16")")).configDType,
            FloatType::BF16);
  EXPECT_EQ(resolved(with(kM1, R"("dtype":"float32")")).configDType,
            FloatType::F32);
  EXPECT_EQ(resolved(with(kM1, R"("torch_dtype":"torch.float16")")).configDType,
            FloatType::F16);
  EXPECT_FALSE(resolved(with(kM1, R"("torch_dtype":null)")).configDType);
}

TEST(Model, SharedExpert) {
  ModelSpec spec = resolved(with(kM1, R"("shared_intermediate_size":24)"));
  ASSERT_TRUE(spec.layers[0].moe.shared);
  EXPECT_EQ(spec.layers[0].moe.shared->mix, SharedMix::Complement);
  EXPECT_EQ(spec.weight(1, "shared.down")->shape,
            (std::vector<int64_t>{64, 24}));
  EXPECT_EQ(spec.weight(1, "shared.coefficient")->sources[0].tensor,
            "model.layers.1.coefficient.weight");
}

// Table in shared/reference/models.md, 1.5: 64 heads, 80 layers.
TEST(Decay, TableOfMiniMaxM1) {
  DecaySpec remote;
  auto rate = [&](int64_t layer, int64_t head) {
    return decayRates(remote, 64, layer, 80)[head];
  };
  EXPECT_NEAR(rate(0, 0), 0.917013213, 1e-9);
  EXPECT_NEAR(rate(0, 63), 0.00390628906, 1e-11);
  EXPECT_NEAR(rate(1, 1), 0.830260566, 1e-9);
  EXPECT_NEAR(rate(40, 31), 0.0308550554, 1e-10);
  EXPECT_NEAR(rate(78, 0), 0.0116168162, 1e-10);
  EXPECT_NEAR(rate(78, 63), 4.9485265e-05, 1e-12);
}

TEST(Decay, LaddersOfOddHeadCounts) {
  DecaySpec remote, native;
  remote.byLayer = native.byLayer = false;
  native.ladder = DecayLadder::Geometric;
  EXPECT_EQ(decayRates(remote, 6, 0, 4),
            (std::vector<double>{.25, .0625, .015625, .00390625, .5, .125}));
  const double expected[] = {.397, .157, .0625, .0248, .00984, .00391};
  for (int head = 0; head < 6; ++head)
    EXPECT_NEAR(decayRates(native, 6, 0, 4)[head], expected[head],
                4e-3 * expected[head]);
  std::vector<double> twelve = decayRates(remote, 12, 0, 4);
  for (int head = 0; head < 12; ++head)
    EXPECT_DOUBLE_EQ(twelve[head],
                     std::exp2(head < 8 ? -(head + 1.0) : -(head - 8 + 0.5)));
  EXPECT_EQ(decayRates(remote, 1, 0, 1), std::vector<double>{std::exp2(-8)});
  // One layer: the published code divides by zero; the factor is 1 + 1e-5 in
  // both.
  remote.byLayer = true;
  EXPECT_DOUBLE_EQ(decayRates(remote, 1, 0, 1)[0], std::exp2(-8) * (1 + 1e-5));
}

TEST(Recipe, HeadMajorQkvBecomesPlanar) {
  ModelSpec spec = resolved(kM1);
  const WeightRecipe *qkv = spec.weight(0, "qkv");
  ASSERT_TRUE(qkv);
  EXPECT_EQ(qkv->shape, (std::vector<int64_t>{192, 64}));
  // Weight row part * 64 + head * 16 + i is source row head * 48 + part * 16 +
  // i.
  for (int64_t part = 0; part < 3; ++part)
    for (int64_t head = 0; head < 4; ++head)
      for (int64_t i = 0; i < 16; ++i)
        EXPECT_EQ(sourceRow(*qkv, 0, part * 64 + head * 16 + i),
                  (SourceRow{0, head * 48 + part * 16 + i}));
}

TEST(Recipe, ConcatenatesAndInterleaves) {
  ModelSpec spec = resolved(kM1);
  const WeightRecipe *gate = spec.weight(0, "experts.gate"),
                     *up = spec.weight(0, "experts.up");
  WeightRecipe halves = concatRows("gate_up", {gate, up});
  EXPECT_EQ(halves.shape, (std::vector<int64_t>{4, 192, 64}));
  EXPECT_EQ(halves.sources[5].tensor,
            "model.layers.0.block_sparse_moe.experts.2.w3.weight");
  EXPECT_EQ(sourceRow(halves, 2, 95), (SourceRow{4, 95}));
  EXPECT_EQ(sourceRow(halves, 2, 96), (SourceRow{5, 0}));
  WeightRecipe blocks = concatRows("gate_up", {gate, up}, 16);
  EXPECT_EQ(sourceRow(blocks, 1, 15), (SourceRow{2, 15}));
  EXPECT_EQ(sourceRow(blocks, 1, 16), (SourceRow{3, 0}));
  EXPECT_EQ(sourceRow(blocks, 1, 32), (SourceRow{2, 16}));
  // 96 rows in blocks of 40: 40, 40, 16 of each part.
  WeightRecipe uneven = concatRows("gate_up", {gate, up}, 40);
  EXPECT_EQ(sourceRow(uneven, 0, 160), (SourceRow{0, 80}));
  EXPECT_EQ(sourceRow(uneven, 0, 176), (SourceRow{1, 80}));
  EXPECT_EQ(sourceRow(uneven, 0, 191), (SourceRow{1, 95}));
  WeightRecipe qkv = concatRows(
      "qkv", {spec.weight(1, "q"), spec.weight(1, "k"), spec.weight(1, "v")});
  EXPECT_EQ(qkv.shape, (std::vector<int64_t>{128, 64}));
  EXPECT_EQ(sourceRow(qkv, 0, 64), (SourceRow{1, 0}));
  EXPECT_EQ(sourceRow(qkv, 0, 127), (SourceRow{2, 31}));
}

TEST(Model, TiedEmbeddingsShareATensor) {
  ModelSpec spec = resolved(with(kM1, R"("tie_word_embeddings":true)"));
  EXPECT_EQ(spec.weight("lm_head")->sources[0].tensor,
            "model.embed_tokens.weight");
  EXPECT_EQ(resolved(kM1).parameters() - spec.parameters(), 160 * 64);
}

} // namespace
