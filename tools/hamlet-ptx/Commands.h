// The two commands; both return the exit status.
#pragma once

#include "tools/hamlet-ptx/Options.h"

namespace hamlet::ptx {
int run(const Options &options, const std::string &text);
int info(const Options &options, const std::string &text);
} // namespace hamlet::ptx
