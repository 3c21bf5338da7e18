#pragma once

#include <cstdint>
#include <vector>

#include "engine/network/collective.hpp"

namespace lockstep {

/// The ranks of one group as a grid of rails and clusters; places are rail x clusters + cluster.
struct RailLayout {
  std::int64_t rails = 1, clusters = 1;
  std::vector<std::int32_t> member;  ///< (rails, clusters) rank on each rail
  std::vector<std::int32_t> folded;  ///< (rails, clusters) rank without a rail that it stands for,
                                     ///< or -1
  bool folds = false;                ///< some rank has no rail
  bool splits = false;               ///< some domain holds several clusters

  std::int64_t places() const { return rails * clusters; }
  /// Place before in the ring inside the cluster, and on the rail.
  std::int64_t before_inside(std::int64_t place) const {
    return (place + places() - clusters) % places();
  }
  std::int64_t before_on_rail(std::int64_t place) const {
    const std::int64_t cluster = place % clusters;
    return place - cluster + (cluster + clusters - 1) % clusters;
  }
};

/// As many rails as the group has ranks in its smallest domain; every scale-up domain of s ranks is
/// split into floor(s / rails) clusters of nearly equal sizes.
RailLayout rail_layout(const Layout& layout, std::int64_t group);

/// An operation in phases over rails: reductions begin with a reduce-scatter inside the clusters,
/// what all ranks get ends with an all-gather there. A rank without a rail hands its part to its
/// partner before and gets its result after.
struct RailOperation {
  RailOperation(Operation operation, std::int64_t n)
      : ranks(n),
        scatters(operation != Operation::all_gather),
        gathers(operation != Operation::reduce_scatter) {}

  std::int64_t ranks;
  bool scatters, gathers;

  int laps() const { return scatters && gathers ? 2 : 1; }
  /// What a message inside a cluster carries of `bytes` of the buffer [B]. Where some rank has no
  /// rail, what places must pass on of a reduce-scatter or an all-gather, all parts but one's own,
  /// goes in equal messages.
  double inside(const RailLayout& grid, double bytes) const;
  /// What a rank without a rail hands over, and gets back [B].
  double folded(double bytes) const { return scatters ? bytes : part(bytes); }
  double unfolded(double bytes) const { return gathers ? bytes : part(bytes); }

 private:
  double part(double bytes) const { return bytes / static_cast<double>(ranks); }
};

/// How the messages of one group are numbered: those that fold, those of the exchanges inside
/// clusters chunk after chunk and row after row, those across, those of the exchanges back, those
/// that unfold. A row has one number for each place.
struct RailNumbering {
  RailNumbering(const RailLayout& grid, const RailOperation& operation, std::int64_t in_chunks,
                std::int64_t across_each)
      : places(grid.places()),
        exchanges(grid.rails - 1),
        chunks(in_chunks),
        across(across_each),
        folds(grid.folds),
        scatters(operation.scatters),
        gathers(operation.gathers) {}

  std::int64_t places;
  std::int64_t exchanges;  ///< rows of one chunk's exchange inside clusters
  std::int64_t chunks;
  std::int64_t across;  ///< messages of one chunk between clusters
  bool folds, scatters, gathers;

  std::int64_t folding() const { return 0; }
  std::int64_t scatter(std::int64_t chunk, std::int64_t row) const {  // of those that scatter
    return (folds ? places : 0) + (chunk * exchanges + row) * places;
  }
  std::int64_t crossing() const { return scatter(scatters ? chunks : 0, 0); }
  std::int64_t gather(std::int64_t chunk, std::int64_t row) const {
    return crossing() + chunks * across + (chunk * exchanges + row) * places;
  }
  std::int64_t unfolding() const { return gather(gathers ? chunks : 0, 0); }
  std::int64_t messages() const { return unfolding() + (folds ? places : 0); }
};

}  // namespace lockstep
