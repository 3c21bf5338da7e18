#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

namespace lockstep {

/// How much longer one all-reduce takes on a replica's links as they are than on healthy ones, of
/// two numbers of tokens: what links do enters with bytes, so that others lie on lines through
/// these and 0.
struct LinkDelay {
  static constexpr std::int64_t few_tokens = 64, many_tokens = 4096;
  double few = 0, many = 0;  ///< of so many [s]

  double of(double tokens) const {
    if (tokens <= few_tokens) return few * tokens / few_tokens;
    return few + (many - few) * (tokens - few_tokens) / (many_tokens - few_tokens);
  }
  bool operator==(const LinkDelay&) const = default;
};

/// What the all-reduces of an iteration take on the chips of a replica, from how long one takes for
/// powers of two of tokens; between them, and beyond the last, by a line. Where each alone takes
/// less than a floor, it takes that.
class CollectiveTimes {
 public:
  /// Of a single chip: none.
  CollectiveTimes() = default;
  /// `one`: of 1, 2, 4, ... tokens, two at least [s]; `calls` of an iteration; `floor` [s]. What
  /// more tokens take is never less: choices of protocol may say so.
  CollectiveTimes(std::vector<double> one, double calls, double floor)
      : one_(std::move(one)), calls_(calls), floor_(floor) {
    for (std::size_t i = 1; i < one_.size(); ++i) one_[i] = std::max(one_[i], one_[i - 1]);
  }

  /// [s]
  double time(std::int64_t tokens, const LinkDelay& delay = {}) const {
    if (one_.empty()) return 0;
    const auto n = static_cast<double>(tokens);
    return calls_ * std::max(floor_, healthy(tokens) + delay.of(n));
  }

 private:
  double healthy(std::int64_t tokens) const {
    if (tokens <= 1) return one_.front();
    const auto width = static_cast<std::size_t>(std::bit_width(static_cast<std::uint64_t>(tokens)));
    const std::size_t below = std::min(width - 1, one_.size() - 2);
    const auto begin = static_cast<double>(std::uint64_t{1} << below);
    const double share = (static_cast<double>(tokens) - begin) / begin;
    return one_[below] + (one_[below + 1] - one_[below]) * share;
  }

  std::vector<double> one_;
  double calls_ = 0, floor_ = 0;
};

}  // namespace lockstep
