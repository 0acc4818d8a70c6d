// RUN: hamlet-opt %s -split-input-file -verify-diagnostics

func.func @program_id_c1() {
  // expected-error @below {{expected 'axis' to be 0, 1 or 2, got 3}}
  %0 = tile.program_id 3
  return
}

// -----

func.func @view_c1_sizes(%p: !tile.ptr<f32>, %i: index) {
  // expected-error @below {{expected 2 sizes, got 1}}
  %0 = tile.view %p[%i] sizes [8] strides [8, 1] : !tile.ptr<f32> -> !tile.desc<8x8xf32>
  return
}

// -----

func.func @view_c1_differs(%p: !tile.ptr<f32>, %i: index) {
  // expected-error @below {{expected size 1 to be that of the result type, 8, got 4}}
  %0 = tile.view %p[%i] sizes [8, 4] strides [8, 1] : !tile.ptr<f32> -> !tile.desc<8x8xf32>
  return
}

// -----

func.func @view_c2_strides(%p: !tile.ptr<f32>, %i: index) {
  // expected-error @below {{expected 0 strides, got 2}}
  %0 = tile.view %p[%i] sizes [8, 8] strides [8, 1] : !tile.ptr<f32> -> !tile.desc<8x8xf32, panel>
  return
}

// -----

func.func @view_c3_element(%p: !tile.ptr<f32>, %i: index) {
  // expected-error @below {{expected a view of 'f32', got 'bf16'}}
  %0 = tile.view %p[%i] sizes [8] strides [1] : !tile.ptr<f32> -> !tile.desc<8xbf16>
  return
}

// -----

func.func @view_c5(%p: !tile.ptr<f32>, %i: index) {
  // expected-error @below {{expected a layout that a target has, got '!tile.desc<8x8xf32, packed>'; tile.matrix makes packed matrices}}
  %0 = tile.view %p[%i] sizes [8, 8] strides [] : !tile.ptr<f32> -> !tile.desc<8x8xf32, packed>
  return
}

// -----

func.func @matrix_c1(%p: !tile.ptr<f32>) {
  // expected-error @below {{expected a packed matrix of static extents from 1 to 2147483647, got '!tile.desc<8x8xf32, panel>'}}
  %0 = tile.matrix %p[] : !tile.ptr<f32> -> !tile.desc<8x8xf32, panel>
  return
}

// -----

func.func @matrix_c1_dynamic(%p: !tile.ptr<f32>) {
  // expected-error @below {{expected a packed matrix of static extents from 1 to 2147483647, got '!tile.desc<?x8xf32, packed>'}}
  %0 = tile.matrix %p[] : !tile.ptr<f32> -> !tile.desc<?x8xf32, packed>
  return
}

// -----

func.func @matrix_c2(%p: !tile.ptr<f32>, %i: index) {
  // expected-error @below {{expected an extent from 1 to 2147483647 for each coordinate but the first, got 2 coordinates and 0 extents}}
  %0 = tile.matrix %p[%i, %i] : !tile.ptr<f32> -> !tile.desc<8x8xf32, packed>
  return
}

// -----

func.func @matrix_c2_extent(%p: !tile.ptr<f32>, %i: index) {
  // expected-error @below {{expected an extent from 1 to 2147483647 for each coordinate but the first, got 2 coordinates and 1 extents}}
  %0 = tile.matrix %p[%i, %i] of [4611686018427387904] : !tile.ptr<f32> -> !tile.desc<8x8xf32, packed>
  return
}

// -----

// expected-error @below {{expected elements of 2 bytes in layout 'packed_bf16', got 'f32'}}
func.func private @pairs_of_f32(!tile.desc<8x8xf32, packed_bf16>)

// -----

func.func @matrix_c3(%p: !tile.ptr<f32>, %i: index) {
  // expected-error @below {{expected a matrix of 'f32', got 'bf16'}}
  %0 = tile.matrix %p[%i] : !tile.ptr<f32> -> !tile.desc<8x8xbf16, packed>
  return
}

// -----

