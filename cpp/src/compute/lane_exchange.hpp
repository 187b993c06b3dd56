// The lanes of several ranks, added along the tree that one process adds them along.
//
// Each rank has added up its own lanes in nodes, branches of the tree. The parameters are cut into
// as many slices as there are ranks. By one all-to-all every rank gets its slice of all nodes, and
// adds them along the rest of the tree; by one all-gather the sums come to all. So each number is
// added by one rank, in an order that does not depend on the number of ranks. A rank sends and
// receives about twice the gradient, however many ranks there are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "compute/lanes.hpp"
#include "nncore/collective.hpp"
#include "threads/memory.hpp"

namespace nncore {

// What ranks tell each other with every mini-batch.
struct RankNotice {
  double learning_rate = 0;  // rank 0's counts
  bool stops = false;        // whether the rank wants to stop behind this mini-batch
};

template <class T>
class LaneExchange {
 public:
  // Throws InvalidArgument unless the collective can be used for so many lanes.
  static void check(const Collective& collective, std::size_t lanes);
  // Throws InvalidArgument, on every rank, where what a rank has differs from what rank 0 has.
  // `what` says of each number what it stands for.
  void check_equal(const Collective& collective, std::span<const std::uint64_t> numbers,
                   std::span<const std::string_view> what);

  // The lanes' weights, which lanes.weight() has found here, over all ranks.
  double weight(const Collective& collective, Lanes<T>& lanes);
  // The cost of a pass over all ranks. Sends the nodes' gradients, too, each rank getting its slice
  // of them, and the notice: it is then rank 0's, or stops if any does.
  double exchange(const Collective& collective, Lanes<T>& lanes, std::size_t size,
                  RankNotice& notice);
  // Gets the sum of all gradients together, behind that.
  T* gather(const Collective& collective, const Lanes<T>& lanes);

 private:
  // A block for each rank: the notice, a cost and then a slice of the gradient for each node. The
  // number of nodes is that of the rank that has most.
  struct Layout {
    std::size_t nodes = 0, slice = 0, head = 0, bytes = 0;
  };
  Layout layout(const Lanes<T>& lanes, std::size_t size) const;
  template <class F>
  static void along_ranks(const Lanes<T>& lanes, F add);

  Layout layout_;
  Buffer<std::byte> sent_, received_;
  Buffer<T> gradient_;
  std::vector<double> node_sums_;  // by lane
  std::vector<T*> slices_;         // by lane, of each node
};

}  // namespace nncore
