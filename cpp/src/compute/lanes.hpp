// Lanes: a mini-batch cut, so that threads and machines share all of its work.
//
// The rows are cut into lanes by shapes alone (the layers' sizes and the number of rows) or by an
// option. Each lane goes forward and back on its own, in the workspace of whoever took it, and
// leaves a gradient of its own. The lanes' gradients are added along a fixed tree. So the bits
// depend neither on the number of threads or ranks nor on who took which lane, and threads meet
// twice a mini-batch, not after each product.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "compute/backprop.hpp"
#include "compute/workspace.hpp"
#include "nncore/collective.hpp"
#include "nncore/network.hpp"

namespace nncore {

// A mini-batch that is yet to be made; see make_batch.
template <class T>
struct MiniBatchRows {
  const Samples<T>& samples;
  std::span<const std::int64_t> order;
  std::size_t first = 0, rows = 0;
  const Dropout* dropout = nullptr;
  const Distorter<T>* distorter = nullptr;
};

// How lanes are chosen: without a number of them by shapes, for one rank.
struct LaneChoice {
  std::size_t lanes = 0;  // of each mini-batch that has as many rows
  std::size_t rank = 0, ranks = 1;
};

// Calls add(i, j) to add lane j to lane i, along a tree whose root is lane 0.
template <class F>
void along_tree(std::size_t lanes, F add) {
  for (std::size_t apart = 1; apart < lanes; apart *= 2) {
    for (std::size_t i = 0; i + apart < lanes; i += 2 * apart) add(i, i + apart);
  }
}

template <class T>
class Lanes {
 public:
  // Prepares for mini-batches of at most so many rows, on at most so many threads.
  void prepare(const Network<T>& network, const InputDensity& inputs, std::size_t rows, int threads,
               bool given_slopes, const LaneChoice& choice = {});

  // Whether the columns of the sparse rows to come ascend; see Workspace.
  void set_ascending(bool ascends);

  // Lanes of a mini-batch of so many rows, on all ranks together.
  std::size_t count(std::size_t rows) const;
  // Whether gradients come from lanes, if only from one.
  bool cuts(std::size_t rows) const { return choice_.lanes > 0 || count(rows) > 1; }
  // The most rows of a mini-batch that is not cut.
  std::size_t most_uncut(std::size_t rows) const;

  // Weight of the mini-batch's rows by lanes, as far as they are here. A pass of it comes next.
  double weight(const MiniBatchRows<T>& batch);
  // Forward and backward of this rank's lanes, each gradient into its lane's memory by the sink,
  // whose data are not used. Returns the cost summed over the rows, as far as they are here; see
  // batch_cost.
  double pass(const Network<T>& network, const MiniBatchRows<T>& batch, GradientSink<T> sink,
              double cost_epsilon);
  // Adds up the lanes' gradients of that mini-batch from `from` on, each number once a pass: those
  // of each node, with ranks, else all of them.
  void add_up(std::size_t from, std::size_t count);
  // The gradient of the mini-batch, as far as it was added up.
  T* gradient() { return lanes_.front().gradient.data(); }
  // Whether several threads are faster than one on mini-batches of so many rows.
  bool deserves_threads(std::size_t rows) const;
  // What a thread has to do for a number of the gradient, in multiply-adds.
  double work_of_sum() const { return double(passed_); }

  const LaneChoice& choice() const { return choice_; }
  // A node: lanes of one rank that are added up there, being a whole branch of the tree. It goes by
  // its first lane.
  std::size_t node_of(std::size_t lane) const { return node_of_[lane]; }
  std::span<const std::size_t> nodes() const { return nodes_; }
  std::size_t passed() const { return passed_; }
  std::size_t rank_of(std::size_t lane) const {
    return ((lane + 1) * choice_.ranks - 1) / choice_.lanes;
  }
  // Of a node of this rank, as far as it was added up.
  T* gradient_of(std::size_t node) { return lanes_[node - here().begin].gradient.data(); }
  double cost_of(std::size_t node) const { return lanes_[node - here().begin].cost; }
  double weight_of(std::size_t node) const { return lanes_[node - here().begin].weight; }

  // No gradient is left of what is not trained any more.
  void clear();

 private:
  struct Lane {
    Buffer<T> gradient;  // laid out as the parameters
    double cost = 0, weight = 0;
  };
  LaneRange here() const;  // the lanes of this rank in a mini-batch that has all of them
  LaneRange passed_here() const;
  void begin(std::size_t rows);
  template <class F>
  void along_nodes(F add) const;

  std::vector<Lane> lanes_;               // those of this rank
  std::vector<Workspace<T>> workspaces_;  // of lanes that are passed at the same time
  LaneChoice choice_;
  std::vector<std::size_t> node_of_, nodes_;  // of the last pass
  std::size_t most_ = 1;                      // lanes of any mini-batch
  std::size_t passed_ = 0;                    // lanes of the last pass
  double work_per_row_ = 0;                   // multiply-adds
  int threads_ = 1;
  bool one_by_one_ = false;  // each lane on all threads, else each on one
};

}  // namespace nncore
