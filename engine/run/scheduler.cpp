#include "engine/run/scheduler.hpp"

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_pipeline.h>
#include <oneapi/tbb/task_arena.h>

#include <map>
#include <memory>
#include <mutex>

namespace lockstep {
namespace {

/// Design points in use: built by the first block that needs one, dropped after the last.
class PointCache {
 public:
  PointCache(const Plan& plan, std::span<const std::int64_t> blocks) : plan_(plan) {
    for (std::int64_t block : blocks) ++entries_[point_of(block)].blocks_left;
  }

  std::shared_ptr<const Jobs> acquire(std::int64_t block) {
    Entry& entry = entries_.at(point_of(block));
    const std::lock_guard lock(entry.mutex);
    if (!entry.point) {
      entry.point = plan_.build(point_of(block), last().get());
      last(entry.point);
    }
    std::shared_ptr<const Jobs> point = entry.point;
    if (--entry.blocks_left == 0) entry.point.reset();
    return point;
  }

 private:
  struct Entry {
    std::mutex mutex;
    std::int64_t blocks_left = 0;
    std::shared_ptr<const Jobs> point;
  };
  std::int64_t point_of(std::int64_t block) const {
    return block / plan_.schema.blocks_per_point();
  }
  std::shared_ptr<const Jobs> last() {
    const std::lock_guard lock(last_mutex_);
    return last_;
  }
  void last(std::shared_ptr<const Jobs> point) {
    const std::lock_guard lock(last_mutex_);
    last_ = std::move(point);
  }

  const Plan& plan_;
  std::map<std::int64_t, Entry> entries_;  // fixed after construction
  std::mutex last_mutex_;
  std::shared_ptr<const Jobs> last_;  // what the next one shares with it is not built again
};

}  // namespace

void run_blocks(const Plan& plan, std::span<const std::int64_t> blocks, int threads,
                ResultSink& sink, const Cancellation& cancellation,
                const std::function<void(const BlockResult&)>& written) {
  PointCache points(plan, blocks);
  using Result = std::shared_ptr<const BlockResult>;
  // Nothing where the block was given up.
  const auto run = [&](std::int64_t block, int workers) -> Result {
    if (cancellation.asked()) return nullptr;
    try {
      const auto point = points.acquire(block);
      return std::make_shared<const BlockResult>(
          plan.run_block(block, *point, {workers, &cancellation.flag()}));
    } catch (const Interrupted&) {
      return nullptr;
    }
  };
  const auto keep = [&](const Result& result) {
    if (!result) return;
    sink.write(*result);
    written(*result);
  };

  if (static_cast<std::int64_t>(blocks.size()) < threads) {
    for (std::int64_t block : blocks) keep(run(block, threads));
    return;
  }

  namespace tbb = oneapi::tbb;
  const auto count = static_cast<std::size_t>(threads);
  const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, count);
  tbb::task_arena arena(threads);
  arena.execute([&] {
    std::size_t next = 0;
    tbb::parallel_pipeline(
        2 * count,
        tbb::make_filter<void, std::int64_t>(tbb::filter_mode::serial_in_order,
                                             [&](tbb::flow_control& flow) -> std::int64_t {
                                               if (next == blocks.size() || cancellation.asked()) {
                                                 flow.stop();
                                                 return -1;
                                               }
                                               return blocks[next++];
                                             }) &
            tbb::make_filter<std::int64_t, Result>(
                tbb::filter_mode::parallel, [&](std::int64_t block) { return run(block, 1); }) &
            tbb::make_filter<Result, void>(tbb::filter_mode::serial_in_order, keep));
  });
}

}  // namespace lockstep
