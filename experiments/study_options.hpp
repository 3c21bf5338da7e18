#pragma once

#include <boost/program_options.hpp>
#include <filesystem>
#include <span>
#include <vector>

#include "engine/base/parameter.hpp"
#include "engine/run/plan.hpp"

namespace lockstep {

/// Every parameter of engine and topologies, in the order of help.
std::span<const Parameter> all_parameters();

/// The options that change a study: --set, --trials, --seed.
boost::program_options::options_description study_options();

/// What --set, --trials and --seed say, in that order. Throws InputError on a --set without key or
/// equals sign.
std::vector<StudyEntry> read_overrides(const boost::program_options::variables_map& options);

/// Reads, resolves and plans the study named by `options`, showing each design point to `visit`.
/// Throws InputError with all problems.
Plan load_plan(const boost::program_options::variables_map& options, const PointVisitor& visit);

/// The same with what `lockstep describe` found of the design points and wrote to `points`.
Plan load_plan(const boost::program_options::variables_map& options,
               const std::filesystem::path& points);

}  // namespace lockstep
