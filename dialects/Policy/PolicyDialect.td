//===- PolicyDialect.td - training of a policy -------------------*- tablegen -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_POLICY_DIALECT_TD
#define HAMLET_POLICY_DIALECT_TD

include "dialects/GraphBase.td"

def Policy_Dialect : Dialect {
  let name = "policy";
  let summary = "log-probabilities and the losses of a policy";
  let description = [{
    What sampler and trainer share of a policy: the log-probability of each token,
    its gradient, and one loss whose attributes express the published ones.
    Supervised cross-entropy is one of them. Logits of all tokens are nowhere at
    once: the vocabulary comes in blocks, in the gradient anew.

    Bounds of ratios are absolute: 1.2, not "0.2". What a framework means by its
    numbers is in `policy/Presets.h`, with advantages and the weights of tokens.
  }];
  let cppNamespace = "::hamlet::policy";
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::hamlet::tile::TileDialect", "::hamlet::nn::NNDialect"];
}

class Policy_Enum<string name, string summary, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::hamlet::policy";
  let genSpecializedAttr = 0;
}

def Policy_Ratio : Policy_Enum<"Ratio", "which ratio of new to old probability a loss takes", [
  I32EnumAttrCase<"none", 0>, I32EnumAttrCase<"token", 1>, I32EnumAttrCase<"sequence", 2>]>;
def Policy_RatioAttr : EnumAttr<Policy_Dialect, Policy_Ratio, "ratio">;

def Policy_Surrogate : Policy_Enum<"Surrogate", "how the ratio enters a loss", [
  I32EnumAttrCase<"through", 0>, I32EnumAttrCase<"detached", 1>, I32EnumAttrCase<"soft", 2>]>;
def Policy_SurrogateAttr : EnumAttr<Policy_Dialect, Policy_Surrogate, "surrogate">;

def Policy_Kl : Policy_Enum<"Kl", "an estimate of the divergence from the reference", [
  I32EnumAttrCase<"none", 0>, I32EnumAttrCase<"k1", 1>, I32EnumAttrCase<"absolute", 2>,
  I32EnumAttrCase<"k2", 3>, I32EnumAttrCase<"k3", 4>, I32EnumAttrCase<"k3_k2", 5>]>;
def Policy_KlAttr : EnumAttr<Policy_Dialect, Policy_Kl, "kl">;

def Policy_Behave : Policy_Enum<"Behave", "a correction for what sampled the tokens", [
  I32EnumAttrCase<"none", 0>, I32EnumAttrCase<"tis", 1>, I32EnumAttrCase<"icepop", 2>,
  I32EnumAttrCase<"seq_tis", 3>, I32EnumAttrCase<"mis", 4>, I32EnumAttrCase<"seqmask", 5>]>;
def Policy_BehaveAttr : EnumAttr<Policy_Dialect, Policy_Behave, "behave">;

#endif