// expected-error @below {{expected 'tile.layout' of argument 0 to be panel, panel_pairs or blocks, got "packed"}}
func.func @layout_of_no_target(%p: !tile.ptr<f32> {tile.layout = "packed"}) attributes {tile.kernel} {
  return
}

// -----

func.func @view_c4_dynamic_panel(%p: !tile.ptr<f32>, %i: index) {
  // expected-error @below {{expected the last two dimensions of a panel layout to be static}}
  %0 = tile.view %p[%i] sizes [8, %i] strides [] : !tile.ptr<f32> -> !tile.desc<8x?xf32, panel>
  return
}

// -----

func.func @load_c1_coords(%d: !tile.desc<8x8xf32>, %i: index) {
  // expected-error @below {{expected 2 coordinates, got 1}}
  %0 = tile.load %d[%i] : !tile.desc<8x8xf32> -> tensor<8xf32>
  return
}

// -----

func.func @load_c2_rank(%d: !tile.desc<8xf32>, %i: index) {
  // expected-error @below {{expected a box of at most 1 dimensions}}
  %0 = tile.load %d[%i] : !tile.desc<8xf32> -> tensor<8x8xf32>
  return
}

// -----

func.func @store_c3_element(%d: !tile.desc<8xf32>, %v: tensor<8xbf16>, %i: index) {
  // expected-error @below {{expected elements of 'f32', got 'bf16'}}
  tile.store %v, %d[%i] : tensor<8xbf16>, !tile.desc<8xf32>
  return
}

// -----

func.func @gather_c1_panel(%d: !tile.desc<8x8xf32, panel>, %r: tensor<4xi32>, %i: index) {
  // expected-error @below {{expected a strided view of rank 2}}
  %0 = tile.gather %d[%r, %i] : !tile.desc<8x8xf32, panel>, tensor<4xi32> -> tensor<4x8xf32>
  return
}

// -----

func.func @scatter_c2_rows(%d: !tile.desc<8x8xf32>, %r: tensor<4xi32>, %v: tensor<5x8xf32>, %i: index) {
  // expected-error @below {{expected a tile of 4 rows}}
  tile.scatter %v, %d[%r, %i] : tensor<5x8xf32>, !tile.desc<8x8xf32>, tensor<4xi32>
  return
}

// -----

func.func @dot_c1_shapes(%a: tensor<4x8xf32>, %b: tensor<9x16xf32>, %c: tensor<4x16xf32>) {
  // expected-error @below {{expected [M, K] . [K, N] -> [M, N]}}
  %0 = tile.dot #tile.numerics<operands = f32, accumulate = f32, group = 1> %a, %b, %c : tensor<4x8xf32>, tensor<9x16xf32> -> tensor<4x16xf32>
  return
}

// -----

func.func @dot_c2_accumulator(%a: tensor<4x8xbf16>, %b: tensor<8x16xbf16>, %c: tensor<4x16xbf16>) {
  // expected-error @below {{expected an f32 accumulator}}
  %0 = tile.dot #tile.numerics<operands = bf16, accumulate = f32, group = 2> %a, %b, %c : tensor<4x8xbf16>, tensor<8x16xbf16> -> tensor<4x16xbf16>
  return
}

// -----

func.func @dot_c3_operands(%a: tensor<4x8xf32>, %b: tensor<8x16xbf16>, %c: tensor<4x16xf32>) {
  // expected-error @below {{expected operands that numerics}}
  %0 = tile.dot #tile.numerics<operands = bf16, accumulate = f32, group = 2> %a, %b, %c : tensor<4x8xf32>, tensor<8x16xbf16> -> tensor<4x16xf32>
  return
}

// -----

func.func @dot_c4_coordinates(%a: tensor<4x8xf32>, %b: tensor<8x16xf32>, %c: tensor<4x16xf32>, %d: !tile.desc<8x16xf32>, %i: index) {
  // expected-error @below {{at two coordinates, got '!tile.desc<8x16xf32>' at 1}}
  %0 = tile.dot #tile.numerics<operands = f32, accumulate = f32, group = 1> %a, %b, %c prefetch(%d[%i] : !tile.desc<8x16xf32>) : tensor<4x8xf32>, tensor<8x16xf32> -> tensor<4x16xf32>
  return
}

