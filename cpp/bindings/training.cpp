// nncore._core.Trainer and Session: epochs over a data set, and steps.
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <tuple>
#include <utility>

#include "arrays.hpp"
#include "hooks.hpp"
#include "options.hpp"
#include "steps.hpp"

namespace nncore::python {
namespace {

class PyTrainer : public ZeroedMemory {
 public:
  PyTrainer(const PyNetwork& network, const TrainOptions& options)
      : network_(network.any), trainer_(make(network, options)) {}

  template <class F>
  auto visit(F&& f) {
    if (std::visit([](const auto& trainer) { return !trainer; }, trainer_)) not_initialised();
    return std::visit([&](auto& trainer) { return f(*trainer); }, trainer_);
  }

  // The trainer of the network that a checkpoint left; none if the file is only a model.
  static std::optional<PyTrainer> resume(const PyNetwork& network,
                                         const std::filesystem::path& path) {
    const TensorFile file = read_tensor_file(path);
    const auto options = saved_options(file);
    if (!options) return std::nullopt;
    PyTrainer trainer(network, *options);
    trainer.visit([&](auto& t) { nncore::resume(t, file); });
    return trainer;
  }

  // What f makes of the trainer's options, while nobody changes them.
  template <class F>
  auto with_options(F&& f) {
    return visit([&]<class T>(Trainer<T>& trainer) {
      const typename Network<T>::ReadAccess access(trainer.network());
      return f(trainer.options());
    });
  }

  // For single steps. The rate is a number, or a callable that is given the number of the step.
  void set_step_defaults(const py::object& rate, std::size_t penalty_rows, int n_threads) {
    visit([](const auto&) {});  // or it was never initialised
    py::object before = rate;   // whose end may run Python code: it comes when nothing is locked
    const std::lock_guard lock(*step_defaults_lock_);
    std::swap(before, rate_);
    step_defaults_ = {.penalty_rows = penalty_rows, .threads = n_threads};
  }

  StepOptions step_options(const py::handle& learning_rate, bool mean_over_rows) {
    const std::uint64_t steps = visit([](const auto& trainer) { return trainer.steps(); });
    py::object of_trainer, called;
    StepOptions options;
    {
      const std::lock_guard lock(*step_defaults_lock_);
      of_trainer = rate_;
      options = step_defaults_;
    }
    py::handle rate = learning_rate.is_none() ? py::handle(of_trainer) : learning_rate;
    if (!rate || rate.is_none()) throw py::type_error("learning_rate is needed, as a number");
    if (!PyFloat_CheckExact(rate.ptr()) && PyCallable_Check(rate.ptr())) {
      called = rate(steps);
      rate = called;
    }
    const double number = PyFloat_AsDouble(rate.ptr());
    if (number == -1 && PyErr_Occurred()) {
      if (!PyErr_ExceptionMatches(PyExc_TypeError)) throw py::error_already_set();
      PyErr_Clear();
      throw py::type_error("learning_rate must be a number, or a callable that returns one, got " +
                           py::repr(rate).cast<std::string>());
    }
    options.learning_rate = number;
    options.batch = steps;
    options.mean_over_rows = mean_over_rows;
    return options;
  }

  void save(const std::filesystem::path& path, const Extras& extras) {
    visit([&](const auto& trainer) {
      const GilReleased release;
      save_checkpoint(trainer, path, extras);
    });
  }

  // One call into the core without the GIL, Ctrl-C becoming KeyboardInterrupt. What `hook` raises
  // ends the epoch as Ctrl-C does: behind a whole mini-batch, from where it can be resumed.
  template <class T, class Train>
  double run(Trainer<T>& trainer, EpochOptions options, BatchHook& hook, const StopFlag* stop,
             Train&& train) {
    SignalCheck signals;
    double cost = 0;
    {
      GilReleased released;
      options.should_stop = [&] {
        return hook.stops() || (stop && stop->is_set()) || signals(released);
      };
      if (hook) hook.attach(options, released);
      try {
        cost = train(trainer, options);
      } catch (...) {
        if (!signals.raised() && !hook.raised()) throw;
      }
    }
    if (signals.raised() || hook.raised()) throw py::error_already_set();
    return cost;
  }

 private:
  using Any = std::variant<std::unique_ptr<Trainer<float>>, std::unique_ptr<Trainer<double>>>;
  static Any make(const PyNetwork& network, const TrainOptions& options) {
    return network.visit(
        [&]<class T>(Network<T>& n) -> Any { return std::make_unique<Trainer<T>>(n, options); });
  }

