#include "engine/reliability/members/members.hpp"

#include <algorithm>
#include <cmath>

namespace lockstep {
namespace {

/// Share by which the gate may move before steps are simulated anew.
constexpr double near = 1e-3;

StepResult simulate(const DesignPoint& point, std::uint32_t trial, const Execution& how,
                    TrialChips chips) {
  return mean_step(TrainingSteps(point, trial, how, std::move(chips)).run());
}

}  // namespace

void Members::Largest::update(std::size_t i) {
  if (values_[i] >= value_) {
    at_ = i;
    value_ = values_[i];
  } else if (i == at_) {
    find();
  }
}

void Members::Largest::find() {
  if (values_.empty()) return;
  const auto largest = std::max_element(values_.begin(), values_.end());
  at_ = static_cast<std::size_t>(largest - values_.begin());
  value_ = *largest;
}

bool Members::Gate::is_near(const Gate& other) const {
  return std::abs(compute - other.compute) <= near * other.compute &&
         std::abs(link - other.link) <= near * other.link;
}

Members::Members(const PreparedLongRun& run, std::uint32_t trial, const Execution& how,
                 TrialChips chips, const StepResult& step)
    : run_(run),
      point_(run.design_point()),
      trial_(trial),
      how_(how),
      chips_(std::move(chips)),
      step_(step),
      compute_([&] {
        std::vector<double> all;
        for (std::int64_t replica = 0; replica < point_.layout().replicas; ++replica)
          all.push_back(compute(replica));
        return all;
      }()),
      slowest_(compute_),
      slowest_link_(chips_.link_factor),
      simulated_(gate()),
      occupant_(static_cast<std::size_t>(run.nodes().count())) {}

void Members::replace(std::int64_t first, std::int64_t last, bool spare) {
  const Layout& layout = point_.layout();
  const auto positions = run_.nodes().chips(first, last);
  const auto& spare_chip = run_.reliability().spare_chip;
  replace_chips(point_, trial_, positions, ++occupant_[static_cast<std::size_t>(first)],
                spare ? &*spare_chip : nullptr, chips_);
  std::vector<std::int64_t> changed;  // the first replicas of those that share tensor groups
  for (std::int32_t chip : positions) {
    changed.push_back(chip % layout.replicas / layout.coupled * layout.coupled);
    for (auto link = static_cast<std::size_t>(chip); link < chips_.link_factor.size();
         link += chips_.compute.size())
      slowest_link_.update(link);
  }
  std::ranges::sort(changed);  // a plane holds many stages of each
  changed.erase(std::unique(changed.begin(), changed.end()), changed.end());
  for (const std::int64_t first_replica : changed)
    for (std::int64_t r = first_replica; r < first_replica + layout.coupled; ++r) {
      compute_[static_cast<std::size_t>(r)] = compute(r);
      slowest_.update(static_cast<std::size_t>(r));
    }
}

/// Once for all nodes that come together.
const StepResult& Members::step() {
  if (const Gate now = gate(); !now.is_near(simulated_)) {
    step_ = simulate(point_, trial_, how_, chips_);
    simulated_ = now;
  }
  return step_;
}

double Members::slowdown(std::int64_t replicas) {
  return run_.slowdowns().of(replicas, how_);
}

std::vector<std::int64_t> Members::new_stragglers() {
  std::vector<std::int64_t> nodes;
  for (std::int32_t chip : chips_.stragglers) nodes.push_back(run_.nodes().of_chip(chip));
  chips_.stragglers.clear();
  std::sort(nodes.begin(), nodes.end());
  nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
  return nodes;
}

/// What the pace takes from a replica [s].
double Members::compute(std::int64_t replica) const {
  std::vector<double> stages;
  for (std::int64_t stage = 0; stage < point_.layout().pipeline; ++stage)
    stages.push_back(lasting_time(point_, stage, replica, chips_));
  return point_.pipeline_bound(replica, stages);
}

}  // namespace lockstep
