#include "topologies/wiring/box_packing.hpp"

#include <algorithm>
#include <bit>
#include <numeric>

namespace lockstep {
namespace {

using Sides = BoxPacking::Sides;

bool fits(const Sides& box, const Sides& torus) {
  return box[0] <= torus[0] && box[1] <= torus[1] && box[2] <= torus[2];
}

/// Whether holds(place) of all the sides' cells, the last dimension fastest, up to the first that
/// does not.
template <class Predicate>
bool all_cells(const Sides& sides, const Predicate& holds) {
  Sides place;
  for (place[0] = 0; place[0] < sides[0]; ++place[0])
    for (place[1] = 0; place[1] < sides[1]; ++place[1])
      for (place[2] = 0; place[2] < sides[2]; ++place[2])
        if (!holds(place)) return false;
  return true;
}

template <class Visit>
void for_each_cell(const Sides& sides, const Visit& visit) {
  all_cells(sides, [&](const Sides& place) {
    visit(place);
    return true;
  });
}

}  // namespace

/// Branch and bound over one set of healthy cells.
class BoxSearch {
 public:
  BoxSearch(const BoxPacking& packing, std::uint64_t healthy) : packing_(packing) {
    for (const std::uint64_t box : packing.boxes_)
      if ((box & ~healthy) == 0) open_.push_back(box);
    branch(0, 0);
  }
  std::int64_t best() const { return best_; }

 private:
  static constexpr std::int64_t most_visits = 1'000'000;

  /// Boxes that can still be set among `cells`, at most.
  std::int64_t bound(std::uint64_t cells) const {
    std::int64_t least = std::popcount(cells) / packing_.volume_;
    for (const BoxPacking::Class& one : packing_.classes_)
      least = std::min<std::int64_t>(least, std::popcount(cells & one.cells) / one.taken);
    return least;
  }

  /// With `set` boxes set, those of open_ from `first` on are still disjoint from them.
  void branch(std::size_t first, std::int64_t set) {
    best_ = std::max(best_, set);
    if (++visits_ > most_visits) return;
    const std::size_t last = open_.size();
    const std::uint64_t usable = std::accumulate(open_.begin() + static_cast<std::ptrdiff_t>(first),
                                                 open_.end(), std::uint64_t{0}, std::bit_or<>());
    const std::int64_t hoped = set + bound(usable);
    if (hoped <= best_) return;
    const std::uint64_t cell = least_covered(first, usable);
    const auto without = [&](std::uint64_t cells) {
      for (std::size_t i = first; i < last; ++i)
        if ((open_[i] & cells) == 0) open_.push_back(open_[i]);
    };
    for (std::size_t i = first; i < last; ++i) {
      const std::uint64_t box = open_[i];
      if ((box & cell) == 0) continue;
      without(box);
      branch(last, set + 1);
      open_.resize(last);
      if (hoped <= best_ || visits_ > most_visits) return;
    }
    without(cell);
    branch(last, set);
    open_.resize(last);
  }

  std::uint64_t least_covered(std::size_t first, std::uint64_t usable) const {
    std::array<int, 64> boxes{};
    for (std::size_t i = first; i < open_.size(); ++i)
      for (std::uint64_t rest = open_[i]; rest != 0; rest &= rest - 1)
        ++boxes[static_cast<std::size_t>(std::countr_zero(rest))];
    int least = std::countr_zero(usable);
    for (std::uint64_t rest = usable; rest != 0; rest &= rest - 1) {
      const int cell = std::countr_zero(rest);
      if (boxes[static_cast<std::size_t>(cell)] < boxes[static_cast<std::size_t>(least)])
        least = cell;
    }
    return std::uint64_t{1} << least;
  }

