// Trains 784-30-10 on MNIST, from the four files that NNCORE_DATA's directory holds, decompressed.
//
//   find_package(nncore CONFIG REQUIRED)
//   add_executable(train_mnist train_mnist.cpp)
//   target_link_libraries(train_mnist PRIVATE nncore::nncore)
//
// usage: NNCORE_DATA=DIRECTORY train_mnist MODEL
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "nncore/nncore.hpp"

namespace {

struct Digits {
  std::vector<float> x;
  std::vector<std::int64_t> y;
  nncore::Samples<float> samples() const { return {{x, 784}, y}; }
};

Digits read_digits(const std::filesystem::path& directory, const std::string& which) {
  const nncore::IdxArray images = nncore::read_idx(directory / (which + "-images-idx3-ubyte"));
  const nncore::IdxArray labels = nncore::read_idx(directory / (which + "-labels-idx1-ubyte"));
  Digits digits;
  for (const std::uint8_t pixel : images.elements<std::uint8_t>())
    digits.x.push_back(pixel / 255.f);
  for (const std::uint8_t label : labels.elements<std::uint8_t>()) digits.y.push_back(label);
  if (digits.x.size() != digits.y.size() * 784) throw nncore::Error(which + ": images of 28 x 28?");
  return digits;
}

void train(const std::filesystem::path& directory, const char* model) {
  using namespace nncore;
  const Digits training = read_digits(directory, "train"), test = read_digits(directory, "t10k");
  Network<float> network({.sizes = {784, 30, 10},
                          .activations = {Activation::relu, Activation::softmax},
                          .cost = Cost::log_likelihood},
                         1);
  network.initialize(std::vector{Initializer::he_normal, Initializer::glorot_uniform});

  // Checked once, and stored without the white pixels, which are most of them.
  const Dataset<float> data(network, training.samples()), unseen(network, test.samples());
  Trainer<float> trainer(network, {.batch_size = 32, .optimizer = Optimizer::adam});
  const ScheduleOptions halving{Schedule::exponential, {0.002, 0.5}};  // rate, factor
  while (network.epoch() < 3) {
    const double rate = learning_rate(halving, network.epoch());
    const double cost = trainer.epoch(data, {.learning_rate = rate});
    const Evaluation result = network.evaluate(unseen);
    std::printf("epoch %d: cost %.4f, test accuracy %.4f\n", static_cast<int>(network.epoch()),
                cost, *result.accuracy);
  }
  save_model(network, model);  // Python loads it: nncore.Network.load(MODEL)
}

}  // namespace

int main(int argc, char** argv) {
  const char* directory = std::getenv("NNCORE_DATA");
  const bool there = directory && std::filesystem::exists(std::filesystem::path(directory) /
                                                          "train-images-idx3-ubyte");
  if (argc != 2 || !there) {
    std::printf("usage: NNCORE_DATA=DIRECTORY train_mnist MODEL, with decompressed files there\n");
    return 2;
  }
  try {
    train(directory, argv[1]);
  } catch (const std::exception& error) {
    std::printf("%s\n", error.what());
    return 1;
  }
}
