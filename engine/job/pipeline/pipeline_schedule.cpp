#include "engine/job/pipeline/pipeline_schedule.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "engine/job/pipeline/pipeline_length.hpp"

namespace lockstep {
namespace {

constexpr auto width = static_cast<std::size_t>(pipeline_lanes);

void run(const PipelineOrder& order, const PipelineLanes* times, double transfer,
         PipelineLanes* clocks, PipelineLanes* slots) {
  pipeline_kernels().run(order.operations.data(), std::ssize(order.operations), times, transfer,
                         clocks, slots);
}

void run(const PipelineOrder& order, const RoughPipelineLanes* times, double transfer,
         RoughPipelineLanes* clocks, RoughPipelineLanes* slots) {
  pipeline_kernels().run_roughly(order.operations.data(), std::ssize(order.operations), times,
                                 static_cast<float>(transfer), clocks, slots);
}

/// Runs an order with so many lanes; scratch of its own.
template <class Real>
class Evaluation {
 public:
  Evaluation(const PipelineOrder& order, std::int64_t stages)
      : order_(order),
        clocks_(static_cast<std::size_t>(stages)),
        times_(clocks_.size() * order.costs.size()),
        slots_(static_cast<std::size_t>(order.slots)) {}

  static constexpr auto lanes = static_cast<std::size_t>(LanesOf<Real>::count);

  /// Sets what each operation takes: its share of `chunk_time(stage, lane)` and `blocked` a send.
  template <class ChunkTime>
  void set(ChunkTime chunk_time, double chunks, double blocked) {
    for (std::size_t s = 0; s < clocks_.size(); ++s) {
      std::array<double, lanes> time;
      for (std::size_t lane = 0; lane < lanes; ++lane) time[lane] = chunk_time(s, lane);
      for (std::size_t c = 0; c < order_.costs.size(); ++c) {
        const double share = order_.costs[c].share / chunks, sent = order_.costs[c].sends * blocked;
        Real* times = times_[s * order_.costs.size() + c].lane;
        for (std::size_t lane = 0; lane < lanes; ++lane)
          times[lane] = static_cast<Real>(share * time[lane] + sent);
      }
    }
  }

  /// (lanes) the end of the last stage to end.
  LanesOf<Real> run(double under_way) {
    std::fill(clocks_.begin(), clocks_.end(), LanesOf<Real>{});
    lockstep::run(order_, times_.data(), under_way, clocks_.data(), slots_.data());
    LanesOf<Real> last{};
    for (const LanesOf<Real>& clock : clocks_)
      for (std::size_t lane = 0; lane < lanes; ++lane)
        last.lane[lane] = std::max(last.lane[lane], clock.lane[lane]);
    return last;
  }

