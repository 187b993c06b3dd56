#include "compute/lanes.hpp"

#include <algorithm>

#include "threads/parallel.hpp"

namespace nncore {
namespace {

// Rows of a lane, at least. With half as many, one thread loses 2 to 6 % to the lanes' gradients.
// Lanes begin at multiples of lane_step rows, which tiles like.
constexpr std::size_t lane_rows = 128, lane_step = 4;
constexpr std::size_t most_lanes = 8;
// Bytes of parameters whose gradients stay in L2, one for each lane.
constexpr std::size_t most_bytes = std::size_t{64} << 10;

// The first row of lane i.
std::size_t lane_begin(std::size_t rows, std::size_t lanes, std::size_t i) {
  const std::size_t steps = (rows + lane_step - 1) / lane_step;
  return std::min(rows, steps * i / lanes * lane_step);
}

// Calls add(i, j) to add lane j to lane i, along a tree whose root is lane 0.
template <class F>
void along_tree(std::size_t lanes, F add) {
  for (std::size_t apart = 1; apart < lanes; apart *= 2) {
    for (std::size_t i = 0; i + apart < lanes; i += 2 * apart) add(i, i + apart);
  }
}

}  // namespace

template <class T>
void Lanes<T>::prepare(const Network<T>& network, const InputDensity& inputs, std::size_t rows,
                       int threads, bool given_slopes) {
  // A cost of the program's own is called once for the whole mini-batch, on the calling thread.
  const bool cut = !inputs.sparse && network.architecture().cost != Cost::custom &&
                   network.parameters().size() * sizeof(T) <= most_bytes;
  most_ = cut ? most_lanes : 1;
  threads_ = threads;
  work_per_row_ = 0;
  for (const Layer& layer : network.layers()) {
    work_per_row_ += 3 * double(layer.in) * double(layer.stride);
  }
  if (!deserves_threads(rows)) threads_ = 1;
  const std::size_t lanes = count(rows);
  if (lanes == 1) return;
  if (lanes_.size() < lanes) lanes_.resize(lanes);
  // A smaller mini-batch may have fewer lanes, and more rows in each.
  const std::size_t most_rows = std::max(2 * lane_rows, rows / lanes + lane_step);
  for (std::size_t i = 0; i < lanes; ++i) {
    nncore::prepare(lanes_[i].ws, network, inputs, most_rows, Purpose::train, 1);
    lanes_[i].ws.given_slopes = given_slopes;
    lanes_[i].gradient.reserve(network.parameters().size());
  }
}

template <class T>
std::size_t Lanes<T>::count(std::size_t rows) const {
  return std::clamp<std::size_t>(rows / lane_rows, 1, most_);
}

template <class T>
std::size_t Lanes<T>::most_uncut(std::size_t rows) const {
  return count(rows) == 1 ? rows : 2 * lane_rows - 1;
}

template <class T>
bool Lanes<T>::deserves_threads(std::size_t rows) const {
  constexpr double two_meetings = 2e5;  // multiply-adds that a core does meanwhile
  return work_per_row_ * double(rows) >= 4 * two_meetings;
}

template <class T>
double Lanes<T>::pass(const Network<T>& network, const MiniBatchRows<T>& batch,
                      GradientSink<T> sink, double cost_epsilon) {
  passed_ = count(batch.rows);
  sink.overwrite = true;
  const auto pass_lane = [&](std::size_t i) {
    Lane& lane = lanes_[i];
    const std::size_t begin = lane_begin(batch.rows, passed_, i);
    const std::size_t rows = lane_begin(batch.rows, passed_, i + 1) - begin;
    Dropout drawn;
    if (batch.dropout) {
      drawn = *batch.dropout;
      drawn.first_row = begin;
    }
    const Dropout* dropout = batch.dropout ? &drawn : nullptr;
    const Batch<T> part =
        make_batch(lane.ws, network, batch.samples, batch.order, batch.first + begin, rows,
                   Purpose::train, dropout, batch.rows);
    GradientSink<T> to = sink;
    to.data = lane.gradient.data();
    forward(lane.ws, network, part, Purpose::train, dropout);
    lane.cost = batch_cost(lane.ws, network, part, cost_epsilon);
    backward(lane.ws, network, part, to, dropout);
  };
  for_each_task(passed_, threads_for(work_per_row_ * double(batch.rows), threads_), pass_lane);
  along_tree(passed_, [&](std::size_t i, std::size_t j) { lanes_[i].cost += lanes_[j].cost; });
  return lanes_.front().cost;
}

template <class T>
void Lanes<T>::add_up(std::size_t from, std::size_t count) {
  along_tree(passed_, [&](std::size_t i, std::size_t j) {
    kernels<T>().add(lanes_[i].gradient.data() + from, lanes_[j].gradient.data() + from, count);
  });
}

template <class T>
void Lanes<T>::clear() {
  for (Lane& lane : lanes_) std::fill_n(lane.gradient.data(), lane.gradient.size(), T(0));
}

template class Lanes<float>;
template class Lanes<double>;

}  // namespace nncore
