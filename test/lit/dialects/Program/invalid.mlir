// RUN: hamlet-opt %s -split-input-file -verify-diagnostics

program.func @func_c1_slot extents [] arena_slots 1 {
  // expected-error @below {{expected a slot below the function's 1, got 1}}
  %a = program.alloc "a" bytes <one> slot 1 live 0 to 0 : !program.memory<f32>
}

// -----

program.func @func_c2_lives extents [] arena_slots 1 {
  // expected-note @below {{the other buffer is here}}
  %a = program.alloc "a" bytes <one> slot 0 live 0 to 2 : !program.memory<f32>
  // expected-error @below {{is live from launch 2 in slot 0, which another buffer has until launch 2}}
  %b = program.alloc "b" bytes <one> slot 0 live 2 to 3 : !program.memory<f32>
}

// -----

program.func @func_c3_use extents [] arena_slots 1 {
  %a = program.alloc "a" bytes <one> slot 0 live 1 to 1 : !program.memory<f32>
  // expected-error @below {{is launch 0, but its argument "a" is live from 1 to 1}}
  program.launch @k grid [#program.extent<one>, #program.extent<one>, #program.extent<one>] by <one> (%a) : !program.memory<f32>
}

// -----

program.func @derive_c1_terms extents [] arena_slots 0 {
  // expected-error @below {{expected terms that are extents}}
  program.derive "none" []
}

// -----

program.func @alloc_c1_life extents [] arena_slots 1 {
  // expected-error @below {{expected 0 <= first <= last}}
  %a = program.alloc "a" bytes <one> slot 0 live 2 to 1 : !program.memory<f32>
}

// -----

program.func @launch_c1_grid extents [] arena_slots 0 {
  %n = program.scalar <tokens>
  // expected-error @below {{expected a grid of three extents}}
  program.launch @k grid [#program.extent<one>] by <one> (%n) : index
}

// -----

program.func @launch_c2_stream extents [] arena_slots 0 {
  %n = program.scalar <tokens>
  // expected-error @below {{expected 'device' and 'stream' of at least 0}}
  program.launch @k grid [#program.extent<one>, #program.extent<one>, #program.extent<one>] by <tokens> (%n) {stream = -1 : i64} : index
}

// -----

program.func @launch_c3_events extents [] arena_slots 0 {
  %n = program.scalar <tokens>
  // expected-error @below {{waits for event 4, which no launch before it signals}}
  program.launch @k grid [#program.extent<one>, #program.extent<one>, #program.extent<one>] by <tokens> (%n) {wait = array<i64: 4>} : index
}
