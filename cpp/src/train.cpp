#include "nncore/train.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

#include "backprop.hpp"
#include "check.hpp"
#include "hyperparameters.hpp"
#include "parallel.hpp"
#include "random.hpp"

namespace nncore {
namespace {

void check_rate(double value, const char* what) {
  if (!(value >= 0) || std::isinf(value)) {
    throw InvalidArgument(text(what, " is ", value, "; expected a finite number, 0 or more"));
  }
}

template <class T>
void check_options(const Network<T>& network, const TrainOptions& options) {
  check_trainable(network);
  if (options.batch_size < 1) throw InvalidArgument("the batch size is 0; expected 1 or more");
  check_rate(options.l2, "l2");
  check_rate(options.l1, "l1");
  check_rate(options.max_norm, "max_norm");
  check_rate(options.clip_value, "clip_value");
  check_rate(options.clip_norm, "clip_norm");
  const std::size_t wanted = network.layers().size();
  if (!options.dropout.empty() && options.dropout.size() != wanted) {
    throw InvalidArgument(text("there are ", options.dropout.size(), " dropout rates; expected ",
                               wanted, ", for the inputs and each hidden layer"));
  }
  for (const double rate : options.dropout) {
    if (!(rate >= 0 && rate < 1)) {
      throw InvalidArgument(text("a dropout rate is ", rate, "; expected 0 <= rate < 1"));
    }
  }
  check_ranges(options.optimizer, options.hyperparameters);
}

}  // namespace

template <class T>
struct Trainer<T>::State {
  Workspace<T> ws;
  Buffer<T> gradients;  // laid out as the parameters, like each slot
  std::vector<Buffer<T>> slots;
  // Parameters and slots as they were when the epoch began, to go back to.
  std::vector<T> snapshot;
  Update update;

