#include "topologies/algorithms/tree/tree_trial.hpp"

#include <algorithm>
#include <array>

#include "topologies/algorithms/tree/tree_latest.hpp"
#include "topologies/algorithms/tree/tree_walk.hpp"

namespace lockstep {
namespace {

class DoubleTreeTrial final : public CollectiveTrial {
 public:
  DoubleTreeTrial(const TreePlan& plan, const LinkState& links) : plan_(plan) {
    for (const TreeRun& run : plan.runs)
      for (std::size_t t : {0u, 1u}) hops_.push_back(plan.costs(run, t, links));
  }

  void run(const MessageNoise& noise, std::int64_t first_group, std::int64_t last_group,
           const double* ready, double* finish, const Execution& /*how*/) const override {
    std::copy(ready + first_group * plan_.ranks,
              ready + std::min(last_group, plan_.groups) * plan_.ranks,
              finish + first_group * plan_.ranks);
    const TreeNumbering numbering = plan_.numbering();
    for (std::size_t r = 0; r < plan_.runs.size(); ++r) {
      const TreeRun& run = plan_.runs[r];
      const std::int64_t group = run.lanes.front().group;
      if (group >= first_group && group < last_group)
        walk_trees({.noise = noise,
                    .numbering = numbering,
                    .run = run,
                    .trees = plan_.shapes[run.shape],
                    .hops = hops_.data() + 2 * r,
                    .share_ports = plan_.share_ports()},
                   ready, plan_.base_latency, finish);
    }
  }

  /// A hop takes the same both ways, and against time the broadcast is a reduction, chunk by chunk
  /// and port by port: the longest chain from r to q is as long as from q to r.
  bool run_back(std::int64_t first_group, std::int64_t last_group, const double* after,
                double* cost) const override {
    run(MessageNoise{}, first_group, last_group, after, cost, 1);
    return true;
  }

  std::unique_ptr<LatestFinish> latest_finish(const double* after) const override {
    return make_tree_latest(plan_, hops_, *this, after);
  }

 private:
  const TreePlan& plan_;
  std::vector<TreeHops::Costs> hops_;  // (runs, 2)
};

}  // namespace

std::unique_ptr<CollectiveTrial> make_tree_trial(const TreePlan& plan, const LinkState& links) {
  return std::make_unique<DoubleTreeTrial>(plan, links);
}

}  // namespace lockstep
