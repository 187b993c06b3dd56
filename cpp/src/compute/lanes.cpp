#include "compute/lanes.hpp"

#include <algorithm>

#include "threads/parallel.hpp"

namespace nncore {
namespace {

// Rows of a lane, at least. With half as many, one thread loses 2 to 6 % to the lanes' gradients.
// Lanes begin at multiples of lane_step rows, which suits the tiles.
constexpr std::size_t lane_rows = 128, lane_step = 4;
constexpr std::size_t most_lanes = 8;
// Bytes of parameters whose gradients stay in L2, one for each lane.
constexpr std::size_t most_bytes = std::size_t{64} << 10;

// The first row of lane i. Lanes that are chosen may be short: those begin anywhere.
std::size_t lane_begin(std::size_t rows, std::size_t lanes, std::size_t i) {
  const std::size_t step = rows / lanes >= 4 * lane_step ? lane_step : 1;
  const std::size_t steps = (rows + step - 1) / step;
  return std::min(rows, steps * i / lanes * step);
}

}  // namespace

LaneRange rows_of_lane(std::size_t rows, std::size_t lanes, std::size_t i) noexcept {
  lanes = std::min(lanes, rows);
  if (i >= lanes) return {rows, rows};
  return {lane_begin(rows, lanes, i), lane_begin(rows, lanes, i + 1)};
}

template <class T>
void Lanes<T>::prepare(const Network<T>& network, const InputDensity& inputs, std::size_t rows,
                       int threads, bool given_slopes, const LaneChoice& choice) {
  // A cost of the program's own is called on the calling thread: once for the whole mini-batch, or
  // for a lane that was chosen.
  const bool own_cost = network.architecture().cost == Cost::custom;
  const bool cut =
      !inputs.sparse && !own_cost && network.parameters().size() * sizeof(T) <= most_bytes;
  choice_ = choice;
  most_ = choice.lanes > 0 ? choice.lanes : cut ? most_lanes : 1;
  passed_ = 0;
  threads_ = threads;
  work_per_row_ = 0;
  double in = inputs.rows > 0 ? inputs.stored / inputs.rows : 0;  // of the first layer
  for (const Layer& layer : network.layers()) {
    if (!inputs.sparse || layer.weights_offset > 0) in = double(layer.in);
    work_per_row_ += 3 * in * double(layer.stride);
  }
  one_by_one_ = false;
  if (!cuts(rows)) return;
  const std::size_t lanes = count(rows);
  const LaneRange mine = here();
  one_by_one_ = choice.lanes > 0 && (own_cost || mine.end - mine.begin < std::size_t(threads));
  if (!one_by_one_ && !deserves_threads(rows)) threads_ = 1;
  const std::size_t most_here = std::min(lanes, mine.end - mine.begin);
  if (lanes_.size() < most_here) lanes_.resize(most_here);
  // A smaller mini-batch may have fewer lanes, and more rows in each.
  const std::size_t most_rows = choice.lanes > 0
                                    ? rows / lanes + lane_step
                                    : std::max(2 * lane_rows, rows / lanes + lane_step);
  for (std::size_t i = 0; i < most_here; ++i) {
    lanes_[i].gradient.reserve(network.parameters().size());
  }
  workspaces_.resize(std::min(most_here, one_by_one_ ? 1 : std::size_t(threads_)));
  for (Workspace<T>& ws : workspaces_) {
    nncore::prepare(ws, network, inputs, most_rows, Purpose::train, one_by_one_ ? threads : 1);
    ws.given_slopes = given_slopes;
  }
  if (one_by_one_ && !deserves_threads(rows)) {
    for (Workspace<T>& ws : workspaces_) ws.threads = 1;
  }
}

template <class T>
std::size_t Lanes<T>::count(std::size_t rows) const {
  if (choice_.lanes > 0) return std::min(rows, choice_.lanes);
  return std::clamp<std::size_t>(rows / lane_rows, 1, most_);
}

template <class T>
std::size_t Lanes<T>::most_uncut(std::size_t rows) const {
  if (choice_.lanes > 0) return 1;
  return count(rows) == 1 ? rows : 2 * lane_rows - 1;
}

template <class T>
bool Lanes<T>::deserves_threads(std::size_t rows) const {
  constexpr double two_meetings = 2e5;  // multiply-adds that a core does meanwhile
  if (one_by_one_) {
    return !workspaces_.empty() && workspaces_.front().plan.deserves_threads(rows / count(rows));
  }
  return work_per_row_ * double(rows) >= 4 * two_meetings * double(choice_.ranks);
}

template <class T>
void Lanes<T>::set_ascending(bool ascends) {
  for (Workspace<T>& ws : workspaces_) ws.ascends = ascends && ws.threads > 1;
}

template <class T>
LaneRange Lanes<T>::here() const {
  if (choice_.lanes == 0) return {0, most_};
  return lanes_of_rank(choice_.lanes, choice_.rank, choice_.ranks);
}

template <class T>
LaneRange Lanes<T>::passed_here() const {
  const LaneRange mine = here();
  return {std::min(mine.begin, passed_), std::min(mine.end, passed_)};
}

// The next mini-batch has so many rows. Each rank adds up its lanes in as few nodes as there can
// be.
template <class T>
void Lanes<T>::begin(std::size_t rows) {
  const std::size_t lanes = count(rows);
  if (lanes == passed_) return;
  passed_ = lanes;
  node_of_.resize(lanes);
  nodes_.clear();
  for (std::size_t rank = 0; rank < choice_.ranks; ++rank) {
    LaneRange left{0, lanes};
    if (choice_.ranks > 1) left = lanes_of_rank(choice_.lanes, rank, choice_.ranks);
    left.end = std::min(left.end, lanes);
    while (left.begin < left.end) {
      std::size_t size = 1;  // of the largest branch that begins here and is all this rank's
      const auto is_ours = [&](std::size_t wider) {
        return left.begin % wider == 0 && std::min(left.begin + wider, lanes) <= left.end;
      };
      while (size < lanes && is_ours(2 * size)) size *= 2;
      const std::size_t end = std::min(left.begin + size, lanes);
      nodes_.push_back(left.begin);
      for (std::size_t i = left.begin; i < end; ++i) node_of_[i] = left.begin;
      left.begin = end;
    }
  }
}

// As along_tree, within this rank's nodes. Lanes are counted from the first one here.
template <class T>
template <class F>
void Lanes<T>::along_nodes(F add) const {
  const LaneRange mine = passed_here();
  along_tree(passed_, [&](std::size_t i, std::size_t j) {
    if (i >= mine.begin && j < mine.end && node_of_[i] == node_of_[j]) {
      add(i - mine.begin, j - mine.begin);
    }
  });
}

template <class T>
double Lanes<T>::weight(const MiniBatchRows<T>& batch) {
  begin(batch.rows);
  const LaneRange mine = passed_here();
  for (std::size_t i = mine.begin; i < mine.end; ++i) {
    const std::size_t first = lane_begin(batch.rows, passed_, i);
    lanes_[i - mine.begin].weight = weight_of_rows(batch.samples, batch.order, batch.first + first,
                                                   lane_begin(batch.rows, passed_, i + 1) - first);
  }
  along_nodes([&](std::size_t i, std::size_t j) { lanes_[i].weight += lanes_[j].weight; });
  return mine.begin < mine.end ? lanes_.front().weight : 0;
}

template <class T>
double Lanes<T>::pass(const Network<T>& network, const MiniBatchRows<T>& batch,
                      GradientSink<T> sink, double cost_epsilon) {
  begin(batch.rows);
  const LaneRange mine = passed_here();
  sink.overwrite = true;
  const auto pass_lane = [&](std::size_t local, std::size_t workspace) {
    Lane& lane = lanes_[local];
    Workspace<T>& ws = workspaces_[workspace];
    const std::size_t i = mine.begin + local;
    const std::size_t first = lane_begin(batch.rows, passed_, i);
    const std::size_t rows = lane_begin(batch.rows, passed_, i + 1) - first;
    Dropout drawn;
    if (batch.dropout) {
      drawn = *batch.dropout;
      drawn.first_row = first;
    }
    const Dropout* dropout = batch.dropout ? &drawn : nullptr;
    const Batch<T> part = make_batch(ws, network, batch.samples, batch.order, batch.first + first,
                                     rows, Purpose::train, dropout, batch.rows, batch.distorter);
    GradientSink<T> to = sink;
    to.data = lane.gradient.data();
    forward(ws, network, part, Purpose::train, dropout);
    lane.cost = batch_cost(ws, network, part, cost_epsilon);
    backward(ws, network, part, to, dropout);
  };
  const std::size_t lanes = mine.end - mine.begin;
  const double work = work_per_row_ * double(batch.rows) / double(choice_.ranks);
  for_each_task(lanes, one_by_one_ ? 1 : threads_for(work, threads_), pass_lane);
  along_nodes([&](std::size_t i, std::size_t j) { lanes_[i].cost += lanes_[j].cost; });
  return lanes > 0 ? lanes_.front().cost : 0;
}

template <class T>
void Lanes<T>::add_up(std::size_t from, std::size_t count) {
  along_nodes([&](std::size_t i, std::size_t j) {
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
