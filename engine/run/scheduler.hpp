#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "engine/run/cancellation.hpp"
#include "engine/run/plan.hpp"
#include "engine/run/result.hpp"

namespace lockstep {

/// Runs `blocks` of the plan and hands each to `sink` in the order given, whatever `threads` is.
/// Blocks are spread over threads, two in flight for each; where there are fewer blocks than
/// threads, they run one after another with all threads inside the trial. Once `cancellation` is
/// asked for, no block begins, those under way are given up within a step and those that are
/// finished written. `written` is called after each block. Exceptions of model or sink end the run
/// and are passed on.
void run_blocks(const Plan& plan, std::span<const std::int64_t> blocks, int threads,
                ResultSink& sink, const Cancellation& cancellation,
                const std::function<void(const BlockResult&)>& written);

}  // namespace lockstep
