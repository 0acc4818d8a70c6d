// RUN: hamlet-opt %s -tile-assign-layout -verify-diagnostics -split-input-file

func.func @blocks_of_f32(%w: !tile.ptr<f32> {tile.layout = "blocks"}) attributes {tile.kernel} {
  // expected-error @below {{lies in blocks, which have elements of 2 bytes, not 'f32'}}
  %a = tile.matrix %w[] : !tile.ptr<f32> -> !tile.desc<64x80xf32, packed>
  return
}
