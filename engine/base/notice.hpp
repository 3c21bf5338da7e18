#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <utility>

namespace lockstep {

/// Effect: prints on standard error at once. What cannot be printed there is lost, and no failure:
/// nothing that a run is for may depend on its log.
template <class... Arguments>
void notice(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  const std::string text = fmt::format(format, std::forward<Arguments>(arguments)...);
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

}  // namespace lockstep
