// What a trainer keeps between its calls, and what it is told in one. Part of trainer.cpp.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "compute/lane_exchange.hpp"
#include "compute/lanes.hpp"
#include "compute/workspace.hpp"
#include "data/distorter.hpp"
#include "nncore/train.hpp"
#include "train/finite_bound.hpp"
#include "train/snapshot.hpp"

namespace nncore {

template <class T>
struct Trainer<T>::State {
  Workspace<T> ws;
  Lanes<T> lanes;
  LaneExchange<T> exchange;
  RankNotice notice;
  Buffer<T> gradients;  // laid out as the parameters, like each slot
  std::vector<Buffer<T>> slots;
  KnownBounds<T> bounds;
  std::atomic<bool> slots_shared{false};  // with callers, who may write there at any time
  Snapshot<T> snapshot;
  // A call of one mini-batch knows before its update, or finds out with it, whether all is finite.
  bool single = false;
  std::atomic<bool> left_finite{true};
  std::vector<std::int64_t> order;  // of the epoch's rows; empty: as they lie
  std::vector<double> trained;      // TrainOptions::rates, with 1 for each that is not 0
  Update update;

  void take_rates(const TrainOptions& options) {
    trained.clear();
    for (const double rate : options.rates) trained.push_back(rate == 0 ? 0 : 1);
    // Nothing is left of what is not trained any more.
    std::fill_n(gradients.data(), gradients.size(), T(0));
    lanes.clear();
  }

  // What the optimiser remembers, at its first step.
  void start_anew(const TrainOptions& options, std::size_t size) {
    std::vector<Buffer<T>> fresh(optimizer_slots(options.optimizer));
    for (Buffer<T>& slot : fresh) slot.reserve(size);
    slots = std::move(fresh);
    bounds = {};
    slots_shared = false;
    std::copy(options.hyperparameters.begin(), options.hyperparameters.end(),
              update.hyperparameters);
  }
};

// The options that all mini-batches of one call share.
template <class T>
struct Trainer<T>::Pass {
  double learning_rate = 0;
  double penalty_rows = 0;  // 0 for each mini-batch's own
  bool cost_with_penalty = false;
  double cost_epsilon = 0;
  bool mean_over_rows = false;
  bool given_slopes = false;  // see Workspace
  int threads = 0;
  const Collective* collective = nullptr;     // null for one rank, too
  std::uint64_t first_batch = 0;              // the number of the first one, a key of dropout
  std::span<const std::int64_t> order = {};   // of the rows; empty: as they lie
  std::size_t rows_before = 0, rows_end = 0;  // which of the epoch's rows the samples are
  const Distorter<T>* distorter = nullptr;    // of the samples' rows
  const Callback<bool()>* should_stop = nullptr;
  const Callback<void(const MiniBatchCost&)>* after_mini_batch = nullptr;
  const Callback<double(std::uint64_t)>* batch_learning_rate = nullptr;
};

}  // namespace nncore
