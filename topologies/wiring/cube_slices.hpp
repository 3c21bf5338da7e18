#pragma once

#include <memory>

#include "engine/network/slices.hpp"

namespace lockstep {

// What TopologyKind::slices of tori can be. A cube of 4x4x4 chips is healthy when all its hosts
// are up; the machine's chips fill cube after cube in the order of placement. Both throw InputError
// on slices that are no whole cubes.

/// Optical circuit switches join any healthy cubes (Jouppi et al., TPU v4, ISCA'23, arXiv
/// 2304.01433, section 2).
std::unique_ptr<Slices> slices_of_cubes(const SliceRequest& request);

/// Fixed wiring: boxes of healthy cubes in the machine's torus of cubes, the most cubic box that
/// has the slice's cubes, in any orientation, across the seams too (a box that does not fill a
/// dimension is a mesh in it). The torus is topology.shape, or the most cubic one of whole cubes
/// as torus_shape makes it; cubes beyond it are in no slice. BoxPacking says how many boxes fit,
/// and where that is a lower bound. Throws InputError where no box of so many cubes fits, or
/// topology.shape is not of whole cubes.
std::unique_ptr<Slices> slices_of_boxes(const SliceRequest& request);

}  // namespace lockstep
