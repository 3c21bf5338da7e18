#include "engine/base/parallel_for.hpp"

#include <exception>

namespace lockstep {

void parallel_for(const Execution& how, std::int64_t count,
                  const std::function<void(std::int64_t)>& body) {
  const auto call = [&](std::int64_t i) {
    how.check();
    body(i);
  };
  if (how.workers() <= 1 || count <= 1) {
    for (std::int64_t i = 0; i < count; ++i) call(i);
    return;
  }
  std::exception_ptr first;
#pragma omp parallel for schedule(dynamic) num_threads(how.workers())
  for (std::int64_t i = 0; i < count; ++i) {
    try {
      call(i);
    } catch (...) {
#pragma omp critical(lockstep_parallel_for)
      if (!first) first = std::current_exception();
    }
  }
  if (first) std::rethrow_exception(first);
}

}  // namespace lockstep
