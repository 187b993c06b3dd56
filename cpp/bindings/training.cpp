// nncore._core.Dataset and Trainer: data checked once, and epochs over them.
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <tuple>

#include "arrays.hpp"

namespace nncore::python {
namespace {

// ---- data ----------------------------------------------------------------------------------

// For one output, labels 0 and 1 stand for the two values that the output tends to, and only an
// output that tells classes has any.
template <class T>
bool are_binary(const Network<T>& network, const T* y, std::size_t n) {
  const Activation output = network.architecture().activations.back();
  if (output == Activation::tanh) {
    return std::all_of(y, y + n, [](T v) { return v == T(-1) || v == T(1); });
  }
  if (output != Activation::sigmoid && output != Activation::step) return false;
  return std::all_of(y, y + n, [](T v) { return v == T(0) || v == T(1); });
}

// The labels that one-hot rows stand for; none if any row is not one-hot.
template <class T>
std::optional<std::vector<std::int64_t>> one_hot_labels(const T* y, std::size_t n, std::size_t k) {
  std::vector<std::int64_t> labels(n);
  for (std::size_t i = 0; i < n; ++i) {
    const T* row = y + i * k;
    const T* one = std::find(row, row + k, T(1));
    if (one == row + k || std::count(row, row + k, T(0)) != static_cast<std::ptrdiff_t>(k - 1)) {
      return std::nullopt;
    }
    labels[i] = one - row;
  }
  return labels;
}

[[noreturn]] void bad_y(const py::array& y, std::size_t n, std::size_t outputs) {
  const std::string rows = std::to_string(n), columns = std::to_string(outputs);
  throw py::value_error(
      "y has shape " + py::str(y.attr("shape")).cast<std::string>() + " and dtype " +
      py::str(y.dtype()).cast<std::string>() + "; expected " +
      (outputs == 1 ? "targets (" + rows + ",) or (" + rows + ", 1)"
                    : "integer labels (" + rows + ",) or targets (" + rows + ", " + columns + ")"));
}

template <class T>
void set_targets(TypedDataset<T>& data, const Network<T>& network, const py::object& object) {
  py::array y = real_array(object, "y");
  const std::size_t n = data.x.view.rows(), outputs = network.outputs();
  const bool fits = (y.ndim() == 1 || (y.ndim() == 2 && std::size_t(y.shape(1)) == outputs)) &&
                    std::size_t(y.shape(0)) == n;
  if (!fits) bad_y(y, n, outputs);

  // Always a copy, out of the caller's reach once it is checked: labels become addresses.
  const auto use_labels = [&](const std::int64_t* labels) {
    const py::array_t<std::int64_t> copy(static_cast<py::ssize_t>(n), labels);
    data.samples.y = std::span<const std::int64_t>(copy.data(), n);
    data.owners.push_back(copy);
  };
  if (y.ndim() == 1 && outputs > 1) {
    if (y.dtype().kind() == 'f') bad_y(y, n, outputs);
    if (y.dtype().kind() == 'u' && y.itemsize() == 8 && n > 0) {
      integer_of(y.attr("max")(), "y's largest label", 0, static_cast<std::int64_t>(outputs) - 1);
    }
    use_labels(contiguous<std::int64_t>(y, "y").data());
    return;
  }
  const py::array_t<T> values = contiguous<T>(y, "y");
  if (outputs == 1 && are_binary(network, values.data(), n)) {
    std::vector<std::int64_t> labels(n);
    for (std::size_t i = 0; i < n; ++i) labels[i] = values.data()[i] > T(0);
    use_labels(labels.data());
    return;
  }
  if (outputs > 1) {
    if (const auto labels = one_hot_labels(values.data(), n, outputs)) {
      use_labels(labels->data());
      return;
    }
  }
  data.samples.y = MatrixView<const T>{values.data(), n, outputs, outputs};
  data.owners.push_back(values);
}

template <class T>
PyDataset make_dataset(const Network<T>& network, const py::object& x, const py::object& y,
                       const py::object& sample_weight) {
  TypedDataset<T> data;
  data.x = rows_of<T>(x, network.inputs());
  if (data.x.single) {
    throw py::value_error("x has 1 dimension; expected (n, " + std::to_string(network.inputs()) +
                          ")");
  }
  const std::size_t n = data.x.view.rows();
  data.samples.x = data.x.view;
  if (!sample_weight.is_none()) {
    const py::array_t<T> weights = contiguous<T>(sample_weight, "sample_weight");
    if (weights.ndim() != 1 || std::size_t(weights.size()) != n) {
      throw py::value_error("sample_weight has shape " +
                            py::str(weights.attr("shape")).cast<std::string>() + "; expected (" +
                            std::to_string(n) + ",)");
    }
    data.samples.weights = {weights.data(), n};
    data.owners.push_back(weights);
  }
  if (!y.is_none()) {
    set_targets(data, network, y);
    data.has_targets = true;
  }
  const py::gil_scoped_release release;
  if (data.has_targets) {
    check(network, data.samples);
  } else {
    check(network, data.x.view);
  }
  data.compact = compact(data.samples.x);
  return {std::move(data)};
}

template <class T>
const Samples<T>& targeted(const PyDataset& data) {
  const TypedDataset<T>& typed = data.typed<T>();
  if (!typed.has_targets) throw InvalidArgument("the data have no targets y");
  return typed.samples;
}

// ---- training ------------------------------------------------------------------------------

// Looks for Ctrl-C now and then; a look costs a wait for the GIL.
class SignalCheck {
 public:
  bool operator()() {
    const auto now = std::chrono::steady_clock::now();
    if (now < next_) return false;
    next_ = now + std::chrono::milliseconds(25);
    const py::gil_scoped_acquire acquire;
    raised_ = PyErr_CheckSignals() != 0;
    return raised_;
  }
  bool raised() const { return raised_; }

