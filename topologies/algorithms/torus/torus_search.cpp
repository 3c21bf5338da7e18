#include "topologies/algorithms/torus/torus_search.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <tuple>

#include "engine/base/error.hpp"
#include "topologies/algorithms/torus/torus_collective.hpp"
#include "topologies/algorithms/torus/twisted_exchange.hpp"

namespace lockstep {
namespace {

constexpr double least_used = 0.97;  // of the chips that could be; assumption

/// Calls take(box) for every box of `chips` chips that divides the sides.
template <class Take>
void for_boxes(const Sides& sides, std::int64_t chips, const Take& take) {
  for (std::int64_t x = 1; x <= std::min(sides[0], chips); ++x) {
    if (chips % x != 0 || sides[0] % x != 0) continue;
    const std::int64_t rest = chips / x;
    for (std::int64_t y = 1; y <= std::min(sides[1], rest); ++y)
      if (rest % y == 0 && sides[1] % y == 0 && sides[2] % (rest / y) == 0)
        take(Sides{x, y, rest / y});
  }
}

/// Calls take(sides) for tori of cubes of side `unit` with `least` to `most` chips, in one order
/// of the sides or in all.
template <class Take>
void for_sides(std::int64_t unit, std::int64_t least, std::int64_t most, bool all_orders,
               const Take& take) {
  for (std::int64_t x = unit; x * unit * unit <= most; x += unit)
    for (std::int64_t y = all_orders ? unit : x; x * y * unit <= most; y += unit) {
      const std::int64_t area = x * y, enough = (least + area - 1) / area;
      const std::int64_t first = std::max(all_orders ? unit : y, (enough + unit - 1) / unit * unit);
      for (std::int64_t z = first; area * z <= most; z += unit) take(Sides{x, y, z});
    }
}

void add_boxes(const Sides& sides, const TorusQuestion& question,
               std::vector<TorusShape>& candidates) {
  if (question.wiring.twisted && !can_be_twisted(sides)) return;
  const std::size_t before = candidates.size();
  if (question.mapping) {
    if (const auto shape = question.mapping->box(sides, question.tensor, question.pipeline))
      candidates.push_back(*shape);
  } else {
    for_boxes(sides, question.tensor * question.pipeline, [&](const Sides& box) {
      TorusShape shape{.chips = sides};
      fill_box(box, question.tensor, shape);
      candidates.push_back(shape);
      if (!question.all_ways) return;
      const TorusShape filled = shape;
      for_boxes(box, question.tensor, [&](const Sides& tensor) {
        if (tensor == filled.tensor) return;
        shape.tensor = tensor;
        for (std::size_t d = 0; d < 3; ++d) shape.pipeline[d] = box[d] / tensor[d];
        candidates.push_back(shape);
      });
    });
  }
  for (std::size_t i = before; i < candidates.size(); ++i) {
    candidates[i].slices = *question.slices;
    question.wiring.connect(candidates[i]);
  }
}

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

/// Of a step of so long, a chip at work [s].
double cost_of(const TorusShape& shape, double step) {
  return step / static_cast<double>(shape.volume());
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
  candidate.bound = cost_of(shape, computing + exposed_time(calls, bounds));
  return candidate;
}

auto preference(const TorusShape& shape) {
  const Sides box = shape.box();
  return std::tuple{-shape.volume(), box[0] + box[1] + box[2],
                    shape.chips[0] + shape.chips[1] + shape.chips[2]};
}

}  // namespace

bool TorusWiring::is_legal(Sides sides) const {
  if (legal.empty()) return true;
  if (optical && std::ranges::all_of(sides, [](auto side) { return side % torus_cube_side == 0; }))
    return true;
  std::ranges::sort(sides);
  return std::ranges::any_of(legal, [&](Sides shape) {
    std::ranges::sort(shape);
    return shape == sides;
  });
}

std::string TorusWiring::legal_text() const {
  std::string text = "tori of these chips are ";
  for (const Sides& shape : legal)
    text += fmt::format("{}{}", &shape == legal.data() ? "" : ", ", fmt::join(shape, "x"));
  return text + (optical ? " or whole cubes of 4x4x4" : "");
}

void TorusWiring::connect(TorusShape& shape) const {
  if (optical) {
    shape.ring.fill(shape.of_whole_cubes());
    shape.repatched = repatched && shape.of_whole_cubes();
    shape.twisted = twisted;
    if (twisted)
      for (std::size_t d = 0; d < 3; ++d)
        shape.ring[d] = shape.chips[d] > std::ranges::min(shape.chips);
  } else if (machine) {
    for (std::size_t d = 0; d < 3; ++d) {
      if (shape.chips[d] > (*machine)[d])
        throw InputError(
            fmt::format("topology.shape = {} (the machine is {}) take sides of at most the "
                        "machine's, in its order",
                        fmt::join(shape.chips, "x"), fmt::join(*machine, "x")));
      shape.ring[d] = shape.chips[d] == (*machine)[d];
    }
  }
}

namespace {

std::int64_t volume_of(const Sides& sides) {
  return sides[0] * sides[1] * sides[2];
}

/// The most of `chips` that a legal shape, or else a cubic one, uses.
std::int64_t usable_chips(const TorusWiring& wiring, std::int64_t chips) {
  if (wiring.optical || wiring.legal.empty())
    return volume_of(most_cubic_torus(chips, 1, wiring.unit));
  std::int64_t most = 0;
  for (const Sides& shape : wiring.legal)
    if (const std::int64_t volume = volume_of(shape); volume <= chips) most = volume;
  return most;
}

/// As few slices as hold the chips, of which no fewer use as many; each holds a replica.
std::int64_t open_slices(const TorusQuestion& question, std::int64_t chips) {
  const std::int64_t largest = question.wiring.largest;
  if (question.chips || largest == 0) return 1;
  std::int64_t slices = (chips + largest - 1) / largest;
  while (slices > 1 &&
         (slices - 1) * largest >= slices * usable_chips(question.wiring, chips / slices))
    --slices;
  while (slices > 1 && chips / slices < question.tensor * question.pipeline) --slices;
  return slices;
}

/// The largest of the legal shapes, as it is written or, under a mapping, in every order of its
/// sides that the machine has.
std::vector<TorusShape> legal_candidates(const TorusQuestion& question, std::int64_t chips) {
  std::vector<TorusShape> candidates;
  const TorusWiring& wiring = question.wiring;
  const auto fits = [&](const Sides& sides) {
    for (std::size_t d = 0; wiring.machine && d < 3; ++d)
      if (sides[d] > (*wiring.machine)[d]) return false;
    return true;
  };
  for (auto shape = wiring.legal.rbegin(); shape != wiring.legal.rend(); ++shape) {
    if (volume_of(*shape) > chips) continue;
    Sides sides = *shape;
    if (question.mapping) std::ranges::sort(sides);
    do {
      if (fits(sides)) add_boxes(sides, question, candidates);
    } while (question.mapping && std::ranges::next_permutation(sides).found);
    if (!candidates.empty()) return candidates;
  }
  if (wiring.twisted) return {};
  throw InputError(
      fmt::format("no torus for tensor x pipeline = {} on {} chips ({}) change "
                  "job.tensor, job.pipeline or topology.mapping",
                  question.tensor * question.pipeline, chips, wiring.legal_text()));
}

std::vector<TorusShape> all_candidates(TorusQuestion question, std::int64_t chips_at_hand,
                                       bool whole) {
  const std::int64_t model_parallel = question.tensor * question.pipeline;
  const bool open = !question.slices;
  if (open) question.slices = open_slices(question, chips_at_hand);
  std::int64_t chips = chips_at_hand / *question.slices;
  if (open && !question.chips && question.wiring.largest > 0)
    chips = std::min(chips, question.wiring.largest);
  std::vector<TorusShape> candidates;
  if (chips < model_parallel && chips_at_hand >= model_parallel && open)
    throw InputError(
        fmt::format("tensor x pipeline = {} (the largest torus of these chips has {}, and a "
                    "replica is in one) make replicas smaller, or give topology.slices",
                    model_parallel, chips));
  if (chips<model_parallel&& * question.slices> 1)
    throw InputError(fmt::format(
        "topology.slices = {} (of {} chips a slice gets fewer than tensor x pipeline = {}) "
        "take fewer slices",
        *question.slices, chips_at_hand, model_parallel));
  if (question.chips) {
    const auto [x, y, z] = *question.chips;
    if (static_cast<double>(x) * static_cast<double>(y) * static_cast<double>(z) >
        static_cast<double>(chips))
      throw InputError(fmt::format(
          "topology.shape = {} (more than the {} chips at hand{}) take a smaller one{}",
          fmt::join(*question.chips, "x"), chips, *question.slices > 1 ? " for each slice" : "",
          question.wiring.machine ? "; by default it is topology.machine" : ", or auto"));
    if (question.wiring.twisted && !can_be_twisted(*question.chips))
      throw InputError(fmt::format(
          "topology.twist = on (topology.shape = {} is neither n x n x 2n nor n x 2n x 2n chips, n "
          "a multiple of 4) take such a shape or leave it off",
          fmt::join(*question.chips, "x")));
    if (!question.wiring.is_legal(*question.chips))
      throw InputError(fmt::format("topology.shape = {} ({}) take one of these",
                                   fmt::join(*question.chips, "x"), question.wiring.legal_text()));
    add_boxes(*question.chips, question, candidates);
    if (!candidates.empty()) return candidates;
    if (question.mapping)
      question.mapping->legal_box(*question.chips, question.tensor, question.pipeline);
    throw InputError(
        fmt::format("topology.shape = {} (no box of tensor x pipeline = {} chips "
                    "divides it) change the shape, job.tensor or job.pipeline",
                    fmt::join(*question.chips, "x"), model_parallel));
  }
  const std::int64_t unit =
      chips < question.wiring.unit * question.wiring.unit * question.wiring.unit
          ? 1
          : question.wiring.unit;
  if (!question.wiring.legal.empty() && (!question.wiring.optical || unit == 1))
    return legal_candidates(question, chips);
  if (question.mapping) {
    std::int64_t most = 0;
    const auto add = [&](const Sides& sides) { add_boxes(sides, question, candidates); };
    if (question.wiring.optical)
      for_sides(unit, whole ? chips : 1, chips, true, add);
    else
      add(most_cubic_torus(chips, model_parallel, unit));
    for (const TorusShape& shape : candidates) most = std::max(most, shape.volume());
    std::erase_if(candidates, [&](const TorusShape& shape) {
      return static_cast<double>(shape.volume()) < least_used * static_cast<double>(most);
    });
    if (candidates.empty())
      question.mapping->legal_box(most_cubic_torus(chips, model_parallel, unit), question.tensor,
                                  question.pipeline);
    return candidates;
  }
  const Sides cubic = most_cubic_torus(chips, model_parallel, unit);
  if (!question.wiring.optical) {
    add_boxes(cubic, question, candidates);
    return candidates;
  }
  const auto most = static_cast<double>(cubic[0] * cubic[1] * cubic[2]);
  const auto least = static_cast<std::int64_t>(least_used * most);
  for_sides(unit, whole ? chips : least, chips, question.all_ways,
            [&](const Sides& sides) { add_boxes(sides, question, candidates); });
  return candidates;
}

}  // namespace

std::vector<TorusShape> torus_candidates(const TorusQuestion& question, std::int64_t chips_at_hand,
                                         bool whole) {
  std::vector<TorusShape> candidates = all_candidates(question, chips_at_hand, whole);
  if (candidates.empty())  // other questions have been refused
    throw InputError(
        fmt::format("topology.twist = on (no torus of {} chips is n x n x 2n or n x 2n x 2n, n a "
                    "multiple of 4) give such a topology.shape, as 4x4x8, or change fleet.chips",
                    chips_at_hand));
  return candidates;
}

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
      place->second = cost_of(*candidate.shape, computing + exposed_time(calls, times));
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
