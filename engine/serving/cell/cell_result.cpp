#include "engine/serving/cell/cell_result.hpp"

#include <algorithm>

#include "engine/base/elementary.hpp"

namespace lockstep {

bool Backlog::grows() const {
  const auto count = static_cast<double>(arrivals);
  return growth > 0.01 * count + 8 * elementary::sqrt(count);
}

bool CellResult::overloaded() const {
  Backlog whole{.arrivals = arrivals};
  for (const Backlog& one : backlog) whole.growth += one.growth;
  return whole.grows() || std::ranges::any_of(backlog, &Backlog::grows);
}

void CellResult::add(const CellResult& other) {
  const double before = static_cast<double>(arrived), more = static_cast<double>(other.arrived);
  if (before + more > 0)
    mean_residence = (before * mean_residence + more * other.mean_residence) / (before + more);
  mean_in_system += other.mean_in_system;
  window = other.window;
  arrived += other.arrived;
  completed += other.completed;
  lost += other.lost;
  left += other.left;
  arrivals += other.arrivals;
  completions += other.completions;
  losses += other.losses;
  good += other.good;
  input_tokens += other.input_tokens;
  first_token.add(other.first_token);
  per_token.add(other.per_token);
  use.resize(other.use.size());
  replicas.resize(other.replicas.size());
  backlog.resize(other.backlog.size());
  for (std::size_t g = 0; g < use.size(); ++g) {
    use[g].add(other.use[g]);
    replicas[g] += other.replicas[g];
    backlog[g].arrivals += other.backlog[g].arrivals;
    backlog[g].growth += other.backlog[g].growth;
  }
}

}  // namespace lockstep
