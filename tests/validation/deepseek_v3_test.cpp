#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "engine/statistics/quantile.hpp"
#include "tests/unit/scenario_values.hpp"

namespace lockstep {
namespace {

// DeepSeek-V3 (arXiv 2412.19437): shape in section 4.2, plan in 3.2, precision in 3.3. H800: an
// H100 with 400 GB/s of NVLink, both directions together. A step of 62.9 M tokens on 2,048 of them
// takes 19.926 s (Zhao et al., arXiv 2505.09343, Table 4): forward alone 1.13, backward 1.99,
// weights 0.48, both beside each other 13.95, bubble 2.06, optimizer 0.29.
constexpr double published_step = 19.926, published_compute = 1.13 + 1.99 + 0.48 + 13.95;

std::string study(double efficiency) {
  return fmt::format(R"(
    fleet.chips=H800:2048
    chip.H800.peak=989.4e12
    chip.H800.fp8_peak=1978.9e12
    chip.H800.scale_up_bandwidth=200GB/s
    topology.kind=nccl
    job.model_parameters=671e9
    job.active_parameters=37e9
    job.layers=61
    job.dense_layers=3
    job.hidden=7168
    job.feed_forward=18432
    job.heads=128
    job.kv_heads=128
    job.head_size=160
    job.vocabulary=129280
    job.sequence_length=4096
    job.attention=causal
    job.experts=256
    job.shared_experts=1
    job.top_k=8
    job.expert_hidden=2048
    job.routing_nodes=4
    job.dispatch_precision=fp8
    job.combine_precision=bf16
    job.compute_precision=fp8
    job.pipeline=16
    job.virtual_stages=1
    job.expert=64
    job.schedule=dual
    job.tokens_per_batch=62914560
    job.kernel_efficiency={:.17g}
    sampling.steps=5)",
                     efficiency);
}

/// Share of the peak that the published compute is, communication beside it included.
double published_efficiency() {
  const auto point = test::make_point(study(0.2));
  return 0.2 * point->quiet_step().compute / published_compute;
}

TEST(DeepSeekV3, SendsTenMegabytesATokenAcrossNodes) {
  const auto point = test::make_point(study(0.2));
  const Job& job = point->scenario().job;
  double bytes = 0;
  for (const PlannedPhase& planned : point->phases())
    if (planned.phase->group == ParallelGroup::expert)
      bytes += planned.bytes * planned.phase->calls(job, 1) * job.model.layers;
  const double token = bytes / (job.microbatch_sequences * job.model.sequence_length);
  fmt::print("bytes a token: {:.4g}\n", token);
  EXPECT_NEAR(token / 1e6, 10.0, 0.1);
}

TEST(DeepSeekV3, TakesTheStepThatWasMeasured) {
  const double efficiency = published_efficiency();
  const auto point = test::make_point(study(efficiency));
  const QuietStep& quiet = point->quiet_step();
  std::vector<double> steps;
  for (std::uint32_t trial = 0; trial < 4; ++trial)
    steps.push_back(mean(train(*point, trial, 1).result.step_time));
  const double step = mean(steps);
  fmt::print(
      "efficiency {:.4f}, step {:.3f} s (published {:.3f}): compute {:.3f}, bubble {:.3f}, "
      "optimizer {:.3f}, clipping {:.4f}",
      efficiency, step, published_step, quiet.compute, quiet.bubble, quiet.optimizer,
      quiet.clipping);
  for (std::size_t p = 0; p < quiet.exposed.size(); ++p)
    fmt::print(", {} {:.4f} of {:.3f}", point->phases()[p].phase->name, quiet.exposed[p],
               point->phases()[p].calls * point->phases()[p].noise_free_time);
  fmt::print("\n");
  EXPECT_NEAR(step / published_step, 1, 0.1);
}

}  // namespace
}  // namespace lockstep
