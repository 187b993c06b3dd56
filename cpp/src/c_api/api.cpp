// The C API of names and networks: calls into the core, its exceptions as status codes.
#include <algorithm>
#include <cmath>
#include <vector>

#include "c_api/arguments.hpp"
#include "c_api/errors.hpp"
#include "c_api/handles.hpp"
#include "kernels/kernels.hpp"
#include "model/parameter_access.hpp"
#include "nncore/nncore.h"
#include "nncore/runtime.hpp"
#include "nncore/schedules.hpp"

using namespace nncore;
using namespace nncore::c;

namespace {

template <class Enum>
const char* name_at(std::size_t index) {
  const auto names = all_names<Enum>();  // of literals, which end with a zero
  return index < names.size() ? names[index].data() : nullptr;
}

template <class Enum>
nncore_status hyperparameter_at(const char* owner, const char* what, std::size_t index,
                                nncore_hyperparameter* out) {
  return guarded([&] {
    check_pointer(out, "hyperparameter");
    const auto known = hyperparameters(from_name<Enum>(&require(owner, what)));
    if (index >= known.size()) {
      throw InvalidArgument(
          concat("there is no hyperparameter ", index, "; ", owner, " has ", known.size()));
    }
    *out = {known[index].name.data(), known[index].value};
  });
}

// A layer's weights as (out, in), or its biases, copied out or in.
template <class T>
struct LayerView {
  T* first;
  std::size_t out, in, out_step, in_step;
};

template <class T, class Copy>
void each_parameter(const LayerView<T>& view, Copy copy) {
  std::size_t i = 0;
  for (std::size_t j = 0; j < view.out; ++j) {
    for (std::size_t k = 0; k < view.in; ++k) {
      copy(view.first[j * view.out_step + k * view.in_step], i++);
    }
  }
}

template <class T>
LayerView<T> layer_view(Network<T>& network, std::size_t layer, bool biases) {
  if (layer >= network.layers().size()) {
    throw InvalidArgument(
        concat("there is no layer ", layer, "; expected 0 to ", network.layers().size() - 1));
  }
  if (biases) {
    const std::span<T> b = ParameterAccess<T>::biases(network, layer);
    return {b.data(), b.size(), 1, 1, 0};
  }
  const MatrixView<T> w = ParameterAccess<T>::weights(network, layer);  // (in, out)
  return {w.data, w.cols, w.rows, 1, w.stride};
}

nncore_status get_parameters(const nncore_network* network, std::size_t layer, bool biases,
                             nncore_dtype dtype, void* out, std::size_t count) {
  return guarded([&] {
    with_network(content_of(network).any, [&]<class T>(const Shared<Network<T>>& n) {
      const LayerView<T> view = layer_view(*n, layer, biases);
      check_dtype<T>(dtype, "the parameters");
      check_count(count, view.out, view.in, "the array");
      T* to = static_cast<T*>(out);
      check_pointer(to, "the array");
      const typename Network<T>::ReadAccess access(*n);
      each_parameter(view, [&](T parameter, std::size_t i) { to[i] = parameter; });
    });
  });
}

nncore_status set_parameters(nncore_network* network, std::size_t layer, bool biases,
                             nncore_dtype dtype, const void* in, std::size_t count) {
  return guarded([&] {
    with_network(content_of(network).any, [&]<class T>(const Shared<Network<T>>& n) {
      const LayerView<T> view = layer_view(*n, layer, biases);
      check_dtype<T>(dtype, "the parameters");
      check_count(count, view.out, view.in, "the array");
      const T* from = static_cast<const T*>(in);
      check_pointer(from, "the array");
      if (!all_finite(from, count)) {
        throw InvalidArgument("the array has NaN or infinity; expected finite parameters");
      }
      const typename Network<T>::TrainAccess access(*n);
      each_parameter(view, [&](T& parameter, std::size_t i) { parameter = from[i]; });
    });
  });
}

}  // namespace

