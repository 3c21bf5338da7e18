#include "engine/power/smoothing/chip_boxes.hpp"

#include <algorithm>
#include <cmath>

namespace lockstep {

ChipBoxes::ChipBoxes(const DesignPoint& job, std::vector<BoxLaw> laws)
    : job_(job), laws_(std::move(laws)), busy_(laws_.size(), 0.0) {
  const Layout& layout = job.layout();
  const auto replicas = static_cast<std::size_t>(layout.replicas);
  const std::size_t windows = static_cast<std::size_t>(layout.pipeline) * replicas;
  std::vector<double> chips(windows * laws_.size(), 0.0);
  for (std::int64_t g = 0; g < layout.groups(); ++g) {
    const std::size_t first = static_cast<std::size_t>(g / layout.tensor) * replicas;
    for (const DesignPoint::Run& run : job.runs()[static_cast<std::size_t>(g)])
      for (std::int64_t r = run.begin; r < run.end; ++r)
        chips[(first + static_cast<std::size_t>(r)) * laws_.size() + run.generation] += 1;
  }
  for (std::size_t i = 0; i < chips.size(); ++i) {
    const std::size_t generation = i % laws_.size();
    if (generation == 0) first_.push_back(boxes_.size());
    if (chips[i] == 0) continue;
    const BoxWait open = laws_[generation].open();
    boxes_.push_back({i / laws_.size(), generation, chips[i], open, open});
  }
  first_.push_back(boxes_.size());
  work_.assign(windows, 0.0);
  lost_ = work_;
  share_.assign(windows, 1.0);
  start_.assign(replicas, 0.0);
  gathered_ = start_;
}

void ChipBoxes::delay(std::span<double> stage_time) {
  std::fill(busy_.begin(), busy_.end(), 0.0);
  std::fill(lost_.begin(), lost_.end(), 0.0);
  for (Box& box : boxes_) {
    box.before = box.after;
    box.before.shift(end_);
    box.lost = laws_[box.generation].lost_time(box.before.next, stage_time[box.window],
                                               share_[box.window]);
    lost_[box.window] = std::max(lost_[box.window], box.lost);
    busy_[box.generation] += box.lost * box.chips;
  }
  couple(stage_time);
  std::copy(stage_time.begin(), stage_time.end(), work_.begin());
}

/// Coupled replicas keep pace with the one that is delayed longest.
void ChipBoxes::couple(std::span<double> stage_time) {
  const auto together = static_cast<std::size_t>(job_.layout().coupled);
  for (std::size_t first = 0; first < lost_.size(); first += together) {
    const auto begin = lost_.begin() + static_cast<std::ptrdiff_t>(first);
    const double most = *std::max_element(begin, begin + static_cast<std::ptrdiff_t>(together));
    for (std::size_t i = first; i < first + together; ++i) stage_time[i] += most;
  }
}

void ChipBoxes::add_to_chips(std::span<double> busy) const {
  const Layout& layout = job_.layout();
  for (std::int64_t g = 0; g < layout.groups(); ++g)
    for (const DesignPoint::Run& run : job_.runs()[static_cast<std::size_t>(g)])
      for (std::int64_t r = run.begin; r < run.end; ++r) {
        const std::int64_t window = g / layout.tensor * layout.replicas + r;
        busy[static_cast<std::size_t>(layout.at(g, r))] +=
            boxes_[index(static_cast<std::size_t>(window), run.generation)].lost;
      }
}

void ChipBoxes::see(const StageSpans& step) {
  const ChunkTurns& turns = job_.chunk_turns();
  const std::size_t replicas = start_.size();
  if (step.synchronized)
    for (std::size_t r = 0; r < replicas; ++r)
      gathered_[r] = std::max(0.0, step.compute_begin[r] - start_[r]);
  std::fill(start_.begin(), start_.end(), step.next_start.empty() ? 0.0 : -HUGE_VAL);
  for (std::size_t i = 0; i < step.next_start.size(); ++i)
    start_[i % replicas] = std::max(start_[i % replicas], step.next_start[i]);
  for (Box& box : boxes_) {
    const std::size_t s = box.window / replicas, r = box.window % replicas;
    const double fill = turns.first_used[s] * step.microbatch[r];
    const double begin = step.compute_begin[r] + fill;
    const double end =
        std::max(begin, step.compute_end[r] - turns.last_done[s] * step.microbatch[r]);
    const double next = step.end + start_[r] + (step.next_synchronizes ? gathered_[r] : 0.0) + fill;
    const BoxLaw& law = laws_[box.generation];
    box.after = law.wait(end, law.risen(box.before.next, end - begin), next);
    if (end > begin) share_[box.window] = std::min(1.0, work_[box.window] / (end - begin));
  }
  end_ = step.end;
}

}  // namespace lockstep
