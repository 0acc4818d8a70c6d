//===- Weights.cpp --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Weights.h"

#include "container/Configuration.h"
#include "container/Safetensors.h"
#include "runtime/Footprint.h"
#include "runtime/PackWeight.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <optional>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <unordered_set>

namespace hamlet::runtime {
namespace {

constexpr int64_t kStageBytes = int64_t(16) << 20;
constexpr size_t kShown = 10; // names in a message

/// A file mapped for reading.
class MappedFile {
public:
  MappedFile() = default;
  MappedFile(MappedFile &&other) noexcept
      : base(std::exchange(other.base, nullptr)),
        bytes(std::exchange(other.bytes, 0)) {}
  MappedFile &operator=(MappedFile &&) = delete;
  ~MappedFile() {
    if (base)
      munmap(base, bytes);
  }

  Status open(const std::string &path) {
    int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
      return failure("cannot open '", path, "': ", std::strerror(errno));
    struct stat info;
    if (fstat(fd, &info)) {
      close(fd);
      return failure("cannot read '", path, "': ", std::strerror(errno));
    }
    bytes = static_cast<size_t>(info.st_size);
    void *map = mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (map == MAP_FAILED)
      return failure("cannot map '", path, "': ", std::strerror(errno));
    base = map;
    madvise(base, bytes, MADV_WILLNEED);
    return {};
  }
  /// Drops whole pages of a range from memory; they are read again if used.
  void release(uint64_t offset, uint64_t size) const {
    constexpr uint64_t kPage = 4096;
    uint64_t begin = (offset + kPage - 1) / kPage * kPage;
    uint64_t end = (offset + size) / kPage * kPage;
    if (begin < end)
      madvise(static_cast<char *>(base) + begin, end - begin, MADV_DONTNEED);
  }
  const uint8_t *data() const { return static_cast<const uint8_t *>(base); }
  size_t size() const { return bytes; }

private:
  void *base = nullptr;
  size_t bytes = 0;
};

std::string shown(const std::vector<int64_t> &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

std::optional<hmlt::DType> storedType(safetensors::DType dtype) {
  switch (dtype) {
  case safetensors::DType::F32:
    return hmlt::DType::f32;
  case safetensors::DType::BF16:
    return hmlt::DType::bf16;
  case safetensors::DType::F16:
    return hmlt::DType::f16;
  case safetensors::DType::I32:
    return hmlt::DType::i32;
  case safetensors::DType::I64:
    return hmlt::DType::i64;
  case safetensors::DType::U8:
    return hmlt::DType::u8;
  default:
    return std::nullopt;
  }
}

/// Collects complaints of one kind for one message.
class Complaints {
public:
  explicit Complaints(std::string title) : title(std::move(title)) {}
  void add(const std::string &what) {
    if (count++ < kShown)
      text += "\n  " + what;
  }
  void appendTo(std::string &message) const {
    if (!count)
      return;
    message += "\n" + std::to_string(count) + " " + title + ":" + text;
    if (count > kShown)
      message += "\n  ...";
  }

private:
  std::string title, text;
  size_t count = 0;
};

class Loader {
public:
  Loader(const hmlt::ContainerT &file, const std::string &directory,
         Device &device, ThreadPool &pool, const Progress &progress,
         UnusedTensors unused)
      : file(file), directory(directory), device(device), pool(pool),
        progress(progress), unused(unused) {}

  Result<WeightStore> run() {
    if (!file.weights.empty())
      HAMLET_TRY(openCheckpoint());
    HAMLET_TRY(allocate());
    for (size_t i = 0; i < file.constants.size(); ++i)
      HAMLET_TRY(device.copyIn(store.constants[i],
                               file.constants[i]->bytes.data(),
                               file.constants[i]->bytes.size()));
    for (const WeightCopy &copy : copies) {
      const hmlt::WeightT &weight = *file.weights[copy.weight];
      HAMLET_TRY(
          packWeight(
              weight, copy.layout,
              store.weights[copy.weight][static_cast<size_t>(copy.layout)])
              .in("weight '" + weight.name + "'"));
    }
    HAMLET_TRY(beginStates());
    HAMLET_TRY(device.synchronize());
    return std::move(store);
  }

private:
  Status openCheckpoint() {
    std::string error;
    std::unordered_set<std::string_view> sources;
    for (const auto &weight : file.weights)
      for (const auto &source : weight->sources)
        sources.insert(source->tensor);
    auto needed = [&](std::string_view tensor) {
      return sources.contains(tensor);
    };
    if (!safetensors::openCheckpoint(directory, checkpoint, error, needed))
      return Status::failure(error);
    for (const std::string &note : checkpoint.notes)
      store.messages.push_back("note: " + note);
    HAMLET_TRY(checkSources());
    if (file.provenance)
      entries = readEntries(file.provenance->entries);
    HAMLET_TRY(checkUnused(sources));
    compareConfiguration();
    for (const std::string &path : checkpoint.files)
      HAMLET_TRY(files.emplace_back().open(path));
    return {};
  }

  Status checkSources() {
    Complaints missing("missing"), shapes("of another shape"),
        dtypes("of an unusable dtype"), repeated("in more than one file");
    for (const auto &weight : file.weights) {
      bool wantsFloat = weight->dtype == hmlt::DType::f32 ||
                        weight->dtype == hmlt::DType::bf16 ||
                        weight->dtype == hmlt::DType::f16;
      for (const auto &source : weight->sources) {
        auto found = checkpoint.tensors.find(source->tensor);
        if (found == checkpoint.tensors.end()) {
          missing.add("'" + source->tensor + "', expected shape " +
                      shown(source->shape));
          continue;
        }
        const safetensors::Tensor &tensor = found->second;
        std::string where =
            "'" + source->tensor + "' in " + checkpoint.files[tensor.file];
        if (tensor.shape != source->shape)
          shapes.add(where + ": expected " + shown(source->shape) + ", found " +
                     shown(tensor.shape));
        auto dtype = storedType(tensor.dtype);
        if (!dtype || (wantsFloat ? !safetensors::isWeightType(tensor.dtype)
                                  : *dtype != weight->dtype))
          dtypes.add(where + ": expected " +
                     (wantsFloat ? "F32, BF16 or F16"
                                 : hmlt::EnumNameDType(weight->dtype)) +
                     ", found " + std::string(dtypeName(tensor)));
      }
    }
    for (const safetensors::Duplicate &entry : checkpoint.duplicates)
      repeated.add("'" + entry.name + "', expected once, found in " +
                   entry.kept + " and " + entry.other);
    std::string message;
    missing.appendTo(message);
    shapes.appendTo(message);
    dtypes.appendTo(message);
    repeated.appendTo(message);
    if (!message.empty())
      return failure("the checkpoint '", directory,
                     "' does not fit the container; tensors", message);
    return {};
  }

  /// Tensors that no weight names: each has a reason, or is refused.
  Status checkUnused(const std::unordered_set<std::string_view> &used) {
    std::map<std::string, size_t> reasons;
    Complaints complaints("unused");
    for (const auto &[name, tensor] : checkpoint.tensors) {
      if (used.contains(name))
        continue;
      store.unused.push_back(name);
      if (const IgnoredTensors *known = findIgnored(entries.ignored, name))
        ++reasons["'" + known->pattern + "' (" + known->reason + ")"];
      else
        complaints.add("'" + name + "' in " + checkpoint.files[tensor.file]);
    }
    for (const auto &[reason, count] : reasons)
      store.messages.push_back("note: unused tensors, " +
                               std::to_string(count) + ": " + reason);
    std::string message;
    complaints.appendTo(message);
    if (message.empty())
      return {};
    message =
        "'" + directory + "' has tensors that the model does not use" + message;
    if (unused == UnusedTensors::Refuse)
      return failure("the checkpoint ", message,
                     "\n--ignore-unused runs without them");
    store.messages.push_back("warning: the checkpoint " + message);
    return {};
  }

  void compareConfiguration() {
    for (const std::string &line : differences(entries, directory))
      store.messages.push_back("warning: the configuration in '" + directory +
                               "' is another one than was compiled: " + line);
  }

  Status allocate() {
    uint64_t bytes = 0;
    auto place = [&](uint64_t size) {
      uint64_t offset = bytes;
      bytes += alignedBytes(size);
      return offset;
    };
    copies = weightCopies(file, device.target());
    store.weights.resize(file.weights.size());
    for (const WeightCopy &copy : copies) {
      auto size = static_cast<uint64_t>(
          packedBytes(*file.weights[copy.weight], copy.layout));
      total += size;
      store.weights[copy.weight][static_cast<size_t>(copy.layout)] =
          place(size);
    }
    for (const auto &constant : file.constants)
      store.constants.push_back(place(constant->bytes.size()));
    for (const auto &state : file.states)
      store.states.push_back(place(stateBytes(*state)));
    auto memory = DeviceMemory::allocate(device, bytes);
    if (memory.failed())
      return memory.status().in("weights");
    store.memory = std::move(*memory);
    for (const WeightCopy &copy : copies)
      store.weights[copy.weight][static_cast<size_t>(copy.layout)] +=
          store.memory.address();
    for (auto *addresses : {&store.constants, &store.states})
      for (DeviceAddress &address : *addresses)
        address += store.memory.address();
    return {};
  }

  Status beginStates() {
    for (size_t i = 0; i < file.states.size(); ++i) {
      const hmlt::StateT &state = *file.states[i];
      if (state.initial == hmlt::InitialValue::zero)
        HAMLET_TRY(device.zero(store.states[i], stateBytes(state)));
      else
        HAMLET_TRY(packWeight(*file.weights[static_cast<size_t>(state.weight)],
                              hmlt::Layout::plain, store.states[i])
                       .in("state '" + state.name + "'"));
    }
    return {};
  }

  /// Drops the pages of the first `count` elements of the weight's sources,
  /// which would otherwise stay beside the packed copy.
  void releaseElements(const hmlt::WeightT &weight,
                       std::span<const SourceData> sources, int64_t count) {
    for (size_t s = 0; s < sources.size(); ++s) {
      const auto &tensor =
          checkpoint.tensors.find(weight.sources[s]->tensor)->second;
      int64_t done = std::min(sources[s].elements, count);
      if (done > 0)
        files[tensor.file].release(
            tensor.offset,
            static_cast<uint64_t>(done * sizeOf(sources[s].dtype)));
      count -= done;
    }
  }

  Status packWeight(const hmlt::WeightT &weight, hmlt::Layout layout,
                    DeviceAddress to) {
    std::vector<SourceData> sources;
    for (const auto &source : weight.sources) {
      const auto &tensor = checkpoint.tensors.find(source->tensor)->second;
      const MappedFile &mapped = files[tensor.file];
      // The file may have shrunk since its header was read.
      if (tensor.offset > mapped.size() ||
          tensor.size > mapped.size() - tensor.offset)
        return failure("'", checkpoint.files[tensor.file],
                       "' changed while it was read");
      std::optional<hmlt::DType> dtype = storedType(tensor.dtype);
      if (!dtype)
        return failure("'", source->tensor,
                       "' is stored in a type that cannot be packed");
      sources.push_back({mapped.data() + tensor.offset, *dtype,
                         static_cast<int64_t>(tensor.size) / sizeOf(*dtype)});
    }
    Result<WeightPacker> packer = WeightPacker::make(weight, layout, sources);
    if (packer.failed())
      return packer.status();
    auto *view = static_cast<uint8_t *>(device.hostView(to));
    int64_t perStage = std::max<int64_t>(1, kStageBytes / packer->groupBytes());
    for (int64_t begin = 0; begin < packer->groups(); begin += perStage) {
      int64_t end = std::min(begin + perStage, packer->groups());
      int64_t at = begin * packer->groupBytes();
      if (view) {
        pack(*packer, begin, end, view + at);
      } else {
        stage.resize(static_cast<size_t>((end - begin) * packer->groupBytes()));
        int64_t bytes = pack(*packer, begin, end, stage.data());
        HAMLET_TRY(device.copyIn(to + static_cast<uint64_t>(at), stage.data(),
                                 static_cast<uint64_t>(bytes)));
      }
      releaseElements(weight, sources, packer->elementsBefore(end));
    }
    return {};
  }

  /// Packs groups [begin, end) to `out`, returns their bytes.
  int64_t pack(const WeightPacker &packer, int64_t begin, int64_t end,
               uint8_t *out) {
    std::atomic<int64_t> bytes = 0;
    pool.forEach(end - begin, 1, [&](int64_t b, int64_t e, unsigned thread) {
      for (int64_t group = b; group < e; ++group)
        bytes += packer.pack(begin + group, out + group * packer.groupBytes());
      if (thread == 0 && progress)
        progress(done + static_cast<uint64_t>(bytes.load()), total);
    });
    done += static_cast<uint64_t>(bytes.load());
    if (progress)
      progress(done, total);
    return bytes;
  }

  const hmlt::ContainerT &file;
  const std::string &directory;
  Device &device;
  ThreadPool &pool;
  const Progress &progress;
  UnusedTensors unused;
  safetensors::Checkpoint checkpoint;
  ConfigurationEntries entries;
  std::vector<MappedFile> files;
  std::vector<uint8_t> stage;
  std::vector<WeightCopy> copies;
  WeightStore store;
  uint64_t done = 0, total = 0;
};

} // namespace

Result<WeightStore> loadWeights(const hmlt::ContainerT &file,
                                const std::string &directory, Device &device,
                                ThreadPool &pool, const Progress &progress,
                                UnusedTensors unused) {
  return Loader(file, directory, device, pool, progress, unused).run();
}

} // namespace hamlet::runtime
