#include "engine/training/phases/stage_window.hpp"

#include <algorithm>
#include <numeric>

namespace lockstep {

void over_calls(std::span<const std::int64_t> groups, std::int64_t together, std::int64_t count,
                const std::function<void(std::int64_t, std::int64_t)>& visit) {
  std::int64_t done = 0;
  for (std::int64_t group : groups) {
    if (group < done) continue;
    const std::int64_t first = group / together * together;
    done = std::min(first + together, count);
    visit(first, done);
  }
}

StageWindow::StageWindow(std::span<const PlannedPhase> phases, Window window, const Layout& layout,
                         std::span<const std::uint8_t> class_of, bool keeps)
    : layout_(layout),
      class_of_(class_of.begin(), class_of.end()),
      classes_(1 + *std::ranges::max_element(class_of)),
      forward_(window == Window::first_forward) {
  const auto is_one = [&](const PlannedPhase& planned) {
    return planned.is_of(window) && !planned.free;
  };
  if (std::ranges::count_if(phases, is_one) != 1) return;
  planned_ = &*std::ranges::find_if(phases, is_one);
  phase_ = static_cast<std::size_t>(planned_ - phases.data());
  if (!planned_->places.empty()) return;
  healthy_ = planned_->collective->begin_trial({});
  times_.assign(static_cast<std::size_t>(classes_ * layout.pipeline * layout.replicas), left_out);
  std::vector<std::int64_t> all(static_cast<std::size_t>(layout.groups()));
  std::iota(all.begin(), all.end(), 0);
  usable_ = raise(*healthy_, all, times_);
  if (!keeps) healthy_.reset();
}

std::vector<double> StageWindow::times_with(const CollectiveTrial& trial,
                                            std::span<const std::int64_t> slowed) const {
  std::vector<double> times = times_;
  raise(trial, slowed, times);
  return times;
}

/// Returns false where the collective has no pass against time.
bool StageWindow::raise(const CollectiveTrial& trial, std::span<const std::int64_t> groups,
                        std::vector<double>& times) const {
  const auto chips = static_cast<std::size_t>(layout_.chips());
  const auto from = std::make_unique_for_overwrite<double[]>(chips);
  const auto to = std::make_unique_for_overwrite<double[]>(chips);
  const std::int64_t replicas = layout_.replicas;
  bool runs = true;
  over_calls(groups, planned_->collective->groups_per_call(), layout_.groups(),
             [&](std::int64_t first, std::int64_t last) {
               for (std::int64_t c = 0; runs && c < classes_; ++c) {
                 for (std::int64_t i = first * replicas; i < last * replicas; ++i)
                   from[i] = class_of_[static_cast<std::size_t>(i % replicas)] == c ? 0 : left_out;
                 if (forward_)
                   trial.run(MessageNoise{}, first, last, from.get(), to.get(), 1);
                 else
                   runs = trial.run_back(first, last, from.get(), to.get());
                 for (std::int64_t g = first; runs && g < last; ++g) {
                   double* const row =
                       times.data() + (c * layout_.pipeline + g / layout_.tensor) * replicas;
                   for (std::int64_t r = 0; r < replicas; ++r)
                     row[r] = std::max(row[r], to[g * replicas + r]);
                 }
               }
             });
  return runs;
}

}  // namespace lockstep