 private:
  std::chrono::steady_clock::time_point next_ = std::chrono::steady_clock::now();
  bool raised_ = false;
};

class PyTrainer : public ZeroedMemory {
 public:
  PyTrainer(const PyNetwork& network, const TrainOptions& options)
      : network_(network.any), trainer_(make(network, options)) {}

  using Left = std::tuple<std::size_t, std::size_t, std::uint64_t>;  // as Unfinished

  // The trainer of the network that a checkpoint left; none if the file is only a model.
  static std::optional<std::pair<PyTrainer, Left>> resume(const PyNetwork& network,
                                                          const std::filesystem::path& path) {
    const TensorFile file = read_tensor_file(path);
    const auto options = saved_options(file);
    if (!options) return std::nullopt;
    PyTrainer trainer(network, *options);
    const Unfinished left = network.visit([&]<class T>(const Network<T>& n) {
      return nncore::resume(std::get<std::unique_ptr<Shared<T>>>(trainer.trainer_)->trainer, n,
                            file);
    });
    return std::pair(std::move(trainer), Left(left.rows, left.batch_size, left.batches));
  }

  // The only way to the trainer, which the core wants used by one thread at a time: whoever comes
  // while another thread is here gets a BusyError.
  template <class F>
  auto visit(F&& f) {
    if (std::visit([](const auto& trainer) { return !trainer; }, trainer_)) not_initialised();
    return std::visit(
        [&](auto& trainer) {
          const Turn turn(trainer->taken);
          return f(trainer->trainer);
        },
        trainer_);
  }

  void save(const std::filesystem::path& path, const Unfinished& unfinished, const Extras& extras) {
    visit([&]<class T>(Trainer<T>& trainer) {
      const auto& network = *std::get<std::shared_ptr<Network<T>>>(network_);
      const py::gil_scoped_release release;
      save_checkpoint(network, trainer, path, unfinished, extras);
    });
  }

  // One call into the core without the GIL, Ctrl-C becoming KeyboardInterrupt.
  template <class T, class Train>
  double run(Trainer<T>& trainer, EpochOptions options, Train&& train) {
    SignalCheck signals;
    options.should_stop = [&] { return signals(); };
    double cost = 0;
    {
      const py::gil_scoped_release release;
      try {
        cost = train(trainer, options);
      } catch (...) {
        if (!signals.raised()) throw;
      }
    }
    if (signals.raised()) throw py::error_already_set();
    return cost;
  }

 private:
  template <class T>
  struct Shared {
    Trainer<T> trainer;
    std::atomic<bool> taken{false};