NetworkContent::NetworkContent(AnyNetwork network) : any(std::move(network)) {
  with_network(any, [&](const auto& n) {
    sizes = n->architecture().sizes;
    for (const Activation a : n->architecture().activations) activations.push_back(name(a).data());
    cost = name(n->architecture().cost).data();
  });
}

const char* nncore_last_error(void) { return last_message(); }

const char* nncore_version(void) { return version(); }

const char* nncore_instruction_set(void) {
  const char* name = nullptr;
  guarded([&] { name = instruction_set().name; });
  return name;
}

nncore_status nncore_set_threads(int n) {
  return guarded([&] { set_num_threads(n); });
}

int nncore_threads(void) { return num_threads(); }

const char* nncore_name(nncore_kind kind, std::size_t index) {
  switch (kind) {
    case NNCORE_ACTIVATIONS:
      return name_at<Activation>(index);
    case NNCORE_COSTS:
      return name_at<Cost>(index);
    case NNCORE_INITIALIZERS:
      return name_at<Initializer>(index);
    case NNCORE_OPTIMIZERS:
      return name_at<Optimizer>(index);
    case NNCORE_SCHEDULES:
      return name_at<Schedule>(index);
    default:
      return nullptr;
  }
}

nncore_status nncore_network_create(const nncore_architecture* architecture,
                                    nncore_network** network) {
  return guarded([&] {
    check_pointer(network, "network");
    *network = handle_of(make_network(require(architecture, "the architecture")));
  });
}

nncore_status nncore_network_load(const char* path, nncore_network** network) {
  return guarded([&] {
    check_pointer(network, "network");
    *network = handle_of(load_model(&require(path, "the path")));
  });
}

nncore_status nncore_network_load_bytes(const void* bytes, std::size_t size,
                                        nncore_network** network) {
  return guarded([&] {
    check_pointer(network, "network");
    *network = handle_of(model_from(file_in(bytes, size)));
  });
}

nncore_status nncore_network_save(const nncore_network* network, const char* path) {
  return guarded([&] {
    check_pointer(path, "the path");
    with_network(content_of(network).any, [&](const auto& n) { save_model(*n, path); });
  });
}

nncore_status nncore_network_save_bytes(const nncore_network* network, void* bytes,
                                        std::size_t capacity, std::size_t* size) {
  return guarded([&] {
    hand_out(with_network(content_of(network).any, [](const auto& n) { return model_bytes(*n); }),
             bytes, capacity, size);
  });
}

nncore_status nncore_network_copy(const nncore_network* network, nncore_network** copy) {
  return guarded([&] {
    check_pointer(copy, "copy");
    *copy = with_network(content_of(network).any, []<class T>(const Shared<Network<T>>& n) {
      return handle_of(std::make_shared<Network<T>>(*n));
    });
  });
}

nncore_status nncore_network_free(nncore_network* network) {
  return guarded([&] { release(network); });
}

nncore_status nncore_network_get_info(const nncore_network* network, nncore_network_info* info) {
  return guarded([&] {
    check_pointer(info, "info");
    const NetworkContent& content = content_of(network);
    with_network(content.any, [&]<class T>(const Shared<Network<T>>& n) {
      *info = {content.sizes.data(),
               content.sizes.size(),
               content.activations.data(),
               content.cost,
               dtype_value<T>,
               n->seed(),
               n->epoch()};
    });
  });
}

nncore_status nncore_network_set_epoch(nncore_network* network, std::uint64_t epoch) {
  return guarded([&] {
    with_network(content_of(network).any, [&]<class T>(const Shared<Network<T>>& n) {
      const typename Network<T>::TrainAccess access(*n);
      n->set_epoch(epoch);
    });
  });
}

nncore_status nncore_network_get_weights(const nncore_network* network, std::size_t layer,
                                         nncore_dtype dtype, void* weights, std::size_t count) {
  return get_parameters(network, layer, false, dtype, weights, count);
}

