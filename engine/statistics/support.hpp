#pragma once

#include <limits>

namespace lockstep {

/// Which values a variable of the trials may have, and whether rare events move it. Trials that are
/// all alike say that nothing varies, or that what varies is too rare to have been seen; only the
/// variable's support tells.
struct Support {
  double least = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::infinity();
  bool by_events = false;  ///< trials without an event are alike
  bool counts = false;     ///< an event moves it by about one
  bool lowered = false;    ///< events lower it only
  /// The time of a trial over its events, infinite without one. Its mean is that of all trials:
  /// their time over their events.
  bool between_events = false;
  double trial_time = std::numeric_limits<double>::quiet_NaN();  ///< NaN: not known

  /// Above 0, different in every trial unless nothing is random.
  static Support quantity() { return {.least = 0}; }
  /// Number of events.
  static Support count() { return {.least = 0, .by_events = true, .counts = true}; }
  /// What events cost, of `most`; 0 without one.
  static Support loss(double most) { return {.least = 0, .most = most, .by_events = true}; }
  /// Part of the whole that events leave.
  static Support yield() { return {.least = 0, .most = 1, .by_events = true, .lowered = true}; }
  /// Part of a whole that events lower or raise.
  static Support share() { return {.least = 0, .most = 1, .by_events = true}; }
  static Support time_between(double trial_time) {
    return {.least = 0, .between_events = true, .trial_time = trial_time};
  }

  /// Of the difference of two such values.
  Support difference() const {
    return {.least = least - most, .most = most - least, .by_events = by_events, .counts = counts};
  }
};

}  // namespace lockstep
