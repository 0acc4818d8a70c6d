//===- SafetensorsTest.cpp ------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "container/Safetensors.h"
#include "TestFiles.h"

#include <cstring>

using namespace hamlet;
using namespace hamlet::safetensors;
using namespace hamlet::test;

namespace {

std::string errorOf(const std::string &header, size_t dataBytes) {
  TensorMap tensors;
  std::string error, bytes = safetensorsBytes(header, dataBytes);
  return parseHeader(bytes, bytes.size(), "m.safetensors", 0, tensors, error)
             ? ""
             : error;
}

TEST(Safetensors, ReadsNamesShapesAndPlaces) {
  std::string header =
      R"({"__metadata__":{"format":"pt"},"b":{"dtype":"BF16","shape":[2,3],"data_offsets":[8,20]},)"
      R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
      R"("empty":{"dtype":"F32","shape":[0,4],"data_offsets":[20,20]}}   )";
  std::string bytes = safetensorsBytes(header, 20), error;
  TensorMap tensors;
  ASSERT_TRUE(
      parseHeader(bytes, bytes.size(), "m.safetensors", 7, tensors, error))
      << error;
  ASSERT_EQ(tensors.size(), 3u);
  const Tensor &b = tensors.find("b")->second;
  EXPECT_EQ(b.dtype, DType::BF16);
  EXPECT_EQ(b.shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(b.file, 7u);
  EXPECT_EQ(b.offset, 8 + header.size() + 8);
  EXPECT_EQ(b.size, 12u);
}

TEST(Safetensors, EmptyFileOfTensorsIsFine) { EXPECT_EQ(errorOf("{}", 0), ""); }

TEST(Safetensors, NamesWhatIsWrong) {
  struct Case {
    const char *header;
    size_t data;
    const char *error;
  };
  const Case cases[] = {
      {"[]", 0, "expected it to begin with '{'"},
      {"{\"a\":", 0, "is not valid JSON"},
      {"{} {}", 0, "is not valid JSON"},
      {R"({"a":3})", 0, "tensor 'a': expected an object, found 3"},
      {R"({"a":{"dtype":"F32","shape":[1]}})", 4, "data_offsets is missing"},
      {R"({"a":{"dtype":"F33","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F33","shape":[1],"data_offsets":[2,6]}})",
       6, "two tensors overlap"},
      {R"({"a":{"x":{},"shape":[1],"data_offsets":[0,4]}})", 4,
       "dtype is missing"},
      {R"({"a":{"x":[1,{"dtype":2}]}})", 0, "dtype is missing"},
      {R"({"a":{"dtype":1,"shape":[1],"data_offsets":[0,4]}})", 4,
       "dtype: expected a string, found 1"},
      {R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4,
       "expected a list of sizes, found -1"},
      {R"({"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}})", 4,
       "expected a list of sizes, found 1.5"},
      {R"({"a":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}})", 4,
       "found a list"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}})", 4,
       "expected 2 numbers, found 3"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4,
       "begin 4 is after end 0"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 4,
       "within the 4 bytes of data, found 8"},
      {R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8,
       "expected 12 bytes for F32 [3], found 8"},
      {R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})",
       0, "no whole number of bytes"},
      {R"({"a":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}})", 1,
       "no whole number of bytes"},
      {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})",
       6, "two tensors overlap"},
      {R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[4,6]}})",
       6, "there is a hole before it"},
      {R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", 3,
       "expected 2 bytes of data, found 3"},
      {R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})",
       2, "tensor 'a' appears twice"},
      {R"({"a":{"dtype":"U8","dtype":"U8","shape":[2],"data_offsets":[0,2]}})",
       2, "dtype appears twice"},
      {R"({"__metadata__":{"a":{}}})", 0,
       "__metadata__: expected an object of strings"},
      {R"({"__metadata__":{"a":1}})", 0,
       "__metadata__: expected an object of strings"},
  };
  for (const Case &c : cases) {
    std::string error = errorOf(c.header, c.data);
    EXPECT_NE(error.find(c.error), std::string::npos)
        << c.header << "\n -> " << error;
    EXPECT_EQ(error.rfind("m.safetensors: ", 0), 0u) << error;
  }
}

// As the reference reader: what the format does not name is skipped, whatever
// it holds, and null metadata are none.
TEST(Safetensors, ExtraKeysAndNullMetadata) {
  const char *const entry = R"("dtype":"F32","shape":[1],"data_offsets":[0,4])";
  for (const char *extra :
       {R"("x":1,)", R"("x":null,)", R"("x":-1.5,"y":true,)",
        R"("x":[[1,"a"],{"dtype":3,"x":[]}],)",
        R"("x":{"shape":{"shape":[]}},"x":"F32",)"}) {
    EXPECT_EQ(errorOf(std::string("{\"a\":{") + extra + entry + "}}", 4), "");
    EXPECT_EQ(errorOf(std::string("{\"__metadata__\":null,\"a\":{") + entry +
                          "," + std::string(extra, strlen(extra) - 1) + "}}",
                      4),
              "");
  }
  EXPECT_EQ(errorOf(R"({"__metadata__":{"a":null}})", 0),
            "m.safetensors: header: __metadata__: expected an object of "
            "strings, found null");
}