 private:
  const PipelineOrder& order_;
  std::vector<LanesOf<Real>> clocks_, times_, slots_;
};

/// Operations on the longest path.
double depth_of(const PipelineOrder& order, std::int64_t stages) {
  std::vector<std::int32_t> clocks(static_cast<std::size_t>(stages), 0);
  std::vector<std::int32_t> slots(static_cast<std::size_t>(order.slots), 0);
  for (const PipelineOperation& operation : order.operations) {
    std::int32_t& clock = clocks[static_cast<std::size_t>(operation.stage)];
    clock = 1 + std::max(clock, slots[static_cast<std::size_t>(operation.input)]);
    if (operation.output != PipelineOperation::no_output)
      slots[static_cast<std::size_t>(operation.output)] = clock;
  }
  return *std::max_element(clocks.begin(), clocks.end());
}

/// Microbatch time at a node over the transfer's.
double node(std::size_t i) {
  return i + 1 < width ? std::ldexp(1.0, 12 - static_cast<int>(i)) : 0;
}

}  // namespace

double PipelineSchedule::LikeStages::operator()(double time, double transfer) const {
  if (time >= node(0) * transfer) return transfer * at[0] + (time - node(0) * transfer) * still;
  std::size_t i = 0;
  while (time < node(i + 1) * transfer) ++i;
  const double share = (time / transfer - node(i + 1)) / (node(i) - node(i + 1));
  return transfer * (share * at[i] + (1 - share) * at[i + 1]);
}

PipelineSchedule::Split PipelineSchedule::split(const PipelineTransfer& transfer) {
  return {transfer.blocking * transfer.time, (1 - transfer.blocking) * transfer.time};
}

PipelineSchedule::PipelineSchedule(const PipelineShape& shape) : shape_(shape) {
  assert(shape.kind == Schedule::interleaved || shape.virtual_stages == 1);
  assert(shape.kind != Schedule::dual || shape.stages == 1 || shape.stages % 2 == 0);
  const bool whole = shape.kind == Schedule::interleaved;
  const bool dual = shape.kind == Schedule::dual;
  const std::int64_t p = shape.stages, m = shape.microbatches;
  const std::int64_t fitting = most_operations / ((whole ? 2 : 3) * p * shape.virtual_stages);
  if (m <= fitting)
    evaluated_ = m;
  else if (fitting >= (dual ? 3 : 2) * p)  // what is left is a whole schedule with a steady middle
    evaluated_ = m - (m - fitting + p - 1) / p * p;
  if (p == 1) return;
  PipelineShape some = shape;
  some.microbatches = evaluated_;
  if (evaluated_ > 0) order_ = pipeline_order(some, microbatch_groups(some));
  depth_ = depth_of(order_, p);
  find_like_stages();
}

void PipelineSchedule::find_like_stages() {
  const auto m = static_cast<double>(shape_.microbatches), p = static_cast<double>(shape_.stages);
  const auto v = static_cast<double>(shape_.virtual_stages);
  like_.still = lockstep::even_length(shape_);
  like_pace_.still = 1;
  if (evaluated_ == 0) {
    // Every transfer as if its sender were blocked all the time.
    like_.blocked =
        2 * (shape_.kind == Schedule::dual ? m + 2 * p : v * std::max(m, p) + std::min(m, p));
    for (std::size_t i = 0; i < width; ++i) like_.at[i] = node(i) * like_.still + like_.blocked;
    return;
  }
  const auto fill = [&](const PipelineOrder& order, LikeStages& like) {
    Evaluation<double> evaluation(order, shape_.stages);
    evaluation.set([](std::size_t, std::size_t lane) { return node(lane); }, v, 0);
    const PipelineLanes end = evaluation.run(1);
    std::copy(end.lane, end.lane + width, like.at.begin());
    evaluation.set([](std::size_t, std::size_t) { return 0.0; }, v, 1);
    like.blocked = evaluation.run(0).lane[0];
  };
  fill(order_, like_);
  const std::int64_t left = shape_.microbatches - evaluated_;
  if (left == 0) return;
  PipelineShape longer = shape_;
  longer.microbatches = evaluated_ + shape_.stages;
  fill(pipeline_order(longer, microbatch_groups(longer)), like_pace_);
  const auto settle = [&](double& end, double& pace) {
    pace = (pace - end) / p;
    end += static_cast<double>(left) * pace;
  };
  for (std::size_t i = 0; i < width; ++i) settle(like_.at[i], like_pace_.at[i]);
  settle(like_.blocked, like_pace_.blocked);
}

double PipelineSchedule::even_length(const PipelineShape& shape, const PipelineTransfer& transfer) {
  if (transfer.time == 0 || shape.stages == 1) return lockstep::even_length(shape);
  const std::vector<double> alike(static_cast<std::size_t>(shape.stages),
                                  static_cast<double>(shape.microbatches));
  return PipelineSchedule(shape).end(alike, transfer);
}

double PipelineSchedule::most_microbatches(PipelineShape shape, double length,
                                           const PipelineTransfer& transfer) {
  if (shape.kind == Schedule::interleaved && transfer.time == 0) {
    const auto p = static_cast<double>(shape.stages), v = static_cast<double>(shape.virtual_stages);
    const double full = length - (p - 1) / v;
    return std::floor(full >= p ? full : std::min(p, 1 + v * (length - p)));
  }
  // No stage is done with more than `length`.
  std::int64_t fits = 0, too_many = static_cast<std::int64_t>(std::max(0.0, length)) + 1;
  while (too_many - fits > 1) {
    shape.microbatches = fits + (too_many - fits) / 2;
    (even_length(shape, transfer) <= length ? fits : too_many) = shape.microbatches;
  }
  return static_cast<double>(fits);
}

double PipelineSchedule::bound(double sum, double slowest, double least,
                               const Split& transfer) const {
  if (transfer.under_way == 0 && transfer.blocked == 0) return still_bound(shape_, sum, slowest);
  if (shape_.stages == 1) return slowest;
  // What all stages have in common pays for the transfers, what is left has none.
  return like_(least / static_cast<double>(shape_.microbatches), transfer.under_way) +
         like_.blocked * transfer.blocked +
         still_bound(shape_, sum - static_cast<double>(shape_.stages) * least, slowest - least);
}

double PipelineSchedule::bound(std::span<const double> stage_time,
                               const PipelineTransfer& transfer) const {
  double sum = 0, slowest = 0, least = stage_time.front();
  for (double time : stage_time) {
    sum += time;
    slowest = std::max(slowest, time);
    least = std::min(least, time);
  }
  return bound(sum, slowest, least, split(transfer));
}

double PipelineSchedule::end(std::span<const double> stage_time,
                             const PipelineTransfer& transfer) const {
  double end = 0;
  const std::int32_t only = 0;
  ends(stage_time.data(), 1, {&only, 1}, &end, transfer);
  return end;
}

void PipelineSchedule::ends(const double* stage_time, std::int64_t row,
                            std::span<const std::int32_t> replicas, double* end,
                            const PipelineTransfer& transfer) const {
  evaluate<double>(stage_time, row, replicas, end, transfer, 1);
}

/// An operation rounds twice, its input to begin with and the end three times more.
void PipelineSchedule::most_ends(const double* stage_time, std::int64_t row,
                                 std::span<const std::int32_t> replicas, double* end,
                                 const PipelineTransfer& transfer) const {
  evaluate<float>(stage_time, row, replicas, end, transfer, 1 + (2 * depth_ + 4) * 0x1.01p-24);
}

/// `most`: over what a lane ends at.
template <class Real>
void PipelineSchedule::evaluate(const double* stage_time, std::int64_t row,
                                std::span<const std::int32_t> replicas, double* end,
                                const PipelineTransfer& transfer, double most) const {
  const auto stages = static_cast<std::size_t>(shape_.stages);
  const auto of = [&](std::size_t stage, std::int32_t replica) {
    return stage_time[static_cast<std::int64_t>(stage) * row + replica];
  };
  if (order_.operations.empty()) {
    std::vector<double> own(stages);
    for (std::int32_t r : replicas) {
      for (std::size_t s = 0; s < stages; ++s) own[s] = of(s, r);
      end[r] = bound(own, transfer);
    }
    return;
  }
  const auto m = static_cast<double>(shape_.microbatches);
  const Split sent = split(transfer);
  const double left = m - static_cast<double>(evaluated_);
  Evaluation<Real> evaluation(order_, shape_.stages);
  constexpr std::size_t lanes = Evaluation<Real>::lanes;
  for (std::size_t first = 0; first < replicas.size(); first += lanes) {
    const auto tile = replicas.subspan(first, std::min(lanes, replicas.size() - first));
    std::array<double, lanes> slowest{}, least{};
    evaluation.set(
        [&](std::size_t s, std::size_t lane) {
          const double time = of(s, tile[std::min(lane, tile.size() - 1)]);
          slowest[lane] = std::max(slowest[lane], time);
          least[lane] = s == 0 ? time : std::min(least[lane], time);
          return time;
        },
        m * static_cast<double>(shape_.virtual_stages), sent.blocked);
    const LanesOf<Real> last = evaluation.run(sent.under_way);
    for (std::size_t lane = 0; lane < tile.size(); ++lane) {
      double& ended = end[tile[lane]] =
          most * static_cast<double>(last.lane[lane]) + left / m * slowest[lane];
      if (left > 0 && transfer.time > 0)
        ended += left * (like_pace_(least[lane] / m, sent.under_way) - least[lane] / m +
                         like_pace_.blocked * sent.blocked);
    }
  }
}

PipelineSchedule::ChunkTimes PipelineSchedule::chunk_times() const {
  // Enough for the first microbatches to be back before the last come in.
  const std::int64_t few = (shape_.kind == Schedule::dual ? 4 : 2) * shape_.stages;
  PipelineShape some = shape_;
  std::vector<std::int64_t> groups = microbatch_groups(shape_);
  if (groups.size() > 4) {
    groups.erase(groups.begin() + 2, groups.end() - 2);
    some.microbatches = groups[0] + groups[1] + groups[2] + groups[3];
  } else if (shape_.virtual_stages == 1 && shape_.microbatches > few) {
    some.microbatches = few + shape_.microbatches % 2;
    groups = {some.microbatches};
  }
  const PipelineOrder order = pipeline_order(some, groups);
  const auto chunks = static_cast<std::size_t>(shape_.chunks());
  const std::size_t places = static_cast<std::size_t>(shape_.stages) * chunks;
  const double unit = 1 / static_cast<double>(shape_.virtual_stages);
  std::vector<double> clocks(static_cast<std::size_t>(shape_.stages), 0.0);
  std::vector<double> slots(static_cast<std::size_t>(order.slots), 0.0);
  ChunkTimes times{std::vector<double>(places, -1), std::vector<double>(places, 0)};
  for (std::size_t i = 0; i < order.operations.size(); ++i) {
    const PipelineOperation& o = order.operations[i];
    const auto stage = static_cast<std::size_t>(o.stage);
    const double start = std::max(clocks[stage], slots[static_cast<std::size_t>(o.input)]);
    const std::size_t cost = static_cast<std::size_t>(o.time) % order.costs.size();
    clocks[stage] = start + order.costs[cost].share * unit;
    if (o.output != PipelineOperation::no_output)
      slots[static_cast<std::size_t>(o.output)] = clocks[stage];
    const auto of = [&](std::int32_t chunk) {
      return stage * chunks + static_cast<std::size_t>(chunk);
    };
    if (const std::int32_t c = order.chunks[i].forward; c != OperationChunks::none)
      if (double& first = times.first_forward[of(c)]; first < 0) first = start;
    if (const std::int32_t c = order.chunks[i].backward; c != OperationChunks::none)
      times.last_backward[of(c)] = clocks[stage];
  }
  const double end = *std::max_element(clocks.begin(), clocks.end());
  for (double& last : times.last_backward) last = end - last;
  return times;
}

}  // namespace lockstep
