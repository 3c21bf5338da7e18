#include "engine/run/plan_search/plan_price.hpp"

#include <algorithm>

#include "engine/job/memory.hpp"
#include "engine/training/jobs.hpp"

namespace lockstep {
namespace {

using Parts = std::vector<std::pair<std::string, double>>;

double time_of(const Parts& parts) {
  double time = 0;
  for (const auto& [name, seconds] : parts) time += seconds;
  return time;
}

Parts parts_of(const DesignPoint& job) {
  const QuietStep& quiet = job.quiet_step();
  const double often = 1 / static_cast<double>(job.scenario().job.sync_every);
  Parts parts{{"compute", quiet.compute}, {"bubble", quiet.bubble}};
  for (std::size_t p = 0; p < job.phases().size(); ++p) {
    const PlannedPhase& phase = job.phases()[p];
    const bool of_step = phase.is_of(Window::first_forward) || phase.is_of(Window::last_backward);
    parts.emplace_back(phase.phase->name, quiet.exposed[p] * (of_step ? often : 1));
  }
  parts.emplace_back("clipping", quiet.clipping * often);
  parts.emplace_back("optimizer", quiet.optimizer);
  return parts;
}

}  // namespace

std::optional<PricedPlan> price_plan(const ParallelPlan& plan, const Values& values,
                                     std::span<const TopologyKind* const> topologies,
                                     std::uint64_t seed, double& need) {
  const Jobs jobs(values, topologies, {}, seed);
  PricedPlan found{.plan = plan, .parts = {}, .choice = jobs.choice()};
  double rate = 0, peak = 0;
  for (const auto& job : jobs.all()) {
    const auto& microbatches = job->work().microbatches;
    const double memory = most_memory(job->scenario().job, job->layout().replicas,
                                      *std::max_element(microbatches.begin(), microbatches.end()))
                              .total();
    const auto& generations = job->scenario().fleet.generations;
    for (std::size_t g = 0; g < generations.size(); ++g)
      if (job->chips_by_generation()[g] > 0 && memory > generations[g].chip.hbm) {
        need = memory;
        return std::nullopt;
      }
    found.memory = std::max(found.memory, memory);
    found.idle_chips += job->layout().idle_chips;
    auto parts = parts_of(*job);
    const double time = time_of(parts);
    rate += job->work().flops / time;
    peak += job->scenario().fleet.peak();
    if (time <= found.step_time) continue;
    found.step_time = time;
    found.parts = std::move(parts);
  }
  found.mfu = rate / peak;
  return found;
}

}  // namespace lockstep
