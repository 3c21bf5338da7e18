#pragma once

namespace lockstep::test {

/// A name and the lines of a study.
struct BenchmarkCase {
  const char* name;
  const char* lines;
};

/// Of 220,000 mixed chips in 128 data-parallel groups, and of one group of 131,072.
inline constexpr BenchmarkCase benchmark_layouts[] = {
    {"128_groups",
     "fleet.chips=H100:150000, H200:50000, GB200:20000\njob.tensor=8\n"
     "job.pipeline=16\n"},
    {"one_group",
     "fleet.chips=H100:131072\njob.tensor=1\njob.pipeline=1\n"
     "job.model_parameters=8e9\njob.layers=32\njob.hidden=4096\n"},
};

}  // namespace lockstep::test
