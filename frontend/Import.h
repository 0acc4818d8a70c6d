#ifndef HAMLET_FRONTEND_IMPORT_H
#define HAMLET_FRONTEND_IMPORT_H

#include "frontend/CheckpointCheck.h"
#include "frontend/Family.h"
#include "frontend/ModelSpec.h"

#include <optional>

namespace hamlet::frontend {

struct GraphOptions {
  /// What the model is compiled for: f32; bf16 operands and activations; f16
  /// weights widened under f32 arithmetic.
  FloatType dtype = FloatType::BF16;
  /// What the checkpoint's matrices are stored in; the LM head keeps it under
  /// bf16.
  FloatType stored = FloatType::BF16;
  int64_t chunk = 64; ///< Tokens between the anchors of lightning states.
};

struct ImportOptions {
  std::optional<FloatType> dtype; ///< F32 or BF16; none: as stored.
  int64_t chunk = 64;
  std::vector<std::string> modelFolders; ///< More family descriptions.
};

struct ImportedModel {
  ModelSpec spec;
  GraphOptions graph;
  /// What the checkpoint has; none for a lone configuration. Its unused tensors
  /// are for the user to see.
  std::optional<CheckpointReport> report;
};

/// Reads what `hamlet compile` takes: a checkpoint's folder or a `config.json`
/// alone. A folder's tensors must be all there and of the right shapes. A
/// folder that has an index and none of its shards is checked by names only;
/// then, and for a lone configuration, the stored dtype is that of the
/// configuration, else bf16.
llvm::Expected<ImportedModel> importModel(llvm::StringRef path,
                                          const ImportOptions &options);

} // namespace hamlet::frontend

#endif // HAMLET_FRONTEND_IMPORT_H
