#include "topologies/wiring/torus_mapping.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "engine/base/error.hpp"
#include "engine/base/text/nearest.hpp"
#include "engine/base/text/text.hpp"

namespace lockstep {
namespace {

constexpr std::array<std::string_view, 4> words{"data", "model", "tensor", "pipeline"};

[[noreturn]] void refuse(std::string_view given, std::string_view why, std::string_view instead) {
  throw InputError(fmt::format("topology.mapping = {} ({}) {}", given, why, instead));
}

constexpr std::string_view for_example = "write for example model, data, data; or auto";

}  // namespace

TorusMapping::TorusMapping(std::string_view text) : text_(text) {
  const auto sides = split_outside_parentheses(text, ',');
  if (sides.size() != 3)
    refuse(text, "what each of three sides carries is due, with commas between",
           "write for example model, data, data, in quotes under [sweep]; or auto");
  for (std::size_t d = 0; d < 3; ++d) sides_[d] = read_side(sides[d], text);
}

TorusMapping::Side TorusMapping::read_side(std::string_view side, std::string_view all) {
  Side carried;
  std::int64_t open = 0;
  while (!(side = trimmed(side)).empty()) {
    const std::string_view term = side.substr(0, side.find(' '));
    side.remove_prefix(term.size());
    const std::string_view name = term.substr(0, term.find(':'));
    const auto word = static_cast<std::size_t>(std::ranges::find(words, name) - words.begin());
    if (word == words.size()) {
      const std::string near = nearest_name(name, words);
      refuse(all, fmt::format("'{}' is none of data, model, tensor, pipeline", name),
             near.empty() ? std::string(for_example) : fmt::format("did you mean {}?", near));
    }
    if (carried[word]) refuse(all, fmt::format("{} twice on one side", name), "write it once");
    std::int64_t ranks = 0;
    if (name.size() < term.size()) {
      const std::string_view number = term.substr(name.size() + 1);
      const auto [end, error] =
          std::from_chars(number.data(), number.data() + number.size(), ranks);
      if (error != std::errc{} || end != number.data() + number.size() || ranks < 1)
        refuse(all, fmt::format("'{}' is no count of ranks from 1 on", number),
               fmt::format("write for example {}:4", name));
    }
    open += ranks == 0;
    carried[word] = ranks;
  }
  if (open > 1)
    refuse(all, "two share a side, and none says how much of it",
           "give the ranks of all but one, as in model:4 data");
  if (std::ranges::none_of(carried, [](const auto& ranks) { return ranks.has_value(); }))
    refuse(all, "a side carries nothing", for_example);
  if (carried[model] && (carried[tensor_ranks] || carried[stages]))
    refuse(all, "model is tensor and pipeline together", "name either model or its parts");
  return carried;
}

std::optional<TorusShape> TorusMapping::box(const Sides& sides, std::int64_t tensor,
                                            std::int64_t pipeline) const {
  TorusShape shape{.chips = sides};
  Sides model_box{1, 1, 1};
  bool whole_model = false, parts = false;
  for (std::size_t d = 0; d < 3; ++d) {
    Side carried = sides_[d];
    std::int64_t product = 1;
    for (const auto& ranks : carried) product *= ranks.value_or(1) == 0 ? 1 : ranks.value_or(1);
    if (sides[d] % product != 0) return {};
    bool rest = false;
    for (auto& ranks : carried)
      if (ranks && *ranks == 0) {
        ranks = sides[d] / product;
        rest = true;
      }
    if (!rest && product != sides[d]) return {};
    model_box[d] = carried[model].value_or(1);
    shape.tensor[d] = carried[tensor_ranks].value_or(1);
    shape.pipeline[d] = carried[stages].value_or(1);
    whole_model = whole_model || carried[model];
    parts = parts || carried[tensor_ranks] || carried[stages];
  }
  if (whole_model && !parts) {
    if (model_box[0] * model_box[1] * model_box[2] != tensor * pipeline) return {};
    fill_box(model_box, tensor, shape);
    return shape;
  }
  const auto product = [](const Sides& s) { return s[0] * s[1] * s[2]; };
  if (whole_model || product(shape.tensor) != tensor || product(shape.pipeline) != pipeline)
    return {};
  return shape;
}

TorusShape TorusMapping::legal_box(const Sides& sides, std::int64_t tensor,
                                   std::int64_t pipeline) const {
  if (const auto shape = box(sides, tensor, pipeline)) return *shape;
  const auto cubic = most_cubic_box_dividing(sides, tensor * pipeline);
  std::string instead = "change topology.shape, job.tensor or job.pipeline";
  if (cubic) {
    TorusShape shape{.chips = sides};
    fill_box(*cubic, tensor, shape);
    instead = fmt::format("write for example {}; or auto", mapping_text(shape, tensor));
  }
  refuse(text_,
         fmt::format("on sides of {} its ranks do not multiply to job.tensor = {}, job.pipeline = "
                     "{} and whole sides",
                     fmt::join(sides, "x"), tensor, pipeline),
         instead);
}

std::string mapping_text(const TorusShape& shape, std::int64_t tensor) {
  TorusShape filled{.chips = shape.chips};
  const Sides box = shape.box(), data_ranks = shape.groups();
  fill_box(box, tensor, filled);
  const bool by_parts = filled.tensor != shape.tensor;
  std::string text;
  for (std::size_t d = 0; d < 3; ++d) {
    std::string side;
    const auto add = [&](std::string_view word, std::int64_t ranks) {
      if (ranks == 1) return;
      if (!side.empty()) side += ' ';
      side += ranks == shape.chips[d] ? std::string(word) : fmt::format("{}:{}", word, ranks);
    };
    add("model", by_parts ? 1 : box[d]);
    add("tensor", by_parts ? shape.tensor[d] : 1);
    add("pipeline", by_parts ? shape.pipeline[d] : 1);
    if (data_ranks[d] > 1 || side.empty()) {
      if (!side.empty()) side += ' ';
      side += "data";
    }
    text += (d == 0 ? "" : ", ") + side;
  }
  return text;
}

}  // namespace lockstep
