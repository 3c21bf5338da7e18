#include "topologies/wiring/torus_shape.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <numeric>
#include <tuple>
#include <vector>

#include "engine/base/error.hpp"
#include "engine/base/text/text.hpp"

namespace lockstep {
namespace {

constexpr std::int64_t longest_side = 16777216;

/// Smaller is better: the box's sides in sum, then those of the sub-tori, then whatever does not
/// depend on the order of the sides.
auto box_rank(const Sides& sides, const Sides& box) {
  const Sides groups{sides[0] / box[0], sides[1] / box[1], sides[2] / box[2]};
  std::array<std::pair<std::int64_t, std::int64_t>, 3> pairs;
  for (std::size_t d = 0; d < 3; ++d) pairs[d] = {box[d], groups[d]};
  std::ranges::sort(pairs);
  return std::tuple{box[0] + box[1] + box[2], groups[0] + groups[1] + groups[2], pairs};
}

/// What to write in place of "4*4*4" or "(4, 4, 4)".
std::string meant(std::string_view key, std::string_view given) {
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
  const std::string meant = fmt::format("{}", fmt::join(sides, "x"));
  if (sides.size() == 3 && separators && positive && meant != given)
    return fmt::format("write {} = {}", key, meant);
  return fmt::format("write for example {} = 16x16x16", key);
}

}  // namespace

bool TorusShape::of_whole_cubes() const {
  return std::ranges::all_of(chips, [](std::int64_t side) { return side % torus_cube_side == 0; });
}

bool can_be_twisted(const Sides& sides) {
  const std::int64_t least = std::ranges::min(sides), most = std::ranges::max(sides);
  return least % torus_cube_side == 0 && most == 2 * least &&
         std::ranges::all_of(sides,
                             [&](std::int64_t side) { return side == least || side == most; });
}

std::span<const Sides> shapes_below_a_cube() {
  static constexpr Sides shapes[]{{1, 1, 1}, {2, 2, 1}, {2, 2, 2}, {2, 2, 4}, {2, 4, 4}};
  return shapes;
}

std::span<const Sides> flat_shapes() {
  static constexpr Sides shapes[]{{1, 1, 1}, {2, 2, 1}, {2, 4, 1},  {4, 4, 1},
                                  {4, 8, 1}, {8, 8, 1}, {8, 16, 1}, {16, 16, 1}};
  return shapes;
}

Sides read_sides(std::string_view key, std::string_view given) {
  Sides sides;
  std::string_view text = given;
  for (std::size_t d = 0; d < 3; ++d) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), sides[d]);
    const auto used = static_cast<std::size_t>(end - text.data());
    const bool last = d == 2;
    if (error != std::errc{} || sides[d] < 1 || sides[d] > longest_side ||
        (last ? used != text.size() : used >= text.size() || text[used] != 'x'))
      throw InputError(fmt::format("{} = {} (three sides of 1 .. {} are due) {}", key, given,
                                   longest_side, meant(key, given)));
    if (!last) text.remove_prefix(used + 1);
  }
  return sides;
}

void fill_box(const Sides& box, std::int64_t tensor, TorusShape& shape) {
  const auto take = [&](std::size_t d, std::int64_t ranks) {
    shape.tensor[d] = ranks;
    shape.pipeline[d] = box[d] / ranks;
  };
  for (std::size_t own = 1; own < 8; ++own) {  // sides as bits, the last side the lowest
    std::int64_t product = 1;
    for (std::size_t d = 0; d < 3; ++d)
      if (own >> (2 - d) & 1) product *= box[d];
    if (product != tensor) continue;
    for (std::size_t d = 0; d < 3; ++d) take(d, own >> (2 - d) & 1 ? box[d] : 1);
    return;
  }
  for (std::size_t d = 3; d-- > 0;) {
    const std::int64_t ranks = std::gcd(tensor, box[d]);
    take(d, ranks);
    tensor /= ranks;
  }
}

std::optional<Sides> most_cubic_box_dividing(const Sides& sides, std::int64_t model_parallel) {
  std::optional<Sides> best;
  for (std::int64_t x = 1; x <= sides[0] && x <= model_parallel; ++x) {
    if (model_parallel % x != 0 || sides[0] % x != 0) continue;
    const std::int64_t rest = model_parallel / x;
    for (std::int64_t y = 1; y <= sides[1] && y <= rest; ++y) {
      if (rest % y != 0 || sides[1] % y != 0 || sides[2] % (rest / y) != 0) continue;
      const Sides box{x, y, rest / y};
      if (!best || box_rank(sides, box) < box_rank(sides, *best)) best = box;
    }
  }
  return best;
}

Sides most_cubic_torus(std::int64_t chips, std::int64_t model_parallel, std::int64_t unit) {
  if (chips < unit * unit * unit) unit = 1;
  for (std::int64_t ratio = 2; ratio <= 4 * chips; ratio *= 2) {
    std::optional<std::tuple<std::int64_t, std::int64_t, std::int64_t>> best;
    Sides found{};
    for (std::int64_t x = unit; x * x * x <= chips; x += unit)
      for (std::int64_t y = x; y <= ratio * x && x * y * y <= chips; y += unit) {
        // The longest side: all that the ratio and the chips allow, shorter where no box fits.
        const std::int64_t most = std::min(ratio * x, chips / (x * y)) / unit * unit;
        for (std::int64_t z = most; z >= y; z -= unit) {
          if (best && x * y * z < std::get<0>(*best)) break;
          const auto box = most_cubic_box_dividing({x, y, z}, model_parallel);
          if (!box) continue;
          const std::tuple rank{x * y * z, -(x + y + z), -((*box)[0] + (*box)[1] + (*box)[2])};
          if (!best || rank > *best) {
            best = rank;
            found = {x, y, z};
          }
          break;
        }
      }
    if (best) return found;
  }
  throw InputError(
      fmt::format("no torus for tensor x pipeline = {} on {} chips (whole {}x{}x{} cubes "
                  "that a box of {} chips divides) give topology.shape, or change "
                  "job.tensor, job.pipeline",
                  model_parallel, chips, unit, unit, unit, model_parallel));
}

}  // namespace lockstep
