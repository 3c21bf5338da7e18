#include "engine/network/collective.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/base/error.hpp"

namespace lockstep {

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