TEST(Safetensors, UnknownDTypesLieInTheFile) {
  std::string bytes = safetensorsBytes(
      R"({"a":{"dtype":"F8_E4M3FNUZ","shape":[2,3],"data_offsets":[0,6]},)"
      R"("b":{"dtype":"U8","shape":[2],"data_offsets":[6,8]}})",
      8);
  TensorMap tensors;
  std::string error;
  ASSERT_TRUE(parseHeader(bytes, bytes.size(), "m", 0, tensors, error))
      << error;
  const Tensor &a = tensors.find("a")->second;
  EXPECT_EQ(a.dtype, DType::Unknown);
  EXPECT_EQ(dtypeName(a), "F8_E4M3FNUZ");
  EXPECT_EQ(a.size, 6u);
  EXPECT_FALSE(isWeightType(a.dtype));
  EXPECT_EQ(dtypeName(tensors.find("b")->second), "U8");
}

TEST(Safetensors, NulBytesAreNoPadding) {
  std::string header =
      R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})";
  EXPECT_EQ(errorOf(header + "   ", 2), "");
  std::string size = std::to_string(header.size());
  for (const std::string &more :
       {std::string(1, '\0'), std::string(7, '\0'), std::string("\0 ", 2),
        std::string("\0{}", 3)})
    EXPECT_EQ(errorOf(header + more, 2),
              "m.safetensors: header: has a NUL byte at byte " + size +
                  "; expected JSON, padded with spaces if at all");
  std::map<std::string, std::string, std::less<>> map;
  std::string error;
  EXPECT_FALSE(
      parseIndex(std::string("{\"weight_map\":{}}\0", 18), "i", map, error));
}

TEST(Safetensors, LengthIsChecked) {
  TensorMap tensors;
  std::string error;
  EXPECT_FALSE(parseHeader("abc", 3, "m", 0, tensors, error));
  EXPECT_NE(error.find("at least 8 bytes, found 3"), std::string::npos)
      << error;
  std::string bytes = safetensorsBytes("{}", 0);
  EXPECT_FALSE(parseHeader(bytes, 9, "m", 0, tensors, error));
  EXPECT_NE(error.find("found 2"), std::string::npos) << error;
  bytes[6] = 1;
  EXPECT_FALSE(parseHeader(bytes, 1ull << 60, "m", 0, tensors, error));
  EXPECT_NE(error.find("at most 100000000"), std::string::npos) << error;
}

std::string tensorHeader(const std::string &name, int elements) {
  return "{\"" + name + "\":{\"dtype\":\"F32\",\"shape\":[" +
         std::to_string(elements) + "],\"data_offsets\":[0," +
         std::to_string(4 * elements) + "]}}";
}

std::string openError(const std::string &folder) {
  Checkpoint checkpoint;
  std::string error;
  return openCheckpoint(folder, checkpoint, error) ? "" : error;
}

TEST(Safetensors, Shards) {
  ScratchDir dir;
  EXPECT_NE(openError(dir.path).find("found neither"), std::string::npos);
  dir.write("model.safetensors.index.json",
            R"({"metadata":{"total_size":12,"x":[1,{"y":2}]},"weight_map":)"
            R"({"a":"1.safetensors","b":"2.safetensors"}})");
  dir.write("1.safetensors", safetensorsBytes(tensorHeader("a", 1), 4));
  std::string error = openError(dir.path);
  EXPECT_NE(error.find("expected 2 shards"), std::string::npos) << error;
  EXPECT_NE(error.find("1 missing: 2.safetensors"), std::string::npos) << error;

  dir.write("2.safetensors", safetensorsBytes(tensorHeader("b", 2), 8));
  Checkpoint checkpoint;
  ASSERT_TRUE(openCheckpoint(dir.path, checkpoint, error)) << error;
  EXPECT_EQ(checkpoint.tensors.size(), 2u);
  EXPECT_EQ(checkpoint.files[checkpoint.tensors.find("b")->second.file],
            dir.path + "/2.safetensors");

  dir.write("2.safetensors", safetensorsBytes(tensorHeader("c", 2), 8));
  EXPECT_NE(openError(dir.path).find(
                "'b': expected in 2.safetensors, found in no shard"),
            std::string::npos);

  // The index means the second file; the first has one too.
  dir.write("1.safetensors",
            safetensorsBytes(
                R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                R"("b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})",
                4));
  EXPECT_NE(openError(dir.path).find(
                "'b': expected in 2.safetensors, found in 1.safetensors"),
            std::string::npos);
  dir.write("2.safetensors", safetensorsBytes(tensorHeader("b", 2), 8));
  ASSERT_TRUE(openCheckpoint(dir.path, checkpoint, error)) << error;
  ASSERT_EQ(checkpoint.duplicates.size(), 1u);
  EXPECT_EQ(checkpoint.duplicates[0].name, "b");
  EXPECT_EQ(checkpoint.duplicates[0].kept, dir.path + "/2.safetensors");
  EXPECT_EQ(checkpoint.duplicates[0].other, dir.path + "/1.safetensors");

  dir.write("2.safetensors", safetensorsBytes(tensorHeader("b", 2), 7));
  EXPECT_NE(openError(dir.path).find("2.safetensors: tensor 'b'"),
            std::string::npos);
}

