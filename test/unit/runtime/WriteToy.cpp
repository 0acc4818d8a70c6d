// Writes the toy model's container and weights into a folder that exists, for
// tests that are not C++: HamletWriteToy FOLDER.
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
  if (status.ok())
    return 0;
  std::fprintf(stderr, "%s\n", status.message().c_str());
  return 1;
}
