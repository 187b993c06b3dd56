// Prediction and training do not allocate. Allocations are counted by replacing operator new.
#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <limits>
#include <new>
#include <thread>
#include <type_traits>
#include <vector>

#include "nncore/nncore.hpp"

namespace {

std::atomic<std::size_t> allocations{0}, allocated_bytes{0};

void* counted(std::size_t size, std::size_t alignment) {
  ++allocations;
  const std::size_t whole = (size + alignment - 1) / alignment * alignment;
  allocated_bytes += whole;
  if (void* p = std::aligned_alloc(alignment, whole ? whole : alignment)) return p;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) { return counted(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return counted(size, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  try {
    return operator new(size);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
// If GCC inlines one of these without its operator new, it warns of a mismatch.
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t, std::align_val_t) noexcept {
  std::free(p);
}

using namespace nncore;

namespace test_predictor {
namespace {

template <class T>
struct Problem {
  static constexpr std::size_t rows = 40, inputs = 33;
  Network<T> network;
  std::vector<T> x = std::vector<T>(rows * inputs);
  std::vector<std::int64_t> y = std::vector<std::int64_t>(rows);

  explicit Problem(std::size_t every = 1)
      : network({.sizes = {inputs, 20, 5},
                 .activations = {Activation::gelu, Activation::softmax},
                 .cost = Cost::log_likelihood},
                3) {
    network.initialize(std::vector(2, Initializer::he_normal));
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = i % every ? T(0) : T(i % 17) / T(17) - T(0.4);
    for (std::size_t i = 0; i < rows; ++i) y[i] = static_cast<std::int64_t>(i % 5);
  }
  MatrixView<const T> view() const { return {x.data(), rows, inputs, inputs}; }
};

// The bytes that f allocates in a new thread, which may use so many threads.
template <class F>
std::size_t bytes_with(int threads, F f) {
  const int usual = num_threads();
  set_num_threads(threads);
  std::size_t bytes = 0;
  std::thread([&] {
    const std::size_t before = allocated_bytes;
    f();
    bytes = allocated_bytes - before;
  }).join();
  set_num_threads(usual);
  return bytes;
}

// The number of allocations while f runs for the second time.
template <class F>
std::size_t allocations_of(F f) {
  f();
  const std::size_t before = allocations;
  f();
  return allocations - before;
}

}  // namespace

TEST_CASE_TEMPLATE("a predictor gives the same bits as its network without allocating", T, float,
                   double) {
  for (const std::size_t every : {std::size_t{1}, std::size_t{7}}) {
    const Problem<T> problem(every);
    const std::size_t n = Problem<T>::rows;
    std::vector<T> expected(n * 5), found(n * 5);
    std::vector<std::int64_t> classes(n), labels(n);
    problem.network.feedforward(problem.view(), {expected.data(), n, 5, 5});
    problem.network.predict(problem.view(), classes);
    Predictor<T> predictor(problem.network, n);
    const std::size_t before = allocations;
    predictor.feedforward(problem.view(), {found.data(), n, 5, 5});
    predictor.predict(problem.view(), labels);
    CHECK(allocations == before);
    CHECK(found == expected);
    CHECK(labels == classes);
  }
}

TEST_CASE("a predictor refuses more rows than it has room for") {
  const Problem<float> problem;
  Predictor<float> predictor(problem.network, 39);
  std::vector<float> out(40 * 5);
  CHECK_THROWS_WITH_AS(predictor.feedforward(problem.view(), {out.data(), 40, 5, 5}),
                       "x has 40 rows; this predictor has room for 39", InvalidArgument);
  const std::vector<float> narrow(32);
  CHECK_THROWS_AS(predictor.feedforward(MatrixView<const float>{narrow.data(), 1, 32, 32},
                                        {out.data(), 1, 5, 5}),
                  InvalidArgument);
}

// A predictor keeps a reference to its network, so it cannot be made from a temporary.
static_assert(std::is_constructible_v<Predictor<float>, const Network<float>&>);
static_assert(!std::is_constructible_v<Predictor<float>, Network<float>>);
static_assert(!std::is_constructible_v<Predictor<double>, const Network<double>, std::size_t>);
static_assert(!std::is_constructible_v<Trainer<float>, Network<float>, TrainOptions>);
static_assert(!std::is_constructible_v<Network<float>::ReadAccess, Network<float>>);
static_assert(!std::is_constructible_v<Network<float>::TrainAccess, Network<float>>);

TEST_CASE("a number of rows that overflows is refused") {
  const Problem<float> problem;
  constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
  for (const std::size_t rows : {most, most / 4, most / 64 + 1}) {
    CHECK_THROWS_AS(Predictor<float>(problem.network, rows), std::bad_alloc);
  }
}

TEST_CASE("after a warm-up, neither predictions nor training steps allocate") {
  Problem<float> problem(5);
  const std::size_t n = Problem<float>::rows;
  std::vector<float> out(n * 5);
  const auto compact = CompactRows<float>::of(problem.view());
  REQUIRE(compact);
  CHECK(allocations_of(
            [&] { problem.network.feedforward(problem.view(), {out.data(), n, 5, 5}); }) == 0);
  std::vector<std::int64_t> order(n);
  permutation(order, 1, 0);
  for (const Inputs<float>& x : {Inputs<float>(problem.view()), compact->view()}) {
    for (const Optimizer optimizer : {Optimizer::sgd, Optimizer::adam}) {
      Trainer<float> trainer(
          problem.network,
          {.batch_size = 8, .optimizer = optimizer, .l2 = 0.1, .dropout = {0.1, 0.5}});
      const Samples<float> samples{x, std::span<const std::int64_t>(problem.y), {}};
      const Dataset<float> data(problem.network, samples, /*compacted=*/false);
      const auto epoch = [&](EpochOptions options) {
        options.learning_rate = 0.01, options.threads = 1;
        return allocations_of([&] {
          problem.network.set_epoch(0);  // the same mini-batches again
          trainer.epoch(data, options);
        });
      };
      CHECK(epoch({}) == 0);
      CHECK(epoch({.shuffle = false}) == 0);
      CHECK(epoch({.order = order}) == 0);
      CHECK(allocations_of([&] { trainer.step(samples, {.learning_rate = 0.01, .threads = 1}); }) ==
            0);
    }
  }
}

TEST_CASE("the memory of a prediction on one thread does not grow with the number of threads") {
  const Problem<float> problem;
  const std::size_t n = Problem<float>::rows;
  std::vector<float> out(n * 5);
  const std::vector<std::int64_t> y(n, 1);
  const Samples<float> samples{problem.view(), std::span<const std::int64_t>(y), {}};
  // The calling thread predicts few rows alone.
  const auto predict = [&] {
    problem.network.feedforward(problem.view(), {out.data(), n, 5, 5});
    problem.network.evaluate(samples);
  };
  const auto make_predictor = [&] { const Predictor<float> predictor(problem.network, n); };
  const std::size_t predicting = bytes_with(1, predict), making = bytes_with(1, make_predictor);
  CHECK(predicting > 0);
  CHECK(bytes_with(64, predict) == predicting);
  CHECK(making > 0);
  CHECK(bytes_with(64, make_predictor) == making);
}

}  // namespace test_predictor
