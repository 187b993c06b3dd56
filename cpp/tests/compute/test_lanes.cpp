// Mini-batches that are cut into lanes. Also run by ThreadSanitizer.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "compute/lanes.hpp"
#include "nncore/nncore.hpp"

using namespace nncore;

namespace test_lanes {
namespace {

// Numbers between -1 and 1.
template <class T>
std::vector<T> numbers(std::size_t count, std::size_t seed) {
  std::vector<T> x(count);
  for (std::size_t i = 0; i < count; ++i) {
    x[i] = static_cast<T>((i * 7919 + seed * 104729) % 1009) / T(504.5) - 1;
  }
  return x;
}

constexpr std::size_t inputs = 9, targets = 2;

template <class T>
struct Rows {
  std::vector<T> x, y, weights;

  explicit Rows(std::size_t rows, bool weighted = false)
      : x(numbers<T>(rows * inputs, 1)), y(numbers<T>(rows * targets, 2)) {
    if (weighted) weights = numbers<T>(rows, 3);
    for (T& w : weights) w = w + T(1.25);
  }
  Samples<T> samples() const {
    const std::size_t rows = y.size() / targets;
    return {MatrixView<const T>{x.data(), rows, inputs, inputs},
            MatrixView<const T>{y.data(), rows, targets, targets}, weights};
  }
};

// The quadratic cost, or the same as a function of the program's own: its mini-batches are never
// cut, and so it is the twin of the lanes.
template <class T>
Network<T> network_with(Cost cost) {
  Network<T> network({.sizes = {inputs, 21, 17, targets},
                      .activations = {Activation::tanh, Activation::gelu, Activation::linear},
                      .cost = cost},
                     7);
  network.initialize(std::vector(3, Initializer::glorot_uniform));
  if (cost != Cost::custom) return network;
  network.set_cost_function(
      [](MatrixView<const T> a, MatrixView<const T> y, std::span<T> costs, MatrixView<T> slopes) {
        for (std::size_t i = 0; i < a.rows; ++i) {
          costs[i] = 0;
          for (std::size_t j = 0; j < a.cols; ++j) {
            slopes.row(i)[j] = a.row(i)[j] - y.row(i)[j];
            costs[i] += slopes.row(i)[j] * slopes.row(i)[j] / 2;
          }
        }
      });
  return network;
}

template <class T>
struct Trained {
  double cost = 0;
  std::vector<T> parameters;
  bool operator==(const Trained&) const = default;
};

// Two epochs.
template <class T>
Trained<T> train(Cost cost, const Rows<T>& rows, const TrainOptions& options, int threads,
                 EpochOptions epoch = {}) {
  Network<T> network = network_with<T>(cost);
  Trainer<T> trainer(network, options);
  const Dataset<T> data(network, rows.samples());
  epoch.learning_rate = 0.01;
  epoch.threads = threads;
  trainer.epoch(data, epoch);
  const double last = trainer.epoch(data, epoch);
  return {last, {network.parameters().begin(), network.parameters().end()}};
}

template <class T>
double most_apart(const std::vector<T>& a, const std::vector<T>& b) {
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    most = std::max(most, std::abs(double(a[i]) - double(b[i])));
  }
  return most;
}

// What makes a mini-batch more than a sum of gradients.
std::vector<TrainOptions> kinds_of_training(std::size_t batch_size) {
  return {{.batch_size = batch_size},
          {.batch_size = batch_size, .l2 = 2, .max_norm = 0.5},
          {.batch_size = batch_size, .l1 = 1, .clip_norm = 0.05},
          {.batch_size = batch_size, .clip_value = 0.01, .rates = {1, 0, 0.5, 2, 0, 1}},
          {.batch_size = batch_size, .optimizer = Optimizer::adam, .dropout = {0.25, 0.5, 0.1}},
          {.batch_size = batch_size, .optimizer = Optimizer::nesterov, .l2 = 1}};
}

template <class T>
Lanes<T> prepared(const Network<T>& network, std::size_t rows, int threads) {
  Lanes<T> lanes;
  lanes.prepare(network, {.stored = double(rows * inputs), .rows = double(rows)}, rows, threads,
                false);
  return lanes;
}

}  // namespace

