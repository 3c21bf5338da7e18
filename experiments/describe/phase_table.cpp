#include "experiments/describe/phase_table.hpp"

#include <fmt/format.h>

#include "engine/base/text/text.hpp"
#include "engine/training/phases/step_parts.hpp"
#include "experiments/table.hpp"

namespace lockstep {
namespace {

using Row = std::vector<std::string>;

std::string share_of(double part, double step) {
  return fmt::format("{:.2f}", 100 * part / step);
}

/// A line of what is no phase.
Row whole_row(std::string_view name, double time, double step) {
  return {std::string(name), "", "", "", "", "", format_value(time), share_of(time, step)};
}

Row phase_row(const StepPart& part, double step) {
  const PlannedPhase& planned = *part.planned;
  const double hidden = part.time - part.exposed;
  return {std::string(part.name),
          fmt::format("{} {}", name_of(planned.phase->group), planned.groups.ranks),
          format_bytes(planned.bytes),
          fmt::format("{:.6g}", planned.calls),
          planned.free ? "free" : format_value(planned.noise_free_time),
          format_value(hidden > 1e-9 * part.time ? hidden : 0),  // beyond rounding
          format_value(part.exposed),
          share_of(part.exposed, step)};
}

std::string table_of(const DesignPoint& job) {
  const double step = job.quiet_step().time();
  std::vector<Row> rows{{"part of a step", "group", "buffer", "calls", "s a call", "s hidden",
                         "s exposed", "% of step"}};
  for (const StepPart& part : parts_of_step(job))
    rows.push_back(part.planned ? phase_row(part, step) : whole_row(part.name, part.exposed, step));
  rows.push_back(whole_row("step without noise", step, step));
  return format_table(rows);
}

}  // namespace

void PhaseTable::look_at(const Jobs& jobs) {
  if (++points_ > most_shown) return;
  std::string& text = tables_.emplace_back();
  for (const auto& job : jobs.all()) {
    if (jobs.all().size() > 1)
      text += jobs.fleet().generations[job->scenario().job_number].chip.name + "\n";
    text += table_of(*job);
  }
}

std::string PhaseTable::text(const std::vector<Axis>& axes) const {
  std::string all;
  for (std::size_t p = 0; p < tables_.size(); ++p) {
    const std::vector<std::string> labels = labels_of(axes, static_cast<std::int64_t>(p));
    std::vector<std::string> at;
    for (std::size_t a = 0; a < axes.size(); ++a)
      at.push_back(fmt::format("{} = {}", axes[a].key, labels[a]));
    if (points_ > 1) all += fmt::format("{}\n", fmt::join(at, ", "));
    all += tables_[p] + "\n";
  }
  if (points_ > tables_.size())
    all += fmt::format(
        "The parts of a step of {} are not shown.\n\n",
        counted(static_cast<std::int64_t>(points_ - tables_.size()), "more design point"));
  return all;
}

}  // namespace lockstep
