//===- KernelCache.h - compiled kernels on disk ---------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_DRIVER_KERNELCACHE_H
#define HAMLET_CODEGEN_DRIVER_KERNELCACHE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

namespace hamlet {

/// What one kernel became for one target: its code, and the numbers that a
/// container keeps beside it.
struct CompiledKernel {
  std::array<int64_t, 3> numbers{};
  std::string code;
};

/// MiniMax-M1 for three levels of CPU and three GPUs takes 9 MB.
inline constexpr uint64_t kDefaultCacheBytes = uint64_t(1) << 30;

/// `hamlet` in the user's folder of caches (XDG_CACHE_HOME, else ~/.cache);
/// empty if there is none.
std::string defaultCacheFolder();

/// A folder of compiled kernels, one file each, named by a hash of all that its
/// contents depend on: this compiler, the target, the kernel's text. A file
/// that is not what was written is a miss. Thread-safe, also between processes.
/// What it holds is run as code: a folder that others can write to is not used.
class KernelCache {
public:
  /// Without a folder nothing is ever found. At most `bytes` are kept.
  explicit KernelCache(std::string folder, uint64_t bytes = kDefaultCacheBytes);

  /// `target` and `text` of a kernel as a key.
  std::string key(llvm::StringRef target, llvm::StringRef text) const;
  std::optional<CompiledKernel> find(const std::string &key);
  void put(const std::string &key, const CompiledKernel &kernel);
  /// If something was put: removes what was not used for longest until the
  /// folder is within its bound.
  void shrink();

  bool enabled() const { return !folder.empty(); }
  size_t hits() const { return found; }
  size_t misses() const { return missed; }
  /// What kept the folder from being used as wanted; empty: nothing.
  std::string trouble() const;

private:
  void complain(const std::string &text);

  std::string folder;
  uint64_t bytes;
  std::atomic<bool> grown{false};
  std::string compiler; ///< a hash of this program and its libraries
  std::atomic<size_t> found{0}, missed{0};
  mutable std::mutex mutex;
  std::string complaint; ///< the first one
};

} // namespace hamlet

#endif
