#include "topologies/algorithms/torus/torus_phase.hpp"

#include <algorithm>

#include "topologies/algorithms/torus/torus_schedule.hpp"

namespace lockstep {
namespace {

TorusRow row_of(const TorusPhase& phase, std::int64_t outer, std::int64_t inner) {
  TorusRow row;
  row.outer = outer;
  row.length = phase.length;
  row.inner = inner;
  row.forward = phase.forward;
  row.bytes = phase.bytes;
  row.latency = phase.latency;
  return row;
}

bool is_long(const TorusPhase& phase) {
  return phase.length >= TorusLongLine::least;
}

/// So few lines that their rows stay in the first cache, and enough to fill registers; long ones by
/// themselves.
std::size_t lines_together(const TorusPhase& phase) {
  if (is_long(phase)) return 1;
  return static_cast<std::size_t>(std::max<std::int64_t>(8, 1024 / phase.length));
}

void sort_by_row(std::span<LineSpike> spikes) {
  std::sort(spikes.begin(), spikes.end(),
            [](const LineSpike& a, const LineSpike& b) { return a.row < b.row; });
}

}  // namespace

std::vector<LineSpike> take_spikes(SpikeSequence& spikes, const TorusPhase& phase,
                                   std::int64_t first_message) {
  std::vector<LineSpike> taken;
  const std::int64_t ranks = phase.ranks(), end = first_message + phase.rows() * ranks;
  for (; !spikes.done() && spikes.message() < end; spikes.next()) {
    const std::int64_t number = spikes.message() - first_message, rank = number % ranks;
    taken.push_back({number / ranks,
                     rank / (phase.length * phase.inner) * phase.inner + rank % phase.inner,
                     rank / phase.inner % phase.length, spikes.delay()});
  }
  return taken;
}

/// Takes state_ through the rows of a phase; `own` is for the first. add_noise(k) adds to row k.
template <class AddNoise>
void TorusPhaseRunner::run_rows(TorusRow row, const std::vector<double>& own, std::int64_t rows,
                                const AddNoise& add_noise) {
  next_.resize(state_.size());
  row.seconds_per_byte = rate_.data();
  for (std::int64_t k = 0; k < rows; ++k) {
    row.state = state_.data();
    row.own = k == 0 ? own.data() : state_.data();
    row.next = next_.data();
    torus_kernels().advance(row);
    state_.swap(next_);
    add_noise(k);
  }
}

/// Some lines, in order, copied to lie side by side, (length, lines); they end in state_.
void TorusPhaseRunner::run_some(const TorusPhase& phase, Lines lines, std::span<LineSpike> spikes) {
  sort_by_row(spikes);
  if (is_long(phase)) {
    state_.resize(static_cast<std::size_t>(phase.length));
    long_line_.run(phase, lines.front(), spikes, state_.data());
    return;
  }
  const std::size_t count = lines.size();
  for (auto* array : {&state_, &own_, &rate_})
    array->resize(count * static_cast<std::size_t>(phase.length));
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t first = phase.rank(lines[i].line, 0);
    for (std::int64_t place = 0; place < phase.length; ++place) {
      const std::size_t at = static_cast<std::size_t>(place) * count + i;
      const std::int64_t rank = first + place * phase.inner;
      state_[at] = phase.part[rank];
      own_[at] = phase.port ? std::max(state_[at], phase.port[rank]) : state_[at];
      rate_[at] = lines[i].rate ? lines[i].into(place, phase) : phase.rate[lines[i].line];
    }
  }
  auto spike = spikes.begin();
  const TorusRow row = row_of(phase, 1, static_cast<std::int64_t>(count));
  run_rows(row, own_, phase.rows(), [&](std::int64_t k) {
    for (; spike != spikes.end() && spike->row == k; ++spike) {
      const auto line = std::partition_point(
          lines.begin(), lines.end(), [&](const UnequalLine& l) { return l.line < spike->line; });
      state_[static_cast<std::size_t>(spike->place) * count +
             static_cast<std::size_t>(line - lines.begin())] += spike->delay;
    }
  });
}

void TorusPhaseRunner::find_first_ranks(const TorusPhase& phase, Lines lines) {
  first_.clear();
  for (const UnequalLine& line : lines) first_.push_back(phase.rank(line.line, 0));
}

/// Of every hop, into each rank.
void TorusPhaseRunner::set_rates(const TorusPhase& phase, Lines unequal) {
  rate_.resize(static_cast<std::size_t>(phase.ranks()));
  for (std::int64_t line = 0; line < phase.lines(); ++line)
    for (std::int64_t place = 0; place < phase.length; ++place)
      rate_[static_cast<std::size_t>(phase.rank(line, place))] = phase.rate[line];
  for (const UnequalLine& line : unequal)
    for (std::int64_t place = 0; place < phase.length; ++place)
      rate_[static_cast<std::size_t>(phase.rank(line.line, place))] = line.into(place, phase);
}

