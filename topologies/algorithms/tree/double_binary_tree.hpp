#pragma once

#include <cstdint>
#include <vector>

namespace lockstep {

/// Parents (-1 for the root) of the two binary trees over `nodes` nodes. In the first, a node's
/// parent follows from its lowest set bit: odd nodes are leaves, node 0 is the root. The second is
/// the mirror image (even count) or a shift by one (odd count), so that leaves of one are inner
/// nodes of the other and no node has more than two children in both together. (Over an odd count
/// node 0, the first root, has one child in each.)
/// Source: Sanders, Speck, Traeff, "Two-tree algorithms for full bandwidth broadcast, reduction and
/// scan" (Parallel Computing 35, 2009); NCCL 2.30, src/graph/trees.cc.
///
///   6 nodes, first tree:   0        second:      5
///                          |                     |
///                          4                     1
///                         / .                   . |
///                        2   5                  0 3
///                       / .                      / .
///                      1   3                    2   4
std::vector<std::int32_t> binary_tree_parents(std::int32_t nodes, bool second);

}  // namespace lockstep
