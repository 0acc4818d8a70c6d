//===- ChatCommand.cpp - `hamlet chat` ------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/hamlet/Commands.h"

#include "container/Interrupt.h"
#include "runtime/Conversation.h"
#include "runtime/NextToken.h"
#include "tools/command/Options.h"
#include "tools/hamlet/AnswerOptions.h"
#include "tools/hamlet/LoadModel.h"
#include "tools/hamlet/TextModel.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <unistd.h>

namespace hamlet::tools {
namespace {

using namespace runtime;

constexpr int64_t kUsualContext = 32768;

struct ChatOptions {
  ModelOptions model;
  AnswerOptions answer;
  std::string system;
  int64_t maxContext = 0, prefillChunk = GenerateOptions().prefillChunk;
  CLI::Option *hasContext = nullptr;
};

/// Lines of standard input; a signal interrupts the wait.
class Lines {
public:
  enum class Event { Line, End, Interrupted };
  Event next(std::string &line) {
    line.clear();
    for (;;) {
      size_t end = buffer.find('\n');
      if (end != std::string::npos) {
        line = buffer.substr(0, end);
        buffer.erase(0, end + 1);
        return Event::Line;
      }
      // Unlike `read`, it is never begun anew after a signal.
      pollfd input = {STDIN_FILENO, POLLIN, 0};
      if (poll(&input, 1, -1) < 0 && errno == EINTR)
        return Event::Interrupted;
      char bytes[4096];
      ssize_t count = read(STDIN_FILENO, bytes, sizeof(bytes));
      if (count < 0 && errno == EINTR)
        continue;
      if (count > 0) {
        buffer.append(bytes, static_cast<size_t>(count));
        continue;
      }
      line = std::exchange(buffer, "");
      return line.empty() ? Event::End : Event::Line;
    }
  }

private:
  std::string buffer;
};

class Chat {
public:
  explicit Chat(const ChatOptions &options) : options(options) {}

  Status run() {
    auto opened = openModel(options.model);
    if (opened.failed())
      return opened.status();
    model = std::move(*opened);
    const hmlt::ModelT &description = *model->file->model;
    auto folder = weightsFolder(*model->file, options.model.weights);
    if (folder.failed())
      return folder.status();
    auto read = TextModel::read(*folder, description);
    if (read.failed())
      return read.status();
    if (!*read)
      return failure("'", *folder,
                     "' has no tokenizer.json, which a chat needs; 'hamlet run "
                     "--prompt-ids' takes ids");
    text = *read;
    // A template that cannot be used is told before the weights are loaded.
    HAMLET_TRY(Status(
        text->encodeChat(R"([{"role": "user", "content": "."}])").status()));
    int64_t context =
        *options.hasContext
            ? options.maxContext
            : std::min<int64_t>(description.max_positions, kUsualContext);
    if (context > description.max_positions)
      return failure("--max-context is ", context, ", the model has ",
                     description.max_positions, " positions");
    HAMLET_TRY(loadTheWeights(*model, *folder, options.model));
    auto made = Conversation::make(*model, context, options.prefillChunk);
    if (made.failed())
      return made.status();
    conversation = std::move(*made);
    return talk(context);
  }

private:
  void begin() {
    messages = nlohmann::ordered_json::array();
    if (!options.system.empty())
      messages.push_back({{"role", "system"}, {"content", options.system}});
  }

  Status talk(int64_t context) {
    const bool person = isatty(STDIN_FILENO);
    if (!text->taken().empty())
      std::fprintf(stderr, "hamlet: note: %s\n", text->taken().c_str());
    if (person)
      std::fprintf(stderr, "Ctrl-C ends an answer, Ctrl-D the chat; /reset "
                           "begins anew, /help has more.\n");
    begin();
    Interruptible interruptible;
    Lines lines;
    for (std::string line;;) {
      if (person)
        std::fprintf(stderr, "> ");
      switch (lines.next(line)) {
      case Lines::Event::End:
        if (person)
          std::fprintf(stderr, "\n");
        return {};
      case Lines::Event::Interrupted:
        std::fprintf(stderr, "\n");
        Interruptible::reset();
        continue;
      case Lines::Event::Line:
        break;
      }
      if (line == "/exit")
        return {};
      if (line == "/reset") {
        begin();
        continue;
      }
      if (line.starts_with("/")) {
        std::fprintf(stderr,
                     "/reset  forget the conversation\n/exit   end (Ctrl-D)\n");
        continue;
      }
      if (!line.empty())
        HAMLET_TRY(answer(line, context));
    }
  }

  /// Adds a message and its answer. What is wrong with one message is told, and
  /// the chat goes on without it.
  Status answer(const std::string &line, int64_t context) {
    messages.push_back({{"role", "user"}, {"content", line}});
    Request request = options.answer.over(text->defaults());
    auto ids = text->encodeChat(messages.dump());
    if (ids.ok()) {
      request.promptIds = std::move(*ids);
      auto left = context - static_cast<int64_t>(request.promptIds.size());
      left = std::max<int64_t>(left, 0);
      request.maxTokens =
          *options.answer.maxTokens ? std::min(request.maxTokens, left) : left;
      Status fits =
          left < 1 ? failure("the conversation has ", request.promptIds.size(),
                             " tokens and --max-context is ", context,
                             "; /reset begins anew")
                   : checkRequest(request, *model->file->model, context);
      if (fits.ok())
        return say(request);
      sayError(fits.message());
    } else {
      sayError(ids.message());
    }
    messages.erase(messages.size() - 1);
    return {};
  }

  Status say(const Request &request) {
    text::TextStream stream = text->stream();
    std::string said;
    auto print = [&](const std::string &piece) {
      said += piece;
      std::fputs(piece.c_str(), stdout);
      return flushStandardOutput();
    };
    Conversation::Callbacks callbacks;
    callbacks.onToken = [&](int32_t token) -> Status {
      if (endsAnswer(request, *model->file->model, token))
        return {};
      return print(stream.push(token));
    };
    callbacks.stop = Interruptible::asked;
    auto answer = conversation->answer(request, callbacks);
    if (answer.failed())
      return answer.status();
    HAMLET_TRY(print(stream.finish()));
    std::printf("\n");
    HAMLET_TRY(flushStandardOutput());
    if (Interruptible::asked())
      Interruptible::reset();
    else if (answer->finishReason == "length")
      std::fprintf(stderr,
                   "hamlet: note: the answer was cut after %zu tokens\n",
                   answer->tokens.size());
    if (!answer->error.empty())
      sayError(answer->error);
    messages.push_back({{"role", "assistant"}, {"content", said}});
    return {};
  }

  const ChatOptions &options;
  std::unique_ptr<LoadedModel> model;
  std::shared_ptr<const TextModel> text;
  std::unique_ptr<Conversation> conversation;
  nlohmann::ordered_json messages;
};

} // namespace

Action addChatCommand(CLI::App &app) {
  auto options = std::make_shared<ChatOptions>();
  ChatOptions &o = *options;
  addModelOptions(app, o.model);
  app.add_option("--system", o.system, "The system's message");
  addAnswerOptions(app, o.answer);
  o.answer.maxTokens->default_str("");
  o.hasContext = addCount(app, "--max-context", o.maxContext,
                          "Tokens of the conversation; default: as many as the "
                          "model has positions, 32768 at most",
                          1)
                     ->default_str("");
  addCount(app, "--prefill-chunk", o.prefillChunk,
           "Longest piece of a prompt in one step", 1);
  return [options] { return finish(Chat(*options).run()); };
}

} // namespace hamlet::tools
