#pragma once

#include <vector>

#include "engine/base/field.hpp"

namespace lockstep {

/// A transformer as it is trained: its shape, its parameters and the FLOPs of a token. What the
/// study leaves open follows from the rest (model_from). Every layer has attention and one
/// feed-forward block, or in a layer of experts a router, the experts and those that all tokens
/// pass; embedding and output head are two matrices of vocabulary x hidden.
struct Model {
  double parameters = 0;         ///< all of them, embedding and head included
  double active_parameters = 0;  ///< those that a token passes, embedding and head included
  double layers = 0, hidden = 0;
  double sequence_length = 0;  ///< tokens
  double feed_forward = 0;     ///< inner width of a layer without experts
  bool gated = false;          ///< three matrices in place of two in a feed-forward block
  double heads = 0;
  double head_size = 0;  ///< mean of that of queries and keys and that of values
  double kv_heads = 0;   ///< heads of keys and values
  double vocabulary = 0;
  bool causal = false;  ///< whether attention counts the pairs of tokens below the diagonal alone
  double experts = 0;   ///< of a layer; 0: the model is dense
  double top_k = 0;     ///< experts that a token is sent to
  double expert_hidden = 0;   ///< inner width of an expert
  double shared_experts = 0;  ///< that all tokens pass
  double dense_layers = 0;    ///< first layers without experts; all, where there are none

  // Parameters of a layer, which follow from all this: without experts; with them, what all tokens
  // pass (attention, router, shared experts), and one expert.
  double dense_layer = 0, common = 0, expert = 0;

  double moe_layers() const { return layers - dense_layers; }
  /// Of the embedding, and of the head: vocabulary x hidden, together at most all there are.
  double embedding_parameters() const;
  /// All parameters by the shape alone, which `parameters` should come near.
  double shape_parameters() const;
  /// Of attention in all layers, for one token, forward and backward: 12 layers heads head_size
  /// sequence_length, half of it with a causal mask (PaLM, arXiv 2204.02311, appendix B).
  double attention_flops() const;
  /// Model FLOPs of one token, forward and backward: 6 a parameter of the matrices that it passes
  /// (looking it up in the embedding costs none) and attention.
  double flops_per_token() const;
  bool operator==(const Model&) const = default;
};

const std::vector<Field<Model>>& model_fields();

/// Reads the model. Throws InputError where keys contradict each other.
Model model_from(const Values& values);

}  // namespace lockstep
