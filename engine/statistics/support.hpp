#pragma once

#include <limits>

namespace lockstep {

/// Which values a variable of the trials may have, and what rare events do to it. Trials that are
/// all alike say that nothing varies, or that what varies is too rare to have been seen; only the
/// variable's support tells.
struct Support {
  enum class Events {
    none,    ///< every trial differs, unless nothing is random
    count,   ///< it is their number: one moves it by about one
    add,     ///< without one it is 0
    lower,   ///< it is what they leave
    change,  ///< they lower or raise it
  };
  double least = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::infinity();
  Events events = Events::none;
  /// The time of a trial over its events, infinite without one. Its mean is that of all trials:
  /// their time over their events.
  bool between_events = false;
  bool whether = false;  ///< 1 where something held in a trial, else 0
  double trial_time = std::numeric_limits<double>::quiet_NaN();  ///< NaN: not known
  double within = 0;  ///< each trial's value is known to this share of it, whatever the trials

  static Support quantity() { return {.least = 0}; }
  static Support count() { return {.least = 0, .events = Events::count}; }
  /// What events cost, of `most`.
  static Support loss(double most) { return {.least = 0, .most = most, .events = Events::add}; }
  /// Part of a whole that events leave.
  static Support yield() { return {.least = 0, .most = 1, .events = Events::lower}; }
  /// What events leave of something without a known most.
  static Support rest() { return {.least = 0, .events = Events::lower}; }
  /// Part of a whole that events change.
  static Support share() { return {.least = 0, .most = 1, .events = Events::change}; }
  /// Whether something held: its mean is a share of independent trials.
  static Support yes_or_no() {
    return {.least = 0, .most = 1, .events = Events::change, .whether = true};
  }
  static Support time_between(double trial_time) {
    return {.least = 0, .between_events = true, .trial_time = trial_time};
  }

  /// Of the difference of two such values.
  Support difference() const {
    const bool bounded = most - least < std::numeric_limits<double>::infinity();
    if (!bounded && events != Events::count) return {};
    const bool kept = events == Events::none || events == Events::count;
    return {.least = least - most, .most = most - least, .events = kept ? events : Events::change};
  }
};

}  // namespace lockstep
