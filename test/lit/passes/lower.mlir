// Fused regions become kernels, and the plan that launches them.
// RUN: hamlet-opt %s -nn-fuse -lower-to-tile | FileCheck %s --check-prefix=TILE --implicit-check-not=nn.
// RUN: hamlet-opt %s -nn-fuse -lower-to-program | FileCheck %s --check-prefix=PROGRAM --implicit-check-not=nn.
// A whole step, by its pipelines.
// RUN: hamlet-opt %S/../graph/minimax.mlir -graph-to-tile -o %t.whole
// RUN: hamlet-opt %S/../graph/minimax.mlir -graph-to-fused -lower-to-tile -canonicalize -cse | diff - %t.whole
// RUN: hamlet-opt %t.whole -tile-schedule=target=x86-64-v4 -tile-expand-math -tile-to-cpu-llvm=level=v4 | FileCheck %s --check-prefix=LLVM
// What is not in a region is told by its place.
// RUN: not hamlet-opt %S/../graph/minimax.mlir -lower-to-program 2>&1 | FileCheck %s --check-prefix=BARE

// LLVM: llvm.func @lightning_prefill_r64
// BARE: minimax.mlir:{{[0-9]+:[0-9]+}}: error: 'nn.embedding' op stands outside a fused region; run nn-fuse before lowering

// Equal regions share a kernel: two launches of the one.
// TILE: func.func @linear_r1({{.*}}: !tile.ptr<f32>{{.*}}) attributes {tile.kernel}
// TILE: tile.dot
// TILE: func.func @linear_r8(
// TILE: func.func @linear_r64(
// TILE-NOT: @linear_1
// PROGRAM: program.func @twice
// PROGRAM: program.launch @linear grid
// PROGRAM: program.launch @linear grid
// PROGRAM-NOT: program.launch
func.func @twice(%x: tensor<?x32xf32>, %w: tensor<32x32xf32>) -> tensor<?x32xf32> {
  %0 = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %w : (tensor<?x32xf32>, tensor<32x32xf32>) -> tensor<?x32xf32>
  %1 = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %0, %w : (tensor<?x32xf32>, tensor<32x32xf32>) -> tensor<?x32xf32>
  return %1 : tensor<?x32xf32>
}
