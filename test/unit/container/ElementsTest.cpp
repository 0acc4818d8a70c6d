//===- ElementsTest.cpp ---------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Files that are small and would unpack to much more, made by the schema: for
// every string and vector that a container can have, one that many tables
// share.
#include "container/Elements.h"

#include "container/Container.h"
#include "container/hmlt_bfbs_generated.h"
#include "test/unit/container/everything_bfbs_generated.h"

#include <flatbuffers/reflection_generated.h>
#include <gtest/gtest.h>

namespace {

using namespace hamlet;
using flatbuffers::FlatBufferBuilder;
using flatbuffers::uoffset_t;
using reflection::BaseType;

constexpr uoffset_t kElements = 2000, kSharers = 200;

using Path = std::vector<const reflection::Field *>;

template <typename Embedded> std::span<const uint8_t> schemaOf() {
  return {Embedded::data(), Embedded::size()};
}

/// Builds files by a schema that is known at run time only.
class Maker {
public:
  explicit Maker(std::span<const uint8_t> bytes)
      : bytes(bytes), schema(*reflection::GetSchema(bytes.data())) {
    Path path;
    find(*schema.root_table(), path);
  }

  /// A file in which `path` leads to a string or vector of kElements, from
  /// `sharers` tables.
  std::vector<uint8_t> file(const Path &path, uoffset_t sharers) {
    FlatBufferBuilder builder;
    uoffset_t at = content(builder, *path.back()->type());
    for (size_t i = path.size(); i-- > 0;) {
      const reflection::Field &field = *path[i];
      uoffset_t count = kElements; // of the tags of a vector of unions
      if (i + 1 < path.size() && isVector(field)) {
        count = std::exchange(sharers, 1);
        at = references(builder, at, count);
      }
      uoffset_t tags = 0;
      if (isUnion(*field.type()) && isVector(field))
        tags = builder.CreateVector(std::vector<uint8_t>(count, kFirst)).o;
      uoffset_t start = builder.StartTable();
      builder.AddOffset(field.offset(), flatbuffers::Offset<void>(at));
      auto before = static_cast<flatbuffers::voffset_t>(field.offset() - 2);
      if (tags)
        builder.AddOffset(before, flatbuffers::Offset<void>(tags));
      else if (isUnion(*field.type()))
        builder.AddElement<uint8_t>(before, kFirst, 0);
      at = builder.EndTable(start);
    }
    builder.Finish(flatbuffers::Offset<void>(at), "HMLT");
    return {builder.GetBufferPointer(),
            builder.GetBufferPointer() + builder.GetSize()};
  }

  static std::string text(const Path &path) {
    std::string text;
    for (const reflection::Field *field : path)
      text += (text.empty() ? "" : ".") + field->name()->str();
    return text;
  }
  /// Whether many tables can lead to the path's end.
  static bool canBeShared(const Path &path) {
    for (size_t i = 0; i + 1 < path.size(); ++i)
      if (isVector(*path[i]))
        return true;
    return path.back()->type()->element() == BaseType::String;
  }

  std::vector<Path> paths;
  std::span<const uint8_t> bytes;

private:
  static bool isVector(const reflection::Field &field) {
    return field.type()->base_type() == BaseType::Vector;
  }
  static bool isUnion(const reflection::Type &type) {
    return type.base_type() == BaseType::Union ||
           (type.base_type() == BaseType::Vector &&
            type.element() == BaseType::Union);
  }
  /// The member that unions get: in our schemas it is a table.
  static constexpr uint8_t kFirst = 1;

  const reflection::Object *tableOf(const reflection::Type &type) const {
    auto index = static_cast<uoffset_t>(type.index());
    if (isUnion(type)) {
      auto member = static_cast<uoffset_t>(schema.enums()
                                               ->Get(index)
                                               ->values()
                                               ->Get(kFirst)
                                               ->union_type()
                                               ->index());
      return schema.objects()->Get(member);
    }
    bool object =
        type.base_type() == BaseType::Obj || type.element() == BaseType::Obj;
    if (!object || schema.objects()->Get(index)->is_struct())
      return nullptr;
    return schema.objects()->Get(index);
  }

  void find(const reflection::Object &object, Path &path) {
    constexpr size_t kDeepest = 6; // of a table that holds its own kind
    for (const reflection::Field *field : *object.fields()) {
      path.push_back(field);
      BaseType base = field->type()->base_type();
      // The tags of a union are written with it.
      bool tags = field->type()->element() == BaseType::UType;
      if ((base == BaseType::String || base == BaseType::Vector) && !tags)
        paths.push_back(path);
      if (const reflection::Object *inner = tableOf(*field->type());
          inner && path.size() < kDeepest)
        find(*inner, path);
      path.pop_back();
    }
  }

  uoffset_t references(FlatBufferBuilder &builder, uoffset_t to,
                       uoffset_t count) {
    return builder
        .CreateVector(std::vector<flatbuffers::Offset<flatbuffers::String>>(
            count, flatbuffers::Offset<flatbuffers::String>(to)))
        .o;
  }

