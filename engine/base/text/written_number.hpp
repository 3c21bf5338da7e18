#pragma once

#include <string_view>
#include <vector>

namespace lockstep {

/// A number as people write it, at the start of a text.
struct WrittenNumber {
  double value = 0;
  bool fraction = false;  ///< a quotient of two numbers
  std::string_view rest;  ///< what follows it
};

/// The numbers that the start of `text` can stand for: with separators of thousands (1_000_000,
/// 8,000,000,000, 1 000, 1'000, 1.000.000), a decimal comma, a power (2^20, 1.5 x 10^9), a quotient
/// (1/1000) or a product. Two where a comma may be either ("1,500"), none where no number starts.
/// `text` in ASCII; it must outlive the answer.
std::vector<WrittenNumber> written_numbers(std::string_view text);

}  // namespace lockstep
