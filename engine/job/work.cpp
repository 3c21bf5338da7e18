#include "engine/job/work.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "engine/base/error.hpp"
#include "engine/job/pipeline_schedule.hpp"

namespace lockstep {
namespace {

double nominal_speed(const Job& job, const Chip& chip) {
  return chip.peak * job.kernel_efficiency * chip.stack;
}

/// Of a chip in the layout, as measured before the job.
double relative_speed(const Layout& layout, std::size_t chip) {
  return layout.speed.empty() ? 1.0 : layout.speed[chip];
}

/// (replicas) nominal speed of each replica's slowest chip.
std::vector<double> replica_speeds(const Job& job, const Fleet& fleet, const Layout& layout) {
  std::vector<double> speed(static_cast<std::size_t>(layout.replicas), 1e300);
  for (std::int64_t l = 0; l < layout.groups(); ++l)
    for (std::int64_t r = 0; r < layout.replicas; ++r) {
      const auto i = static_cast<std::size_t>(layout.at(l, r));
      const Chip& chip = fleet.generations[layout.generation[i]].chip;
      double& least = speed[static_cast<std::size_t>(r)];
      least = std::min(least, nominal_speed(job, chip) * relative_speed(layout, i));
    }
  return speed;
}

std::vector<double> equal_microbatches(std::int64_t total, std::int64_t replicas) {
  std::vector<double> share(static_cast<std::size_t>(replicas));
  for (std::int64_t r = 0; r < replicas; ++r)
    share[static_cast<std::size_t>(r)] =
        static_cast<double>(total / replicas + (r < total % replicas ? 1 : 0));
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
    return PipelineSchedule::even_length(job.pipeline, job.virtual_stages, microbatches);
  };
  const auto at_level = [&](double level, double s) {
    return std::max(
        1.0, PipelineSchedule::most_microbatches(job.pipeline, job.virtual_stages, level * s));
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

/// Whole microbatches of a step. With compute_time, which sets what a step costs, their number only
/// sizes the bubble and the last one's window: that of 1,024 tokens a chip, at least one a replica.
std::int64_t whole_microbatches(const Job& job, const Layout& layout, double tokens) {
  if (job.compute_time) {
    const double each = std::floor(1024 * static_cast<double>(layout.tensor * layout.pipeline) /
                                       job.model.sequence_length / job.microbatch_sequences +
                                   0.5);
    return static_cast<std::int64_t>(std::max(1.0, each)) * layout.replicas;
  }
  const double count = job.microbatches_of(tokens);
  if (count > 0x1p53)
    throw InputError(
        fmt::format("a batch of {:.6g} tokens is {:.6g} microbatches (2^53 is the limit) lower "
                    "job.tokens_per_batch or tokens_per_chip",
                    tokens, count));
  const auto total = static_cast<std::int64_t>(count);
  if (total < layout.replicas)
    throw InputError(fmt::format(
        "a batch of {:.6g} tokens is {} microbatches for {} replicas (each computes at least one "
        "of "
        "{:.0f} x {:.0f} tokens) raise job.tokens_per_batch or tokens_per_chip, or shorten "
        "job.sequence_length",
        tokens, total, layout.replicas, job.microbatch_sequences, job.model.sequence_length));
  return total;
}

}  // namespace

Work share_work(const Job& job, const Fleet& fleet, const Layout& layout) {
  const auto replicas = static_cast<double>(layout.replicas);
  const std::vector<double> speed = replica_speeds(job, fleet, layout);
  Work work;
  work.tokens = job.tokens_per_batch ? *job.tokens_per_batch
                                     : *job.tokens_per_chip * static_cast<double>(layout.chips());

  // share[r]: work of a replica relative to the mean.
  std::vector<double> share(speed.size(), 1.0);
  const bool proportional = job.work_share == WorkShare::proportional;
  if (job.compute_time && layout.pipeline == 1) {  // nothing to cut into microbatches
    work.microbatches.assign(speed.size(), 1.0);
    if (proportional) {
      const double total = std::accumulate(speed.begin(), speed.end(), 0.0);
      for (std::size_t r = 0; r < share.size(); ++r) share[r] = speed[r] * replicas / total;
    }
  } else {
    const std::int64_t total = whole_microbatches(job, layout, work.tokens);
    work.microbatches = proportional ? proportional_microbatches(job, total, speed)
                                     : equal_microbatches(total, layout.replicas);
    work.tokens = static_cast<double>(total) * job.microbatch_sequences * job.model.sequence_length;
    for (std::size_t r = 0; r < share.size(); ++r)
      share[r] = work.microbatches[r] * replicas / static_cast<double>(total);
  }

  const double step_flops = work.tokens * job.model.flops_per_token();
  if (!job.compute_time) work.flops = step_flops;
  const double flops_per_chip = step_flops / static_cast<double>(layout.chips());
  const double first_speed = nominal_speed(job, fleet.generations.front().chip);
  std::vector<double> mean_time;  // by generation
  for (const auto& generation : fleet.generations) {
    const double s = nominal_speed(job, generation.chip);
    mean_time.push_back(job.compute_time ? *job.compute_time * first_speed / s
                                         : flops_per_chip / s);
  }
  work.chip_time.resize(static_cast<std::size_t>(layout.chips()));
  for (std::int64_t l = 0; l < layout.groups(); ++l)
    for (std::int64_t r = 0; r < layout.replicas; ++r) {
      const auto i = static_cast<std::size_t>(layout.at(l, r));
      work.chip_time[i] = share[static_cast<std::size_t>(r)] * mean_time[layout.generation[i]] /
                          relative_speed(layout, i);
    }
  return work;
}

}  // namespace lockstep
