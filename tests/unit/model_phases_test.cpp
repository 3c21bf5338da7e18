// The phases of a step: what they move, what hides them, what a step is the sum of.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "engine/base/error.hpp"
#include "engine/training/trial/training_step.hpp"
#include "tests/unit/scenario_values.hpp"

namespace lockstep {
namespace {

using test::join;
using testing::AllOf;
using testing::HasSubstr;

double half(const Job& job) {
  return job.gradient_bytes_per_chip() / 2;
}

constexpr Phase two_halves[] = {
    {.name = "first half", .bytes = half, .source = "a test"},
    {.name = "second half", .number = 1, .bytes = half, .source = "a test"},
};

/// 64 chips in pairs, 32 replicas, one step a second; a ring without latency, whose time is
/// proportional to the bytes.
const std::string pairs = join(test::quiet, R"(
    fleet.chips=H100:64
    topology.kind=ring
    job.tensor=2
    job.compute_time=1s
    job.gradient_bytes=600GB
    job.optimizer_bytes=0
    fabric.hop_latency=0s
    fabric.hop_bandwidth=100GB/s)");

DesignPoint point_of(const std::string& lines, std::span<const Phase> rows = phases()) {
  const Values values = test::scenario_values(lines);
  Scenario scenario = scenario_from(values, topology_kinds(), 1);
  scenario.phases = rows;
  return {std::move(scenario), values};
}

const PlannedPhase& phase_of(const DesignPoint& point, std::string_view name) {
  for (const PlannedPhase& planned : point.phases())
    if (planned.phase->name == name) return planned;
  throw std::logic_error("no phase " + std::string(name));
}

double exposed_by(const DesignPoint& point, std::string_view name) {
  for (std::size_t p = 0; p < point.phases().size(); ++p)
    if (point.phases()[p].phase->name == name) return point.quiet_step().exposed[p];
  throw std::logic_error("no phase " + std::string(name));
}

TEST(Phases, FollowEachOther) {
  const DesignPoint whole = point_of(join(pairs, test::one_phase, "job.overlap=0"));
  const DesignPoint halves = point_of(join(pairs, test::one_phase, "job.overlap=0"), two_halves);
  const double time = whole.noise_free_communication_time();
  EXPECT_NEAR(time, 2 * 31 / 32.0 * 300e9 / 100e9, 1e-9) << "the ring's closed form";
  ASSERT_EQ(halves.phases().size(), 2u);
  EXPECT_EQ(halves.phases()[1].calls, 4);
  EXPECT_NEAR(4 * halves.phases()[1].noise_free_time, time / 2, 1e-9);
  const double clipping = whole.clipping_time();
  for (const DesignPoint* point : {&whole, &halves}) {
    EXPECT_NEAR(train(*point, 0, 1).result.step_time[0], 1 + time + clipping, 1e-9);
    EXPECT_NEAR(train(*point, 0, 1).result.communication_time[0], time + clipping, 1e-9);
  }
}

// Spikes that strike every message of one phase and not the other, so that both have draws of
// their own: the same draws twice would double the spread, not multiply it by sqrt(2).
TEST(Phases, HaveDrawsOfTheirOwn) {
  const std::string noisy = join(pairs, test::one_phase, R"(
    job.overlap=0
    noise.spike_probability=0.001
    noise.spike_delay=exponential(mean=100ms)
    sampling.steps=400)");
  const auto variance = [](const DesignPoint& point) {
    const std::vector<double> times = train(point, 0, 1).result.communication_time;
    double sum = 0, squares = 0;
    for (double time : times) sum += time, squares += time * time;
    const auto n = static_cast<double>(times.size());
    return squares / n - sum / n * sum / n;
  };
  static constexpr Phase same[] = {
      {.name = "first half", .bytes = half, .source = "a test"},
      {.name = "second half", .bytes = half, .source = "a test"},
  };
  const double apart = variance(point_of(noisy, two_halves)),
               alike = variance(point_of(noisy, same));
  EXPECT_LT(apart, 0.75 * alike) << "the control draws the same twice";
}

// T of the whole, T / K of a chunk, a backward pass of 2/3 of the last microbatch, of which
// (K - 1) / K lie between the first bucket and the last.
TEST(Phases, ExposeAChunkOrWhatTheWindowLeaves) {
  for (double overlap : {0.0, 0.3, 1.0})
    for (double buckets : {1.0, 4.0, 100.0})
      for (double bytes : {6e9, 60e9, 600e9}) {
        const DesignPoint point =
            point_of(join(pairs, test::one_phase,
                          fmt::format("job.overlap={}\njob.buckets={}\njob.gradient_bytes={}B\n"
                                      "job.sequence_length=2048",
                                      overlap, buckets, bytes)));
        ASSERT_EQ(point.work().microbatches[0], 1);
        const double time = 2 * 31 / 32.0 * bytes / 2 / 100e9;
        const double window = overlap * 2.0 / 3 * (1 - 1 / buckets);
        EXPECT_NEAR(exposed_by(point, "gradients_summed"), std::max(time / buckets, time - window),
                    1e-9)
            << overlap << " " << buckets << " " << bytes;
      }
}

TEST(Phases, OfADistributedOptimizerGatherAndReduceWhatAnAllReduceDoes) {
  const std::string lines = join(pairs, "job.free_phases=tensor_gather, tensor_scatter",
                                 "job.model_parameters=150e9\njob.parameter_precision=fp32");
  const DesignPoint summed = point_of(join(lines, "job.data_parallel=all_reduce"));
  const DesignPoint apart = point_of(lines + "\njob.gradient_bytes=600GB");
  const double all = summed.noise_free_communication_time();
  EXPECT_NEAR(apart.noise_free_communication_time(), all, 1e-9 * all) << "theory of rings";
  EXPECT_NEAR(phase_of(apart, "parameters").noise_free_time,
              phase_of(apart, "gradients").noise_free_time, 1e-9 * all);
  // Chips wait for the weights of 126 layers, one after another, and then for the gradients.
  const double t = all / 2, k = 126 / 1.0;
  const double microbatch = 1 / apart.work().microbatches[0];
  EXPECT_NEAR(exposed_by(apart, "parameters"),
              std::max(t / k, t - 0.8 * microbatch / 3 * (1 - 1 / k)), 1e-9);
  EXPECT_NEAR(exposed_by(apart, "gradients"),
              std::max(t / k, t - 0.8 * microbatch * 2 / 3 * (1 - 1 / k)), 1e-9);
}

TEST(Phases, PrefetchHidesTheFirstChunkOfWeights) {
  const std::string lines = join(pairs, "job.buckets=10\njob.overlap=0");
  const double off = exposed_by(point_of(lines), "parameters");
  const double on = exposed_by(point_of(lines + "\njob.prefetch=on"), "parameters");
  EXPECT_NEAR(on, 0.9 * off, 1e-9 * off);
}

const std::string two_stages = join(test::quiet, R"(
    fleet.chips=H100:128
    topology.kind=ring
    job.tensor=8
    job.pipeline=2
    job.tokens_per_chip=8192)");

TEST(Phases, AStepWithoutNoiseIsTheirSum) {
  for (const char* more :
       {"", "job.data_parallel=all_reduce", "job.data_parallel=fsdp",
        "job.data_parallel=hsdp\njob.shard_group=2", "job.context=2", "job.virtual_stages=1",
        "job.schedule=zero_bubble\njob.virtual_stages=1", "job.schedule=dual\njob.virtual_stages=1",
        "job.experts=8\njob.top_k=2\njob.expert=4\njob.active_parameters=100e9",
        "job.work_share=proportional\nfleet.chips=H100:64, H200:64, GB200:64"}) {
    const DesignPoint point = point_of(join(two_stages, more));
    const double step = train(point, 0, 1).result.step_time[0];
    EXPECT_NEAR(point.quiet_step().time(), step, 1e-12 * step) << more;
    for (double exposed : point.quiet_step().exposed) EXPECT_GE(exposed, 0) << more;
  }
}

TEST(Phases, ThatAreFreeLeaveTheBitsOfAJobWithoutThem) {
  const std::string noisy = R"(
    fleet.chips=H100:128
    topology.kind=ring
    job.tensor=8
    job.pipeline=2
    noise.spike_probability=1e-4
    noise.slow_link_fraction=0.01)";
  std::vector<Phase> gradients_alone;
  for (const Phase& phase : phases())
    if (phase.name == "gradients") gradients_alone.push_back(phase);
  const DesignPoint without = point_of(noisy, gradients_alone);
  const DesignPoint free =
      point_of(noisy + "\njob.free_phases=tensor_gather,tensor_scatter, pipeline , parameters");
  EXPECT_EQ(train(free, 3, 1).result.step_time, train(without, 3, 1).result.step_time);
  EXPECT_NE(train(point_of(noisy), 3, 1).result.step_time, train(without, 3, 1).result.step_time)
      << "the control has them";
}

TEST(Phases, OfNoNameAreRefused) {
  try {
    point_of(join(two_stages, "job.free_phases=pipelines"));
    ADD_FAILURE() << "accepted";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("job.free_phases = pipelines"), HasSubstr("tensor_gather, ")));
  }
}

