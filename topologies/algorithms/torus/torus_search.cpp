#include "topologies/algorithms/torus/torus_search.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <tuple>

#include "topologies/algorithms/torus/torus_collective.hpp"
#include "topologies/algorithms/torus/twisted/twisted_exchange.hpp"

namespace lockstep {
namespace {

/// The longest way to the next rank [s].
double send_time(const AskedOperation& call, const TorusDimensions& dimensions) {
  double latency = 0, rate = 0;
  for (const TorusDimension& dimension : dimensions) {
    if (dimension.side == 1) continue;
    latency += (dimension.ring ? 1 : static_cast<double>(dimension.side - 1)) * dimension.latency;
    rate = std::max(rate, dimension.rate);
  }
  return latency + call.bytes * rate;
}

/// No schedule takes less [s].
double bound(const AskedOperation& call, const TorusDimensions& dimensions) {
  double ranks = 1, through = 0, latency = 0, exchanged = 0;
  for (std::size_t d = 0; d < torus_dimensions; ++d) {
    const TorusDimension& dimension = dimensions[d];
    if (dimension.side == 1) continue;
    latency += static_cast<double>(dimension.side - 1) * dimension.latency;
    if (d == slice_dimension) continue;
    const auto side = static_cast<double>(dimension.side);
    exchanged = std::max(exchanged, (side - 1 / side) / (dimension.ring ? 8 : 4) * dimension.rate);
    ranks *= side;
    through += (dimension.ring ? 2 : 1) / dimension.rate;
  }
  if (call.operation == Operation::send) return send_time(call, dimensions);
  if (call.operation == Operation::all_to_all) return std::max(latency / 2, call.bytes * exchanged);
  const double passes = call.operation == Operation::all_reduce ? 2 : 1;
  const double carried = through > 0 ? (ranks - 1) / ranks * call.bytes / through : 0;
  return passes * std::max(latency, carried);
}

/// Whether TwistedExchange runs a call.
bool is_twisted_exchange(const AskedOperation& call, const TorusShape& shape,
                         const TorusDimensions& dimensions) {
  std::int64_t ranks = 1;
  for (std::size_t d = 0; d < 3; ++d) ranks *= dimensions[d].side;
  return shape.twisted && call.operation == Operation::all_to_all && ranks == shape.volume();
}

/// Noise-free, on the slowest chips' links [s].
double time_of(const AskedOperation& call, const TorusShape& shape,
               const TorusDimensions& dimensions, const TorusFabric& fabric) {
  return is_twisted_exchange(call, shape, dimensions)
             ? TwistedExchange::noise_free_time(shape, call.bytes, fabric)
             : TorusSchedule(call.operation, call.bytes, dimensions).noise_free_time();
}

/// What a step takes longer for calls of which each takes times[i] [s].
double exposed_time(std::span<const AskedOperation> calls, const std::vector<double>& times) {
  double exposed = 0;
  std::map<std::int32_t, double> beyond;  // what hides them, by its number
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const double all = calls[i].count * times[i];
    if (calls[i].behind < 0)
      exposed += all;
    else
      beyond.try_emplace(calls[i].behind, -calls[i].room).first->second += all;
  }
  for (const auto& [behind, time] : beyond) exposed += std::max(0.0, time);
  return exposed;
}

/// What tells candidates of one cost apart: dimensions in any order and the chips.
struct Key {
  std::vector<std::array<std::tuple<std::int64_t, double, double, bool>, 4>> calls;
  std::int64_t chips = 0;
  auto operator<=>(const Key&) const = default;
};

struct Candidate {
  double bound = 0;  ///< of the cost
  const TorusShape* shape = nullptr;
  std::vector<TorusDimensions> dimensions = {};  // (calls)
  Key key = {};
};

/// Of a step, a chip at work [s]; of operations alone, to which no chip brings work, their time.
double cost_of(const TorusShape& shape, double computing, double exposed) {
  return computing > 0 ? (computing + exposed) / static_cast<double>(shape.volume()) : exposed;
}

/// None where some group is no sub-torus.
std::optional<Candidate> look_at(const TorusShape& shape, const TorusFabric& fabric,
                                 std::span<const AskedOperation> calls, double computing) {
  Candidate candidate{.shape = &shape, .key = {{}, shape.volume()}};
  std::vector<double> bounds;
  for (const AskedOperation& call : calls) {
    const auto found = torus_dimensions_of(shape, call.groups, fabric);
    if (!found) return std::nullopt;
    const TorusDimensions& dimensions = candidate.dimensions.emplace_back(*found);
    bounds.push_back(is_twisted_exchange(call, shape, dimensions)
                         ? time_of(call, shape, dimensions, fabric)
                         : bound(call, dimensions));
    auto& key = candidate.key.calls.emplace_back();
    for (std::size_t d = 0; d < torus_dimensions; ++d)
      key[d] = {dimensions[d].side, dimensions[d].rate, dimensions[d].latency, dimensions[d].ring};
    std::sort(key.begin(), key.end() - 1);
  }
  candidate.bound = cost_of(shape, computing, exposed_time(calls, bounds));
  return candidate;
}

auto preference(const TorusShape& shape) {
  const Sides box = shape.box();
  return std::tuple{-shape.volume(), box[0] + box[1] + box[2],
                    shape.chips[0] + shape.chips[1] + shape.chips[2]};
}

}  // namespace

TorusChoice choose_torus(const std::vector<TorusShape>& candidates, const TorusFabric& fabric,
                         std::span<const AskedOperation> calls, double computing) {
  std::vector<Candidate> all;
  for (const TorusShape& shape : candidates)
    if (auto candidate = look_at(shape, fabric, calls, computing))
      all.push_back(std::move(*candidate));
  std::ranges::stable_sort(all, [](const Candidate& a, const Candidate& b) {
    return std::tuple{a.bound, preference(*a.shape)} < std::tuple{b.bound, preference(*b.shape)};
  });
  TorusChoice choice;
  choice.shape = candidates.front();  // where none suits all groups: who builds them says why
  choice.candidates = all.size();
  constexpr double never = std::numeric_limits<double>::infinity();
  choice.cost = choice.runner_up_cost = never;
  std::map<Key, double> known;
  const Key* chosen = nullptr;
  for (const Candidate& candidate : all) {
    if (candidate.bound > choice.runner_up_cost) break;
    const auto [place, is_new] = known.try_emplace(candidate.key, 0.0);
    if (std::vector<double> times; is_new) {
      for (std::size_t i = 0; i < calls.size(); ++i)
        times.push_back(time_of(calls[i], *candidate.shape, candidate.dimensions[i], fabric));
      place->second = cost_of(*candidate.shape, computing, exposed_time(calls, times));
    }
    const double cost = place->second;
    const auto better = [&](double than, const TorusShape& other) {
      return std::tuple{cost, preference(*candidate.shape)} < std::tuple{than, preference(other)};
    };
    if (chosen && candidate.key == *chosen) {
      if (better(choice.cost, choice.shape)) choice.shape = *candidate.shape;
    } else if (!chosen || better(choice.cost, choice.shape)) {
      if (chosen) choice.runner_up = choice.shape;
      choice.runner_up_cost = choice.cost;
      choice.shape = *candidate.shape;
      choice.cost = cost;
      chosen = &candidate.key;
    } else if (cost < choice.runner_up_cost) {
      choice.runner_up = *candidate.shape;
      choice.runner_up_cost = cost;
    }
  }
  return choice;
}

}  // namespace lockstep
