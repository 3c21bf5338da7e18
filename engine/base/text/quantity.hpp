#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace lockstep {

/// What a number counts. Inside the program every quantity is in the SI unit named here.
enum class Dimension {
  none,        ///< bare: counts, tokens, shares, factors
  time,        ///< s
  bytes,       ///< B
  bandwidth,   ///< B/s
  power,       ///< W
  energy,      ///< J
  rate,        ///< 1/s
  steps,       ///< training steps ("50step")
  flop_rate,   ///< FLOP/s
  power_ramp,  ///< W/s
};

/// SI unit symbol of a dimension ("s", "B", "B/s", "W", "J", "1/s", "step", "FLOP/s", "W/s"; "1"
/// for none).
std::string_view unit_symbol(Dimension dimension);

/// The units a user may write for a dimension, for messages and help ("ns us ms s min h d").
std::string_view accepted_units(Dimension dimension);

/// What a value of a dimension can mean, far beyond all that is built: the age of the universe, all
/// data of the world. Sums, products and quotients of values within stay far from the limits of a
/// double.
struct Limits {
  double least;  ///< of a value that may not be 0
  double greatest;
};
Limits limits_of(Dimension dimension);

/// Reads "5us", "50 GiB/s", "6.5e-3/d", "405e9" as SI. `kB` is 1e3 B, `KiB` 1024 B, 8 bit = 1 B.
/// The whole text must be used; infinities and NaN are refused, and so is a bare number (0 too)
/// where a unit is due, and a unit where none is. A bare number from 1e9 on is FLOP/s where those
/// are due: published peaks are often written so, and no chip has fewer. Throws InputError
/// ("problem (why) suggestion", without the key, which the caller knows): what follows "did you
/// mean" there can stand in place of the text in quotes.
double parse_quantity(std::string_view text, Dimension dimension);

/// The same; nothing where it would throw.
std::optional<double> quantity_in(std::string_view text, Dimension dimension);

/// Shortest text that `parse_quantity` reads back as the same double, in the unit a reader would
/// choose ("5us", "53.6870912GB/s", "0.0065/d").
std::string format_quantity(double value, Dimension dimension);

/// The same of a value that nobody wrote, to four digits: "138.1s" of 138.1173.
std::string format_rounded(double value, Dimension dimension);

/// The one text of a value for hashes and canonical names: shortest decimals and the SI unit as
/// `parse_quantity` accepts it ("5e-06s", "0.5/s").
std::string format_canonical(double value, Dimension dimension);

/// Shortest decimal text of a bare double that reads back as the same double.
std::string format_number(double value);

/// "28.8 h", "40.2 s".
std::string format_duration(double seconds);

}  // namespace lockstep