/// All lines where they lie.
void TorusPhaseRunner::run_all(const TorusPhase& phase, Lines unequal,
                               std::span<const LineSpike> spikes, const DenseRows& dense) {
  const auto ranks = static_cast<std::size_t>(phase.ranks());
  state_.assign(phase.part, phase.part + ranks);
  own_ = state_;
  if (phase.port)
    for (std::size_t i = 0; i < ranks; ++i) own_[i] = std::max(own_[i], phase.port[i]);
  set_rates(phase, unequal);
  SpikeSequence none(dense.noise, dense.group, 0);
  auto spike = spikes.begin();
  run_rows(row_of(phase, phase.outer, phase.inner), own_, phase.rows(), [&](std::int64_t k) {
    add_row_noise(dense.noise, none, dense.group, (dense.first_row + k) * phase.ranks(), state_);
    for (; spike != spikes.end() && spike->row == k; ++spike)
      state_[static_cast<std::size_t>(phase.rank(spike->line, spike->place))] += spike->delay;
  });
  std::copy(state_.begin(), state_.end(), phase.out);
}

void TorusPhaseRunner::run_line(const TorusPhase& phase, bool scatter, Lines unequal,
                                std::span<LineSpike> spikes, const DenseRows* dense) {
  const std::int64_t ranks = phase.ranks();
  state_.assign(phase.part, phase.part + ranks);
  set_rates(phase, unequal);
  sort_by_row(spikes);
  auto spike = spikes.begin();
  SpikeSequence none(dense ? dense->noise : MessageNoise{}, dense ? dense->group : 0, 0);
  for (std::int64_t row = 0; row < phase.rows(); ++row) {
    next_.assign(static_cast<std::size_t>(ranks), 0.0);  // delays of the row
    if (dense)
      add_row_noise(dense->noise, none, dense->group, (dense->first_row + row) * ranks, next_);
    for (; spike != spikes.end() && spike->row == row; ++spike)
      next_[static_cast<std::size_t>(phase.rank(spike->line, spike->place))] += spike->delay;
    // Places counted from the beginning of the way. From the last one back, each finds the one
    // before it as it was.
    const std::int64_t first = scatter ? 1 : row + 1, last = scatter ? row + 1 : phase.length - 1;
    for (std::int64_t o = 0; o < phase.outer; ++o)
      for (std::int64_t m = last; m >= first; --m) {
        const bool begins = scatter ? m == last : row == 0;
        const std::int64_t place = phase.forward ? m : phase.length - 1 - m;
        const std::int64_t into = (o * phase.length + place) * phase.inner;
        const std::int64_t from = into + (phase.forward ? -phase.inner : phase.inner);
        for (std::int64_t i = 0; i < phase.inner; ++i) {
          double& state = state_[static_cast<std::size_t>(into + i)];
          const double gap = rate_[static_cast<std::size_t>(into + i)] * phase.bytes;
          const double own = begins && phase.port ? std::max(state, phase.port[into + i]) : state;
          const double passed = state_[static_cast<std::size_t>(from + i)] + (phase.latency + gap);
          state = std::max(own + gap, passed) + next_[static_cast<std::size_t>(into + i)];
        }
      }
  }
  std::copy(state_.begin(), state_.end(), phase.out);
}

void TorusPhaseRunner::run_ring_exchange(const TorusPhase& phase, Lines unequal,
                                         std::span<LineSpike> spikes, const DenseRows* dense) {
  const auto ranks = static_cast<std::size_t>(phase.ranks());
  state_.assign(phase.part, phase.part + ranks);
  own_ = state_;
  if (phase.port)
    for (std::size_t i = 0; i < ranks; ++i) own_[i] = std::max(own_[i], phase.port[i]);
  set_rates(phase, unequal);
  sort_by_row(spikes);
  auto spike = spikes.begin();
  SpikeSequence none(dense ? dense->noise : MessageNoise{}, dense ? dense->group : 0, 0);
  TorusRow row = row_of(phase, phase.outer, phase.inner);
  row.seconds_per_byte = rate_.data();
  next_.resize(ranks);
  for (std::int64_t k = 0; k < phase.length / 2; ++k) {
    row.bytes = phase.bytes * exchange_blocks(phase.length, k);
    row.state = state_.data();
    row.own = k == 0 ? own_.data() : state_.data();
    row.next = next_.data();
    torus_kernels().advance(row);
    state_.swap(next_);
    if (dense)
      add_row_noise(dense->noise, none, dense->group, (dense->first_row + k) * phase.ranks(),
                    state_);
    for (; spike != spikes.end() && spike->row == k; ++spike)
      state_[static_cast<std::size_t>(phase.rank(spike->line, spike->place))] += spike->delay;
  }
  std::copy(state_.begin(), state_.end(), phase.out);
}

