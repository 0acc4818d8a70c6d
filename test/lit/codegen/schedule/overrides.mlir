// RUN: split-file %s %t
// RUN: hamlet-opt %t/kernels.mlir "-tile-schedule=target=x86-64-v4 schedules=%t/good.yaml" | FileCheck %t/kernels.mlir
// RUN: not hamlet-opt %t/kernels.mlir "-tile-schedule=target=x86-64-v4 schedules=%t/large.yaml" 2>&1 | FileCheck %s --check-prefix=LARGE
// RUN: not hamlet-opt %t/kernels.mlir "-tile-schedule=target=x86-64-v4 schedules=%t/odd.yaml" 2>&1 | FileCheck %s --check-prefix=ODD
// RUN: not hamlet-opt %t/kernels.mlir "-tile-schedule=target=x86-64-v4 schedules=%t/key.yaml" 2>&1 | FileCheck %s --check-prefix=KEY
// RUN: not hamlet-opt %t/kernels.mlir "-tile-schedule=target=x86-64-v4 schedules=%t/name.yaml" 2>&1 | FileCheck %s --check-prefix=NAME
// RUN: not hamlet-opt %t/kernels.mlir "-tile-schedule=target=x86-64-v4 schedules=%t/rows.yaml" 2>&1 | FileCheck %s --check-prefix=ROWS
// RUN: not hamlet-opt %t/kernels.mlir "-tile-schedule=target=x86-64-v4 schedules=%t/machine.yaml" 2>&1 | FileCheck %s --check-prefix=MACHINE
// RUN: hamlet-opt %t/named.mlir "-tile-schedule=target=x86-64-v4 schedules=%t/given.yaml" | FileCheck %t/named.mlir
// RUN: not hamlet-opt %t/kernels.mlir "-tile-schedule=target=x86-64-v9" 2>&1 | FileCheck %s --check-prefix=TARGET
// RUN: hamlet-opt %t/kernels.mlir "-tile-schedule=target=x86-64-v4 targets=%t/small" | FileCheck %s --check-prefix=SMALL
// A schedule file takes the place of the cost model; a folder of targets takes the place of the built-in ones.

// LARGE: is given a block of 12 rows and 4 panels by {{.*}}large.yaml, entry 1; it takes 53 registers, and x86-64-v4 has 32
// ODD: odd.yaml:{{.*}}expected an even depth, got 7
// KEY: key.yaml:{{.*}}unknown key 'colums'
// NAME: name.yaml, entry 2: fits no product: expected a kernel (or its kind, its name without a number) of linear (rows 64), linear_2 (rows 8, 64), got 'liner'
// ROWS: rows.yaml, entry 1: fits no product: expected {{.*}} of linear (rows 64), linear_2 (rows 8, 64), got 'linear_2' of rows 16
// MACHINE: machine.yaml, entry 1: expected the target to be one of x86-64-v3, x86-64-v4, x86-64-v4-bf16, got 'x86-64-v5'
// TARGET: tile-schedule: expected one of the targets {{.*}}, got 'x86-64-v9'
// SMALL: array<i64: 8, 2, 256>

//--- kernels.mlir
// CHECK-LABEL: func.func @linear_2_r64
// CHECK: array<i64: 8, 3, 512>
func.func @linear_2_r64(%a: tensor<64x1024xf32>, %b: tensor<1024x64xf32>, %c: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %d = tile.dot #tile.numerics<operands = f32, accumulate = f32, group = 1> %a, %b, %c : tensor<64x1024xf32>, tensor<1024x64xf32> -> tensor<64x64xf32>
  return %d : tensor<64x64xf32>
}

// Another variant of the kernel keeps the model's block.
// CHECK-LABEL: func.func @linear_2_r8
// CHECK: array<i64: 8, 2, 1024>
func.func @linear_2_r8(%a: tensor<8x1024xf32>, %b: tensor<1024x64xf32>, %c: tensor<8x64xf32>) -> tensor<8x64xf32> {
  %d = tile.dot #tile.numerics<operands = f32, accumulate = f32, group = 1> %a, %b, %c : tensor<8x1024xf32>, tensor<1024x64xf32> -> tensor<8x64xf32>
  return %d : tensor<8x64xf32>
}

// The kind of a kernel names all of its kind; the last entry counts.
// CHECK-LABEL: func.func @linear_r64
// CHECK: array<i64: 4, 4, 1024>
func.func @linear_r64(%a: tensor<64x1024xf32>, %b: tensor<1024x64xf32>, %c: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %d = tile.dot #tile.numerics<operands = f32, accumulate = f32, group = 1> %a, %b, %c : tensor<64x1024xf32>, tensor<1024x64xf32> -> tensor<64x64xf32>
  return %d : tensor<64x64xf32>
}

//--- named.mlir
// What a kernel says of itself counts, not what its symbol looks like. A split sum has blocks of whole parts: 4 of 128.
// CHECK-LABEL: func.func @other_r8
// CHECK: array<i64: 2, 1, 512>
func.func @other_r8(%a: tensor<64x1024xf32>, %b: tensor<1024x64xf32>, %c: tensor<64x64xf32>) -> tensor<64x64xf32> attributes {tile.kernel_name = {name = "gate_3", kind = "gate", rows = 64}} {
  %d = tile.dot #tile.numerics<operands = f32, accumulate = f32, group = 1, split = 8> %a, %b, %c : tensor<64x1024xf32>, tensor<1024x64xf32> -> tensor<64x64xf32>
  return %d : tensor<64x64xf32>
}

//--- given.yaml
- kernel: gate
  rows: 64
  block: {rows: 2, panels: 1, depth: 1000}

//--- name.yaml
- kernel: linear
  block: {rows: 4, panels: 4, depth: 512}
- kernel: liner
  block: {rows: 4, panels: 4, depth: 512}

//--- rows.yaml
- kernel: linear_2
  rows: 16
  block: {rows: 4, panels: 4, depth: 512}

//--- machine.yaml
- target: x86-64-v5
  block: {rows: 4, panels: 4, depth: 512}

//--- good.yaml
- kernel: linear
  rows: 64
  block: {rows: 4, panels: 4, depth: 4096}
- kernel: linear
  target: x86-64-v3
  block: {rows: 1, panels: 1, depth: 2}
- kernel: linear_2
  rows: 64
  target: x86-64-v4
  block: {rows: 8, panels: 3, depth: 512}

//--- large.yaml
- block: {rows: 12, panels: 4, depth: 512}

//--- odd.yaml
- block: {rows: 4, panels: 4, depth: 7}

//--- key.yaml
- colums: 4
  block: {rows: 4, panels: 4, depth: 8}

//--- small/v4.yaml
target: x86-64-v4
kind: cpu
vector_bits: 512
vector_registers: 32
fma_per_cycle: 2
fma_latency: 4
loads_per_cycle: 2
l1_bytes: 32768
l2_bytes: 65536
l2_bytes_per_cycle: 32
memory_bytes_per_cycle: 8