  AnyNetwork network_;  // outlives the trainer
  Any trainer_;
  // Without the GIL one thread may set what another one reads.
  std::unique_ptr<std::mutex> step_defaults_lock_ = std::make_unique<std::mutex>();
  py::object rate_;
  StepOptions step_defaults_;
};

// The rows to train on; none where the argument is None.
std::optional<py::array_t<std::int64_t>> order_from(const py::object& order) {
  if (order.is_none()) return std::nullopt;
  return copied_integers<std::int64_t>(order, "order");
}

std::optional<std::span<const std::int64_t>> view_of(
    const std::optional<py::array_t<std::int64_t>>& rows) {
  if (!rows) return std::nullopt;
  return std::span(rows->data(), static_cast<std::size_t>(rows->size()));
}

using Costs = py::array_t<double, py::array::c_style>;

// Fills an array (mini-batches, 3) with what each cost: summed cost, weight, penalty.
auto written_to(Costs& costs, std::size_t mini_batches) {
  if (costs.ndim() != 2 || std::size_t(costs.shape(0)) != mini_batches || costs.shape(1) != 3) {
    throw py::value_error("mini_batch_costs has shape " +
                          py::str(costs.attr("shape")).cast<std::string>() + "; expected (" +
                          std::to_string(mini_batches) + ", 3)");
  }
  double* const rows = costs.mutable_data();
  return [rows, mini_batches](const MiniBatchCost& cost) {
    if (cost.number >= mini_batches) return;  // another thread has changed the batch size
    double* const row = rows + 3 * cost.number;
    row[0] = cost.cost;
    row[1] = cost.weight;
    row[2] = cost.penalty;
  };
}

double epoch(PyTrainer& self, const PyDataset& data, const py::object& order, double learning_rate,
             bool shuffle, std::size_t penalty_rows, bool penalty_by_mini_batch,
             bool cost_with_penalty, double cost_epsilon, int n_threads,
             std::optional<Costs> mini_batch_costs, const py::object& after_batches,
             std::uint64_t batch_stride,
             std::optional<std::tuple<std::size_t, std::size_t, std::uint64_t>> part,
             const StopFlag* stop, const py::object& ranks) {
  BatchHook hook(after_batches, batch_stride, learning_rate);
  const auto rows = order_from(order);
  EpochOptions options{.learning_rate = learning_rate,
                       .shuffle = shuffle,
                       .order = view_of(rows),
                       .penalty_rows = penalty_rows,
                       .penalty_by_mini_batch = penalty_by_mini_batch,
                       .cost_with_penalty = cost_with_penalty,
                       .cost_epsilon = cost_epsilon,
                       .threads = n_threads};
  const PyCollective collective(ranks);
  options.collective = collective.get();
  if (part) options.part = EpochPart{std::get<0>(*part), std::get<1>(*part), std::get<2>(*part)};
  return self.visit([&]<class T>(Trainer<T>& trainer) {
    const Dataset<T>& typed = data.typed<T>();
    if (mini_batch_costs || hook) {
      const std::size_t n = part   ? std::get<1>(*part)
                            : rows ? std::size_t(rows->size())
                                   : typed.rows();
      const std::size_t size =
          self.with_options([](const TrainOptions& used) { return used.batch_size; });
      const std::size_t count = n / size + (n % size != 0);
      if (mini_batch_costs) options.after_mini_batch = written_to(*mini_batch_costs, count);
      hook.set_mini_batches(count);
    }
    return self.run(trainer, options, hook, stop,
                    [&](Trainer<T>& t, const EpochOptions& o) { return t.epoch(typed, o); });
  });
}

double step(PyTrainer& self, const PyDataset& data, const py::object& order, double learning_rate,
            std::uint64_t batch, std::size_t penalty_rows, int n_threads) {
  const auto rows = order_from(order);
  const StepOptions options{.learning_rate = learning_rate,
                            .order = view_of(rows),
                            .batch = batch,
                            .penalty_rows = penalty_rows,
                            .threads = n_threads};
  return self.visit([&]<class T>(Trainer<T>& trainer) {
    const Samples<T>& samples = data.typed<T>().samples();
    const GilReleased release;
    return trainer.step(samples, options);
  });
}

// As Python keeps it: epoch, rows, batch size, mini-batches done, order, cost, weight.
using Position = std::tuple<std::uint64_t, std::size_t, std::size_t, std::uint64_t, std::uint64_t,
                            double, double>;

// Held in a with statement, whose entry nothing can interrupt: __enter__ is no Python code.
class PySession : public ZeroedMemory {
 public:
  explicit PySession(const PyNetwork& network) : network_(network.any) {}
  // Python sees to the members that it never made.
  PySession(const PySession&) = delete;
  PySession& operator=(const PySession&) = delete;

