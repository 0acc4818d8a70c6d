//===- Module.cpp ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "emulator/module/Module.h"

#include "emulator/ptx/Parser.h"

#include <cstring>

namespace hamlet::emu {

LoadedModule::LoadedModule(std::string_view text, DeviceMemory &memory,
                           bool track, std::shared_ptr<ManagedVariables> shared)
    : module(parsePtx(text)), memory(memory), managed(std::move(shared)) {
  std::map<std::string, u8 *> values; // of what this module initialises
  for (const ast::Variable &v : module.globals) {
    if (v.space != Space::Global && v.space != Space::Const)
      continue;
    if (v.isExtern)
      throw PtxError(v.line, "external variable '" + v.name +
                                 "' is not defined in this module");
    if (symbols.address.count(v.name))
      throw PtxError(v.line, "'" + v.name + "' is defined twice");
    u64 bytes = v.bytes ? v.bytes : 1;
    bool hosts = v.managed && managed, fresh = true;
    u64 a = hosts ? managed->place(v.name, bytes, fresh)
                  : memory.allocate(bytes, std::max(v.align, 256u), track);
    if (!a)
      throw PtxError(v.line, "no " + std::string(hosts ? "host" : "device") +
                                 " memory for '" + v.name + "', " +
                                 std::to_string(bytes) + " bytes");
    symbols.address[v.name] = a;
    symbols.variables[v.name] = &v;
    u8 *value = reinterpret_cast<u8 *>(a);
    if (!hosts) {
      allocations.addresses.push_back(a);
      Allocation *alloc = memory.find(a);
      alloc->markWritten(a, bytes);
      value = alloc->host;
    }
    if (!fresh)
      continue;
    values[v.name] = value;
    if (!v.init.empty())
      std::memcpy(value, v.init.data(), v.init.size());
    else
      std::memset(value, 0, bytes); // no initialiser means zero
  }
  for (const ast::Variable &v : module.globals)
    for (const ast::Relocation &r : v.relocations) {
      u64 value;
      auto it = symbols.address.find(r.symbol);
      if (it != symbols.address.end()) {
        value = it->second;
      } else {
        std::string name = r.symbol;
        if (auto a = module.aliases.find(name); a != module.aliases.end())
          name = a->second;
        value = 0;
        for (size_t i = 0; i < module.functions.size(); ++i)
          if (module.functions[i].name == name)
            value = kFunctionBase + 16 * (i + 1);
        if (!value)
          throw PtxError(v.line, "initialiser of '" + v.name + "' names '" +
                                     r.symbol + "', which is not declared");
      }
      value += static_cast<u64>(r.addend);
      if (auto own = values.find(v.name); own != values.end())
        std::memcpy(own->second + r.offset, &value, r.bytes);
    }
}

LoadedModule::Allocations::~Allocations() {
  for (u64 a : addresses)
    memory.free(a);
}

const Program &LoadedModule::program(const std::string &entry) {
  std::unique_ptr<Program> &p = programs[entry];
  if (!p)
    p = decode(module, symbols, entry);
  return *p;
}

bool LoadedModule::hasEntry(const std::string &name) const {
  for (const ast::Function &f : module.functions)
    if (f.isEntry && f.hasBody && f.name == name)
      return true;
  return false;
}

std::vector<std::string> LoadedModule::entries() const {
  std::vector<std::string> names;
  for (const ast::Function &f : module.functions)
    if (f.isEntry && f.hasBody)
      names.push_back(f.name);
  return names;
}

bool LoadedModule::global(const std::string &name, u64 &address,
                          u64 &bytes) const {
  auto it = symbols.address.find(name);
  if (it == symbols.address.end())
    return false;
  address = it->second;
  bytes = symbols.variables.at(name)->bytes;
  return true;
}

} // namespace hamlet::emu