TEST_CASE_TEMPLATE("lanes learn what a mini-batch learns that is not cut", T, float, double) {
  const double tolerance = sizeof(T) == 4 ? 2e-5 : 1e-13;
  for (const std::size_t batch_size : {256u, 257u, 383u, 390u, 701u}) {
    const Rows<T> rows(batch_size + 301, batch_size % 2 == 0);
    REQUIRE(prepared(network_with<T>(Cost::quadratic), batch_size, 1).count(batch_size) > 1);
    REQUIRE(prepared(network_with<T>(Cost::custom), batch_size, 1).count(batch_size) == 1);
    for (const TrainOptions& options : kinds_of_training(batch_size)) {
      CAPTURE(batch_size);
      CAPTURE(options.dropout.size());
      const Trained<T> cut = train(Cost::quadratic, rows, options, 1);
      const Trained<T> twin = train(Cost::custom, rows, options, 1);
      CHECK(cut.cost == doctest::Approx(twin.cost).epsilon(tolerance));
      CHECK(most_apart(cut.parameters, twin.parameters) < tolerance);
    }
  }
}

TEST_CASE_TEMPLATE("lanes give the same bits on any number of threads", T, float, double) {
  const int usual = num_threads();
  set_num_threads(4);
  for (const std::size_t batch_size : {258u, 517u}) {
    const Rows<T> rows(2 * batch_size + 260, true);
    for (const TrainOptions& options : kinds_of_training(batch_size)) {
      const Trained<T> alone = train(Cost::quadratic, rows, options, 1);
      for (const int threads : {2, 3, 4}) {
        CHECK(train(Cost::quadratic, rows, options, threads) == alone);
      }
    }
  }
  set_num_threads(usual);
}

TEST_CASE_TEMPLATE("lanes are added along a tree", T, float, double) {
  const Network<T> network = network_with<T>(Cost::quadratic);
  const std::size_t size = network.parameters().size();
  const InputDensity density{.stored = 9, .rows = 1};
  for (const std::size_t lanes_wanted : {2u, 3u, 5u, 6u, 7u, 8u}) {
    const std::size_t each = 128, rows = lanes_wanted * each;
    const Rows<T> problem(rows);
    const Samples<T> samples = problem.samples();
    // Each lane alone: a mini-batch that is not cut.
    std::vector<std::vector<T>> sums;
    std::vector<double> costs;
    Workspace<T> ws;
    prepare(ws, network, density, each, Purpose::train, 1);
    for (std::size_t first = 0; first < rows; first += each) {
      const Batch<T> batch = make_batch(ws, network, samples, {}, first, each, Purpose::train);
      std::vector<T>& gradient = sums.emplace_back(size);
      forward(ws, network, batch, Purpose::train);
      costs.push_back(summed_cost(ws, network, batch));
      backward<T>(ws, network, batch, {.data = gradient.data(), .overwrite = true});
    }
    while (sums.size() > 1) {  // neighbours, then their sums, ...
      std::vector<std::vector<T>> pairs;
      std::vector<double> pair_costs;
      for (std::size_t i = 0; i < sums.size(); i += 2) {
        pairs.push_back(sums[i]);
        pair_costs.push_back(costs[i]);
        if (i + 1 == sums.size()) continue;
        for (std::size_t p = 0; p < size; ++p) pairs.back()[p] += sums[i + 1][p];
        pair_costs.back() += costs[i + 1];
      }
      sums = pairs;
      costs = pair_costs;
    }

    Lanes<T> lanes = prepared(network, rows, 2);
    REQUIRE(lanes.count(rows) == lanes_wanted);
    const double cost = lanes.pass(network, {samples, {}, 0, rows}, {}, 0);
    lanes.add_up(0, 64);
    lanes.add_up(64, size - 64);
    CHECK(cost == costs.front());
    CHECK(std::memcmp(lanes.gradient(), sums.front().data(), size * sizeof(T)) == 0);
  }
}

TEST_CASE("mini-batches of many rows for few parameters are cut, by shapes alone") {
  const Network<float> network = network_with<float>(Cost::quadratic);
  for (const int threads : {1, 2, 8}) {
    const Lanes<float> lanes = prepared(network, 5000, threads);
    CHECK(lanes.count(1) == 1);
    CHECK(lanes.count(255) == 1);
    CHECK(lanes.count(256) == 2);
    CHECK(lanes.count(640) == 5);
    CHECK(lanes.count(5000) == 8);
  }
  const Network<float> wide(
      {.sizes = {inputs, 2000, targets}, .activations = {Activation::relu, Activation::linear}});
  CHECK(prepared(wide, 5000, 2).count(5000) == 1);
  Lanes<float> sparse;
  sparse.prepare(network, {.sparse = true, .stored = 9, .rows = 9}, 5000, 2, false);
  CHECK(sparse.count(5000) == 1);
}