  /// kElements of what the field holds; strings of a vector are one, too.
  uoffset_t content(FlatBufferBuilder &builder, const reflection::Type &type) {
    const std::string letters(kElements, 'x');
    if (type.base_type() == BaseType::String)
      return builder.CreateString(letters).o;
    if (type.element() == BaseType::String)
      return references(builder, builder.CreateString(letters).o, kSharers);
    if (tableOf(type)) {
      std::vector<flatbuffers::Offset<flatbuffers::String>> tables;
      for (uoffset_t i = 0; i < kElements; ++i)
        tables.emplace_back(builder.EndTable(builder.StartTable()));
      return builder.CreateVector(tables).o;
    }
    size_t size = type.element_size(), alignment = size;
    if (type.element() == BaseType::Obj) {
      const auto &object =
          *schema.objects()->Get(static_cast<uoffset_t>(type.index()));
      size = static_cast<size_t>(object.bytesize());
      alignment = static_cast<size_t>(object.minalign());
    }
    builder.StartVector(kElements * size / alignment, alignment);
    for (size_t i = 0; i < kElements * size; ++i)
      builder.PushElement<uint8_t>(0);
    return builder.EndVector(kElements);
  }

  const reflection::Schema &schema;
};

/// Of tables the visits are counted, of all else the elements.
bool isRefused(const Status &status) {
  return status.message().find("elements in") != std::string::npos ||
         status.message().find("does not verify") != std::string::npos;
}

void checkEveryPath(Maker &maker) {
  size_t shared = 0;
  for (const Path &path : maker.paths) {
    SCOPED_TRACE(Maker::text(path));
    bool strings = path.back()->type()->element() == BaseType::String;
    std::vector<uint8_t> honest = maker.file(path, 1);
    Status status = checkElements(maker.bytes, honest);
    if (!strings) // those share a string by themselves
      EXPECT_EQ(status.message(), "");
    if (!Maker::canBeShared(path))
      continue;
    ++shared;
    std::vector<uint8_t> bomb = maker.file(path, kSharers);
    EXPECT_LT(bomb.size(), 40u * kElements);
    EXPECT_TRUE(isRefused(checkElements(maker.bytes, bomb)));
    // A vector that is not whole is found before it is read.
    bomb.resize(bomb.size() - 64);
    EXPECT_TRUE(checkElements(maker.bytes, bomb).failed());
  }
  EXPECT_GT(shared, 5u);
}

TEST(Elements, WhatContainersShareIsCounted) {
  Maker maker(schemaOf<hmlt::ContainerBinarySchema>());
  EXPECT_GT(maker.paths.size(), 30u);
  checkEveryPath(maker);
  for (const Path &path : maker.paths)
    if (Maker::canBeShared(path))
      EXPECT_TRUE(isRefused(
          parseContainer(maker.file(path, kSharers), /*checkHash=*/false)
              .status()))
          << Maker::text(path);
}

TEST(Elements, EveryKindOfField) {
  Maker maker(schemaOf<everything::RootBinarySchema>());
  checkEveryPath(maker);
}

TEST(Elements, VectorsThatAreNotAligned) {
  Maker maker(schemaOf<everything::RootBinarySchema>());
  size_t tried = 0;
  for (const Path &path : maker.paths)
    if (Maker::text(path) == "leaf.numbers") {
      ++tried;
      std::vector<uint8_t> file = maker.file(path, 1), moved(file.size() + 8);
      size_t by = 8 - reinterpret_cast<uintptr_t>(moved.data()) % 8 + 4;
      std::ranges::copy(file, moved.begin() + static_cast<ptrdiff_t>(by % 8));
      Status status =
          checkElements(maker.bytes, {moved.data() + by % 8, file.size()});
      EXPECT_NE(status.message().find("not aligned"), std::string::npos)
          << status.message();
    }
  EXPECT_EQ(tried, 1u);
}

// Ten levels of references to one another: 100 tables, 100^10 visits.
TEST(Elements, VisitsAreBounded) {
  Maker maker(schemaOf<everything::RootBinarySchema>());
  const reflection::Schema &schema = *reflection::GetSchema(maker.bytes.data());
  flatbuffers::voffset_t deeper = 0;
  for (const reflection::Field *field : *schema.root_table()->fields())
    if (field->name()->str() == "deeper")
      deeper = field->offset();
  FlatBufferBuilder builder;
  uoffset_t at = builder.EndTable(builder.StartTable());
  for (int level = 0; level < 10; ++level) {
    uoffset_t list =
        builder
            .CreateVector(
                std::vector<flatbuffers::Offset<flatbuffers::String>>(100, at))
            .o;
    uoffset_t start = builder.StartTable();
    builder.AddOffset(deeper, flatbuffers::Offset<void>(list));
    at = builder.EndTable(start);
  }
  builder.Finish(flatbuffers::Offset<void>(at));
  EXPECT_TRUE(checkElements(maker.bytes,
                            {builder.GetBufferPointer(), builder.GetSize()})
                  .failed());
}

} // namespace
