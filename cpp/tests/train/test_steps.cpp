// Steps by a gradient of the outputs, costs of the program's own, factors of the rate, and networks
// that follow others.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "nncore/nncore.hpp"
#include "temporary_directory.hpp"

using namespace nncore;

namespace test_steps {
namespace {

constexpr std::size_t rows = 12, inputs = 4, outputs = 3;

template <class T>
std::vector<T> numbers(std::size_t n, double phase) {
  std::vector<T> x(n);
  for (std::size_t i = 0; i < n; ++i) x[i] = static_cast<T>(std::sin(phase + 1.7 * double(i)));
  return x;
}

template <class T>
Network<T> network_of(Cost cost, Activation output) {
  Network<T> network(
      {.sizes = {inputs, 7, outputs}, .activations = {Activation::tanh, output}, .cost = cost}, 5);
  network.initialize(std::vector(2, Initializer::glorot_uniform));
  return network;
}

template <class T>
bool same_parameters(const Network<T>& a, const Network<T>& b) {
  return std::memcmp(a.parameters().data(), b.parameters().data(),
                     a.parameters().size() * sizeof(T)) == 0;
}

template <class T>
void quadratic(MatrixView<const T> a, MatrixView<const T> y, std::span<T> costs,
               MatrixView<T> slopes) {
  for (std::size_t i = 0; i < a.rows; ++i) {
    costs[i] = 0;
    for (std::size_t j = 0; j < a.cols; ++j) {
      slopes.row(i)[j] = a.row(i)[j] - y.row(i)[j];
      costs[i] += T(0.5) * slopes.row(i)[j] * slopes.row(i)[j];
    }
  }
}

}  // namespace

TEST_CASE_TEMPLATE("a step by the outputs' gradient is that of the cost it is of", T, float,
                   double) {
  const std::vector<T> x = numbers<T>(rows * inputs, 0), y = numbers<T>(rows * outputs, 1);
  Network<T> one = network_of<T>(Cost::quadratic, Activation::linear);
  Network<T> other(one);
  Trainer<T> by_targets(one, {.optimizer = Optimizer::adam}),
      by_slopes(other, {.optimizer = Optimizer::adam});
  std::vector<T> slopes(rows * outputs);
  for (int t = 0; t < 3; ++t) {
    other.feedforward({x, inputs}, {slopes.data(), rows, outputs, outputs});
    for (std::size_t i = 0; i < slopes.size(); ++i) slopes[i] -= y[i];
    by_targets.step({{x, inputs}, {std::span<const T>(y), outputs}}, {.learning_rate = 0.1});
    by_slopes.step_gradient({x, inputs}, {slopes.data(), rows, outputs, outputs}, {},
                            {.learning_rate = 0.1});
  }
  CHECK(same_parameters(one, other));
  CHECK(by_slopes.steps() == 3);

  const auto wrong = [&](std::size_t cols, std::span<const T> weights) {
    by_slopes.step_gradient({x, inputs}, {slopes.data(), rows, cols, outputs}, weights,
                            {.learning_rate = 0.1});
  };
  CHECK_THROWS_AS(wrong(outputs - 1, {}), InvalidArgument);
  CHECK_THROWS_AS(wrong(outputs, std::span(x).first(3)), InvalidArgument);
  slopes[4] = static_cast<T>(NAN);
  CHECK_THROWS_WITH_AS(
      wrong(outputs, {}),
      "the outputs' gradient has NaN or infinity in row 1; expected finite numbers",
      InvalidArgument);
}

TEST_CASE("weights of any sign are factors where the mean is over rows") {
  const std::vector<double> x = numbers<double>(rows * inputs, 0);
  std::vector<double> weights = numbers<double>(rows, 2);
  std::vector<std::int64_t> labels(rows, 1);
  Network<double> one = network_of<double>(Cost::log_likelihood, Activation::softmax);
  Network<double> other(one);
  Trainer<double> forth(one, {}), back(other, {});
  const auto step = [&](Trainer<double>& trainer) {
    const Samples<double> samples{{x, inputs}, labels, weights};
    check(trainer.network(), samples, true);
    trainer.step(samples, {.learning_rate = 1e-7, .mean_over_rows = true});
  };
  const std::vector<double> before(one.parameters().begin(), one.parameters().end());
  step(forth);
  for (double& weight : weights) weight = -weight;
  step(back);
  for (std::size_t i = 0; i < before.size(); ++i) {
    const double ahead = one.parameters()[i] - before[i];
    CHECK(ahead + (other.parameters()[i] - before[i]) == doctest::Approx(0).epsilon(1e-13));
  }
  CHECK_FALSE(same_parameters(one, other));
  CHECK_THROWS_AS(check(one, Samples<double>{{x, inputs}, labels, weights}), InvalidArgument);
}

TEST_CASE_TEMPLATE("a cost of the program's own", T, float, double) {
  const std::vector<T> x = numbers<T>(rows * inputs, 0), y = numbers<T>(rows * outputs, 1);
  const Samples<T> samples{{x, inputs}, {std::span<const T>(y), outputs}};
  for (const Activation output : {Activation::linear, Activation::tanh}) {
    Network<T> own = network_of<T>(Cost::custom, output);
    Network<T> ours = network_of<T>(Cost::quadratic, output);
    CHECK_THROWS_AS(own.evaluate(samples), InvalidArgument);  // not handed in yet
    own.set_cost_function(quadratic<T>);
    CHECK(own.evaluate(samples).cost == doctest::Approx(ours.evaluate(samples).cost));
    const Dataset<T> data(own, samples);
    Trainer<T>(own, {.batch_size = 5}).epoch(data, {.learning_rate = 0.1});
    Trainer<T>(ours, {.batch_size = 5}).epoch(Dataset<T>(ours, samples), {.learning_rate = 0.1});
    CHECK(same_parameters(own, ours));
    CHECK_THROWS_AS(ours.set_cost_function(quadratic<T>), InvalidArgument);
    CHECK(Network<T>(own).cost_function());

    const std::vector<T> before(own.parameters().begin(), own.parameters().end());
    int calls = 0;
    own.set_cost_function([&](auto a, auto t, auto costs, auto slopes) {
      if (++calls == 2) throw std::runtime_error("the second call");
      quadratic<T>(a, t, costs, slopes);
    });
    Trainer<T> trainer(own, {.batch_size = 5});
    CHECK_THROWS_AS(trainer.epoch(data, {.learning_rate = 0.1}), std::runtime_error);
    CHECK(std::equal(before.begin(), before.end(), own.parameters().begin()));
    CHECK(trainer.steps() == 0);
  }
}

TEST_CASE("files keep the numbers of a cost, and the name of the program's own") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "model.safetensors";
  Architecture a{.sizes = {2, 4}, .activations = {Activation::linear}, .cost = Cost::pinball};
  set_cost_hyperparameter(a, "non_crossing", 1);
  a.cost_list = {0.1, 1.0 / 3};
  save_model(Network<float>(a, 1), path);
  const auto loaded = load_model<float>(path);
  CHECK(loaded->architecture().cost_hyperparameters == std::vector<double>{1});
  CHECK(loaded->architecture().cost_list == a.cost_list);
  save_model(network_of<float>(Cost::custom, Activation::linear), path);
  CHECK(load_model<float>(path)->architecture().cost == Cost::custom);
  CHECK_THROWS_AS(set_cost_hyperparameter(a, "gamma", 1), InvalidArgument);
  a.cost_list = {0.5, 0.5};
  CHECK_THROWS_AS(Network<float>{a}, InvalidArgument);
}

