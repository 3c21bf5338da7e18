#pragma once

#include <bit>
#include <cstdint>
#include <memory>
#include <vector>

namespace lockstep {

/// A set of small integers that finds its greatest member up to one in O(1) where it is dense, and
/// in a 4,096th of the distance where it is not.
class PlaceSet {
 public:
  void reset(std::int32_t end);
  void insert(std::int32_t place) {
    word_[word(place)] |= bit(place);
    filled_[word(place) / 64] |= std::uint64_t{1} << word(place) % 64;
  }
  void erase(std::int32_t place) {
    if (!(word_[word(place)] &= ~bit(place)))
      filled_[word(place) / 64] &= ~(std::uint64_t{1} << word(place) % 64);
  }
  bool contains(std::int32_t place) const { return word_[word(place)] & bit(place); }
  /// The greatest member <= place; there must be one.
  std::int32_t up_to(std::int32_t place) const {
    std::size_t w = word(place);
    std::uint64_t found = word_[w] & (bit(place) | (bit(place) - 1));
    if (!found) {
      std::size_t f = w / 64;
      std::uint64_t words = filled_[f] & ((std::uint64_t{1} << w % 64) - 1);
      while (!words) words = filled_[--f];
      w = f * 64 + highest(words);
      found = word_[w];
    }
    return static_cast<std::int32_t>(w * 64 + highest(found));
  }

 private:
  static std::size_t word(std::int32_t place) { return static_cast<std::size_t>(place) / 64; }
  static std::uint64_t bit(std::int32_t place) { return std::uint64_t{1} << place % 64; }
  static std::size_t highest(std::uint64_t bits) {
    return static_cast<std::size_t>(std::bit_width(bits) - 1);
  }
  std::vector<std::uint64_t> word_, filled_;
};

/// A function of the integers below an end that never falls, made of linear pieces, for RingSweep.
/// Its slopes only grow, except where a line overtakes what follows it. Memory: 32 B a place.
class RisingPieces {
 public:
  /// Empty, for places below `end` and slopes up to `steepest`.
  void reset(std::int32_t end, double steepest);
  /// Adds the place below all others, with `value` there. No slope may be below `slope`.
  void prepend(std::int32_t place, double value, double slope);
  /// Raises the function to where no slope is below `slope`.
  void steepen(double slope);
  /// Adds `delay` at `place`, which `slope` carries on from there. No slope may be below it.
  void lift(std::int32_t place, double delay, double slope) {
    const std::int32_t before = pieces_.up_to(place);
    raise(before, place, at(before, place) + delay, slope);
  }
  /// The same to `value`, which is not below.
  void raise(std::int32_t place, double value, double slope) {
    raise(pieces_.up_to(place), place, value, slope);
  }
  /// Whether no piece is less steep than the steepest may be.
  bool is_steepest() const { return levels_.empty() || levels_.back().slope == steepest_; }
  /// Fetches `place` into the cache for a lift soon.
  void expect(std::int32_t place) const {
    if (place >= 0 && place < end_) __builtin_prefetch(&piece_[static_cast<std::size_t>(place)], 1);
  }
  double value(std::int32_t place) const { return at(pieces_.up_to(place), place); }
  /// Forgets `last`, the last place.
  void pop(std::int32_t last);

 private:
  static constexpr std::int32_t none = -1;
  struct Piece {
    double value, slope;        // value + slope x (place - its own), up to the next piece
    std::int32_t next;          // piece, or none
    std::int32_t above, below;  // neighbours in the list of its level, or none
  };
  /// The pieces of one slope below the steepest, which never change.
  struct Level {
    double slope;
    std::int32_t first;
  };

  Piece& piece(std::int32_t p) const { return piece_[static_cast<std::size_t>(p)]; }
  double at(std::int32_t p, std::int32_t place) const {
    const Piece& own = piece(p);
    return own.value + static_cast<double>(place - p) * own.slope;
  }
  Level& level_of(double slope);
  void insert(std::int32_t p, double value, double slope, std::int32_t next);
  void remove(std::int32_t p);
  void enlist(std::int32_t p);
  void unlist(std::int32_t p);
  void raise(std::int32_t before, std::int32_t place, double value, double slope);
  void overtake(std::int32_t p);
  bool surface(std::int32_t line, double value, double slope, std::int32_t from, std::int32_t next);

  std::int32_t end_ = 0, first_ = none;
  double steepest_ = 0;
  std::unique_ptr<Piece[]> piece_;  // by place; written first where there is one
  std::int32_t room_ = 0;
  PlaceSet pieces_;
  std::vector<Level> levels_;  // the steepest first
};

}  // namespace lockstep
