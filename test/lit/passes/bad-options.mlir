// Wrong options are told in a line, without the module behind them.
// RUN: not hamlet-opt %s --tile-schedule=target=nope 2>&1 | FileCheck %s --check-prefix=TARGET --implicit-check-not=func.func
// RUN: not hamlet-opt %s --tile-schedule=schedules=%t.none 2>&1 | FileCheck %s --check-prefix=FILE --implicit-check-not=func.func
// RUN: not hamlet-opt %s --tile-to-cpu=level=v9 2>&1 | FileCheck %s --check-prefix=LEVEL --implicit-check-not=func.func
// RUN: not hamlet-opt %s --tile-to-cpu-llvm=level=v9 2>&1 | FileCheck %s --check-prefix=LEVEL --implicit-check-not=func.func
// RUN: not hamlet-opt %s --tile-to-ptx=chip=sm_99 2>&1 | FileCheck %s --check-prefix=CHIP --implicit-check-not=func.func
// RUN: not hamlet-opt %s --tile-to-nvvm=chip=sm_99 2>&1 | FileCheck %s --check-prefix=CHIP --implicit-check-not=func.func
// RUN: not hamlet-opt %s --lightning-chunk=chunk=0 2>&1 | FileCheck %s --check-prefix=CHUNK --implicit-check-not=func.func

// TARGET: error: tile-schedule: expected one of the targets x86-64-v3, x86-64-v4, x86-64-v4-bf16, got 'nope'
// FILE: error: tile-schedule: {{.*}}.none: cannot be read: No such file or directory
// LEVEL: error: tile-to-cpu: expected the level v3, v4 or v4bf16, got 'v9'
// CHIP: error: tile-to-{{ptx|nvvm}}: expected one of the GPUs sm_80, sm_86, {{.*}}sm_121a, got 'sm_99'
// CHUNK: error: lightning-chunk: expected a chunk of at least 1 token, got 0

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
