#include "engine/storage/points_file.hpp"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "engine/base/error.hpp"
#include "engine/storage/files/durable_file.hpp"
#include "engine/storage/files/output_path.hpp"
#include "engine/storage/result_layout.hpp"
#include "engine/storage/schema_reader.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

constexpr const char* cost_variable = "trial_cost";

}  // namespace

void check_points_path(const fs::path& path) {
  check_output(path, "--points");
  std::error_code ignored;
  if (fs::exists(path, ignored))
    throw InputError(fmt::format(
        "{} exists (nothing is overwritten) remove it, or choose another --points", path.string()));
}

void write_points_file(const fs::path& path, const PlannedPoints& points) {
  // Costs are whole numbers that came from doubles.
  ResultSchema schema = points.schema;
  schema.point_variables.push_back({cost_variable,
                                    {},
                                    "1",
                                    "of one trial, by which blocks are dealt to shards",
                                    {points.trial_costs.begin(), points.trial_costs.end()},
                                    {}});
  write_durably(path, points_image(schema));
}

PlannedPoints read_points_file(const fs::path& path, const Identity& ours) {
  constexpr std::string_view kinds[] = {"points"};
  OpenedFile opened = open_result(path, {kinds, "lockstep describe --points"});
  Identity theirs = identity_of(opened.schema, {});
  theirs.schema_version = opened.schema_version;
  if (const std::string text = difference(theirs, ours); !text.empty())
    throw InputError(
        fmt::format("--points {} is of another study or program ({}) remove it and write it again "
                    "with lockstep describe --points",
                    path.string(), text));
  std::vector<PointVariable>& variables = opened.schema.point_variables;
  if (variables.empty() || variables.back().name != cost_variable)
    refuse_damaged(path, "it has no costs of trials");
  PlannedPoints points;
  for (const double cost : variables.back().numbers) {
    if (!(cost >= 1 && cost < 0x1p63)) refuse_damaged(path, "it has no such costs of trials");
    points.trial_costs.push_back(static_cast<std::int64_t>(cost));
  }
  variables.pop_back();
  points.schema = std::move(opened.schema);
  return points;
}

}  // namespace lockstep