TEST_CASE_TEMPLATE("a mini-batch in lanes is the same as a step, and goes on after a stop", T,
                   float, double) {
  const Rows<T> rows(512 + 270);
  const Samples<T> all = rows.samples();
  const TrainOptions options{
      .batch_size = 512, .optimizer = Optimizer::adam, .dropout = {0.1, 0.5, 0.5}};
  const auto parameters = [](const Network<T>& network) {
    return std::vector<T>(network.parameters().begin(), network.parameters().end());
  };
  Network<T> whole = network_with<T>(Cost::quadratic);
  Trainer<T>(whole, options).epoch(all, {.learning_rate = 0.01, .shuffle = false});

  Network<T> stepped = network_with<T>(Cost::quadratic);
  Trainer<T> steps(stepped, options);
  std::vector<std::int64_t> order(all.rows());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int64_t>(i);
  const std::span<const std::int64_t> view = order;
  steps.step(all, {.learning_rate = 0.01, .order = view.first(512), .batch = 0});
  steps.step(all, {.learning_rate = 0.01, .order = view.subspan(512), .batch = 1});
  CHECK(parameters(stepped) == parameters(whole));

  Network<T> resumed = network_with<T>(Cost::quadratic);
  Trainer<T> trainer(resumed, options);
  const Dataset<T> data(resumed, all);
  trainer.epoch(data,
                {.learning_rate = 0.01, .shuffle = false, .should_stop = [] { return true; }});
  REQUIRE(trainer.position());
  CHECK(trainer.position()->batches == 1);
  trainer.epoch(data, {.learning_rate = 0.01, .shuffle = false});
  CHECK(parameters(resumed) == parameters(whole));
}

TEST_CASE("a step in lanes that diverges is undone") {
  const Rows<float> rows(300);
  for (const Optimizer optimizer : {Optimizer::sgd, Optimizer::adam}) {
    Network<float> network = network_with<float>(Cost::quadratic);
    Trainer<float> trainer(network, {.batch_size = 300, .optimizer = optimizer});
    trainer.step(rows.samples(), {.learning_rate = 0.01});
    const std::vector<float> before(network.parameters().begin(), network.parameters().end());
    CHECK_THROWS_AS(trainer.step(rows.samples(), {.learning_rate = 1e300}), DivergenceError);
    CHECK(std::equal(before.begin(), before.end(), network.parameters().begin()));
    CHECK(trainer.steps() == 1);
  }
}

TEST_CASE("what is no longer trained takes no part in the norm that is clipped") {
  const Rows<double> rows(300);
  const auto trained_after = [&](bool trained_all_before) {
    Network<double> network = network_with<double>(Cost::quadratic);
    Trainer<double> trainer(network, {.batch_size = 300});
    if (trained_all_before) trainer.step(rows.samples(), {.learning_rate = 0});
    trainer.set_options({.batch_size = 300, .clip_norm = 0.01, .rates = {0, 0, 0, 0, 1, 1}});
    trainer.step(rows.samples(), {.learning_rate = 0.1});
    return std::vector<double>(network.parameters().begin(), network.parameters().end());
  };
  CHECK(trained_after(true) == trained_after(false));
}

TEST_CASE("several threads work only where they are faster than one") {
  const auto deserves = [](const std::vector<std::size_t>& sizes, std::size_t rows,
                           const InputDensity& inputs) {
    const Network<float> network(
        {.sizes = sizes, .activations = std::vector(sizes.size() - 1, Activation::relu)});
    Plan<float> plan;
    plan.choose(network.layers(), inputs);
    return plan.deserves_threads(rows);
  };
  const auto dense = [&](const std::vector<std::size_t>& sizes, std::size_t rows) {
    return deserves(sizes, rows, {.stored = double(sizes[0]), .rows = 1});
  };
  // Two threads took longer than one on these.
  CHECK(!dense({784, 30, 10}, 10));
  CHECK(!dense({24, 64, 64, 6}, 16));
  CHECK(!dense({30, 100, 2}, 32));
  CHECK(!dense({32, 64, 64, 1}, 64));
  CHECK(!dense({784, 1024, 1024, 10}, 1));
  CHECK(dense({784, 128, 10}, 128));
  CHECK(dense({784, 1024, 1024, 10}, 128));
  // A fifth of the inputs is not zero.
  CHECK(deserves({784, 30, 10}, 10, {.sparse = true, .stored = 150, .rows = 1}));
  CHECK(deserves({784, 128, 10}, 128, {.sparse = true, .stored = 150, .rows = 1}));
  CHECK(!deserves({784, 30, 10}, 1, {.sparse = true, .stored = 150, .rows = 1}));
}

}  // namespace test_lanes