TEST_CASE("a network follows another one") {
  Network<double> network = network_of<double>(Cost::quadratic, Activation::linear);
  Network<double> target(
      {.sizes = {inputs, 7, outputs}, .activations = {Activation::tanh, Activation::linear}});
  target.copy_from(network, 0.25);
  for (std::size_t i = 0; i < network.parameters().size(); ++i) {
    REQUIRE(target.parameters()[i] == 0.25 * network.parameters()[i]);
  }
  target.copy_from(network);
  CHECK(same_parameters(target, network));
  CHECK_THROWS_AS(target.copy_from(network, -0.1), InvalidArgument);
  CHECK_THROWS_AS(target.copy_from(Network<double>(
                      {.sizes = {inputs, outputs}, .activations = {Activation::linear}})),
                  InvalidArgument);
}

TEST_CASE_TEMPLATE("factors of the rate, on dense and sparse rows, in steps and epochs", T, float,
                   double) {
  constexpr std::size_t wide = 300, n = 40;  // enough parameters for a step not to copy them
  std::vector<T> x(n * wide, T(0));
  for (std::size_t i = 0; i < n; ++i) x[i * wide + (i * 37) % wide] = T(1);
  const std::vector<T> y = numbers<T>(n * outputs, 1);
  const std::vector<double> rates{0, 0.5, 2, 0};
  for (const Optimizer optimizer : {Optimizer::sgd, Optimizer::adam}) {
    for (const bool compacted : {false, true}) {
      for (const double l2 : {0.0, 0.5}) {
        Network<T> network(
            {.sizes = {wide, 20, outputs}, .activations = {Activation::tanh, Activation::linear}},
            5);
        network.initialize(std::vector(2, Initializer::glorot_uniform));
        const Network<T> before(network);
        Trainer<T> trainer(network,
                           {.batch_size = 8, .optimizer = optimizer, .l2 = l2, .rates = rates});
        const Samples<T> samples{{x, wide}, {std::span<const T>(y), outputs}};
        const Dataset<T> data(network, samples, compacted);
        trainer.epoch(data, {.learning_rate = 0.05});
        trainer.step(data, {.learning_rate = 0.05});
        const auto moved = [&](auto now, auto then) {
          return !std::equal(now.begin(), now.end(), then.begin());
        };
        const std::size_t first = network.layers()[0].biases_offset;
        CHECK(std::equal(network.parameters().begin(), network.parameters().begin() + long(first),
                         before.parameters().begin()));
        CHECK(moved(network.biases(0), before.biases(0)));
        CHECK(network.weights(1).row(0)[0] != before.weights(1).row(0)[0]);
        CHECK_FALSE(moved(network.biases(1), before.biases(1)));
      }
    }
  }
  Network<T> network = network_of<T>(Cost::quadratic, Activation::linear);
  CHECK_THROWS_AS(Trainer<T>(network, {.rates = {1, 1}}), InvalidArgument);
  CHECK_THROWS_AS(Trainer<T>(network, {.rates = {1, 1, -1, 1}}), InvalidArgument);
}

}  // namespace test_steps
