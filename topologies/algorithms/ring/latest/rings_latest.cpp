#include "topologies/algorithms/ring/latest/rings_latest.hpp"

#include <algorithm>
#include <utility>

#include "topologies/algorithms/latest_by_run.hpp"

namespace lockstep {
namespace {

/// Share of late messages from where on kernels, which visit all of them, cost less.
constexpr double dense = 1e-3;

}  // namespace

RingsLatest::RingsLatest(const CollectiveTrial& trial, std::vector<std::vector<RingChannel>> groups,
                         std::int64_t ranks, std::int64_t messages_per_group, const double* after)
    : trial_(trial),
      channels_(std::move(groups)),
      ranks_(ranks),
      messages_(messages_per_group),
      after_(after),
      groups_(std::make_unique<Group[]>(channels_.size())),
      cost_(std::make_unique_for_overwrite<double[]>(channels_.size() *
                                                     static_cast<std::size_t>(ranks))) {}

const std::vector<RingLatest>& RingsLatest::rings(std::int64_t number) const {
  Group& group = groups_[static_cast<std::size_t>(number)];
  std::call_once(group.once, [&] {
    const auto ranks = static_cast<std::size_t>(ranks_);
    const double* const after = after_ + number * ranks_;
    std::vector<double> own(ranks);
    for (const RingChannel& channel : channels_[static_cast<std::size_t>(number)]) {
      for (std::size_t i = 0; i < ranks; ++i) own[i] = after[channel.order[i]];
      group.rings.push_back(channel.laps->latest(own));
    }
    trial_.run_back(number, number + 1, after_, cost_.get());
  });
  return group.rings;
}

void RingsLatest::run(const MessageNoise& noise, std::int64_t first_group, std::int64_t last_group,
                      const double* ready, double* latest) const {
  std::fill_n(latest, last_group - first_group, left_out);
  if (noise.spike_probability > dense)
    return latest_by_run(trial_, noise, first_group, last_group, ranks_, ready, after_, latest);
  RingLatest::Scratch scratch;
  for (std::int64_t g = first_group; g < last_group; ++g) {
    rings(g);  // and their cost
    const double *own = ready + g * ranks_, *cost = cost_.get() + g * ranks_;
    double quiet = left_out;
#pragma omp simd reduction(max : quiet)  // the same in any order
    for (std::int64_t i = 0; i < ranks_; ++i)
      quiet = quiet > own[i] + cost[i] ? quiet : own[i] + cost[i];
    SpikeSequence spikes(noise, g, messages_);
    latest[g - first_group] = std::max(quiet, through_late(g, spikes, own, scratch));
  }
}

double RingsLatest::through_late(std::int64_t number, SpikeSequence& spikes, const double* ready,
                                 RingLatest::Scratch& scratch) const {
  const auto& channels = channels_[static_cast<std::size_t>(number)];
  std::vector<double>& own = scratch.ready;
  own.resize(static_cast<std::size_t>(ranks_));
  double latest = left_out;
  std::int64_t first_message = 0;
  for (std::size_t c = 0; c < channels.size() && !spikes.done(); ++c) {
    first_message += channels[c].laps->take_events(spikes, first_message, scratch.events);
    if (scratch.events.empty()) continue;
    for (std::size_t i = 0; i < own.size(); ++i)
      own[i] = ready[channels[c].order[i]] + channels[c].start_up;
    const RingLatest& ring = rings(number)[c];
    latest = std::max(latest, ring.run(scratch.events, own, scratch));
  }
  return latest;
}

}  // namespace lockstep
