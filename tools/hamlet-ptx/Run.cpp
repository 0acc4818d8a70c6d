//===- Run.cpp ------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// hamlet-ptx run
#include "tools/hamlet-ptx/Arguments.h"
#include "tools/hamlet-ptx/Commands.h"

#include "container/AtomicFile.h"
#include "emulator/module/Module.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

namespace hamlet::ptx {
namespace {
using nlohmann::json;

json toJson(const emu::Site &s) {
  return {{"line", s.line}, {"source", s.source}, {"cta", s.cta},
          {"warp", s.warp}, {"lane", s.lane},     {"text", s.text}};
}

std::string describe(const emu::Site &s) {
  std::string t = "line " + std::to_string(s.line);
  if (!s.source.empty())
    t += " (" + s.source + ")";
  return t + " '" + s.text + "', CTA " + std::to_string(s.cta) + " warp " +
         std::to_string(s.warp) + " lane " + std::to_string(s.lane);
}

struct Outcome {
  emu::LaunchResult result;
  std::string mode;
  double seconds = 0; ///< of the launch alone
};

/// The line of the source where the file tells it, else of the PTX.
std::string placeOf(const emu::Site &s) {
  return s.source.empty() ? std::to_string(s.line) : s.source;
}

/// Findings of several runs, those of one line (or pair of lines) of the source
/// as one, with how often they were met in all.
std::vector<emu::Finding> unite(std::vector<Outcome> &runs) {
  std::vector<emu::Finding> all;
  std::map<std::string, size_t> seen;
  for (Outcome &r : runs) {
    if (r.result.status == emu::LaunchStatus::Budget ||
        r.result.status == emu::LaunchStatus::Trap ||
        r.result.status == emu::LaunchStatus::Assert ||
        r.result.status == emu::LaunchStatus::IllegalInstruction) {
      emu::Finding f;
      f.kind = r.result.status == emu::LaunchStatus::Budget ? "budget"
               : r.result.status == emu::LaunchStatus::Trap ? "trap"
               : r.result.status == emu::LaunchStatus::Assert
                   ? "assertion"
                   : "illegal-instruction";
      f.message = r.result.message;
      r.result.findings.push_back(f);
    }
    for (const emu::Finding &f : r.result.findings) {
      std::string key = f.kind + "/" + placeOf(f.first) + "/" +
                        (f.second ? placeOf(*f.second) : "") + "/" + f.space;
      auto [at, isNew] = seen.try_emplace(key, all.size());
      if (isNew)
        all.push_back(f);
      else
        all[at->second].count += f.count;
    }
  }
  return all;
}

/// What --check looked at, of all schedules.
json checked(const Options &o, const std::vector<Outcome> &runs) {
  json j = {{"schedules", json::array()},
            {"threads", o.grid.total() * o.block.total()},
            {"instructions", 0},
            {"accesses", 0}};
  uint64_t instructions = 0, accesses = 0;
  for (const Outcome &r : runs) {
    j["schedules"].push_back(r.mode);
    instructions += r.result.instructions;
    accesses += r.result.accesses;
  }
  j["instructions"] = instructions;
  j["accesses"] = accesses;
  return j;
}

/// An instruction of the file; a function that is called at several places has
/// its instructions once.
struct Covered {
  const emu::ast::Instruction *inst;
  std::pair<uint32_t, size_t> place; ///< line, and first operation
  uint64_t hits = 0;
  bool branch = false;
  uint8_t ways = 0; ///< 1: taken, 2: not taken
};

json coverage(const emu::Program &p, const std::vector<Outcome> &runs) {
  std::vector<Covered> all;
  std::map<const emu::ast::Instruction *, size_t> known;
  for (size_t i = 0; i < p.info.size(); ++i) {
    const emu::OpInfo &op = p.info[i];
    if (!op.inst)
      continue;
    auto [place, isNew] = known.try_emplace(op.inst, all.size());
    if (isNew)
      all.push_back({op.inst, {op.line, i}});
    Covered &row = all[place->second];
    row.branch |= op.branch;
    for (const Outcome &r : runs) {
      if (i >= r.result.hits.size())
        continue;
      row.hits += r.result.hits[i];
      if (op.branch)
        row.ways |= r.result.branches[i];
    }
  }
  std::ranges::sort(all, {}, &Covered::place);
  uint64_t executed = 0, branches = 0, both = 0;
  json missed = json::array(), oneSided = json::array();
  for (const Covered &row : all) {
    executed += row.hits != 0;
    if (!row.hits)
      missed.push_back(
          {{"line", row.place.first}, {"text", row.inst->spelling()}});
    if (!row.branch)
      continue;
    ++branches;
    both += row.ways == 3;
    if (row.ways != 3)
      oneSided.push_back({{"line", row.place.first},
                          {"taken", (row.ways & 1) != 0},
                          {"not_taken", (row.ways & 2) != 0}});
  }
  return {{"instructions", all.size()}, {"executed", executed},
          {"branches", branches},       {"both_ways", both},
          {"missed", missed},           {"one_sided", oneSided}};
}

/// The file of --trace. Lines go out in blocks; the first failure is kept for
/// the end, as the launch that reports them cannot be broken off.
class Trace {
public:
  explicit Trace(const std::string &path) : status(file.open(path)) { check(); }
  void line(const std::string &text) {
    constexpr size_t kBlock = 1 << 16;
    (pending += text) += '\n';
    if (pending.size() >= kBlock)
      flush();
  }
  void finish() {
    flush();
    if (status.ok())
      status = file.commit();
    check();
  }

private:
  void flush() {
    if (status.ok())
      status = file.write(pending);
    pending.clear();
  }
  void check() const {
    if (status.failed())
      throw std::runtime_error(status.message());
  }

