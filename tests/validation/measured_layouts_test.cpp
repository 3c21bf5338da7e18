#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <numeric>
#include <random>
#include <utility>

#include "engine/statistics/quantile.hpp"
#include "engine/statistics/sensitivity.hpp"
#include "tests/validation/published_runs.hpp"

namespace lockstep {
namespace {

using test::PublishedRun;
using test::PublishedSeries;

// Layouts of two models on A100 (tests/validation/published/layouts_a100.csv). Not published there
// and assumed: 51,200 tokens known (Megatron-LM's GPT), feed-forward 4 x hidden, 16-bit gradients,
// no sequence hidden behind another (neither tensor nor pipeline traffic), the default fabric.
PublishedSeries layouts_of(const std::string& billions) {
  PublishedSeries series{
      .id = billions + "B",
      .source = "vTrain",
      .unit = "s",
      .chip = "A100",
      .study =
          "topology.kind=nccl\njob.gated=off\njob.vocabulary=51200\njob.recompute=full\n"
          "job.data_parallel=all_reduce\njob.virtual_stages=1\njob.gradient_precision=bf16\n"
          "job.pipeline_exposed=1\njob.model_parameters=" +
          billions + "e9",
      .assumed = {},
      .runs = {}};
  for (const auto& row : test::published_table("layouts_a100.csv"))
    if (row[0] == billions)
      series.runs.push_back(
          {std::stoll(row[1]), std::stod(row[2]), std::stod(row[11]) / 1e3,
           fmt::format("job.microbatch_sequences={}\njob.hidden={}\njob.heads={}\njob.kv_heads={}\n"
                       "job.layers={}\njob.sequence_length={}\njob.tensor={}\njob.pipeline={}\n"
                       "job.feed_forward={}",
                       row[3], row[4], row[5], row[5], row[6], row[7], row[8], row[10],
                       4 * std::stoll(row[4]))});
  return series;
}

/// Numbers 0 to n - 1 in an order drawn with a fixed seed.
std::vector<std::size_t> shuffled(std::size_t n) {
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::mt19937 random(17);
  for (std::size_t i = n; i > 1; --i) std::swap(order[i - 1], order[random() % i]);
  return order;
}

/// With measured steps.
struct Agreement {
  double error;  ///< mean absolute
  double rank;   ///< Spearman's correlation with the measured
};

Agreement agreement(const std::vector<double>& predicted, const std::vector<double>& measured) {
  std::vector<double> error;
  for (std::size_t i = 0; i < measured.size(); ++i)
    error.push_back(std::abs(test::relative_error(predicted[i], measured[i])));
  return {mean(error), sensitivity(predicted, measured).rank.value};
}

struct Halves {
  Agreement model, bubble;
};

/// One efficiency fitted to half of a model's layouts (mean logarithm), the other half predicted;
/// beside it compute and bubble alone, scaled on the same half.
Halves predict_half(const std::string& billions) {
  const PublishedSeries series = layouts_of(billions);
  const std::vector<std::size_t> order = shuffled(series.runs.size());
  const std::size_t half = order.size() / 2;
  const auto mean_factor = [&](const auto& over_measured) {
    double logarithm = 0;
    for (std::size_t i = 0; i < half; ++i)
      logarithm += std::log(over_measured(series.runs[order[i]]));
    return std::exp(logarithm / static_cast<double>(half));
  };
  const double efficiency = test::fitted_efficiency([&](double tried) {
    return mean_factor(
        [&](const PublishedRun& run) { return test::step_over_measured(series, run, tried); });
  });
  const double scale = mean_factor([&](const PublishedRun& run) {
    return test::compute_and_bubble(*test::point_of(series, run, efficiency)) / run.measured;
  });
  std::vector<double> measured, predicted, bubble;
  for (std::size_t i = half; i < order.size(); ++i) {
    const PublishedRun& run = series.runs[order[i]];
    const auto point = test::point_of(series, run, efficiency);
    measured.push_back(run.measured);
    predicted.push_back(test::simulated_step(*point));
    bubble.push_back(test::compute_and_bubble(*point) / scale);
    fmt::print(
        "  tensor {:2} pipeline {:2} microbatch {:2.0f}: measured {:6.2f} s, predicted {:6.2f} "
        "s {:+6.1f} %  {}\n",
        point->layout().tensor, point->layout().pipeline,
        point->scenario().job.microbatch_sequences, run.measured, predicted.back(),
        100 * test::relative_error(predicted.back(), run.measured), test::exposed_parts(*point));
  }
  const Halves found{agreement(predicted, measured), agreement(bubble, measured)};
  fmt::print(
      "{}B: efficiency {:.3f} of {} layouts; {} others: mean error {:.1f} %, rank "
      "correlation {:.3f}; of compute + bubble {:.1f} %, {:.3f}\n",
      billions, efficiency, half, measured.size(), 100 * found.model.error, found.model.rank,
      100 * found.bubble.error, found.bubble.rank);
  return found;
}

// Kernels reach less of the peak with small microbatches and narrow shards, which one efficiency
// does not say: the mean error is 19 %. The ranks are the tensor traffic's, which compute and
// bubble know nothing of (31 %, -0.23).
TEST(MeasuredLayouts, OfTheSmallModelAreRankedByTheirTensorTraffic) {
  const Halves small = predict_half("3.6");
  EXPECT_GT(small.model.rank, 0.8);
  EXPECT_LT(small.bubble.rank, 0.5) << "the control tells as much";
  EXPECT_LT(small.model.error, small.bubble.error);
}

// All of these have a pipeline, and the bubble alone predicts them as well (8.3 %, 0.88): the model
// is no better here. Tensor 2 ran up to 30 % slower than the rest would have it.
TEST(MeasuredLayouts, OfTheLargeModelArePredictedWithinTenPercent) {
  const Halves large = predict_half("39.1");
  EXPECT_GT(large.model.rank, 0.8);
  EXPECT_LT(large.model.error, 0.1);
}

}  // namespace
}  // namespace lockstep
