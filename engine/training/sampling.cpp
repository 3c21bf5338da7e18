#include "engine/training/sampling.hpp"

#include <charconv>
#include <vector>

#include "engine/base/field.hpp"

namespace lockstep {
namespace {

/// A study keeps its seed as text: not every one is a double.
void read_seed(SamplingSettings& sampling, const Values& values) {
  constexpr std::string_view key = "sampling.seed";
  if (const auto number = values.optional_count(key)) {
    sampling.seed = static_cast<std::uint64_t>(*number);
    return;
  }
  const std::string& digits = values.text(key);
  std::from_chars(digits.data(), digits.data() + digits.size(), sampling.seed);
}

const std::vector<Field<SamplingSettings>>& sampling_fields() {
  static const std::vector<Field<SamplingSettings>> fields{
      {&SamplingSettings::trials,
       {.key = "sampling.trials",
        .number = 150,
        .type = ValueType::count,
        .default_text = "100",
        .minimum = 1,
        .maximum = 4294967295.0,
        .shapes_arrays = true,
        .summary = "randomized runs of each design point",
        .source = "assumption: p95 of the trials is then known to a few percent of the sample"}},
      {&SamplingSettings::steps,
       {.key = "sampling.steps",
        .number = 151,
        .type = ValueType::count,
        .default_text = "10",
        .minimum = 1,
        .maximum = 16777216,
        .shapes_arrays = true,
        .summary = "training steps recorded of each trial",
        .source = "assumption"}},
      {&SamplingSettings::warmup_steps,
       {.key = "sampling.warmup_steps",
        .number = 152,
        .type = ValueType::count,
        .default_text = "0",
        .maximum = 16777216,
        .shapes_arrays = true,
        .summary = "steps run and discarded before (skew carried without gradient clipping)",
        .source =
            "assumption: with gradient clipping and without power.stop_delay step 1 is already "
            "stationary"}},
      {read_seed,
       {.key = "sampling.seed",
        .number = 153,
        .type = ValueType::count,
        .default_text = "1",
        .maximum = 18446744073709551615.0,
        .shapes_arrays = true,
        .summary = "64-bit seed; the same seed gives the same bits",
        .source = "arbitrary"}},
      {&SamplingSettings::block_trials,
       {.key = "sampling.block",
        .number = 154,
        .type = ValueType::count,
        .default_text = "16",
        .minimum = 1,
        .maximum = 65536,
        .shapes_arrays = true,
        .summary = "consecutive trials scheduled, saved and sharded together",
        .source = "assumption: seconds of work at 100k chips"}},
      {&SamplingSettings::until_text,
       {.key = "sampling.until",
        .number = 155,
        .type = ValueType::text,
        .default_text = "none",
        .shapes_arrays = true,
        .summary =
            "run trials until \"p99(step_time) within 1%\" or its like (mean, p50, p95, p99 of "
            "a variable) holds for every design point; sampling.trials is then the least",
        .source = "assumption: a fixed number of trials"}},
      {&SamplingSettings::max_trials,
       {.key = "sampling.max_trials",
        .number = 156,
        .type = ValueType::count,
        .default_text = "10000",
        .minimum = 1,
        .maximum = 4294967295.0,
        .shapes_arrays = true,
        .needs = {"sampling.until"},
        .summary = "most trials of each design point under sampling.until",
        .source = "assumption: p99 of the trials is then known to a tenth of the tail beyond it"}},
  };
  return fields;
}

}  // namespace

std::span<const Parameter> sampling_parameters() {
  static const std::vector<Parameter> rows = rows_of(sampling_fields());
  return rows;
}

SamplingSettings sampling_from(const Values& values) {
  return read_fields(sampling_fields(), values);
}

}  // namespace lockstep
