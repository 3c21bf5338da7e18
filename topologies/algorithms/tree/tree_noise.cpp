#include "topologies/algorithms/tree/tree_noise.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

namespace lockstep {

TreeNoise::TreeNoise(const MessageNoise& noise, const TreeNumbering& numbering, const LaneRun& run,
                     const Tree& shape, std::int64_t tree)
    : noise_(noise), numbering_(numbering), run_(run), shape_(shape), tree_(tree) {
  for (std::size_t lane = 0; lane < run.used(); ++lane)
    if (lane == 0 || run.lanes[lane].group != run.lanes[lane - 1].group)
      collect_spikes(run.lanes[lane].group);
  set_stops();
  for (std::size_t phase : {0u, 1u})
    std::sort(spikes_[phase].begin(), spikes_[phase].end(), [&](const Spike& a, const Spike& b) {
      const auto key = [&](const Spike& s) {
        return std::pair(s.stop / stops_at_once, phase == 0 ? s.visit : -s.visit);
      };
      return key(a) < key(b);
    });
}

void TreeNoise::collect_spikes(std::int64_t group) {
  SpikeSequence spikes(noise_, group, numbering_.messages());
  for (; !spikes.done(); spikes.next()) {
    const TreeNumbering::Place at = numbering_.place_of(spikes.message());
    const LaneRun::Lane of{group, at.channel};
    const auto lane = std::find(run_.lanes.begin(), run_.lanes.end(), of) - run_.lanes.begin();
    if (at.tree != tree_ || lane == std::ssize(run_.lanes)) continue;
    const std::int32_t vertex =
        run_.vertex[static_cast<std::size_t>(lane * numbering_.ranks + at.below)];
    const std::int32_t visit = shape_.visit_of[static_cast<std::size_t>(vertex)];
    if (visit < 0) continue;  // there is no hop above the root
    spikes_[static_cast<std::size_t>(at.phase)].push_back(
        {at.chunk, visit, static_cast<std::int32_t>(lane), spikes.delay()});
  }
}

void TreeNoise::set_stops() {
  if (noise_.hop_jitter) {
    LaneRow one;
    std::fill(std::begin(one.lane), std::end(one.lane), 1);
    steps_.assign(static_cast<std::size_t>(numbering_.chunks), one);
    return;
  }
  std::array<std::vector<std::int64_t>, tree_lanes> chunks;
  for (auto& stops : chunks) stops = {0, numbering_.chunks - 1};
  for (const auto& phase : spikes_)
    for (const Spike& s : phase) chunks[static_cast<std::size_t>(s.lane)].push_back(s.stop);
  for (std::size_t lane = 0; lane < chunks.size(); ++lane) {
    auto& stops = chunks[lane];
    std::sort(stops.begin(), stops.end());
    stops.erase(std::unique(stops.begin(), stops.end()), stops.end());
    if (stops.size() > steps_.size()) steps_.resize(stops.size(), LaneRow{});
    steps_[0].lane[lane] = 1;
    for (std::size_t k = 1; k < stops.size(); ++k)
      steps_[k].lane[lane] = static_cast<double>(stops[k] - stops[k - 1]);
  }
  for (auto& phase : spikes_)
    for (Spike& s : phase) {
      const auto& stops = chunks[static_cast<std::size_t>(s.lane)];
      s.stop = std::lower_bound(stops.begin(), stops.end(), s.stop) - stops.begin();
    }
}

void TreeNoise::load(int phase, std::int64_t first) {
  const auto count = static_cast<std::size_t>(std::min(stops_at_once, stops() - first));
  noisy_.clear();
  delay_.clear();
  if (noise_.hop_jitter) fill_dense(phase, first, static_cast<std::int64_t>(count));
  const auto& spikes = spikes_[static_cast<std::size_t>(phase)];
  auto spike = std::partition_point(spikes.begin(), spikes.end(),
                                    [&](const Spike& s) { return s.stop < first; });
  for (; spike != spikes.end() && spike->stop < first + stops_at_once; ++spike) {
    auto at = static_cast<std::size_t>(phase == 0 ? spike->visit
                                                  : std::ssize(shape_.visits) - 1 - spike->visit);
    if (!noise_.hop_jitter) {
      if (noisy_.empty() || noisy_.back() != spike->visit) {
        noisy_.push_back(spike->visit);
        delay_.resize(delay_.size() + count, LaneRow{});
      }
      at = noisy_.size() - 1;
    }
    delay_[at * count + static_cast<std::size_t>(spike->stop - first)].lane[spike->lane] +=
        spike->delay;
  }
  noisy_.push_back(phase == 0 ? std::numeric_limits<std::int32_t>::max() : -1);
}

void TreeNoise::fill_dense(int phase, std::int64_t first, std::int64_t stops) {
  const std::size_t visits = shape_.visits.size(),
                    ranks = static_cast<std::size_t>(numbering_.ranks);
  noisy_.resize(visits);
  std::iota(noisy_.begin(), noisy_.end(), 0);
  if (phase == 1) std::reverse(noisy_.begin(), noisy_.end());
  delay_.resize(visits * static_cast<std::size_t>(stops), LaneRow{});
  std::vector<float> row(run_.used() * ranks);  // (lanes, ranks)
  for (std::int64_t k = 0; k < stops; ++k) {
    for (std::size_t lane = 0; lane < run_.used(); ++lane) {
      const auto& [group, channel] = run_.lanes[lane];
      noise_.dense(group, numbering_.of(channel, phase, tree_, first + k, 0),
                   std::span(row).subspan(lane * ranks, ranks));
    }
    LaneRow* to = delay_.data() + k;
    for (std::size_t i = 0; i < visits; ++i, to += stops) {
      const std::int32_t vertex = shape_.visits[static_cast<std::size_t>(noisy_[i])].vertex;
      for (std::size_t lane = 0; lane < run_.used(); ++lane) {
        const std::int64_t below =
            run_.chips_at(vertex)[lane] - run_.lanes[lane].group * numbering_.ranks;
        to->lane[lane] = static_cast<double>(row[lane * ranks + static_cast<std::size_t>(below)]);
      }
    }
  }
}

}  // namespace lockstep
