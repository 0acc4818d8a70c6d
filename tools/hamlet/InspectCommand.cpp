//===- InspectCommand.cpp -------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/hamlet/Commands.h"
#include "tools/hamlet/Describe.h"
#include "tools/hamlet/InspectPage.h"
#include "tools/hamlet/Table.h"
#include "tools/hamlet/Units.h"

#include <cstdio>
#include <filesystem>
#include <memory>

namespace hamlet::tools {
namespace {

using namespace hmlt;

struct InspectOptions {
  std::string path;
  bool json = false, program = false, full = false;
};

/// "name=linear  kind=linear", strings without quotes.
std::string line(const Json &row) {
  std::string out;
  for (const auto &[key, value] : row.items()) {
    if (value.is_array() && value.empty())
      continue;
    out += (out.empty() ? "" : "  ") + key + "=" +
           (value.is_string() ? value.get<std::string>() : jsonText(value));
  }
  return out;
}

std::string exact(int64_t bytes) {
  return bytesText(double(bytes)) + " (" + std::to_string(bytes) + " bytes)";
}

void printFunction(const Json &function) {
  std::printf("  function %s\n", function["name"].get<std::string>().c_str());
  for (const char *list :
       {"operands", "results", "derived", "checks", "buffers", "launches"})
    for (const Json &item : function[list])
      std::printf("    %s: %s\n", list, line(item).c_str());
}

/// Everything that the JSON has, an item a line.
void printFull(const Json &json, const ContainerT &file) {
  int64_t weights = 0, slot = 0, page = 0;
  if (!file.images.empty()) {
    auto layouts = layoutsFor(file, file.images.front()->target);
    for (size_t w = 0; w < layouts.size(); ++w)
      weights += bytesFor(file, w, layouts[w]);
  }
  for (const auto &cache : file.caches)
    (cache->per == CachePer::slot ? slot : page) += cache->bytes;
  std::printf("container version %u, content hash %s\n", file.version,
              json["content_hash"].get<std::string>().c_str());
  std::printf("weights %s, per sequence %s, per page of %lld tokens %s\n",
              exact(weights).c_str(), exact(slot).c_str(),
              static_cast<long long>(kPageTokens), exact(page).c_str());
  for (const auto &[section, value] : json.items()) {
    if (section == "version" || section == "content_hash")
      continue;
    if (value.is_object()) {
      std::printf("\n%s\n", section.c_str());
      for (const auto &[key, item] : value.items())
        std::printf("  %s: %s\n", key.c_str(),
                    item.is_string() ? item.get<std::string>().c_str()
                                     : jsonText(item).c_str());
      continue;
    }
    std::printf("\n%s (%zu)\n", section.c_str(), value.size());
    for (const Json &row : value) {
      if (section == "functions")
        printFunction(row);
      else
        std::printf("  %s\n", row.is_string() ? row.get<std::string>().c_str()
                                              : line(row).c_str());
    }
  }
}

Status inspect(const InspectOptions &options) {
  if (options.program)
    return startCompiler({"program", options.path});
  auto file = readContainer(options.path);
  if (file.failed())
    return file.status();
  if (options.json) {
    std::printf("%s\n", jsonText(describe(**file), 2).c_str());
  } else if (options.full) {
    printFull(describe(**file), **file);
  } else {
    std::error_code unknown;
    auto bytes = std::filesystem::file_size(options.path, unknown);
    std::string page =
        inspectPage(**file, options.path, unknown ? 0 : bytes, stylesWanted());
    std::fputs(page.c_str(), stdout);
  }
  return {};
}

} // namespace

Action addInspectCommand(CLI::App &app) {
  auto options = std::make_shared<InspectOptions>();
  InspectOptions &o = *options;
  app.add_option("file", o.path, "The container")->required();
  CLI::Option *json =
      app.add_flag("--json", o.json, "Everything, as JSON with exact numbers");
  CLI::Option *full =
      app.add_flag("--full", o.full, "Everything, as text, an item a line")
          ->excludes(json);
  app.add_flag("--program", o.program,
               "The host program as IR, which hamlet-opt parses and 'hamlet "
               "compile' takes again")
      ->excludes(json)
      ->excludes(full);
  return [options] { return finish(inspect(*options)); };
}

} // namespace hamlet::tools
