#include "compute/lane_exchange.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "data/check.hpp"
#include "kernels/kernels.hpp"

namespace nncore {
namespace {

// Calls use(node, place) for each node of all ranks, the places being counted from 0 on each rank.
template <class T, class F>
void for_each_node(const Lanes<T>& lanes, F use) {
  std::size_t rank = 0, place = 0;
  for (const std::size_t node : lanes.nodes()) {
    if (lanes.rank_of(node) != rank) place = 0;
    rank = lanes.rank_of(node);
    use(node, rank, place++);
  }
}

}  // namespace

template <class T>
void LaneExchange<T>::check(const Collective& collective, std::size_t lanes) {
  if (collective.ranks == 0 || collective.rank >= collective.ranks) {
    throw InvalidArgument(concat("the rank is ", collective.rank, " of ", collective.ranks,
                                 "; expected one below the number of ranks"));
  }
  if (!collective.all_to_all || !collective.all_gather) {
    throw InvalidArgument("the collective lacks all_to_all or all_gather; expected both");
  }
  if (lanes == 0) {
    throw InvalidArgument(
        "the number of lanes is 0, so the mini-batches are cut by shapes alone; expected 1 or "
        "more, which ranks share");
  }
}

template <class T>
void LaneExchange<T>::check_equal(const Collective& collective,
                                  std::span<const std::uint64_t> numbers,
                                  std::span<const std::string_view> what) {
  std::vector<std::uint64_t> all(collective.ranks * numbers.size());
  collective.all_gather(numbers.data(), all.data(), numbers.size_bytes());
  for (std::size_t rank = 1; rank < collective.ranks; ++rank) {
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      if (all[rank * numbers.size() + i] == all[i]) continue;
      throw InvalidArgument(concat("rank ", rank, " does not train what rank 0 trains: ", what[i],
                                   " differ; expected the same on all ranks"));
    }
  }
}

// Adds node j to node i, along what the ranks have left of the tree.
template <class T>
template <class F>
void LaneExchange<T>::along_ranks(const Lanes<T>& lanes, F add) {
  along_tree(lanes.passed(), [&](std::size_t i, std::size_t j) {
    if (lanes.node_of(i) != lanes.node_of(j)) add(i, j);
  });
}

template <class T>
double LaneExchange<T>::weight(const Collective& collective, Lanes<T>& lanes) {
  const std::size_t nodes = layout(lanes, 0).nodes, ranks = collective.ranks;
  std::vector<double> mine(nodes), all(nodes * ranks);
  node_sums_.resize(lanes.passed());
  for_each_node(lanes, [&](std::size_t node, std::size_t rank, std::size_t place) {
    if (rank == collective.rank) mine[place] = lanes.weight_of(node);
  });
  collective.all_gather(mine.data(), all.data(), nodes * sizeof(double));
  for_each_node(lanes, [&](std::size_t node, std::size_t rank, std::size_t place) {
    node_sums_[node] = all[rank * nodes + place];
  });
  along_ranks(lanes, [&](std::size_t i, std::size_t j) { node_sums_[i] += node_sums_[j]; });
  return node_sums_.front();
}

template <class T>
typename LaneExchange<T>::Layout LaneExchange<T>::layout(const Lanes<T>& lanes,
                                                         std::size_t size) const {
  constexpr std::size_t line = cache_line / sizeof(T);
  const std::size_t ranks = lanes.choice().ranks;
  Layout made;
  for_each_node(lanes, [&](std::size_t, std::size_t, std::size_t place) {
    made.nodes = std::max(made.nodes, place + 1);
  });
  made.slice = ((size + ranks - 1) / ranks + line - 1) / line * line;
  const std::size_t numbers = (2 + made.nodes) * sizeof(double);
  made.head = (numbers + cache_line - 1) / cache_line * cache_line;
  made.bytes = made.head + made.nodes * made.slice * sizeof(T);
  return made;
}

template <class T>
double LaneExchange<T>::exchange(const Collective& collective, Lanes<T>& lanes, std::size_t size,
                                 RankNotice& notice) {
  const std::size_t ranks = collective.ranks;
  layout_ = layout(lanes, size);
  const Layout& l = layout_;
  std::byte* const send = sent_.reserve(ranks * l.bytes);
  std::byte* const receive = received_.reserve(ranks * l.bytes);
  for (std::size_t to = 0; to < ranks; ++to) {
    std::byte* const block = send + to * l.bytes;
    auto* const numbers = reinterpret_cast<double*>(block);
    numbers[0] = notice.learning_rate;
    numbers[1] = notice.stops;
    const std::size_t from = std::min(to * l.slice, size);
    const std::size_t count = std::min(l.slice, size - from);
    lanes.add_up(from, count);
    for_each_node(lanes, [&](std::size_t node, std::size_t rank, std::size_t place) {
      if (rank != collective.rank) return;
      numbers[2 + place] = lanes.cost_of(node);
      std::memcpy(block + l.head + place * l.slice * sizeof(T), lanes.gradient_of(node) + from,
                  count * sizeof(T));
    });
  }
  collective.all_to_all(send, receive, l.bytes);

  node_sums_.resize(lanes.passed());
  slices_.resize(lanes.passed());
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    const auto* const numbers = reinterpret_cast<const double*>(receive + rank * l.bytes);
    if (rank == 0) notice.learning_rate = numbers[0];
    notice.stops = notice.stops || numbers[1] != 0;
  }
  for_each_node(lanes, [&](std::size_t node, std::size_t rank, std::size_t place) {
    std::byte* const block = receive + rank * l.bytes;
    node_sums_[node] = reinterpret_cast<const double*>(block)[2 + place];
    slices_[node] = reinterpret_cast<T*>(block + l.head) + place * l.slice;
  });
  along_ranks(lanes, [&](std::size_t i, std::size_t j) { node_sums_[i] += node_sums_[j]; });
  return node_sums_.front();
}

template <class T>
T* LaneExchange<T>::gather(const Collective& collective, const Lanes<T>& lanes) {
  along_ranks(lanes, [&](std::size_t i, std::size_t j) {
    kernels<T>().add(slices_[i], slices_[j], layout_.slice);
  });
  T* const gradient = gradient_.reserve(layout_.slice * collective.ranks);
  collective.all_gather(slices_.front(), gradient, layout_.slice * sizeof(T));
  return gradient;
}

template class LaneExchange<float>;
template class LaneExchange<double>;

}  // namespace nncore