// -----

func.func @reduce_c2_result(%a: tensor<4x8xf32>) {
  // expected-error @below {{expected a result of 'tensor<4xf32>'}}
  %0 = tile.reduce sum %a axis 1 : tensor<4x8xf32> -> tensor<8xf32>
  return
}

// -----

func.func @scan_c2_errors(%a: tensor<8xf32>) {
  // expected-error @below {{expected f32 with 'errors' or i32 without}}
  %0 = tile.scan %a axis 0 : tensor<8xf32> -> tensor<8xf32>
  return
}

// -----

func.func @broadcast_c1_dims(%a: tensor<8xf32>) {
  // expected-error @below {{expected 1 entries in 'dims', got 2}}
  %0 = tile.broadcast %a dims [0, 1] : tensor<8xf32> -> tensor<8x4xf32>
  return
}

// -----

func.func @broadcast_c2_size(%a: tensor<8xf32>) {
  // expected-error @below {{expected dimension 1 of the result to be 8, got 4}}
  %0 = tile.broadcast %a dims [1] : tensor<8xf32> -> tensor<8x4xf32>
  return
}

// -----

func.func @iota_c1_type() {
  // expected-error @below {{expected an i32 result with a dimension 0}}
  %0 = tile.iota axis 0 : tensor<8xf32>
  return
}

// -----

func.func @extract_c1_indices(%a: tensor<8x8xf32>, %i: index) {
  // expected-error @below {{expected 2 indices, got 1}}
  %0 = tile.extract %a[%i] : tensor<8x8xf32> -> f32
  return
}

// -----

func.func @reduce_c3_maxnum(%a: tensor<4x8xi32>) {
  // expected-error @+1 {{'tile.reduce' op expected elements of f32 for 'maxnum', got 'tensor<4x8xi32>'}}
  %0 = tile.reduce maxnum %a axis 1 : tensor<4x8xi32> -> tensor<4xi32>
  return
}

// -----

func.func @nonpositive_elsewhere(%a: tensor<4xf32>) {
  // expected-error @+1 {{'math.exp' op expected 'tile.nonpositive' on a math.exp2 only}}
  %0 = math.exp %a {tile.nonpositive} : tensor<4xf32>
  return
}

// -----

// expected-error @+1 {{expected 'accumulate' to be f32, got 'bf16'}}
func.func @numerics_c1_accumulate() attributes {x = #tile.numerics<operands = bf16, accumulate = bf16, group = 2>} {
  return
}

// -----

// expected-error @+1 {{expected 'operands' to be f32 or bf16, got 'f16'; f16 weights are widened under f32 operands}}
func.func @numerics_c2_operands() attributes {x = #tile.numerics<operands = f16, accumulate = f32, group = 1>} {
  return
}

// -----

// expected-error @+1 {{expected 'group' to be 2 for bf16 operands and 1 for others, got 2 for 'f32'}}
func.func @numerics_c3_group() attributes {x = #tile.numerics<operands = f32, accumulate = f32, group = 2>} {
  return
}

// -----

// expected-error @+1 {{expected 'split' to be 0 or a power of two, got 12}}
func.func @numerics_c4_split() attributes {x = #tile.numerics<operands = f32, accumulate = f32, group = 1, split = 12>} {
  return
}

// -----

// expected-error @+1 {{expected 'split' to be 0 or a power of two, got -8}}
func.func @numerics_c4_negative() attributes {x = #tile.numerics<operands = f32, accumulate = f32, group = 1, split = -8>} {
  return
}

// -----

func.func @reduce_c5_strands(%a: tensor<4x8xf32>) {
  // expected-error @+1 {{expected 'strands' to be a power of two, got 12}}
  %0 = tile.reduce sum %a axis 1 strands 12 : tensor<4x8xf32> -> tensor<4xf32>
  return
}

// -----

