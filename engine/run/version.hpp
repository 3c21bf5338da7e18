#pragma once

#include <string>

namespace lockstep {

std::string program_version();  ///< "0.3.0"
std::string git_commit();       ///< of the sources built, "unknown" outside a checkout

}  // namespace lockstep
