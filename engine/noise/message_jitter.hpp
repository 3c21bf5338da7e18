#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/base/distribution.hpp"
#include "engine/noise/message_jitter_kernels.hpp"

namespace lockstep {

/// The law of the dense delay of every message, made ready to be sampled a billion times a second:
/// a constant, a multiple of a standard exponential variable y (the exponential law, and what
/// equals it), or else the quantile at 1 - e^-y, tabulated in y by straight lines that keep each
/// bin's mean. Immutable and cheap to copy; the table, 29 KiB, is shared.
class MessageJitter {
 public:
  MessageJitter() = default;  ///< none
  /// A law is its own jitter. Cost: with a table 2e4 quantiles, up to 1e6 where the law jumps.
  MessageJitter(const Distribution& law,  // NOLINT(google-explicit-constructor)
                const MessageJitterKernels& kernels = message_jitter_kernels());

  const Distribution& law() const { return law_; }
  bool is_none() const { return law_.is_none(); }
  bool operator==(const MessageJitter& other) const { return law_ == other.law_; }

  /// The largest distance of the table from the law's quantile, relative to the greater of that
  /// quantile and the law's mean, over six points and more of every bin; where the law jumps, about
  /// half a jump. 0 without a table.
  double tabulation_error() const { return error_; }

  /// The delay [s] at y, 2^-24 <= y < 22.2. Delays are floats, at most 1e37 s.
  float delay(float y) const;

  /// Delays [s] of the messages first, first + 1, ... (all below 2^56) of `group` in the step of
  /// `stream`. Any split of a range into calls gives the same numbers. Draws and cost:
  /// MessageJitterKernels::fill; none for a constant.
  void fill(const Stream& stream, std::int64_t group, std::int64_t first,
            std::span<float> delay) const;

 private:
  Distribution law_;
  const MessageJitterKernels* kernels_ = nullptr;
  float scale_ = 0;  // of y, or the constant
  std::shared_ptr<const std::vector<JitterBin>> bins_;
  double error_ = 0;
};

}  // namespace lockstep