func.func @reduce_c5_split(%a: tensor<4x8xf32>) {
  // expected-error @+1 {{expected 'split' to be 0 or a power of two, got 3}}
  %0 = tile.reduce sum %a axis 1 split 3 : tensor<4x8xf32> -> tensor<4xf32>
  return
}

// -----

func.func @reduce_c5_max(%a: tensor<4x8xf32>) {
  // expected-error @+1 {{expected 'strands' and 'split' on an f32 sum over the last axis only, got max over axis 1 of 'tensor<4x8xf32>'}}
  %0 = tile.reduce max %a axis 1 strands 32 : tensor<4x8xf32> -> tensor<4xf32>
  return
}

// -----

func.func @reduce_c5_axis(%a: tensor<4x8xf32>) {
  // expected-error @+1 {{expected 'strands' and 'split' on an f32 sum over the last axis only, got sum over axis 0 of 'tensor<4x8xf32>'}}
  %0 = tile.reduce sum %a axis 0 split 4 : tensor<4x8xf32> -> tensor<8xf32>
  return
}

// -----

// expected-error @below {{expected 'tile.name' on arguments of a kernel only}}
func.func @name_of_no_kernel(%p: !tile.ptr<f32> {tile.name = "x"}) {
  return
}

// -----

// expected-error @below {{expected 'tile.name' of argument 0 to be a name, got 3 : i64}}
func.func @name_no_string(%p: !tile.ptr<f32> {tile.name = 3}) attributes {tile.kernel} {
  return
}

// -----

// expected-error @below {{expected arguments of different names, got "x" for 0 and 2}}
func.func @name_twice(%p: !tile.ptr<f32> {tile.name = "x"}, %q: !tile.ptr<f32> {tile.name = "y"}, %n: index {tile.name = "x"}) attributes {tile.kernel} {
  return
}

// -----

func.func @dot_c4_panels(%a: tensor<4x8xf32>, %b: tensor<8x16xf32>, %c: tensor<4x16xf32>, %d: !tile.desc<8x16xf32, panel>, %e: !tile.desc<8x32xf32, panel>, %i: index) {
  // expected-note @+1 {{'b' is loaded here}}
  %w = tile.load %e[%i, %i] : !tile.desc<8x32xf32, panel> -> tensor<8x16xf32>
  // expected-error @below {{expected to prefetch panels like those of 'b', '!tile.desc<8x32xf32, panel>', got '!tile.desc<8x16xf32, panel>'}}
  %0 = tile.dot #tile.numerics<operands = f32, accumulate = f32, group = 1> %a, %w, %c prefetch(%d[%i, %i] : !tile.desc<8x16xf32, panel>) : tensor<4x8xf32>, tensor<8x16xf32> -> tensor<4x16xf32>
  return
}

// -----

func.func @dot_c4_columns(%a: tensor<4x8xf32>, %b: tensor<8x16xf32>, %c: tensor<4x16xf32>, %p: !tile.ptr<f32>, %i: index) {
  // expected-note @+1 {{the view's strides stand here}}
  %d = tile.view %p[%i] sizes [8, 16] strides [1, 8] : !tile.ptr<f32> -> !tile.desc<8x16xf32>
  // expected-error @below {{expected to prefetch contiguous rows}}
  %0 = tile.dot #tile.numerics<operands = f32, accumulate = f32, group = 1> %a, %b, %c prefetch(%d[%i, %i] : !tile.desc<8x16xf32>) : tensor<4x8xf32>, tensor<8x16xf32> -> tensor<4x16xf32>
  return
}

// -----

func.func @load_c3_element(%d: !tile.desc<8xf32>, %i: index) {
  // expected-error @+1 {{expected elements of 'f32', got 'bf16'}}
  %0 = tile.load %d[%i] : !tile.desc<8xf32> -> tensor<8xbf16>
  return
}

// -----

func.func @store_c1_coords(%d: !tile.desc<8x8xf32>, %v: tensor<8xf32>, %i: index) {
  // expected-error @+1 {{expected 2 coordinates, got 3}}
  tile.store %v, %d[%i, %i, %i] : tensor<8xf32>, !tile.desc<8x8xf32>
  return
}

// -----

