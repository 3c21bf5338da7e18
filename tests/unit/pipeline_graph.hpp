#pragma once

#include <algorithm>
#include <map>
#include <tuple>
#include <vector>

// A pipeline's schedule as a graph of operations, written apart from the program: a list for every
// stage in the order of the papers, and ends are raised until no dependency is broken.
namespace lockstep::test {

/// F forward, B gradients of the inputs, W of the weights. `way` tells the two directions of
/// DualPipe apart, `place` the chunks of the model in the order a microbatch meets them.
struct GraphPass {
  char part;
  int way, place, microbatch;

  auto key() const { return std::tuple(part, way, place, microbatch); }
};

/// Passes that start and end together, each a third of the chunk's time for a microbatch.
struct GraphOperation {
  std::vector<GraphPass> passes;
  double start = 0, end = 0;
};

struct PipelineGraph {
  std::vector<std::vector<GraphOperation>> stages;
  int places, microbatches, chunks;  ///< places of a way; chunks: places of a stage and way

  /// Raises all ends; the latest of them. time: (stages) for all microbatches; an output is there
  /// `under_way` after its end; sending it keeps its stage for `blocked` more.
  double end(const std::vector<double>& time, double under_way = 0, double blocked = 0) {
    std::map<decltype(GraphPass{}.key()), GraphOperation*> find;
    for (auto& stage : stages)
      for (GraphOperation& o : stage) {
        o.start = o.end = 0;
        for (const GraphPass& pass : o.passes) find[pass.key()] = &o;
      }
    struct Work {
      GraphOperation* operation;
      double takes = 0;
      std::vector<const GraphOperation*> inputs;
    };
    std::vector<std::vector<Work>> work;
    const auto inside = [&](int place) { return place >= 0 && place < places; };
    for (std::size_t s = 0; s < stages.size(); ++s) {
      work.emplace_back();
      for (GraphOperation& o : stages[s]) {
        Work& one = work.back().emplace_back(Work{&o, 0, {}});
        for (const auto& [part, way, place, microbatch] : o.passes) {
          one.takes += time[s] / (3.0 * microbatches * chunks);
          const int step = part == 'F' ? 1 : -1;
          if (part != 'W' && inside(place - step))
            one.inputs.push_back(find.at({part, way, place - step, microbatch}));
          if (part != 'W' && inside(place + step)) one.takes += blocked;
        }
      }
    }
    double last = 0;
    for (bool moved = true; moved;) {
      moved = false;
      for (const auto& stage : work) {
        double clock = 0;
        for (const Work& one : stage) {
          for (const GraphOperation* input : one.inputs)
            clock = std::max(clock, input->end + under_way);
          one.operation->start = clock;
          clock += one.takes;
          moved |= clock != one.operation->end;
          one.operation->end = clock;
        }
        last = std::max(last, clock);
      }
    }
    return last;
  }
};

/// 1F1B in Megatron-LM's order, interleaved where there is more than one chunk a stage.
inline PipelineGraph megatron(int stages, int chunks, int microbatches) {
  const int groups = chunks == 1 ? 1 : std::max(1, microbatches / stages);
  std::vector<int> sizes(static_cast<std::size_t>(groups), microbatches / groups);
  for (int g = 0; g < microbatches % groups; ++g) ++sizes[static_cast<std::size_t>(g)];
  std::vector<std::pair<int, int>> turns;
  int begun = 0;
  for (int size : sizes) {
    for (int chunk = 0; chunk < chunks; ++chunk)
      for (int m = 0; m < size; ++m) turns.emplace_back(begun + m, chunk);
    begun += size;
  }
  PipelineGraph graph{{}, stages * chunks, microbatches, chunks};
  for (int s = 0; s < stages; ++s) {
    std::size_t warm_up = static_cast<std::size_t>(stages - s - 1);
    if (chunks > 1) warm_up = 2 * warm_up + static_cast<std::size_t>((chunks - 1) * sizes[0]);
    warm_up = std::min(warm_up, turns.size());
    std::vector<GraphOperation> list;
    std::size_t given_back = 0;
    const auto give_back = [&] {
      const auto [m, chunk] = turns[given_back++];
      const int place = (chunks - 1 - chunk) * stages + s;
      list.push_back({{{'B', 0, place, m}, {'W', 0, place, m}}});
    };
    for (std::size_t t = 0; t < turns.size(); ++t) {
      list.push_back({{{'F', 0, turns[t].second * stages + s, turns[t].first}}});
      if (t >= warm_up) give_back();
    }
    while (given_back < turns.size()) give_back();
    graph.stages.push_back(list);
  }
  return graph;
}

/// ZB-H1 by its rule (Qi et al., section 2.1): 1F1B with whole passes F and B, and W where a stage
/// would hold more microbatches than the first one does, p; the flush gives one back for each B.
inline PipelineGraph zero_bubble_h1(int stages, int microbatches) {
  PipelineGraph graph{{}, stages, microbatches, 1};
  for (int s = 0; s < stages; ++s) {
    std::vector<GraphOperation> list;
    int f = 0, b = 0, w = 0;
    const auto add = [&](char part, int& count) { list.push_back({{{part, 0, s, count++}}}); };
    while (f < std::min(microbatches, stages - 1 - s)) add('F', f);
    while (f < microbatches) {
      if (f - w == stages) add('W', w);
      add('F', f);
      add('B', b);
    }
    while (b < microbatches) {
      if (b - w > s) add('W', w);
      add('B', b);
    }
    while (w < microbatches) add('W', w);
    graph.stages.push_back(list);
  }
  return graph;
}

/// DualPipe's eight steps as its authors number them (2412.19437 and the repository named there).
/// Microbatches, even and at least 2 stages, are numbered for each way by itself; of an order for
/// more of them those past `there` are struck out.
inline PipelineGraph dual_pipe(int stages, int there) {
  const int planned = std::max(2 * stages, there + there % 2);
  PipelineGraph graph{{}, stages, there, 1};
  for (int rank = 0; rank < stages; ++rank) {
    const int half = stages / 2, r = std::min(rank, stages - 1 - rank);
    const bool second_half = rank >= half;
    std::vector<GraphOperation> list;
    int next[2][2] = {};           // F and B of both ways
    std::vector<GraphPass> queue;  // weight gradients put off
    const auto pass = [&](char part, int phase) {
      const int way = phase != second_half;
      return GraphPass{part, way, way == 0 ? rank : stages - 1 - rank, next[part == 'B'][way]++};
    };
    const auto F = [&](int phase) { list.push_back({{pass('F', phase)}}); };
    const auto BW = [&](int phase) {
      GraphPass b = pass('B', phase), w = b;
      w.part = 'W';
      list.push_back({{b, w}});
    };
    const auto split = [&](int phase) {
      list.push_back({{pass('B', phase)}});
      queue.push_back(list.back().passes[0]);
    };
    const auto W = [&] {
      GraphPass w = queue.front();
      queue.erase(queue.begin());
      w.part = 'W';
      list.push_back({{w}});
    };
    const auto FB = [&](int f, int b) {
      const GraphPass forward = pass('F', f);
      BW(b);
      list.back().passes.insert(list.back().passes.begin(), forward);
    };
    for (int i = 0; i < 2 * (half - r - 1); ++i) F(0);
    for (int i = 0; i < r + 1; ++i) F(0), F(1);
    for (int i = 0; i < half - r - 1; ++i) split(1), W(), F(1);
    for (int i = 0; i < planned / 2 - stages + r + 1; ++i) {
      if (i == 0 && r == half - 1)
        F(0), BW(1);
      else
        FB(0, 1);
      FB(1, 0);
    }
    for (int i = 0; i < half - r - 1; ++i) BW(1), FB(1, 0);
    bool zero_bubble = false;
    for (int i = 0; i < r + 1; ++i) {
      if (i == (r + 1) / 2 && r % 2 == 1) zero_bubble = true;
      zero_bubble ? split(1) : BW(1);
      if (i == (r + 1) / 2 && r % 2 == 0) zero_bubble = true;
      zero_bubble ? split(0) : BW(0);
    }
    for (int i = 0; i < half - r - 1; ++i) W(), split(0);
    for (int i = 0; i < r + 1; ++i) W();
    for (GraphOperation& o : list)
      std::erase_if(o.passes, [&](const GraphPass& p) {
        return p.microbatch >= (p.way == 0 ? (there + 1) / 2 : there / 2);
      });
    std::erase_if(list, [](const GraphOperation& o) { return o.passes.empty(); });
    graph.stages.push_back(list);
  }
  return graph;
}

}  // namespace lockstep::test