  const BoxPacking& packing_;
  std::vector<std::uint64_t> open_;  // of each visit under way, one after another
  std::int64_t best_ = 0, visits_ = 0;
};

BoxPacking::BoxPacking(const Sides& torus, const Sides& box)
    : torus_(torus), volume_(box[0] * box[1] * box[2]) {
  Sides turned = box;
  std::sort(turned.begin(), turned.end());
  do {
    if (fits(turned, torus)) orientations_.push_back(turned);
  } while (std::next_permutation(turned.begin(), turned.end()));
  if (!exact()) return;
  find_boxes();
  find_classes();
}

std::int64_t BoxPacking::cell(const Sides& corner, const Sides& offset) const {
  Sides at;
  for (std::size_t d = 0; d < 3; ++d) at[d] = (corner[d] + offset[d]) % torus_[d];
  return (at[0] * torus_[1] + at[1]) * torus_[2] + at[2];
}

/// Calls visit(corner) for each place of an orientation: one in a dimension that it fills.
template <class Visit>
void BoxPacking::for_each_place(const Sides& box, const Visit& visit) const {
  Sides places;
  for (std::size_t d = 0; d < 3; ++d) places[d] = box[d] < torus_[d] ? torus_[d] : 1;
  for_each_cell(places, visit);
}

void BoxPacking::find_boxes() {
  for (const Sides& box : orientations_)
    for_each_place(box, [&](const Sides& corner) {
      std::uint64_t cells = 0;
      for_each_cell(
          box, [&](const Sides& offset) { cells |= std::uint64_t{1} << cell(corner, offset); });
      boxes_.push_back(cells);
    });
}

void BoxPacking::find_classes() {
  // Bit d of a sum says whether coordinate d is in it; two sums make up to four classes.
  for (unsigned one = 1; one < 8; ++one)
    for (unsigned other = 0; other < one; ++other)
      for (int wanted = 0; wanted < 4; ++wanted) {
        Class made{0, static_cast<int>(volume_)};
        for_each_cell(torus_, [&](const Sides& at) {
          const auto odd = static_cast<unsigned>((at[0] & 1) | (at[1] & 1) << 1 | (at[2] & 1) << 2);
          const int is = (std::popcount(odd & one) & 1) | (std::popcount(odd & other) & 1) << 1;
          if (is == wanted) made.cells |= std::uint64_t{1} << cell(at, {});
        });
        for (const std::uint64_t box : boxes_)
          made.taken = std::min(made.taken, std::popcount(box & made.cells));
        if (made.taken > 0) classes_.push_back(made);
      }
}

std::int64_t BoxPacking::most(std::span<const std::uint8_t> healthy) const {
  const auto of_torus = healthy.first(static_cast<std::size_t>(cells()));
  if (exact()) return exact_count(of_torus);
  std::int64_t best = 0;
  for (std::size_t first = 0; first < orientations_.size(); ++first)
    best = std::max(best, greedy_count(of_torus, first));
  return best;
}

std::int64_t BoxPacking::exact_count(std::span<const std::uint8_t> healthy) const {
  std::uint64_t cells = 0;
  for (std::size_t i = 0; i < healthy.size(); ++i) cells |= std::uint64_t{healthy[i]} << i;
  return BoxSearch(*this, cells).best();
}

std::int64_t BoxPacking::greedy_count(std::span<const std::uint8_t> healthy,
                                      std::size_t first) const {
  std::vector<std::uint8_t> free(healthy.begin(), healthy.end());
  const auto at = [&](const Sides& corner, const Sides& offset) -> std::uint8_t& {
    return free[static_cast<std::size_t>(cell(corner, offset))];
  };
  std::int64_t count = 0;
  for_each_cell(torus_, [&](const Sides& corner) {
    for (std::size_t i = 0; i < orientations_.size(); ++i) {
      const Sides& box = orientations_[(first + i) % orientations_.size()];
      if (!all_cells(box, [&](const Sides& offset) { return at(corner, offset) != 0; })) continue;
      for_each_cell(box, [&](const Sides& offset) { at(corner, offset) = 0; });
      ++count;
      return;
    }
  });
  return count;
}

std::optional<Sides> most_cubic_box(const Sides& torus, std::int64_t volume) {
  Sides sorted = torus;
  std::sort(sorted.begin(), sorted.end());
  std::optional<Sides> best;
  for (std::int64_t x = 1; x * x * x <= volume; ++x) {
    if (volume % x != 0) continue;
    const std::int64_t rest = volume / x;
    for (std::int64_t y = x; y * y <= rest; ++y) {
      const Sides box{x, y, rest / y};
      if (rest % y != 0 || !fits(box, sorted)) continue;
      if (!best || x + y + rest / y <= (*best)[0] + (*best)[1] + (*best)[2]) best = box;
    }
  }
  return best;
}

}  // namespace lockstep