func.func @store_c2_rank(%d: !tile.desc<8xf32>, %v: tensor<4x8xf32>, %i: index) {
  // expected-error @+1 {{expected a box of at most 1 dimensions, got 'tensor<4x8xf32>'}}
  tile.store %v, %d[%i] : tensor<4x8xf32>, !tile.desc<8xf32>
  return
}

// -----

func.func @gather_c2_rows(%d: !tile.desc<8x8xf32>, %r: tensor<4xi32>, %i: index) {
  // expected-error @+1 {{expected a tile of 4 rows, got 'tensor<8x4xf32>'}}
  %0 = tile.gather %d[%r, %i] : !tile.desc<8x8xf32>, tensor<4xi32> -> tensor<8x4xf32>
  return
}

// -----

func.func @gather_c3_element(%d: !tile.desc<8x8xf32>, %r: tensor<4xi32>, %i: index) {
  // expected-error @+1 {{expected elements of 'f32', got 'i32'}}
  %0 = tile.gather %d[%r, %i] : !tile.desc<8x8xf32>, tensor<4xi32> -> tensor<4x8xi32>
  return
}

// -----

func.func @scatter_c1_rank(%d: !tile.desc<2x8x8xf32>, %r: tensor<4xi32>, %v: tensor<4x8xf32>, %i: index) {
  // expected-error @+1 {{expected a strided view of rank 2, got '!tile.desc<2x8x8xf32>'}}
  tile.scatter %v, %d[%r, %i] : tensor<4x8xf32>, !tile.desc<2x8x8xf32>, tensor<4xi32>
  return
}

// -----

func.func @scatter_c3_element(%d: !tile.desc<8x8xf32>, %r: tensor<4xi32>, %v: tensor<4x8xf16>, %i: index) {
  // expected-error @+1 {{expected elements of 'f32', got 'f16'}}
  tile.scatter %v, %d[%r, %i] : tensor<4x8xf16>, !tile.desc<8x8xf32>, tensor<4xi32>
  return
}

// -----

func.func @load_scalar_c1_element(%p: !tile.ptr<f32>, %i: index) {
  // expected-error @+1 {{expected a result of 'f32', got 'i32'}}
  %0 = tile.load_scalar %p[%i] : !tile.ptr<f32> -> i32
  return
}

// -----

func.func @store_scalar_c1_element(%p: !tile.ptr<i32>, %v: f32, %i: index) {
  // expected-error @+1 {{expected a value of 'i32', got 'f32'}}
  tile.store_scalar %v, %p[%i] : f32, !tile.ptr<i32>
  return
}

// -----

func.func @reduce_c1_axis(%a: tensor<4x8xf32>) {
  // expected-error @+1 {{expected 'axis' to be a dimension of 'tensor<4x8xf32>', got 2}}
  %0 = tile.reduce sum %a axis 2 : tensor<4x8xf32> -> tensor<4xf32>
  return
}

// -----

func.func @reduce_c4_element(%a: tensor<4x8xbf16>) {
  // expected-error @+1 {{expected elements of f32 or i32, got 'tensor<4x8xbf16>'}}
  %0 = tile.reduce sum %a axis 1 : tensor<4x8xbf16> -> tensor<4xbf16>
  return
}

// -----

func.func @scan_c1_axis(%a: tensor<8xi32>) {
  // expected-error @+1 {{expected 'axis' to be a dimension of 'tensor<8xi32>', got 1}}
  %0 = tile.scan %a axis 1 : tensor<8xi32> -> tensor<8xi32>
  return
}

// -----

func.func @broadcast_c3_element(%a: tensor<8xf32>) {
  // expected-error @+1 {{expected elements of 'f32', got 'bf16'}}
  %0 = tile.broadcast %a dims [0] : tensor<8xf32> -> tensor<8x4xbf16>
  return
}

// -----

func.func @extract_c2_element(%a: tensor<8xf32>, %i: index) {
  // expected-error @+1 {{expected a result of 'f32', got 'i32'}}
  %0 = tile.extract %a[%i] : tensor<8xf32> -> i32
  return
}
