#pragma once

#include <string_view>

namespace lockstep {

/// Effect: fills the standard streams that are closed, so that no file which the program opens is
/// taken for one and written into; a stream filled so takes no byte and gives none. Writing to a
/// pipe that nobody reads, or beyond the largest size allowed of a file, becomes an error in place
/// of a signal. Call it before anything is opened. Throws IoError.
void hold_standard_streams();

/// Effect: passes on what standard output still keeps in memory; where some of all that was printed
/// is lost, says so on standard error. Returns whether it arrived.
bool finish_standard_output();

/// Effect: prints on standard output what stands in a file anyway: where it cannot be printed that
/// is said on standard error, and no failure.
void announce(std::string_view text);

/// Says on standard error that printing failed with the system's error `number`; nothing where the
/// reader went away, which has seen what it wanted, as head does.
void tell_unprinted(int number);

}  // namespace lockstep