  AtomicFile file;
  Status status;
  std::string pending;
};
} // namespace

int run(const Options &o, const std::string &text) {
  std::vector<Argument> arguments;
  arguments.reserve(o.args.size());
  for (const std::string &a : o.args)
    arguments.push_back(parseArgument(a));
  for (auto &[n, path] : o.saves)
    if (n >= arguments.size() || arguments[n].kind != Argument::Kind::Buffer)
      throw UsageError("--save " + std::to_string(n) + ": argument " +
                       std::to_string(n) + " is not a buffer");
  std::vector<emu::AsyncMode> modes;
  if (o.async)
    modes = {*o.async};
  else if (o.check)
    modes = {emu::AsyncMode::Eager, emu::AsyncMode::Lazy};
  else
    modes = {emu::AsyncMode::Eager};
  static const char *const names[] = {"eager", "lazy", "random"};

  std::vector<Outcome> runs;
  json cover;
  std::vector<std::string> warnings;
  for (size_t i = 0; i < modes.size(); ++i) {
    emu::DeviceMemory memory(0, uint64_t(1) << 38);
    emu::LoadedModule module(text, memory, o.check);
    warnings = module.ast().warnings;
    if (!module.hasEntry(o.entry)) {
      std::string known;
      for (const std::string &e : module.entries())
        known += " " + e;
      throw std::runtime_error("no entry '" + o.entry +
                               "'; the file has:" + known);
    }
    const emu::Program &program = module.program(o.entry);
    std::vector<uint32_t> slots;
    slots.reserve(program.params.size());
    for (const emu::ParamSlot &s : program.params)
      slots.push_back(s.bytes);
    Placement placement(arguments, memory, slots, o.check);
    emu::LaunchConfig config;
    config.grid = o.grid;
    config.block = o.block;
    config.cluster = o.cluster;
    const uint32_t *required = program.entry->reqnctapercluster;
    if (!o.clusterGiven && required[0])
      config.cluster = {required[0], required[1], required[2]};
    config.sharedBytes = o.shared;
    config.params.resize(program.paramBytes);
    for (size_t p = 0; p < arguments.size(); ++p)
      std::memcpy(config.params.data() + program.params[p].offset,
                  placement.parameter(p).data(), placement.parameter(p).size());
    config.seed = o.seed;
    config.async = modes[i];
    config.check = o.check;
    config.coverage = o.coverage;
    config.maxInstructions = o.maxInstructions;
    std::optional<Trace> trace;
    if (!o.trace.empty() && i == 0) {
      trace.emplace(o.trace);
      config.trace = [&](const std::string &line) { trace->line(line); };
    }
    Outcome outcome;
    outcome.mode = names[static_cast<int>(modes[i])];
    auto start = std::chrono::steady_clock::now();
    outcome.result = emu::launch(program, memory, config);
    outcome.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
            .count();
    if (trace)
      trace->finish();
    runs.push_back(std::move(outcome));
    if (i == 0)
      for (auto &[n, path] : o.saves) {
        Array a = arguments[n].array;
        a.data.resize(arguments[n].bytes);
        if (!a.data.empty())
          std::memcpy(a.data.data(),
                      memory.host(placement.address(n), a.data.size()),
                      a.data.size());
        writeNpy(path, a);
      }
    if (o.coverage)
      cover = coverage(program, runs);
  }

  std::vector<emu::Finding> findings = unite(runs);
  const Outcome *failed = nullptr;
  for (const Outcome &r : runs)
    if (!failed && r.result.status != emu::LaunchStatus::Ok)
      failed = &r;
  bool error = failed != nullptr;
  for (const emu::Finding &f : findings)
    error |= f.severity == emu::Severity::Error;
  int status = !error ? 0 : o.check ? 3 : failed ? 1 : 0;
  std::string state = failed  ? emu::launchStatusName(failed->result.status)
                      : error ? "findings"
                              : "ok";
  if (o.json) {
    json j;
    j["status"] = state;
    j["exit_status"] = status;
    j["message"] = failed ? failed->result.message : "";
    j["seconds"] = runs[0].seconds;
    j["instructions"] = runs[0].result.instructions;
    j["thread_instructions"] = runs[0].result.threadInstructions;
    j["findings"] = json::array();
    for (const std::string &w : warnings)
      j["findings"].push_back(
          {{"severity", "note"}, {"kind", "version"}, {"message", w}});
    for (const emu::Finding &f : findings) {
      json e = {
          {"severity", f.severity == emu::Severity::Error ? "error" : "note"},
          {"kind", f.kind},
          {"message", f.message},
          {"space", f.space},
          {"address", f.address},
          {"bytes", f.bytes},
          {"count", f.count},
          {"first", toJson(f.first)},
          {"second", nullptr}};
      if (f.second)
        e["second"] = toJson(*f.second);
      j["findings"].push_back(e);
    }
    j["checked"] = o.check ? checked(o, runs) : json();
    j["coverage"] = cover;
    std::cout << j.dump(2) << "\n";
    return status;
  }
  for (const std::string &w : warnings)
    std::cerr << "note: " << w << "\n";
  for (const emu::Finding &f : findings) {
    std::cerr << (f.severity == emu::Severity::Error ? "error: " : "note: ")
              << f.kind << ": " << f.message;
    if (f.count > 1)
      std::cerr << " (" << f.count << " times)";
    std::cerr << "\n";
    if (f.first.line)
      std::cerr << "  at " << describe(f.first) << "\n";
    if (f.second)
      std::cerr << "  and " << describe(*f.second) << "\n";
  }
  if (failed && findings.empty())
    std::cerr << "error: " << state << ": " << failed->result.message << "\n";
  else if (failed)
    std::cerr << "the kernel failed: " << state << "\n";
  if (o.check && !failed && findings.empty()) {
    json what = checked(o, runs);
    std::string schedules;
    for (const Outcome &r : runs)
      schedules += (schedules.empty() ? "" : ", ") + r.mode;
    std::cout << "no findings: "
              << (runs.size() > 1 ? "schedules " : "schedule ") << schedules
              << " of " << what["threads"]
              << (what["threads"] == 1 ? " thread, " : " threads, ")
              << what["instructions"] << " warp instructions, "
              << what["accesses"]
              << " accesses of shared and global memory checked\n";
  }
  if (o.coverage)
    std::cout << cover["executed"] << " of " << cover["instructions"]
              << " instructions executed, " << cover["both_ways"] << " of "
              << cover["branches"] << " branches went both ways\n";
  return status;
}

} // namespace hamlet::ptx