    Shared(Network<T>& network, const TrainOptions& options) : trainer(network, options) {}
  };

  class Turn {
   public:
    explicit Turn(std::atomic<bool>& taken) : taken_(taken) {
      if (taken_.exchange(true))
        throw BusyError("the trainer is in use already; wait for that to end");
    }
    ~Turn() { taken_ = false; }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    std::atomic<bool>& taken_;
  };

  using Any = std::variant<std::unique_ptr<Shared<float>>, std::unique_ptr<Shared<double>>>;
  static Any make(const PyNetwork& network, const TrainOptions& options) {
    return network.visit(
        [&]<class T>(Network<T>& n) -> Any { return std::make_unique<Shared<T>>(n, options); });
  }

  AnyNetwork network_;  // outlives the trainer
  Any trainer_;
};

PyTrainer make_trainer(const PyNetwork& network, std::int64_t batch_size,
                       const std::string& optimizer,
                       const std::map<std::string, double>& hyperparameters, double l2, double l1,
                       double max_norm, double clip_norm, double clip_value,
                       const std::vector<double>& dropout) {
  if (batch_size < 1) {
    throw InvalidArgument("batch_size is " + std::to_string(batch_size) + "; expected 1 or more");
  }
  TrainOptions options;
  options.batch_size = static_cast<std::size_t>(batch_size);
  options.optimizer = from_name<Optimizer>(optimizer);
  for (const auto& [name, value] : hyperparameters) set_hyperparameter(options, name, value);
  options.l2 = l2;
  options.l1 = l1;
  options.max_norm = max_norm;
  options.clip_norm = clip_norm;
  options.clip_value = clip_value;
  options.dropout = dropout;
  return {network, options};
}

double epoch(PyTrainer& self, const PyDataset& data, const py::object& order, double learning_rate,
             std::size_t penalty_rows, bool cost_with_penalty, std::uint64_t first_batch,
             int n_threads) {
  std::optional<py::array_t<std::int64_t>> rows;
  if (!order.is_none()) {
    const py::array given = real_array(order, "order");
    const char kind = given.dtype().kind();
    if (given.ndim() != 1 || (kind != 'i' && kind != 'u')) {
      throw py::value_error("order has shape " + py::str(given.attr("shape")).cast<std::string>() +
                            " and dtype " + py::str(given.dtype()).cast<std::string>() +
                            "; expected row numbers, (n,) integers");
    }
    rows = contiguous<std::int64_t>(given, "order");
  }
  const EpochOptions options{.learning_rate = learning_rate,
                             .first_batch = first_batch,
                             .penalty_rows = penalty_rows,
                             .cost_with_penalty = cost_with_penalty,
                             .threads = n_threads};
  return self.visit([&]<class T>(Trainer<T>& trainer) {
    const Samples<T>& samples = targeted<T>(data);
    std::span<const std::int64_t> view;
    if (rows) view = {rows->data(), static_cast<std::size_t>(rows->size())};
    return self.run(trainer, options, [&](Trainer<T>& t, const EpochOptions& o) {
      return t.epoch(samples, view, o);
    });
  });
}

double step(PyTrainer& self, const PyDataset& data, double learning_rate, std::size_t penalty_rows,
            int n_threads) {
  const EpochOptions options{
      .learning_rate = learning_rate, .penalty_rows = penalty_rows, .threads = n_threads};
  return self.visit([&]<class T>(Trainer<T>& trainer) {
    const Samples<T>& samples = targeted<T>(data);
    return self.run(trainer, options,
                    [&](Trainer<T>& t, const EpochOptions& o) { return t.step(samples, o); });
  });
}

}  // namespace

void bind_training(py::module_& m, py::class_<PyDataset>& dataset) {
  dataset
      .def(py::init([](const PyNetwork& network, const py::object& x, const py::object& y,
                       const py::object& sample_weight) {
             return network.visit([&]<class T>(const Network<T>& n) {
               return make_dataset(n, x, y, sample_weight);
             });
           }),
           py::arg("network"), py::arg("x"), py::arg("y") = py::none(),
           py::arg("sample_weight") = py::none())
      .def("__len__",
           [](const PyDataset& self) {
             return std::visit([](const auto& data) { return data.x.view.rows(); }, self.any);
           })
      .def_property_readonly(
          "has_classes",
          [](const PyDataset& self) {
            return std::visit(
                [](const auto& data) { return data.has_targets && data.samples.y.are_labels(); },
                self.any);
          })
      .def_property_readonly("weight_sum", [](const PyDataset& self) {
        return std::visit(
            [](const auto& data) {
              double sum = data.samples.weights.empty() ? double(data.x.view.rows()) : 0;
              for (const auto weight : data.samples.weights) sum += double(weight);
              return sum;
            },
            self.any);
      });

  py::class_<PyTrainer>(m, "Trainer")
      .def(py::init(&make_trainer), py::arg("network"), py::kw_only(), py::arg("batch_size"),
           py::arg("optimizer") = "sgd",
           py::arg("hyperparameters") = std::map<std::string, double>{}, py::arg("l2") = 0.0,
           py::arg("l1") = 0.0, py::arg("max_norm") = 0.0, py::arg("clip_norm") = 0.0,
           py::arg("clip_value") = 0.0, py::arg("dropout") = std::vector<double>{})
      .def("epoch", &epoch, py::arg("data"), py::arg("order"), py::kw_only(),
           py::arg("learning_rate"), py::arg("penalty_rows") = 0,
           py::arg("cost_with_penalty") = false, py::arg("first_batch") = 0,
           py::arg("n_threads") = 0)
      .def("step", &step, py::arg("data"), py::kw_only(), py::arg("learning_rate"),
           py::arg("penalty_rows") = 0, py::arg("n_threads") = 0)
      .def_static("resume", &PyTrainer::resume, py::arg("network"), py::arg("path"))
      .def(
          "save_checkpoint",
          [](PyTrainer& self, const std::filesystem::path& path, const PyTrainer::Left& unfinished,
             const std::map<std::string, std::string>& metadata, const NamedArrays& arrays) {
            const ArrayTensors tensors = tensors_of(arrays);
            const auto [rows, batch_size, batches] = unfinished;
            self.save(path, {rows, batch_size, batches}, {metadata, tensors.views});
          },
          py::arg("path"), py::kw_only(), py::arg("unfinished"), py::arg("metadata"),
          py::arg("tensors"))
      .def_property_readonly("optimizer",
                             [](PyTrainer& self) {
                               return self.visit([](const auto& t) {
                                 return std::string(name(t.options().optimizer));
                               });
                             })
      .def_property_readonly("hyperparameters",
                             [](PyTrainer& self) {
                               return self.visit([](const auto& t) {
                                 py::dict values;
                                 const auto known = hyperparameters(t.options().optimizer);
                                 for (std::size_t i = 0; i < known.size(); ++i) {
                                   values[py::str(std::string(known[i].name))] =
                                       t.options().hyperparameters[i];
                                 }
                                 return values;
                               });
                             })
      .def_property(
          "steps",
          [](PyTrainer& self) {
            return self.visit([](const auto& trainer) { return trainer.steps(); });
          },
          [](PyTrainer& self, std::uint64_t steps) {
            self.visit([&](auto& trainer) { trainer.set_steps(steps); });
          })
      .def_property_readonly(
          "batches",
          [](PyTrainer& self) {
            return self.visit([](const auto& trainer) { return trainer.batches(); });
          })
      .def_property_readonly("slots", [](PyTrainer& self) {
        return self.visit([]<class T>(Trainer<T>& trainer) {
          py::list views;
          const std::vector<std::span<T>> slots = trainer.slots();
          for (std::size_t i = 0; i < slots.size(); ++i) {
            views.append(flat_view(slots[i], owner_of(trainer.share_slot(i))));
          }
          return views;
        });
      });

  m.def(
      "permutation",
      [](std::size_t n, std::uint64_t seed, std::uint64_t epoch_number) {
        py::array_t<std::int64_t> order(static_cast<py::ssize_t>(n));
        permutation({order.mutable_data(), n}, seed, epoch_number);
        return order;
      },
      py::arg("n"), py::kw_only(), py::arg("seed"), py::arg("epoch"));
}

}  // namespace nncore::python
