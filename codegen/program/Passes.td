//===- Passes.td - from fused regions to a program ---------------*- tablegen -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_PROGRAM_PASSES_TD
#define HAMLET_CODEGEN_PROGRAM_PASSES_TD

include "mlir/Pass/PassBase.td"

def LowerToProgramPass : Pass<"lower-to-program", "::mlir::ModuleOp"> {
  let summary = "replace the graph by the host program and its kernels as tile IR";
  let description = [{
    Each function of fused regions becomes a `program.func`: buffers, and launches
    of kernels that are declared beside it. Each `nn.fused` region becomes a kernel,
    equal regions one. What a target makes of a kernel is a `program.realization`
    in its declaration, whose variants are functions (`linear_r1`, `linear_r8`, ...,
    marked `tile.kernel`) of a nested module. Fails on an op outside a region (run
    `nn-fuse` before) and on what no kernel does.

    Before:
    ```mlir
    func.func @f(%x: tensor<?x48xf32>, %w: tensor<64x48xf32>) -> tensor<?x64xf32> {
      %0 = nn.fused "linear"(%x, %w) : ...
    ```
    After:
    ```mlir
    program.kernel @linear "linear" (x0: !program.memory<f32>, ..., rows: index, tokens: index) over [rows, tokens] by <size> product {
      program.realization "x86-64-v3" grid [...] layouts [plain, panel, plain, plain, plain] "tiles of 64 columns" code "default" {
        program.variant @linear_r1 rows 1
    ...
    program.func @f extents ["arg0.dim0"] {
      ...
      program.launch @linear [#program.extent<extent>, #program.extent<extent>] (x0 = %0, ...)
    module attributes {program.tiles = "default"} {
      func.func @linear_r1(...) attributes {tile.kernel} {
    ```
  }];
  let options = [
    ListOption<"targets", "targets", "std::string",
               "names of the targets that get realizations (x86-64-v3)">];
  let dependentDialects = ["::hamlet::program::ProgramDialect", "::hamlet::tile::TileDialect",
                           "::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
                           "::mlir::scf::SCFDialect"];
}

def LowerToTilePass : Pass<"lower-to-tile", "::mlir::ModuleOp"> {
  let summary = "replace the module by the kernels of its fused regions, as tile IR";
  let description = [{
    What `lower-to-program` leaves in its nested module, alone: what launches the
    kernels is lost. Fails where that fails.

    Before:
    ```mlir
    func.func @f(%x: tensor<?x48xf32>, %w: tensor<64x48xf32>) -> tensor<?x64xf32> {
      %0 = nn.fused "linear"(%x, %w) : ...
    ```
    After:
    ```mlir
    func.func @linear_r1(%x0: !tile.ptr<f32>, ...) attributes {tile.kernel} {
      %0 = tile.program_id 0
      ...
    func.func @linear_r8(...) attributes {tile.kernel} {
    ```
  }];
  let dependentDialects = ["::hamlet::program::ProgramDialect", "::hamlet::tile::TileDialect",
                           "::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
                           "::mlir::scf::SCFDialect"];
}

def ProgramStreamsPass : Pass<"program-streams", "::mlir::ModuleOp"> {
  let summary = "put independent launches on several streams";
  let description = [{
    A launch goes on the stream of the latest launch whose memory it shares, if that
    is the last of its stream, else on the stream with the fewest launches; it waits
    for the events of those that it needs on other streams. Memory that launches do
    not write (weights, constants, inputs) orders nothing. Streams and events that
    were there are replaced; the order of launches stays.

    Before:
    ```mlir
    program.launch @a [] (out = %0) : ...
    program.launch @b [] (out = %1) : ...
    program.launch @c [] (x = %0, y = %1) : ...
    ```
    After, with 2 streams:
    ```mlir
    program.launch @a [] (out = %0) {signal = 0 : i64} : ...
    program.launch @b [] (out = %1) {stream = 1 : i64} : ...
    program.launch @c [] (x = %0, y = %1) {stream = 1 : i64, wait = array<i64: 0>} : ...
    ```
  }];
  let options = [Option<"streams", "streams", "int64_t", "2", "how many there are">];
}

def ProgramLifetimesPass : Pass<"program-lifetimes", "::mlir::ModuleOp"> {
  let summary = "write down during which launches each buffer lives";
  let description = [{
    Sets `live` on each `program.alloc` that a launch uses: from the first of its
    uses to the last launch that may run while one of them does. With one stream
    that is its last use; a buffer that is used on two streams lives until events
    have ordered what follows. A step's logits live to the end. Drops buffers that
    nothing uses. The runtime gives two buffers the same bytes only if their lives
    are apart.

    Before:
    ```mlir
    %0 = program.alloc "x" bytes <tokens, mul = 128> : !program.memory<f32>
    program.launch @a [] (out = %0) : ...
    program.launch @b [] (in = %0) : ...
    ```
    After:
    ```mlir
    %0 = program.alloc "x" bytes <tokens, mul = 128> live [0, 1] : !program.memory<f32>
    ```
  }];
}

#endif
