#include "engine/training/phases/stage_window.hpp"

#include <algorithm>
#include <numeric>

namespace lockstep {

const PlannedPhase* lone_phase(std::span<const PlannedPhase> phases, Window window) {
  const auto is_one = [&](const PlannedPhase& planned) {
    return planned.is_of(window) && !planned.free;
  };
  if (std::ranges::count_if(phases, is_one) != 1) return nullptr;
  const PlannedPhase& planned = *std::ranges::find_if(phases, is_one);
  return planned.places.empty() ? &planned : nullptr;
}

StageWindow::StageWindow(std::span<const PlannedPhase> phases, Window window, const Layout& layout,
                         std::span<const std::uint8_t> class_of, bool keeps)
    : layout_(layout),
      class_of_(class_of.begin(), class_of.end()),
      classes_(1 + *std::ranges::max_element(class_of)),
      forward_(window == Window::first_forward) {
  planned_ = lone_phase(phases, window);
  if (!planned_) return;
  phase_ = static_cast<std::size_t>(planned_ - phases.data());
  healthy_ = planned_->collective->begin_trial({});
  times_.assign(static_cast<std::size_t>(classes_ * layout.pipeline * layout.replicas), left_out);
  std::vector<std::int64_t> all(static_cast<std::size_t>(layout.groups()));
  std::iota(all.begin(), all.end(), 0);
  GroupTimes each(*this, *healthy_);
  usable_ = raise(each, all, times_);
  if (!keeps) healthy_.reset();
}

std::vector<double> StageWindow::times_with(GroupTimes& other,
                                            std::span<const std::int64_t> slowed) const {
  std::vector<double> times = times_;
  raise(other, slowed, times);
  return times;
}

/// Returns false where the collective has no pass against time.
bool StageWindow::raise(GroupTimes& each, std::span<const std::int64_t> groups,
                        std::vector<double>& times) const {
  for (std::int64_t g : groups)
    for (std::int64_t c = 0; c < classes_; ++c) {
      const std::span<const double> of_group = each.of(g, c);
      if (of_group.empty()) return false;
      double* const row =
          times.data() + (c * layout_.pipeline + g / layout_.tensor) * layout_.replicas;
      for (std::size_t r = 0; r < of_group.size(); ++r) row[r] = std::max(row[r], of_group[r]);
    }
  return true;
}

GroupTimes::GroupTimes(const StageWindow& window, const CollectiveTrial& trial)
    : window_(window),
      trial_(trial),
      together_(window.planned_->collective->groups_per_call()),
      calls_(static_cast<std::size_t>((window.layout_.groups() + together_ - 1) / together_)),
      from_(std::make_unique_for_overwrite<double[]>(
          static_cast<std::size_t>(window.layout_.chips()))),
      to_(std::make_unique_for_overwrite<double[]>(
          static_cast<std::size_t>(window.layout_.chips()))) {}

std::span<const double> GroupTimes::of(std::int64_t group, std::int64_t number) {
  const std::int64_t call = group / together_, first = call * together_,
                     last = std::min(first + together_, window_.layout_.groups()),
                     replicas = window_.layout_.replicas;
  const auto block = static_cast<std::size_t>((last - first) * replicas);
  std::unique_ptr<double[]>& times = calls_[static_cast<std::size_t>(call)];
  if (!times) {
    auto all = std::make_unique_for_overwrite<double[]>(static_cast<std::size_t>(window_.classes_) *
                                                        block);
    const std::int64_t begin = first * replicas;
    for (std::int64_t c = 0; c < window_.classes_; ++c) {
      for (std::size_t i = 0; i < block; ++i)
        from_[static_cast<std::size_t>(begin) + i] =
            window_.class_of_[i % static_cast<std::size_t>(replicas)] == c ? 0 : left_out;
      if (window_.forward_)
        trial_.run(MessageNoise{}, first, last, from_.get(), to_.get(), 1);
      else if (!trial_.run_back(first, last, from_.get(), to_.get()))
        return {};
      std::copy_n(to_.get() + begin, block, all.get() + static_cast<std::size_t>(c) * block);
    }
    times = std::move(all);
  }
  return {times.get() + static_cast<std::size_t>(number) * block +
              static_cast<std::size_t>((group - first) * replicas),
          static_cast<std::size_t>(replicas)};
}

double GroupTimes::longest(std::int64_t group) {
  double longest = left_out;
  for (std::int64_t c = 0; c < window_.classes_; ++c)
    longest = std::max(longest, std::ranges::max(of(group, c)));
  return longest;
}

}  // namespace lockstep