nncore_status nncore_network_set_weights(nncore_network* network, std::size_t layer,
                                         nncore_dtype dtype, const void* weights,
                                         std::size_t count) {
  return set_parameters(network, layer, false, dtype, weights, count);
}

nncore_status nncore_network_get_biases(const nncore_network* network, std::size_t layer,
                                        nncore_dtype dtype, void* biases, std::size_t count) {
  return get_parameters(network, layer, true, dtype, biases, count);
}

nncore_status nncore_network_set_biases(nncore_network* network, std::size_t layer,
                                        nncore_dtype dtype, const void* biases, std::size_t count) {
  return set_parameters(network, layer, true, dtype, biases, count);
}

nncore_status nncore_network_set_cost(nncore_network* network, nncore_cost_function cost,
                                      void* context) {
  return guarded([&] {
    check_pointer(reinterpret_cast<const void*>(cost), "cost");
    with_network(content_of(network).any, [&]<class T>(const Shared<Network<T>>& n) {
      n->set_cost_function([cost, context](MatrixView<const T> outputs, MatrixView<const T> y,
                                           std::span<T> costs, MatrixView<T> slopes) {
        const nncore_cost_call call{dtype_value<T>, outputs.rows, outputs.data, outputs.cols,
                                    outputs.stride, y.data,       y.cols,       y.stride,
                                    costs.data(),   slopes.data,  slopes.stride};
        if (const int failed = cost(context, &call)) {
          throw InvalidArgument(concat("the program's cost has failed with ", failed));
        }
      });
    });
  });
}

nncore_status nncore_network_copy_from(nncore_network* network, const nncore_network* other,
                                       double tau) {
  return guarded([&] {
    const AnyNetwork& from = content_of(other).any;
    with_network(content_of(network).any, [&]<class T>(const Shared<Network<T>>& n) {
      const auto* same = std::get_if<Shared<Network<T>>>(&from);
      if (!same) {
        throw InvalidArgument(concat("the other network has the other dtype; this one is ",
                                     dtype_name(dtype_value<T>)));
      }
      n->copy_from(**same, tau);
    });
  });
}

nncore_status nncore_network_feedforward(const nncore_network* network, const nncore_inputs* x,
                                         void* outputs, std::size_t count) {
  return guarded([&] {
    with_network(content_of(network).any, [&]<class T>(const Shared<Network<T>>& n) {
      const Inputs<T> rows = inputs_of<T>(require(x, "x"));
      check(*n, rows);
      check_count(count, rows.rows(), n->outputs(), "outputs");
      T* out = static_cast<T*>(outputs);
      if (count > 0) check_pointer(out, "outputs");
      n->feedforward(rows, {out, rows.rows(), n->outputs(), n->outputs()});
    });
  });
}

nncore_status nncore_network_activations(const nncore_network* network, const nncore_inputs* x,
                                         std::size_t layer, void* activations, std::size_t count) {
  return guarded([&] {
    with_network(content_of(network).any, [&]<class T>(const Shared<Network<T>>& n) {
      const Inputs<T> rows = inputs_of<T>(require(x, "x"));
      check(*n, rows);
      const auto layers = n->layers();
      if (layer >= layers.size()) {
        throw InvalidArgument(
            concat("there is no layer ", layer, "; expected 0 to ", layers.size() - 1));
      }
      check_count(count, rows.rows(), layers[layer].out, "activations");
      T* wanted = static_cast<T*>(activations);
      if (count > 0) check_pointer(wanted, "activations");
      std::vector<std::vector<T>> others(layers.size());
      std::vector<MatrixView<T>> out;
      for (std::size_t l = 0; l < layers.size(); ++l) {
        if (l != layer) others[l].resize(rows.rows() * layers[l].out);
        out.push_back(
            {l == layer ? wanted : others[l].data(), rows.rows(), layers[l].out, layers[l].out});
      }
      n->activations(rows, out);
    });
  });
}

