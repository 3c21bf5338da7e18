#include <fmt/format.h>

#include <cmath>

#include "engine/base/error.hpp"
#include "engine/base/simd.hpp"
#include "engine/base/text/text.hpp"
#include "engine/reliability/long_runs.hpp"
#include "engine/run/processors.hpp"
#include "engine/training/jobs.hpp"
#include "experiments/chosen_trial.hpp"
#include "experiments/command.hpp"
#include "experiments/study_options.hpp"
#include "experiments/table.hpp"
#include "topologies/table.hpp"

namespace lockstep {
namespace {

namespace po = boost::program_options;

/// "3d 04:12:09.5", cut to tenths of a second.
std::string clock(double seconds) {
  const double tenths = std::floor(seconds * 10);
  const auto part = [&](double unit, double of) {
    return static_cast<int>(std::fmod(std::floor(tenths / unit), of));
  };
  return fmt::format("{}d {:02}:{:02}:{:02}.{}", part(864000, 1e9), part(36000, 24), part(600, 60),
                     part(10, 60), part(1, 10));
}

/// "place 12", "places 8-15".
std::string places(NodeSpan nodes) {
  return nodes.last == nodes.first + 1 ? fmt::format("place {}", nodes.first)
                                       : fmt::format("places {}-{}", nodes.first, nodes.last - 1);
}

std::string cause_text(const TimelineEvent& event) {
  const bool nowhere = event.nodes.first == event.nodes.last;
  std::string text(event.cause);
  if (!nowhere) text += ", " + places(event.nodes);
  if (event.more > 0) text += fmt::format(" and {} more", event.more);
  return text;
}

std::string action_text(const TimelineEvent& event, const LongRunJob& job) {
  using Effect = TimelineEvent::Effect;
  if (event.cause == repair_cause) return "back from repair, as a spare or in a place that waits";
  if (event.effect == Effect::none) return "no node was there";
  if (event.effect == Effect::delay)
    return event.delay > 0 ? fmt::format("messages wait {:.3g} s", event.delay)
                           : "no message waits";
  std::string text = "loses no work";
  if (event.effect == Effect::planned_stop)
    text = fmt::format("saves until {}", clock(event.stopped));
  else if (event.lost_work > 0)
    text = fmt::format("loses {} of work", format_duration(event.lost_work));
  if (event.missing_nodes == 0)
    text += event.nodes.first == event.nodes.last ? ", restarts with the same nodes"
                                                  : ", restarts with spares in place";
  else if (event.replicas < job.replicas)
    text += fmt::format(", restarts with {} of {} replicas", event.replicas, job.replicas);
  else
    text += fmt::format(", waits for {} until {}", counted(event.missing_nodes, "node"),
                        clock(event.complete));
  return text + fmt::format(", runs from {}", clock(event.running));
}

/// A line an event, and one at the horizon.
std::vector<std::vector<std::string>> lines_of(const PreparedLongRun& prepared, std::uint32_t trial,
                                               bool csv) {
  Timeline timeline;
  const Execution how = default_threads();
  const LongRun run =
      prepared.run(train(prepared.design_point(), trial, how), trial, how, &timeline);
  const auto time = [&](double seconds) {
    return csv ? fmt::format("{:.3f}", seconds) : clock(seconds);
  };
  std::vector<std::vector<std::string>> lines;
  for (const TimelineEvent& event : timeline)
    lines.push_back({time(event.time), cause_text(event), action_text(event, prepared.job())});
  lines.push_back({time(prepared.reliability().horizon), "horizon",
                   fmt::format("{:.0f} steps are done, goodput {:.2f} %, {:.0f} interruptions",
                               run.steps_done, 100 * run.goodput, run.interruptions)});
  return lines;
}

void print(const std::vector<std::vector<std::string>>& lines, bool csv) {
  if (!csv) {
    fmt::print("{}", format_table(lines));
    return;
  }
  const auto cell = [](const std::string& text) {
    return text.find(',') == std::string::npos ? text : '"' + text + '"';
  };
  for (const auto& line : lines) {
    std::vector<std::string> cells;
    for (const std::string& text : line) cells.push_back(cell(text));
    fmt::print("{}\n", fmt::join(cells, ","));
  }
}

int run(const std::vector<std::string>& arguments) {
  po::options_description options = study_options();
  po::options_description choosing = trial_options("The timeline");
  choosing.add_options()("csv", po::bool_switch(), "print time_s,cause,action as CSV");
  options.add(choosing);
  const auto map = parse_arguments(timeline_command, arguments, options, "study", 1);
  if (map.empty()) return done;
  simd_level();  // an unusable LOCKSTEP_SIMD is no fault of the study
  const auto [study, point, trial, values] = chosen_trial(map);
  static constexpr const Capability* long_run[] = {&reliability_capability};
  const Jobs jobs(values, topology_kinds(), long_run, study.seed);
  if (!jobs.capabilities().front().prepared)
    throw InputError(fmt::format(
        "{} follows no failures (its reliability.horizon is none, and a timeline is of a long run) "
        "write for example --set reliability.horizon=30d",
        study.path));
  const bool csv = map["csv"].as<bool>();
  std::vector<std::vector<std::string>> lines{{csv ? "time_s" : "time", "cause", "action"}};
  const bool several = jobs.all().size() > 1;  // side by side, one a generation
  if (several) lines.front().emplace_back("job");
  const auto& runs = static_cast<const LongRuns&>(*jobs.capabilities().front().prepared).all();
  for (std::size_t j = 0; j < runs.size(); ++j)
    for (auto& line : lines_of(runs[j], trial, csv)) {
      if (several) line.push_back(jobs.fleet().generations[j].chip.name);
      lines.push_back(std::move(line));
    }
  print(lines, csv);
  return done;
}

}  // namespace

const Command timeline_command{
    "timeline", "STUDY.ini|FILE.h5 [--point N] [--trial N] [options]",
    "Prints what one trial of one design point meets over its horizon, and what follows.", run};

}  // namespace lockstep
