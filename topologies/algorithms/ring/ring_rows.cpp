#include "topologies/algorithms/ring/ring_rows.hpp"

#include <algorithm>
#include <tuple>
#include <vector>

#include "engine/base/parallel_for.hpp"

namespace lockstep {
namespace {

// Ranks of a part: they stay in the nearest caches for many passes, and are worth a thread.
constexpr std::int64_t part_ranks = 8192;
// Passes between two meetings: less than a hundredth of the work is done twice.
constexpr std::int64_t most_passes = 16;
constexpr double most_spikes = 1e6;  // held at a time, unless one pass has more

/// Neighbouring ranks, and those before them.
struct Part {
  RingPasser passer;
  std::int64_t begin, end;
  std::vector<double> before{};
};

/// Rows that the parts of a ring go through alone, in any order. Each works out again what its
/// first rank needs of the ranks before it, one less in every row, from their states before the
/// block.
///
///   row 0   b b b b | x x x x x
///   row 1     b b b | x x x x x
///   row 2       b b | x x x x x
struct Block {
  std::span<double> state;
  std::vector<Part> parts;
  std::vector<RingSpike> spikes;
  std::vector<RingPass> passes;
  std::vector<std::size_t> bounds;  // of the passes' spikes
  std::int64_t rows = 0;            // of all of them

  /// Lays out `count` passes of `depth` rows, message numbers first_message on.
  void plan(std::int64_t count, int depth, std::int64_t first_message, SpikeSequence& sequence) {
    const auto ranks = static_cast<std::int64_t>(state.size());
    rows = count * depth;
    passes.clear();
    spikes.clear();
    bounds.assign(1, 0);
    for (std::int64_t first = first_message; first < first_message + rows * ranks;
         first += depth * ranks) {
      for (; !sequence.done() && sequence.message() < first + depth * ranks; sequence.next()) {
        const std::int64_t number = sequence.message() - first;
        spikes.push_back({number % ranks, static_cast<int>(number / ranks), sequence.delay()});
      }
      std::sort(spikes.begin() + static_cast<std::ptrdiff_t>(bounds.back()), spikes.end(),
                [](const RingSpike& a, const RingSpike& b) {
                  return std::tie(a.rank, a.row) < std::tie(b.rank, b.row);
                });
      bounds.push_back(spikes.size());
      passes.push_back({first, depth, {}});
    }
    for (std::size_t p = 0; p < passes.size(); ++p)
      passes[p].spikes = std::span(spikes).subspan(bounds[p], bounds[p + 1] - bounds[p]);
    for (Part& part : parts) {
      part.before.resize(static_cast<std::size_t>(rows));
      std::copy_n(state.begin() + before(part), rows, part.before.begin());
    }
  }

  /// The first of the ranks before a part; rank 0 comes after the last.
  std::int64_t before(const Part& part) const {
    return (part.begin == 0 ? static_cast<std::int64_t>(state.size()) : part.begin) - rows;
  }

  void advance(Part& part) const {
    const std::span<double> own = state.subspan(static_cast<std::size_t>(part.begin),
                                                static_cast<std::size_t>(part.end - part.begin));
    std::span<double> again = part.before;
    std::int64_t rank = before(part);
    for (const RingPass& pass : passes) {
      const auto depth = static_cast<std::size_t>(pass.rows);
      part.passer.begin(pass, rank, again.first(depth));
      again = again.subspan(depth);
      rank += pass.rows;
      part.passer.advance(rank, again);
      part.passer.advance(part.begin, own);
    }
  }
};

}  // namespace

RingRows::RingRows(const double* latency, const double* gap, std::int64_t ranks,
                   const RingKernels& kernels)
    : hops_{latency, gap, ranks, false}, kernels_(kernels) {
  const auto same = [&](const double* v) {
    return std::all_of(v, v + ranks, [&](double x) { return x == v[0]; });
  };
  hops_.uniform = same(latency) && same(gap);
}

void RingRows::run(const MessageNoise& noise, SpikeSequence& spikes, std::int64_t group,
                   std::int64_t first_message, std::int64_t rows, std::span<double> state,
                   const Execution& how) const {
  const std::int64_t ranks = hops_.ranks;
  const std::int64_t parts = std::max<std::int64_t>(ranks / part_ranks, 1);
  Block block;
  block.state = state;
  block.parts.reserve(static_cast<std::size_t>(parts));
  for (std::int64_t part = 0; part < parts; ++part)
    block.parts.push_back({RingPasser(kernels_, hops_, noise, group), ranks * part / parts,
                           ranks * (part + 1) / parts});
  for (std::int64_t row = 0; row < rows; row += block.rows) {
    const auto depth = static_cast<int>(std::min({ranks, rows - row, std::int64_t{ring_depth}}));
    std::int64_t passes = 1;
    if (parts > 1) {
      const double spikes_per_pass = noise.spike_probability * static_cast<double>(depth * ranks);
      passes = std::min(most_passes, (rows - row) / depth);
      while (passes > 1 && static_cast<double>(passes) * spikes_per_pass > most_spikes) passes /= 2;
    }
    block.plan(passes, depth, first_message + row * ranks, spikes);
    parallel_for(how, parts, [&block](std::int64_t part) {
      block.advance(block.parts[static_cast<std::size_t>(part)]);
    });
  }
}

}  // namespace lockstep
