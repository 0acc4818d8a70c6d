// hamlet-ptx: executes and checks kernels of a PTX file without a GPU.
#include "tools/hamlet-ptx/Commands.h"

#include "emulator/core/Types.h"

#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

int main(int argc, char **argv) {
  using namespace hamlet::ptx;
  try {
    Options options = parseOptions(argc, argv);
    if (options.help) {
      std::cout << usage();
      return 0;
    }
    std::ifstream in(options.file, std::ios::binary);
    if (!in) {
      std::cerr << "hamlet-ptx: " << options.file << ": cannot be opened\n";
      return 2;
    }
    std::ostringstream content;
    content << in.rdbuf();
    if (in.bad() || content.bad() ||
        std::filesystem::is_directory(options.file)) {
      std::cerr << "hamlet-ptx: " << options.file << ": cannot be read\n";
      return 2;
    }
    std::string text = content.str();
    try {
      return options.command == "run" ? run(options, text)
                                      : info(options, text);
    } catch (const hamlet::emu::PtxError &e) {
      std::cerr << "hamlet-ptx: " << options.file << ": " << e.what() << "\n";
      return 2;
    }
  } catch (const UsageError &e) {
    std::cerr << "hamlet-ptx: " << e.what() << "\n" << usage();
    return 2;
  } catch (const std::exception &e) {
    std::cerr << "hamlet-ptx: " << e.what() << "\n";
    return 2;
  }
}
