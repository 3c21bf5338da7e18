#pragma once

#include <boost/program_options.hpp>
#include <cstdint>

#include "engine/run/study/study.hpp"

namespace lockstep {

/// One trial of one design point of a study, to be run again.
struct ChosenTrial {
  Study study;
  std::size_t point = 0;
  std::uint32_t trial = 0;
  Values values;  ///< of the point, with what is uncertain as the trial draws it
};

/// --point and --trial, beside those of a study.
boost::program_options::options_description trial_options(const char* title);

/// Of a study, or of the study behind a result file, with the overrides that it was run with.
/// Throws InputError where that resolves to another one today, or no point or trial is so called.
ChosenTrial chosen_trial(const boost::program_options::variables_map& map);

}  // namespace lockstep
