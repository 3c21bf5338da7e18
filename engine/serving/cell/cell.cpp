#include "engine/serving/cell/cell.hpp"

#include <algorithm>
#include <deque>
#include <stdexcept>

#include "engine/serving/cell/winner_tree.hpp"

namespace lockstep {
namespace {

/// Sums of picoseconds over requests do not fit 64 bits.
__extension__ using Area = __int128;

constexpr int backlog_counts = 17;

/// What a count at one of these times adds to the growth: the slope of the least squares line
/// through equal distances, times the window.
constexpr double growth_of_count(int number) {
  constexpr double n = backlog_counts, squares = n * (n * n - 1) / 12;
  return (number - 0.5 * (n - 1)) * (n - 1) / squares;
}

class Cell {
 public:
  Cell(std::span<const CellReplica> replicas, std::size_t generations,
       std::span<const CellChange> changes, RequestSource& source, const CellSettings& settings,
       const Stream& routes, std::uint32_t cell, CellObserver* observer);
  CellResult run(const Execution& how);

 private:
  struct Signal {
    Ticks due;
    std::int32_t replica, count;
    double work;
    std::uint32_t tie;
  };

  void go_to(Ticks time);
  void count_backlog();
  void arrive(const Arrival& arrival);
  void route(std::int32_t place);
  void leave(std::int32_t place, bool lost);
  void tell(std::int32_t place, std::int32_t count);
  void apply(const Signal& signal);
  void apply_signals();
  void change(const CellChange& what);
  void begin_window();
  void check_and_finish();

  std::uint64_t entity(const Request& request) const {
    return static_cast<std::uint64_t>(cell_) << 32 | request.number;
  }
  static std::size_t index(std::int32_t i) { return static_cast<std::size_t>(i); }

  std::span<const CellReplica> made_of_;
  std::span<const CellChange> changes_;
  RequestSource& source_;
  const CellSettings& settings_;
  Stream routes_;
  std::uint32_t cell_;
  CellObserver* observer_;

