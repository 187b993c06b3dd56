// The core's own time of one step: a row of 4-64-2, relu and linear units, quadratic cost, Adam.
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "nncore/nncore.hpp"

int main(int argc, char** argv) {
  const int steps = argc > 1 ? std::atoi(argv[1]) : 20000;
  nncore::set_num_threads(1);
  nncore::Network<float> network(
      {.sizes = {4, 64, 2}, .activations = {nncore::Activation::relu, nncore::Activation::linear}},
      1);
  network.initialize(std::array{nncore::Initializer::he_normal, nncore::Initializer::he_normal});
  nncore::Trainer<float> trainer(network, {.optimizer = nncore::Optimizer::adam});
  const std::vector<float> x{0.1f, -0.2f, 0.3f, 0.4f}, y{0.5f, -0.5f};
  const nncore::Samples<float> row{{x, 4}, {std::span<const float>(y), 2}};
  const auto run = [&] {
    double cost = 0;
    for (int i = 0; i < steps; ++i) cost += trainer.step(row, {.learning_rate = 1e-3});
    return cost;
  };
  double cost = run();  // memory is taken, caches are warm
  const auto begin = std::chrono::steady_clock::now();
  cost += run();
  const std::chrono::duration<double, std::micro> taken = std::chrono::steady_clock::now() - begin;
  std::printf("%.4f\n", taken.count() / steps);
  return cost < 0;
}
