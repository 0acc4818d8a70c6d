// RUN: hamlet-opt %s | hamlet-opt | FileCheck %s
// RUN: hamlet-opt %s -mlir-print-op-generic | hamlet-opt | FileCheck %s

// CHECK: program.weight @embed : tensor<96x32xbf16> {shapes = [array<i64: 96, 32>], sources = ["embed"]}
program.weight @embed : tensor<96x32xbf16> {shapes = [array<i64: 96, 32>], sources = ["embed"]}
// CHECK: program.constant @slopes = dense<5.000000e-01> : tensor<2xf32>
program.constant @slopes = dense<0.5> : tensor<2xf32>
// CHECK: program.cache @lightning.0.state "lightning" layer 0 per slot bytes 64
program.cache @lightning.0.state "lightning" layer 0 per slot bytes 64
// CHECK: program.state @steps : tensor<1xf32>
program.state @steps : tensor<1xf32>
// CHECK: program.state @master : tensor<96x32xbf16> from @embed
program.state @master : tensor<96x32xbf16> from @embed
// CHECK: program.kernel @first "linear" (x: !program.memory<f32>, w: !program.memory<bf16>, scale: f32, rows: index) over [rows, tokens] by <size, div = 8> product attributes {fused = ["nn.linear"]} {
program.kernel @first "linear" (x: !program.memory<f32>, w: !program.memory<bf16>, scale: f32, rows: index) over [rows, tokens] by <size, div = 8> product attributes {fused = ["nn.linear"]} {
  // CHECK: program.realization "sm_80" grid [#program.extent<size, byRows = true>, #program.extent<one, mul = 3>, #program.extent<one>] layouts [plain, panel_pairs, plain, plain] "tiles" {
  program.realization "sm_80" grid [#program.extent<size, byRows = true>, #program.extent<one, mul = 3>, #program.extent<one>] layouts [plain, panel_pairs, plain, plain] "tiles" {
    // CHECK: program.variant @first_r1 rows 1{{$}}
    program.variant @first_r1 rows 1
    // CHECK: program.variant @first_r8 rows 8 scratch 64 shared 128 threads 256 products [#program.product<m = 8, n = 16, k = 32, rows = 4, panels = 1, depth = 32, cycles = 10, given = false>]
    program.variant @first_r8 rows 8 scratch 64 shared 128 threads 256 products [#program.product<m = 8, n = 16, k = 32, rows = 4, panels = 1, depth = 32, cycles = 10, given = false>]
  }
}
program.kernel @second "second" (in: !program.memory<i32>, state: !program.memory<f32>) over [] by <one> {
}

// A function may have a kernel's name.
// CHECK-LABEL: program.func @second extents ["x.rows"]
program.func @second extents ["x.rows"] {
  // CHECK: program.derive "blocks" [#program.extent<extent, div = 64>, #program.extent<one>]
  program.derive "blocks" [#program.extent<extent, div = 64>, #program.extent<one>]
  // CHECK: program.operand "x" [-1, 32] extents [0, -1] : !program.memory<f32>
  %x = program.operand "x" [-1, 32] extents [0, -1] : !program.memory<f32>
  // CHECK: program.operand "scale" [] : f32
  %scale = program.operand "scale" [] : f32
  // CHECK: program.result "y" [-1] extents [1] : <i32>
  %y = program.result "y" [-1] extents [1] : !program.memory<i32>
  // CHECK: program.alloc "a" bytes <extent, mul = 128> zeroed live [0, 1] : <i32>
  %a = program.alloc "a" bytes <extent, mul = 128> zeroed live [0, 1] : !program.memory<i32>
  %w = program.get weight @embed : !program.memory<bf16>
  %half = program.real 5.000000e-01
  %steps = program.get state @steps : !program.memory<f32>
  // CHECK: program.check equal "rows of x" value <extent> limit <one, mul = 3>
  program.check equal "rows of x" value <extent> limit <one, mul = 3>
  // CHECK: program.check below "ids" array %{{.*}} : !program.memory<i32> limit <extent>
  program.check below "ids" array %y : !program.memory<i32> limit <extent>
  // CHECK: program.launch @first [#program.extent<extent>, #program.extent<extent>] (x = %{{.*}}, w = %{{.*}}, scale = %{{.*}}) {signal = 0 : i64}
  program.launch @first [#program.extent<extent>, #program.extent<extent>] (x = %x, w = %w, scale = %scale) {signal = 0 : i64} : !program.memory<f32>, !program.memory<bf16>, f32
  program.launch @first [#program.extent<extent>, #program.extent<extent>] (x = %x, w = %w, scale = %half) : !program.memory<f32>, !program.memory<bf16>, f32
  // CHECK: program.launch @second [] (in = %{{.*}}, state = %{{.*}}) {stream = 1 : i64, wait = array<i64: 0>}
  program.launch @second [] (in = %y, state = %steps) {stream = 1 : i64, wait = array<i64: 0>} : !program.memory<i32>, !program.memory<f32>
}

// CHECK-LABEL: program.func step @step
program.func step @step extents [] {
  // CHECK: program.operand "advantages" [-1] rows <tokens> : !program.memory<f32>
  %advantages = program.operand "advantages" [-1] rows <tokens> : !program.memory<f32>
  // CHECK: program.step_input token_ids
  %ids = program.step_input token_ids : !program.memory<i32>
  // CHECK: program.get cache @lightning.0.state : <i8>
  %c = program.get cache @lightning.0.state : !program.memory<i8>
  %logits = program.alloc "logits" bytes <output_rows, mul = 384> : !program.memory<f32>
  // CHECK: program.launch @second [] (in = {{.*}}) {layer = 3 : i64}
  program.launch @second [] (in = %ids, state = %c) {layer = 3 : i64} : !program.memory<i32>, !program.memory<i8>
  // CHECK: program.logits %{{.*}} : <f32>
  program.logits %logits : !program.memory<f32>
}
