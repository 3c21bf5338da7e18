#include "topologies/wiring/rail_layout.hpp"

#include "topologies/wiring/switched_fabric.hpp"

namespace lockstep {

RailLayout rail_layout(const Layout& layout, std::int64_t group) {
  const std::int64_t rails = smallest_cluster(layout, group);
  const DomainClusters domains = domain_clusters(layout, group);
  RailLayout grid;
  grid.rails = rails;
  grid.clusters = 0;
  for (std::int32_t d = 0; d < domains.count(); ++d) grid.clusters += domains.size(d) / rails;
  grid.member.resize(static_cast<std::size_t>(grid.places()));
  grid.folded.assign(grid.member.size(), -1);
  std::int64_t cluster = 0;
  for (std::int32_t d = 0; d < domains.count(); ++d) {
    const std::int64_t size = domains.size(d), parts = size / rails;
    grid.splits |= parts > 1;
    for (std::int64_t part = 0; part < parts; ++part, ++cluster) {
      const std::int64_t first = part * size / parts, last = (part + 1) * size / parts;
      for (std::int64_t at = first; at < last; ++at) {
        const std::int64_t rail = (at - first) % rails;
        const auto place = static_cast<std::size_t>(rail * grid.clusters + cluster);
        (at - first < rails ? grid.member : grid.folded)[place] = domains.member(d, at);
        grid.folds |= at - first >= rails;
      }
    }
  }
  return grid;
}

double RailOperation::inside(const RailLayout& grid, double bytes) const {
  if (!grid.folds || laps() == 2) return bytes / static_cast<double>(grid.rails);
  const auto all = static_cast<double>(ranks), places = static_cast<double>(grid.places());
  return bytes * (all - 1) / all / (places - 1) * static_cast<double>(grid.clusters);
}

}  // namespace lockstep
