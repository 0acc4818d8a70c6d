//===- KernelCache.cpp ----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/driver/KernelCache.h"

#include "container/AtomicFile.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/xxhash.h"

#include <cstring>
#include <fcntl.h>
#include <link.h>
#include <sys/stat.h>
#include <tuple>
#include <unistd.h>

using namespace hamlet;
using llvm::StringRef;

// A file: magic, hash of what follows it, the numbers, the code.
static constexpr StringRef kMagic = "hamletk1";
static constexpr size_t kHead = 8 + 8 + 3 * 8;

/// The identity of a loaded object: its build id, else its contents.
static void addIdentity(const dl_phdr_info &object, std::string &out) {
  for (int i = 0; i < object.dlpi_phnum; ++i) {
    const ElfW(Phdr) &header = object.dlpi_phdr[i];
    if (header.p_type != PT_NOTE)
      continue;
    const auto *at =
        reinterpret_cast<const char *>(object.dlpi_addr + header.p_vaddr);
    const char *end = at + header.p_memsz;
    while (at + sizeof(ElfW(Nhdr)) <= end) {
      ElfW(Nhdr) note;
      std::memcpy(&note, at, sizeof(note));
      const char *name = at + sizeof(note);
      const char *value = name + (note.n_namesz + 3) / 4 * 4;
      if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
          std::memcmp(name, "GNU", 4) == 0) {
        out += StringRef(value, note.n_descsz);
        return;
      }
      at = value + (note.n_descsz + 3) / 4 * 4;
    }
  }
  StringRef path = object.dlpi_name && *object.dlpi_name ? object.dlpi_name
                                                         : "/proc/self/exe";
  if (auto file = llvm::MemoryBuffer::getFile(path))
    out += llvm::utohexstr(llvm::xxh3_64bits((*file)->getBuffer()));
}

std::string hamlet::defaultCacheFolder() {
  llvm::SmallString<128> path;
  if (!llvm::sys::path::cache_directory(path))
    return "";
  llvm::sys::path::append(path, "hamlet");
  return path.str().str();
}

/// Why what the folder holds is not to be trusted; empty: nothing.
static std::string distrust(const std::string &folder) {
  llvm::sys::fs::file_status status;
  if (std::error_code error = llvm::sys::fs::status(folder, status))
    return error.message();
  if (status.getUser() != geteuid() && status.getUser() != 0)
    return "it belongs to another user";
  if (status.permissions() & llvm::sys::fs::others_write)
    return "every user can write to it";
  return "";
}

KernelCache::KernelCache(std::string given, uint64_t bytes)
    : folder(std::move(given)), bytes(bytes) {
  if (folder.empty())
    return;
  std::error_code error = llvm::sys::fs::create_directories(
      folder, /*IgnoreExisting=*/true, llvm::sys::fs::owner_all);
  std::string why = error ? error.message() : distrust(folder);
  if (!why.empty()) {
    complain((error ? "cannot make '" : "not used, '") + folder + "': " + why);
    folder.clear();
    return;
  }
  dl_iterate_phdr(
      [](dl_phdr_info *object, size_t, void *out) {
        // The kernel's own object is not one that compiles.
        if (!StringRef(object->dlpi_name).starts_with("linux-vdso"))
          addIdentity(*object, *static_cast<std::string *>(out));
        return 0;
      },
      &compiler);
}

std::string KernelCache::key(StringRef target, StringRef text) const {
  if (!enabled())
    return {};
  std::string all = compiler;
  for (StringRef part : {target, text}) {
    all += '\0';
    all += part;
  }
  llvm::XXH128_hash_t hash =
      llvm::xxh3_128bits(llvm::arrayRefFromStringRef(all));
  return llvm::utohexstr(hash.high64, /*LowerCase=*/true, 16) +
         llvm::utohexstr(hash.low64, /*LowerCase=*/true, 16);
}

/// Files lie in folders by the first two digits, as many files in one are slow.
static std::string pathOf(StringRef folder, StringRef key) {
  llvm::SmallString<128> path(folder);
  llvm::sys::path::append(path, key.take_front(2), key.drop_front(2));
  return std::string(path);
}

std::optional<CompiledKernel> KernelCache::find(const std::string &key) {
  if (!enabled())
    return std::nullopt;
  auto miss = [&] {
    ++missed;
    return std::nullopt;
  };
  std::string path = pathOf(folder, key);
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                          /*RequiresNullTerminator=*/false);
  if (!file)
    return miss();
  StringRef bytes = (*file)->getBuffer();
  if (bytes.size() < kHead || !bytes.starts_with(kMagic) ||
      llvm::support::endian::read64le(bytes.data() + 8) !=
          llvm::xxh3_64bits((key + bytes.drop_front(16)).str())) {
    complain("'" + path + "' is damaged, the kernel was compiled anew");
    return miss();
  }
  CompiledKernel kernel;
  for (size_t i = 0; i < kernel.numbers.size(); ++i)
    kernel.numbers[i] = static_cast<int64_t>(
        llvm::support::endian::read64le(bytes.data() + 16 + 8 * i));
  kernel.code = bytes.drop_front(kHead).str();
  utimensat(AT_FDCWD, path.c_str(), nullptr, 0); // used now
  ++found;
  return kernel;
}

void KernelCache::put(const std::string &key, const CompiledKernel &kernel) {
  if (!enabled())
    return;
  std::string body(8 * kernel.numbers.size(), '\0');
  for (size_t i = 0; i < kernel.numbers.size(); ++i)
    llvm::support::endian::write64le(body.data() + 8 * i,
                                     static_cast<uint64_t>(kernel.numbers[i]));
  body += kernel.code;
  std::string head = kMagic.str() + std::string(8, '\0');
  llvm::support::endian::write64le(head.data() + 8,
                                   llvm::xxh3_64bits(key + body));
  std::string path = pathOf(folder, key);
  if (std::error_code error = llvm::sys::fs::create_directories(
          llvm::sys::path::parent_path(path))) {
    complain("cannot make a folder for '" + path + "': " + error.message());
    return;
  }
  // Others may read while this is written.
  if (Status status = writeFileAtomically(path, head + body); !status.ok())
    complain(status.message());
  grown = true;
}

void KernelCache::shrink() {
  if (!enabled() || !grown)
    return;
  struct Entry {
    std::chrono::system_clock::time_point used;
    uint64_t bytes;
    std::string path;
  };
  std::vector<Entry> entries;
  uint64_t total = 0;
  std::error_code error;
  // Others may add and remove files meanwhile: what is gone is passed over.
  for (llvm::sys::fs::recursive_directory_iterator it(folder, error), end;
       it != end && !error; it.increment(error)) {
    llvm::sys::fs::file_status status;
    if (llvm::sys::fs::status(it->path(), status) ||
        status.type() != llvm::sys::fs::file_type::regular_file)
      continue;
    entries.push_back(
        {status.getLastModificationTime(), status.getSize(), it->path()});
    total += status.getSize();
  }
  if (total <= bytes)
    return;
  llvm::sort(entries, [](const Entry &a, const Entry &b) {
    return std::tie(a.used, a.path) < std::tie(b.used, b.path);
  });
  for (const Entry &entry : entries) {
    if (total <= bytes)
      return;
    if (!llvm::sys::fs::remove(entry.path))
      total -= entry.bytes;
  }
}

void KernelCache::complain(const std::string &text) {
  std::lock_guard<std::mutex> guard(mutex);
  if (complaint.empty())
    complaint = "kernel cache: " + text;
}

std::string KernelCache::trouble() const {
  std::lock_guard<std::mutex> guard(mutex);
  return complaint;
}
