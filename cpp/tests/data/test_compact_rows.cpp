// Dense inputs without their zeros: what is kept, when, and that training differs by rounding only.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "nncore/nncore.hpp"

using namespace nncore;

namespace test_compact_rows {
namespace {

// One element in `every` is not zero. Non-zeros have `kinds` different values. Rows are padded.
struct Dense {
  static constexpr std::size_t rows = 67, cols = 33, stride = 40;
  std::vector<float> x = std::vector<float>(rows * stride, 7.0f);
  explicit Dense(std::size_t every, std::size_t kinds = 13) {
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t j = 0; j < cols; ++j) {
        const std::size_t number = i * cols + j;
        x[i * stride + j] =
            number % every ? 0.0f : 0.01f * static_cast<float>(number % kinds) - 0.045f;
      }
    }
  }
  MatrixView<const float> view() const { return {x.data(), rows, cols, stride}; }
};

}  // namespace

TEST_CASE("non-zeros keep their columns and their order") {
  const Dense dense(5, 1301);  // more different values than codes
  const auto compact = CompactRows<float>::of(dense.view());
  REQUIRE(compact);
  REQUIRE(compact->view().is_sparse());
  const SparseView<float> sparse = compact->view().sparse;
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

TEST_CASE("few different values are stored as codes") {
  const Dense dense(5, 200);
  const auto compact = CompactRows<float>::of(dense.view());
  REQUIRE(compact);
  REQUIRE(compact->view().is_coded());
  const DictionaryRows<float> coded = compact->view().coded;
  REQUIRE(coded.rows == Dense::rows);
  REQUIRE(coded.cols == Dense::cols);
  std::size_t total = 0;
  for (std::size_t i = 0; i < Dense::rows; ++i) {
    const std::uint16_t* words = coded.words + coded.offsets[i];
    const std::size_t count = words[0];
    std::vector<float> row(Dense::cols);
    for (std::size_t p = 0; p < count; ++p) {
      if (p > 0) REQUIRE(words[2 + p] > words[1 + p]);
      std::uint8_t code = 0;
      std::memcpy(&code, reinterpret_cast<const char*>(words + 2 + count) + p, 1);
      row.at(words[2 + p]) = coded.values[code];
    }
    REQUIRE(std::equal(row.begin(), row.end(), dense.view().row(i)));
    total += count;
  }
  CHECK(coded.nonzeros == total);
}

// With 0 for the byte 0, for the byte 7, for none, and for all up to 14.
TEST_CASE("bytes are coded as the numbers that they stand for") {
  constexpr std::size_t rows = 67, cols = 33, stride = 40;
  struct Case {
    int zeros_from;
    double scale, offset;
    bool coded;
  };
  for (const Case c : {Case{0, 1.0 / 255, 0, true}, Case{7, 0.5, -3.5, true},
                       Case{0, 1, 0.5, false}, Case{9, 5e-47, 0, true}}) {
    CAPTURE(c.zeros_from);
    std::vector<std::uint8_t> bytes(rows * stride, 77);
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t j = 0; j < cols; ++j) {
        const std::size_t number = i * cols + j;
        bytes[i * stride + j] = static_cast<std::uint8_t>(
            number % 5 ? static_cast<std::size_t>(c.zeros_from) : number * 7 % 251);
      }
    }
    const NarrowRows narrow{bytes.data(), NarrowType::uint8, rows, cols, stride, c.scale, c.offset};
    const auto compact = CompactRows<float>::of_inputs(Inputs<float>(narrow));
    REQUIRE(compact.has_value() == c.coded);
    if (!compact) continue;
    REQUIRE(compact->view().is_coded());
    const DictionaryRows<float> coded = compact->view().coded;
    std::size_t total = 0;
    for (std::size_t i = 0; i < rows; ++i) {
      const std::uint16_t* words = coded.words + coded.offsets[i];
      const std::size_t count = words[0];
      REQUIRE(words[1] <= count);
      std::vector<float> row(cols), expected(cols);
      for (std::size_t p = 0; p < count; ++p) {
        if (p > 0) REQUIRE(words[2 + p] > words[1 + p]);
        std::uint8_t code = 0;
        std::memcpy(&code, reinterpret_cast<const char*>(words + 2 + count) + p, 1);
        REQUIRE(coded.values[code] != 0);
        row.at(words[2 + p]) = coded.values[code];
      }
      for (std::size_t j = 0; j < cols; ++j) {
        expected[j] = static_cast<float>(bytes[i * stride + j] * c.scale + c.offset);
      }
      REQUIRE(row == expected);
      total += count;
    }
    CHECK(coded.nonzeros == total);
  }
}