void TorusPhaseRunner::run_line_exchange(const TorusPhase& phase, Lines unequal,
                                         std::span<LineSpike> spikes, const DenseRows* dense) {
  const std::int64_t length = phase.length, rows = length * length / 4, ranks = phase.ranks();
  set_rates(phase, unequal);
  std::vector<double> delay(static_cast<std::size_t>(rows * ranks), 0.0);
  SpikeSequence none(dense ? dense->noise : MessageNoise{}, dense ? dense->group : 0, 0);
  if (dense) add_row_noise(dense->noise, none, dense->group, dense->first_row * ranks, delay);
  for (const LineSpike& spike : spikes)
    delay[static_cast<std::size_t>(spike.row * ranks + phase.rank(spike.line, spike.place))] +=
        spike.delay;
  std::vector<double> before, arrival;
  for (std::int64_t line = 0; line < phase.lines(); ++line) {
    const auto rank_at = [&](std::int64_t m) {
      return phase.rank(line, phase.forward ? m : length - 1 - m);
    };
    double sender = phase.part[rank_at(0)];  // when the place before holds what is its own
    phase.out[rank_at(0)] = sender;
    for (std::int64_t m = 1; m < length; ++m) {
      const std::int64_t rank = rank_at(m);
      const double gap = rate_[static_cast<std::size_t>(rank)] * phase.bytes;
      const double part = phase.part[rank];
      double last = phase.port ? std::max(part, phase.port[rank]) : part;
      arrival.clear();
      for (std::int64_t n = 0; n < m * (length - m); ++n) {
        const std::int64_t same = message_before(n, m, length);
        const double held = same < 0 ? sender : before[static_cast<std::size_t>(same)];
        last = std::max(last + gap, held + (phase.latency + gap)) +
               delay[static_cast<std::size_t>(n * ranks + rank)];
        arrival.push_back(last);
      }
      phase.out[rank] = last;
      sender = part;
      before.swap(arrival);
    }
  }
}

/// Lines with unequal hops row by row: with c the way from a row's arrival to the end and
/// e(i) = c(i) + g(i), the row before has c(i) = max(e(i), e(i + 1) + latency), so that e is a row
/// the other way round. They come first, for the closed form may overwrite `after`.
void TorusPhaseRunner::run_back(const TorusPhase& phase, Lines unequal, const double* after,
                                double* part, double* port) {
  const std::size_t together = lines_together(phase);
  done_.clear();
  own_.clear();
  for (std::size_t i = 0; i < unequal.size(); i += together)
    run_some_back(phase, unequal.subspan(i, std::min(together, unequal.size() - i)), after, part,
                  port);
  scratch_.resize(static_cast<std::size_t>(torus_scratch(phase.length)));
  if (std::ssize(unequal) < phase.lines())
    torus_kernels().run_equal_hops_back(phase, after, part, port, scratch_.data());
  put_back(phase, unequal, done_, part);
  if (port) put_back(phase, unequal, own_, port);
}

/// Appends what some lines raise `part` and `port` to to done_ and own_.
void TorusPhaseRunner::run_some_back(const TorusPhase& phase, Lines lines, const double* after,
                                     const double* part, const double* port) {
  const std::size_t count = lines.size(), length = static_cast<std::size_t>(phase.length);
  for (auto* array : {&state_, &next_, &rate_}) array->resize(count * length);
  find_first_ranks(phase, lines);
  if (is_long(phase)) {
    long_line_.run_back(phase, lines.front(), after, next_.data(), state_.data());
  } else {
    std::size_t at = 0;
    for (std::int64_t place = 0; place < phase.length; ++place)
      for (std::size_t i = 0; i < count; ++i, ++at) {
        rate_[at] = lines[i].into(place, phase);
        state_[at] = after[first_[i] + place * phase.inner] + rate_[at] * phase.bytes;
      }
    TorusRow row = row_of(phase, 1, static_cast<std::int64_t>(count));
    row.forward = !phase.forward;
    run_rows(row, state_, phase.rows() - 1, [](std::int64_t) {});
    for (std::size_t place = 0; place < length; ++place) {
      const std::size_t next = (place + (phase.forward ? 1 : length - 1)) % length;
      for (std::size_t i = 0; i < count; ++i)
        next_[place * count + i] =
            std::max(state_[place * count + i], state_[next * count + i] + phase.latency);
    }
  }
  const auto append = [&](const std::vector<double>& raised, const double* times,
                          std::vector<double>& to) {
    std::size_t at = to.size();
    to.insert(to.end(), raised.begin(), raised.end());
    for (std::int64_t place = 0; place < phase.length; ++place)
      for (std::size_t i = 0; i < count; ++i, ++at)
        to[at] = std::max(to[at], times[first_[i] + place * phase.inner]);
  };
  append(next_, part, done_);
  if (port) append(state_, port, own_);
}

