//===- Module.h -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// A PTX text loaded onto a device: its variables placed, its entries decoded
// when they are first asked for.
#pragma once

#include "emulator/core/Decode.h"
#include "emulator/memory/DeviceMemory.h"

namespace hamlet::emu {

/// Where variables with .attribute(.managed) lie: at one address for the host
/// and every device. Modules of one library share it.
class ManagedVariables {
public:
  virtual ~ManagedVariables() = default;
  /// The address of `bytes` bytes for `name`, 0: there is no memory. `fresh`:
  /// they hold no value yet.
  virtual u64 place(const std::string &name, u64 bytes, bool &fresh) = 0;
};

class LoadedModule {
public:
  /// Parses `text` and places its .global and .const variables in `memory`,
  /// which must outlive the module, managed ones in `managed` where that is
  /// given. Throws PtxError.
  LoadedModule(std::string_view text, DeviceMemory &memory,
               bool trackWrites = false,
               std::shared_ptr<ManagedVariables> managed = nullptr);
  LoadedModule(const LoadedModule &) = delete;
  LoadedModule &operator=(const LoadedModule &) = delete;

  /// The decoded entry. Throws PtxError if there is none or a form is unknown.
  const Program &program(const std::string &entry);
  bool hasEntry(const std::string &name) const;
  std::vector<std::string> entries() const;
  /// Address and bytes of a variable; false if there is none.
  bool global(const std::string &name, u64 &address, u64 &bytes) const;
  const ast::Module &ast() const { return module; }
  const Symbols &symbolTable() const { return symbols; }

private:
  /// Frees what it holds, also where a constructor throws.
  struct Allocations {
    DeviceMemory &memory;
    std::vector<u64> addresses;
    ~Allocations();
  };

  ast::Module module;
  DeviceMemory &memory;
  std::shared_ptr<ManagedVariables> managed;
  Symbols symbols;
  std::map<std::string, std::unique_ptr<Program>> programs;
  Allocations allocations{memory, {}};
};

} // namespace hamlet::emu