nncore_status nncore_network_predict(const nncore_network* network, const nncore_inputs* x,
                                     std::int64_t* labels, std::size_t count) {
  return guarded([&] {
    with_network(content_of(network).any, [&]<class T>(const Shared<Network<T>>& n) {
      const Inputs<T> rows = inputs_of<T>(require(x, "x"));
      check(*n, rows);
      check_count(count, rows.rows(), 1, "labels");
      if (count > 0) check_pointer(labels, "labels");
      n->predict(rows, {labels, count});
    });
  });
}

nncore_status nncore_network_evaluate(const nncore_network* network, const nncore_dataset* dataset,
                                      nncore_evaluation* evaluation) {
  return guarded([&] {
    check_pointer(evaluation, "evaluation");
    with_network(content_of(network).any, [&]<class T>(const Shared<Network<T>>& n) {
      const Evaluation result = n->evaluate(dataset_in<T>(dataset));
      *evaluation = {result.cost, result.accuracy.value_or(std::nan(""))};
    });
  });
}

nncore_status nncore_network_gradients(const nncore_network* network, const nncore_dataset* dataset,
                                       const nncore_penalty* penalty, nncore_dtype dtype,
                                       void* gradients, std::size_t count, double* cost) {
  return guarded([&] {
    with_network(content_of(network).any, [&]<class T>(const Shared<Network<T>>& n) {
      check_dtype<T>(dtype, "the gradients");
      const Dataset<T>& data = dataset_in<T>(dataset);
      data.check_suits(*n);
      std::size_t expected = 0;
      for (const Layer& layer : n->layers()) expected += (layer.in + 1) * layer.out;
      check_count(count, expected, 1, "gradients");
      T* out = static_cast<T*>(gradients);
      check_pointer(out, "gradients");
      const nncore_penalty given_penalty = penalty ? *penalty : nncore_penalty{};
      for (const double rate : {given_penalty.l2, given_penalty.l1}) {
        if (!(rate >= 0) || std::isinf(rate)) {
          throw InvalidArgument(
              concat("a penalty is ", rate, "; expected a finite number, 0 or more"));
        }
      }
      std::vector<T> padded(ParameterAccess<T>::parameters(*n).size());
      const double mean =
          n->gradients(data, padded, {given_penalty.l2, given_penalty.l1, given_penalty.rows});
      for (const Layer& layer : n->layers()) {
        for (std::size_t j = 0; j < layer.out; ++j) {
          for (std::size_t k = 0; k < layer.in; ++k) {
            *out++ = padded[layer.weights_offset + k * layer.stride + j];
          }
        }
        out = std::copy_n(padded.data() + layer.biases_offset, layer.out, out);
      }
      if (cost) *cost = mean;
    });
  });
}

nncore_status nncore_optimizer_hyperparameter(const char* optimizer, std::size_t index,
                                              nncore_hyperparameter* hyperparameter) {
  return hyperparameter_at<Optimizer>(optimizer, "the optimizer", index, hyperparameter);
}

nncore_status nncore_cost_hyperparameter(const char* cost, std::size_t index,
                                         nncore_hyperparameter* hyperparameter) {
  return hyperparameter_at<Cost>(cost, "the cost", index, hyperparameter);
}

nncore_status nncore_schedule_hyperparameter(const char* schedule, std::size_t index,
                                             nncore_hyperparameter* hyperparameter) {
  return hyperparameter_at<Schedule>(schedule, "the schedule", index, hyperparameter);
}

nncore_status nncore_schedule_rate(const char* schedule, const nncore_hyperparameter* given_values,
                                   std::size_t count, std::uint64_t epoch, double* rate) {
  return guarded([&] {
    check_pointer(rate, "rate");
    ScheduleOptions options{from_name<Schedule>(&require(schedule, "the schedule"))};
    set_all(options, given_values, count);
    *rate = learning_rate(options, epoch);
  });
}
