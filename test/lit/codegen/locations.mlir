// RUN: hamlet-opt %s -tile-to-ptx -o /dev/null > %t.ptx
// RUN: FileCheck %s < %t.ptx
// RUN: not hamlet-ptx run %t.ptx --entry named --grid 1 --block 128 --arg zeros:f32:100 --arg zeros:f32:128 --check 2>&1 | FileCheck %s --check-prefix=NAME
// RUN: not hamlet-ptx run %t.ptx --entry placed --grid 1 --block 128 --arg zeros:f32:128 --arg zeros:f32:100 --check 2>&1 | FileCheck %s --check-prefix=PLACE
// RUN: hamlet-opt %s -tile-to-cpu > %t.cpu
// RUN: hamlet-opt %s -strip-debuginfo -tile-to-cpu | diff - %t.cpu
// PTX says which op an instruction came from, by the file and line of the op, or by its name. Code of a CPU does not
// depend on it.

// No sections of debug information, and the kernels of one module share one list of files.
// CHECK: .target sm_80{{$}}
// CHECK-DAG: .file{{[[:blank:]]+}}[[$NAMED:[0-9]+]] "layers.3.o_proj"
// CHECK-DAG: .file{{[[:blank:]]+}}[[$PLACED:[0-9]+]] "graph.mlir"
// CHECK-LABEL: .entry named
// CHECK: .loc{{[[:blank:]]+}}[[$NAMED]] 1 1
// CHECK-LABEL: .entry placed
// CHECK: .loc{{[[:blank:]]+}}[[$PLACED]] 17 5
// CHECK-NOT: .section

// The view says 128, the buffer has 100.
// NAME: layers.3.o_proj:1
func.func @named(%x: !tile.ptr<f32>, %y: !tile.ptr<f32>) attributes {tile.kernel} {
  %c0 = arith.constant 0 : index
  %xv = tile.view %x[%c0] sizes [128] strides [1] : !tile.ptr<f32> -> !tile.desc<128xf32>
  %yv = tile.view %y[%c0] sizes [128] strides [1] : !tile.ptr<f32> -> !tile.desc<128xf32>
  %t = tile.load %xv[%c0] : !tile.desc<128xf32> -> tensor<128xf32> loc("layers.3.o_proj")
  tile.store %t, %yv[%c0] : tensor<128xf32>, !tile.desc<128xf32> loc("layers.4.norm")
  return
}

// PLACE: graph.mlir:17
func.func @placed(%x: !tile.ptr<f32>, %y: !tile.ptr<f32>) attributes {tile.kernel} {
  %c0 = arith.constant 0 : index
  %xv = tile.view %x[%c0] sizes [128] strides [1] : !tile.ptr<f32> -> !tile.desc<128xf32>
  %yv = tile.view %y[%c0] sizes [128] strides [1] : !tile.ptr<f32> -> !tile.desc<128xf32>
  %t = tile.load %xv[%c0] : !tile.desc<128xf32> -> tensor<128xf32> loc("norm"("/home/someone/graph.mlir":16:3))
  tile.store %t, %yv[%c0] : tensor<128xf32>, !tile.desc<128xf32> loc("norm"("/home/someone/graph.mlir":17:5))
  return
}
