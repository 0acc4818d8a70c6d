// Fused regions become kernels, and the plan that launches them.
// RUN: hamlet-opt %s -nn-fuse -lower-to-tile | FileCheck %s --check-prefix=TILE --implicit-check-not=nn.
// RUN: hamlet-opt %s -nn-fuse -lower-to-program | FileCheck %s --check-prefix=PROGRAM --implicit-check-not="= nn."
// A whole step, by its pipelines.
// RUN: hamlet-opt %S/../graph/minimax.mlir -graph-to-tile -o %t.whole
// RUN: hamlet-opt %S/../graph/minimax.mlir -graph-to-fused -lower-to-tile -canonicalize -cse | diff - %t.whole
// RUN: hamlet-opt %t.whole -tile-schedule=target=x86-64-v4 -tile-expand-math -tile-to-cpu-llvm=level=v4 | FileCheck %s --check-prefix=LLVM
// What is not in a region is told by its place.
// RUN: not hamlet-opt %S/../graph/minimax.mlir -lower-to-program 2>&1 | FileCheck %s --check-prefix=BARE

// LLVM: llvm.func @lightning_prefill_r64
// BARE: minimax.mlir:{{[0-9]+:[0-9]+}}: error: 'nn.embedding' op stands outside a fused region; run nn-fuse before lowering

// Equal regions share a kernel: two launches of the one.
// TILE: func.func @linear_r1({{.*}}: !tile.ptr<f32>{{.*}}) attributes {tile.kernel,
// TILE: tile.dot
// TILE: func.func @linear_r8(
// TILE: func.func @linear_r64(
// TILE-NOT: @linear_1
// The kernel is declared once, with the names of its parameters; the launches
// bind by name.
// PROGRAM: program.kernel @linear "linear" (x0: !program.memory<f32>, x1: !program.memory<f32>, y0: !program.memory<f32>, rows: index, tokens: index) over [rows, tokens] by <size> product
// PROGRAM-NEXT: program.realization "x86-64-v3" grid [#program.extent<size, byRows = true>, #program.extent<one>, #program.extent<one>] layouts [plain, panel, plain, plain, plain] "tiles of 32 columns" code "default"
// PROGRAM-NEXT: program.variant @linear_r1 rows 1
// PROGRAM: program.func @twice extents ["arg0.dim0"]
// PROGRAM: %[[T:.*]] = program.alloc "t1" bytes <extent, mul = 128>
// PROGRAM: program.launch @linear [#program.extent<extent>, #program.extent<extent>] (x0 = %{{.*}}, x1 = %[[W:.*]], y0 = %[[T]])
// PROGRAM: program.launch @linear [#program.extent<extent>, #program.extent<extent>] (x0 = %[[T]], x1 = %[[W]], y0 = %{{.*}})
// PROGRAM-NOT: program.launch
// PROGRAM: module attributes {program.tiles = "default"}
// PROGRAM: func.func @linear_r1(
func.func @twice(%x: tensor<?x32xf32>, %w: tensor<32x32xf32>) -> tensor<?x32xf32> {
  %0 = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %w : (tensor<?x32xf32>, tensor<32x32xf32>) -> tensor<?x32xf32>
  %1 = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %0, %w : (tensor<?x32xf32>, tensor<32x32xf32>) -> tensor<?x32xf32>
  return %1 : tensor<?x32xf32>
}
