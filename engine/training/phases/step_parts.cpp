#include "engine/training/phases/step_parts.hpp"

namespace lockstep {
namespace {

constexpr std::string_view compute = "compute", bubble = "bubble", clipping = "clipping",
                           optimizer = "optimizer";

StepPart whole(std::string_view name, double time) {
  return {.name = name, .time = time, .exposed = time};
}

}  // namespace

std::vector<StepPart> parts_of_step(const DesignPoint& point) {
  const QuietStep& quiet = point.quiet_step();
  std::vector<StepPart> parts{whole(compute, quiet.compute), whole(bubble, quiet.bubble)};
  for (std::size_t p = 0; p < point.phases().size(); ++p) {
    const PlannedPhase& planned = point.phases()[p];
    parts.push_back({.name = planned.phase->name,
                     .time = planned.calls * planned.noise_free_time,
                     .exposed = quiet.exposed[p],
                     .planned = &planned});
  }
  parts.push_back(whole(clipping, quiet.clipping));
  parts.push_back(whole(optimizer, quiet.optimizer));
  return parts;
}

std::vector<std::string> names_of_parts(std::span<const Phase> table) {
  std::vector<std::string> names{std::string(compute), std::string(bubble)};
  for (const Phase& phase : table) names.emplace_back(phase.name);
  names.insert(names.end(), {std::string(clipping), std::string(optimizer)});
  return names;
}

}  // namespace lockstep
