//===- WriteToy.cpp -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Writes the toy model's container and weights into a folder that exists, for
// tests that are not C++: HamletWriteToy FOLDER. Also `seed.hmlt`, without
// code, of which test/fuzz/seeds/hmlt has a copy.
#include "test/unit/runtime/ToyModel.h"

#include <cstdio>

int main(int argc, char **argv) {
  if (argc != 2)
    return 2;
  std::string folder = argv[1];
  hamlet::hmlt::ContainerT file = hamlet::test::toyContainer();
  hamlet::Status status = hamlet::writeContainer(file, folder + "/toy.hmlt");
  if (status.ok())
    status = hamlet::test::writeToyWeights(folder);
  for (auto &image : file.images)
    image->bytes.resize(64);
  if (status.ok())
    status = hamlet::writeContainer(file, folder + "/seed.hmlt");
  if (status.ok())
    return 0;
  std::fprintf(stderr, "%s\n", status.message().c_str());
  return 1;
}
