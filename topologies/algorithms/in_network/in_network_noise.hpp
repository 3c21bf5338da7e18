#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "topologies/algorithms/in_network/in_network_collective.hpp"

namespace lockstep {

enum class InNetworkPart { fold, scatter, up, down, gather, unfold };

constexpr bool exchange(InNetworkPart part) {
  return part == InNetworkPart::scatter || part == InNetworkPart::gather;
}

/// A spike on a message of a part of a chunk.
struct InNetworkSpike {
  std::int64_t chunk;
  InNetworkPart part;
  std::int64_t at;  // vertex or place; of an exchange place x rows + row
  double delay;     // [s]
};

/// Delays of a part of a chunk: all of them, (rows, width) [s], or some in the order of `at`.
struct InNetworkDelays {
  std::span<const double> dense;
  std::span<const InNetworkSpike> spikes;
};

/// The noise of one group's messages, part by part of the chunks that are followed.
///
/// Without dense noise a group follows its first chunk, every one that has a spike, the one before
/// where an exchange has it, and its last. That is exact, as said in tree_noise.hpp: a hop's and an
/// exchange's streams stay convex between two followed chunks.
class InNetworkNoise {
 public:
  InNetworkNoise(const MessageNoise& noise, std::int64_t group, const InNetworkNumbering& numbering)
      : noise_(noise), group_(group), numbering_(numbering) {
    collect_spikes();
    if (noise.hop_jitter) {
      for (std::int64_t c = 0; c < numbering.chunks; ++c) followed_.push_back(c);
      return;
    }
    followed_ = {0, numbering.chunks - 1};
    for (const InNetworkSpike& spike : spikes_) {
      followed_.push_back(spike.chunk);
      if (exchange(spike.part)) followed_.push_back(std::max<std::int64_t>(0, spike.chunk - 1));
    }
    std::sort(followed_.begin(), followed_.end());
    followed_.erase(std::unique(followed_.begin(), followed_.end()), followed_.end());
  }

  const std::vector<std::int64_t>& followed() const { return followed_; }

  /// Chunks come in order, and their parts too. Valid until the next call.
  InNetworkDelays of(InNetworkPart part, std::int64_t chunk) {
    const auto key = [](const InNetworkSpike& s) { return std::tuple(s.chunk, s.part); };
    const std::tuple wanted(chunk, part);
    while (next_ < spikes_.size() && key(spikes_[next_]) < wanted) ++next_;
    const std::size_t begin = next_;
    while (next_ < spikes_.size() && key(spikes_[next_]) == wanted) ++next_;
    const std::span spikes = std::span(spikes_).subspan(begin, next_ - begin);
    if (!noise_.hop_jitter) return {{}, spikes};
    const auto [first, count] = messages(part, chunk);
    dense_.resize(static_cast<std::size_t>(count));
    noise_.dense(group_, first, dense_);
    delay_.assign(dense_.begin(), dense_.end());
    for (const InNetworkSpike& spike : spikes)
      delay_[static_cast<std::size_t>(exchange(part)
                                          ? spike.at % numbering_.exchanges * numbering_.places +
                                                spike.at / numbering_.exchanges
                                          : spike.at)] += spike.delay;
    return {delay_, {}};
  }

 private:
  /// The first message of a part of a chunk, and how many it has.
  std::pair<std::int64_t, std::int64_t> messages(InNetworkPart part, std::int64_t chunk) const {
    const std::int64_t rows = numbering_.exchanges * numbering_.places;
    switch (part) {
      case InNetworkPart::fold:
        return {numbering_.folding(), numbering_.places};
      case InNetworkPart::scatter:
        return {numbering_.scatter(chunk, 0), rows};
      case InNetworkPart::up:
        return {numbering_.up(chunk), numbering_.vertices};
      case InNetworkPart::down:
        return {numbering_.down(chunk), numbering_.vertices};
      case InNetworkPart::gather:
        return {numbering_.gather(chunk, 0), rows};
      default:
        return {numbering_.unfolding(), numbering_.places};
    }
  }

  void collect_spikes() {
    InNetworkPart part = InNetworkPart::fold;
    for (SpikeSequence spikes(noise_, group_, numbering_.messages()); !spikes.done();
         spikes.next()) {
      const std::int64_t number = spikes.message();
      while (part != InNetworkPart::unfold && number >= end_of(part))
        part = static_cast<InNetworkPart>(static_cast<int>(part) + 1);
      const auto [first, count] = messages(part, 0);
      const bool chunked = part != InNetworkPart::fold && part != InNetworkPart::unfold;
      const std::int64_t chunk = chunked                         ? (number - first) / count
                                 : part == InNetworkPart::unfold ? numbering_.chunks - 1
                                                                 : 0;
      std::int64_t at = number - first - (chunked ? chunk * count : 0);
      if (exchange(part))
        at = at % numbering_.places * numbering_.exchanges + at / numbering_.places;
      spikes_.push_back({chunk, part, at, spikes.delay()});
    }
    std::sort(spikes_.begin(), spikes_.end(), [](const InNetworkSpike& a, const InNetworkSpike& b) {
      return std::tie(a.chunk, a.part, a.at) < std::tie(b.chunk, b.part, b.at);
    });
  }
  std::int64_t end_of(InNetworkPart part) const {
    switch (part) {
      case InNetworkPart::fold:
        return numbering_.scatter(0, 0);
      case InNetworkPart::scatter:
        return numbering_.up(0);
      case InNetworkPart::up:
        return numbering_.down(0);
      case InNetworkPart::down:
        return numbering_.gather(0, 0);
      default:
        return numbering_.unfolding();
    }
  }

  const MessageNoise& noise_;
  std::int64_t group_;
  InNetworkNumbering numbering_;
  std::vector<InNetworkSpike> spikes_;
  std::size_t next_ = 0;
  std::vector<std::int64_t> followed_;
  std::vector<float> dense_;
  std::vector<double> delay_;
};

}  // namespace lockstep
