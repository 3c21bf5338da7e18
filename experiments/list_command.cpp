#include <fmt/format.h>

#include <algorithm>

#include "engine/base/distribution.hpp"
#include "engine/base/error.hpp"
#include "engine/base/text/nearest.hpp"
#include "engine/base/text/text.hpp"
#include "engine/machine/chip.hpp"
#include "engine/power/grid/grid_limits.hpp"
#include "engine/run/metrics.hpp"
#include "engine/run/study/key_hints.hpp"
#include "engine/serving/routers/router.hpp"
#include "experiments/command.hpp"
#include "experiments/study_options.hpp"
#include "experiments/table.hpp"
#include "topologies/table.hpp"

namespace lockstep {
namespace {

namespace po = boost::program_options;

bool contains_in_any_case(std::string_view text, std::string_view part) {
  return std::search(text.begin(), text.end(), part.begin(), part.end(),
                     [](char a, char b) { return lower_case(a) == lower_case(b); }) != text.end();
}

/// Rows whose key or summary contains `filter`, in any case.
void list_parameters(std::string_view filter) {
  bool any = false;
  for (const Parameter& row : all_parameters()) {
    if (!contains_in_any_case(row.key, filter) && !contains_in_any_case(row.summary, filter))
      continue;
    any = true;
    fmt::print("{} = {}\n    {}\n    allowed: {}\n", row.key,
               row.default_text.empty() ? "(none)" : row.default_text, row.summary,
               allowed_text(row).empty() ? "text, as the summary says" : allowed_text(row));
    if (row.type == ValueType::law) fmt::print("    a law, one draw for each {}\n", row.each);
    if (!row.needs.empty()) fmt::print("    no effect without: {}\n", fmt::join(row.needs, " or "));
    fmt::print("    source: {}\n", row.source);
  }
  if (!any)
    throw InputError(fmt::format("no parameter is about {} (no key or summary contains it) {}",
                                 filter, key_hint(filter, "", all_parameters())));
}

void list_topologies() {
  for (const TopologyKind* kind : topology_kinds()) {
    fmt::print("{}\n    {}\n    source: {}\n", kind->name, kind->summary, kind->source);
    for (const Parameter& row : kind->parameters)
      fmt::print("    {} = {}: {}\n", row.key, row.default_text, row.summary);
  }
}

void list_chips() {
  std::vector<std::vector<std::string>> rows{
      {"generation", "BF16 TFLOP/s", "FP8", "HBM GB", "HBM TB/s", "TDP W", "scale-up GB/s",
       "domain", "node", "injection GB/s", "torus link GB/s", "largest torus"}};
  for (const Chip& c : chip_catalogue())
    rows.push_back({c.name, fmt::format("{:.5g}", c.peak / 1e12),
                    c.fp8_peak > 0 ? fmt::format("{:.5g}", c.fp8_peak / 1e12) : "-",
                    fmt::format("{:.4g}", c.hbm / 1e9),
                    fmt::format("{:.4g}", c.hbm_bandwidth / 1e12), fmt::format("{:.4g}", c.tdp),
                    fmt::format("{:.4g}", c.scale_up_bandwidth / 1e9),
                    fmt::format("{:.0f}", c.scale_up_domain), fmt::format("{:.0f}", c.node),
                    fmt::format("{:.4g}", c.injection_bandwidth / 1e9),
                    c.link_bandwidth > 0 ? fmt::format("{:.4g}", c.link_bandwidth / 1e9) : "-",
                    c.largest_torus > 0 ? fmt::format("{:.0f}", c.largest_torus) : "-"});
  fmt::print("{}Bandwidths are per chip and direction. Sources:\n", format_table(rows));
  for (const Chip& c : chip_catalogue()) fmt::print("  {}: {}\n", c.name, c.source);
}

void list_distributions() {
  for (const DistributionKind& kind : distribution_kinds()) {
    fmt::print("{}\n    {}\n", kind.name, kind.summary);
    for (const auto& signature : kind.signatures) {
      std::string arguments;
      for (const DistributionArgument& argument : signature)
        arguments += fmt::format("{}{}", arguments.empty() ? "" : ", ", argument.name);
      fmt::print("    {}({})\n", kind.name, arguments);
    }
    fmt::print("    source: {}\n", kind.source);
  }
  fmt::print(
      "uncertain\n"
      "    a value that is not known, drawn once a trial and kept in the file: what any of these "
      "laws\n"
      "    does at a key that takes no law, and uncertain(LAW) where one does (list parameters "
      "says\n"
      "    what each draws for), for the value, for an argument of a law or a part of a mixture\n"
      "    uncertain(LAW)\n"
      "    exponential(mean=uncertain(uniform(low=1ms, high=5ms)))\n"
      "    source: definition\n");
}

void list_metrics() {
  std::vector<std::vector<std::string>> rows{{"variable", "unit", "meaning"}};
  for (const Metric& metric : metrics())
    rows.push_back({metric.variable.name, metric.variable.units, metric.variable.long_name});
  fmt::print("{}", format_table(rows));
}

void list_routers() {
  for (const RouterKind& kind : router_kinds()) fmt::print("{}\n    {}\n", kind.name, kind.summary);
}

void list_limits() {
  for (const GridLimit& limit : grid_limits())
    fmt::print("{}\n    {}\n    {}\n    source: {}\n", limit.name, limit.summary, limit.status,
               limit.source);
}

/// What can be listed.
struct Listing {
  std::string_view name, summary;
  void (*print)();
};
constexpr Listing listings[] = {
    {"parameters", "every key of a study file: default, range, source",
     [] { list_parameters(""); }},
    {"topologies", "what topology.kind can be", list_topologies},
    {"chips", "the catalogue of generations", list_chips},
    {"distributions", "laws for noise and uncertain inputs", list_distributions},
    {"metrics", "variables of a result file", list_metrics},
    {"limits", "of utilities, which a load's swing may have to meet", list_limits},
    {"routers", "who choose a replica for each request that is served", list_routers},
};

int run(const std::vector<std::string>& arguments) {
  const po::options_description options;
  std::vector<std::string> given = arguments;
  if (given.empty()) {
    fmt::print("lockstep list WHAT, where WHAT is\n");
    for (const Listing& listing : listings)
      fmt::print("  {:<14} {}\n", listing.name, listing.summary);
    return done;
  }
  const auto map = parse_arguments(list_command, given, options, "what", 2);
  if (map.empty()) return done;
  const auto words = map["what"].as<std::vector<std::string>>();
  const std::string& what = words.front();
  if (words.size() == 2) {
    if (what != "parameters")
      throw InputError(
          fmt::format("{} cannot be filtered by {} (only parameters can) write lockstep list {}",
                      what, words.back(), what));
    list_parameters(words.back());
    return done;
  }
  std::vector<std::string_view> names;
  for (const Listing& listing : listings) {
    names.push_back(listing.name);
    if (listing.name == what) {
      listing.print();
      return done;
    }
  }
  const std::string nearest = nearest_name(what, names);
  throw InputError(
      fmt::format("nothing called {} can be listed (known: {}){}", what, fmt::join(names, ", "),
                  nearest.empty() ? " see lockstep list" : " did you mean " + nearest + "?"));
}

}  // namespace

const Command list_command{
    "list", "[parameters [FILTER]|topologies|chips|distributions|metrics|limits|routers]",
    "Lists what a study can say, with sources; of parameters those whose "
    "key contains FILTER.",
    run};

}  // namespace lockstep
