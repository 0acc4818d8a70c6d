//===- WindowGather.cpp - rows by index in a region's kernel -----------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/kernels/Window.h"
#include "dialects/MoE/MoEOps.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

namespace {

struct EmbeddingWindow
    : WindowOpInterface::ExternalModel<EmbeddingWindow, nn::EmbeddingOp> {
  Value window(Operation *any, WindowBuilder &w, unsigned, Column c,
               int64_t width) const {
    auto op = cast<nn::EmbeddingOp>(any);
    Value ids = w.rowList(op.getIds());
    return w.t.widen(w.gathered(op.getTable(), ids, c, width, Value()));
  }
};

struct SelectRowsWindow
    : WindowOpInterface::ExternalModel<SelectRowsWindow, nn::SelectRowsOp> {
  Value window(Operation *any, WindowBuilder &w, unsigned, Column c,
               int64_t width) const {
    auto op = cast<nn::SelectRowsOp>(any);
    Value rows = w.rowList(op.getRows());
    return w.t.widen(w.gathered(op.getX(), rows, c, width, w.sourceRows));
  }
  Value storedWindow(Operation *any, WindowBuilder &w, unsigned, Column c,
                     int64_t width) const {
    auto op = cast<nn::SelectRowsOp>(any);
    return w.gathered(op.getX(), w.rowList(op.getRows()), c, width,
                      w.sourceRows);
  }
};

/// Sum over slots, ascending, of gate * row, or of rows.
struct CombineWindow
    : WindowOpInterface::ExternalModel<CombineWindow, moe::CombineOp> {
  Value window(Operation *any, WindowBuilder &w, unsigned, Column c,
               int64_t width) const {
    auto op = cast<moe::CombineOp>(any);
    TileBuilder &t = w.t;
    int64_t k = graph::rowWidthOf(op.getPlace());
    Value places = w.rowView(op.getPlace());
    Value gates = op.getGates() ? w.rowView(op.getGates()) : Value();
    WindowBuilder::InMemory in = w.inMemory(op.getY());
    Value y = t.view(in.pointer, t.index(0), {-1, in.stride}, {in.stride, 1},
                     {t.mul(w.regionRows, k)});
    Value sum;
    for (int64_t slot = 0; slot < k; ++slot) {
      Value place = w.rowEntry(places, slot);
      Value gate = gates ? w.rowEntry(gates, slot) : Value();
      Value row = t.widen(t.gather(
          y, place, w.absolute({c.base, c.offset + in.column}), width));
      Value part = gate ? t.mulF(row, t.alongColumns(gate, width)) : row;
      sum = sum ? t.addF(sum, part) : part;
    }
    return sum;
  }
};

} // namespace

void hamlet::codegen::registerGatherWindows(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, nn::NNDialect *) {
    nn::EmbeddingOp::attachInterface<EmbeddingWindow>(*context);
    nn::SelectRowsOp::attachInterface<SelectRowsWindow>(*context);
  });
  registry.addExtension(+[](MLIRContext *context, moe::MoEDialect *) {
    moe::CombineOp::attachInterface<CombineWindow>(*context);
  });
}
