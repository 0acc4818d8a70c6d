#include "frontend/Import.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace llvm;

namespace hamlet::frontend {

static Error makeError(const Twine &message) {
  return createStringError(inconvertibleErrorCode(), message);
}

/// Opens the tensors in `folder`; by names only if there is an index and no
/// shard.
static Error openTensors(StringRef folder,
                         safetensors::Checkpoint &checkpoint) {
  std::string error;
  SmallString<128> index(folder), single(folder);
  sys::path::append(index, "model.safetensors.index.json");
  sys::path::append(single, "model.safetensors");
  if (sys::fs::exists(index) && !sys::fs::exists(single)) {
    if (!safetensors::openIndex(index.str().str(), checkpoint, error))
      return makeError(error);
    if (none_of(checkpoint.files,
                [](const std::string &file) { return sys::fs::exists(file); }))
      return Error::success();
  }
  if (!safetensors::openCheckpoint(folder.str(), checkpoint, error))
    return makeError(error);
  return Error::success();
}

Expected<ImportedModel> importModel(StringRef path,
                                    const ImportOptions &options) {
  Expected<FamilyRegistry> registry =
      FamilyRegistry::load(options.modelFolders);
  if (!registry)
    return registry.takeError();
  Expected<ModelSpec> spec = loadModel(path, *registry);
  if (!spec)
    return spec.takeError();
  ImportedModel model{std::move(*spec), {}, std::nullopt};
  model.graph.chunk = options.chunk;
  model.graph.stored = model.spec.configDType.value_or(FloatType::BF16);
  if (sys::fs::is_directory(path)) {
    safetensors::Checkpoint checkpoint;
    if (Error error = openTensors(path, checkpoint))
      return std::move(error);
    model.report = checkCheckpoint(model.spec, checkpoint, path.str());
    if (!model.report->ok())
      return makeError(StringRef(model.report->text()).rtrim());
    if (checkpoint.hasHeaders)
      model.graph.stored = model.report->stored;
  }
  model.graph.dtype = options.dtype.value_or(model.graph.stored);
  return model;
}

} // namespace hamlet::frontend