// Eight calls a layer and microbatch of 2 s h bytes over eight chips of a domain, as Megatron-LM
// has them, at 100 GB/s a hop: (7/8) of the buffer each.
TEST(Phases, OfTensorGroupsLengthenEveryMicrobatch) {
  const DesignPoint point = point_of(join(two_stages, R"(
    job.virtual_stages=1
    job.free_phases=pipeline, parameters, gradients
    fabric.hop_latency=0s
    fabric.hop_bandwidth=100GB/s)"));
  const double call = 7.0 / 8 * 2 * 8192 * 16384 / 100e9;
  EXPECT_NEAR(phase_of(point, "tensor_gather").noise_free_time, call, 1e-12);
  const double m = point.work().microbatches[0];
  // Each of the two stages has 63 layers; the second waits for one microbatch of the first.
  EXPECT_NEAR(exposed_by(point, "tensor_gather") + exposed_by(point, "tensor_scatter"),
              8 * call * 63 * (m + 1), 1e-6);
  const DesignPoint hidden = point_of(join(two_stages, "job.tensor_exposed=0"));
  EXPECT_EQ(exposed_by(hidden, "tensor_gather"), 0);
}

/// What FSDP adds to a microbatch, a call at a time on one NIC: the weights of the next layer come
/// while one computes, and its gradients leave after it. The last layer's weights stay for the
/// backward pass.
double exposed_by_sharding(int layers, double call, double forward, double backward) {
  double nic = 0, computed = 0;
  for (int l = 0; l < layers; ++l) {
    const double begin = computed;  // the layer before does, and the gather may
    nic = std::max(nic, l == 0 ? 0.0 : begin - forward) + call;
    computed = std::max(computed, nic) + forward;
  }
  nic = std::max(nic, computed);
  double arrived = computed;
  for (int l = layers; l-- > 0;) {
    const double begin = std::max(computed, arrived);
    if (l > 0) arrived = nic = std::max(nic, begin) + call;
    computed = begin + backward;
    nic = std::max(nic, computed) + call;
  }
  return nic - layers * (forward + backward);
}

// FSDP gathers each layer twice a microbatch and reduces it once, behind the layer before.
TEST(Phases, OfShardedWeightsHideBehindLayers) {
  const auto lines = [](double bandwidth) {
    return join(test::quiet, fmt::format(R"(
    fleet.chips=H100:64
    topology.kind=ring
    job.data_parallel=fsdp
    job.model_parameters=8e9
    job.layers=32
    job.hidden=4096
    job.gradient_precision=bf16
    job.overlap=1
    job.optimizer_bytes=0
    job.gradient_clipping=off
    fabric.hop_latency=0s
    fabric.hop_bandwidth={}GB/s)",
                                         bandwidth));
  };
  for (double bandwidth : {1.0, 10.0, 60.0, 1000.0}) {
    const DesignPoint point = point_of(lines(bandwidth));
    const double m = point.work().microbatches[0];
    const double call = 63.0 / 64 * 2 * 8e9 / 32 / (bandwidth * 1e9);
    EXPECT_NEAR(phase_of(point, "weights_forward").noise_free_time, call, 1e-9);
    const double layer = point.quiet_step().compute / 32 / m;
    const double exposed = m * exposed_by_sharding(32, call, layer / 3, layer * 2 / 3);
    // Where a call is longer than a layer, the one that the last layer needs not counts, too.
    const double more = call > layer * 2 / 3 ? m * call : 0;
    EXPECT_NEAR(point.quiet_step().exposed_phases(), exposed + more / 2, more / 2 + 1e-9 * exposed)
        << bandwidth << ": " << call / layer;
  }
}

