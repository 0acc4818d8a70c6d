//===- Kernels.cpp --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/driver/Kernels.h"

#include "dialects/Tile/TileDialect.h"

#include <system_error>
#include <thread>

using namespace mlir;
using namespace hamlet;

namespace {

/// One kernel for one target.
struct Job {
  size_t kernel;
  std::optional<cpu::Level> level;          ///< none: for `gpu`
  const schedule::GpuTarget *gpu = nullptr; ///< none: for `level`
  std::string target;
  std::string key; ///< of the cache: all of the target that the code depends on
  CompiledKernel result;
  std::vector<char> object;
  std::string complaints;
};

/// What one thread compiles with; made when first needed.
class Worker {
public:
  LogicalResult compile(StringRef text, Job &job) {
    if (job.level) {
      if (!cpu)
        cpu = std::make_unique<cpu::CpuCompiler>();
      FailureOr<cpu::CpuObject> object =
          cpu->compile(text, *job.level, job.complaints);
      if (failed(object))
        return failure();
      job.result.numbers[0] = object->scratchBytes;
      job.result.code.assign(object->bytes.begin(), object->bytes.end());
      return success();
    }
    if (!ptx)
      ptx = std::make_unique<ptx::PtxCompiler>();
    ptx::PtxKernel info;
    FailureOr<std::string> code =
        ptx->compile(text, *job.gpu, info, [&](Diagnostic &diagnostic) {
          job.complaints += diagnostic.str() + "\n";
        });
    if (failed(code))
      return failure();
    job.result.numbers = {info.sharedBytes, info.blockThreads,
                          info.scratchBytesPerBlock};
    job.result.code = std::move(*code);
    return success();
  }

  EmitTimes times() const {
    EmitTimes sum;
    if (cpu)
      sum += cpu->times;
    if (ptx)
      sum += ptx->times;
    return sum;
  }

private:
  std::unique_ptr<cpu::CpuCompiler> cpu;
  std::unique_ptr<ptx::PtxCompiler> ptx;
};

} // namespace

FailureOr<std::vector<EmittedTarget>>
hamlet::emitKernels(ModuleOp kernels, ArrayRef<cpu::Level> levels,
                    ArrayRef<schedule::GpuTarget> gpus, KernelCache &cache,
                    const std::function<void(size_t, size_t)> &progress,
                    EmitTimes &times) {
  std::vector<func::FuncOp> all;
  // A CPU's code has no line numbers: neither has its text, or its key.
  std::vector<std::string> texts, located;
  for (auto kernel : kernels.getOps<func::FuncOp>())
    if (kernel->hasAttr(tile::kKernelAttr)) {
      all.push_back(kernel);
      texts.push_back(tile::kernelText(kernel));
      if (!gpus.empty())
        located.push_back(tile::kernelText(kernel, /*locations=*/true));
    }

  std::vector<Job> jobs;
  // Of each target, the job of each kernel.
  std::vector<std::vector<size_t>> plan;
  auto add = [&](size_t kernel, StringRef target, StringRef key) -> Job & {
    plan.back().push_back(jobs.size());
    Job &job = jobs.emplace_back();
    job.kernel = kernel;
    job.target = target.str();
    job.key = key.str();
    return job;
  };
  size_t v4 = 0;
  for (cpu::Level level : levels) {
    plan.emplace_back();
    if (level == cpu::Level::v4)
      v4 = plan.size();
    for (size_t k = 0; k < all.size(); ++k)
      if (level == cpu::Level::v4bf16 && v4 && !cpu::usesPairs(all[k]))
        plan.back().push_back(plan[v4 - 1][k]);
      else
        add(k, cpu::targetName(level), cpu::targetName(level)).level = level;
  }
  for (const schedule::GpuTarget &gpu : gpus) {
    plan.emplace_back();
    for (size_t k = 0; k < all.size(); ++k)
      add(k, gpu.name, gpu.codeKey()).gpu = &gpu;
  }

  // The longest first, lest one runs alone at the end.
  std::vector<size_t> order(jobs.size());
  for (size_t i = 0; i < order.size(); ++i)
    order[i] = i;
  auto longest = [&](size_t i) {
    return std::pair(-static_cast<int64_t>(texts[jobs[i].kernel].size()), i);
  };
  llvm::sort(order,
             [&](size_t x, size_t y) { return longest(x) < longest(y); });
  std::atomic<size_t> next{0};
  std::atomic<bool> bad{false};
  std::mutex mutex;
  size_t done = 0;
  auto work = [&] {
    Worker worker;
    for (size_t i; !bad && (i = next++) < order.size();) {
      Job &job = jobs[order[i]];
      const std::string &text = (job.level ? texts : located)[job.kernel];
      std::string key = cache.key(job.key, text);
      if (auto known = cache.find(key)) {
        job.result = std::move(*known);
      } else if (failed(worker.compile(text, job))) {
        bad = true;
        break;
      } else {
        cache.put(key, job.result);
      }
      if (job.level)
        job.object.assign(job.result.code.begin(), job.result.code.end());
      if (progress) {
        std::lock_guard<std::mutex> guard(mutex);
        progress(++done, order.size());
      }
    }
    std::lock_guard<std::mutex> guard(mutex);
    times += worker.times();
  };
  std::vector<std::thread> helpers;
  size_t wanted =
      std::min<size_t>(std::thread::hardware_concurrency(), jobs.size());
  helpers.reserve(wanted);
  try {
    while (helpers.size() + 1 < wanted)
      helpers.emplace_back(work);
  } catch (const std::system_error &) {
    wanted = helpers.size() + 1; // fewer threads take longer
  }
  work();
  for (std::thread &helper : helpers)
    helper.join();
  if (bad) {
    for (Job &job : jobs)
      if (!job.complaints.empty()) {
        InFlightDiagnostic error = all[job.kernel].emitError()
                                   << "kernel '" << all[job.kernel].getName()
                                   << "' could not be compiled for "
                                   << job.target;
        error.attachNote() << job.complaints;
      }
    return failure();
  }

  std::vector<EmittedTarget> targets;
  for (auto [t, mine] : llvm::enumerate(plan)) {
    EmittedTarget &target = targets.emplace_back();
    bool cpu = t < levels.size();
    target.name =
        cpu ? cpu::targetName(levels[t]).str() : gpus[t - levels.size()].name;
    if (cpu) {
      std::vector<const std::vector<char> *> objects;
      for (auto [k, j] : llvm::enumerate(mine)) {
        target.cpuKernels.push_back(
            {all[k].getName().str(), jobs[j].result.numbers[0]});
        objects.push_back(&jobs[j].object);
      }
      FailureOr<std::vector<char>> image = cpu::linkKernels(kernels, objects);
      if (failed(image))
        return failure();
      target.bytes = std::move(*image);
      continue;
    }
    SmallVector<StringRef> modules;
    for (auto [k, j] : llvm::enumerate(mine)) {
      const std::array<int64_t, 3> &numbers = jobs[j].result.numbers;
      target.ptxKernels.push_back(
          {all[k].getName().str(), numbers[0], numbers[1], numbers[2]});
      modules.push_back(jobs[j].result.code);
    }
    std::string text = ptx::joinPtx(modules);
    target.bytes.assign(text.begin(), text.end());
  }
  return targets;
}
