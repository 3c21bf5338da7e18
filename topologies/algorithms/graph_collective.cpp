#include "topologies/algorithms/graph_collective.hpp"

#include <algorithm>
#include <vector>

#include "topologies/wiring/switched_fabric.hpp"

namespace lockstep {
namespace {

class GraphTrial final : public CollectiveTrial {
 public:
  GraphTrial(const Collective& collective, const LinkState& links)
      : collective_(collective),
        link_(links.link.begin(), links.link.end()),
        tier_(links.tier.begin(), links.tier.end()) {}

  void run(const MessageNoise& noise, std::int64_t first_group, std::int64_t last_group,
           const double* ready, double* finish, const Execution& /*how*/) const override {
    const std::int64_t messages = collective_.messages_per_group();
    std::vector<double> delay;
    for (std::int64_t group = first_group; group < last_group; ++group) {
      delay.assign(static_cast<std::size_t>(messages), 0.0);
      SpikeSequence spikes(noise, group, messages);
      add_row_noise(noise, spikes, group, 0, delay);
      const MessageGraph graph = collective_.graph(group, {link_, tier_});
      const auto finished = graph.evaluate(
          {ready + group * graph.ranks, static_cast<std::size_t>(graph.ranks)},
          [&](std::int64_t number) { return delay[static_cast<std::size_t>(number)]; });
      std::copy(finished.begin(), finished.end(), finish + group * graph.ranks);
    }
  }

 private:
  const Collective& collective_;
  std::vector<double> link_, tier_;
};

}  // namespace

GraphCollective::GraphCollective(const CollectiveRequest& request)
    : ranks_(request.layout.replicas),
      groups_(request.layout.groups()),
      bytes_(request.bytes),
      scalar_time_(scalar_tree_time(request)) {}

double GraphCollective::cost_per_step(const Noise& noise) const {
  constexpr double message_cost = 1000;  // 0.1 ns
  return static_cast<double>(groups_ * messages_per_group()) *
         (message_cost + (noise.hop_jitter.is_none() ? 0 : jittered_message_cost));
}

std::unique_ptr<CollectiveTrial> GraphCollective::begin_trial(const LinkState& links) const {
  return make_graph_trial(*this, links);
}

std::unique_ptr<CollectiveTrial> make_graph_trial(const Collective& collective,
                                                  const LinkState& links) {
  return std::make_unique<GraphTrial>(collective, links);
}

}  // namespace lockstep
