#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <vector>

namespace lockstep {

/// The least of many keys that change one at a time, the first of equals: a tournament (Knuth, The
/// Art of Computer Programming 3, 5.4.1). Cost of a change: log2(count) comparisons.
template <class Key>
class WinnerTree {
 public:
  WinnerTree(std::size_t count, const Key& key)
      : leaves_(std::bit_ceil(std::max<std::size_t>(count, 1))),
        keys_(count, key),
        winner_(2 * leaves_, -1) {
    for (std::size_t i = 0; i < count; ++i) winner_[leaves_ + i] = static_cast<std::int32_t>(i);
    for (std::size_t node = leaves_ - 1; node > 0; --node) winner_[node] = better(node);
  }

  void set(std::int32_t index, const Key& key) {
    keys_[static_cast<std::size_t>(index)] = key;
    for (std::size_t node = (leaves_ + static_cast<std::size_t>(index)) / 2; node > 0; node /= 2)
      winner_[node] = better(node);
  }
  std::int32_t winner() const { return winner_[1]; }
  const Key& key() const { return keys_[static_cast<std::size_t>(winner())]; }

 private:
  std::int32_t better(std::size_t node) const {
    const std::int32_t a = winner_[2 * node], b = winner_[2 * node + 1];
    if (b < 0) return a;
    return keys_[static_cast<std::size_t>(b)] < keys_[static_cast<std::size_t>(a)] ? b : a;
  }

  std::size_t leaves_;
  std::vector<Key> keys_;
  std::vector<std::int32_t> winner_;  // of a heap's nodes; -1: none
};

}  // namespace lockstep
