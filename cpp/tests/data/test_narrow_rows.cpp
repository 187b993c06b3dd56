// Inputs of bytes and half floats, which give the bits of the floats that they stand for.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "nncore/nncore.hpp"

using namespace nncore;

namespace test_narrow_rows {
namespace {

constexpr std::size_t rows = 37, cols = 19, stride = 23;

template <class T>
Network<T> network_of() {
  Network<T> network(
      {.sizes = {cols, 3}, .activations = {Activation::softmax}, .cost = Cost::log_likelihood}, 1);
  network.initialize(std::vector{Initializer::glorot_uniform});
  return network;
}

// Rows of bytes, of which one in so many is not zero, and the floats that they stand for.
template <class T>
struct Bytes {
  std::vector<std::uint8_t> narrow = std::vector<std::uint8_t>(rows * stride);
  std::vector<T> wide = std::vector<T>(rows * cols);
  std::vector<std::int64_t> labels = std::vector<std::int64_t>(rows);
  double scale, offset;

  Bytes(std::size_t one_in, double s, double o) : scale(s), offset(o) {
    for (std::size_t i = 0; i < rows; ++i) {
      labels[i] = static_cast<std::int64_t>(i % 3);
      for (std::size_t j = 0; j < cols; ++j) {
        const std::size_t n = i * cols + j;
        const auto byte = static_cast<std::uint8_t>(n % one_in == 0 ? n % 251 + 1 : 0);
        narrow[i * stride + j] = byte;
        wide[n] = static_cast<T>(byte * scale + offset);
      }
    }
  }
  NarrowRows view() const {
    return {.data = narrow.data(),
            .rows = rows,
            .cols = cols,
            .stride = stride,
            .scale = scale,
            .offset = offset};
  }
};

template <class T>
std::vector<T> trained(const Inputs<T>& x, const std::vector<std::int64_t>& labels) {
  Network<T> network = network_of<T>();
  const Dataset<T> data(network, {x, labels});
  Trainer<T> trainer(network, {.batch_size = 4, .optimizer = Optimizer::adam});
  for (int i = 0; i < 3; ++i) trainer.epoch(data, {.learning_rate = 0.05});
  return {network.parameters().begin(), network.parameters().end()};
}

template <class T>
void compare(const Bytes<T>& bytes) {
  const Inputs<T> wide(std::span<const T>(bytes.wide), cols);
  CHECK(trained<T>(bytes.view(), bytes.labels) == trained<T>(wide, bytes.labels));
  const Network<T> network = network_of<T>();
  std::vector<T> found(rows * 3), expected(rows * 3);
  network.feedforward(bytes.view(), {found.data(), rows, 3, 3});
  network.feedforward(wide, {expected.data(), rows, 3, 3});
  CHECK(found == expected);
}

}  // namespace

TEST_CASE_TEMPLATE("bytes give the bits of floats, mostly zero or not", T, float, double) {
  for (const std::size_t one_in : {1u, 9u}) {
    compare<T>(Bytes<T>(one_in, 1, 0));
    compare<T>(Bytes<T>(one_in, 1.0 / 255, 0));
    compare<T>(Bytes<T>(one_in, 0.01, -1));
  }
}

TEST_CASE("half floats are what IEEE says, subnormal ones too") {
  const std::vector<std::uint16_t> halves = {0x0000, 0x8000, 0x0001, 0x83ff, 0x0400,
                                             0x3c00, 0xc000, 0x3555, 0x7bff};
  const std::vector<float> floats = {0.0f, -0.0f, 0x1p-24f,    -0x3ffp-24f, 0x1p-14f,
                                     1.0f, -2.0f, 0x1.554p-2f, 65504.0f};
  Network<float> network({.sizes = {1, 1}, .activations = {Activation::linear}});
  network.weights(0).row(0)[0] = 1;
  std::vector<float> out(halves.size());
  network.feedforward(NarrowRows{.data = halves.data(),
                                 .type = NarrowType::float16,
                                 .rows = halves.size(),
                                 .cols = 1,
                                 .stride = 1},
                      {out.data(), halves.size(), 1, 1});
  CHECK(out == floats);
}

TEST_CASE("half floats that are not finite, and scales beyond the dtype, are refused") {
  const Network<float> network = network_of<float>();
  std::vector<std::uint16_t> halves(rows * cols);
  NarrowRows x{.data = halves.data(),
               .type = NarrowType::float16,
               .rows = rows,
               .cols = cols,
               .stride = cols};
  CHECK_NOTHROW(check<float>(network, Inputs<float>(x)));
  for (const std::uint16_t bad : std::vector<std::uint16_t>{0x7c00, 0xfc00, 0x7e01}) {
    halves[5 * cols + 3] = bad;
    CHECK_THROWS_WITH_AS(check<float>(network, Inputs<float>(x)),
                         doctest::Contains("row 5, column 3"), InvalidArgument);
  }
  halves[5 * cols + 3] = 0;
  for (const double scale : {1e35, std::numeric_limits<double>::infinity(), std::nan("")}) {
    x.scale = scale;
    CHECK_THROWS_AS(check<float>(network, Inputs<float>(x)), InvalidArgument);
  }
}

}  // namespace test_narrow_rows
