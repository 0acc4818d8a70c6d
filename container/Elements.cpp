//===- Elements.cpp -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "container/Elements.h"

#include <flatbuffers/reflection_generated.h>

#include <string>
#include <vector>

namespace hamlet {
namespace {

using flatbuffers::Table;
using flatbuffers::uoffset_t;
using flatbuffers::voffset_t;
using reflection::BaseType;

/// What the offset in a field leads to; other fields hold their value.
enum class Target { table, string, values, strings, tables, member, members };

struct Field {
  voffset_t at;
  Target target;
  size_t index = 0;     ///< of the table, or of the union's type
  size_t size = 0;      ///< bytes of one of the values
  size_t alignment = 0; ///< of the values
};

/// The fields of each table that lead somewhere, and the members of each union.
class Plan {
public:
  explicit Plan(const reflection::Schema &schema) : schema(schema) {
    for (const reflection::Object *object : *schema.objects()) {
      std::vector<Field> &fields = tables.emplace_back();
      if (!object->is_struct())
        for (const reflection::Field *field : *object->fields())
          add(fields, field->offset(), *field->type());
    }
    for (const reflection::Enum *type : *schema.enums()) {
      std::vector<std::pair<int64_t, Field>> &choices = unions.emplace_back();
      if (type->is_union())
        for (const reflection::EnumVal *value : *type->values())
          choices.emplace_back(value->value(), member(*value->union_type()));
    }
    const std::string name = schema.root_table()->name()->str();
    for (uoffset_t i = 0; i < schema.objects()->size(); ++i)
      if (schema.objects()->Get(i)->name()->str() == name)
        root = i;
  }

  std::vector<std::vector<Field>> tables;
  std::vector<std::vector<std::pair<int64_t, Field>>> unions;
  size_t root = 0;

private:
  const reflection::Object &objectOf(const reflection::Type &type) const {
    return *schema.objects()->Get(static_cast<uoffset_t>(type.index()));
  }

  void add(std::vector<Field> &fields, voffset_t at,
           const reflection::Type &type) const {
    auto index = static_cast<size_t>(type.index());
    switch (type.base_type()) {
    case BaseType::String:
      fields.push_back({at, Target::string});
      break;
    case BaseType::Obj:
      if (!objectOf(type).is_struct())
        fields.push_back({at, Target::table, index});
      break;
    case BaseType::Union:
      fields.push_back({at, Target::member, index});
      break;
    case BaseType::Vector:
      fields.push_back(vector(at, type));
      break;
    default: // a number, or an array in a struct
      break;
    }
  }

  Field vector(voffset_t at, const reflection::Type &type) const {
    auto index = static_cast<size_t>(type.index());
    switch (type.element()) {
    case BaseType::String:
      return {at, Target::strings};
    case BaseType::Union:
      return {at, Target::members, index};
    case BaseType::Obj: {
      const reflection::Object &object = objectOf(type);
      if (!object.is_struct())
        return {at, Target::tables, index};
      return {at, Target::values, 0, static_cast<size_t>(object.bytesize()),
              static_cast<size_t>(object.minalign())};
    }
    default:
      return {at, Target::values, 0, type.element_size(), type.element_size()};
    }
  }

  /// Of a union a struct stands behind the offset too, alone.
  Field member(const reflection::Type &type) const {
    auto index = static_cast<size_t>(type.index());
    if (type.base_type() == BaseType::String)
      return {0, Target::string};
    if (type.base_type() == BaseType::Obj && !objectOf(type).is_struct())
      return {0, Target::table, index};
    return {0, Target::member}; // NONE or a struct: nothing more to visit
  }

  const reflection::Schema &schema;
};

class Walk {
public:
  Walk(const Plan &plan, std::span<const uint8_t> file)
      : plan(plan), bytes(file.size()),
        // A table and the reference to it take 8 bytes, which bounds their
        // number; more visits mean that tables are shared.
        verifier(file.data(), file.size(), /*max_depth=*/64,
                 /*max_tables=*/static_cast<uoffset_t>(file.size() / 8)) {}

