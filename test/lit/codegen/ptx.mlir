// RUN: hamlet-opt %S/../kernels/linear.mlir -tile-to-ptx=chip=sm_80 -o /dev/null | FileCheck %s --check-prefix=LINEAR
// RUN: hamlet-opt %S/../kernels/norm.mlir -tile-to-ptx -o /dev/null | FileCheck %s --check-prefix=NORM
// RUN: hamlet-opt %S/../kernels/route.mlir -tile-to-ptx -o /dev/null | FileCheck %s --check-prefix=ROUTE
// RUN: hamlet-opt %S/../kernels/attention.mlir -tile-to-ptx -o /dev/null | FileCheck %s --check-prefix=ATTENTION
// RUN: hamlet-opt %S/../kernels/lightning.mlir -tile-to-ptx -o /dev/null | FileCheck %s --check-prefix=LIGHTNING
// RUN: hamlet-opt %S/../kernels/lightning.mlir -tile-to-nvvm=chip=sm_80 | FileCheck %s --check-prefix=NVVM

// f32: slices of both operands in shared memory, one fma a product.
// LINEAR: .target sm_80
// LINEAR: .extern .shared .align 16 .b8 hamlet_shared[]
// LINEAR-LABEL: .entry linear_silu_r8
// LINEAR: .reqntid 128
// LINEAR: st.shared
// LINEAR: bar.sync 0
// LINEAR: ld.shared
// LINEAR: fma.rn.f32
// LINEAR: div.rn.f32
// bf16, one row: still the tensor core, in 16 rows.
// LINEAR-LABEL: .entry linear_bf16_r1
// LINEAR: st.shared
// LINEAR: bar.sync 0
// LINEAR: mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32
// LINEAR-NOT: fma.rn.f32

// A row's sum is half a warp's: lanes 8, 4, 2 and 1 apart.
// NORM-LABEL: .entry rms_norm_r8
// NORM-NOT: shfl.sync.bfly.b32 {{.*}}, 16, 31, -1
// NORM: shfl.sync.bfly.b32 {{.*}}, 8, 31, -1
// NORM: shfl.sync.bfly.b32 {{.*}}, 1, 31, -1
// NORM: sqrt.rn.f32

// ROUTE-LABEL: .entry route_r8
// ROUTE: max.NaN.f32
// ROUTE: min.s32
// ROUTE-LABEL: .entry gather_scan

// No function is called: exp is written out.
// ATTENTION-LABEL: .entry attention_decode
// ATTENTION-NOT: call
// ATTENTION: ret;

// LIGHTNING-LABEL: .entry lightning_r64
// LIGHTNING: mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32
// LIGHTNING: fma.rn.f32

// NVVM: llvm.mlir.global external @hamlet_shared() {addr_space = 3 : i32
// NVVM: llvm.func @lightning_r64(%{{.*}}: !llvm.ptr<1>
// NVVM-SAME: nvvm.kernel
// NVVM-SAME: nvvm.reqntid = array<i32: 128>
// NVVM: nvvm.mma.sync
// NVVM-NOT: tile.
