// The peak rate of floating-point operations: fused multiply-adds on registers, on every thread at
// once. Prints GFLOP/s of float and of double.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#if defined(__AVX512F__)
constexpr int width = 64;
#elif defined(__AVX__)
constexpr int width = 32;
#else
constexpr int width = 16;
#endif

constexpr int chains = 12;  // more than latency times units, fewer than registers
constexpr long rounds = 8'000'000;

template <class T>
void multiply_add(std::atomic<int>& waiting, volatile T& sink) {
  typedef T Vector __attribute__((vector_size(width)));
  Vector sums[chains];
  for (int i = 0; i < chains; ++i) sums[i] = Vector{} + T(i);
  Vector factor = Vector{} + T(0.999), term = Vector{} + T(0.001);
  asm volatile("" : "+m"(factor), "+m"(term));  // unknown to the compiler
  for (--waiting; waiting > 0;) {
  }
  for (long round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (int i = 0; i < chains; ++i) sums[i] = sums[i] * factor + term;
  }
  T total = 0;
  for (const Vector& sum : sums) total += sum[0];
  sink = total;
}

template <class T>
double gflops(int n_threads) {
  double best = 0;
  for (int attempt = 0; attempt < 40; ++attempt) {
    std::atomic<int> waiting(n_threads);
    volatile T sink = 0;
    std::vector<std::thread> threads;
    const auto start = std::chrono::steady_clock::now();
    for (int t = 0; t < n_threads; ++t) {
      threads.emplace_back([&] { multiply_add<T>(waiting, sink); });
    }
    for (auto& thread : threads) thread.join();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    const double lanes = width / sizeof(T);
    best = std::max(best, 2.0 * lanes * chains * rounds * n_threads / seconds.count());
  }
  return best * 1e-9;
}

int main(int, char** arguments) {
  const int n_threads = std::atoi(arguments[1]);
  std::printf("%g %g\n", gflops<float>(n_threads), gflops<double>(n_threads));
}
