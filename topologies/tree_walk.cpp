#include "topologies/tree_walk.hpp"

#include <algorithm>

namespace lockstep {

RowNoise::RowNoise(const MessageNoise& noise, const LaneRun& run, std::int64_t width,
                   std::int64_t messages)
    : noise_(noise),
      run_(run),
      width_(width),
      delay_(static_cast<std::size_t>(width) * run.groups.size()) {
  for (std::int64_t lane = 0; lane < run.used; ++lane)
    spikes_.emplace_back(noise, run.groups[static_cast<std::size_t>(lane)], messages);
}

bool RowNoise::quiet() const {
  return !noise_.hop_jitter && std::all_of(spikes_.begin(), spikes_.end(),
                                           [](const SpikeSequence& s) { return s.done(); });
}

const double* RowNoise::load(std::int64_t row) {
  for (std::size_t cell : touched_) delay_[cell] = 0;
  touched_.clear();
  const std::int64_t first = row * width_;
  for (std::size_t lane = 0; lane < spikes_.size(); ++lane) {
    if (noise_.hop_jitter)
      for (std::int64_t place = 0; place < width_; ++place)
        add(place, lane, noise_.dense(run_.groups[lane], first + place));
    SpikeSequence& spikes = spikes_[lane];
    for (; !spikes.done() && spikes.message() < first + width_; spikes.next())
      add(spikes.message() - first, lane, spikes.delay());
  }
  return touched_.empty() ? nullptr : delay_.data();
}

void RowNoise::add(std::int64_t place, std::size_t lane, double delay) {
  touched_.push_back(static_cast<std::size_t>(place) * run_.groups.size() + lane);
  delay_[touched_.back()] += delay;
}

}  // namespace lockstep
