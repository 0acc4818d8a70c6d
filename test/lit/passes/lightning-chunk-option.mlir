// RUN: not hamlet-opt %s -lightning-chunk=chunk=0 2>&1 | FileCheck %s
// CHECK: lightning-chunk: expected a chunk of at least 1 token, got 0
module {}
