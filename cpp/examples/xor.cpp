// Learns exclusive or, in memory that this program owns, and saves the network.
//
//   find_package(nncore CONFIG REQUIRED)
//   add_executable(xor xor.cpp)
//   target_link_libraries(xor PRIVATE nncore::nncore)
#include <cstdint>
#include <cstdio>
#include <vector>

#include "nncore/nncore.hpp"

int main(int argc, char** argv) {
  using namespace nncore;
  Network<float> network({.sizes = {2, 4, 1},
                          .activations = {Activation::tanh, Activation::sigmoid},
                          .cost = Cost::cross_entropy},
                         /*seed=*/1);
  network.initialize(std::vector(2, Initializer::glorot_uniform));

  const std::vector<float> corners = {0, 0, 0, 1, 1, 0, 1, 1};
  const std::vector<std::int64_t> labels = {0, 1, 1, 0};
  const Inputs<float> x(corners, 2);

  const Dataset<float> data(network, {x, labels});  // checked once
  Trainer<float> trainer(network, {.batch_size = 4, .optimizer = Optimizer::adam});
  double cost = 1;
  while (cost > 0.01 && network.epoch() < 2000) {
    cost = trainer.epoch(data, {.learning_rate = 0.05});
  }
  std::printf("%d epochs, cost %.4f\n", static_cast<int>(network.epoch()), cost);

  std::vector<float> outputs(4);
  network.feedforward(x, {outputs.data(), 4, 1, 1});
  for (int i = 0; i < 4; ++i) std::printf("%d xor %d: %.3f\n", i / 2, i % 2, outputs[i]);
  if (argc > 1) save_model(network, argv[1]);
  return network.evaluate(data).accuracy == 1.0 ? 0 : 1;
}
