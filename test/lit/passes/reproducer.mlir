// What a failing pass was given is written down, with the pipeline: run again, the file fails in the same way.
// RUN: rm -f %t.mlir
// RUN: not hamlet-opt %s -pass-pipeline='builtin.module(canonicalize,tile-to-cpu{level=v5})' -mlir-pass-pipeline-crash-reproducer=%t.mlir 2>&1 | FileCheck %s --check-prefix=FIRST
// RUN: FileCheck %s --check-prefix=FILE --input-file=%t.mlir
// RUN: not hamlet-opt -run-reproducer %t.mlir 2>&1 | FileCheck %s --check-prefix=AGAIN

// FIRST: expected the level v3, v4 or v4bf16, got 'v5'
// FILE: func.func @kernel
// FILE: pipeline: "builtin.module(canonicalize
// FILE-SAME: tile-to-cpu{level=v5}
// AGAIN: expected the level v3, v4 or v4bf16, got 'v5'
func.func @kernel(%n: index) attributes {tile.kernel} {
  return
}
