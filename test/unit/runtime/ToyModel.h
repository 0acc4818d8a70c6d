//===- ToyModel.h ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEST_UNIT_RUNTIME_TOYMODEL_H
#define HAMLET_TEST_UNIT_RUNTIME_TOYMODEL_H

#include "container/Container.h"
#include "runtime/Executor.h"

#include <string>
#include <vector>

/// A toy model whose container is built by hand around TestKernels.c.
namespace hamlet::test {

inline constexpr int64_t kVocab = 37; // not a multiple of a panel
inline constexpr int64_t kHidden = 6;
inline constexpr float kScale = 0.25f;

/// Functions `step` and `twice`; the image stands for every x86 level.
hmlt::ContainerT toyContainer();

/// Adds an image for a GPU, and realizations like the first ones for it.
void addGpu(hmlt::ContainerT &file, const std::string &target,
            const std::string &code);

/// The toy's tensors, f32: `embed` [kVocab, kHidden], `head` the same.
std::vector<float> toyTensor(const std::string &name);

/// A temporary folder, removed with its files.
class TemporaryFolder {
public:
  TemporaryFolder();
  ~TemporaryFolder();
  std::string operator/(const std::string &name) const;

private:
  std::string path;
};

/// Writes `model.safetensors` with the toy's tensors and one unused.
Status writeToyWeights(const std::string &folder);

/// Logits [tokens, kVocab] of one sequence in plain loops.
std::vector<float> toyLogits(const std::vector<int32_t> &ids);

/// The folder with container and weights.
struct ToyFiles {
  ToyFiles();
  /// The model on the CPU, with its weights. Throws if that fails.
  std::unique_ptr<runtime::LoadedModel> load(unsigned threads = 2) const;
  TemporaryFolder folder;
  std::string container;
};

} // namespace hamlet::test

#endif // HAMLET_TEST_UNIT_RUNTIME_TOYMODEL_H
