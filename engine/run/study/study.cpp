#include "engine/run/study/study.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>

#include "engine/base/sha256.hpp"
#include "engine/run/study/key_hints.hpp"
#include "engine/run/study/study_axes.hpp"
#include "engine/run/study/study_keys.hpp"
#include "engine/run/study/study_values.hpp"

namespace lockstep {
namespace {

constexpr std::size_t most_problems = 5;
constexpr std::string_view seed_key = "sampling.seed";
constexpr std::string_view sweep_prefix = "sweep.";

bool contains(const std::vector<std::string>& keys, std::string_view key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

/// The way from entries to a Study: which entry counts for which key, and what is wrong so far.
class Resolution {
 public:
  Resolution(const StudyText& file, std::span<const Parameter> rows) : file_(file), keys_(rows) {}

  void take_file_entry(const StudyEntry& entry) { take(entry, false); }
  void take_override(const StudyEntry& entry) { take(entry, true); }

  /// Reads every value that counts; call once, after all entries.
  Study finish();

 private:
  /// An entry with its place among all entries, which orders the problems.
  struct Setting {
    const StudyEntry* entry;
    std::size_t place;
  };
  struct Sweep {
    std::vector<std::string> keys;
    Setting setting;
    std::set<std::string, std::less<>> replaced;  ///< keys that a later override sets
  };

  void take(const StudyEntry& entry, bool overrides);
  void take_sweep(Setting setting, std::string_view key_text, bool overrides);
  void report_torn_sweeps();
  void read_parameters(Study& study, Values& base);
  std::vector<AxisValues> read_axes();
  void report(std::size_t place, const StudyEntry& entry, std::string_view what);
  void report_twice(Setting second, const StudyEntry& first);
  void throw_problems();

  const StudyText& file_;
  StudyKeys keys_;
  std::size_t places_ = 0;
  std::map<std::string, Setting, std::less<>> settings_;
  std::vector<Sweep> sweeps_;
  std::vector<std::pair<std::size_t, std::string>> problems_;  ///< place, message
};

void Resolution::report(std::size_t place, const StudyEntry& entry, std::string_view what) {
  problems_.emplace_back(
      place, fmt::format("{}: {}: {}", entry.origin, shown(entry.key, entry.value), what));
}

void Resolution::report_twice(Setting second, const StudyEntry& first) {
  report(second.place, *second.entry,
         fmt::format("given twice (first at {}) keep one of the two lines", first.origin));
}

void Resolution::throw_problems() {
  if (problems_.empty()) return;
  std::stable_sort(problems_.begin(), problems_.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> messages;
  for (auto& [place, message] : problems_) messages.push_back(std::move(message));
  throw first_problems(std::move(messages));
}

void Resolution::take(const StudyEntry& entry, bool overrides) {
  const Setting setting{&entry, places_++};
  const std::string_view key = entry.key;
  if (key.starts_with(sweep_prefix)) {
    take_sweep(setting, key.substr(sweep_prefix.size()), overrides);
    return;
  }
  if (key != "title" && keys_.find(key) == nullptr) {
    report(setting.place, entry,
           key.starts_with("(")
               ? fmt::format("several keys change together in a sweep alone; write sweep.{}", key)
               : fmt::format("unknown key (no parameter has this name) {}",
                             key_hint(key, entry.value, keys_.rows())));
    return;
  }
  const auto [known, is_new] = settings_.emplace(key, setting);
  if (!is_new && !overrides) {
    report_twice(setting, *known->second.entry);
    return;
  }
  known->second = setting;
  if (!overrides) return;
  for (Sweep& sweep : sweeps_)
    if (contains(sweep.keys, key)) sweep.replaced.emplace(key);
  std::erase_if(sweeps_,
                [](const Sweep& sweep) { return sweep.replaced.size() == sweep.keys.size(); });
}

void Resolution::take_sweep(Setting setting, std::string_view key_text, bool overrides) {
  std::vector<std::string> keys;
  try {
    keys = axis_keys(key_text);
  } catch (const InputError& error) {
    report(setting.place, *setting.entry, error.what());
    return;
  }
  for (const std::string& key : keys) {
    std::string what;
    if (key == "title" || key.starts_with("sampling."))
      what = fmt::format(
          "{} cannot be swept (it is the same for all design points) sweep another "
          "key, or run one study for each value",
          key);
    else if (keys_.find(key) == nullptr)
      what = fmt::format("unknown key {} (no parameter has this name) {}", key,
                         key_hint(key, "", keys_.rows()));
    if (what.empty()) continue;
    report(setting.place, *setting.entry, what);
    return;
  }
  for (Sweep& sweep : sweeps_) {
    if (std::none_of(keys.begin(), keys.end(),
                     [&](const std::string& key) { return contains(sweep.keys, key); }))
      continue;
    if (!overrides) {
      report_twice(setting, *sweep.setting.entry);
    } else if (std::is_permutation(keys.begin(), keys.end(), sweep.keys.begin(),
                                   sweep.keys.end())) {
      sweep = {std::move(keys), setting, {}};
    } else {
      report(setting.place, *setting.entry,
             fmt::format("overlaps the axis at {} (the keys of an axis change together) replace "
                         "the whole axis {}",
                         sweep.setting.entry->origin, sweep.setting.entry->key));
    }
    return;
  }
  sweeps_.push_back({std::move(keys), setting, {}});
}

void Resolution::report_torn_sweeps() {
  for (const Sweep& sweep : sweeps_) {
    if (sweep.replaced.empty()) continue;
    const Setting& by = settings_.find(*sweep.replaced.begin())->second;
    report(by.place, *by.entry,
           fmt::format("one key of the axis at {} (the keys of an axis change together) set the "
                       "others as well, or replace the whole axis {}",
                       sweep.setting.entry->origin, sweep.setting.entry->key));
  }
}

void Resolution::read_parameters(Study& study, Values& base) {
  std::vector<std::string> used;
  for (const auto& [key, setting] : settings_) used.push_back(key);
  for (const Sweep& sweep : sweeps_) used.insert(used.end(), sweep.keys.begin(), sweep.keys.end());

  for (const auto& [row, key] : keys_.expand(used)) {
    const auto given = settings_.find(key);
    const StudyEntry default_entry{key, std::string(row->default_text), "default"};
    const StudyEntry& entry = given != settings_.end() ? *given->second.entry : default_entry;
    Value value;
    if (given != settings_.end() || !row->default_text.empty()) {
      try {
        value = read_value(*row, entry.value, file_.directory);
      } catch (const InputError& error) {
        report(given != settings_.end() ? given->second.place : places_, entry, error.what());
        continue;
      }
    }
    base.set(key, std::move(value));
    study.parameters.push_back({row, key, std::string(without_quotes(entry.value)), entry.origin,
                                given != settings_.end() ? entry.origin : ""});
  }
}

std::vector<AxisValues> Resolution::read_axes() {
  std::vector<AxisValues> axes;
  for (const Sweep& sweep : sweeps_) {
    std::vector<const Parameter*> rows;
    for (const std::string& key : sweep.keys) rows.push_back(keys_.find(key));
    const StudyEntry& entry = *sweep.setting.entry;
    try {
      axes.push_back(read_axis(sweep.keys, rows, entry.value, file_.directory));
      axes.back().place = entry.origin;
    } catch (const InputError& error) {
      for (const std::string& message : error.messages())
        problems_.emplace_back(sweep.setting.place, fmt::format("{}: {}", entry.origin, message));
    }
  }
  return axes;
}

/// A swept parameter shows all its values, and that a sweep sets them.
void mark_swept(const std::vector<AxisValues>& axes, Study& study) {
  for (const AxisValues& axis : axes)
    for (std::size_t k = 0; k < axis.keys.size(); ++k) {
      const auto parameter =
          std::find_if(study.parameters.begin(), study.parameters.end(),
                       [&](const ResolvedParameter& p) { return p.key == axis.keys[k]; });
      if (!parameter->place.empty()) {
        parameter->replaced_text = parameter->text;
        parameter->replaced_place = parameter->place;
      }
      parameter->origin = "axis";
      parameter->place = axis.place;
      parameter->text.clear();
      for (const std::vector<std::string>& texts : axis.texts)
        parameter->text += (parameter->text.empty() ? "" : ", ") + listed(texts[k]);
    }
}

Study Resolution::finish() {
  Study study;
  Values base;
  report_torn_sweeps();
  read_parameters(study, base);
  const std::vector<AxisValues> axes = read_axes();
  throw_problems();

  const auto title = settings_.find("title");
  if (title != settings_.end()) study.title = without_quotes(title->second.entry->value);
  study.path = file_.path;
  study.text = file_.text;
  mark_swept(axes, study);
  for (const AxisValues& axis : axes) study.axes.push_back(axis.axis);
  expand_points(base, axes, study);
  return study;
}

/// The lines of `resolved_text`, with or without the one of the seed.
std::string resolved_lines(const Study& study, bool with_seed) {
  std::string lines;
  for (const ResolvedParameter& parameter : study.parameters) {
    if (parameter.origin == "axis" || (parameter.key == seed_key && !with_seed)) continue;
    const Value& value = *study.points.front().find(parameter.key);
    lines += fmt::format("{} ={}{}\n", parameter.key, value.canonical.empty() ? "" : " ",
                         value.canonical);
  }
  for (std::size_t axis = 0; axis < study.axes.size(); ++axis)
    lines += canonical_axis(study, axis) + '\n';
  return lines;
}

}  // namespace

std::string Study::resolved_text() const {
  return resolved_lines(*this, true);
}

InputError Study::problem(std::string_view key, std::string_view what) const {
  const auto parameter = std::find_if(parameters.begin(), parameters.end(),
                                      [&](const ResolvedParameter& p) { return p.key == key; });
  const std::string& place = parameter->place;
  return InputError(
      fmt::format("{}: {}: {}", place.empty() ? path : place, shown(key, parameter->text), what));
}

InputError first_problems(std::vector<std::string> problems) {
  if (problems.size() > most_problems) {
    const std::size_t more = problems.size() - most_problems;
    problems.resize(most_problems);
    problems.push_back(fmt::format("... and {} more", more));
  }
  return InputError(std::move(problems));
}

Study resolve_study(const StudyText& file, std::span<const StudyEntry> overrides,
                    std::span<const Parameter> rows) {
  Resolution resolution(file, rows);
  for (const StudyEntry& entry : file.entries) resolution.take_file_entry(entry);
  for (const StudyEntry& entry : overrides) resolution.take_override(entry);
  Study study = resolution.finish();

  for (const StudyEntry& entry : overrides)
    study.overrides.push_back(entry.origin == "--set"
                                  ? fmt::format("--set {}={}", entry.key, entry.value)
                                  : fmt::format("{} {}", entry.origin, entry.value));
  const Values& values = study.points.front();
  static_cast<SamplingSettings&>(study) = sampling_from(values);
  if (study.until_text != "none") {
    study.until = parse_stopping_rule(study.until_text);
    if (study.max_trials < study.trials)
      throw study.problem("sampling.max_trials",
                          fmt::format("fewer than sampling.trials, the least under sampling.until "
                                      "({}) raise it, or lower sampling.trials",
                                      study.trials));
  }
  study.study_id = sha256_hex(resolved_lines(study, false));
  return study;
}

}  // namespace lockstep
