// RUN: hamlet-opt %s -tile-assign-layout -canonicalize | FileCheck %s

// A weight lies in panels, in pairs for products of bf16.
// CHECK-LABEL: func.func @weights
// CHECK: tile.view %{{.*}}[%c0] sizes [64, 80] strides [] : <bf16> -> <64x80xbf16, panel>
// CHECK: tile.view %{{.*}}[%c0] sizes [64, 80] strides [] : <bf16> -> <64x80xbf16, panel_pairs>
func.func @weights(%w: !tile.ptr<bf16>, %y: !tile.ptr<bf16>) attributes {tile.kernel} {
  %c0 = arith.constant 0 : index
  %a = tile.matrix %w[] : !tile.ptr<bf16> -> !tile.desc<64x80xbf16, packed>
  %b = tile.matrix %y[] : !tile.ptr<bf16> -> !tile.desc<64x80xbf16, packed_bf16>
  %t = tile.load %a[%c0, %c0] : !tile.desc<64x80xbf16, packed> -> tensor<64x80xbf16>
  tile.store %t, %b[%c0, %c0] : tensor<64x80xbf16>, !tile.desc<64x80xbf16, packed_bf16>
  return
}

// Leading coordinates are an offset, of whole matrices with their padding: 5 rows of 16 for 5 x 7, 6 rows of pairs.
// CHECK-LABEL: func.func @heads
// CHECK-SAME: (%[[S:.*]]: !tile.ptr<f32>, %[[K:.*]]: !tile.ptr<bf16>, %[[SLOT:.*]]: index, %[[HEAD:.*]]: index)
// CHECK-DAG: %[[C3:.*]] = arith.constant 3 : index
// CHECK-DAG: %[[C80:.*]] = arith.constant 80 : index
// CHECK-DAG: %[[C96:.*]] = arith.constant 96 : index
// CHECK: %[[ROW:.*]] = arith.muli %[[SLOT]], %[[C3]]
// CHECK: %[[PLACE:.*]] = arith.addi %[[ROW]], %[[HEAD]]
// CHECK: %[[AT:.*]] = arith.muli %[[PLACE]], %[[C80]]
// CHECK: tile.view %[[S]][%[[AT]]] sizes [5, 7] strides [] : <f32> -> <5x7xf32, panel>
// CHECK: %[[AT:.*]] = arith.muli %[[HEAD]], %[[C96]]
// CHECK: tile.view %[[K]][%[[AT]]] sizes [5, 7] strides [] : <bf16> -> <5x7xbf16, panel_pairs>
func.func @heads(%s: !tile.ptr<f32>, %k: !tile.ptr<bf16>, %slot: index, %head: index) attributes {tile.kernel} {
  %c0 = arith.constant 0 : index
  %a = tile.matrix %s[%slot, %head] of [3] : !tile.ptr<f32> -> !tile.desc<5x7xf32, packed>
  %b = tile.matrix %k[%head] : !tile.ptr<bf16> -> !tile.desc<5x7xbf16, packed_bf16>
  %t = tile.load %a[%c0, %c0] : !tile.desc<5x7xf32, packed> -> tensor<5x7xf32>
  %u = arith.truncf %t : tensor<5x7xf32> to tensor<5x7xbf16>
  tile.store %u, %b[%c0, %c0] : tensor<5x7xbf16>, !tile.desc<5x7xbf16, packed_bf16>
  return
}

// The argument's layout counts: 64 x 80 fill 2 blocks of 64 x 64.
// CHECK-LABEL: func.func @blocks
// CHECK: %[[C:.*]] = arith.constant 8192 : index
// CHECK: %[[AT:.*]] = arith.muli %{{.*}}, %[[C]]
// CHECK: tile.view %{{.*}}[%[[AT]]] sizes [64, 80] strides [] : <bf16> -> <64x80xbf16, blocks>
func.func @blocks(%w: !tile.ptr<bf16> {tile.layout = "blocks"}, %y: !tile.ptr<bf16>, %expert: index) attributes {tile.kernel} {
  %c0 = arith.constant 0 : index
  %a = tile.matrix %w[%expert] : !tile.ptr<bf16> -> !tile.desc<64x80xbf16, packed_bf16>
  %to = tile.view %y[%c0] sizes [64, 80] strides [80, 1] : !tile.ptr<bf16> -> !tile.desc<64x80xbf16>
  %t = tile.load %a[%c0, %c0] : !tile.desc<64x80xbf16, packed_bf16> -> tensor<64x80xbf16>
  tile.store %t, %to[%c0, %c0] : tensor<64x80xbf16>, !tile.desc<64x80xbf16>
  return
}
