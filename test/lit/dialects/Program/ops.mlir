// RUN: hamlet-opt %s | hamlet-opt | FileCheck %s

// CHECK-LABEL: program.func @call extents ["q.rows"] arena_slots 1
program.func @call extents ["q.rows"] arena_slots 1 {
  // CHECK: program.derive "blocks" [#program.extent<extent, div = 64>, #program.extent<one>]
  program.derive "blocks" [#program.extent<extent, div = 64>, #program.extent<one>]
  // CHECK: program.alloc "a" bytes <extent, mul = 128> slot 0 live 0 to 0 zeroed : <f32>
  %a = program.alloc "a" bytes <extent, mul = 128> slot 0 live 0 to 0 zeroed : !program.memory<f32>
  // CHECK: program.alloc "b" bytes <extent, index = 1, mul = 4> slot 0 live 1 to 1 : <i32>
  %b = program.alloc "b" bytes <extent, index = 1, mul = 4> slot 0 live 1 to 1 : !program.memory<i32>
  %x = program.operand 0 : !program.memory<f32>
  %y = program.result 0 : !program.memory<f32>
  %n = program.scalar <extent>
  // CHECK: program.launch @first grid [#program.extent<extent, byRows = true>, #program.extent<one>, #program.extent<one>] by <one>
  program.launch @first grid [#program.extent<extent, byRows = true>, #program.extent<one>, #program.extent<one>] by <one> (%x, %a, %n) {signal = 0 : i64} : !program.memory<f32>, !program.memory<f32>, index
  // CHECK: program.launch @second
  program.launch @second grid [#program.extent<one>, #program.extent<one>, #program.extent<one>] by <one> (%b, %y) {stream = 1 : i64, wait = array<i64: 0>} : !program.memory<i32>, !program.memory<f32>
}

// CHECK-LABEL: program.func @step
program.func @step extents [] arena_slots 0 {
  // CHECK: program.step_input token_ids
  %ids = program.step_input token_ids : !program.memory<i32>
  // CHECK: program.weight @embed
  %w = program.weight @embed : !program.memory<bf16>
  // CHECK: program.cache @lightning.0.state
  %c = program.cache @lightning.0.state : !program.memory<i8>
  // CHECK: program.launch @k {{.*}} by <tokens, mul = 2, div = 8>
  program.launch @k grid [#program.extent<tokens, mul = 2, byRows = true, add = 8>, #program.extent<one>, #program.extent<one>] by <tokens, mul = 2, div = 8> (%ids, %w, %c) {layer = 3 : i64} : !program.memory<i32>, !program.memory<bf16>, !program.memory<i8>
}
