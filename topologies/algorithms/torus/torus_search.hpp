#pragma once

#include <optional>
#include <span>
#include <vector>

#include "engine/network/collective.hpp"
#include "topologies/algorithms/torus/torus_schedule.hpp"
#include "topologies/wiring/torus_links.hpp"
#include "topologies/wiring/torus_shape.hpp"

namespace lockstep {

/// A choice, and what was nearly chosen.
struct TorusChoice {
  TorusShape shape;
  double cost = 0;                      ///< of a step, a chip at work [s]
  std::optional<TorusShape> runner_up;  ///< of another cost or other sides
  double runner_up_cost = 0;
  std::size_t candidates = 0;
};

/// The candidate of the most throughput, of those on which all groups are sub-tori: the least
/// `computing` [s] plus the time that all `calls` without noise add to a step on the slowest chips'
/// links, as TorusSchedule has them, over its chips, so that no chip idles that costs less than it
/// brings; with nothing computed the least time; of equal ones the larger, then the one of the most
/// compact box. A bound that is cheap (no link carries more, no message is faster) sorts the
/// candidates, and only those whose bound could still win are scheduled. Cost: 0.1 us a candidate
/// and some ms a schedule.
TorusChoice choose_torus(const std::vector<TorusShape>& candidates, const TorusFabric& fabric,
                         std::span<const AskedOperation> calls, double computing);

}  // namespace lockstep
