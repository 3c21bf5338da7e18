#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace lockstep {

/// What a router knows of the replicas of its cell: loads as the signals have them, which may be
/// old, rated speeds, and at once who is up.
struct RouterView {
  std::vector<double> rate;               ///< rated requests a second
  std::vector<std::int64_t> outstanding;  ///< requests
  std::vector<double> work;  ///< rated seconds of work outstanding, by lengths expected
  std::vector<std::uint8_t> up;
  std::int64_t count_up = 0;

  std::int32_t replicas() const { return static_cast<std::int32_t>(rate.size()); }
};

/// Chooses a replica for each request of a cell.
class Router {
 public:
  virtual ~Router() = default;
  /// With two uniforms in (0, 1) of the request's own. Some replica must be up.
  virtual std::int32_t choose(const std::array<double, 2>& uniforms) = 0;
  /// The view of a replica has changed; `tie` is a fresh random number, which breaks ties.
  virtual void changed(std::int32_t /*replica*/, std::uint32_t /*tie*/) {}
};

/// A kind of router: a row of the table.
struct RouterKind {
  std::string_view name, summary;
  bool uses_load;     ///< and so waits for signals
  bool splits_alike;  ///< all replicas get as many requests, whatever their speed
  /// `view` must outlive it.
  std::unique_ptr<Router> (*make)(const RouterView& view);
};

std::span<const RouterKind> router_kinds();

}  // namespace lockstep
