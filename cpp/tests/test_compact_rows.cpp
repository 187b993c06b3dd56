// Dense inputs without their zeros: what is kept, when, and that training notices rounding only.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "nncore/nncore.hpp"

using namespace nncore;

namespace {

// One element in `every` is not zero; rows are longer than they are wide.
struct Dense {
  static constexpr std::size_t rows = 37, cols = 33, stride = 40;
  std::vector<float> x = std::vector<float>(rows * stride, 7.0f);
  explicit Dense(std::size_t every) {
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t j = 0; j < cols; ++j) {
        const std::size_t number = i * cols + j;
        x[i * stride + j] = number % every ? 0.0f : static_cast<float>(number % 13) / 13 - 0.4f;
      }
    }
  }
  MatrixView<const float> view() const { return {x.data(), rows, cols, stride}; }
};

}  // namespace

TEST_CASE("the non-zeros are kept, in place and in order") {
  const Dense dense(5);
  const auto compact = CompactRows<float>::of(dense.view());
  REQUIRE(compact);
  const SparseView<float> sparse = compact->view();
  REQUIRE(sparse.rows == Dense::rows);
  REQUIRE(sparse.cols == Dense::cols);
  for (std::size_t i = 0; i < Dense::rows; ++i) {
    std::vector<float> row(Dense::cols);
    for (auto p = sparse.offsets[i]; p < sparse.offsets[i + 1]; ++p) {
      REQUIRE(sparse.values[p] != 0);
      row.at(static_cast<std::size_t>(sparse.columns[p])) = sparse.values[p];
    }
    REQUIRE(std::equal(row.begin(), row.end(), dense.view().row(i)));
  }
}

TEST_CASE("inputs that are not mostly zero stay dense") {
  CHECK_FALSE(CompactRows<float>::of(Dense(1).view()));
  CHECK_FALSE(CompactRows<float>::of(Dense(3).view()));
  CHECK_FALSE(CompactRows<float>::of({}));
}

TEST_CASE("training on compacted rows differs by rounding only") {
  const Dense dense(5);
  const auto compact = CompactRows<float>::of(dense.view());
  REQUIRE(compact);
  std::vector<std::int64_t> y(Dense::rows);
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = static_cast<std::int64_t>(i % 3);
  for (const Optimizer optimizer : {Optimizer::sgd, Optimizer::adam}) {
    std::vector<std::vector<float>> results;
    for (const Inputs<float>& x : {Inputs<float>(dense.view()), Inputs<float>(compact->view())}) {
      Network<float> network({.sizes = {Dense::cols, 70, 3},
                              .activations = {Activation::tanh, Activation::softmax},
                              .cost = Cost::log_likelihood},
                             1);
      network.initialize(std::vector(2, Initializer::glorot_uniform));
      Trainer<float> trainer(network, {.batch_size = 7, .optimizer = optimizer, .l2 = 0.1});
      const Samples<float> samples{x, std::span<const std::int64_t>(y), {}};
      for (int epoch = 0; epoch < 3; ++epoch) trainer.epoch(samples, {}, {.learning_rate = 0.01});
      results.emplace_back(network.parameters().begin(), network.parameters().end());
    }
    double difference = 0, size = 0;
    for (std::size_t i = 0; i < results[0].size(); ++i) {
      difference = std::max(difference, std::abs(double(results[0][i]) - double(results[1][i])));
      size = std::max(size, std::abs(double(results[0][i])));
    }
    CHECK(difference < 1e-4 * size);
  }
}