// What the model does not need may be missing, misplaced or doubled.
TEST(Safetensors, OnlyWhatIsNeededMustBeThere) {
  ScratchDir dir;
  dir.write("model.safetensors.index.json",
            R"({"weight_map":{"a":"1.safetensors","b":"2.safetensors",)"
            R"("c":"1.safetensors","d":"1.safetensors"}})");
  dir.write("1.safetensors",
            safetensorsBytes(
                R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                R"("d":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})",
                4));
  auto open = [&](std::string_view needed, Checkpoint &checkpoint) {
    std::string error;
    auto isNeeded = [&](std::string_view name) {
      return needed.find(name) != std::string_view::npos;
    };
    return openCheckpoint(dir.path, checkpoint, error, isNeeded) ? "" : error;
  };
  Checkpoint checkpoint;
  EXPECT_EQ(open("a", checkpoint), "");
  ASSERT_EQ(checkpoint.notes.size(), 2u);
  EXPECT_NE(checkpoint.notes[0].find("2.safetensors is not there"),
            std::string::npos);
  EXPECT_NE(checkpoint.notes[1].find("does not need, 2: b, c"),
            std::string::npos)
      << checkpoint.notes[1];
  EXPECT_EQ(checkpoint.tensors.size(), 2u);
  EXPECT_NE(open("ab", checkpoint).find("1 missing: 2.safetensors"),
            std::string::npos);
  EXPECT_NE(open("ac", checkpoint)
                .find("'c': expected in 1.safetensors, found "
                      "in no shard"),
            std::string::npos);
  // Twice: an error if the model needs it.
  dir.write("2.safetensors", safetensorsBytes(tensorHeader("d", 2), 8));
  EXPECT_EQ(open("a", checkpoint), "");
  EXPECT_TRUE(checkpoint.duplicates.empty());
  EXPECT_EQ(open("ad", checkpoint), "");
  ASSERT_EQ(checkpoint.duplicates.size(), 1u);
  EXPECT_EQ(checkpoint.duplicates[0].kept, dir.path + "/1.safetensors");
}

TEST(Safetensors, WhichOfTwoFormsIsSaid) {
  ScratchDir dir;
  dir.write("model.safetensors", safetensorsBytes(tensorHeader("a", 1), 4));
  Checkpoint checkpoint;
  std::string error;
  // An index of that very file is no other form.
  for (auto [index, notes] :
       {std::pair<const char *, size_t>{
            R"({"weight_map":{"a":"model.safetensors"}})", 0},
        {R"({"weight_map":{"a":"1.safetensors"}})", 1},
        {"nonsense", 1}}) {
    dir.write("model.safetensors.index.json", index);
    ASSERT_TRUE(openCheckpoint(dir.path, checkpoint, error)) << error;
    EXPECT_EQ(checkpoint.tensors.size(), 1u);
    ASSERT_EQ(checkpoint.notes.size(), notes) << index;
    if (notes) {
      EXPECT_NE(checkpoint.notes[0].find("model.safetensors is read"),
                std::string::npos);
    }
  }
}

TEST(Safetensors, IndexIsChecked) {
  std::map<std::string, std::string, std::less<>> map;
  std::string error;
  for (auto [text, wanted] :
       {std::pair<const char *, const char *>{"{", "not valid JSON"},
        {"[]", "expected an object, found a list"},
        {"{}", "weight_map is missing"},
        {R"({"weight_map":[]})", "expected an object, found a list"},
        {R"({"weight_map":{"a":1}})", "'a': expected a file name, found 1"},
        {R"({"weight_map":{"a":"../x"}})",
         "expected the name of a file beside the index"},
        {R"({"weight_map":{"a":"x","a":"y"}})", "'a' appears twice"}}) {
    EXPECT_FALSE(parseIndex(text, "index.json", map, error)) << text;
    EXPECT_NE(error.find(wanted), std::string::npos) << text << " -> " << error;
  }
}

TEST(Safetensors, TruncationsNeverPass) {
  std::string bytes = safetensorsBytes(tensorHeader("a", 4), 16), error;
  TensorMap tensors;
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(parseHeader(std::string_view(bytes).substr(0, size), size, "m",
                             0, tensors, error))
        << size;
}

} // namespace
