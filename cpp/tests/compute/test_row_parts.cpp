// Mini-batches of sparse rows whose upper layers threads share by rows. Also run by
// ThreadSanitizer.
#include <doctest/doctest.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "compute/backprop.hpp"
#include "nncore/nncore.hpp"
#include "threads/parallel.hpp"

using namespace nncore;

namespace {

constexpr std::size_t rows = 130, inputs = 200, each = 30, units = 40, outputs = 6;

struct SparseProblem {
  std::vector<float> values, y, weights;
  std::vector<std::int32_t> columns;
  std::vector<std::int64_t> offsets{0}, labels;

  SparseProblem() {
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t p = 0; p < each; ++p) {
        columns.push_back(static_cast<std::int32_t>(p * 6 + i % 6));
        values.push_back(static_cast<float>((i * 37 + p * 11) % 64) / 32 - 1);
      }
      offsets.push_back(static_cast<std::int64_t>(values.size()));
      labels.push_back(static_cast<std::int64_t>(i * 7 % outputs));
      weights.push_back(static_cast<float>(i % 4) / 2);
      for (std::size_t j = 0; j < outputs; ++j) {
        y.push_back(static_cast<float>((i * 5 + j * 3) % 16) / 8 - 1);
      }
    }
  }
  Samples<float> samples(bool labelled, bool weighted) const {
    Samples<float> s;
    s.x = SparseView<float>{values.data(), columns.data(), offsets.data(), rows, inputs};
    if (labelled) {
      s.y = std::span<const std::int64_t>(labels);
    } else {
      s.y = MatrixView<const float>{y.data(), rows, outputs, outputs};
    }
    if (weighted) s.weights = weights;
    return s;
  }
};

// What a network ends with; one hidden layer or two.
struct Kind {
  Activation output;
  Cost cost;
  std::vector<std::size_t> hidden = {units};
  std::size_t outputs = ::outputs;
};

Network<float> network_of(const Kind& kind) {
  std::vector<std::size_t> sizes{inputs};
  sizes.insert(sizes.end(), kind.hidden.begin(), kind.hidden.end());
  sizes.push_back(kind.outputs);
  std::vector<Activation> activations(kind.hidden.size(), Activation::gelu);
  activations.push_back(kind.output);
  Network<float> network({.sizes = sizes, .activations = activations, .cost = kind.cost}, 3);
  network.initialize(std::vector(activations.size(), Initializer::glorot_uniform));
  return network;
}

const std::vector<Kind> kinds = {
    {Activation::softmax, Cost::log_likelihood},
    {Activation::linear, Cost::quadratic, {units, 21, 1}},
    {Activation::tanh, Cost::huber, {units, 33}},
};

}  // namespace

TEST_CASE("a pass by rows has the bits of one that goes layer by layer") {
  const SparseProblem problem;
  for (const Kind& kind : kinds) {
    const bool labelled = kind.cost == Cost::log_likelihood;
    for (const bool weighted : {false, true}) {
      const Network<float> network = network_of(kind);
      const Samples<float> samples = problem.samples(labelled, weighted);
      const InputDensity density = stored_density(samples.x);
      Workspace<float> alone, shared;
      prepare(alone, network, density, rows, Purpose::train, 1);
      for (const std::size_t count : {rows, rows - 1, rows / 2, rows / 2 + 1}) {
        // With 40, parts are so short that a mini-batch of their size goes back in another way.
        prepare(shared, network, density, rows, Purpose::train, count % 2 == 0 ? 3 : 40);
        CAPTURE(count);
        const Batch<float> batch =
            make_batch(alone, network, samples, {}, 0, count, Purpose::train);
        const Batch<float> same =
            make_batch(shared, network, samples, {}, 0, count, Purpose::train);
        forward(alone, network, batch, Purpose::train);
        const double cost = batch_cost(alone, network, batch, 0);
        backward(alone, network, batch, {});
        double shared_cost = 0;
        bool by_rows = false;
        std::thread([&] {  // which knows nothing of a busy machine yet
          with_spin_pool(3, 1, [&] {
            by_rows = passes_by_rows(shared, network, same, nullptr);
            shared_cost = pass_by_rows(shared, network, same, 0);
          });
        })
            .join();
        CHECK(by_rows);
        CHECK(cost == shared_cost);
        for (std::size_t l = 0; l < network.layers().size(); ++l) {
          const std::size_t size = count * network.layers()[l].stride;
          const float *a = alone.layers[l].delta.data(), *b = shared.layers[l].delta.data();
          CHECK(std::equal(a, a + size, b));
          CHECK(std::equal(alone.layers[l].a.data(), alone.layers[l].a.data() + size,
                           shared.layers[l].a.data()));
        }
      }
    }
  }
}

TEST_CASE("sparse mini-batches train to the same bits on any number of threads") {
  const SparseProblem problem;
  const std::vector<TrainOptions> trainings = {
      {.batch_size = 50, .l2 = 3},
      {.batch_size = 50, .optimizer = Optimizer::adam, .l1 = 0.1},
      {.batch_size = 50, .clip_norm = 0.1, .rates = {0, 0, 1, 2}},
      {.batch_size = rows},  // a single mini-batch, which is looked at before its update
  };
  const auto train = [&](const TrainOptions& options, int threads) {
    Network<float> network = network_of(kinds[0]);
    Trainer<float> trainer(network, options);
    const Dataset<float> data(network, problem.samples(true, true));
    const EpochOptions epoch{.learning_rate = 0.01, .shuffle = true, .threads = threads};
    trainer.epoch(data, epoch);
    std::vector<double> result{trainer.epoch(data, epoch)};
    result.insert(result.end(), network.parameters().begin(), network.parameters().end());
    return result;
  };
  const int usual = num_threads();
  set_num_threads(5);
  for (const TrainOptions& options : trainings) {
    const std::vector<double> alone = train(options, 1);
    for (const int threads : {2, 3, 5}) CHECK(train(options, threads) == alone);
  }
  set_num_threads(usual);
}
