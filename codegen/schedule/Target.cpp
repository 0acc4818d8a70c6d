//===- Target.cpp - reading target descriptions ---------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/schedule/Target.h"

#include "codegen/schedule/Yaml.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace llvm;
using namespace hamlet::schedule;

namespace {
struct TargetFile {
  Target target;
  std::string kind;
};
} // namespace

template <> struct llvm::yaml::MappingTraits<TargetFile> {
  static void mapping(IO &io, TargetFile &file) {
    Target &t = file.target;
    io.mapRequired("target", t.name);
    io.mapRequired("kind", file.kind);
    io.mapRequired("vector_bits", t.vectorBits);
    io.mapRequired("vector_registers", t.vectorRegisters);
    io.mapRequired("fma_per_cycle", t.fmaPerCycle);
    io.mapRequired("fma_latency", t.fmaLatency);
    io.mapRequired("loads_per_cycle", t.loadsPerCycle);
    io.mapOptional("dots_per_cycle", t.dotsPerCycle, 0.0);
    io.mapRequired("l1_bytes", t.l1Bytes);
    io.mapRequired("l2_bytes", t.l2Bytes);
    io.mapRequired("l2_bytes_per_cycle", t.l2BytesPerCycle);
    io.mapRequired("memory_bytes_per_cycle", t.memoryBytesPerCycle);
  }
  static std::string validate(IO &, TargetFile &file) {
    const Target &t = file.target;
    if (file.kind != "cpu")
      return "kind: expected cpu, got '" + file.kind + "'";
    if (t.vectorBits != 256 && t.vectorBits != 512)
      return "vector_bits: expected 256 or 512, got " +
             std::to_string(t.vectorBits);
    const std::pair<const char *, int64_t> counts[] = {
        {"fma_per_cycle", t.fmaPerCycle},
        {"fma_latency", t.fmaLatency},
        {"loads_per_cycle", t.loadsPerCycle},
        {"l1_bytes", t.l1Bytes},
        {"l2_bytes", t.l2Bytes},
        {"l2_bytes_per_cycle", t.l2BytesPerCycle},
        {"memory_bytes_per_cycle", t.memoryBytesPerCycle}};
    for (auto [key, value] : counts)
      if (value <= 0)
        return std::string(key) + ": expected more than 0, got " +
               std::to_string(value);
    if (t.vectorRegisters < 8)
      return "vector_registers: expected 8 or more, got " +
             std::to_string(t.vectorRegisters);
    if (!(t.dotsPerCycle >= 0))
      return "dots_per_cycle: expected 0 or more";
    return "";
  }
};

Expected<Target> hamlet::schedule::parseTarget(StringRef yaml, StringRef path) {
  Expected<TargetFile> file = readYaml<TargetFile>(yaml, path);
  if (!file)
    return file.takeError();
  return std::move(file->target);
}

Expected<Targets> Targets::load(ArrayRef<std::string> folders) {
  Targets targets;
  auto add = [&](StringRef text, StringRef path) -> Error {
    Expected<Target> target = parseTarget(text, path);
    if (!target)
      return target.takeError();
    targets.all.push_back(std::move(*target));
    return Error::success();
  };
  for (const EmbeddedFile &file : builtinTargets())
    if (Error error = add(file.text, file.name))
      return error;
  for (const std::string &folder : folders) {
    std::error_code code;
    std::vector<std::string> paths;
    for (sys::fs::directory_iterator file(folder, code), end;
         !code && file != end; file.increment(code))
      if (sys::path::extension(file->path()) == ".yaml")
        paths.push_back(file->path());
    if (code)
      return createStringError(code,
                               folder + ": cannot be read: " + code.message());
    sort(paths);
    for (const std::string &path : paths) {
      auto buffer = MemoryBuffer::getFile(path);
      if (!buffer)
        return createStringError(
            buffer.getError(),
            path + ": cannot be read: " + buffer.getError().message());
      if (Error error = add((*buffer)->getBuffer(), path))
        return error;
    }
  }
  return targets;
}

const Target *Targets::find(StringRef name) const {
  for (const Target &target : reverse(all))
    if (target.name == name)
      return &target;
  return nullptr;
}

std::set<std::string> Targets::names() const {
  std::set<std::string> names;
  for (const Target &target : all)
    names.insert(target.name);
  return names;
}

const Target &hamlet::schedule::builtinTarget(StringRef name) {
  static const Targets targets = cantFail(Targets::load());
  const Target *target = targets.find(name);
  assert(target && "every level has a file in targets/");
  return *target;
}
