#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "data/distorter.hpp"
#include "kernels/kernels.hpp"
#include "kernels/math.hpp"
#include "nncore/nncore.hpp"
#include "threads/parallel.hpp"

using namespace nncore;

namespace test_distorter {
namespace {

std::vector<std::uint8_t> pixels(std::size_t n) {
  std::vector<std::uint8_t> x(n);
  for (std::size_t i = 0; i < n; ++i) x[i] = static_cast<std::uint8_t>(i * i * 7 % 251);
  return x;
}

const Augmentation everything{.elastic = 34,
                              .sigma = 4,
                              .rotation = 30,
                              .scaling = 0.25,
                              .shear = 0.25,
                              .shift = 2,
                              .thinner = 1.5,
                              .thicker = 2.5,
                              .noise = 4};

// FNV-1a of the numbers' bits, little-endian.
template <class T>
std::uint64_t hash_of(const std::vector<T>& x) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const T number : x) {
    const auto bits = bits_as<typename FloatFormat<T>::Bits>(number);
    for (std::size_t byte = 0; byte < sizeof bits; ++byte) {
      hash = (hash ^ (bits >> (8 * byte) & 0xff)) * 0x100000001b3u;
    }
  }
  return hash;
}

// Images of several shapes, one behind the other.
template <class T>
std::vector<T> distorted() {
  std::vector<T> all;
  const std::size_t shapes[][3] = {{28, 28, 1}, {17, 33, 3}, {1, 7, 1}, {5, 1, 2}};
  for (const auto& [height, width, channels] : shapes) {
    for (const double nearest : {0.0, 1.0}) {
      Augmentation a = everything;
      a.height = height;
      a.width = width;
      a.channels = channels;
      a.nearest = nearest;
      const std::size_t n = height * width * channels;
      const std::vector<std::uint8_t> x = pixels(9 * n);
      const NarrowRows rows{x.data(), NarrowType::uint8, 9, n, n, 1.0 / 255, -0.5};
      std::vector<T> out(9 * n);
      augment<T>(a, rows, {out.data(), 9, n, n}, 123456789012345u, 0x200000003u, 7);
      all.insert(all.end(), out.begin(), out.end());
    }
  }
  return all;
}

template <class T>
std::vector<T> trained(std::size_t batch_size, Optimizer optimizer, int threads) {
  Network<T> network({.sizes = {64, 31, 10},
                      .activations = {Activation::relu, Activation::softmax},
                      .cost = Cost::log_likelihood},
                     5);
  network.initialize(std::vector(2, Initializer::glorot_uniform));
  const std::vector<std::uint8_t> x = pixels(301 * 64);
  std::vector<std::int64_t> y(301);
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = static_cast<std::int64_t>(i % 10);
  const Samples<T> samples{NarrowRows{x.data(), NarrowType::uint8, 301, 64, 64, 1.0 / 255, 0}, y};
  Trainer<T> trainer(
      network, {.batch_size = batch_size, .optimizer = optimizer, .augmentation = everything});
  const Dataset<T> data(network, samples);
  for (int epoch = 0; epoch < 2; ++epoch) {
    trainer.epoch(data, {.learning_rate = 0x1p-6, .threads = threads});
  }
  return {network.parameters().begin(), network.parameters().end()};
}

}  // namespace

// Nothing here is fused, so that the baseline has the same bits, too.
TEST_CASE("distorted images have the same bits on every machine") {
  CHECK(hash_of(distorted<float>()) == 7087175166165758197u);
  CHECK(hash_of(distorted<double>()) == 3502393390206204048u);
}

TEST_CASE("every instruction set distorts to the same bits") {
  const auto sets = available_instruction_sets();
  for (const std::size_t width :
       {std::size_t{1}, std::size_t{7}, std::size_t{64}, std::size_t{130}}) {
    CAPTURE(width);
    std::vector<std::vector<std::uint32_t>> words;
    const std::uint32_t counter[] = {0xfffffff0u, 1, 2, 3};
    for (const InstructionSet* set : sets) {
      words.emplace_back((width + 15) / 16 * 64);
      set->f32.random_words(0x123456789abcdefu, counter, width, words.back().data());
      CHECK(words.back() == words.front());
      std::vector<float> x(4 * width), first = x;
      set->f32.add_noise(x.data(), words.back().data(), x.size(), 0.1f);
      sets.front()->f32.add_noise(first.data(), words.back().data(), x.size(), 0.1f);
      CHECK(x == first);
    }
  }
}

