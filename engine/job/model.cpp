#include "engine/job/model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/base/error.hpp"

namespace lockstep {
namespace {

/// Parameters of attention's four matrices in a layer, keys and values grouped.
double attention_parameters(const Model& model) {
  return 2 * model.hidden * model.heads * model.head_size * (1 + model.kv_heads / model.heads);
}

/// Parameters of a feed-forward block or expert for each unit of its inner width.
double block_parameters(const Model& model) {
  return (model.gated ? 3 : 2) * model.hidden;
}

/// numerator / denominator of what may be absent.
double share_of(double numerator, double denominator) {
  return denominator > 0 ? std::max(0.0, numerator / denominator) : 0;
}

void refuse_contradictions(const Model& model) {
  if (model.kv_heads > model.heads)
    throw InputError(
        fmt::format("job.kv_heads = {:.0f} (there are {:.0f} heads) lower it, or give job.heads",
                    model.kv_heads, model.heads));
  if (model.experts == 0) return;
  if (model.top_k > model.experts)
    throw InputError(
        fmt::format("job.top_k = {:.0f} (there are {:.0f} experts) lower it, or raise job.experts",
                    model.top_k, model.experts));
  if (model.dense_layers > model.layers)
    throw InputError(fmt::format(
        "job.dense_layers = {:.0f} (there are {:.0f} layers) lower it, or raise job.layers",
        model.dense_layers, model.layers));
  if (model.active_parameters > model.parameters)
    throw InputError(fmt::format(
        "job.active_parameters = {:.6g} (job.model_parameters = {:.6g} are all) lower it",
        model.active_parameters, model.parameters));
}

/// Layers alike: their parameters by the width that is given, or what embedding and head leave.
void fill_dense(Model& model) {
  const double block = block_parameters(model), attention = attention_parameters(model);
  const double ends = 2 * model.embedding_parameters();
  model.dense_layers = model.layers;
  if (model.feed_forward > 0) {
    model.dense_layer = attention + block * model.feed_forward;
  } else {
    model.dense_layer = share_of(model.parameters - ends, model.layers);
    model.feed_forward = share_of(model.dense_layer - attention, block);
  }
  model.active_parameters = ends + model.layers * model.dense_layer;
}

/// Layers of two sorts. An expert has the width that is given; else `parameters` and
/// `active_parameters` differ by the experts that a token does not pass; else attention is as its
/// shape says. What is left of `parameters` is the same in all layers but for the feed-forward
/// block, in one without experts as wide as what a token meets in the others (DeepSeek-V3).
void fill_experts(Model& model) {
  const double block = block_parameters(model), moe = model.moe_layers();
  const double ends = 2 * model.embedding_parameters(), body = model.parameters - ends;
  const double met = model.top_k + model.shared_experts;
  const double given = block * model.feed_forward;  // of a layer without experts; 0: `met` experts
  if (model.expert_hidden > 0)
    model.expert = block * model.expert_hidden;
  else if (model.active_parameters > 0)
    model.expert =
        share_of(model.parameters - model.active_parameters, moe * (model.experts - model.top_k));
  else
    model.expert = share_of(
        body - model.layers * attention_parameters(model) - model.dense_layers * given,
        moe * (model.experts + model.shared_experts) + (given > 0 ? 0 : model.dense_layers * met));
  model.expert_hidden = share_of(model.expert, block);
  if (model.feed_forward == 0) model.feed_forward = met * model.expert_hidden;
  const double beyond = block * model.feed_forward - model.shared_experts * model.expert;
  model.common = share_of(body - moe * model.experts * model.expert - model.dense_layers * beyond,
                          model.layers);
  model.dense_layer = std::max(0.0, model.common + beyond);
  if (model.active_parameters == 0)
    model.active_parameters = ends + model.dense_layers * model.dense_layer +
                              moe * (model.common + model.top_k * model.expert);
}

}  // namespace

const std::vector<Field<Model>>& model_fields() {
  constexpr std::string_view llama = "Llama 3 405B (arXiv 2407.21783), Table 3 and 4";
  static const std::vector<Field<Model>> fields{
      {&Model::parameters,
       {.key = "job.model_parameters",
        .number = 30,
        .default_text = "405e9",
        .minimum_is_legal = false,
        .summary = "parameters of the model",
        .source = llama}},
      {&Model::active_parameters,
       {.key = "job.active_parameters",
        .number = 200,
        .minimum_is_legal = false,
        .needs = {"job.experts"},
        .summary = "parameters that a token passes, embedding and head included; default: from "
                   "the model's shape; all of a model without experts",
        .source = "no default"}},
      {&Model::layers,
       {.key = "job.layers",
        .number = 31,
        .type = ValueType::count,
        .default_text = "126",
        .summary = "transformer layers",
        .source = llama}},
      {&Model::hidden,
       {.key = "job.hidden",
        .number = 32,
        .type = ValueType::count,
        .default_text = "16384",
        .summary = "model dimension",
        .source = llama}},
      {&Model::sequence_length,
       {.key = "job.sequence_length",
        .number = 33,
        .type = ValueType::count,
        .default_text = "8192",
        .minimum = 1,
        .summary = "tokens of one sequence",
        .source = llama}},
      {&Model::feed_forward,
       {.key = "job.feed_forward",
        .number = 201,
        .type = ValueType::count,
        .minimum = 1,
        .summary = "inner width of the feed-forward block of a layer without experts; default: "
                   "what model_parameters leaves for it; beside experts, the width that a token "
                   "meets in a layer with them",
        .source = "no default"}},
      {{&Model::gated, {true, false}},
       {.key = "job.gated",
        .number = 202,
        .type = ValueType::choice,
        .default_text = "on",
        .words = {"on", "off"},
        .summary = "on: three matrices in a feed-forward block or expert (SwiGLU), off: two",
        .source = llama}},
      {&Model::heads,
       {.key = "job.heads",
        .number = 203,
        .type = ValueType::count,
        .minimum = 1,
        .summary = "attention heads; default: hidden / 128",
        .source = "heads of 128: Llama 3 (arXiv 2407.21783), Table 3, GPT-3 175B"}},
      {&Model::head_size,
       {.key = "job.head_size",
        .number = 212,
        .minimum_is_legal = false,
        .summary = "width of a head, the mean of queries' and values' (DeepSeek-V3: 192 and 128); "
                   "default: hidden / heads",
        .source = "Vaswani et al. (arXiv 1706.03762), section 3.2.2"}},
      {&Model::kv_heads,
       {.key = "job.kv_heads",
        .number = 204,
        .type = ValueType::count,
        .minimum = 1,
        .summary = "heads of keys and values (grouped queries); default: 8, or all heads where "
                   "there are fewer",
        .source = llama}},
      {&Model::vocabulary,
       {.key = "job.vocabulary",
        .number = 205,
        .type = ValueType::count,
        .default_text = "128256",
        .summary = "tokens that embedding and head know",
        .source = "128K tokens: Llama 3 (arXiv 2407.21783), Table 3, as released"}},
      {{&Model::causal, {false, true}},
       {.key = "job.attention",
        .number = 206,
        .type = ValueType::choice,
        .default_text = "full",
        .words = {"full", "causal"},
        .summary = "pairs of tokens whose attention costs, and counts in model FLOPs: all of a "
                   "sequence, or those a causal mask leaves, half of them",
        .source = "full: Chowdhery et al., PaLM (arXiv 2204.02311), appendix B"}},
      {&Model::experts,
       {.key = "job.experts",
        .number = 207,
        .type = ValueType::count,
        .default_text = "0",
        .summary = "experts of a layer (mixture of experts); 0: the model is dense",
        .source = "0: Llama 3 405B is dense"}},
      {&Model::top_k,
       {.key = "job.top_k",
        .number = 208,
        .type = ValueType::count,
        .default_text = "8",
        .minimum = 1,
        .needs = {"job.experts"},
        .summary = "experts that each token is sent to",
        .source = "DeepSeek-V3 (arXiv 2412.19437), section 4.2"}},
      {&Model::expert_hidden,
       {.key = "job.expert_hidden",
        .number = 209,
        .type = ValueType::count,
        .minimum = 1,
        .needs = {"job.experts"},
        .summary = "inner width of an expert; default: from model_parameters and "
                   "active_parameters, or from model_parameters alone",
        .source = "no default"}},
      {&Model::shared_experts,
       {.key = "job.shared_experts",
        .number = 210,
        .type = ValueType::count,
        .default_text = "0",
        .needs = {"job.experts"},
        .summary = "experts of a layer that all tokens pass, beside the others",
        .source = "0: Mixtral (arXiv 2401.04088); DeepSeek-V3 has 1"}},
      {&Model::dense_layers,
       {.key = "job.dense_layers",
        .number = 211,
        .type = ValueType::count,
        .default_text = "0",
        .needs = {"job.experts"},
        .summary = "first layers that have no experts",
        .source = "0: Mixtral (arXiv 2401.04088); DeepSeek-V3 has 3"}},
  };
  return fields;
}

double Model::embedding_parameters() const {
  return std::min(vocabulary * hidden, parameters / 2);
}

double Model::shape_parameters() const {
  const double block = block_parameters(*this);
  return 2 * vocabulary * hidden + layers * attention_parameters(*this) +
         dense_layers * block * feed_forward +
         moe_layers() * block * (experts + shared_experts) * expert_hidden;
}

double Model::attention_flops() const {
  return (causal ? 6 : 12) * layers * heads * head_size * sequence_length;
}

double Model::flops_per_token() const {
  return 6 * (active_parameters - embedding_parameters()) + attention_flops();
}

Model model_from(const Values& values) {
  Model model = read_fields(model_fields(), values);
  if (model.heads == 0) model.heads = std::max(1.0, std::round(model.hidden / 128));
  if (model.head_size == 0) model.head_size = model.hidden / model.heads;
  if (model.kv_heads == 0) model.kv_heads = std::min(8.0, model.heads);
  refuse_contradictions(model);
  if (model.experts == 0)
    fill_dense(model);
  else
    fill_experts(model);
  return model;
}

}  // namespace lockstep
