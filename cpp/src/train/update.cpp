// The optimiser's update of a mini-batch.
#include <algorithm>
#include <cmath>
#include <span>

#include "kernels/kernels.hpp"
#include "model/parameter_access.hpp"
#include "threads/parallel.hpp"
#include "train/finite_bound.hpp"
#include "train/trainer_state.hpp"

namespace nncore {

// The optimiser's update by the gradients of a mini-batch, which are laid out as the parameters.
// Where they lie in lanes, each piece of them is added up first.
// The mini-batch of a single step is looked at as the parameters change, where they might not stay
// finite.
template <class T>
void Trainer<T>::update_parameters(const Batch<T>* single, const T* gradients, bool in_lanes,
                                   const Pass& pass, double penalty_rows) {
  State& s = *state_;
  const std::span<T> all = ParameterAccess<T>::parameters(*network_);
  const std::size_t size = all.size();
  T* const parameters = all.data();
  Update update = s.update;
  update.learning_rate = pass.learning_rate;
  update.t = steps() + 1;
  update.l2 = options_.l2 / penalty_rows;
  update.l1 = options_.l1 / penalty_rows;
  const std::span<const double> rates = options_.rates;
  Update fastest = update;
  for (const double rate : rates) {
    fastest.learning_rate = std::max(fastest.learning_rate, pass.learning_rate * rate);
  }
  if (!single || s.slots_shared) s.bounds.slots_known = false;
  const bool looked_at =
      single && !surely_stays_finite(s.ws, *network_, *single, options_.optimizer, fastest, s.slots,
                                     s.bounds);
  if (looked_at) s.snapshot.begin_parts();
  const Kernels<T>& k = kernels<T>();
  const auto step = k.update[options_.optimizer];
  // What is looked at or added up goes in pieces that stay in L1.
  const std::size_t piece = looked_at || in_lanes ? 1024 : size;
  const auto change = [&](const Update& numbers, std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; i += piece) {
      const std::size_t length = std::min(piece, end - i);
      if (looked_at) s.snapshot.take_part(i, length);
      if (in_lanes) s.lanes.add_up(i, length);
      step(numbers, parameters + i, gradients + i,
           s.slots.size() > 0 ? s.slots[0].data() + i : nullptr,
           s.slots.size() > 1 ? s.slots[1].data() + i : nullptr, length);
      if (looked_at && std::isinf(k.largest_magnitude(parameters + i, length))) {
        s.left_finite = false;
      }
    }
  };
  // Of layer l what lies in [begin, end).
  const auto change_layer = [&](std::size_t l, std::size_t begin, std::size_t end) {
    const Layer& layer = network_->layers()[l];
    const auto change_part = [&](std::size_t i, bool penalised, std::size_t from, std::size_t to) {
      const double rate = rates.empty() ? 1 : rates[i];
      from = std::max(from, begin);
      to = std::min(to, end);
      if (rate == 0 || from >= to) return;
      Update numbers = update;
      numbers.learning_rate *= rate;
      if (!penalised) numbers.l2 = numbers.l1 = 0;
      change(numbers, from, to);
    };
    const std::size_t biases = layer.biases_offset;
    change_part(2 * l, true, layer.weights_offset, biases);
    change_part(2 * l + 1, false, biases, biases + layer.stride);
  };
  const double work = double(size) * (in_lanes ? 4 + 2 * s.lanes.work_of_sum() : 4);
  parallel_for(size, cache_line, threads_for(work, s.ws.threads),
               [&](int, std::size_t begin, std::size_t end) {
                 for (std::size_t l = 0; l < network_->layers().size(); ++l) {
                   change_layer(l, begin, end);
                 }
               });
}

template void Trainer<float>::update_parameters(const Batch<float>*, const float*, bool,
                                                const Pass&, double);
template void Trainer<double>::update_parameters(const Batch<double>*, const double*, bool,
                                                 const Pass&, double);

}  // namespace nncore
