// Where the program is that holds a run's processes together as their last parent.
#pragma once

#include <string>
#include <vector>

#include "os/fd.h"

namespace skillscale {

// Beside this program, or in ../libexec/skillscale as it is installed. Empty: it is not there.
std::string find_run_shim();

// The command line that makes `shim` run `program` with `argv`. `order_fd`: the reading end of
// a pipe, passed on under its own number, whose end is the order to kill the run.
std::vector<std::string> shim_command_line(const std::string& shim, int order_fd, const std::string& program,
                                           const std::vector<std::string>& argv);

}  // namespace skillscale