TEST_CASE("a view stays valid when its rows are moved") {
  for (const std::size_t kinds : {std::size_t{200}, std::size_t{1301}}) {
    const Dense dense(5, kinds);
    Inputs<float> x = dense.view();
    std::optional<CompactRows<float>> rows = compact(x);
    REQUIRE(rows);
    REQUIRE((kinds == 200 ? x.is_coded() : x.is_sparse()));
    const float* values = x.is_coded() ? x.coded.values : x.sparse.values;
    const float first = values[0];
    const CompactRows<float> moved = *std::move(rows);
    rows.reset();
    CHECK(values[0] == first);
    CHECK((x.is_coded() ? moved.view().coded.values : moved.view().sparse.values) == values);
    CHECK_FALSE(compact(x));  // already
  }
}

TEST_CASE("coded rows train to the same bits as sparse ones") {
  const Dense dense(5);
  const auto compact = CompactRows<float>::of(dense.view());
  REQUIRE(compact);
  std::vector<float> values;
  std::vector<std::int32_t> columns;
  std::vector<std::int64_t> offsets = {0}, y, order;
  for (std::size_t i = 0; i < Dense::rows; ++i) {
    for (std::size_t j = 0; j < Dense::cols; ++j) {
      if (dense.view().row(i)[j] == 0) continue;
      values.push_back(dense.view().row(i)[j]);
      columns.push_back(static_cast<std::int32_t>(j));
    }
    offsets.push_back(static_cast<std::int64_t>(values.size()));
    y.push_back(static_cast<std::int64_t>(i % 3));
    order.push_back(static_cast<std::int64_t>(i * 5 % Dense::rows));
  }
  const SparseView<float> sparse{values.data(), columns.data(), offsets.data(), Dense::rows,
                                 Dense::cols};
  for (const std::size_t batch_size :
       {std::size_t{3}, std::size_t{37}}) {  // by rows and by columns
    for (const double rate : {0.0, 0.25}) {
      std::vector<std::vector<float>> results;
      for (const Inputs<float>& x : {compact->view(), Inputs<float>(sparse)}) {
        Network<float> network({.sizes = {Dense::cols, 70, 3},
                                .activations = {Activation::tanh, Activation::softmax},
                                .cost = Cost::log_likelihood},
                               1);
        network.initialize(std::vector(2, Initializer::glorot_uniform));
        TrainOptions options{.batch_size = batch_size};
        if (rate > 0) options.dropout = {rate, 0.5};
        Trainer<float> trainer(network, options);
        const Samples<float> samples{x, std::span<const std::int64_t>(y), {}};
        trainer.epoch({network, samples}, {.learning_rate = 0.1, .order = order});
        results.emplace_back(network.parameters().begin(), network.parameters().end());
      }
      CHECK(results[0] == results[1]);
    }
  }
}

TEST_CASE("inputs that are not mostly zero stay dense") {
  CHECK_FALSE(CompactRows<float>::of(Dense(1).view()));
  CHECK_FALSE(CompactRows<float>::of(Dense(3).view()));
  CHECK_FALSE(CompactRows<float>::of({}));
  const Dense full(1);
  Inputs<float> x = full.view();
  CHECK_FALSE(compact(x));
  CHECK(x.dense.data == full.x.data());
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
      const Dataset<float> data(network, samples, /*compacted=*/false);
      for (int epoch = 0; epoch < 3; ++epoch) trainer.epoch(data, {.learning_rate = 0.01});
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

}  // namespace test_compact_rows