// A slow link in a shard group holds up every one of its calls.
TEST(Phases, OfShardedWeightsFeelSlowLinks) {
  const std::string lines = join(test::quiet, R"(
    fleet.chips=H100:64
    topology.kind=ring
    job.data_parallel=fsdp
    job.overlap=0
    fabric.hop_latency=0s
    fabric.hop_bandwidth=50GB/s
    noise.slow_link_factor=3)");
  const double quiet = train(point_of(lines), 0, 1).result.step_time[0];
  const DesignPoint point = point_of(lines + "\nnoise.slow_link_fraction=1");
  const double slow = train(point, 0, 1).result.step_time[0];
  EXPECT_NEAR(slow - quiet, 2 * point.quiet_step().exposed_phases(), 1e-6 * quiet);
}

// DeepSeek-V3: 58 layers of experts, four nodes a token, one byte to them and two back, forward
// and backward: 10.0 MB a token (arXiv 2412.19437, section 3.2.2, by arithmetic).
TEST(Phases, OfExpertsSendATokenToItsNodes) {
  const DesignPoint point = point_of(R"(
    fleet.chips=H100:2048
    topology.kind=ring
    job.model_parameters=671e9
    job.active_parameters=37e9
    job.layers=61
    job.hidden=7168
    job.sequence_length=4096
    job.experts=256
    job.top_k=8
    job.expert_hidden=2048
    job.shared_experts=1
    job.dense_layers=3
    job.heads=128
    job.pipeline=16
    job.virtual_stages=1
    job.expert=64
    job.routing_nodes=4
    job.dispatch_precision=fp8
    job.schedule=dual)");
  double bytes = 0;  // of a microbatch's tokens in all layers
  for (const char* name : {"dispatch", "combine"}) {
    const PlannedPhase& planned = phase_of(point, name);
    EXPECT_EQ(planned.groups, (GroupShape{64, 16}));
    bytes += planned.bytes * planned.phase->calls(point.scenario().job, 1) * 61;
  }
  EXPECT_NEAR(bytes / 4096, 10.0e6, 0.03e6);
  EXPECT_EQ(phase_of(point, "expert_gradients").groups, (GroupShape{2, 16 * 64}));
}

