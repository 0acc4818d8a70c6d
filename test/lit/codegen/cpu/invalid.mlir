// RUN: hamlet-opt %s --tile-to-cpu=level=v4 -split-input-file -verify-diagnostics

func.func @strands(%x: !tile.ptr<f32>, %y: !tile.ptr<f32>) attributes {tile.kernel} {
  %c0 = arith.constant 0 : index
  %xv = tile.view %x[%c0] sizes [16, 16] strides [16, 1] : !tile.ptr<f32> -> !tile.desc<16x16xf32>
  %yv = tile.view %y[%c0] sizes [16] strides [1] : !tile.ptr<f32> -> !tile.desc<16xf32>
  %a = tile.load %xv[%c0, %c0] : !tile.desc<16x16xf32> -> tensor<16x16xf32>
  // expected-error @below {{'tile.reduce' op has 32 strands; the CPU target lowers 16, a strip}}
  %s = tile.reduce sum %a axis 1 strands 32 : tensor<16x16xf32> -> tensor<16xf32>
  tile.store %s, %yv[%c0] : tensor<16xf32>, !tile.desc<16xf32>
  return
}

// -----

func.func @tanh(%x: !tile.ptr<f32>) attributes {tile.kernel} {
  %c0 = arith.constant 0 : index
  %xv = tile.view %x[%c0] sizes [16] strides [1] : !tile.ptr<f32> -> !tile.desc<16xf32>
  %a = tile.load %xv[%c0] : !tile.desc<16xf32> -> tensor<16xf32>
  // expected-error @below {{'math.tanh' op is not an instruction of x86 and tile-expand-math does not expand it for this type}}
  %t = math.tanh %a : tensor<16xf32>
  tile.store %t, %xv[%c0] : tensor<16xf32>, !tile.desc<16xf32>
  return
}

// -----

func.func @bf16_arithmetic(%x: !tile.ptr<bf16>) attributes {tile.kernel} {
  %c0 = arith.constant 0 : index
  %xv = tile.view %x[%c0] sizes [16] strides [1] : !tile.ptr<bf16> -> !tile.desc<16xbf16>
  %a = tile.load %xv[%c0] : !tile.desc<16xbf16> -> tensor<16xbf16>
  // expected-error @below {{'arith.addf' op expected arithmetic in f32: widen bf16 and f16 with arith.extf first}}
  %t = arith.addf %a, %a : tensor<16xbf16>
  tile.store %t, %xv[%c0] : tensor<16xbf16>, !tile.desc<16xbf16>
  return
}

// -----

func.func @blocks(%w: !tile.ptr<bf16> {tile.layout = "blocks"}, %y: !tile.ptr<bf16>) attributes {tile.kernel} {
  %c0 = arith.constant 0 : index
  // expected-error @below {{'tile.view' op of 'blocks' is not supported; a CPU has panels}}
  %v = tile.matrix %w[] : !tile.ptr<bf16> -> !tile.desc<64x80xbf16, packed_bf16>
  %to = tile.view %y[%c0] sizes [64, 80] strides [80, 1] : !tile.ptr<bf16> -> !tile.desc<64x80xbf16>
  %t = tile.load %v[%c0, %c0] : !tile.desc<64x80xbf16, packed_bf16> -> tensor<64x80xbf16>
  tile.store %t, %to[%c0, %c0] : tensor<64x80xbf16>, !tile.desc<64x80xbf16>
  return
}
