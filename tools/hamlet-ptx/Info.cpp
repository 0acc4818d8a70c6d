//===- Info.cpp -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// hamlet-ptx info
#include "tools/hamlet-ptx/Commands.h"

#include "emulator/module/Module.h"

#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

namespace hamlet::ptx {
using nlohmann::json;

int info(const Options &o, const std::string &text) {
  emu::DeviceMemory memory(0, uint64_t(1) << 40);
  emu::LoadedModule module(text, memory);
  const emu::ast::Module &ast = module.ast();
  json j;
  j["version"] =
      std::to_string(ast.versionMajor) + "." + std::to_string(ast.versionMinor);
  j["target"] = ast.target;
  j["warnings"] = ast.warnings;
  j["entries"] = json::array();
  for (const std::string &name : module.entries()) {
    json e;
    e["name"] = name;
    std::vector<std::string> wrong =
        emu::unsupportedForms(ast, module.symbolTable(), name);
    e["unsupported"] = wrong;
    const emu::ast::Function *f = nullptr;
    for (const emu::ast::Function &g : ast.functions)
      if (g.name == name)
        f = &g;
    uint64_t offset = 0;
    e["params"] = json::array();
    for (const emu::ast::Variable &v : f->params) {
      offset = (offset + v.align - 1) / v.align * v.align;
      e["params"].push_back({{"name", v.name},
                             {"type", emu::typeName(v.type)},
                             {"bytes", v.bytes},
                             {"offset", offset},
                             {"align", v.align},
                             {"pointer", v.pointer}});
      offset += v.bytes;
    }
    std::map<std::string, uint64_t> registers, opcodes;
    for (const emu::ast::Register &r : f->registers)
      ++registers[emu::typeName(r.type)];
    for (const emu::ast::Instruction &i : f->code)
      ++opcodes[i.spelling()];
    e["registers"] = registers;
    e["opcodes"] = opcodes;
    e["instructions"] = f->code.size();
    e["shared_bytes"] = 0;
    e["local_bytes"] = 0;
    if (wrong.empty()) {
      const emu::Program &p = module.program(name);
      e["shared_bytes"] = p.staticShared;
      e["local_bytes"] = p.localBytes;
    }
    if (f->reqntid[0])
      e["reqntid"] = f->reqntid;
    if (f->maxntid[0])
      e["maxntid"] = f->maxntid;
    if (f->reqnctapercluster[0])
      e["reqnctapercluster"] = f->reqnctapercluster;
    j["entries"].push_back(e);
  }
  // Functions that an entry reaches are counted with it too.
  j["functions"] = json::array();
  for (const emu::ast::Function &f : ast.functions)
    if (!f.isEntry && f.hasBody)
      j["functions"].push_back(
          {{"name", f.name},
           {"unsupported",
            emu::unsupportedForms(ast, module.symbolTable(), f.name)}});
  if (o.json) {
    std::cout << j.dump(2) << "\n";
    return 0;
  }
  std::cout << "PTX ISA " << j["version"].get<std::string>() << ", target "
            << ast.target << "\n";
  for (const std::string &w : ast.warnings)
    std::cout << "warning: " << w << "\n";
  for (const json &e : j["entries"]) {
    std::cout << "entry " << e["name"].get<std::string>() << "\n";
    for (const json &p : e["params"])
      std::cout << "  parameter " << p["name"].get<std::string>() << ": ."
                << p["type"].get<std::string>() << ", " << p["bytes"]
                << " bytes at " << p["offset"] << "\n";
    std::cout << "  registers:";
    for (auto &[t, n] : e["registers"].items())
      std::cout << " " << n << " ." << t;
    std::cout << "\n  shared " << e["shared_bytes"] << " bytes, local "
              << e["local_bytes"] << " bytes a thread, " << e["instructions"]
              << " instructions\n";
    for (auto &[op, n] : e["opcodes"].items())
      std::cout << "    " << n << "  " << op << "\n";
    for (const json &u : e["unsupported"])
      std::cout << "  unsupported: " << u.get<std::string>() << "\n";
  }
  for (const json &f : j["functions"])
    for (const json &u : f["unsupported"])
      std::cout << "function " << f["name"].get<std::string>()
                << "\n  unsupported: " << u.get<std::string>() << "\n";
  return 0;
}

} // namespace hamlet::ptx
