// Epochs whose rows come in parts.
#include <doctest/doctest.h>

#include <vector>

#include "nncore/nncore.hpp"

using namespace nncore;

namespace test_parts {
namespace {

struct Problem {
  std::vector<float> x = std::vector<float>(53 * 5);
  std::vector<std::int64_t> labels = std::vector<std::int64_t>(53);

  Problem() {
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = float((i * 7919) % 101) / 50 - 1;
    for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::int64_t>(i % 2);
  }
  // Rows [first, last).
  Dataset<float> rows(const Network<float>& network, std::size_t first, std::size_t last) const {
    return {network,
            {{std::span<const float>(x).subspan(first * 5, (last - first) * 5), 5},
             std::span<const std::int64_t>(labels).subspan(first, last - first)}};
  }
};

Network<float> network_of() {
  Network<float> network({.sizes = {5, 6, 2},
                          .activations = {Activation::tanh, Activation::softmax},
                          .cost = Cost::log_likelihood},
                         1);
  network.initialize(std::vector{Initializer::glorot_uniform, Initializer::glorot_uniform});
  return network;
}

const TrainOptions options{
    .batch_size = 4, .optimizer = Optimizer::adam, .l2 = 0.1, .dropout = {0.1, 0.3}};

std::vector<float> parameters_of(const Network<float>& network) {
  return {network.parameters().begin(), network.parameters().end()};
}

}  // namespace

TEST_CASE("an epoch in parts has the bits and the cost of one in one piece") {
  const Problem problem;
  Network<float> whole = network_of(), parted = network_of();
  Trainer<float> trainer(whole, options), by_part(parted, options);
  const EpochOptions in_order{.learning_rate = 0.05, .shuffle = false};
  for (int epoch = 0; epoch < 3; ++epoch) {
    const double cost = trainer.epoch(problem.rows(whole, 0, 53), in_order);
    double found = 0;
    std::size_t first = 0;
    for (const std::size_t last : {12u, 16u, 48u, 53u}) {
      EpochOptions part = in_order;
      part.part = EpochPart{first, 53, 7};
      // A stop behind any mini-batch changes nothing.
      int asked = 0;
      part.should_stop = [&] { return ++asked == 2; };
      found = by_part.epoch(problem.rows(parted, first, last), part);
      part.should_stop = {};
      if (parted.epoch() == static_cast<std::uint64_t>(epoch)) {  // else the first call ended it
        found = by_part.epoch(problem.rows(parted, first, last), part);
      }
      CHECK(parted.epoch() == static_cast<std::uint64_t>(epoch) + (last == 53));
      first = last;
    }
    CHECK(found == cost);
    CHECK(parameters_of(parted) == parameters_of(whole));
  }
}

TEST_CASE("parts that do not follow each other are refused") {
  const Problem problem;
  Network<float> network = network_of();
  Trainer<float> trainer(network, options);
  const auto train = [&](std::size_t first, std::size_t last, EpochPart part) {
    trainer.epoch(problem.rows(network, first, last), {.learning_rate = 0.05, .part = part});
  };
  CHECK_THROWS_AS(train(0, 12, {4, 53, 7}), InvalidArgument);  // the first rows are missing
  CHECK_THROWS_AS(train(0, 10, {0, 53, 7}), InvalidArgument);  // no whole mini-batches
  CHECK_THROWS_AS(train(0, 12, {0, 8, 7}), InvalidArgument);   // beyond the epoch
  CHECK_THROWS_AS(train(0, 12, {0, 53, 1}), InvalidArgument);  // an order of the core's own
  CHECK(trainer.steps() == 0);
  train(0, 12, {0, 53, 7});
  CHECK(trainer.steps() == 3);
  train(0, 12, {0, 53, 7});  // was trained on already
  CHECK(trainer.steps() == 3);
  CHECK_THROWS_AS(train(12, 24, {12, 53, 8}), InvalidArgument);  // of an epoch in another order
  train(12, 53, {12, 53, 7});
  CHECK(network.epoch() == 1);
  CHECK_FALSE(trainer.position());
}

}  // namespace test_parts
