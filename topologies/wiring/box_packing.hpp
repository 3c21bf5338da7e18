#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace lockstep {

/// How many disjoint boxes of one size fit among the healthy cells of a 3-D torus. A box lies in
/// any orientation and may cross the torus's seams, where the wiring is as anywhere else.
///
/// Up to 64 cells the count is the largest there is, by branch and bound: of the cells that some
/// box can still cover, take the one that fewest can, and try each of these boxes, then none. The
/// bound: a box takes so many cells in all, and at least so many of each class in which sums of
/// the coordinates are even or odd (a box of 1x2x2 takes one of each of four); with k cells left of
/// a class of which a box takes t, at most k / t boxes follow. The search gives up after a million
/// boxes and keeps the best found, then a lower bound; on 4x4x4 cells with independent failures
/// half a million was the most seen (boxes of 1x2x2). Beyond 64 cells it is a lower bound: boxes
/// are set where they first fit, in the order of the cells, and the best order of orientations
/// counts; more healthy cells may then give a box less.
///
/// Cost on 4x4x4 cells with independent failures: 1 to 4 us for boxes of 16 cells or more, 12 us
/// for 2x2x2, 4 ms on average and 0.1 s at worst for 1x2x2. Beyond 64 cells 60 ns a cell and
/// orientation.
class BoxPacking {
 public:
  using Sides = std::array<std::int64_t, 3>;

  /// `box` in some orientation is nowhere longer than `torus`.
  BoxPacking(const Sides& torus, const Sides& box);

  /// healthy (cells; the last dimension fastest): 1 or 0. There may be more; they are not looked
  /// at.
  std::int64_t most(std::span<const std::uint8_t> healthy) const;
  /// The count is the largest there is, unless the search gives up.
  bool exact() const { return cells() <= most_exact_cells; }

 private:
  friend class BoxSearch;
  static constexpr std::int64_t most_exact_cells = 64;  // bits of a word

  /// Cells of which every box takes at least so many.
  struct Class {
    std::uint64_t cells;
    int taken;
  };

  std::int64_t cells() const { return torus_[0] * torus_[1] * torus_[2]; }
  std::int64_t cell(const Sides& corner, const Sides& offset) const;
  template <class Visit>
  void for_each_place(const Sides& box, const Visit& visit) const;
  void find_boxes();
  void find_classes();
  std::int64_t exact_count(std::span<const std::uint8_t> healthy) const;
  std::int64_t greedy_count(std::span<const std::uint8_t> healthy, std::size_t first) const;

  Sides torus_;
  std::int64_t volume_;               // of the box
  std::vector<Sides> orientations_;   // of the box that fit
  std::vector<std::uint64_t> boxes_;  // all places, as sets of cells; exact only
  std::vector<Class> classes_;        // exact only
};

/// The box of `volume` cells that fits in the torus and is most cubic: of least sum of sides, then
/// of the longest shortest side; shortest side first. Nothing where none fits.
std::optional<BoxPacking::Sides> most_cubic_box(const BoxPacking::Sides& torus,
                                                std::int64_t volume);

}  // namespace lockstep
