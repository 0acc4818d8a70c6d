//===- CApi.cpp -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/CApi.h"

#include <optional>

using namespace hamlet;
using namespace hamlet::runtime;
using namespace hamlet::runtime::capi;

namespace {

hamlet_status noMemory{"not enough memory"};

std::optional<OutputRows> rowsOf(hamlet_rows rows) {
  switch (rows) {
  case HAMLET_ROWS_NONE:
    return OutputRows::none;
  case HAMLET_ROWS_LAST:
    return OutputRows::last;
  case HAMLET_ROWS_ALL:
    return OutputRows::all;
  }
  return std::nullopt; // C takes any number for an enumeration
}

} // namespace

hamlet_status *capi::outOfMemory() { return &noMemory; }

hamlet_status *capi::toC(const std::string &message) {
  auto *made = new (std::nothrow) hamlet_status;
  try {
    if (made)
      made->message = message;
  } catch (const std::bad_alloc &) {
    delete made;
    made = nullptr;
  }
  return made ? made : &noMemory;
}

int hamlet_api_version(void) { return HAMLET_API_VERSION; }

const char *hamlet_status_message(const hamlet_status *status) {
  return status ? status->message.c_str() : "";
}
void hamlet_status_free(hamlet_status *status) {
  if (status != &noMemory)
    delete status;
}

hamlet_status *hamlet_model_load(const char *path, const char *weights,
                                 const char *device, unsigned threads,
                                 hamlet_model **model) {
  return guarded([&]() -> Status {
    HAMLET_TRY(given("hamlet_model_load", path, device, model));
    auto loaded = loadModel(path, device, threads);
    if (loaded.failed())
      return loaded.status();
    LoadedModel &made = **loaded;
    if (!weights && !made.file->weights.empty())
      return failure("hamlet_model_load: 'weights' is NULL, and '", path,
                     "' needs ", made.file->weights.size(),
                     " weights: give the checkpoint's folder");
    auto store = loadWeights(*made.file, weights ? weights : "", *made.device,
                             *made.pool, nullptr);
    if (store.failed())
      return store.status();
    made.weights = std::move(*store);
    *model = new hamlet_model{std::move(*loaded)};
    return {};
  });
}
void hamlet_model_free(hamlet_model *model) { delete model; }

const char *hamlet_model_message(const hamlet_model *model, size_t index) {
  const auto &messages = model->loaded->weights.messages;
  return index < messages.size() ? messages[index].c_str() : nullptr;
}

int64_t hamlet_model_vocabulary(const hamlet_model *model) {
  return model->loaded->file->model->vocab;
}
int64_t hamlet_model_max_positions(const hamlet_model *model) {
  return model->loaded->file->model->max_positions;
}
const int64_t *hamlet_model_eos_ids(const hamlet_model *model, size_t *count) {
  const auto &ids = model->loaded->file->model->eos_ids;
  *count = ids.size();
  return ids.data();
}

hamlet_status *hamlet_session_open(hamlet_model *model,
                                   const hamlet_session_options *options,
                                   hamlet_session **session) {
  return guarded([&]() -> Status {
    HAMLET_TRY(given("hamlet_session_open", model, options, session));
    if (!hasModel(*model->loaded->file))
      return failure("hamlet_session_open: the container has functions, not a "
                     "model: run one with hamlet_call");
    if (options->max_sequences < 1 || options->max_context < 1 ||
        options->step_tokens < 0)
      return failure("hamlet_session_open: max_sequences ",
                     options->max_sequences, ", max_context ",
                     options->max_context, ", step_tokens ",
                     options->step_tokens, ": expected 1, 1, 0 or more");
    int64_t positions = hamlet_model_max_positions(model);
    if (options->max_context > positions)
      return failure("hamlet_session_open: max_context is ",
                     options->max_context, ", the model has ", positions,
                     " positions");
    ExecutorLimits limits;
    limits.sequences = options->max_sequences;
    limits.context = options->max_context;
    if (options->step_tokens)
      limits.stepTokens = options->step_tokens;
    auto executor = Executor::make(*model->loaded, limits);
    if (executor.failed())
      return executor.status();
    *session = new hamlet_session{std::move(*executor)};
    return {};
  });
}
void hamlet_session_free(hamlet_session *session) { delete session; }

hamlet_status *hamlet_sequence_add(hamlet_session *session, int32_t *sequence) {
  return guarded([&]() -> Status {
    HAMLET_TRY(given("hamlet_sequence_add", session, sequence));
    Result<int> opened = session->executor->open();
    if (opened.failed())
      return opened.status();
    *sequence = *opened;
    return {};
  });
}

hamlet_status *hamlet_sequence_remove(hamlet_session *session,
                                      int32_t sequence) {
  return guarded([&]() -> Status {
    HAMLET_TRY(given("hamlet_sequence_remove", session));
    if (!session->executor->isOpen(sequence))
      return failure("sequence ", sequence, " is not open");
    session->executor->close(sequence);
    return {};
  });
}

int64_t hamlet_sequence_length(const hamlet_session *session,
                               int32_t sequence) {
  return session->executor->isOpen(sequence)
             ? session->executor->length(sequence)
             : -1;
}

hamlet_status *hamlet_sequence_fork(hamlet_session *session, int32_t sequence,
                                    int32_t *made) {
  return guarded([&]() -> Status {
    HAMLET_TRY(given("hamlet_sequence_fork", session, made));
    Result<int> forked = session->executor->fork(sequence);
    if (forked.failed())
      return forked.status();
    *made = *forked;
    return {};
  });
}

hamlet_status *hamlet_sequence_truncate(hamlet_session *session,
                                        int32_t sequence, int64_t length) {
  return guarded([&]() -> Status {
    HAMLET_TRY(given("hamlet_sequence_truncate", session));
    return session->executor->truncate(sequence, length);
  });
}

int64_t hamlet_sequence_least_length(const hamlet_session *session,
                                     int32_t sequence) {
  return session->executor->isOpen(sequence)
             ? session->executor->leastLength(sequence)
             : -1;
}

hamlet_status *hamlet_step(hamlet_session *session, const hamlet_piece *pieces,
                           size_t count) {
  return guarded([&]() -> Status {
    HAMLET_TRY(given("hamlet_step", session, pieces));
    std::vector<Piece> converted;
    converted.reserve(count);
    for (size_t i = 0; i < count; ++i) {
      const hamlet_piece &piece = pieces[i];
      std::optional<OutputRows> rows = rowsOf(piece.rows);
      if (!rows)
        return failure("piece ", i, ": rows is ", static_cast<int>(piece.rows),
                       ", expected one of hamlet_rows");
      if (!piece.tokens && piece.count)
        return failure("piece ", i, ": tokens is NULL");
      converted.push_back({piece.sequence, {piece.tokens, piece.count}, *rows});
    }
    return session->executor->step(converted);
  });
}

int64_t hamlet_logits_rows(const hamlet_session *session) {
  return session->executor->outputRows();
}

hamlet_status *hamlet_logits_copy(hamlet_session *session, int64_t first,
                                  int64_t rows, float *out) {
  return guarded([&]() -> Status {
    HAMLET_TRY(given("hamlet_logits_copy", session, out));
    return session->executor->copyLogits(first, rows, out);
  });
}

const float *hamlet_logits_view(const hamlet_session *session) {
  return session->executor->viewLogits();
}
