#pragma once

#include <string>
#include <vector>

#include "engine/run/study/study.hpp"

namespace lockstep {

/// Which draw each distribution of the study is, of those that the user wrote: sentences for those
/// that are drawn for each of many (Parameter::each), with how to write the other.
std::vector<std::string> drawn_settings(const Study& study);

}  // namespace lockstep
