#include "engine/run/plan.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "engine/base/error.hpp"
#include "engine/run/metrics.hpp"
#include "engine/run/study/impossible_points.hpp"
#include "engine/run/version.hpp"
#include "engine/training/phases/step_parts.hpp"

namespace lockstep {
namespace {

enum class Over { sum, largest };

/// What is known of a design point before any trial: a row a variable, over its jobs.
struct PointFact {
  std::string_view name, units, long_name;
  Over jobs;
  double (*number)(const DesignPoint&);

  double of(const Jobs& point) const {
    double total = 0;
    for (const auto& job : point.all())
      total = jobs == Over::sum ? total + number(*job) : std::max(total, number(*job));
    return total;
  }
};

std::span<const PointFact> point_facts() {
  static const std::vector<PointFact> rows{
      {"replicas", "1", "model-parallel groups in the job", Over::sum,
       [](const DesignPoint& p) { return static_cast<double>(p.layout().replicas); }},
      {"chips_used", "1", "chips in the job", Over::sum,
       [](const DesignPoint& p) { return static_cast<double>(p.layout().chips()); }},
      {"chips_idle", "1", "chips of the fleet that fit in no group or torus", Over::sum,
       [](const DesignPoint& p) { return static_cast<double>(p.layout().idle_chips); }},
      {"tokens_per_step", "1", "tokens of the batch as computed", Over::sum,
       [](const DesignPoint& p) { return p.work().tokens; }},
      {"noise_free_communication_time", "s",
       "phases of weights and gradients alone, all ready at once", Over::largest,
       [](const DesignPoint& p) { return p.noise_free_communication_time(); }},
      {"noise_free_step_time", "s", "a step that synchronizes, the sum of phase_exposed",
       Over::largest, [](const DesignPoint& p) { return p.quiet_step().time(); }},
      {"extrapolated", "1", "1 where the machine is larger than any published of its kind",
       Over::largest, [](const DesignPoint& p) { return p.extrapolated() ? 1.0 : 0.0; }},
  };
  return rows;
}

/// The parts of a design point's step, of the job that takes longest: (points, parts) without
/// noise. A part that a point has not takes 0.
class PartTimes {
 public:
  explicit PartTimes(std::span<const Phase> table) : names_(names_of_parts(table)) {}

  void add(const Jobs& point) {
    const std::vector<StepPart> parts = parts_of_step(point.longest());
    for (const std::string& name : names_) {
      const auto part = std::find_if(parts.begin(), parts.end(),
                                     [&](const StepPart& one) { return one.name == name; });
      time_.push_back(part == parts.end() ? 0 : part->time);
      exposed_.push_back(part == parts.end() ? 0 : part->exposed);
    }
  }
  void move_to(ResultSchema& schema) {
    const std::string extent(phase_extent);
    schema.point_variables.push_back(
        {"phase_time",
         {extent},
         "s",
         "each part of a step alone: of a phase all its calls, everyone ready at once",
         std::move(time_),
         {}});
    schema.point_variables.push_back({"phase_exposed",
                                      {extent},
                                      "s",
                                      "what each part adds to a step without noise",
                                      std::move(exposed_),
                                      {}});
    schema.extents.push_back({extent, std::move(names_), "part of a step without noise"});
  }