// Keys and values of eight of 128 heads, in 16 bits each, three times a layer.
TEST(Phases, OfContextPassKeysAndValues) {
  const DesignPoint point = point_of(R"(
    fleet.chips=H100:256
    topology.kind=ring
    job.tensor=8
    job.pipeline=2
    job.context=4
    job.sequence_length=32768
    job.tokens_per_chip=4096)");
  const PlannedPhase& context = phase_of(point, "context");
  EXPECT_NEAR(context.bytes, 2 * 2 * 32768 * 16384.0 * 8 / 128 / 8, 1);
  EXPECT_EQ(context.groups, (GroupShape{4, 16}));
  EXPECT_EQ(context.phase->calls(point.scenario().job, 1), 3);
  EXPECT_EQ(phase_of(point, "gradients").groups.ranks, 16) << "contexts' gradients are summed too";
  EXPECT_EQ(point.layout().coupled, 4);
}

// All before attention: the layer waits for it (Llama 3). In rounds: attention's time hides it.
TEST(Phases, OfContextWaitOrHideByMethod) {
  const std::string lines = R"(
    fleet.chips=H100:256
    topology.kind=ring
    job.tensor=8
    job.pipeline=2
    job.context=4
    job.sequence_length=32768
    job.tokens_per_chip=4096)";
  const DesignPoint gathers = point_of(lines);
  const PlannedPhase& context = phase_of(gathers, "context");
  EXPECT_GE(exposed_by(gathers, "context"), context.calls * context.noise_free_time);
  EXPECT_EQ(exposed_by(point_of(lines + "\njob.context_method=ring"), "context"), 0);
}

