//===- TestFiles.h --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEST_UNIT_FRONTEND_TESTFILES_H
#define HAMLET_TEST_UNIT_FRONTEND_TESTFILES_H

#include "frontend/Family.h"

#include "gtest/gtest.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace hamlet::test {

inline std::string sourceDir() { return HAMLET_SOURCE_DIR; }

/// The folder with the golden packs and the real MiniMax-M1 files:
/// $HAMLET_SHARED, else ../shared beside the checkout.
inline std::string sharedDir() {
  if (const char *folder = std::getenv("HAMLET_SHARED"))
    return folder;
  return sourceDir() + "/../shared";
}

/// Skips the test, and says why, where `path` is missing.
#define HAMLET_NEEDS(path)                                                     \
  if (!std::filesystem::exists(path))                                          \
  GTEST_SKIP() << (path) << " is not there; set HAMLET_SHARED"

inline std::string readText(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

inline frontend::FamilyRegistry
builtin(llvm::ArrayRef<std::string> folders = {}) {
  return llvm::cantFail(frontend::FamilyRegistry::load(folders));
}

/// The error of resolving `config`, "" if there is none.
inline std::string configError(const std::string &config) {
  auto spec = frontend::parseModel(config, "config.json", builtin());
  return spec ? "" : llvm::toString(spec.takeError());
}

/// `config` resolved; a failed test and an empty model if that fails.
inline frontend::ModelSpec resolved(const std::string &config,
                                    llvm::ArrayRef<std::string> folders = {}) {
  auto spec = frontend::parseModel(config, "config.json", builtin(folders));
  if (spec)
    return std::move(*spec);
  ADD_FAILURE() << llvm::toString(spec.takeError());
  return {};
}

/// A folder that goes away with the test.
class ScratchDir {
public:
  ScratchDir() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "hamlet-frontend-XXXXXX")
            .string();
    path = ::mkdtemp(pattern.data());
  }
  ~ScratchDir() {
    std::error_code code;
    std::filesystem::remove_all(path, code);
  }
  ScratchDir(const ScratchDir &) = delete;
  ScratchDir &operator=(const ScratchDir &) = delete;
  std::string write(const std::string &name, const std::string &bytes) const {
    std::ofstream(path + "/" + name, std::ios::binary) << bytes;
    return path + "/" + name;
  }
  std::string path;
};

/// A file of the safetensors format: the length, `header`, `dataBytes` zeros.
inline std::string safetensorsBytes(const std::string &header,
                                    size_t dataBytes) {
  std::string bytes;
  for (int i = 0; i < 8; ++i)
    bytes += static_cast<char>(header.size() >> (8 * i) & 0xff);
  return bytes + header + std::string(dataBytes, '\0');
}

} // namespace hamlet::test

#endif // HAMLET_TEST_UNIT_FRONTEND_TESTFILES_H