  Status table(const Table *at, size_t index) {
    if (!at->VerifyTableStart(verifier))
      return damaged();
    for (const Field &field : plan.tables[index]) {
      if (!at->VerifyOffset(verifier, field.at))
        return damaged();
      const auto *to = at->GetPointer<const uint8_t *>(field.at);
      if (!to)
        continue;
      HAMLET_TRY(field.target == Target::member
                     ? member(field.index, tag(at, field), to)
                 : field.target == Target::members
                     ? members(field.index, at, field, to)
                     : follow(field, to));
    }
    return verifier.EndTable() ? Status() : damaged();
  }

private:
  static Status damaged() {
    return failure("the container is damaged: its FlatBuffers structure does "
                   "not verify");
  }

  Status count(uint64_t more) {
    elements += more;
    if (elements > bytes)
      return failure("the container is damaged: more than ", bytes,
                     " elements in ", bytes, " bytes");
    return {};
  }

  Status follow(const Field &field, const uint8_t *to) {
    switch (field.target) {
    case Target::table:
      return table(reinterpret_cast<const Table *>(to), field.index);
    case Target::string:
      if (!verifier.VerifyString(
              reinterpret_cast<const flatbuffers::String *>(to)))
        return damaged();
      return count(flatbuffers::ReadScalar<uoffset_t>(to));
    case Target::values: {
      if (!verifier.VerifyVectorOrString(to, field.size))
        return damaged();
      auto size = flatbuffers::ReadScalar<uoffset_t>(to);
      if (size &&
          reinterpret_cast<uintptr_t>(to + sizeof(uoffset_t)) % field.alignment)
        return failure("the container is damaged: a vector is not aligned");
      return count(size);
    }
    case Target::strings:
      return each(to, [&](uoffset_t, const uint8_t *item) {
        return follow({0, Target::string}, item);
      });
    case Target::tables:
      return each(to, [&](uoffset_t, const uint8_t *item) {
        return follow({0, Target::table, field.index}, item);
      });
    case Target::member:
    case Target::members:
      return {}; // of a struct there is no more to visit
    }
    return damaged();
  }

  /// The elements of a vector of offsets.
  template <typename Visit> Status each(const uint8_t *vector, Visit visit) {
    if (!verifier.VerifyVectorOrString(vector, sizeof(uoffset_t)))
      return damaged();
    auto size = flatbuffers::ReadScalar<uoffset_t>(vector);
    HAMLET_TRY(count(size));
    const uint8_t *item = vector + sizeof(uoffset_t);
    for (uoffset_t i = 0; i < size; ++i, item += sizeof(uoffset_t))
      HAMLET_TRY(visit(i, item + flatbuffers::ReadScalar<uoffset_t>(item)));
    return {};
  }

  /// Which member a union holds stands in the field before it.
  int64_t tag(const Table *at, const Field &field) const {
    voffset_t before = field.at - sizeof(voffset_t);
    return at->VerifyField<uint8_t>(verifier, before, 1)
               ? at->GetField<uint8_t>(before, 0)
               : 0;
  }

  Status member(size_t index, int64_t value, const uint8_t *to) {
    for (const auto &[choice, field] : plan.unions[index])
      if (choice == value)
        return follow(field, to);
    return {};
  }

  Status members(size_t index, const Table *at, const Field &field,
                 const uint8_t *to) {
    voffset_t before = field.at - sizeof(voffset_t);
    const auto *tags = at->VerifyOffset(verifier, before)
                           ? at->GetPointer<const uint8_t *>(before)
                           : nullptr;
    if (!tags || !verifier.VerifyVectorOrString(tags, 1))
      return damaged();
    auto known = flatbuffers::ReadScalar<uoffset_t>(tags);
    return each(to, [&](uoffset_t i, const uint8_t *item) {
      return i < known ? member(index, tags[sizeof(uoffset_t) + i], item)
                       : damaged();
    });
  }

  const Plan &plan;
  uint64_t bytes, elements = 0;
  flatbuffers::Verifier verifier;
};

} // namespace

Status checkElements(std::span<const uint8_t> schema,
                     std::span<const uint8_t> file) {
  Plan plan(*reflection::GetSchema(schema.data()));
  Walk walk(plan, file);
  flatbuffers::Verifier verifier(file.data(), file.size());
  if (!verifier.VerifyOffset(0))
    return failure("the container is damaged: its FlatBuffers structure does "
                   "not verify");
  return walk.table(flatbuffers::GetRoot<Table>(file.data()), plan.root);
}

} // namespace hamlet