  template <class Copy>
  void each_block(Network<T>& network, Copy copy) {
    const std::size_t size = network.parameters().size();
    snapshot.resize(size * (1 + slots.size()));
    copy(network.parameters().data(), snapshot.data());
    for (std::size_t s = 0; s < slots.size(); ++s) {
      copy(slots[s].data(), snapshot.data() + (s + 1) * size);
    }
  }
  void remember(Network<T>& network) {
    each_block(network,
               [&](T* from, T* to) { std::copy_n(from, network.parameters().size(), to); });
  }
  void go_back(Network<T>& network) {
    each_block(network,
               [&](T* to, T* from) { std::copy_n(from, network.parameters().size(), to); });
  }
};

namespace {

template <class T>
void clip(std::span<T> gradients, const TrainOptions& options) {
  if (options.clip_value > 0) {
    const T bound = static_cast<T>(options.clip_value);
    for (T& g : gradients) g = std::clamp(g, -bound, bound);
  }
  if (options.clip_norm > 0) {
    double squares = 0;
    for (const T g : gradients) squares += double(g) * double(g);
    const double norm = std::sqrt(squares);
    if (norm > options.clip_norm) {
      const T factor = static_cast<T>(options.clip_norm / norm);
      for (T& g : gradients) g *= factor;
    }
  }
}

// Shrinks the incoming weights of every unit whose norm passes the bound (Srivastava et al.,
// 2014, section 5.1).
template <class T>
void bound_norms(Network<T>& network, double bound) {
  std::vector<double> factors;
  for (std::size_t l = 0; l < network.layers().size(); ++l) {
    const MatrixView<T> w = network.weights(l);  // (in, out)
    factors.assign(w.cols, 0);
    for (std::size_t k = 0; k < w.rows; ++k) {
      for (std::size_t j = 0; j < w.cols; ++j)
        factors[j] += double(w.row(k)[j]) * double(w.row(k)[j]);
    }
    for (double& f : factors) f = std::sqrt(f) > bound ? bound / std::sqrt(f) : 1;
    for (std::size_t k = 0; k < w.rows; ++k) {
      for (std::size_t j = 0; j < w.cols; ++j) w.row(k)[j] *= static_cast<T>(factors[j]);
    }
  }
}

// Owed decay is settled after mini-batches of numbers that this divides, and an epoch stops there
// only: one that goes on later then has the bits of one that was never stopped.
constexpr std::uint64_t settle_every = 16;

template <class T>
bool columns_ascend(const SparseView<T>& x) {
  bool ascend = true;
  for (std::size_t i = 0; i < x.rows && ascend; ++i) {
    const std::int32_t *from = x.columns + x.offsets[i], *to = x.columns + x.offsets[i + 1];
    for (; from + 1 < to; ++from) ascend &= from[0] <= from[1];
  }
  return ascend;
}

// Threads for a run: none stand by unless some product of a mini-batch deserves them.
template <class T>
int crew_size(const Network<T>& network, const Inputs<T>& x, std::size_t rows, int limit) {
  double most = 0;
  for (const Layer& layer : network.layers()) {
    const bool first = &layer == &network.layers().front();
    const double in = first ? double(x.stored()) / double(x.rows()) : double(layer.in);
    most = std::max(most, in * double(layer.out) * double(rows));
  }
  return most >= 2 * crew_grain ? limit : 1;
}

}  // namespace

template <class T>
Trainer<T>::Trainer(Network<T>& network, TrainOptions options)
    : network_(network), options_(std::move(options)), state_(std::make_unique<State>()) {
  options_.hyperparameters = completed(options_.optimizer, options_.hyperparameters);
  check_options(network_, options_);
  std::copy(options_.hyperparameters.begin(), options_.hyperparameters.end(),
            state_->update.hyperparameters);
  state_->slots.resize(optimizer_slots(options_.optimizer));
  for (Buffer<T>& slot : state_->slots) slot.reserve(network_.parameters().size());
}

template <class T>
Trainer<T>::~Trainer() = default;

template <class T>
Trainer<T>::Trainer(Trainer&&) noexcept = default;

template <class T>
std::vector<std::span<T>> Trainer<T>::slots() noexcept {
  std::vector<std::span<T>> spans;
  for (Buffer<T>& slot : state_->slots) spans.emplace_back(slot.data(), slot.size());
  return spans;
}

template <class T>
std::shared_ptr<T> Trainer<T>::share_slot(std::size_t i) const {
  return state_->slots.at(i).share();
}

// One mini-batch: forward, backward, step. Returns its summed cost.
template <class T>
double Trainer<T>::mini_batch(Batch<T>& batch, const EpochOptions& options,
                              const Dropout* dropout) {
  State& s = *state_;
  const double n = batch.weight_sum;
  const double penalty_rows = options.penalty_rows ? double(options.penalty_rows) : n;

  forward(s.ws, network_, batch, Purpose::train, dropout);
  double cost = summed_cost(s.ws, network_, batch);
  if (!std::isfinite(cost)) return cost;
  if (n == 0) return 0;  // every weight is zero: nothing to learn
  if (options.cost_with_penalty) {
    settle(s.ws, network_);
    cost += n * penalty_cost(network_, options_.l2 / penalty_rows, options_.l1 / penalty_rows);
  }

  T* parameters = network_.parameters().data();
  const bool clipped = options_.clip_value > 0 || options_.clip_norm > 0;
  if (options_.optimizer == Optimizer::sgd && options_.l1 == 0 && !clipped) {
    // Plain SGD is the gradient with the parameters themselves as its destination.
    backward<T>(s.ws, network_, batch,
                {.data = parameters,
                 .scale = static_cast<T>(-options.learning_rate / n),
                 .decay = 1 - options.learning_rate * options_.l2 / penalty_rows},
                dropout);
  } else {
    const std::size_t size = network_.parameters().size();
    T* gradients = s.gradients.reserve(size);
    backward<T>(s.ws, network_, batch,
                {.data = gradients, .scale = static_cast<T>(1 / n), .overwrite = true}, dropout);
    clip<T>({gradients, size}, options_);

    Update update = s.update;
    update.learning_rate = options.learning_rate;
    update.t = steps_ + 1;
    const auto step = kernels<T>().update[static_cast<std::size_t>(options_.optimizer)];
    const auto run = [&](std::size_t from, std::size_t count) {
      parallel_for(count, cache_line, threads_for(double(count) * 4, s.ws.threads),
                   [&](int, std::size_t begin, std::size_t end) {
                     const std::size_t i = from + begin;
                     step(update, parameters + i, gradients + i,
                          s.slots.size() > 0 ? s.slots[0].data() + i : nullptr,
                          s.slots.size() > 1 ? s.slots[1].data() + i : nullptr, end - begin);
                   });
    };
    for (const Layer& layer : network_.layers()) {
      update.l2 = options_.l2 / penalty_rows;
      update.l1 = options_.l1 / penalty_rows;
      run(layer.weights, layer.biases - layer.weights);
      update.l2 = update.l1 = 0;  // biases are not penalised
      run(layer.biases, layer.stride);
    }
  }
  if (options_.max_norm > 0) {
    settle(s.ws, network_);
    bound_norms(network_, options_.max_norm);
  }
  ++steps_;
  return cost;
}

template <class T>
double Trainer<T>::run(const Samples<T>& samples, std::span<const std::int64_t> order,
                       std::size_t batch_size, const EpochOptions& options, bool is_epoch) {
  batches_ = 0;
  check_rate(options.learning_rate, "the learning rate");
  if (options.threads < 0) {
    throw InvalidArgument(text("the number of threads is ", options.threads,
                               "; expected 1 or more, or 0 for the library's setting"));
  }
  check_shapes(network_, samples);
  check_order(order, samples.rows());
  const std::size_t rows = order.empty() ? samples.rows() : order.size();
  if (rows == 0) throw InvalidArgument("x has no rows; there is nothing to learn from");

  const typename Network<T>::TrainAccess access(network_);
  State& s = *state_;
  batch_size = std::min(batch_size, rows);
  const int most = max_threads();
  prepare(s.ws, network_, batch_size, Purpose::train,
          options.threads > 0 ? std::min(most, options.threads) : most);
  s.remember(network_);
  s.ws.ascends = s.ws.threads > 1 && columns_ascend(samples.x.sparse);
  const std::uint64_t steps = steps_;

  // Whatever ends the run, the weights are then what they should be.
  struct Settled {
    State& state;
    Network<T>& network;
    Settled(State& s, Network<T>& n) : state(s), network(n) {}
    ~Settled() { settle(state.ws, network); }
  };
  Dropout dropout{options_.dropout, network_.seed(), network_.epoch(), options.first_batch};
  double cost = 0, weight = 0;
  bool finite = true, stopped = false;
  std::optional<Settled> settled{std::in_place, s, network_};
  with_crew(crew_size(network_, samples.x, batch_size, s.ws.threads), [&] {
    for (std::size_t first = 0; first < rows && finite; first += batch_size, ++dropout.batch) {
      Batch<T> batch =
          gather(s.ws, network_, samples, order, first, std::min(batch_size, rows - first));
      cost += mini_batch(batch, options, options_.dropout.empty() ? nullptr : &dropout);
      weight += batch.weight_sum;
      ++batches_;
      finite = std::isfinite(cost);
      if (s.ws.input_scale != 1) {
        if ((dropout.batch + 1) % settle_every != 0) continue;
        settle(s.ws, network_);
      }
      if (options.should_stop && first + batch_size < rows && options.should_stop()) {
        stopped = true;
        break;
      }
    }
  });
  settled.reset();
  if (!finite || !network_.all_finite()) {
    s.go_back(network_);
    steps_ = steps;
    batches_ = 0;
    throw DivergenceError(
        text("training diverged in epoch ", network_.epoch(), ": the ",
             finite ? "parameters are" : "cost is",
             " no longer finite; the parameters are those of the epoch's start. A smaller "
             "learning rate may help (it is ",
             options.learning_rate, ")"),
        static_cast<long>(network_.epoch()));
  }
  if (is_epoch && !stopped) network_.set_epoch(network_.epoch() + 1);
  return weight > 0 ? cost / weight : 0;
}

template <class T>
double Trainer<T>::epoch(const Samples<T>& samples, std::span<const std::int64_t> order,
                         const EpochOptions& options) {
  return run(samples, order, options_.batch_size, options, true);
}

template <class T>
double Trainer<T>::step(const Samples<T>& samples, const EpochOptions& options) {
  return run(samples, {}, std::max<std::size_t>(1, samples.rows()), options, false);
}

void permutation(std::span<std::int64_t> out, std::uint64_t seed, std::uint64_t epoch) {
  std::iota(out.begin(), out.end(), 0);
  const Philox random(seed, Stream::shuffle, epoch, 0);
  Random4 numbers{};
  for (std::size_t i = out.size(); i > 1; --i) {
    const std::size_t drawn = out.size() - i;
    if (drawn % 2 == 0) numbers = random(drawn / 2);
    const std::uint64_t bits =
        Philox::bits64(numbers[2 * (drawn % 2)], numbers[2 * (drawn % 2) + 1]);
    // The high half of bits * i is uniform in [0, i) but for a bias of i / 2^64.
    __extension__ using Wide = unsigned __int128;
    const auto j = static_cast<std::size_t>(Wide{bits} * i >> 64);
    std::swap(out[i - 1], out[j]);
  }
}

template class Trainer<float>;
template class Trainer<double>;

}  // namespace nncore