  RequestPool pool_;
  std::vector<Replica> replicas_;
  RouterView view_;
  std::unique_ptr<Router> router_;
  WinnerTree<Ticks> next_;
  std::deque<Signal> signals_;
  std::vector<std::int32_t> moved_;
  Ticks now_ = 0, end_;
  std::uint32_t numbers_ = 0;
  std::int64_t in_system_ = 0;
  Area area_ = 0, residence_ = 0;
  bool in_window_ = false;
  int counted_ = 0;  // times that the backlog was
  CellResult result_;
};

Cell::Cell(std::span<const CellReplica> replicas, std::size_t generations,
           std::span<const CellChange> changes, RequestSource& source, const CellSettings& settings,
           const Stream& routes, std::uint32_t cell, CellObserver* observer)
    : made_of_(replicas),
      changes_(changes),
      source_(source),
      settings_(settings),
      routes_(routes),
      cell_(cell),
      observer_(observer),
      next_(replicas.size(), Replica::never),
      end_(settings.warmup + settings.window) {
  result_.use.resize(generations);
  result_.replicas.resize(generations);
  result_.backlog.resize(generations);
  result_.window = seconds_of(settings.window);
  for (const CellReplica& replica : replicas) {
    replicas_.emplace_back(*replica.sort, pool_, replica.slowness, replica.links,
                           settings.longest_span);
    view_.rate.push_back(replica.sort->rate);
    result_.replicas[replica.generation] += 1;
  }
  view_.outstanding.assign(replicas.size(), 0);
  view_.work.assign(replicas.size(), 0);
  view_.up.assign(replicas.size(), 1);
  view_.count_up = static_cast<std::int64_t>(replicas.size());
  router_ = settings.router->make(view_);
}

void Cell::count_backlog() {
  for (; counted_ < backlog_counts; ++counted_) {
    const Ticks due = settings_.warmup + settings_.window / (backlog_counts - 1) * counted_;
    if (due > now_) return;
    for (std::size_t i = 0; i < replicas_.size(); ++i)
      result_.backlog[made_of_[i].generation].growth +=
          growth_of_count(counted_) * static_cast<double>(replicas_[i].outstanding());
  }
}

void Cell::go_to(Ticks time) {
  area_ += static_cast<Area>(time - now_) * in_system_;
  now_ = time;
}

void Cell::apply(const Signal& signal) {
  const std::size_t i = index(signal.replica);
  view_.outstanding[i] += signal.count;
  view_.work[i] = view_.outstanding[i] == 0 ? 0 : view_.work[i] + signal.work;
  router_->changed(signal.replica, signal.tie);
}

void Cell::apply_signals() {
  while (!signals_.empty() && signals_.front().due <= now_) {
    apply(signals_.front());
    signals_.pop_front();
  }
}

/// What the router will see of a request that came to its replica (count 1) or left it (-1).
void Cell::tell(std::int32_t place, std::int32_t count) {
  if (!settings_.router->uses_load) return;
  const Request& request = pool_[place];
  const double size =
      (request.input + settings_.mean_output) / (settings_.mean_input + settings_.mean_output);
  const std::uint32_t draw = request.attempts | (count > 0 ? 0x40000000U : 0x80000000U);
  const Signal signal{now_ + settings_.signal_delay, request.replica, count,
                      count * size / view_.rate[index(request.replica)],
                      routes_.block(entity(request), draw).word[0]};
  if (settings_.signal_delay == 0 || (count > 0 && settings_.counts_own))
    apply(signal);
  else
    signals_.push_back(signal);
}

void Cell::leave(std::int32_t place, bool lost) {
  const Request& request = pool_[place];
  const Ticks response = now_ - request.arrival;
  residence_ += response;
  --in_system_;
  ++(lost ? result_.lost : result_.completed);
  if (observer_) observer_->leaves(request, now_, lost);
  if (in_window_ && lost) ++result_.losses;
  if (in_window_ && !lost) {
    ++result_.completions;
    result_.input_tokens += request.input;
    const double first = seconds_of(request.first_token - request.arrival);
    result_.first_token.add(first);
    double each = 0;
    if (request.output > 1) {
      each = seconds_of(now_ - request.first_token) / (request.output - 1);
      result_.per_token.add(each);
    }
    result_.good += first <= settings_.first_token_limit && each <= settings_.token_limit;
  }
  pool_.remove(place);
}

void Cell::route(std::int32_t place) {
  Request& request = pool_[place];
  if (view_.count_up == 0) return leave(place, true);
  const std::int32_t chosen =
      router_->choose(routes_.uniform_pair(entity(request), request.attempts++));
  Replica& replica = replicas_[index(chosen)];
  if (replica.outstanding() >= settings_.admission_limit) return leave(place, true);
  request.replica = chosen;
  if (in_window_) ++result_.backlog[made_of_[index(chosen)].generation].arrivals;
  replica.add(now_, place);
  next_.set(chosen, replica.next());
  tell(place, 1);
}

void Cell::arrive(const Arrival& arrival) {
  ++result_.arrived;
  if (in_window_) ++result_.arrivals;
  ++in_system_;
  Request request;
  request.arrival = arrival.time;
  request.input = arrival.input;
  request.output = arrival.output;
  request.number = numbers_++;
  route(pool_.add(request));
}

void Cell::change(const CellChange& what) {
  Replica& replica = replicas_[index(what.replica)];
  std::uint8_t& up = view_.up[index(what.replica)];
  if (what.kind == CellChange::Kind::slowness) {
    replica.set_slowness(now_, what.slowness);
  } else if (what.kind == CellChange::Kind::links) {
    replica.set_links(now_, what.links);
  } else if (what.kind == CellChange::Kind::restoration && !up) {
    replica.restore(now_);
    up = 1;
    ++view_.count_up;
    router_->changed(what.replica, 0);
  } else if (what.kind == CellChange::Kind::failure && up) {
    moved_.clear();
    replica.fail(now_, moved_);
    up = 0;
    --view_.count_up;
    router_->changed(what.replica, 0);
    const std::vector<std::int32_t> dropped = moved_;
    for (const std::int32_t place : dropped) tell(place, -1);
    for (const std::int32_t place : dropped)
      if (settings_.restarts)
        route(place);
      else
        leave(place, true);
  }
  next_.set(what.replica, replica.next());
}

void Cell::begin_window() {
  go_to(settings_.warmup);
  in_window_ = true;
  for (Replica& replica : replicas_) replica.reset_use(now_);
}

void Cell::check_and_finish() {
  go_to(end_);
  count_backlog();
  pool_.for_each([&](const Request& request) {
    ++result_.left;
    residence_ += end_ - request.arrival;
  });
  if (result_.left != in_system_ || residence_ != area_ ||
      result_.arrived != result_.completed + result_.lost + result_.left)
    throw std::logic_error("requests were lost or made, or Little's law is broken");
  const auto total = static_cast<double>(residence_) / ticks_per_second;
  if (result_.arrived > 0) result_.mean_residence = total / static_cast<double>(result_.arrived);
  result_.mean_in_system = total / seconds_of(end_);
  for (std::size_t i = 0; i < replicas_.size(); ++i)
    result_.use[made_of_[i].generation].add(replicas_[i].use(now_));
}

CellResult Cell::run(const Execution& how) {
  Arrival arrival = source_.next();
  auto coming = changes_.begin();
  std::int64_t events = 0;
  while (true) {
    const Ticks change_time = coming != changes_.end() ? coming->time : Replica::never;
    const Ticks due = std::min({next_.key(), change_time, arrival.time});
    if (!in_window_ && due >= settings_.warmup) begin_window();
    if (due >= end_) break;
    go_to(due);
    if (in_window_) count_backlog();
    if (next_.key() == due) {
      const std::int32_t replica = next_.winner();
      moved_.clear();
      replicas_[index(replica)].advance(now_, moved_);
      next_.set(replica, replicas_[index(replica)].next());
      for (const std::int32_t place : moved_) {
        tell(place, -1);
        leave(place, false);
      }
    } else if (change_time == due) {
      change(*coming++);
    } else {
      apply_signals();
      arrive(arrival);
      arrival = source_.next();
    }
    if ((++events & 0xFFF) == 0) how.check();
  }
  check_and_finish();
  return std::move(result_);
}

}  // namespace

CellResult run_cell(std::span<const CellReplica> replicas, std::size_t generations,
                    std::span<const CellChange> changes, RequestSource& source,
                    const CellSettings& settings, const Stream& routes, std::uint32_t cell,
                    const Execution& how, CellObserver* observer) {
  return Cell(replicas, generations, changes, source, settings, routes, cell, observer).run(how);
}

}  // namespace lockstep
