//===- ConfigFuzz.cpp -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Any bytes as a configuration, and any bytes as a family description: an error
// or a model, never a crash.
#include "container/Configuration.h"
#include "frontend/Document.h"
#include "frontend/Family.h"
#include "frontend/Plan.h"

#include "llvm/Support/raw_ostream.h"

#include <cstdlib>

using namespace hamlet::frontend;

static void resolve(llvm::StringRef config, const FamilyRegistry &registry) {
  // Any text as a line of a container, too.
  hamlet::readEntries({config.str()});
  auto spec = parseModel(config, "config.json", registry);
  if (!spec) {
    if (llvm::toString(spec.takeError()).rfind("config.json: ", 0) != 0)
      std::abort(); // Every error names the file.
    return;
  }
  if (spec->parameters() <= 0)
    std::abort();
  // What the container keeps comes back from it.
  for (const hamlet::Setting &setting : spec->configuration.settings) {
    hamlet::ConfigurationEntries entries =
        hamlet::readEntries({hamlet::entryText(setting)});
    if (entries.settings.size() != 1 ||
        entries.settings[0].keys != setting.keys)
      std::abort();
  }
  if (auto plan = makePlan(*spec, {.tensorParallel = 2}))
    planText(*plan);
  else
    llvm::consumeError(plan.takeError());
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const FamilyRegistry builtin = llvm::cantFail(FamilyRegistry::load());
  llvm::StringRef text(reinterpret_cast<const char *>(data), size);
  // A first byte 'Y' makes the rest a description, read with a small
  // configuration.
  if (!text.consume_front("Y")) {
    resolve(text, builtin);
    return 0;
  }
  auto family = parseFamily(text, "family.yaml");
  if (!family) {
    llvm::consumeError(family.takeError());
    return 0;
  }
  FamilyRegistry registry;
  std::string type =
      family->modelTypes.empty() ? "none" : family->modelTypes.front();
  registry.add(std::move(*family));
  llvm::json::Object config{{"model_type", llvm::json::fixUTF8(type)},
                            {"hidden_size", 8},
                            {"num_hidden_layers", 2},
                            {"num_attention_heads", 2},
                            {"num_key_value_heads", 1},
                            {"vocab_size", 9},
                            {"attn_type_list", llvm::json::Array{0, 1}}};
  std::string configText;
  llvm::raw_string_ostream(configText) << llvm::json::Value(std::move(config));
  auto spec = parseModel(configText, "config.json", registry);
  if (!spec)
    llvm::consumeError(spec.takeError());
  return 0;
}
