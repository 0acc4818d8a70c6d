// RUN: hamlet-opt %s -program-lifetimes | FileCheck %s

program.kernel @k "k" (x: !program.memory<f32>, y: !program.memory<f32>) over [] by <one> {
}

// From the first use to the last; what nothing uses goes.
// CHECK-LABEL: program.func @one_stream
program.func @one_stream extents [] {
  // CHECK: alloc "a" bytes <one> live [0, 1]
  %a = program.alloc "a" bytes <one> : !program.memory<f32>
  // CHECK: alloc "b" bytes <one> live [0, 2]
  %b = program.alloc "b" bytes <one> : !program.memory<f32>
  // CHECK-NOT: "unused"
  %u = program.alloc "unused" bytes <one> : !program.memory<f32>
  // CHECK: alloc "c" bytes <one> zeroed live [1, 2]
  %c = program.alloc "c" bytes <one> zeroed : !program.memory<f32>
  program.launch @k [] (x = %a, y = %b) : !program.memory<f32>, !program.memory<f32>
  program.launch @k [] (x = %a, y = %c) : !program.memory<f32>, !program.memory<f32>
  program.launch @k [] (x = %b, y = %c) : !program.memory<f32>, !program.memory<f32>
}

// Launch 2 on the other stream may run beside launch 1: "a" lives until the event
// has ordered launch 3.
// CHECK-LABEL: program.func @until_an_event
program.func @until_an_event extents [] {
  // CHECK: alloc "a" bytes <one> live [0, 2]
  %a = program.alloc "a" bytes <one> : !program.memory<f32>
  // CHECK: alloc "b" bytes <one> live [2, 2]
  %b = program.alloc "b" bytes <one> : !program.memory<f32>
  // CHECK: alloc "c" bytes <one> live [3, 3]
  %c = program.alloc "c" bytes <one> : !program.memory<f32>
  program.launch @k [] (x = %a, y = %a) : !program.memory<f32>, !program.memory<f32>
  program.launch @k [] (x = %a, y = %a) {signal = 0 : i64} : !program.memory<f32>, !program.memory<f32>
  program.launch @k [] (x = %b, y = %b) {stream = 1 : i64} : !program.memory<f32>, !program.memory<f32>
  program.launch @k [] (x = %c, y = %c) {stream = 1 : i64, wait = array<i64: 0>} : !program.memory<f32>, !program.memory<f32>
}

// A step's logits are read after the last launch.
// CHECK-LABEL: program.func step @logits
program.func step @logits extents [] {
  // CHECK: alloc "logits" bytes <output_rows> live [0, 1]
  %l = program.alloc "logits" bytes <output_rows> : !program.memory<f32>
  %b = program.alloc "b" bytes <one> : !program.memory<f32>
  program.launch @k [] (x = %b, y = %l) : !program.memory<f32>, !program.memory<f32>
  program.launch @k [] (x = %b, y = %b) : !program.memory<f32>, !program.memory<f32>
  program.logits %l : !program.memory<f32>
}