TEST_CASE("training on distorted rows has the same bits at any number of threads") {
  for (const std::size_t batch_size : {std::size_t{7}, std::size_t{300}}) {  // the latter in lanes
    const auto one = trained<float>(batch_size, Optimizer::adam, 1);
    CHECK(one == trained<float>(batch_size, Optimizer::adam, 3));
    CHECK(one != trained<float>(batch_size, Optimizer::sgd, 1));
  }
}

TEST_CASE("an augmentation that changes nothing leaves the bits of the rows") {
  const std::vector<float> x = {0.1f, -0.0f, 3e38f, -3e38f, 1e-40f, 7, 8, 9, 10};
  std::vector<float> out(9);
  const Inputs<float> rows(MatrixView<const float>{x.data(), 1, 9, 9});
  augment<float>({.sigma = 2, .fill = 5}, rows, {out.data(), 1, 9, 9}, 1, 2);
  CHECK(std::memcmp(out.data(), x.data(), 9 * sizeof(float)) == 0);
  // Whole pixels are not mixed with others, even if these are huge.
  augment<float>({.rotation = 1e-300}, rows, {out.data(), 1, 9, 9}, 1, 2);
  CHECK(out[2] == x[2]);
  CHECK(out[3] == x[3]);
}

TEST_CASE("an augmentation says what is wrong with it") {
  const auto message = [](const Augmentation& a, std::size_t inputs) -> std::string {
    try {
      check(a, inputs);
    } catch (const InvalidArgument& error) {
      return error.what();
    }
    return "";
  };
  CHECK(message({.rotation = 10}, 784) == "");
  CHECK(message({.rotation = 181}, 784) == "the augmentation's rotation is 181; expected 0 to 180");
  CHECK(message({.sigma = NAN}, 784).find("sigma") != std::string::npos);
  CHECK(message({.rotation = 10}, 785).find("no square images") != std::string::npos);
  CHECK(message({.height = 28, .width = 29, .rotation = 10}, 784).find("28 x 29 x 1") !=
        std::string::npos);
  CHECK(message({.height = 28, .rotation = 10}, 784).find("28 x 0 x 1") != std::string::npos);
  CHECK(message({.height = 28, .width = 29}, 784) == "");  // nothing is distorted
  Augmentation a;
  CHECK_THROWS_AS(set_number(a, "height", 2.5), InvalidArgument);
  CHECK_THROWS_AS(set_number(a, "noise", -1), InvalidArgument);
  CHECK_FALSE(set_number(a, "colour", 1));
  CHECK(a == Augmentation{});
  TrainOptions options;
  CHECK(set_number(options, "augmentation.shear", 0.5));
  CHECK(options.augmentation.shear == 0.5);
}

TEST_CASE("sparse rows are not distorted") {
  Network<float> network({.sizes = {4, 2}, .activations = {Activation::sigmoid}}, 1);
  const float values[] = {1};
  const std::int32_t columns[] = {2};
  const std::int64_t offsets[] = {0, 1}, labels[] = {1};
  const Samples<float> samples{SparseView<float>{values, columns, offsets, 1, 4}, labels};
  Trainer<float> trainer(network, {.batch_size = 1, .augmentation = {.noise = 1}});
  const std::vector<float> before(network.parameters().begin(), network.parameters().end());
  CHECK_THROWS_AS(trainer.epoch(samples, {.learning_rate = 1}), InvalidArgument);
  CHECK_THROWS_AS(trainer.step(samples, {.learning_rate = 1}), InvalidArgument);
  CHECK(std::equal(before.begin(), before.end(), network.parameters().begin()));
}

}  // namespace test_distorter
