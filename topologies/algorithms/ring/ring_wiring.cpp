#include "topologies/algorithms/ring/ring_wiring.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace lockstep {

RingWiring::RingWiring(const CollectiveRequest& request)
    : ranks_(request.layout.replicas),
      groups_(request.layout.groups()),
      channels_(resolve_channels(request)),
      first_ring_{0} {
  for (std::int64_t channels : channels_) first_ring_.push_back(first_ring_.back() + channels);
  lay_out(request.layout);
  wire_up(request);
}

void RingWiring::lay_out(const Layout& layout) {
  order_.reserve(static_cast<std::size_t>(rings() * ranks_));
  for (std::int64_t group = 0; group < groups_; ++group) {
    const DomainClusters clusters = domain_clusters(layout, group);
    for (std::int64_t channel = 0; channel < channels(group); ++channel)
      for (std::int32_t c = 0; c < clusters.count(); ++c)
        for (std::int32_t place = 0; place < clusters.size(c); ++place)
          order_.push_back(clusters.member(c, place + channel));
  }
}

void RingWiring::wire_up(const CollectiveRequest& request) {
  FlowWires hops = wires_of(request, [&](const auto& show) {
    for (std::int64_t group = 0; group < groups_; ++group)
      for (std::int64_t channel = 0; channel < channels(group); ++channel) {
        std::int32_t before = chip(group, channel, ranks_ - 1);
        for (std::int64_t i = 0; i < ranks_; ++i) {
          const std::int32_t here = chip(group, channel, i);
          show({before, here, static_cast<double>(channels(group))});
          before = here;
        }
      }
  });
  wires_ = std::move(hops.kinds);
  std::map<std::vector<std::int32_t>, std::size_t> known;
  for (auto first = hops.kind.begin(); first != hops.kind.end(); first += ranks_) {
    const auto place = known.try_emplace({first, first + ranks_}, known.size()).first;
    pattern_of_.push_back(place->second);
  }
  patterns_.resize(known.size());
  while (!known.empty()) {
    auto one = known.extract(known.begin());
    patterns_[one.mapped()] = std::move(one.key());
  }
}

}  // namespace lockstep
