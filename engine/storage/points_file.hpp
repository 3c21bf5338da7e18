#pragma once

#include <filesystem>

#include "engine/run/plan.hpp"
#include "engine/storage/identity.hpp"

namespace lockstep {

/// Throws InputError where no file can be written, or something is there already.
void check_points_path(const std::filesystem::path& path);

/// Effect: writes at `path`, durably, what planning found of all design points, so that shards need
/// not find it again: the header of the study's results, and what a trial of each design point
/// costs. Throws IoError.
void write_points_file(const std::filesystem::path& path, const PlannedPoints& points);

/// What write_points_file wrote. `ours`: of the study as it is here, a whole run. Throws
/// InputError, one line, where the file is of another study, seed or program, is damaged, or none
/// of this kind.
PlannedPoints read_points_file(const std::filesystem::path& path, const Identity& ours);

}  // namespace lockstep
