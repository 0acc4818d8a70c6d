//===- Summary.cpp --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/hamlet-compiler/Summary.h"

#include "container/Lifetimes.h"

#include "llvm/Support/Format.h"

using namespace hamlet;
using llvm::StringRef;

namespace {

/// Rows of what took longest; MLIR gives them in order, those of one name added
/// up.
class TimeTable : public mlir::OutputStrategy {
public:
  using OutputStrategy::OutputStrategy;
  void printHeader(const mlir::TimeRecord &total) override {
    os << "  seconds  share  where the time went\n";
  }
  void printFooter() override {}
  void printTime(const mlir::TimeRecord &time,
                 const mlir::TimeRecord &total) override {
    os << llvm::format("%9.3f  %4.0f%%  ", time.wall,
                       total.wall > 0 ? 100 * time.wall / total.wall : 0.0);
  }
  void printListEntry(StringRef name, const mlir::TimeRecord &time,
                      const mlir::TimeRecord &total, bool) override {
    constexpr double kLeast = 0.0005; // what would be printed as 0
    // What holds others is told by them, "Rest" and "Total".
    bool holds = name == "root" || name.contains("Pipeline");
    if (time.wall < kLeast || holds)
      return;
    printTime(time, total);
    os << name << "\n";
  }
  void printTreeEntry(unsigned, StringRef name, const mlir::TimeRecord &time,
                      const mlir::TimeRecord &total) override {
    printListEntry(name, time, total, false);
  }
  void printTreeEntryEnd(unsigned, bool) override {}
};

} // namespace

tools::PassTimes::PassTimes(bool wanted) : wanted(wanted) {
  manager.setEnabled(wanted);
  manager.setDisplayMode(mlir::DefaultTimingManager::DisplayMode::List);
  manager.setOutput(std::make_unique<TimeTable>(llvm::errs()));
  root = manager.getRootScope();
}

void tools::PassTimes::print(const CompileSummary &summary) {
  if (!wanted)
    return;
  root.stop();
  manager.print();
  manager.setEnabled(false); // or it would print once more when it goes
  llvm::raw_ostream &out = llvm::errs();
  const std::pair<double, const char *> rows[] = {
      {summary.times.lower, "tiles to LLVM"},
      {summary.times.optimize, "LLVM's passes"},
      {summary.times.generate, "LLVM's code generation"}};
  out << "of \"kernels\", the seconds of all threads together:\n";
  for (auto [seconds, what] : rows)
    out << llvm::format("%9.3f         ", seconds) << what << "\n";
  out << "kernel cache: " << summary.cacheHits << " found, "
      << summary.cacheMisses << " compiled and kept\n";
}

void tools::printSummary(const CompileSummary &summary,
                         const std::string &imported, const std::string &output,
                         const hmlt::ContainerT &container, uint64_t bytes,
                         double seconds) {
  llvm::raw_ostream &out = llvm::outs();
  out << "imported   " << imported << "\n";
  out << "fused      " << summary.graphOps << " ops into " << summary.launches
      << " launches of " << summary.kernels << " kernels (" << summary.variants
      << " variants)\n";
  int64_t slots = 0, pages = 0;
  for (const auto &cache : container.caches)
    switch (cache->per) {
    case hmlt::CachePer::slot:
      slots += cache->bytes;
      break;
    case hmlt::CachePer::page:
      pages += cache->bytes;
      break;
    }
  int64_t arena = 0, buffers = 0;
  for (const auto &function : container.functions) {
    std::vector<Lifetime> lives;
    lives.reserve(function->buffers.size());
    for (const auto &buffer : function->buffers) {
      const hmlt::Expr &e = *buffer->bytes;
      int64_t each = e.symbol() == hmlt::Symbol::tokens ? e.mul() / e.div() : 0;
      buffers += each;
      lives.push_back({each, buffer->first, buffer->last});
    }
    std::vector<Lifetime *> all;
    all.reserve(lives.size());
    for (Lifetime &life : lives)
      all.push_back(&life);
    arena += placeLifetimes(all);
  }
  out << "memory     " << arena << " bytes of arena a token of a step ("
      << buffers << " without sharing), " << slots
      << " bytes of state a sequence, " << pages / kPageTokens
      << " bytes of keys and values a token\n";
  for (const std::string &note : summary.notes)
    out << "note       " << note
        << (StringRef(note).ends_with("\n") ? "" : "\n");
  out << "wrote      " << output << ", " << bytes << " bytes, in "
      << llvm::format("%.2f", seconds) << " s\n";
}
