// RUN: hamlet-opt %s -program-streams=streams=2 | FileCheck %s
// RUN: not hamlet-opt %s -program-streams=streams=0 2>&1 | FileCheck %s --check-prefix=NONE

// NONE: program-streams: expected at least 1 stream, got 0

program.weight @w : tensor<4xf32> {shapes = [array<i64: 4>], sources = ["w"]}
program.kernel @make "k" (w: !program.memory<f32>, out: !program.memory<f32>) over [] by <one> {
}
program.kernel @join "k" (x: !program.memory<f32>, y: !program.memory<f32>, out: !program.memory<f32>) over [] by <one> {
}

// The two that read a weight alone are apart; what needs both follows the later
// one and waits for the other.
// CHECK-LABEL: program.func @two_ways
program.func @two_ways extents [] {
  %w = program.get weight @w : !program.memory<f32>
  %a = program.alloc "a" bytes <one> : !program.memory<f32>
  %b = program.alloc "b" bytes <one> : !program.memory<f32>
  %c = program.alloc "c" bytes <one> : !program.memory<f32>
  // CHECK: launch @make [] (w = %{{.*}}, out = %{{.*}}) {signal = 0 : i64} :
  program.launch @make [] (w = %w, out = %a) : !program.memory<f32>, !program.memory<f32>
  // CHECK: launch @make [] (w = %{{.*}}, out = %{{.*}}) {stream = 1 : i64} :
  program.launch @make [] (w = %w, out = %b) : !program.memory<f32>, !program.memory<f32>
  // CHECK: launch @join {{.*}} {stream = 1 : i64, wait = array<i64: 0>} :
  program.launch @join [] (x = %a, y = %b, out = %c) : !program.memory<f32>, !program.memory<f32>, !program.memory<f32>
  // Known to be over already: no second wait.
  // CHECK: launch @join {{.*}} {stream = 1 : i64} :
  program.launch @join [] (x = %a, y = %c, out = %b) : !program.memory<f32>, !program.memory<f32>, !program.memory<f32>
}

// A chain stays on one stream.
// CHECK-LABEL: program.func @chain
program.func @chain extents [] {
  %w = program.get weight @w : !program.memory<f32>
  %a = program.alloc "a" bytes <one> : !program.memory<f32>
  %b = program.alloc "b" bytes <one> : !program.memory<f32>
  // CHECK-NOT: stream
  program.launch @make [] (w = %w, out = %a) : !program.memory<f32>, !program.memory<f32>
  program.launch @make [] (w = %a, out = %b) : !program.memory<f32>, !program.memory<f32>
  program.launch @make [] (w = %b, out = %a) : !program.memory<f32>, !program.memory<f32>
}
