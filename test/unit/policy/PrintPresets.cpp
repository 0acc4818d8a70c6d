//===- PrintPresets.cpp - each preset as a line ---------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Name, aggregation, operands and text of the loss, apart by tabs; arguments
// `key=value` are set first.

#include "policy/Presets.h"

#include <iostream>

using namespace hamlet;
using namespace hamlet::algorithm;

int main(int argc, char **argv) {
  for (Preset preset : presets()) {
    for (int i = 1; i < argc; ++i) {
      std::string word = argv[i];
      size_t equal = word.find('=');
      Status status =
          equal == std::string::npos
              ? failure("expected key=value, got '", word, "'")
              : set(preset, word.substr(0, equal), word.substr(equal + 1));
      if (status.failed()) {
        std::cerr << status.message() << "\n";
        return 1;
      }
    }
    if (Status status = check(preset); status.failed()) {
      std::cerr << preset.name << ": " << status.message() << "\n";
      return 1;
    }
    const Loss &loss = preset.loss;
    std::cout << preset.name << "\t"
              << aggregationNames()[static_cast<size_t>(preset.aggregation)]
              << "\t" << (loss.takesOld() ? "old " : "")
              << (loss.takesRef() ? "ref " : "")
              << (loss.takesRollout() ? "rollout " : "")
              << (loss.takesEntropy() ? "entropy " : "")
              << (loss.takesStarts() ? "starts " : "") << "\t" << modeOf(loss)
              << "\t" << attributesOf(loss) << "\n";
  }
  return 0;
}
