#include "engine/machine/generation_name.hpp"

#include <algorithm>

#include "engine/base/text/nearest.hpp"
#include "engine/base/text/text.hpp"

namespace lockstep {

namespace {

/// Said beside a name without telling generations apart. (Of one in PCIe, or of 40 GB, other
/// figures hold.)
constexpr std::string_view company[] = {"nvidia", "google", "cloud", "hgx",  "dgx",   "sxm",
                                        "sxm4",   "sxm5",   "sxm6",  "gpu",  "nvl72", "80gb",
                                        "141gb",  "180gb",  "186gb", "gpus", "chip",  "chips"};

/// Generations a letter or a digit away from one of the catalogue.
constexpr std::string_view others[] = {"a10",  "a30",   "a40",    "a800",   "b100",  "gh200",
                                       "h20",  "h800",  "l40",    "l40s",   "tpuv2", "tpuv3",
                                       "v100", "mi300", "mi300a", "mi325x", "vr200"};

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), lower_case);
  return result;
}

/// "NVIDIA H100-SXM5" as "h100".
std::string core_of(std::string_view name) {
  std::string core;
  std::string word;
  const auto end_word = [&] {
    if (std::find(std::begin(company), std::end(company), word) == std::end(company)) core += word;
    word.clear();
  };
  for (const char c : lower(name))
    if (c == ' ' || c == '-' || c == '_')
      end_word();
    else
      word += c;
  end_word();
  for (const std::string_view end : {"sxm", "sxm4", "sxm5", "nvl72"})
    if (core.size() > end.size() && core.ends_with(end)) core.resize(core.size() - end.size());
  if (core == "v5p" || core == "v5e" || core == "v6e") core = "tpu" + core;
  return core;
}

/// Another digit is another generation.
bool digit_differs(std::string_view a, std::string_view b) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a[i] != b[i] && digit(a[i]) && digit(b[i])) return true;
  return false;
}

}  // namespace

bool is_generation_name(std::string_view text) {
  constexpr std::string_view legal =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
  return !text.empty() && text.find_first_not_of(legal) == std::string_view::npos;
}

std::string meant_generation(std::string_view name, std::span<const std::string_view> known) {
  const std::string core = core_of(plain_letters(name));
  for (const std::string_view candidate : known)
    if (core == lower(candidate)) return std::string(candidate);
  if (std::find(std::begin(others), std::end(others), core) != std::end(others)) return "";
  const std::string near = nearest_name(name, known);
  return digit_differs(core, lower(near)) ? "" : near;
}

}  // namespace lockstep
