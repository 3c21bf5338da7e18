#pragma once

#include "engine/network/collective.hpp"

namespace lockstep {

/// A collective that is its message graph and nothing more: enough to run a kind that has no
/// kernels yet, on a switched fabric, one NIC a chip. Time grows with the number of messages, some
/// 100 ns each; a kind that is to run at 100,000 ranks overrides begin_trial with kernels.
class GraphCollective : public Collective {
 public:
  explicit GraphCollective(const CollectiveRequest& request);
  int links_per_chip() const override { return 1; }
  std::int64_t groups_per_call() const override { return 1; }
  double cost_per_step(const Noise& noise) const override;
  double scalar_all_reduce_time() const override { return scalar_time_; }
  std::string choice() const override { return "message graph"; }
  bool extrapolated() const override { return false; }
  std::unique_ptr<CollectiveTrial> begin_trial(const LinkState& links) const override;

 protected:
  std::int64_t ranks() const { return ranks_; }
  double bytes() const { return bytes_; }

 private:
  std::int64_t ranks_, groups_;
  double bytes_, scalar_time_;
};

/// Evaluates a collective's message graph, what kernels are held against. `collective` must
/// outlive the trial.
std::unique_ptr<CollectiveTrial> make_graph_trial(const Collective& collective,
                                                  const LinkState& links);

}  // namespace lockstep
