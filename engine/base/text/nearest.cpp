#include "engine/base/text/nearest.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/base/text/text.hpp"

namespace lockstep {

namespace {

// An edit costs two, so that a letter in the wrong case, or one that looks alike, can cost less:
// "KB" is nearer to "kB" than to "MB", "H1OO" to "H100" than to anything else.
constexpr std::size_t edit = 2;

/// The digit that a letter looks like, else the letter in lower case.
char look(char c) {
  c = lower_case(c);
  return c == 'o' ? '0' : c == 'l' || c == 'i' ? '1' : c;
}

std::size_t substitution(char a, char b) {
  if (a == b) return 0;
  return look(a) == look(b) ? 1 : edit;
}

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j * edit;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i * edit;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min(
          {last[j] + edit, row[j - 1] + edit, last[j - 1] + substitution(a[i - 1], b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + edit);
      }
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

/// What others call a thing that we know by another name.
constexpr std::pair<std::string_view, std::string_view> synonyms[] = {
    {"true", "on"},
    {"yes", "on"},
    {"enabled", "on"},
    {"false", "off"},
    {"no", "off"},
    {"disabled", "off"},
    {"off", "none"},
    {"no", "none"},
    {"never", "none"},
    {"disabled", "none"},
    {"none", "never"},
    {"float32", "fp32"},
    {"bfloat16", "bf16"},
    {"float8", "fp8"},
    {"infinite", "unlimited"},
    {"inf", "unlimited"},
    {"exp", "exponential"},
    {"gaussian", "normal"},
    {"gauss", "normal"},
    {"const", "constant"},
    {"fixed", "constant"},
    {"stddev", "sd"},
    {"sigma", "sd"},
    {"min", "low"},
    {"max", "high"},
    {"lower", "low"},
    {"upper", "high"},
    {"alpha", "shape"},
    {"xmin", "minimum"},
    {"balanced", "proportional"},
    {"separate", "isolated"},
    {"optical_torus", "ocs_torus"},
    {"3d_torus", "torus"},
    {"torus3d", "torus"},
    {"hierarchical", "hierarchical_ring"},
    {"sharp", "switch_reduce"},
    {"nvls", "switch_reduce"},
};

}  // namespace

std::string nearest_name(std::string_view name, std::span<const std::string_view> known) {
  std::string small(name);
  std::transform(small.begin(), small.end(), small.begin(), lower_case);
  for (const auto& [other, ours] : synonyms)
    if (other == small && std::find(known.begin(), known.end(), ours) != known.end())
      return std::string(ours);
  std::string_view best;
  std::size_t best_distance = 0;
  for (const std::string_view candidate : known) {
    const std::size_t length = std::max(name.size(), candidate.size());
    // One edit in three letters, but never all of the letters.
    const std::size_t most = edit * std::max<std::size_t>(1, length / 3);
    if (edit * (length - std::min(name.size(), candidate.size())) > most) continue;
    const std::size_t d = distance(name, candidate);
    const bool near = d <= most && d < edit * length;
    if (near && (best.empty() || d < best_distance)) {
      best = candidate;
      best_distance = d;
    }
  }
  return std::string(best);
}

}  // namespace lockstep
