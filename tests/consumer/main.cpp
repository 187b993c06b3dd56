// Learns XOR, keeps the network in a file, and says what it answers after loading it again.
#include <array>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <limits>
#include <memory>
#include <span>
#include <variant>

#include "nncore/nncore.hpp"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: xor FILE, where the network is kept\n";
    return 2;
  }
  const std::array<float, 8> x = {0, 0, 0, 1, 1, 0, 1, 1};
  const std::array<std::int64_t, 4> y = {0, 1, 1, 0};
  const nncore::MatrixView<const float> rows{x.data(), 4, 2, 2};
  const nncore::Samples<float> samples{rows, std::span<const std::int64_t>(y), {}};

  nncore::Network<float> network(
      {.sizes = {2, 4, 1},
       .activations = {nncore::Activation::tanh, nncore::Activation::sigmoid},
       .cost = nncore::Cost::cross_entropy},
      1);
  const std::array start = {nncore::Initializer::glorot_uniform,
                            nncore::Initializer::glorot_uniform};
  network.initialize(start);
  const nncore::Dataset<float> data(network, samples);
  nncore::Trainer<float> trainer(network, {.batch_size = 4, .optimizer = nncore::Optimizer::adam});
  for (int epoch = 0; epoch < 500; ++epoch) trainer.epoch(data, {.learning_rate = 0.05});

  const std::filesystem::path file = argv[1];
  nncore::save_model(network, file);
  const auto loaded = nncore::load_model<float>(file);
  std::array<std::int64_t, 4> answers{};
  loaded->predict(rows, answers);
  for (const std::int64_t answer : answers) std::cout << answer << ' ';

  // What is not a number is found, whatever arithmetic this program was built with.
  std::array<float, 8> bad = x;
  bad[5] = std::numeric_limits<float>::quiet_NaN();
  try {
    nncore::check(network,
                  nncore::Inputs<float>(nncore::MatrixView<const float>{bad.data(), 4, 2, 2}));
    return 1;
  } catch (const nncore::InvalidArgument&) {
  }

  // What the library throws can be caught by its type.
  try {
    nncore::load_model(file / "missing");
  } catch (const nncore::ModelFileError&) {
    std::cout << nncore::version() << '\n';
    return 0;
  }
  return 1;
}
