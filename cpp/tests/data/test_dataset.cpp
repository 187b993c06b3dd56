// Data sets: what they copy, what they refuse, and which networks may use them.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "nncore/nncore.hpp"

using namespace nncore;

namespace test_dataset {
namespace {

Network<float> network_of(std::vector<std::size_t> sizes, Activation output, Cost cost) {
  Network<float> network({.sizes = std::move(sizes), .activations = {output}, .cost = cost}, 1);
  network.initialize(std::vector{Initializer::glorot_uniform});
  return network;
}

// Sparse rows with labels and weights, in the caller's memory.
struct Problem {
  std::vector<float> values = {1, 2, 3, 4, 5, 6}, weights = {1, 2, 0.5f, 1};
  std::vector<std::int32_t> columns = {0, 2, 1, 0, 1, 2};
  std::vector<std::int64_t> offsets = {0, 2, 3, 3, 6}, labels = {0, 1, 1, 0};

  Samples<float> samples() const {
    return {SparseView<float>{values.data(), columns.data(), offsets.data(), 4, 3},
            std::span<const std::int64_t>(labels), std::span<const float>(weights)};
  }
};

std::vector<float> trained(const Dataset<float>& data) {
  Network<float> network = network_of({3, 2}, Activation::softmax, Cost::log_likelihood);
  Trainer<float> trainer(network, {.batch_size = 2});
  for (int i = 0; i < 3; ++i) trainer.epoch(data, {.learning_rate = 0.5});
  return {network.parameters().begin(), network.parameters().end()};
}

}  // namespace

TEST_CASE("arrays that become addresses or are read twice are copied") {
  const Network<float> network = network_of({3, 2}, Activation::softmax, Cost::log_likelihood);
  Problem problem;
  const Dataset<float> data(network, problem.samples());
  const std::vector<float> expected = trained(data);
  CHECK(data.rows() == 4);
  CHECK(data.weight_sum() == 4.5);
  problem.columns.assign(6, 1 << 30);
  problem.offsets.assign(5, std::int64_t{1} << 40);
  problem.labels.assign(4, -7);
  problem.weights.assign(4, -1);
  CHECK(trained(data) == expected);
  const Dataset<float> copy = data;
  CHECK(trained(copy) == expected);
}

TEST_CASE("invalid samples are refused") {
  const Network<float> network = network_of({3, 2}, Activation::softmax, Cost::log_likelihood);
  const auto refused = [&](auto damage) {
    Problem problem;
    damage(problem);
    CHECK_THROWS_AS(Dataset<float>(network, problem.samples()), InvalidArgument);
  };
  refused([](Problem& p) { p.offsets = {0, 2, 3, 3, -1}; });
  refused([](Problem& p) { p.offsets = {0, 4, 3, 3, 6}; });
  refused([](Problem& p) { p.columns[3] = 3; });
  refused([](Problem& p) { p.columns[3] = -1; });
  refused([](Problem& p) { p.labels[3] = 2; });
  refused([](Problem& p) { p.weights[0] = -1; });
  refused([](Problem& p) { p.values[5] = HUGE_VALF; });
}

TEST_CASE("a data set works with other networks of its shape and is refused by the rest") {
  const std::vector<float> x = {1, 0, 0, 1}, y = {0.25f, 1.5f};
  const MatrixView<const float> rows{x.data(), 2, 2, 2};
  const Network<float> quadratic = network_of({2, 1}, Activation::linear, Cost::quadratic);
  const Dataset<float> data(quadratic,
                            Samples<float>{rows, MatrixView<const float>{y.data(), 2, 1, 1}, {}});
  const auto fault = [&](const Dataset<float>& d, Network<float> other) {
    Trainer<float> trainer(other, {});
    try {
      trainer.epoch(d, {.learning_rate = 0.1});
    } catch (const InvalidArgument& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(fault(data, quadratic).empty());
  CHECK(fault(data, network_of({2, 1}, Activation::tanh, Cost::huber)).empty());
  CHECK(fault(data, network_of({2, 1}, Activation::sigmoid, Cost::cross_entropy))
            .find("from 0 to 1") != std::string::npos);
  CHECK(fault(data, network_of({3, 1}, Activation::linear, Cost::quadratic)) ==
        "x has 2 columns; the network takes 3");
  CHECK(fault(data, network_of({2, 2}, Activation::linear, Cost::quadratic)) ==
        "y has 1 columns; the network has 2 outputs");
  const std::vector<std::int64_t> labels = {0, 4};
  const Dataset<float> classes(network_of({2, 5}, Activation::softmax, Cost::log_likelihood),
                               Samples<float>{rows, std::span<const std::int64_t>(labels), {}});
  CHECK(fault(classes, network_of({2, 4}, Activation::softmax, Cost::log_likelihood)) ==
        "y has the label 4; the network's outputs stand for labels 0 to 3");
  CHECK(fault(Dataset<float>(quadratic, Inputs<float>(rows)), quadratic) ==
        "the data set has no targets y");
}

TEST_CASE("inputs that are mostly zero are compacted, and the given ones stay available") {
  std::vector<float> x(40 * 20);
  for (std::size_t i = 0; i < x.size(); i += 9) x[i] = 1;
  const Network<float> network = network_of({20, 2}, Activation::softmax, Cost::log_likelihood);
  const std::vector<std::int64_t> labels(40);
  const Samples<float> samples{
      MatrixView<const float>{x.data(), 40, 20, 20}, std::span<const std::int64_t>(labels), {}};
  const Dataset<float> data(network, samples);
  CHECK(data.samples().x.is_coded());
  CHECK(data.inputs().dense.data == x.data());
  CHECK(!Dataset<float>(network, samples, /*compacted=*/false).samples().x.is_coded());
}

TEST_CASE("penalties are divided by the rows of the data set, unless the caller sets n") {
  // One step on one weight whose gradient is 0: w -> (1 - rate l2 / n) w.
  const std::vector<double> x(4), y(4);
  const auto weight_after = [&](auto train) {
    Network<double> network({.sizes = {1, 1}, .activations = {Activation::linear}}, 1);
    network.weights(0).row(0)[0] = 1;
    const Samples<double> samples{MatrixView<const double>{x.data(), 4, 1, 1},
                                  MatrixView<const double>{y.data(), 4, 1, 1},
                                  {}};
    Trainer<double> trainer(network, {.batch_size = 2, .l2 = 1});
    train(trainer, Dataset<double>(network, samples, false));
    return network.weights(0).row(0)[0];
  };
  const auto epoch = [&](EpochOptions options) {
    options.learning_rate = 0.5;
    return weight_after([&](auto& t, const auto& data) { t.epoch(data, options); });
  };
  const auto step = [&](std::size_t n) {
    return weight_after([&](auto& t, const auto& data) {
      t.step(data, {.learning_rate = 0.5, .penalty_rows = n});
    });
  };
  CHECK(epoch({}) == doctest::Approx(0.875 * 0.875));
  CHECK(epoch({.penalty_by_mini_batch = true}) == doctest::Approx(0.75 * 0.75));
  CHECK(epoch({.penalty_rows = 8}) == doctest::Approx(0.9375 * 0.9375));
  const std::vector<std::int64_t> order = {3};
  CHECK(epoch({.order = order}) == doctest::Approx(0.875));
  CHECK(step(0) == doctest::Approx(0.875));
  CHECK(step(50) == doctest::Approx(0.99));
}

}  // namespace test_dataset
