#include "engine/job/work.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "engine/base/error.hpp"
#include "engine/job/pipeline/pipeline_schedule.hpp"
#include "engine/job/stages.hpp"

namespace lockstep {
namespace {

double nominal_speed(const Job& job, const Chip& chip) {
  return chip.peak * job.kernel_efficiency * chip.stack;
}

FlopPace pace_on(const Job& job, const Chip& chip) {
  return flop_pace(job, chip.wide_peak > 0 ? chip.peak / chip.wide_peak : 1);
}

/// Of a chip in the layout, as measured before the job.
double relative_speed(const Layout& layout, std::size_t chip) {
  return layout.speed.empty() ? 1.0 : layout.speed[chip];
}

/// Replicas in step with each other: neighbours that share sequences or experts.
struct Blocks {
  std::int64_t replicas;  ///< of a block
  std::int64_t streams;   ///< of a block: microbatches that it computes side by side
  std::int64_t count;
};

Blocks blocks_of(const Job& job, const Layout& layout) {
  const std::int64_t replicas = std::max(job.context, job.expert);
  if (layout.replicas % replicas != 0)
    throw InputError(fmt::format(
        "{} replicas are no whole groups of {} (job.context = {}, job.expert = {}) change "
        "fleet.chips or lower them",
        layout.replicas, replicas, job.context, job.expert));
  return {replicas, replicas / job.context, layout.replicas / replicas};
}

/// (blocks) nominal speed of each block's slowest chip.
std::vector<double> block_speeds(const Job& job, const Fleet& fleet, const Layout& layout,
                                 const Blocks& blocks) {
  std::vector<double> speed(static_cast<std::size_t>(blocks.count), 1e300);
  for (std::int64_t l = 0; l < layout.groups(); ++l)
    for (std::int64_t r = 0; r < layout.replicas; ++r) {
      const auto i = static_cast<std::size_t>(layout.at(l, r));
      const Chip& chip = fleet.generations[layout.generation[i]].chip;
      double& least = speed[static_cast<std::size_t>(r / blocks.replicas)];
      least = std::min(least, nominal_speed(job, chip) * relative_speed(layout, i));
    }
  return speed;
}

std::vector<double> equal_microbatches(std::int64_t total, std::int64_t blocks) {
  std::vector<double> share(static_cast<std::size_t>(blocks));
  for (std::int64_t b = 0; b < blocks; ++b)
    share[static_cast<std::size_t>(b)] =
        static_cast<double>(total / blocks + (b < total % blocks ? 1 : 0));
  return share;
}

/// Whole microbatches that minimize the latest of length(m) / speed, each m at least 1, length as
/// of a pipeline with equal stages. Water-filling: the highest level at which no replica is past
/// it, then the rest one by one to whoever would finish first. Cost O(replicas log replicas).
std::vector<double> proportional_microbatches(const Job& job, std::int64_t total,
                                              const std::vector<double>& speed) {
  std::map<double, std::int64_t> classes;
  for (double s : speed) ++classes[s];
  const auto length = [&](double microbatches) {
    return PipelineSchedule::even_length(job.pipeline_shape(microbatches));
  };
  const auto at_level = [&](double level, double s) {
    return std::max(1.0, PipelineSchedule::most_microbatches(job.pipeline_shape(1), level * s));
  };
  double low = 0, high = length(static_cast<double>(total)) / classes.begin()->first;
  for (int i = 0; i < 200; ++i) {
    const double level = 0.5 * (low + high);
    double used = 0;
    for (const auto& [s, count] : classes) used += at_level(level, s) * static_cast<double>(count);
    (used <= static_cast<double>(total) ? low : high) = level;
  }
  std::vector<double> share;
  for (double s : speed) share.push_back(at_level(low, s));
  auto left = total - static_cast<std::int64_t>(std::accumulate(share.begin(), share.end(), 0.0));
  std::vector<std::size_t> order(speed.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto next_finish = [&](std::size_t r) { return length(share[r] + 1) / speed[r]; };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return next_finish(a) < next_finish(b); });
  for (std::size_t i = 0; left > 0; i = (i + 1) % order.size(), --left) share[order[i]] += 1;
  return share;
}

constexpr double most_microbatches = 1 << 24;

/// Whole microbatches of a step on each stream of the blocks, summed over blocks. With
/// compute_time, which sets what a step costs, their number only sizes the bubble and the last
/// one's window: that of 1,024 tokens a chip, at least one a stream.
std::int64_t whole_microbatches(const Job& job, const Layout& layout, const Blocks& blocks,
                                double tokens) {
  if (job.compute_time) {
    const auto chips = static_cast<double>(layout.tensor * layout.pipeline * job.context);
    const double each =
        std::floor(1024 * chips / job.model.sequence_length / job.microbatch_sequences + 0.5);
    return static_cast<std::int64_t>(std::max(1.0, each)) * blocks.count;
  }
  const double count = job.microbatches_of(tokens);
  const std::int64_t streams = blocks.streams * blocks.count;
  // A schedule keeps a number or two for each of a replica's.
  if (count / static_cast<double>(streams) > most_microbatches)
    throw InputError(
        fmt::format("a batch of {:.6g} tokens is {:.6g} microbatches for {} replicas (a schedule "
                    "has at most {:.0f} each) lower job.tokens_per_batch or tokens_per_chip, or "
                    "raise job.microbatch_sequences",
                    tokens, count, streams, most_microbatches));
  const auto total = static_cast<std::int64_t>(count);
  if (total < streams)
    throw InputError(fmt::format(
        "a batch of {:.6g} tokens is {} microbatches for {} {} (each computes at least one of "
        "{:.0f} x {:.0f} tokens) raise job.tokens_per_batch or tokens_per_chip, or shorten "
        "job.sequence_length",
        tokens, total, streams, job.context > 1 ? "context-parallel groups" : "replicas",
        job.microbatch_sequences, job.model.sequence_length));
  return total / blocks.streams;
}

/// (generations) what a chip computes in a step with the mean share of the work [s].
std::vector<double> mean_times(const Job& job, const Fleet& fleet, const Layout& layout,
                               double tokens) {
  const double tokens_per_chip = tokens / static_cast<double>(layout.chips());
  const double first_speed = nominal_speed(job, fleet.generations.front().chip);
  std::vector<double> times;
  for (const auto& generation : fleet.generations) {
    const double s = nominal_speed(job, generation.chip);
    times.push_back(job.compute_time
                        ? *job.compute_time * first_speed / s
                        : tokens_per_chip *
                              computed_flops_per_token(job, pace_on(job, generation.chip)) / s);
  }
  return times;
}

}  // namespace

