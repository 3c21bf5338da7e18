#include "engine/run/version.hpp"

namespace lockstep {

std::string program_version() {
  return LOCKSTEP_VERSION;
}
std::string git_commit() {
  return LOCKSTEP_GIT_COMMIT;
}

}  // namespace lockstep
