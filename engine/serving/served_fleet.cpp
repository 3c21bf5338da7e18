#include "engine/serving/served_fleet.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/base/error.hpp"
#include "engine/base/parallel_for.hpp"
#include "engine/power/chip_power.hpp"
#include "engine/power/smoothing/chip_speed.hpp"
#include "engine/serving/fleet/cell_noise.hpp"
#include "engine/serving/replica/iteration_laws.hpp"
#include "engine/serving/requests/request_law.hpp"
#include "engine/training/jobs.hpp"

namespace lockstep {
namespace {

constexpr double least_completions = 2000, responses_due = 5, relaxations = 3;
constexpr double most_load = 4;        // of request_rate, as of serving.load
constexpr double most_requests = 1e9;  // of a trial
constexpr double none = std::numeric_limits<double>::quiet_NaN();

std::string seconds(double time) {
  return format_quantity(time, Dimension::time);
}

const RouterKind& router_of(const Serving& serving) {
  return *std::ranges::find(router_kinds(), std::string_view(serving.router), &RouterKind::name);
}

/// Caps, floors and fillers are those of a study that meters power.
Power power_of(const Values& values) {
  const Power power = power_from(values);
  return power.meters ? power : power.plain();
}

/// (generations) what cap and filler leave.
std::vector<double> speeds(const Power& power, const Fleet& fleet) {
  std::vector<double> all;
  for (const FleetGeneration& generation : fleet.generations)
    all.push_back(speed_left(power, generation.chip));
  return all;
}

std::vector<std::int64_t> chips_of(const std::vector<GenerationReplicas>& generations) {
  std::vector<std::int64_t> chips;
  for (const GenerationReplicas& generation : generations) chips.push_back(generation.chips);
  return chips;
}

}  // namespace

ServedFleet::ServedFleet(const Jobs& jobs)
    : scenario_(jobs.scenario()),
      serving_(serving_from(jobs.values())),
      power_(power_of(jobs.values())),
      law_(request_law(serving_)),
      means_(means_of(law_)),
      placement_(place(jobs.fleet(), jobs.scenario().seed)),
      links_(scenario_, jobs.values(), placement_, serving_.model.hidden),
      generations_(replicas_of(jobs.fleet(), serving_, means_, speeds(power_, jobs.fleet()),
                               [&](std::size_t generation, std::int64_t chips, std::int64_t most) {
                                 return links_.times(generation, chips, most);
                               })),
      cells_(jobs.fleet(), placement_, chips_of(generations_), serving_.cell),
      failures_(jobs, serving_.reload_time, chips_of(generations_)),
      relative_(relative_speeds(jobs.fleet(), placement_)),
      sampled_(std::min(serving_.sampled_cells, cells_.count())) {
  if (serving_.load && serving_.request_rate)
    throw InputError(
        "serving.load and serving.request_rate are both given (each says how many requests come) "
        "keep one");
  load_ = serving_.load ? *serving_.load : *serving_.request_rate / rated_requests();
  if (load_ > most_load)
    throw InputError(fmt::format(
        "serving.request_rate = {:.6g}/s ({:.4g} times what the fleet is rated for, of at most {}) "
        "lower it, or take a larger fleet.chips",
        *serving_.request_rate, load_, most_load));
  settings_ = {.router = &router_of(serving_),
               .signal_delay = ticks_of(serving_.signal_delay),
               .counts_own = serving_.counts_own,
               .admission_limit =
                   serving_.admission_limit.value_or(std::numeric_limits<std::int64_t>::max()),
               .restarts = !serving_.loses,
               .first_token_limit = serving_.first_token_limit,
               .token_limit = serving_.token_limit,
               .mean_input = means_.input,
               .mean_output = means_.output};
  set_times();
}

bool ServedFleet::links_reach(std::size_t generation) const {
  const FleetGeneration& of = scenario_.fleet.generations[generation];
  return is_roofline(serving_, of.chip) && links_.reach(generation, generations_[generation].chips);
}

double ServedFleet::rated_requests() const {
  double sum = 0;
  for (std::size_t g = 0; g < generations_.size(); ++g)
    sum += static_cast<double>(cells_.replicas(g)) * generations_[g].rated.requests;
  return sum;
}

/// Due are five mean response times without noise at this load, of the generation where they are
/// longest, and what 2,000 requests of a cell take. Left open, five of the requests that tokens
/// belong to, and three relaxation times, these at up to 0.9 of what a replica is rated for.
void ServedFleet::set_times() {
  double response = 0, settled = 0;
  const double mean_rate = rated_requests() / static_cast<double>(cells_.replicas());
  for (std::size_t g = 0; g < generations_.size(); ++g) {
    if (cells_.replicas(g) == 0) continue;
    const auto& sort = generations_[g].sort;
    const auto& rated = generations_[g].rated;
    const double own = load_ * (settings_.router->splits_alike ? mean_rate : rated.requests);
    const auto at = [&](double most) {
      return point_at(sort, means_, std::min(own, most * rated.requests));
    };
    response = std::max(response, at(1).time * means_.output);
    settled = std::max({settled, responses_due * at(1).time * means_.output_of_token,
                        relaxations * relaxation_time(sort, means_, at(0.9))});
  }
  const double flood = std::min(1.0, 1.2 / load_), sooner = flood * flood;
  const double cell_rate =
      std::min(1.0, load_) * rated_requests() / static_cast<double>(cells_.count());
  const double due = std::max(responses_due * response, least_completions / cell_rate);
  const auto time = [&](std::string_view key, const std::optional<double>& given) {
    if (given && *given < due)
      throw InputError(fmt::format(
          "{} = {} (five mean response times of {} and {} completions a cell are due) set "
          "serving.warmup_time and serving.window to {} or more, or to auto",
          key, seconds(*given), format_rounded(response, Dimension::time), least_completions,
          seconds(std::ceil(due))));
    const double chosen = given.value_or(std::ceil(std::max(due, settled * sooner)));
    if (chosen > longest_run && given)
      throw InputError(fmt::format("{} = {} (virtual clocks go to {}) take a shorter one", key,
                                   seconds(chosen), seconds(longest_run)));
    if (chosen > longest_run)
      throw InputError(fmt::format(
          "{} (five mean response times of {} and {} completions a cell take {}, virtual clocks go "
          "to {}) take more requests, shorter ones, or a larger serving.cell",
          serving_.load ? fmt::format("serving.load = {:.6g}", *serving_.load)
                        : "serving.request_rate = " +
                              format_quantity(*serving_.request_rate, Dimension::rate),
          format_rounded(response, Dimension::time), least_completions,
          format_rounded(chosen, Dimension::time), seconds(longest_run)));
    return ticks_of(chosen);
  };
  settings_.warmup = time("serving.warmup_time", serving_.warmup);
  settings_.window = time("serving.window", serving_.window);
  check_requests_of_trial();
}

void ServedFleet::check_requests_of_trial() const {
  const double factor = law_.profile.mean_factor(warmup() + window());
  if (load_ * factor > most_load)
    throw InputError(fmt::format(
        "serving.profile = {} ({:.4g} times what the fleet is rated for from serving.time_of_day "
        "on, of at most {}) lower its factors there, or the load",
        serving_.profile, load_ * factor, most_load));
  if (expected_requests() > most_requests)
    throw InputError(
        fmt::format("serving.window = {} ({:.1e} requests a trial, of at most {:.0e}) take a "
                    "shorter one, fewer "
                    "serving.sampled_cells or a smaller serving.cell",
                    seconds(window()), expected_requests(), most_requests));
}

double ServedFleet::expected_requests() const {
  const double time = warmup() + window();
  return load_ * rated_requests() / static_cast<double>(cells_.count()) *
         static_cast<double>(sampled_) * time * law_.profile.mean_factor(time);
}

CellResult ServedFleet::run_cell(std::uint32_t trial, std::int64_t sampled,
                                 const Execution& how) const {
  const std::int64_t first = sampled * cells_.count() / sampled_;
  const std::int64_t end = (sampled + 1) * cells_.count() / sampled_;
  const Stream choice{scenario_.seed, purpose::serving_cell, trial};
  const double u = choice.uniform(static_cast<std::uint64_t>(sampled), 0);
  const std::int64_t number =
      first + static_cast<std::int64_t>(u * static_cast<double>(end - first));
  const std::vector<ReplicaPlace> places = cells_.cell(number);

  const CellNoise noise(scenario_.fleet, scenario_.noise, relative_, scenario_.seed, trial);
  CellNoise::Course course = noise.of(places, warmup() + window());
  const std::vector<CellChange> failures = failures_.of(places, trial, warmup() + window());
  course.changes.insert(course.changes.end(), failures.begin(), failures.end());
  std::vector<bool> reached;
  for (std::size_t g = 0; g < generations_.size(); ++g) reached.push_back(links_reach(g));
  const ReplicaLinks::Course links = links_.of(places, reached, trial, warmup() + window(), how);
  course.changes.insert(course.changes.end(), links.changes.begin(), links.changes.end());
  std::ranges::stable_sort(course.changes, {}, &CellChange::time);

  std::vector<CellReplica> replicas;
  double rate = 0;
  for (std::size_t r = 0; r < places.size(); ++r) {
    const std::size_t g = places[r].generation;
    replicas.push_back({&generations_[g].sort, g, course.slowness[r], links.delays[r]});
    rate += load_ * generations_[g].rated.requests;
  }
  const auto cell = static_cast<std::uint32_t>(sampled);
  RequestSource source(law_, rate, scenario_.seed, trial, cell);
  return lockstep::run_cell(replicas, generations_.size(), course.changes, source, settings_,
                            {scenario_.seed, purpose::request_route, trial}, cell, how);
}

double ServedFleet::watts(const CellResult& all) const {
  double watts = 0;
  for (std::size_t g = 0; g < generations_.size(); ++g) {
    const FleetGeneration& generation = scenario_.fleet.generations[g];
    const ChipPower chip = supply_power(power_, generation.chip);
    const ReplicaUse& use = all.use[g];
    const double time = all.replicas[g] * all.window;
    const double of_replicas = use.computing * chip.compute +
                               (use.busy - use.computing) * chip.communication +
                               (time - use.busy - use.down) * chip.context + use.down * chip.idle;
    const double serves = static_cast<double>(cells_.chips(g));
    if (time > 0) watts += serves * of_replicas / time;
    watts += (static_cast<double>(generation.chips) - serves) * chip.idle;
  }
  return meter_factor(power_) * watts;
}

ServedTrial ServedFleet::result_of(std::span<const CellResult> cells) const {
  CellResult all = cells.front();
  ServedTrial trial;
  trial.overloaded = all.overloaded() ? 1 : 0;
  for (const CellResult& cell : cells.subspan(1)) {
    all.add(cell);
    if (cell.overloaded()) trial.overloaded = 1;
  }
  double rated_sampled = 0, rated_output = 0, time_all = 0, down = 0;
  std::int64_t preemptions = 0;
  for (std::size_t g = 0; g < generations_.size(); ++g) {
    const ReplicaUse& use = all.use[g];
    const double count = all.replicas[g], time = count * all.window;
    const double rated = generations_[g].rated.requests * means_.output;
    const auto made = static_cast<double>(use.tokens);
    const auto fleet = static_cast<double>(cells_.replicas(g));
    const auto each = [&](double value) { return count > 0 ? value / time : none; };
    // At most 1, but for rounding.
    const auto share = [&](double value) { return count > 0 ? std::min(1.0, value / time) : none; };
    trial.utilization.push_back(each(made / rated));
    trial.busy_share.push_back(share(use.busy));
    trial.output_rate_by_generation.push_back(each(made * fleet));
    trial.batch.push_back(each(use.sequences));
    trial.context_share.push_back(
        share(use.context / static_cast<double>(generations_[g].sort.context_tokens)));
    if (count > 0) trial.output_rate += made * fleet / time;
    rated_sampled += count * generations_[g].rated.requests;
    rated_output += fleet * rated;
    time_all += time;
    down += use.down;
    preemptions += use.preemptions;
  }
  // What the cells stand for, by rated capacity: cells differ by a replica.
  const double scale = rated_requests() / rated_sampled / all.window;
  const auto of_fleet = [&](std::int64_t count) { return scale * static_cast<double>(count); };
  trial.request_rate = of_fleet(all.completions);
  trial.input_rate = of_fleet(all.input_tokens);
  trial.goodput = of_fleet(all.good);
  trial.rated_share = trial.output_rate / rated_output;
  for (std::size_t i = 0; i < latency_levels.size(); ++i) {
    trial.first_token[i] = all.first_token.quantile(latency_levels[i].level);
    trial.per_token[i] = all.per_token.quantile(latency_levels[i].level);
  }
  const auto left = static_cast<double>(all.completions + all.losses);
  trial.lost = left > 0 ? static_cast<double>(all.losses) / left : 0;
  trial.preempted = all.completions > 0
                        ? static_cast<double>(preemptions) / static_cast<double>(all.completions)
                        : 0;
  trial.down = down / time_all;
  trial.power = watts(all);
  trial.tokens_per_joule = trial.output_rate / trial.power;
  trial.energy_per_token = trial.output_rate > 0 ? trial.power / trial.output_rate : none;
  return trial;
}

MetricValues ServedFleet::run_trial(const TrainedTrial& trial) const {
  std::vector<CellResult> results(static_cast<std::size_t>(sampled_));
  parallel_for(trial.how, sampled_, [&](std::int64_t i) {
    results[static_cast<std::size_t>(i)] = run_cell(trial.number, i, trial.how.with(1));
  });
  return values_of(serving_metrics(), result_of(results));
}

double ServedFleet::trial_cost() const {
  constexpr double of_request = 12000;  // 1.2 us
  return of_request * expected_requests();
}

std::string ServedFleet::choice() const {
  return fmt::format(
      "serving: {} of {} cells, {:.6g} of {} replicas", sampled_, cells_.count(),
      static_cast<double>(cells_.replicas() * sampled_) / static_cast<double>(cells_.count()),
      cells_.replicas());
}

}  // namespace lockstep
