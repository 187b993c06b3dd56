// Predicts one row at a fixed rate, as a control loop does, and prints how long that took.
//
//   find_package(nncore CONFIG REQUIRED)
//   add_executable(realtime realtime.cpp)
//   target_link_libraries(realtime PRIVATE nncore::nncore)
//
// usage: realtime [TICKS] [MODEL]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <thread>
#include <vector>

#include "nncore/nncore.hpp"

namespace {

using Clock = std::chrono::steady_clock;
constexpr auto period = std::chrono::microseconds(500);

nncore::Network<float> sensor_network() {
  using namespace nncore;
  Network<float> network(
      {.sizes = {784, 30, 10}, .activations = {Activation::relu, Activation::linear}}, 1);
  network.initialize(std::vector{Initializer::he_normal, Initializer::glorot_uniform});
  return network;
}

int run(const nncore::Network<float>& network, int ticks) {
  std::vector<float> row(network.inputs()), outputs(network.outputs());
  std::vector<double> microseconds;
  microseconds.reserve(static_cast<std::size_t>(ticks));
  const nncore::Inputs<float> x(row, row.size());
  const nncore::MatrixView<float> a = nncore::as_rows(std::span(outputs), outputs.size());
  nncore::Predictor<float> predictor(network);  // on this thread, without taking memory

  Clock::time_point next = Clock::now();
  for (int tick = 0; tick < ticks; ++tick) {
    std::this_thread::sleep_until(next += period);
    row[static_cast<std::size_t>(tick) % row.size()] += 0.5f;  // here a sensor would be read
    const Clock::time_point start = Clock::now();
    predictor.feedforward(x, a);
    microseconds.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
  }

  std::sort(microseconds.begin(), microseconds.end());
  for (const double percent : {50.0, 99.0, 99.9, 100.0}) {
    const auto i = static_cast<std::size_t>(percent / 100 * (ticks - 1));
    std::printf("%5.1f %% within %6.2f us\n", percent, microseconds[i]);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const int ticks = argc > 1 ? std::atoi(argv[1]) : 2000;
  if (ticks < 1) return std::printf("usage: realtime [TICKS] [MODEL]\n"), 2;
  try {
    if (argc < 3) return run(sensor_network(), ticks);
    return run(*nncore::load_model<float>(argv[2]), ticks);
  } catch (const std::exception& error) {
    std::printf("%s\n", error.what());
    return 1;
  }
}
