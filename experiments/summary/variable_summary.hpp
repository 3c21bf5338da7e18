#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/storage/result_reader.hpp"
#include "experiments/summary/answers.hpp"

namespace lockstep {

/// Mean, p5, p50, p95, p99 and p99.9 of a variable with their 95 % intervals at each of the design
/// points: a row per point, or per point and generation or cause. Memory: the variable at one
/// design point.
Answers summarize_variable(const ResultFile& file, const Variable& variable,
                           std::span<const std::int64_t> points);

/// What stands under a table of estimates.
extern const std::string_view how_to_read;

/// The element of `items` with this name. Throws InputError "OPTION NAME (the file has no such
/// WHAT) did you mean NEAREST?", or lists the known ones.
std::size_t find_named(std::string_view option, std::string_view what, std::string_view name,
                       std::span<const std::string> known);

}  // namespace lockstep
