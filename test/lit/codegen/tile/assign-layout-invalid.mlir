// RUN: hamlet-opt %s -tile-assign-layout -verify-diagnostics -split-input-file

func.func @blocks_of_f32(%w: !tile.ptr<f32> {tile.layout = "blocks"}) attributes {tile.kernel} {
  // expected-error @below {{lies in blocks, which have elements of 2 bytes, not 'f32'}}
  %a = tile.matrix %w[] : !tile.ptr<f32> -> !tile.desc<64x80xf32, packed>
  return
}

// -----

func.func @not_an_argument(%w: !tile.ptr<f32>, %v: !tile.ptr<f32>, %c: i1) attributes {tile.kernel} {
  // expected-note @below {{this pointer is none}}
  %p = arith.select %c, %w, %v : !tile.ptr<f32>
  // expected-error @below {{expected an argument of the kernel to lie in}}
  %a = tile.matrix %p[] : !tile.ptr<f32> -> !tile.desc<64x80xf32, packed>
  return
}

// -----

func.func @carried(%w: !tile.ptr<f32>, %n: index) attributes {tile.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // expected-note @below {{the matrix}}
  %a = tile.matrix %w[] : !tile.ptr<f32> -> !tile.desc<64x80xf32, packed>
  // expected-error @below {{takes a packed matrix, which only loads, stores and prefetches do; name it where they stand}}
  %b = scf.for %i = %c0 to %n step %c1 iter_args(%x = %a) -> (!tile.desc<64x80xf32, packed>) {
    scf.yield %x : !tile.desc<64x80xf32, packed>
  }
  return
}
