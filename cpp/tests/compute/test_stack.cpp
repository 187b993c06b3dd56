// The stack that a prediction uses, on threads whose stacks are filled with a pattern first.
#include <doctest/doctest.h>

#if defined(__unix__) && defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)

#include <pthread.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <memory>
#include <vector>

#include "nncore/nncore.hpp"

using namespace nncore;

namespace test_stack {
namespace {

// The bytes that the thread of f writes to its stack, including those of its start.
std::size_t stack_written(std::function<void()> f) {
  constexpr std::size_t size = std::size_t{1} << 20;
  constexpr unsigned char paint = 0xa5;
  const std::unique_ptr<unsigned char, decltype(&std::free)> stack(
      static_cast<unsigned char*>(std::aligned_alloc(4096, size)), &std::free);
  std::fill_n(stack.get(), size, paint);
  pthread_attr_t attributes;
  REQUIRE(pthread_attr_init(&attributes) == 0);
  REQUIRE(pthread_attr_setstack(&attributes, stack.get(), size) == 0);
  pthread_t thread{};
  const auto run = [](void* call) -> void* {
    (*static_cast<std::function<void()>*>(call))();
    return nullptr;
  };
  REQUIRE(pthread_create(&thread, &attributes, run, &f) == 0);
  REQUIRE(pthread_join(thread, nullptr) == 0);
  pthread_attr_destroy(&attributes);
  const auto* deepest = std::find_if(stack.get(), stack.get() + size,
                                     [](unsigned char byte) { return byte != paint; });
  return size - static_cast<std::size_t>(deepest - stack.get());
}

}  // namespace

TEST_CASE_TEMPLATE("a predictor takes little stack for one row", T, float, double) {
  constexpr std::size_t inputs = 784, rows = 20;
  std::vector<T> x(rows * inputs);
  for (std::size_t i = 0; i < x.size(); i += 5) x[i] = T(1);
  std::int64_t labels[rows];
  for (const std::size_t hidden : {std::size_t{30}, std::size_t{300}}) {
    const Network<T> network({.sizes = {inputs, hidden, 10},
                              .activations = {Activation::gelu, Activation::softmax},
                              .cost = Cost::log_likelihood});
    for (const std::size_t n : {std::size_t{1}, rows}) {
      const MatrixView<const T> view{x.data(), n, inputs, inputs};
      const auto compact = CompactRows<T>::of({x.data(), rows, inputs, inputs});
      REQUIRE(compact);
      DictionaryRows<T> coded = compact->view().coded;
      coded.rows = n;
      for (const Inputs<T>& sample : {Inputs<T>(view), Inputs<T>(coded)}) {
        Predictor<T> predictor(network, n);
        const auto predict = [&] { predictor.predict(sample, {labels, n}); };
        predict();  // this looks up names and chooses the kernels
        const std::size_t taken = stack_written(predict) - stack_written([] {});
        CAPTURE(hidden);
        CAPTURE(n);
        CHECK(taken <= (n == 1 ? 8000u : 48000u));
      }
    }
  }
}

}  // namespace test_stack

#endif
