#pragma once

#include <span>
#include <string>
#include <string_view>

namespace lockstep {

/// Whether `text` can be the NAME of [chip.NAME]: letters, digits, '-' and '_'.
bool is_generation_name(std::string_view text);

/// The known generation that someone means by `name`: "H100 SXM" and "nvidia-h100-80gb" are H100,
/// "H1OO" is a slip of the pen. "" where none is, or where `name` is one that we do not know: no
/// figures of another generation are offered for it.
std::string meant_generation(std::string_view name, std::span<const std::string_view> known);

}  // namespace lockstep
