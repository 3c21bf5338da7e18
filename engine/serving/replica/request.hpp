#pragma once

#include <cstdint>
#include <vector>

#include "engine/serving/replica/ticks.hpp"

namespace lockstep {

/// A request on its way: read the prompt, then one token an iteration.
struct Request {
  Ticks arrival = 0;
  Ticks first_token = -1;              ///< when it came; -1: not yet
  std::int32_t input = 0, output = 0;  ///< tokens; output at least 1
  std::int32_t made = 0;               ///< of the output, when last it was not decoding
  std::int32_t to_read = 0;            ///< of the prompt, and of what was made before a preemption
  std::int32_t replica = -1;
  std::uint32_t number = 0;    ///< of the cell's, from 0
  std::uint32_t attempts = 0;  ///< how often it was routed
  std::uint64_t ticket = 0;    ///< of its admission to a batch; 0: it waits
};

/// The requests in a cell, by places that are used again.
class RequestPool {
 public:
  std::int32_t add(const Request& request) {
    if (free_.empty()) {
      all_.push_back(request);
      return static_cast<std::int32_t>(all_.size()) - 1;
    }
    const std::int32_t place = free_.back();
    free_.pop_back();
    (*this)[place] = request;
    return place;
  }
  void remove(std::int32_t place) {
    (*this)[place].ticket = 0;
    (*this)[place].arrival = -1;
    free_.push_back(place);
  }
  /// Of all that are there.
  template <class Function>
  void for_each(const Function& function) const {
    for (const Request& request : all_)
      if (request.arrival >= 0) function(request);
  }
  Request& operator[](std::int32_t place) { return all_[static_cast<std::size_t>(place)]; }
  const Request& operator[](std::int32_t place) const {
    return all_[static_cast<std::size_t>(place)];
  }
  std::int64_t count() const { return static_cast<std::int64_t>(all_.size() - free_.size()); }
  std::uint64_t next_ticket() { return ++tickets_; }

 private:
  std::vector<Request> all_;
  std::vector<std::int32_t> free_;
  std::uint64_t tickets_ = 0;
};

}  // namespace lockstep
