#include "topologies/wiring/torus_candidates.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/base/error.hpp"

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

}  // namespace lockstep
