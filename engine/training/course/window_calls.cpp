#include "engine/training/course/window_calls.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>
#include <utility>

#include "engine/base/parallel_for.hpp"

namespace lockstep {
namespace {

/// visit(first, last) for the calls that hold some of `groups`, in order, of `count` in all; for
/// these alone where a call holds few of them.
template <class Visit>
void over_calls(std::span<const std::int64_t> groups, const Collective& collective,
                std::int64_t count, const Visit& visit) {
  const std::int64_t together = collective.groups_per_call();
  for (auto begin = groups.begin(); begin != groups.end();) {
    const std::int64_t first = *begin / together * together;
    const auto end = std::find_if(begin, groups.end(),
                                  [&](std::int64_t group) { return group >= first + together; });
    if (end - begin > collective.most_alone())
      visit(first, std::min(first + together, count));
    else
      std::for_each(begin, end, [&](std::int64_t group) { visit(group, group + 1); });
    begin = end;
  }
}

}  // namespace

WindowCalls::WindowCalls(const DesignPoint& point, Window window, std::size_t rows)
    : point_(point), chunks_(point.chunks()) {
  for (std::size_t p = 0; p < rows; ++p) {
    if (!planned(p).is_of(window) || planned(p).free) continue;
    phases_.push_back(p);
    time_ += planned(p).noise_free_time;
  }
}

void WindowCalls::begin(const LinkState& links, const StageWindow* known) {
  const bool healthy = links.link.empty() && links.tier.empty();
  const bool is_known = known && known->usable();
  trials_.clear();
  own_trials_.clear();
  std::vector<double> kept;
  for (std::size_t p : phases_) {
    trials_.push_back(healthy && is_known ? known->healthy() : nullptr);
    if (trials_.back()) continue;
    own_trials_.push_back(planned(p).collective->begin_trial(planned(p).links(links, kept)));
    trials_.back() = own_trials_.back().get();
  }
  by_chains_.clear();
  by_chains_.resize(phases_.size());
  times_ = nullptr;
  group_times_.reset();
  if (is_known && links.tier.empty()) group_times_.emplace(*known, *trials_.front());
  find_took(links);
  if (!group_times_) return;
  const std::vector<std::int64_t> slowed =
      planned(known->phase()).collective->slowed_groups(links.link, point_.layout().replicas);
  if (!slowed.empty()) own_times_ = known->times_with(*group_times_, slowed);
  times_ = slowed.empty() ? known->times().data() : own_times_.data();
}

void WindowCalls::find_took(const LinkState& links) {
  const Layout& layout = point_.layout();
  took_.assign(static_cast<std::size_t>(layout.groups()), 0.0);
  row_times_.clear();
  std::vector<double> kept;
  for (std::size_t i = 0; i < phases_.size(); ++i) {
    const PlannedPhase& phase = planned(phases_[i]);
    const std::int64_t ranks = phase.groups.ranks;
    std::vector<double>& times = row_times_.emplace_back(phase.row_times);
    std::vector<std::int64_t> slowed =
        phase.collective->slowed_groups(phase.links(links, kept).link, ranks);
    if (!links.tier.empty()) {
      slowed.resize(times.size());
      std::iota(slowed.begin(), slowed.end(), 0);
    }
    if (!slowed.empty() && !group_times_) {
      begin_.assign(static_cast<std::size_t>(layout.chips()), 0.0);
      end_.resize(begin_.size());
      run_rows(i, slowed, {}, begin_.data(), end_.data(), 1);
    }
    for (std::int64_t row : slowed)
      times[static_cast<std::size_t>(row)] =
          group_times_
              ? group_times_->longest(row)
              : *std::max_element(end_.begin() + row * ranks, end_.begin() + (row + 1) * ranks);
    std::vector<double> slowest(took_.size(), 0.0);
    for (std::int64_t row = 0; row < phase.rows; ++row) {
      double& time = slowest[static_cast<std::size_t>(group_of(i, row))];
      time = std::max(time, times[static_cast<std::size_t>(row)]);
    }
    for (std::size_t g = 0; g < took_.size(); ++g) took_[g] += slowest[g];
  }
  stage_took_.assign(static_cast<std::size_t>(layout.pipeline), 0.0);
  for (std::size_t g = 0; g < took_.size(); ++g) {
    double& slowest = stage_took_[g / static_cast<std::size_t>(layout.tensor)];
    slowest = std::max(slowest, took_[g]);
  }
}

/// `phase` counts those of the window.
std::int64_t WindowCalls::group_of(std::size_t phase, std::int64_t row) const {
  const PlannedPhase& of = planned(phases_[phase]);
  if (of.places.empty()) return row;
  return of.places[static_cast<std::size_t>(row * of.groups.ranks)] / point_.layout().replicas;
}

MessageNoise WindowCalls::noise_of(std::size_t phase, const StepNoise& noise) const {
  if (!noise.noise) return {};
  return message_noise(*noise.noise, noise.seed, noise.trial, noise.step,
                       planned(phases_[phase]).phase->number);
}

/// The calls that hold `rows`, in order.
void WindowCalls::run_rows(std::size_t phase, std::span<const std::int64_t> rows,
                           const MessageNoise& noise, const double* ready, double* finish,
                           const Execution& how) const {
  const PlannedPhase& of = planned(phases_[phase]);
  std::vector<std::pair<std::int64_t, std::int64_t>> calls;
  over_calls(rows, *of.collective, of.rows,
             [&](std::int64_t first, std::int64_t last) { calls.emplace_back(first, last); });
  const bool few = std::ssize(calls) < how.workers();  // then the workers share each call
  parallel_for(few ? how.with(1) : how, std::ssize(calls), [&](std::int64_t one) {
    const auto [first, last] = calls[static_cast<std::size_t>(one)];
    trials_[phase]->run(noise, first, last, ready, finish, few ? how : how.with(1));
  });
}

void WindowCalls::run_first(std::span<const std::int64_t> groups, const StepNoise& noise, bool late,
                            const double* ready, double* finish, const Execution& how) {
  const Layout& layout = point_.layout();
  const auto copy_rows = [&](const double* from, double* to) {
    for (std::int64_t g : groups)
      std::copy_n(from + layout.at(g, 0), layout.replicas, to + layout.at(g, 0));
  };
  copy_rows(ready, finish);
  begin_.resize(static_cast<std::size_t>(layout.chips()));
  end_.resize(begin_.size());
  std::vector<std::uint8_t> is_asked(static_cast<std::size_t>(layout.groups()), 0);
  for (std::int64_t g : groups) is_asked[static_cast<std::size_t>(g)] = 1;
  for (std::size_t i = 0; i < phases_.size(); ++i) {
    const std::vector<std::int32_t>& places = planned(phases_[i]).places;
    const std::int64_t ranks = planned(phases_[i]).groups.ranks;
    MessageNoise drawn = noise_of(i, noise);
    if (!late) drawn.spike_probability = 0;
    if (places.empty()) {
      copy_rows(finish, begin_.data());
      run_rows(i, groups, drawn, begin_.data(), end_.data(), how);
      copy_rows(end_.data(), finish);
      continue;
    }
    std::vector<std::int64_t> rows;
    for (std::int64_t row = 0; row < planned(phases_[i]).rows; ++row)
      if (is_asked[static_cast<std::size_t>(group_of(i, row))]) rows.push_back(row);
    for (std::int64_t row : rows)
      for (std::int64_t at = row * ranks; at < (row + 1) * ranks; ++at)
        begin_[static_cast<std::size_t>(at)] = finish[places[static_cast<std::size_t>(at)]];
    run_rows(i, rows, drawn, begin_.data(), end_.data(), how);
    for (std::int64_t row : rows)
      for (std::int64_t at = row * ranks; at < (row + 1) * ranks; ++at)
        finish[places[static_cast<std::size_t>(at)]] = end_[static_cast<std::size_t>(at)];
  }
}

std::vector<WindowCalls::LateGroup> WindowCalls::find_late(const StepNoise& noise) const {
  std::map<std::int64_t, LateGroup> late;
  for (std::size_t i = 0; i < phases_.size(); ++i) {
    const MessageNoise drawn = noise_of(i, noise);
    if (!(drawn.spike_probability > 0)) continue;
    const std::int64_t messages = planned(phases_[i]).collective->messages_per_group();
    for (std::int64_t row = 0; row < planned(phases_[i]).rows; ++row) {
      SpikeSequence spikes(drawn, row, chunks_ * messages);
      if (spikes.done()) continue;
      const std::int64_t g = group_of(i, row);
      LateGroup& group = late.try_emplace(g, LateGroup{.group = g, .others = {}}).first->second;
      for (std::int64_t before = 0; !spikes.done(); spikes.next()) {
        const std::int64_t call = spikes.message() / messages;
        if (call == 0) group.in_first += spikes.delay();
        if (call > before) group.others.push_back({i, call, spikes.start(), 0});
        if (call > 0) group.others.back().delays += spikes.delay();
        before = call;
      }
    }
  }
  std::vector<LateGroup> all;
  for (auto& [g, group] : late) all.push_back(std::move(group));
  return all;
}

std::vector<LateCall> WindowCalls::LateGroup::most() const {
  std::map<std::int64_t, double> delays;
  for (const Call& one : others) delays[one.call] += one.delays;
  std::vector<LateCall> all;
  for (const auto& [call, delay] : delays) all.push_back({call, delay});
  return all;
}

/// Of rows, in order, whose ranks all begin at 0: when the last of each ends.
std::vector<double> WindowCalls::latest_ends(std::size_t phase, std::span<const std::int64_t> rows,
                                             const MessageNoise& noise, const Execution& how) {
  const PlannedPhase& of = planned(phases_[phase]);
  const std::int64_t ranks = of.groups.ranks, together = of.collective->groups_per_call();
  std::vector<double> ends;
  zeros_.resize(static_cast<std::size_t>(point_.layout().chips()));
  if (!by_chains_[phase]) by_chains_[phase] = trials_[phase]->latest_finish(zeros_.data());
  if (const auto& by_chains = *by_chains_[phase]) {
    std::vector<double> latest(static_cast<std::size_t>(together));
    std::size_t next = 0;
    over_calls(rows, *of.collective, of.rows, [&](std::int64_t first, std::int64_t last) {
      by_chains->run(noise, first, last, zeros_.data(), latest.data());
      for (; next < rows.size() && rows[next] < last; ++next)
        ends.push_back(latest[static_cast<std::size_t>(rows[next] - first)]);
    });
    return ends;
  }
  end_.resize(zeros_.size());
  run_rows(phase, rows, noise, zeros_.data(), end_.data(), how);
  for (std::int64_t row : rows)
    ends.push_back(*std::max_element(end_.begin() + row * ranks, end_.begin() + (row + 1) * ranks));
  return ends;
}

/// A chunk's phases follow one another: the longest of a phase's rows, summed over phases.
std::vector<std::vector<LateCall>> WindowCalls::delays(std::span<const LateGroup> groups,
                                                       const StepNoise& noise,
                                                       const Execution& how) {
  using Of = std::tuple<std::size_t, std::int64_t>;  // phase, call
  struct Row {
    SpikeStart start;
    std::size_t group;
  };
  std::map<Of, std::vector<Row>> calls;
  for (std::size_t g = 0; g < groups.size(); ++g)
    for (const LateGroup::Call& one : groups[g].others)
      calls[{one.phase, one.call}].push_back({one.start, g});
  std::vector<std::map<std::int64_t, double>> delay(groups.size());  // by call
  for (auto& [of, rows] : calls) {
    const auto [phase, call] = of;
    const Collective& collective = *planned(phases_[phase]).collective;
    std::ranges::sort(rows, {}, [](const Row& row) { return row.start.group; });
    std::vector<std::int64_t> numbers;
    std::vector<SpikeStart> starts;
    for (const Row& row : rows) {
      numbers.push_back(row.start.group);
      starts.push_back(row.start);
    }
    MessageNoise drawn = noise_of(phase, noise);
    drawn.hop_jitter = nullptr;
    drawn.first_message = call * collective.messages_per_group();
    drawn.starts = starts;
    const std::vector<double> ends = latest_ends(phase, numbers, drawn, how);
    std::map<std::size_t, double> longest;  // of groups, in this phase
    for (std::size_t i = 0; i < rows.size(); ++i) {
      double& more = longest[rows[i].group];
      more = std::max(more, ends[i] - row_times_[phase][static_cast<std::size_t>(numbers[i])]);
    }
    for (const auto& [group, more] : longest) delay[group][call] += more;
  }
  std::vector<std::vector<LateCall>> all(groups.size());
  for (std::size_t g = 0; g < groups.size(); ++g)
    for (const auto& [call, more] : delay[g]) all[g].push_back({call, more});
  return all;
}

}  // namespace lockstep
