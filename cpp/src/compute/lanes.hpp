// Lanes: a mini-batch of many rows for few parameters, cut so that threads share all of its work.
//
// The rows are cut into lanes by shapes alone: the layers' sizes and the number of rows. Each lane
// goes forward and back on its own, in a workspace of its own, and leaves a gradient of its own.
// The lanes' gradients are added along a fixed tree. So the bits depend neither on the number of
// threads nor on who took which lane, and threads meet twice a mini-batch, not after each product.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "compute/backprop.hpp"
#include "compute/workspace.hpp"
#include "nncore/network.hpp"

namespace nncore {

// A mini-batch that is yet to be made; see make_batch.
template <class T>
struct MiniBatchRows {
  const Samples<T>& samples;
  std::span<const std::int64_t> order;
  std::size_t first = 0, rows = 0;
  const Dropout* dropout = nullptr;
};

template <class T>
class Lanes {
 public:
  // Prepares for mini-batches of at most so many rows, on at most so many threads.
  void prepare(const Network<T>& network, const InputDensity& inputs, std::size_t rows, int threads,
               bool given_slopes);

  // Lanes of a mini-batch of so many rows; 1 if it is not cut.
  std::size_t count(std::size_t rows) const;
  // The most rows of a mini-batch that is not cut.
  std::size_t most_uncut(std::size_t rows) const;

  // Forward and backward, each lane's gradient into its own memory by the sink, whose data are not
  // used. Returns the cost summed over the rows; see batch_cost.
  double pass(const Network<T>& network, const MiniBatchRows<T>& batch, GradientSink<T> sink,
              double cost_epsilon);
  // Adds up the lanes' gradients of that mini-batch from `from` on, each number once a pass.
  void add_up(std::size_t from, std::size_t count);
  // The gradient of the mini-batch, as far as it was added up.
  T* gradient() { return lanes_.front().gradient.data(); }
  // Whether several threads are faster than one on mini-batches of so many rows.
  bool deserves_threads(std::size_t rows) const;
  // What a thread has to do for a number of the gradient, in multiply-adds.
  double work_of_sum() const { return double(passed_); }

  // No gradient is left of what is not trained any more.
  void clear();

 private:
  struct Lane {
    Workspace<T> ws;
    Buffer<T> gradient;  // laid out as the parameters
    double cost = 0;
  };
  std::vector<Lane> lanes_;
  std::size_t most_ = 1;     // lanes of any mini-batch
  std::size_t passed_ = 0;   // lanes of the last pass
  double work_per_row_ = 0;  // multiply-adds
  int threads_ = 1;
};

}  // namespace nncore