Work share_work(const Job& job, const Fleet& fleet, const Layout& layout,
                std::span<const double> beside) {
  const Blocks blocks = blocks_of(job, layout);
  std::vector<double> speed = block_speeds(job, fleet, layout, blocks);
  const auto count = static_cast<double>(blocks.count);
  const bool whole = !job.compute_time || layout.pipeline > 1;  // else nothing to cut
  Work work;
  work.tokens = job.tokens_per_batch ? *job.tokens_per_batch
                                     : *job.tokens_per_chip * static_cast<double>(layout.chips());
  const std::int64_t total = whole ? whole_microbatches(job, layout, blocks, work.tokens) : 0;
  if (whole)
    work.tokens = static_cast<double>(total * blocks.streams) * job.microbatch_sequences *
                  job.model.sequence_length;
  if (!job.compute_time) work.flops = work.tokens * job.model.flops_per_token();
  const std::vector<double> mean_time = mean_times(job, fleet, layout, work.tokens);

  // Of a block: microbatches of its streams, and its work relative to the mean.
  std::vector<double> microbatches(speed.size(), 1.0), share(speed.size(), 1.0);
  const bool proportional = job.work_share == WorkShare::proportional;
  if (whole) {
    if (!beside.empty())
      for (std::size_t b = 0; b < speed.size(); ++b) {
        const std::uint8_t g = layout.generation[b * static_cast<std::size_t>(blocks.replicas)];
        const double work_of_one = mean_time[g] * nominal_speed(job, fleet.generations[g].chip) *
                                   count / static_cast<double>(total);
        speed[b] = 1 / (work_of_one / speed[b] + beside[g]);
      }
    microbatches = proportional ? proportional_microbatches(job, total, speed)
                                : equal_microbatches(total, blocks.count);
    for (std::size_t b = 0; b < share.size(); ++b)
      share[b] = microbatches[b] * count / static_cast<double>(total);
  } else if (proportional) {
    const double all = std::accumulate(speed.begin(), speed.end(), 0.0);
    for (std::size_t b = 0; b < share.size(); ++b) share[b] = speed[b] * count / all;
  }
  for (std::int64_t r = 0; r < layout.replicas; ++r)
    work.microbatches.push_back(microbatches[static_cast<std::size_t>(r / blocks.replicas)]);

  // A time that is given is that of every stage, unless it is said how they differ.
  const std::vector<double> stages =
      job.compute_time && !job.stage_imbalance
          ? std::vector<double>(static_cast<std::size_t>(layout.pipeline), 1.0)
          : stage_shares(job, pace_on(job, fleet.generations.front().chip));
  work.chip_time.resize(static_cast<std::size_t>(layout.chips()));
  for (std::int64_t l = 0; l < layout.groups(); ++l)
    for (std::int64_t r = 0; r < layout.replicas; ++r) {
      const auto i = static_cast<std::size_t>(layout.at(l, r));
      work.chip_time[i] = share[static_cast<std::size_t>(r / blocks.replicas)] *
                          stages[static_cast<std::size_t>(l / layout.tensor)] *
                          mean_time[layout.generation[i]] / relative_speed(layout, i);
    }
  return work;
}

}  // namespace lockstep
