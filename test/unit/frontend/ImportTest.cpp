#include "frontend/Import.h"
#include "TestFiles.h"

using namespace hamlet::frontend;
using namespace hamlet::test;
namespace fs = std::filesystem;

namespace {

std::string importError(const std::string &path) {
  auto model = importModel(path, {});
  return model ? "" : llvm::toString(model.takeError());
}

ImportedModel imported(const std::string &path,
                       const ImportOptions &options = {}) {
  auto model = importModel(path, options);
  if (model)
    return std::move(*model);
  ADD_FAILURE() << llvm::toString(model.takeError());
  return {};
}

TEST(Import, StoredDTypeComesFromTheTensors) {
  std::string packs = sourceDir() + "/test/golden/packs/";
  EXPECT_EQ(imported(packs + "minimax-text-01-f16").graph.dtype,
            FloatType::F16);
  ImportedModel model =
      imported(packs + "minimax-bf16", {FloatType::F32, 32, {}});
  EXPECT_EQ(model.graph.stored, FloatType::BF16);
  EXPECT_EQ(model.graph.dtype, FloatType::F32);
  EXPECT_EQ(model.graph.chunk, 32);
  EXPECT_TRUE(model.report);
  // A lone configuration: its own dtype, else bf16.
  EXPECT_EQ(
      imported(packs + "lantern/config.json",
               {std::nullopt, 64, {sourceDir() + "/test/golden/families"}})
          .graph.dtype,
      FloatType::F32);
  model = imported(sourceDir() + "/models/minimax-m1/config.json");
  EXPECT_EQ(model.graph.dtype, FloatType::BF16);
  EXPECT_FALSE(model.report);
}

TEST(Import, RealIndexWithoutShardsIsCheckedByName) {
  std::string folder = sharedDir() + "/models/minimax-m1";
  HAMLET_NEEDS(folder);
  ImportedModel model = imported(folder);
  EXPECT_EQ(model.graph.dtype, FloatType::BF16);
  ASSERT_TRUE(model.report);
  EXPECT_EQ(model.report->used, 8243u);
}

TEST(Import, BrokenCheckpoints) {
  ScratchDir dir;
  EXPECT_NE(importError(dir.path).find("config.json: cannot be read"),
            std::string::npos);
  std::string pack = sourceDir() + "/test/golden/packs/minimax-text-01-f16";
  for (const auto &file : fs::directory_iterator(pack))
    fs::copy(file.path(), dir.path);
  EXPECT_EQ(importError(dir.path), "");
  fs::remove(dir.path + "/model-00001-of-00002.safetensors");
  EXPECT_NE(
      importError(dir.path).find("1 missing: model-00001-of-00002.safetensors"),
      std::string::npos);
  fs::copy(pack + "/model-00001-of-00002.safetensors", dir.path);
  fs::resize_file(
      dir.path + "/model-00001-of-00002.safetensors",
      fs::file_size(dir.path + "/model-00001-of-00002.safetensors") - 1);
  EXPECT_NE(importError(dir.path).find("the file is cut off or damaged"),
            std::string::npos);
  fs::remove(dir.path + "/model-00001-of-00002.safetensors");
  fs::copy(pack + "/model-00001-of-00002.safetensors", dir.path);
  // Another vocabulary than the tensors have.
  std::string config = readText(dir.path + "/config.json");
  size_t place = config.find("\"vocab_size\": ");
  ASSERT_NE(place, std::string::npos);
  dir.write("config.json", config.insert(place + 14, "1"));
  std::string error = importError(dir.path);
  EXPECT_NE(error.find("1 of another shape"), std::string::npos) << error;
  EXPECT_NE(error.find("model.embed_tokens.weight in "), std::string::npos)
      << error;
  fs::remove(dir.path + "/model.safetensors.index.json");
  EXPECT_NE(importError(dir.path).find("found neither"), std::string::npos);
}

} // namespace
