#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/parameter.hpp"
#include "engine/machine/generation_name.hpp"

namespace lockstep {

/// One generation of chips. Figures are per chip; bandwidths are per direction.
struct Chip {
  std::string name;
  double peak = 0;                 ///< dense, BF16 in the catalogue [FLOP/s]
  double fp8_peak = 0;             ///< dense FP8; 0: none [FLOP/s]
  double wide_peak = 0;            ///< of what an FP8 job computes in BF16; 0: peak [FLOP/s]
  double hbm = 0;                  ///< capacity [B]
  double hbm_bandwidth = 0;        ///< [B/s]
  double tdp = 0;                  ///< [W]
  double idle_power = 0;           ///< bare [W]
  double context_power = 0;        ///< a job holds it, nothing runs [W]
  double host_power = 0;           ///< its share of all that is no chip in the node, loaded [W]
  double scale_up_bandwidth = 0;   ///< NVLink or ICI, each way [B/s]
  double scale_up_domain = 1;      ///< chips one island joins (a cube for TPUs)
  double node = 1;                 ///< chips that fail and are replaced together
  double injection_bandwidth = 0;  ///< into the scale-out fabric, each way [B/s]
  double link_bandwidth = 0;       ///< nominal, of a torus link, each way; 0: it has none [B/s]
  double largest_torus = 0;        ///< that one job gets; 0: of any size [chips]
  /// Of tori in two dimensions: the longest side, the only one that is a ring; 0: in three.
  double flat_torus_side = 0;
  double scale_up_efficiency = 1,
         network_efficiency = 1;  ///< shares of both that large messages get
  double stack = 1;               ///< how far the software is tuned for it
  std::string nccl = "none";      ///< whose figures in NCCL's model are its, or none
  std::string_view source;
  /// Of each node [1/s]; nullopt: reliability.node_failure_rate.
  std::optional<double> node_failure_rate = {};
  bool operator==(const Chip&) const = default;
};

/// The catalogue (catalogue.cpp): NVIDIA from A100 to GB300, MI300X, TPUs from v4 to 7x, each with
/// its source.
std::span<const Chip> chip_catalogue();

/// Keys of a [chip.NAME] section.
std::span<const Parameter> chip_parameters();

/// The generation of the catalogue or of a [chip.NAME] section that someone means by `name`; ""
/// where none is (generation_name.hpp).
std::string meant_generation_of(std::string_view name, const Values& values);

/// The generation `name`: the catalogue's figures, overridden by its [chip.NAME] section; a name
/// the catalogue lacks must give at least `peak` there, and takes the rest but fp8_peak from H100.
/// Throws InputError with the nearest known name.
Chip find_chip(std::string_view name, const Values& values);

}  // namespace lockstep