  void enter() {
    if (held_) throw InvalidArgument("this session was entered already");
    std::visit(
        [&]<class T>(const Shared<Network<T>>& network) {
          if (!network) not_initialised();
          held_.emplace(std::in_place_type<typename Network<T>::Session>, *network);
        },
        network_);
  }
  void leave() { held_.reset(); }

 private:
  AnyNetwork network_;  // outlives the session
  std::optional<std::variant<Network<float>::Session, Network<double>::Session>> held_;
};

}  // namespace

void bind_training(py::module_& m) {
  py::class_<StopFlag> stop_flag(m, "StopFlag", "Ends epochs that were given it; set once.");
  refuse_pickling(stop_flag, "");
  stop_flag.def(py::init<>()).def("set", &StopFlag::set).def("is_set", &StopFlag::is_set);

  py::class_<PySession>(m, "Session", "A network that is being trained, over many epochs.")
      .def(py::init<const PyNetwork&>(), py::arg("network"), py::pos_only())
      .def("__enter__", &PySession::enter)
      .def("__exit__", [](PySession& self, const py::args&) { self.leave(); });

  py::class_<PyTrainer> trainer_class(m, "Trainer");
  refuse_pickling(trainer_class, "; its save writes what it holds to a file");
  trainer_class
      .def(py::init([](const PyNetwork& network, std::int64_t batch_size,
                       const std::string& optimizer,
                       const std::map<std::string, double>& hyperparameters,
                       const std::vector<double>& dropout, std::size_t lanes,
                       const AugmentationNumbers& augmentation, const py::kwargs& numbers) {
             return PyTrainer(network, options_from(batch_size, optimizer, hyperparameters, dropout,
                                                    lanes, augmentation, numbers));
           }),
           py::arg("network"), py::kw_only(), py::arg("batch_size"), py::arg("optimizer") = "sgd",
           py::arg("hyperparameters") = std::map<std::string, double>{},
           py::arg("dropout") = std::vector<double>{}, py::arg("lanes") = 0,
           py::arg("augmentation") = AugmentationNumbers{})
      .def(
          "set_options",
          [](PyTrainer& self, std::int64_t batch_size, const std::string& optimizer,
             const std::map<std::string, double>& hyperparameters,
             const std::vector<double>& dropout, std::size_t lanes,
             const AugmentationNumbers& augmentation, const py::kwargs& numbers) {
            const TrainOptions options = options_from(batch_size, optimizer, hyperparameters,
                                                      dropout, lanes, augmentation, numbers);
            self.visit([&](auto& trainer) { trainer.set_options(options); });
          },
          py::kw_only(), py::arg("batch_size"), py::arg("optimizer") = "sgd",
          py::arg("hyperparameters") = std::map<std::string, double>{},
          py::arg("dropout") = std::vector<double>{}, py::arg("lanes") = 0,
          py::arg("augmentation") = AugmentationNumbers{})
      .def("epoch", &epoch, py::arg("data"), py::arg("order") = py::none(), py::kw_only(),
           py::arg("learning_rate"), py::arg("shuffle") = false, py::arg("penalty_rows") = 0,
           py::arg("penalty_by_mini_batch") = false, py::arg("cost_with_penalty") = false,
           py::arg("cost_epsilon") = 0.0, py::arg("n_threads") = 0,
           py::arg("mini_batch_costs").noconvert() = py::none(),
           py::arg("after_batches") = py::none(), py::arg("batch_stride") = 1,
           py::arg("part") = py::none(), py::arg("stop") = py::none(),
           py::arg("collective") = py::none())
      .def("step_data", &step, py::arg("data"), py::arg("order") = py::none(), py::kw_only(),
           py::arg("learning_rate"), py::arg("batch") = 0, py::arg("penalty_rows") = 0,
           py::arg("n_threads") = 0)
      .def(
          "step",
          [](PyTrainer& self, const py::object& x, const py::object& y,
             const py::object& sample_weight, const py::object& learning_rate,
             bool mean_over_rows) {
            const StepOptions options = self.step_options(learning_rate, mean_over_rows);
            return self.visit(
                [&](auto& trainer) { return step_rows(trainer, x, y, sample_weight, options); });
          },
          py::arg("x"), py::arg("y"), py::arg("sample_weight") = py::none(), py::kw_only(),
          py::arg("learning_rate") = py::none(), py::arg("mean_over_rows") = false,
          "One update from rows x, (n, sizes[0]) or one row (sizes[0],), as one mini-batch; "
          "returns\n"
          "their mean cost before it.\n\n"
          "y is as in Network.fit; for one row a label or a number will do. sample_weight is "
          "(n,):\n"
          "the mean is weighted by it. With mean_over_rows it is the mean over the rows, each\n"
          "weight being a factor of its row's cost, of any sign: an advantage, say. learning_rate\n"
          "is for this step alone.\n\n"
          "Raises ValueError or TypeError for a wrong shape, dtype, label, NaN or infinity;\n"
          "BusyError while the network is in use; DivergenceError where the step left the finite\n"
          "numbers, and was taken back.")
      .def(
          "step_gradient",
          [](PyTrainer& self, const py::object& x, const py::object& output_gradient,
             const py::object& sample_weight, const py::object& learning_rate) {
            const StepOptions options = self.step_options(learning_rate, true);
            self.visit([&](auto& trainer) {
              step_gradient_rows(trainer, x, output_gradient, sample_weight, options);
            });
          },
          py::arg("x"), py::arg("output_gradient"), py::arg("sample_weight") = py::none(),
          py::kw_only(), py::arg("learning_rate") = py::none(),
          "One update from the derivatives of each row's cost with respect to its outputs, (n,\n"
          "sizes[-1]), whatever that cost is; the network's own is not asked.\n\n"
          "The step follows their mean over the rows, each times its sample_weight, which may "
          "have\n"
          "any sign. Rows x, learning_rate and errors as in step.")
      .def("set_step_defaults", &PyTrainer::set_step_defaults, py::arg("learning_rate"),
           py::arg("penalty_rows"), py::arg("n_threads"), py::pos_only())
      .def(
          "restore",
          [](PyTrainer& self, const std::filesystem::path& path) {
            const TensorFile file = read_tensor_file(path);
            self.visit([&](auto& trainer) { nncore::resume(trainer, file); });
          },
          py::arg("path"), py::pos_only())
      .def(
          "set_rates",
          [](PyTrainer& self, const std::vector<double>& rates) {
            self.visit([&](auto& trainer) {
              TrainOptions options = trainer.options();
              options.rates = rates;
              trainer.set_options(std::move(options));
            });
          },
          py::arg("rates"), py::pos_only())
      .def_static("resume", &PyTrainer::resume, py::arg("network"), py::arg("path"))
      .def(
          "save_checkpoint",
          [](PyTrainer& self, const std::filesystem::path& path, const NamedTexts& metadata,
             const NamedArrays& arrays) {
            const ArrayTensors tensors = tensors_of(arrays);
            self.save(path, {metadata, tensors.views});
          },
          py::arg("path"), py::kw_only(), py::arg("metadata"), py::arg("tensors"))
      .def_property_readonly(
          "lanes",
          [](PyTrainer& self) {
            return self.with_options([](const TrainOptions& options) { return options.lanes; });
          })
      .def_property_readonly("optimizer",
                             [](PyTrainer& self) {
                               return self.with_options([](const TrainOptions& options) {
                                 return std::string(name(options.optimizer));
                               });
                             })
      .def_property_readonly("hyperparameters",
                             [](PyTrainer& self) { return self.with_options(hyperparameters_of); })
      .def_property_readonly("augmentation",
                             [](PyTrainer& self) { return self.with_options(augmentation_of); })
      .def_property(
          "steps",
          [](PyTrainer& self) {
            return self.visit([](const auto& trainer) { return trainer.steps(); });
          },
          [](PyTrainer& self, std::uint64_t steps) {
            self.visit([&](auto& trainer) { trainer.set_steps(steps); });
          })
      .def_property(
          "position",
          [](PyTrainer& self) -> std::optional<Position> {
            const auto p = self.visit([](const auto& trainer) { return trainer.position(); });
            if (!p) return std::nullopt;
            return Position(p->epoch, p->rows, p->batch_size, p->batches, p->order, p->cost,
                            p->weight);
          },
          [](PyTrainer& self, const std::optional<Position>& position) {
            std::optional<EpochPosition> p;
            if (position) p = std::make_from_tuple<EpochPosition>(*position);
            self.visit([&](auto& trainer) { trainer.set_position(p); });
          })
      .def_property_readonly("slots", [](PyTrainer& self) {
        return self.visit([]<class T>(Trainer<T>& trainer) {
          const typename Network<T>::ReadAccess access(trainer.network());
          py::list views;
          const std::vector<std::span<T>> slots = trainer.slots();
          for (std::size_t i = 0; i < slots.size(); ++i) {
            views.append(flat_view(slots[i], owner_of(trainer.share_slot(i))));
          }
          return views;
        });
      });

  m.attr("MAX_LANES") = max_lanes;
  m.def("pays_without_zeros", &pays_without_zeros, py::arg("nonzeros"), py::arg("numbers"),
        py::pos_only());
  m.def(
      "rows_of_lane",
      [](std::size_t rows, std::size_t lanes, std::size_t i) {
        const LaneRange range = rows_of_lane(rows, lanes, i);
        return std::pair(range.begin, range.end);
      },
      py::arg("rows"), py::arg("lanes"), py::arg("i"), py::pos_only());
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
