//===- Graph.h ------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Graphs: nodes with what they do and what they wait for; captures, which make
// them of what streams are given.
#pragma once

#include "emulator/driver/Copies.h"
#include "emulator/driver/Launches.h"

#include <variant>

namespace hamlet::emu::driver {
/// CUgraphNodeType.
enum NodeType {
  kKernelNode = 0,
  kCopyNode = 1,
  kFillNode = 2,
  kHostNode = 3,
  kChildNode = 4,
  kEmptyNode = 5,
  kEventWaitNode = 6,
  kEventRecordNode = 7,
  kFreeNode = 11,
  kMemoryOperationNode = 12,
};

/// A kernel node's parameters, with what they point to.
struct KernelDescription {
  CUDA_KERNEL_NODE_PARAMS params{};
  std::vector<u8> bytes;
  std::vector<void *> pointers;
};
using Description =
    std::variant<std::monostate, std::shared_ptr<KernelDescription>,
                 CUDA_MEMCPY3D, CUDA_MEMSET_NODE_PARAMS, CUDA_HOST_NODE_PARAMS>;

/// What a node does.
struct Contents {
  int type = kEmptyNode;
  Action action;
  Description description;
  CUevent event = nullptr;
  std::shared_ptr<CUgraph_st> child;
  std::shared_ptr<void> memory; ///< that lives as long as the graph
};

/// What streams record while they are captured.
struct Capture {
  CUgraph graph = nullptr; ///< new, or the caller's
  bool owned = true;       ///< new
  CUstream origin = nullptr;
  std::set<CUstream> streams;
  bool invalidated = false;
  u64 id = 0;
};

/// Contents of a node of each kind; kInvalidValue where they do not fit.
CUresult describeKernel(const CUDA_KERNEL_NODE_PARAMS &params, Contents &c);
Contents contentsOf(std::shared_ptr<Kernel> kernel, CUfunction function);
CUresult describeCopy(const CUDA_MEMCPY3D &params, Contents &c);
CUresult describeFill(const CUDA_MEMSET_NODE_PARAMS &params, Contents &c);
CUresult describeHost(const CUDA_HOST_NODE_PARAMS &params, Contents &c);

CUgraphNode addNode(CUgraph g, Contents contents,
                    const std::vector<CUgraphNode> &dependencies);
std::shared_ptr<CUgraph_st> cloneGraph(const CUgraph_st &g);
/// Makes the stream's capture useless; its end says so.
void invalidate(CUstream stream);

/// As enqueue(), without waiting for room in the queue; after `after`, too.
CUresult enqueueNow(CUstream stream, Contents contents,
                    std::vector<MarkPointer> after, MarkPointer *mark);
/// Ends the capture in all of its streams.
void endCapture(Capture &capture);
/// Queues what `contents` do on `stream`, or records it where the stream is
/// being captured. `mark`, where the caller wants it: of the task, null if
/// recorded.
CUresult enqueue(Call &call, CUstream stream, Contents contents,
                 MarkPointer *mark = nullptr);
} // namespace hamlet::emu::driver

struct CUgraphNode_st {
  CUgraph graph;
  hamlet::emu::u64 id; ///< kept by clones and what is instantiated
  hamlet::emu::driver::Contents contents;
  std::vector<CUgraphNode> dependencies;
};
struct CUgraph_st {
  std::vector<std::unique_ptr<CUgraphNode_st>> nodes;
};
/// Nodes in an order that their dependencies allow, children's among them.
struct CUgraphExec_st {
  struct Step {
    hamlet::emu::u64 id;
    hamlet::emu::driver::Contents contents;
    std::vector<size_t> after; ///< other steps
  };
  std::vector<Step> steps;
  unsigned long long flags = 0;
};
