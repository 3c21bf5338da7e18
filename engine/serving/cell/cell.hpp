#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "engine/base/execution.hpp"
#include "engine/serving/cell/cell_result.hpp"
#include "engine/serving/replica/replica.hpp"
#include "engine/serving/requests/request_source.hpp"
#include "engine/serving/routers/router.hpp"

namespace lockstep {

namespace purpose {
inline constexpr Purpose request_route{54};
}  // namespace purpose

/// A replica of a cell as a trial begins.
struct CellReplica {
  const ReplicaSort* sort = nullptr;
  std::size_t generation = 0;
  double slowness = 1;
  LinkDelay links = {};
};

/// What happens to a replica beside its requests.
struct CellChange {
  enum class Kind { slowness, links, failure, restoration };
  Ticks time = 0;
  std::int32_t replica = 0;
  Kind kind = Kind::slowness;
  double slowness = 1;   ///< from now on, of that kind
  LinkDelay links = {};  ///< the same
};

/// How a cell is run.
struct CellSettings {
  const RouterKind* router = nullptr;
  Ticks warmup = 0, window = 0;
  Ticks signal_delay = 0;   ///< until a router sees that requests came to a replica, or left it
  bool counts_own = false;  ///< those that it sends there it sees at once
  std::int64_t admission_limit = std::numeric_limits<std::int64_t>::max();  ///< of a replica
  bool restarts = true;          ///< requests of a failed replica are routed anew, or are lost
  double first_token_limit = 0;  ///< of what counts as good [s]
  double token_limit = 0;        ///< [s]
  double mean_input = 0, mean_output = 1;  ///< that least_expected_wait expects
  std::int64_t longest_span = Replica::longest_span;
};

/// Sees requests as they leave, for tests.
class CellObserver {
 public:
  virtual ~CellObserver() = default;
  virtual void leaves(const Request& request, Ticks now, bool lost) = 0;
};

/// A cell of replicas behind one router, from empty to the end of the window. At the same instant
/// replicas come before changes, these before arrivals. Requests come in order from `source`,
/// changes in order of time. Draws: of purpose::request_route, entity (cell, request), a block an
/// attempt and one each time its replica's load changes.
/// Cost: some 0.5 us a request, more where the batch is small. Throws Interrupted.
CellResult run_cell(std::span<const CellReplica> replicas, std::size_t generations,
                    std::span<const CellChange> changes, RequestSource& source,
                    const CellSettings& settings, const Stream& routes, std::uint32_t cell,
                    const Execution& how, CellObserver* observer = nullptr);

}  // namespace lockstep
