#include "engine/noise/rare_entities.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "engine/base/elementary.hpp"

namespace lockstep {
namespace {

/// Those of one tile.
class TileHits {
 public:
  TileHits(const Stream& stream, double height) {
    double reached = 0;
    for (std::uint32_t pair = 0; hits_ < rare_tile; ++pair) {
      const PhiloxBlock b = stream.block(0, pair);
      for (int i : {0, 2}) {
        reached -= elementary::log(open_uniform(b.word[i], b.word[i + 1])) / rare_tile;
        if (reached > height) return;
        hit(b.word[i] % rare_tile);  // bits that the uniform leaves over
      }
    }
  }

  void append_to(std::vector<std::uint32_t>& all, std::uint32_t first, std::uint32_t end) const {
    for (std::size_t w = 0; hits_ > 0 && w < words_.size(); ++w)
      for (std::uint64_t word = words_[w]; word != 0; word &= word - 1) {
        const std::uint32_t entity = first + static_cast<std::uint32_t>(64 * w) +
                                     static_cast<std::uint32_t>(std::countr_zero(word));
        if (entity < end) all.push_back(entity);
      }
  }

 private:
  void hit(std::uint32_t entity) {
    std::uint64_t& word = words_[entity / 64];
    const std::uint64_t bit = std::uint64_t{1} << (entity % 64);
    hits_ += (word & bit) == 0;
    word |= bit;
  }

  std::array<std::uint64_t, rare_tile / 64> words_{};
  std::uint32_t hits_ = 0;
};

}  // namespace

std::vector<std::uint32_t> rare_entities(const Stream& stream, std::uint32_t kind,
                                         std::uint32_t draw, std::uint32_t count, double fraction) {
  std::vector<std::uint32_t> all;
  if (!(fraction > 0)) return all;
  const double height = -elementary::log1p(-std::min(fraction, 1.0));
  for (std::uint64_t first = 0; first < count; first += rare_tile) {
    const std::uint64_t tile = (static_cast<std::uint64_t>(kind) << 32) | (first / rare_tile);
    TileHits(stream.child(tile, draw), height)
        .append_to(all, static_cast<std::uint32_t>(first), count);
  }
  return all;
}

}  // namespace lockstep
