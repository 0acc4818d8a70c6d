//===- Options.cpp --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/hamlet-ptx/Options.h"

#include "container/AtomicFile.h"

#include <cerrno>
#include <cstdlib>

namespace hamlet::ptx {
namespace {
uint64_t number(const std::string &option, const std::string &s) {
  errno = 0;
  char *end = nullptr;
  uint64_t v = std::strtoull(s.c_str(), &end, 0);
  if (s.empty() || *end || errno || s[0] == '-')
    throw UsageError(option + " expects a number, got '" + s + "'");
  return v;
}

[[noreturn]] void notDimensions(const std::string &option,
                                const std::string &s) {
  throw UsageError(option + " expects X[,Y[,Z]] of at least 1, got '" + s +
                   "'");
}

emu::Dim dimensions(const std::string &option, const std::string &s) {
  emu::Dim d;
  uint32_t *parts[] = {&d.x, &d.y, &d.z};
  size_t from = 0;
  for (int i = 0;; ++i) {
    size_t comma = s.find(',', from);
    uint64_t v = number(
        option,
        s.substr(from, comma == std::string::npos ? comma : comma - from));
    if (i > 2 || v == 0 || v > 0xffffffff)
      notDimensions(option, s);
    *parts[i] = static_cast<uint32_t>(v);
    if (comma == std::string::npos)
      return d;
    from = comma + 1;
  }
}
} // namespace

const char *usage() {
  return "usage: hamlet-ptx run KERNEL.ptx --entry NAME --grid X[,Y[,Z]] "
         "--block X[,Y[,Z]]\n"
         "           [--cluster X[,Y[,Z]]] [--shared BYTES] --arg ARG ... "
         "[--save N=out.npy ...]\n"
         "           [--seed S] [--async eager|lazy|random] [--check] [--trace "
         "F] [--coverage]\n"
         "           [--max-instructions N] [--json]\n"
         "       hamlet-ptx info KERNEL.ptx [--json]\n"
         "\n"
         "Executes a kernel of a PTX file on this machine's processor.\n"
         "\n"
         "  --arg ARG   one for each kernel parameter, in order:\n"
         "      @in.npy            a private device copy of the array's data\n"
         "      zeros:T:64x128     an initialised buffer\n"
         "      empty:T:64x128     an uninitialised buffer\n"
         "      T:VALUE            a scalar: i32:5, u64:0x10, f32:1.5, "
         "f32:nan\n"
         "      null               a null pointer\n"
         "      bytes:HEX          a struct by value\n"
         "      same:N[+OFF]       an alias of argument N (from 0), OFF bytes "
         "further\n"
         "      tensormap:N[+OFF]:dtype:dims:strides:box:swizzle\n"
         "      im2col:N[+OFF]:dtype:dims:strides:lower:upper:channels:"
         "pixels:steps:swizzle\n"
         "                         over the buffer of argument N, lists joined "
         "by x,\n"
         "                         innermost first, strides in bytes without "
         "the\n"
         "                         innermost, swizzle none|32|64|128\n"
         "      T: i8 u8 i16 u16 i32 u32 i64 u64 f16 bf16 f32 f64\n"
         "  --save N=F  write the buffer of argument N to the .npy file F\n"
         "  --shared B  dynamic shared memory in bytes\n"
         "  --seed S    order of warps and CTAs (default 0: natural order)\n"
         "  --async M   when asynchronous work completes: eager (default), "
         "lazy, random\n"
         "  --check     the sanitizer; without --async it runs eager and lazy\n"
         "  --trace F   one line an executed instruction\n"
         "  --coverage  instructions and branches that were executed\n"
         "  --max-instructions N   warp instructions of the launch "
         "(500000000)\n"
         "  --json      the report as JSON on standard output\n"
         "\n"
         "Exit status: 0 ran, no error found; 1 the kernel failed without "
         "--check;\n"
         "2 wrong command line, file, PTX, arguments or launch; 3 --check "
         "found an error.\n";
}

Options parseOptions(int argc, char **argv) {
  Options o;
  std::vector<std::string> words(argv + 1, argv + argc);
  for (const std::string &w : words)
    if (w == "--help" || w == "-h")
      o.help = true;
  if (o.help)
    return o;
  if (words.empty())
    throw UsageError("no command, expected run or info");
  o.command = words[0];
  if (o.command != "run" && o.command != "info")
    throw UsageError("unknown command '" + o.command +
                     "', expected run or info");
  for (size_t i = 1; i < words.size(); ++i) {
    std::string w = words[i], value;
    bool attached = false;
    if (w.rfind("--", 0) != 0) {
      if (!o.file.empty())
        throw UsageError("unexpected argument '" + w + "'");
      o.file = w;
      continue;
    }
    if (size_t eq = w.find('='); eq != std::string::npos) {
      value = w.substr(eq + 1);
      w = w.substr(0, eq);
      attached = true;
    }
    auto flag = [&] {
      if (attached)
        throw UsageError(w + " takes no value");
      return true;
    };
    auto next = [&]() -> std::string {
      if (attached)
        return value;
      if (i + 1 >= words.size())
        throw UsageError(w + " needs a value");
      return words[++i];
    };
    if (w == "--json") {
      o.json = flag();
      continue;
    }
    if (o.command == "info")
      throw UsageError("unknown option '" + w + "'");
    if (w == "--entry") {
      o.entry = next();
    } else if (w == "--grid") {
      o.grid = dimensions(w, next());
      o.gridGiven = true;
    } else if (w == "--block") {
      o.block = dimensions(w, next());
      o.blockGiven = true;
    } else if (w == "--cluster") {
      o.cluster = dimensions(w, next());
      o.clusterGiven = true;
    } else if (w == "--shared") {
      uint64_t v = number(w, next());
      if (v > (1u << 30))
        throw UsageError("--shared is too large");
      o.shared = static_cast<uint32_t>(v);
    } else if (w == "--arg") {
      o.args.push_back(next());
    } else if (w == "--save") {
      std::string s = next();
      size_t eq = s.find('=');
      if (eq == std::string::npos || eq + 1 == s.size())
        throw UsageError("--save expects N=FILE, got '" + s + "'");
      o.saves.push_back({number(w, s.substr(0, eq)), s.substr(eq + 1)});
    } else if (w == "--seed") {
      o.seed = number(w, next());
    } else if (w == "--async") {
      std::string s = next();
      if (s == "eager")
        o.async = emu::AsyncMode::Eager;
      else if (s == "lazy")
        o.async = emu::AsyncMode::Lazy;
      else if (s == "random")
        o.async = emu::AsyncMode::Random;
      else
        throw UsageError("--async expects eager, lazy or random, got '" + s +
                         "'");
    } else if (w == "--check") {
      o.check = flag();
    } else if (w == "--coverage") {
      o.coverage = flag();
    } else if (w == "--trace") {
      o.trace = next();
    } else if (w == "--max-instructions") {
      o.maxInstructions = number(w, next());
    } else {
      throw UsageError("unknown option '" + w + "'");
    }
  }
  if (o.file.empty())
    throw UsageError("no PTX file");
  std::vector<std::string> outputs;
  outputs.reserve(o.saves.size() + 1);
  for (const auto &[argument, path] : o.saves)
    outputs.push_back(path);
  if (!o.trace.empty())
    outputs.push_back(o.trace);
  for (size_t i = 0; i < outputs.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      if (sameOutput(outputs[i], outputs[j]))
        throw UsageError("two outputs are written to '" + outputs[i] + "'");
  if (o.command == "run" && (o.entry.empty() || !o.gridGiven || !o.blockGiven))
    throw UsageError("run needs --entry, --grid and --block");
  return o;
}

} // namespace hamlet::ptx