/// `from`: lines_together() side by side after the other, (length, lines).
void TorusPhaseRunner::put_back(const TorusPhase& phase, Lines lines,
                                const std::vector<double>& from, double* to) {
  const std::size_t together = lines_together(phase);
  const double* done = from.data();
  for (std::size_t i = 0; i < lines.size(); i += together) {
    const std::size_t count = std::min(together, lines.size() - i);
    for (std::size_t j = 0; j < count; ++j) {
      double* const line = to + phase.rank(lines[i + j].line, 0);
      for (std::int64_t place = 0; place < phase.length; ++place)
        line[place * phase.inner] = done[static_cast<std::size_t>(place) * count + j];
    }
    done += count * static_cast<std::size_t>(phase.length);
  }
}

void TorusPhaseRunner::run_line_back(const TorusPhase& phase, bool scatter, Lines unequal,
                                     const double* after, double* part, double* port) {
  set_rates(phase, unequal);
  state_.assign(after, after + phase.ranks());
  for (std::int64_t row = phase.rows(); row-- > 0;) {
    const std::int64_t first = scatter ? 1 : row + 1, last = scatter ? row + 1 : phase.length - 1;
    for (std::int64_t o = 0; o < phase.outer; ++o)
      for (std::int64_t m = first; m <= last; ++m) {
        const bool begins = scatter ? m == last : row == 0;
        const std::int64_t place = phase.forward ? m : phase.length - 1 - m;
        const std::int64_t into = (o * phase.length + place) * phase.inner;
        const std::int64_t from = into + (phase.forward ? -phase.inner : phase.inner);
        for (std::int64_t i = 0; i < phase.inner; ++i) {
          double& own = state_[static_cast<std::size_t>(into + i)];
          double& sender = state_[static_cast<std::size_t>(from + i)];
          own += rate_[static_cast<std::size_t>(into + i)] * phase.bytes;
          sender = std::max(sender, own + phase.latency);
          if (begins && port) port[into + i] = std::max(port[into + i], own);
        }
      }
  }
  for (std::int64_t i = 0; i < phase.ranks(); ++i)
    part[i] = std::max(part[i], state_[static_cast<std::size_t>(i)]);
}

void TorusPhaseRunner::run(const TorusPhase& phase, std::span<const UnequalLine> unequal,
                           std::span<LineSpike> spikes, const DenseRows* dense) {
  if (dense) {
    sort_by_row(spikes);
    run_all(phase, unequal, spikes, *dense);
    return;
  }
  std::sort(spikes.begin(), spikes.end(),
            [](const LineSpike& a, const LineSpike& b) { return a.line < b.line; });
  lines_.assign(unequal.begin(), unequal.end());
  for (const LineSpike& spike : spikes) lines_.push_back({spike.line, nullptr});
  std::stable_sort(lines_.begin(), lines_.end(),
                   [](const UnequalLine& a, const UnequalLine& b) { return a.line < b.line; });
  const auto same = [](const UnequalLine& a, const UnequalLine& b) { return a.line == b.line; };
  lines_.erase(std::unique(lines_.begin(), lines_.end(), same), lines_.end());

  // These lines first, for the closed form may overwrite what they start from.
  const std::size_t together = lines_together(phase);
  done_.clear();
  auto spike = spikes.begin();
  for (std::size_t i = 0; i < lines_.size(); i += together) {
    const Lines lines = Lines(lines_).subspan(i, std::min(together, lines_.size() - i));
    const auto first = spike;
    while (spike != spikes.end() && spike->line <= lines.back().line) ++spike;
    run_some(phase, lines, {first, spike});
    done_.insert(done_.end(), state_.begin(), state_.end());
  }
  scratch_.resize(static_cast<std::size_t>(torus_scratch(phase.length)));
  if (std::ssize(lines_) < phase.lines()) torus_kernels().run_equal_hops(phase, scratch_.data());
  put_back(phase, lines_, done_, phase.out);
}

}  // namespace lockstep
