// Another project on the installed libraries: the mean step time of every design point of a result
// file, with all digits, then the names of the topologies.
#include <cstdio>

#include "engine/statistics/mean_interval.hpp"
#include "engine/storage/result_reader.hpp"
#include "topologies/table.hpp"

int main(int, char** arguments) {
  using namespace lockstep;
  const ResultFile file(arguments[1]);
  for (std::int64_t point = 0; point < file.schema().points(); ++point)
    std::printf(
        "%.17g\n",
        mean_estimate(trial_means(file.read("step_time", point), file.schema().steps)).value);
  for (const TopologyKind* kind : topology_kinds()) std::printf("%s\n", kind->name.data());
}