// Replicas that share sequences wait for each other in every layer: all go at the slowest's pace.
TEST(Phases, OfContextCouplesReplicas) {
  const std::string lines = join(test::quiet, test::free_network, R"(
    fleet.chips=H100:16
    topology.kind=ring
    job.tensor=1
    job.pipeline=2
    job.virtual_stages=1
    job.tokens_per_chip=8192
    job.free_phases=pipeline, context)");
  const DesignPoint alone = point_of(lines);
  const DesignPoint coupled = point_of(lines + "\njob.context=2");
  const auto slowed = [](const DesignPoint& point) {
    TrialChips chips = draw_chips(point, 0);
    const auto at = [&](std::int64_t group, std::int64_t replica) {
      return static_cast<std::size_t>(point.layout().at(group, replica));
    };
    chips.compute[at(0, 0)] *= 2;  // the first stage of one replica,
    chips.compute[at(1, 1)] *= 2;  // the second of its neighbour
    return TrainingSteps(point, 0, 1, chips).next().step_time;
  };
  // Alone each replica has one slow stage, coupled both stages are slow.
  EXPECT_LT(slowed(alone), 1.9 * train(alone, 0, 1).result.step_time[0]);
  EXPECT_NEAR(slowed(coupled), 2 * train(coupled, 0, 1).result.step_time[0], 1e-5);
}

// Compute beside communication is slower by a share of the time that both take.
TEST(Phases, SlowComputeBesideThem) {
  for (double bytes : {6e9, 600e9}) {
    const DesignPoint point =
        point_of(join(pairs, test::one_phase,
                      fmt::format("job.overlap=1\njob.buckets=4\njob.gradient_bytes={}B\n"
                                  "job.interference=0.1\njob.sequence_length=2048",
                                  bytes)));
    const double time = 2 * 31 / 32.0 * bytes / 2 / 100e9, window = 2.0 / 3 * 3 / 4;
    EXPECT_NEAR(train(point, 0, 1).result.step_time[0],
                1 + 0.1 * std::min(time, window) + std::max(time / 4, time - window) +
                    point.clipping_time(),
                1e-9);
  }
}

// DualPipe holds the parameters twice: a chip has its own stage and the one opposite.
TEST(Phases, OfADualScheduleMoveTwoStages) {
  const std::string lines = two_stages + "\njob.virtual_stages=1";
  const DesignPoint one = point_of(lines), dual = point_of(lines + "\njob.schedule=dual");
  for (const char* name : {"parameters", "gradients"})
    EXPECT_EQ(phase_of(dual, name).bytes * phase_of(dual, name).calls,
              2 * phase_of(one, name).bytes * phase_of(one, name).calls)
        << name;
  EXPECT_EQ(phase_of(dual, "gradients").calls, 2);
}

