#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/distribution.hpp"
#include "engine/base/random.hpp"
#include "engine/serving/replica/ticks.hpp"
#include "engine/serving/requests/rate_course.hpp"

namespace lockstep {

namespace purpose {
inline constexpr Purpose request_arrival{52};
inline constexpr Purpose request_length{53};
}  // namespace purpose

/// One request as it comes.
struct Arrival {
  Ticks time = 0;
  std::int32_t input = 0, output = 1;  ///< tokens
};

/// A recorded stream of requests.
struct RequestTrace {
  std::vector<double> time;  ///< ascending, the first 0 [s]
  std::vector<std::int32_t> input, output;
  /// After which it is repeated: the last time and the mean gap [s].
  double period() const;
  double rate() const { return static_cast<double>(time.size()) / period(); }
};

/// Reads a file with a line for each request: time, tokens of input, tokens of output. Times are
/// seconds, or "2023-11-16 18:15:46.68"; a first line of names is left out. Throws InputError.
RequestTrace read_request_trace(const std::string& path);

/// What requests come, whatever the cell.
struct RequestLaw {
  double arrival_cv = 1;  ///< of the gaps, Gamma distributed in the time that the rate stretches
  RateProfile profile;
  RateVariation variation;
  Distribution input, output;                 ///< tokens, rounded to whole ones
  std::int32_t least_input = 0;               ///< shorter prompts count as so long
  std::int32_t longest = 1 << 30;             ///< input and output together; longer ones are cut
  std::shared_ptr<const RequestTrace> trace;  ///< in place of all that; nullptr: none
};

/// The requests of one cell in one trial, in order of time. A trace is replayed from a place drawn
/// for each trial and cell on, its times scaled to the rate.
/// Draws, of entity (cell, request): of request_arrival a block with cv = 1, else about two
/// (Marsaglia and Tsang, ACM TOMS 26, 2000); of request_length a block. With a trace one of
/// request_arrival a cell.
class RequestSource {
 public:
  /// `rate` of the cell [1/s]. The law must outlive it.
  RequestSource(const RequestLaw& law, double rate, std::uint64_t seed, std::uint32_t trial,
                std::uint32_t cell);
  Arrival next();

 private:
  std::uint64_t entity() const { return static_cast<std::uint64_t>(cell_) << 32 | number_; }
  double gap() const;
  Arrival next_of_trace();

  const RequestLaw* law_;
  double rate_;
  Stream arrivals_, lengths_;
  std::uint32_t cell_, number_ = 0;
  RateCourse course_;
  double count_ = 0;       // expected number of requests up to the last one
  std::size_t place_ = 0;  // in the trace
  double round_ = 0;       // begin of this one, less that of its first request's time [s]
};

}  // namespace lockstep
