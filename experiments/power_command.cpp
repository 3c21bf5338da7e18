#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/base/simd.hpp"
#include "engine/power/metered_jobs.hpp"
#include "engine/run/processors.hpp"
#include "engine/training/jobs.hpp"
#include "experiments/chosen_trial.hpp"
#include "experiments/command.hpp"
#include "experiments/study_options.hpp"
#include "topologies/table.hpp"

namespace lockstep {
namespace {

namespace po = boost::program_options;

/// Power at the site's meter over the recorded steps of a trial [W].
std::vector<double> trace_of(const Jobs& jobs, const MeteredFleet& fleet, std::uint32_t trial) {
  const Execution how = default_threads();
  std::vector<std::unique_ptr<PowerMeter>> meters;
  std::vector<const PowerMeter*> seen;
  std::vector<TrainedJob> trained;
  for (std::size_t j = 0; j < jobs.all().size(); ++j) {
    seen.push_back(meters.emplace_back(fleet.meter(j)).get());
    StepObserver* const looking[] = {meters.back().get()};
    trained.push_back(train(*jobs.all()[j], trial, how, looking));
  }
  return fleet.trace(trained, seen).watts;
}

void print_spectrum(const std::vector<double>& trace, double resolution) {
  const Spectrum spectrum(trace, resolution);
  fmt::print("frequency_Hz,density_W2_per_Hz\n");
  for (std::size_t k = 0; k < spectrum.density().size(); ++k)
    fmt::print("{:.9g},{:.9g}\n", static_cast<double>(k) * spectrum.spacing(),
               spectrum.density()[k]);
}

int run(const std::vector<std::string>& arguments) {
  po::options_description options = study_options();
  po::options_description choosing = trial_options("The trace");
  choosing.add_options()("spectrum", po::bool_switch(),
                         "print frequency_Hz,density_W2_per_Hz, not time_s,power_W");
  options.add(choosing);
  const auto map = parse_arguments(power_command, arguments, options, "study", 1);
  if (map.empty()) return done;
  simd_level();  // an unusable LOCKSTEP_SIMD is no fault of the study
  const ChosenTrial chosen = chosen_trial(map);
  static constexpr const Capability* power[] = {&power_capability};
  const Jobs jobs(chosen.values, topology_kinds(), power, chosen.study.seed);
  if (!jobs.capabilities().front().prepared)
    throw InputError(fmt::format(
        "{} meters no power (its power.meter is off) write for example --set power.meter=on",
        chosen.study.path));
  const auto& metered = static_cast<const MeteredJobs&>(*jobs.capabilities().front().prepared);
  const double resolution = metered.power().resolution;
  const std::vector<double> trace = trace_of(jobs, metered.fleet(), chosen.trial);
  if (map["spectrum"].as<bool>()) {
    print_spectrum(trace, resolution);
    return done;
  }
  fmt::print("time_s,power_W\n");
  for (std::size_t b = 0; b < trace.size(); ++b)
    fmt::print("{:.9g},{:.9g}\n", static_cast<double>(b) * resolution, trace[b]);
  return done;
}

}  // namespace

const Command power_command{
    "power", "STUDY.ini|FILE.h5 [--point N] [--trial N] [--spectrum] [options]",
    "Prints the fleet's power over the recorded steps of one trial as CSV.", run};

}  // namespace lockstep
