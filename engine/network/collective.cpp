#include "engine/network/collective.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/base/error.hpp"

namespace lockstep {

std::vector<std::int64_t> Collective::slowed_groups(std::span<const double> link,
                                                    std::int64_t ranks) const {
  std::vector<std::int64_t> groups;
  const auto row = static_cast<std::size_t>(ranks);
  for (std::size_t first = 0; first < link.size(); first += row)
    if (std::ranges::any_of(link.subspan(first, row), [](double factor) { return factor != 1; }))
      groups.push_back(static_cast<std::int64_t>(first / row));
  return groups;
}

const TopologyKind& runner_of(const TopologyKind& kind, Operation operation) {
  const auto has = [&](const TopologyKind& k) {
    return std::find(k.operations.begin(), k.operations.end(), operation) != k.operations.end();
  };
  for (const TopologyKind* runner = &kind; runner; runner = runner->stand_in)
    if (has(*runner)) return *runner;
  throw InputError(
      fmt::format("topology.kind = {} (it has no {}, and nothing stands in) choose "
                  "another",
                  kind.name, name_of(operation)));
}

std::unique_ptr<Collective> collective_on(const TopologyKind& kind,
                                          const CollectiveRequest& request) {
  return runner_of(kind, request.operation).make(request);
}

}  // namespace lockstep
