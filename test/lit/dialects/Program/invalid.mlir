// RUN: hamlet-opt %s -split-input-file -verify-diagnostics

// expected-error @below {{'div' to be at least 1, and 1 with 'byRows', got 0}}
program.cache @extent_c1_div "k" layer 0 per slot bytes 4 {at = #program.extent<tokens, div = 0>}

// -----

// expected-error @below {{'index' with the quantities 'extent' and 'size' only, from 0, got 2 with tokens}}
program.cache @extent_c2_index "k" layer 0 per slot bytes 4 {at = #program.extent<tokens, index = 2>}

// -----

// expected-error @below {{expected static extents of at least 1, got 'tensor<0x4xf32>'}}
program.weight @weight_c1_static : tensor<0x4xf32> {shapes = [], sources = []}

// -----

// expected-error @below {{expected at least 1 byte, got 0}}
program.cache @cache_c1_bytes "k" layer 0 per slot bytes 0

// -----

// expected-error @below {{expected static extents of at least 1, got 'tensor<?xf32>'}}
program.state @state_c1_static : tensor<?xf32>

// -----

// expected-note @below {{the weight is here}}
program.weight @w : tensor<4xf32> {shapes = [array<i64: 4>], sources = ["w"]}
// expected-error @below {{is 'tensor<4xbf16>', the weight that it begins as 'tensor<4xf32>'}}
program.state @state_c2_type : tensor<4xbf16> from @w

// -----

// expected-error @below {{begins as @none, expected a weight of the module}}
program.state @state_c2_none : tensor<4xbf16> from @none

// -----

// expected-error @below {{has two parameters 'x'}}
program.kernel @kernel_c1_names "k" (x: f32, x: f32) over [] by <one> {
}

// -----

// expected-error @below {{has an index parameter 'rows', which is none of its sizes ["tokens"]}}
program.kernel @kernel_c2_size "k" (rows: index) over [tokens] by <one> {
}

// -----

// expected-error @below {{expected a metric of one of its sizes}}
program.kernel @kernel_c3_metric "k" () over [] by <tokens> {
}

// -----

program.kernel @kernel_c4_twice "k" () over [] by <one> {
  // expected-note @below {{the first is here}}
  program.realization "sm_80" grid [#program.extent<one>, #program.extent<one>, #program.extent<one>] layouts [] "" {
    program.variant @v rows 1
  }
  // expected-error @below {{is the second for target 'sm_80'}}
  program.realization "sm_80" grid [#program.extent<one>, #program.extent<one>, #program.extent<one>] layouts [] "" {
    program.variant @v rows 1
  }
}

// -----

program.kernel @realization_c1_grid "k" () over [] by <one> {
  // expected-error @below {{expected a grid of three extents of the kernel's sizes}}
  program.realization "sm_80" grid [#program.extent<tokens>, #program.extent<one>, #program.extent<one>] layouts [] "" {
    program.variant @v rows 1
  }
}

// -----

// expected-note @below {{of this kernel}}
program.kernel @realization_c2_layouts "k" () over [] by <one> {
  // expected-error @below {{has 1 layouts for 0 parameters}}
  program.realization "sm_80" grid [#program.extent<one>, #program.extent<one>, #program.extent<one>] layouts [plain] "" {
    program.variant @v rows 1
  }
}

// -----

program.kernel @realization_c2_memory "k" (s: f32) over [] by <one> {
  // expected-error @below {{gives parameter "s" layout panel, but it is not memory}}
  program.realization "sm_80" grid [#program.extent<one>, #program.extent<one>, #program.extent<one>] layouts [panel] "" {
    program.variant @v rows 1
  }
}

// -----

program.kernel @realization_c3_variant "k" () over [] by <one> {
  // expected-error @below {{has no variant}}
  program.realization "sm_80" grid [#program.extent<one>, #program.extent<one>, #program.extent<one>] layouts [] "" {
  }
}

// -----

program.kernel @realization_c3_ascend "k" () over [] by <one> {
  program.realization "sm_80" grid [#program.extent<one>, #program.extent<one>, #program.extent<one>] layouts [] "" {
    program.variant @v rows 8
    // expected-error @below {{expected more rows than the variant before, 8, got 8}}
    program.variant @w rows 8
  }
}

// -----

program.kernel @variant_c1_rows "k" () over [] by <one> {
  program.realization "sm_80" grid [#program.extent<one>, #program.extent<one>, #program.extent<one>] layouts [] "" {
    // expected-error @below {{expected rows of at least 1}}
    program.variant @v rows 0
  }
}

// -----

// expected-error @below {{is a step and has extents ["n"]}}
program.func step @func_c1_extents extents ["n"] {
}

// -----

program.func @func_c1_input extents [] {
  // expected-error @below {{belongs to a step; 'func_c1_input' is a function that is called}}
  %ids = program.step_input token_ids : !program.memory<i32>
}

// -----

program.kernel @k "k" () over [] by <one> {
}
program.func @func_c2_events extents [] {
  // expected-error @below {{waits for event 4, which no launch before it signals}}
  program.launch @k [] () {wait = array<i64: 4>}
}

// -----

program.kernel @k "k" (x: !program.memory<f32>) over [] by <one> {
}
program.func @func_c3_life extents [] {
  // expected-note @below {{the buffer is here}}
  %a = program.alloc "a" bytes <one> live [1, 1] : !program.memory<f32>
  // expected-error @below {{is launch 0, but its argument "a" is live from 1 to 1}}
  program.launch @k [] (x = %a) : !program.memory<f32>
}

// -----

program.func @func_c4 extents [] {
  // expected-error @below {{is taken by no launch, so nothing writes it}}
  %a = program.result "a" [2, 3] : !program.memory<f32>
}

// -----

program.func @derive_c1_terms extents [] {
  // expected-error @below {{expected terms that are extents}}
  program.derive "none" []
}

// -----

program.func @alloc_c1_life extents [] {
  // expected-error @below {{expected a life from a first to a last launch, got array<i64: 2, 1>}}
  %a = program.alloc "a" bytes <one> live [2, 1] : !program.memory<f32>
}

// -----

program.func @get_c1_declared extents [] {
  // expected-error @below {{expected a weight of the module, got @none}}
  %a = program.get weight @none : !program.memory<f32>
}

// -----

// expected-note @below {{the source is here}}
program.state @s : tensor<1xf32>
program.func @get_c2_element extents [] {
  // expected-error @below {{gives elements of 'bf16', the source has 'f32'}}
  %a = program.get state @s : !program.memory<bf16>
}

// -----

program.func @operand_c1_extent extents [] {
  // expected-error @below {{has dimension 0 of -1 without an extent}}
  %a = program.operand "a" [-1] : !program.memory<f32>
}

// -----

program.func @operand_c2_scalar extents [] {
  // expected-error @below {{is a scalar and has 1 dimensions}}
  %a = program.operand "a" [3] : f32
}

// -----

program.func @result_c1_extent extents [] {
  // expected-error @below {{has dimension 1 of -1 without an extent}}
  %a = program.result "a" [2, -1] : !program.memory<f32>
}

// -----

program.func @check_c1_value extents [] {
  // expected-error @below {{expected a value with 'equal' and an array with boundaries and below}}
  program.check equal "rows" limit <one>
}

// -----

program.kernel @k "k" () over [n] by <one> {
}
program.func @launch_c1_counts extents [] {
  // expected-error @below {{expected counts that are extents, got [3]}}
  program.launch @k [3] ()
}

// -----

program.kernel @k "k" () over [] by <one> {
}
program.func @launch_c2_stream extents [] {
  // expected-error @below {{expected 'device', 'stream' and 'signal' of at least 0}}
  program.launch @k [] () {stream = -1 : i64}
}

// -----

program.func @launch_c3_kernel extents [] {
  // expected-error @below {{launches @k, expected a kernel of the module}}
  program.launch @k [] ()
}

// -----

// expected-note @below {{the kernel is here}}
program.kernel @k "k" () over [n] by <one> {
}
program.func @launch_c3_sizes extents [] {
  // expected-error @below {{has 0 counts for 1 sizes}}
  program.launch @k [] ()
}

// -----

// expected-note @below {{the kernel is here}}
program.kernel @k "k" (x: !program.memory<f32>) over [] by <one> {
}
program.func @launch_c4_missing extents [] {
  // expected-error @below {{gives no argument for parameter 'x'}}
  program.launch @k [] ()
}

// -----

// expected-note @below {{the kernel is here}}
program.kernel @k "k" (x: !program.memory<f32>) over [] by <one> {
}
program.func @launch_c4_type extents [] {
  %a = program.alloc "a" bytes <one> : !program.memory<i32>
  // expected-error @below {{gives parameter 'x' another type than '!program.memory<f32>': '!program.memory<i32>'}}
  program.launch @k [] (x = %a) : !program.memory<i32>
}

// -----

// expected-note @below {{the kernel is here}}
program.kernel @k "k" () over [] by <one> {
}
program.func @launch_c4_unknown extents [] {
  %a = program.alloc "a" bytes <one> : !program.memory<i32>
  // expected-error @below {{gives an argument 'y', which is no parameter}}
  program.launch @k [] (y = %a) : !program.memory<i32>
}

// -----

program.func @logits_c1_step extents [] {
  %a = program.alloc "a" bytes <one> : !program.memory<f32>
  // expected-error @below {{expected a buffer of f32 in a step}}
  program.logits %a : !program.memory<f32>
}
