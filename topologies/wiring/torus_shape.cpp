#include "topologies/wiring/torus_shape.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "engine/base/error.hpp"
#include "engine/base/text/text.hpp"

namespace lockstep {
namespace {

using Sides = std::array<std::int64_t, 3>;

/// Smaller is better: the box's sides in sum, then those of the sub-tori, then whatever does not
/// depend on the order of the sides.
auto box_rank(const TorusShape& shape) {
  const Sides groups = shape.groups();
  std::array<std::pair<std::int64_t, std::int64_t>, 3> pairs;
  for (std::size_t d = 0; d < 3; ++d) pairs[d] = {shape.box[d], groups[d]};
  std::ranges::sort(pairs);
  return std::tuple{shape.box[0] + shape.box[1] + shape.box[2], groups[0] + groups[1] + groups[2],
                    pairs};
}

/// The most cubic box of `model_parallel` chips that divides the sides, of equal ones that which
/// leaves the most cubic sub-tori.
std::optional<Sides> find_box(const Sides& sides, std::int64_t model_parallel) {
  std::optional<TorusShape> best;
  for (std::int64_t x = 1; x <= sides[0] && x <= model_parallel; ++x) {
    if (model_parallel % x != 0 || sides[0] % x != 0) continue;
    const std::int64_t rest = model_parallel / x;
    for (std::int64_t y = 1; y <= sides[1] && y <= rest; ++y) {
      if (rest % y != 0 || sides[1] % y != 0 || sides[2] % (rest / y) != 0) continue;
      const TorusShape shape{sides, {x, y, rest / y}};
      if (!best || box_rank(shape) < box_rank(*best)) best = shape;
    }
  }
  if (!best) return {};
  return best->box;
}

/// What to write in place of "4*4*4" or "(4, 4, 4)".
std::string meant(std::string_view given) {
  std::vector<std::string> sides;
  bool in_number = false, separators = true;
  for (const char c : plain_letters(given)) {
    const bool digit = c >= '0' && c <= '9';
    if (digit && !in_number) sides.emplace_back();
    if (digit) sides.back() += c;
    separators = separators &&
                 (digit || std::string_view("xX*,;:()[]-/ ").find(c) != std::string_view::npos);
    in_number = digit;
  }
  const bool positive = std::none_of(sides.begin(), sides.end(),
                                     [](const std::string& side) { return side[0] == '0'; });
  return sides.size() == 3 && separators && positive
             ? fmt::format("write topology.shape = {}", fmt::join(sides, "x"))
             : "write for example 16x16x16, or auto";
}

TorusShape read_shape(std::string_view given, std::int64_t chips, std::int64_t model_parallel) {
  TorusShape shape;
  std::string_view text = given;
  for (std::size_t d = 0; d < 3; ++d) {
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), shape.chips[d]);
    const auto used = static_cast<std::size_t>(end - text.data());
    const bool last = d == 2;
    if (error != std::errc{} || shape.chips[d] < 1 || shape.chips[d] > 16777216 ||
        (last ? used != text.size() : used >= text.size() || text[used] != 'x'))
      throw InputError(fmt::format("topology.shape = {} (three sides from 1 on are due) {}", given,
                                   meant(given)));
    if (!last) text.remove_prefix(used + 1);
  }
  if (static_cast<double>(shape.chips[0]) * static_cast<double>(shape.chips[1]) *
          static_cast<double>(shape.chips[2]) >
      static_cast<double>(chips))
    throw InputError(
        fmt::format("topology.shape = {} (more than the {} chips at hand) take a "
                    "smaller one, or auto",
                    given, chips));
  const auto box = find_box(shape.chips, model_parallel);
  if (!box)
    throw InputError(
        fmt::format("topology.shape = {} (no box of tensor x pipeline = {} chips "
                    "divides it) change the shape, job.tensor or job.pipeline",
                    given, model_parallel));
  shape.box = *box;
  return shape;
}

}  // namespace

TorusShape torus_shape(std::string_view given, std::int64_t chips, std::int64_t model_parallel,
                       std::int64_t unit) {
  if (given != "auto") return read_shape(given, chips, model_parallel);
  if (chips < unit * unit * unit) unit = 1;
  for (std::int64_t ratio = 2; ratio <= 4 * chips; ratio *= 2) {
    std::optional<TorusShape> best;
    const auto rank = [](const TorusShape& s) {
      return std::tuple{s.volume(), -(s.chips[0] + s.chips[1] + s.chips[2]),
                        -(s.box[0] + s.box[1] + s.box[2])};
    };
    for (std::int64_t x = unit; x * x * x <= chips; x += unit)
      for (std::int64_t y = x; y <= ratio * x && x * y * y <= chips; y += unit) {
        // The longest side: all that the ratio and the chips allow, shorter where no box fits.
        const std::int64_t most = std::min(ratio * x, chips / (x * y)) / unit * unit;
        for (std::int64_t z = most; z >= y; z -= unit) {
          TorusShape shape{{x, y, z}, {}};
          if (best && shape.volume() < best->volume()) break;
          const auto box = find_box(shape.chips, model_parallel);
          if (!box) continue;
          shape.box = *box;
          if (!best || rank(shape) > rank(*best)) best = shape;
          break;
        }
      }
    if (best) return *best;
  }
  throw InputError(
      fmt::format("no torus for tensor x pipeline = {} on {} chips (whole {}x{}x{} cubes "
                  "that a box of {} chips divides) give topology.shape, or change "
                  "job.tensor, job.pipeline",
                  model_parallel, chips, unit, unit, unit, model_parallel));
}

}  // namespace lockstep
