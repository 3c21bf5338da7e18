#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <vector>

#include "engine/serving/replica/iteration_law.hpp"
#include "engine/serving/replica/iteration_span.hpp"
#include "engine/serving/replica/request.hpp"

namespace lockstep {

/// What a replica did since the last reset.
struct ReplicaUse {
  double busy = 0;          ///< [s]
  double computing = 0;     ///< of that, in matrix products [s]
  double down = 0;          ///< [s]
  double sequences = 0;     ///< in its batch, integrated over time [s]
  double context = 0;       ///< tokens held, the same [s]
  std::int64_t tokens = 0;  ///< of output
  std::int64_t prompt = 0;  ///< tokens of prompts read, again after preemptions too
  std::int64_t preemptions = 0;

  void add(const ReplicaUse& other) {
    busy += other.busy;
    computing += other.computing;
    down += other.down;
    sequences += other.sequences;
    context += other.context;
    tokens += other.tokens;
    prompt += other.prompt;
    preemptions += other.preemptions;
  }
};

/// A copy of the model with continuous batching (Orca, OSDI'22): requests join and leave the batch
/// at the boundaries of iterations, in order of arrival while their context fits; prompts are read
/// in chunks beside the decoding ones (Sarathi-Serve, OSDI'24), and an iteration that ends a prompt
/// makes its first token. Where the next iteration's tokens do not fit, the last one admitted is
/// preempted: it loses its context and waits at the front (vLLM, SOSP'23: recomputation).
///
/// Iterations between which nothing can happen are one span (IterationSpan), so that cost goes with
/// requests: O(log batch) each, and an iteration for every chunk.
class Replica {
 public:
  static constexpr Ticks never = std::numeric_limits<Ticks>::max();
  static constexpr std::int64_t longest_span = 65536;  // elapsed() stays far from overflow

  /// Both must outlive it. `slowness` is a factor on the law's time of chips alone, `links` what
  /// its links add to all-reduces. `longest` iterations a span at most: 1 is the same iteration by
  /// iteration.
  Replica(const ReplicaSort& sort, RequestPool& pool, double slowness, const LinkDelay& links = {},
          std::int64_t longest = longest_span)
      : sort_(&sort), pool_(&pool), slowness_(slowness), links_(links), longest_(longest) {}

  /// When something happens next without arrivals.
  Ticks next() const { return span_.count > 0 ? span_.end() : never; }
  /// Waiting and in the batch.
  std::int64_t outstanding() const {
    return static_cast<std::int64_t>(waiting_.size()) + running();
  }
  bool is_up() const { return up_; }

  /// A request joins the queue.
  void add(Ticks now, std::int32_t place);
  /// At next(): ends the span; the places of those that are done, which are the caller's to remove,
  /// are added to `finished`.
  void advance(Ticks now, std::vector<std::int32_t>& finished);
  /// All iterations that begin from now on take this factor on the law's time of chips alone.
  void set_slowness(Ticks now, double slowness);
  /// The same of what its links add to the law's all-reduces.
  void set_links(Ticks now, const LinkDelay& links);
  /// Fails: all requests that it had are added to `dropped`, those in the batch first. It takes
  /// none until restore().
  void fail(Ticks now, std::vector<std::int32_t>& dropped);
  void restore(Ticks now);

  /// Everything up to now.
  const ReplicaUse& use(Ticks now) {
    account(now);
    return use_;
  }
  void reset_use(Ticks now) {
    account(now);
    use_ = {};
  }

 private:
  struct Decoding {
    std::int64_t last;  // iteration that makes its last token
    std::int32_t place;
    std::uint64_t ticket;
  };
  struct Admitted {
    std::int32_t place;
    std::uint64_t ticket;
  };
  static bool ends_later(const Decoding& a, const Decoding& b) {
    return a.last != b.last ? a.last > b.last : a.ticket > b.ticket;
  }

  std::int64_t running() const {
    return decoding_count_ + static_cast<std::int64_t>(reading_.size());
  }
  bool holds(std::int32_t place, std::uint64_t ticket) const {
    return (*pool_)[place].ticket == ticket;
  }
  bool fits(const Request& request, std::int64_t held) const;
  void account(Ticks now);
  void cut(Ticks now);
  void read_prompts(Ticks now, std::vector<std::int32_t>& finished);
  void finish_decoded(std::vector<std::int32_t>& finished);
  void admit();
  void make_room();
  void preempt_last();
  void plan(Ticks now);

  const ReplicaSort* sort_;
  RequestPool* pool_;
  double slowness_;
  LinkDelay links_;
  std::int64_t longest_;
  bool up_ = true;

  std::deque<std::int32_t> waiting_;
  std::deque<std::int32_t> reading_;  // in order of admission
  std::vector<Decoding> decoding_;    // a heap, the first to end on top; some left already
  std::int64_t decoding_count_ = 0;
  std::vector<Admitted> admitted_;  // in order; some left already
  std::int64_t iteration_ = 0;      // done
  std::int64_t held_ = 0;           // tokens of context, unread ones of prompts too
  IterationSpan span_;
  std::int64_t prompt_tokens_ = 0;  // read in the span, which is of one iteration then
  double computing_share_ = 0;      // of the span
  std::int64_t counted_ = 0;        // iterations of the span in use_.tokens
  Ticks accounted_ = 0;
  ReplicaUse use_;
};

}  // namespace lockstep