 private:
  std::vector<std::string> names_;
  std::vector<double> time_, exposed_;
};

std::shared_ptr<const Jobs> make_jobs(const Plan& plan, const Values& values,
                                      const KnownFacts& known, const Jobs* like) {
  return std::make_shared<const Jobs>(values, plan.topologies, plan.capabilities, plan.study.seed,
                                      plan.phases, known, like);
}

std::vector<std::string> union_of_generations(const std::vector<std::vector<std::string>>& points) {
  std::vector<std::string> names;
  for (const auto& fleet : points)
    for (const std::string& name : fleet)
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  return names;
}

}  // namespace

std::shared_ptr<const Jobs> Plan::build(std::int64_t point, const Jobs* like) const {
  const auto p = static_cast<std::size_t>(point);
  if (p < kept.size()) return kept[p];
  std::shared_ptr<const Jobs> jobs;
  ImpossiblePoints impossible(study);
  impossible.holds(p, [&] { jobs = make_jobs(*this, study.points[p], *known, like); });
  impossible.throw_if_any();
  jobs->add_to(*known);
  return jobs;
}

std::vector<UncertainInput> Plan::inputs_of(std::int64_t point) const {
  return uncertain_inputs(study.points[static_cast<std::size_t>(point)], rows);
}

std::vector<std::int64_t> Plan::blocks_of(Shard shard) const {
  std::vector<std::int64_t> costs;
  for (std::int64_t block = 0; block < schema.blocks(); ++block) {
    const std::int64_t first = block % schema.blocks_per_point() * schema.block_trials;
    const std::int64_t trials = std::min(schema.block_trials, schema.trials - first);
    costs.push_back(trials *
                    trial_costs[static_cast<std::size_t>(block / schema.blocks_per_point())]);
  }
  return shard_blocks(costs, shard);
}

namespace {

/// A number that no trial may yield: an error of the model, or values at the ends of their ranges
/// that it cannot take together.
[[noreturn]] void refuse_value(const std::string& point, const std::string& variable,
                               std::uint32_t trial, double value) {
  throw std::range_error(
      fmt::format("{} of trial {}{} is {} (the study's values are beyond what the model can take "
                  "together) bring them nearer to real ones",
                  variable, trial, point.empty() ? "" : " at " + point, value));
}

}  // namespace

BlockResult Plan::run_block(std::int64_t block, const Jobs& ready, const Execution& how) const {
  BlockResult result;
  result.block = block;
  result.point = block / schema.blocks_per_point();
  result.first_trial = block % schema.blocks_per_point() * schema.block_trials;
  result.trials = std::min(schema.block_trials, schema.trials - result.first_trial);
  for (const Variable& variable : schema.variables)
    result.values.emplace_back(
        static_cast<std::size_t>(result.trials * schema.values_per_trial(variable)),
        std::numeric_limits<double>::quiet_NaN());

  const auto p = static_cast<std::size_t>(result.point);
  std::vector<std::size_t> place;  // of the fleet's generations in the file
  const auto generations = schema.labels_of(generation_extent);
  for (const auto& generation : ready.fleet().generations)
    place.push_back(static_cast<std::size_t>(
        std::find(generations.begin(), generations.end(), generation.chip.name) -
        generations.begin()));
  const std::vector<UncertainInput> inputs = inputs_of(result.point);
  KnownFacts of_point;  // for what is built anew with drawn inputs
  if (!inputs.empty()) ready.add_to(of_point);
  for (std::int64_t t = 0; t < result.trials; ++t) {
    const auto trial = static_cast<std::uint32_t>(result.first_trial + t);
    JobsResult trial_result;
    if (inputs.empty()) {
      trial_result = ready.run_trial(trial, how);
    } else {
      const Values drawn = draw_inputs(study.points[p], inputs, study.seed, trial);
      trial_result = make_jobs(*this, drawn, of_point, &ready)->run_trial(trial, how);
      for (const UncertainInput& input : inputs) {
        const auto at = static_cast<std::size_t>(
            std::find(input_keys.begin(), input_keys.end(), input.name) - input_keys.begin());
        result.values[metrics.size() + at][static_cast<std::size_t>(t)] =
            input.draw(study.seed, trial);
      }
    }
    const MetricValues training = values_of(training_metrics(), trial_result.training);
    for (std::size_t m = 0; m < metrics.size(); ++m) {
      const PlannedMetric& planned = metrics[m];
      const MetricValues& values =
          planned.source == 0 ? training : trial_result.capabilities[planned.source - 1];
      if (values.empty()) continue;
      const std::vector<double>& source = values[planned.row];
      const Variable& variable = schema.variables[m];
      const bool by_generation =
          !variable.extents.empty() && variable.extents.front() == generation_extent;
      double* out = result.values[m].data() + t * schema.values_per_trial(variable);
      for (std::size_t i = 0; i < source.size(); ++i) {
        if (!may_yield(planned.metric, source[i]))
          refuse_value(study.point_names[p], variable.name, trial, source[i]);
        out[by_generation ? place[i] : i] = source[i];
      }
    }
  }
  return result;
}

namespace {

/// Of a capability's keys, those whose value in `point` alone sets other dimensions than `first`.
std::vector<std::string> keys_that_set_extents(const Capability& capability, const Values& first,
                                               const Values& point) {
  std::vector<std::string> keys;
  for (const Parameter& row : capability.parameters()) {
    const std::string key(row.key);
    if (!first.has(key) || !point.has(key)) continue;
    Values changed = first;
    changed.set(key, *point.find(key));
    if (capability.set_extents(changed) != capability.set_extents(first)) keys.push_back(key);
  }
  return keys;
}

/// What the parameters of all points set alike.
std::vector<Extent> set_extents(const Capability& capability, std::span<const Values> points) {
  if (!capability.set_extents) return {};
  std::vector<Extent> extents = capability.set_extents(points.front());
  for (const Values& point : points.subspan(1))
    if (capability.set_extents(point) != extents)
      throw InputError(
          fmt::format("{} differs between design points (it sets dimensions of the file, which "
                      "all share) give it one value",
                      fmt::join(keys_that_set_extents(capability, points.front(), point), ", ")));
  return extents;
}

/// Where a trial's values of the schema's variables stand; inputs that are drawn come last.
void find_sources(Plan& plan) {
  constexpr std::string_view input = "input.";
  std::vector<std::vector<Metric>> sources{rows_of(training_metrics())};
  for (const Capability* capability : plan.capabilities) sources.push_back(capability->metrics());
  const auto find = [&](const std::string& name) -> PlannedMetric {
    for (std::size_t source = 0; source < sources.size(); ++source)
      for (std::size_t row = 0; row < sources[source].size(); ++row)
        if (const Metric& metric = sources[source][row]; metric.variable.name == name)
          return {metric, source, row};
    throw InputError(fmt::format(
        "the design points have {} (this program knows no such variable) describe the study again",
        name));
  };
  for (const Variable& variable : plan.schema.variables)
    if (variable.name.starts_with(input))
      plan.input_keys.push_back(variable.name.substr(input.size()));
    else
      plan.metrics.push_back(find(variable.name));
}

Plan plan_without_points(Study study, std::span<const Parameter> rows,
                         std::span<const TopologyKind* const> topologies,
                         std::span<const Capability* const> capabilities,
                         std::span<const Phase> phases) {
  Plan plan;
  plan.study = std::move(study);
  plan.rows = rows;
  plan.topologies = topologies;
  plan.capabilities = capabilities;
  plan.phases = phases;
  plan.schema = schema_of(plan.study);
  return plan;
}

}  // namespace

Plan make_plan(Study study, std::span<const Parameter> rows,
               std::span<const TopologyKind* const> topologies,
               std::span<const Capability* const> capabilities, const PointVisitor& visit,
               std::span<const Phase> phases) {
  Plan plan = plan_without_points(std::move(study), rows, topologies, capabilities, phases);
  const Study& s = plan.study;
  ResultSchema& schema = plan.schema;
  for (const PointFact& fact : point_facts())
    schema.point_variables.push_back(
        {std::string(fact.name), {}, std::string(fact.units), std::string(fact.long_name), {}, {}});
  PartTimes parts(phases);
  PointVariable choice{
      "topology_choice", {}, "1", "what was chosen where the study left it open", {}, {}};
  std::vector<std::vector<std::string>> generations;
  std::vector<std::string> inputs;
  bool has_work = false;
  std::vector<bool> is_asked(capabilities.size(), false);
  ImpossiblePoints impossible(s);
  std::shared_ptr<const Jobs> last;
  constexpr std::int64_t most_chips_kept = 1 << 18, least_chips = 256;
  std::int64_t chips_kept = 0;
  for (std::size_t p = 0; p < s.points.size(); ++p) {
    std::shared_ptr<const Jobs> point;
    if (!impossible.holds(p,
                          [&] { point = make_jobs(plan, s.points[p], *plan.known, last.get()); }))
      continue;
    last = point;
    const std::int64_t chips = std::max(least_chips, point->fleet().chips());
    if (plan.kept.size() == p && (chips_kept + chips <= most_chips_kept || s.points.size() == 1)) {
      chips_kept += chips;
      plan.kept.push_back(point);
    }
    point->add_to(*plan.known);
    if (visit) visit(p, *point);
    has_work = has_work || !point->scenario().job.compute_time;
    for (std::size_t c = 0; c < capabilities.size(); ++c)
      if (point->capabilities()[c].prepared) is_asked[c] = true;
    for (std::size_t f = 0; f < point_facts().size(); ++f)
      schema.point_variables[f].numbers.push_back(point_facts()[f].of(*point));
    parts.add(*point);
    choice.texts.push_back(point->choice());
    auto& names = generations.emplace_back();
    for (const auto& generation : point->fleet().generations) names.push_back(generation.chip.name);
    plan.trial_costs.push_back(trial_cost(*point));
    for (const UncertainInput& input : plan.inputs_of(static_cast<std::int64_t>(p)))
      if (std::ranges::find(inputs, input.name) == inputs.end()) inputs.push_back(input.name);
  }
  impossible.throw_if_any();
  schema.extents.push_back(
      {std::string(generation_extent), union_of_generations(generations), "chip generation"});
  parts.move_to(schema);
  schema.point_variables.push_back(std::move(choice));
  const auto is_there = [&](const std::string& extent) {
    return extent == step_extent ||
           std::ranges::find(schema.extents, extent, &Extent::name) != schema.extents.end();
  };
  const auto add_metrics = [&](const std::vector<Metric>& own) {
    for (const Metric& metric : own)
      if ((has_work || !metric.needs_work) &&
          std::ranges::all_of(metric.variable.extents, is_there))
        schema.variables.push_back(metric.variable);
  };
  add_metrics(rows_of(training_metrics()));
  for (std::size_t c = 0; c < capabilities.size(); ++c) {
    if (!is_asked[c]) continue;
    for (Extent& extent : capabilities[c]->extents()) schema.extents.push_back(std::move(extent));
    for (Extent& extent : set_extents(*capabilities[c], s.points))
      schema.extents.push_back(std::move(extent));
    add_metrics(capabilities[c]->metrics());
  }
  for (const std::string& key : inputs)
    schema.variables.push_back({"input." + key, {}, "SI", "drawn value of " + key});
  find_sources(plan);
  if (s.until) {
    try {
      check_stopping_rule(*s.until, schema.variables);
    } catch (const InputError& error) {
      throw s.problem("sampling.until", error.what());
    }
  }
  return plan;
}

ResultSchema schema_of(const Study& study) {
  ResultSchema schema;
  schema.title = study.title;
  schema.study_text = study.text;
  schema.overrides = study.overrides;
  schema.resolved_parameters = study.resolved_text();
  schema.study_id = study.study_id;
  schema.seed = study.seed;
  schema.program_version = program_version();
  schema.git_commit = git_commit();
  schema.axes = study.axes;
  schema.trials = study.until ? study.max_trials : study.trials;
  schema.until = study.until ? study.until->text : "";
  schema.block_trials = study.block_trials;
  schema.steps = study.steps;
  return schema;
}

Plan plan_from(Study study, PlannedPoints points, std::span<const Parameter> rows,
               std::span<const TopologyKind* const> topologies,
               std::span<const Capability* const> capabilities, std::span<const Phase> phases) {
  Plan plan = plan_without_points(std::move(study), rows, topologies, capabilities, phases);
  plan.schema.warnings = std::move(points.schema.warnings);
  plan.schema.extents = std::move(points.schema.extents);
  plan.schema.variables = std::move(points.schema.variables);
  plan.schema.point_variables = std::move(points.schema.point_variables);
  plan.trial_costs = std::move(points.trial_costs);
  find_sources(plan);
  return plan;
}

}  // namespace lockstep
