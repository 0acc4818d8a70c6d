//===- CommandLine.cpp ----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/command/CommandLine.h"

#include "container/AtomicFile.h"

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <sstream>

namespace hamlet::tools {
namespace {

void say(const char *kind, std::string_view text) {
  std::fprintf(stderr, "hamlet: %s: %.*s\n", kind,
               static_cast<int>(text.size()), text.data());
}

/// Insertions, deletions, replacements and swaps of neighbours between two
/// words. Source: Damerau 1964, in the form that changes no place twice.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before, last(b.size() + 1), now(b.size() + 1);
  std::iota(last.begin(), last.end(), size_t(0));
  for (size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      now[j] = std::min(
          {last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        now[j] = std::min(now[j], before[j - 2] + 1);
    }
    before = std::exchange(last, now);
  }
  return last[b.size()];
}

std::vector<std::string> optionsOf(const CLI::App &app) {
  std::vector<std::string> names;
  for (const CLI::Option *option : app.get_options())
    for (const std::string &name : option->get_lnames())
      names.push_back("--" + name);
  return names;
}

/// What the parser has against the command line, as a sentence.
std::string mistake(const CLI::App &app, const CLI::ParseError &error) {
  // An option that is not known comes first: another one may only be missing
  // because of it.
  for (const std::string &word : app.remaining(true)) {
    if (!word.starts_with('-'))
      continue;
    std::string name = word.substr(0, word.find('='));
    return "unknown option '" + name + "'" + suggestion(name, optionsOf(app));
  }
  if (std::vector<std::string> words = app.remaining(true); !words.empty())
    return "unexpected argument '" + words.front() + "'";
  return error.what();
}

int misuse(const std::string &command, const std::string &text) {
  sayError(command + ": " + text + "; 'hamlet " + command +
           " --help' has the options");
  return kWrongUsage;
}

/// Descriptions in lines of a terminal's usual width.
class Formatter : public CLI::Formatter {
public:
  Formatter() { column_width(kColumn); }
  /// What an option takes; what excludes it, its error says.
  std::string make_option_opts(const CLI::Option *option) const override {
    if (option->get_type_size() == 0)
      return "";
    std::string text;
    if (!option->get_type_name().empty())
      text += " " + get_label(option->get_type_name());
    if (!option->get_default_str().empty())
      text += " (" + option->get_default_str() + ")";
    return text;
  }
  std::string make_option(const CLI::Option *option,
                          bool positional) const override {
    std::string names =
        "  " + make_option_name(option, positional) + make_option_opts(option);
    std::string text = names, line;
    if (names.size() + 1 >= kColumn)
      text += "\n" + std::string(kColumn, ' ');
    else
      text += std::string(kColumn - names.size(), ' ');
    std::istringstream words(make_option_desc(option));
    for (std::string word; words >> word;) {
      if (!line.empty() && kColumn + line.size() + 1 + word.size() > kWidth) {
        text += line + "\n" + std::string(kColumn, ' ');
        line.clear();
      }
      line += (line.empty() ? "" : " ") + word;
    }
    return text + line + "\n";
  }

private:
  static constexpr size_t kColumn = 28, kWidth = 80;
};

CLI::App *addCommand(CLI::App &app, const Command &command, Action &action) {
  CLI::App *sub = app.add_subcommand(command.name, command.description);
  sub->option_defaults()->always_capture_default();
  if (command.hidden)
    sub->group("");
  if (command.add)
    action = command.add(*sub);
  if (command.examples.empty())
    return sub;
  std::string text = "Examples:";
  for (const std::string &example : command.examples)
    text += "\n  " + example;
  sub->footer(text);
  return sub;
}

} // namespace

void sayError(std::string_view text) { say("error", text); }
void sayWarning(std::string_view text) { say("warning", text); }

int finish(const Status &status) {
  if (status.ok())
    return kDone;
  sayError(status.message());
  return kFailed;
}

std::optional<std::string> nearest(std::string_view word,
                                   const std::vector<std::string> &known) {
  const std::string *best = nullptr;
  size_t least = std::max<size_t>(2, word.size() / 3) + 1;
  for (const std::string &name : known) {
    // A beginning is as good as one mistake.
    size_t far = name.starts_with(word) ? 1 : distance(word, name);
    if (far >= least)
      continue;
    least = far;
    best = &name;
  }
  return best ? std::optional(*best) : std::nullopt;
}

std::string suggestion(std::string_view word,
                       const std::vector<std::string> &known) {
  std::optional<std::string> meant = nearest(word, known);
  return meant ? " (did you mean '" + *meant + "'?)" : "";
}

int runCommand(const std::vector<Command> &commands, int argc, char **argv,
               const std::function<int()> &version) {
  CLI::App app("Compiles hybrid-attention mixture-of-experts models and runs "
               "what was compiled.",
               "hamlet");
  app.formatter(std::make_shared<Formatter>());
  app.require_subcommand(1);
  app.set_version_flag("--version", "", "Versions of what this was built from");
  app.footer("'hamlet help COMMAND' tells of one command.");
  std::vector<Action> actions(commands.size());
  std::vector<CLI::App *> subs;
  std::vector<std::string> names;
  for (size_t i = 0; i < commands.size(); ++i) {
    subs.push_back(addCommand(app, commands[i], actions[i]));
    if (!commands[i].hidden)
      names.push_back(commands[i].name);
  }

  // 'hamlet help run' is 'hamlet run --help'; alone it is 'hamlet --help'.
  std::vector<std::string> words(argv + 1, argv + argc);
  if (!words.empty() && words[0] == "help") {
    words.erase(words.begin());
    words.resize(std::min<size_t>(words.size(), 1));
    words.emplace_back("--help");
  }
  std::string all;
  for (const std::string &name : names)
    all += (all.empty() ? "" : ", ") + name;
  if (words.empty()) {
    sayError("expected a command, one of " + all);
    return kWrongUsage;
  }
  if (!words[0].starts_with('-') &&
      std::ranges::find(commands, words[0], &Command::name) == commands.end()) {
    sayError("unknown command '" + words[0] + "'" +
             suggestion(words[0], names) + ", expected one of " + all);
    return kWrongUsage;
  }
  std::ranges::reverse(words); // as the parser wants them
  try {
    app.parse(words);
  } catch (const CLI::CallForHelp &) {
    std::fputs(app.help().c_str(), stdout);
    return finish(flushStandardOutput());
  } catch (const CLI::CallForVersion &) {
    return version();
  } catch (const CLI::ParseError &error) {
    const auto asked = app.get_subcommands();
    if (!asked.empty())
      return misuse(asked.front()->get_name(), mistake(*asked.front(), error));
    sayError(mistake(app, error) + "; 'hamlet --help' has the commands");
    return kWrongUsage;
  }
  int status = kDone;
  for (size_t i = 0; i < commands.size(); ++i)
    if (subs[i]->parsed())
      status = actions[i]();
  int written = finish(flushStandardOutput());
  return status == kDone ? written : status;
}

} // namespace hamlet::tools