// Half as many tokens more on the fullest chip: its experts' products take half as long again.
TEST(Phases, ExpertsWaitForTheFullest) {
  const std::string lines = join(test::quiet, test::free_network, R"(
    fleet.chips=H100:8
    job.model_parameters=100e9
    job.layers=32
    job.hidden=4096
    job.experts=16
    job.top_k=2
    job.expert_hidden=8192
    job.tokens_per_chip=8192)");
  const DesignPoint even = point_of(lines);
  const DesignPoint crowded = point_of(lines + "\njob.expert_imbalance=1.5");
  const Model& model = even.scenario().job.model;
  const double routed = 32 * 6 * 2 * 3 * 4096.0 * 8192 / model.flops_per_token();
  EXPECT_NEAR(
      train(crowded, 0, 1).result.compute_time[0] / train(even, 0, 1).result.compute_time[0],
      1 + 0.5 * routed, 1e-6);
}

// Matrices at the FP8 peak, attention and the head at the BF16 one.
TEST(Phases, FP8LeavesAttentionAndTheHeadAsTheyAre) {
  const DesignPoint point = point_of(join(test::quiet, test::free_network, R"(
    fleet.chips=H100:8
    job.compute_precision=fp8
    job.kernel_efficiency=0.5
    job.tokens_per_chip=8192)"));
  const Model& model = point.scenario().job.model;
  const double attention = 12.0 * 126 * 16384 * 8192, head = 6.0 * 128256 * 16384;
  const double matrices = model.flops_per_token() - attention - head;
  EXPECT_NEAR(point.quiet_step().compute,
              8192 * (matrices / 1978.9e12 + (attention + head) / 989.4e12) / 0.5, 1e-3);
}

// Who has more microbatches has more traffic, too: shares that count it are never worse.
TEST(Phases, ProportionalSharesCountTheirTraffic) {
  for (const char* fleet : {"H100:512, GB200:512", "H100:768, GB200:256", "H100:512, H200:512"}) {
    const std::string lines = join(test::quiet, fmt::format("fleet.chips={}", fleet), R"(
      topology.kind=ring
      job.tensor=8
      job.pipeline=4
      job.tokens_per_chip=16384)");
    const double equal = point_of(lines).quiet_step().time();
    const double shared = point_of(lines + "\njob.work_share=proportional").quiet_step().time();
    EXPECT_LE(shared, equal * (1 + 1e-12)) << fleet;
  }
}

TEST(Phases, OfGroupsLargerThanTheJobAreRefused) {
  for (const char* group : {"job.data_parallel=hsdp\njob.shard_group=100000",
                            "job.data_parallel=fsdp\njob.shard_group=9",
                            "job.data_parallel=fsdp\njob.shard_group=3\ntopology.kind=ocs_torus"})
    try {
      point_of(join(two_stages, group));
      ADD_FAILURE() << "accepted: " << group;
    } catch (const InputError& error) {
      EXPECT_THAT(error.what(), HasSubstr("8 replicas are no whole groups"));
    }
}

// Groups with copies of the weights must sum their gradients, which is what hsdp does.
TEST(Phases, OfShardedWeightsSpanAllReplicas) {
  try {
    point_of(join(two_stages, "job.data_parallel=fsdp\njob.shard_group=4"));
    ADD_FAILURE() << "accepted";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("take hsdp"));
  }
  EXPECT_NO_THROW(point_of(join(two_stages, "job.data_parallel=fsdp\njob.shard_group=8")));
}

TEST(Phases, ATopologyWithoutTheirOperationIsRefused) {
  const Values values = test::scenario_values("fleet.chips=H100:64\njob.data_parallel=all_reduce");
  Scenario scenario = scenario_from(values, topology_kinds(), 1);
  TopologyKind without = *scenario.topology;
  without.operations = {};
  without.stand_in = nullptr;
  scenario.topology = &without;
  try {
    DesignPoint(std::move(scenario), values);
    ADD_FAILURE() << "accepted";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("it has no all_reduce, and nothing stands in"));
  }
}

}  // namespace
}  // namespace lockstep
