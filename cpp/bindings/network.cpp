// nncore._core.Network: parameters, prediction, measuring, gradients, files.
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <limits>

#include "arrays.hpp"

namespace nncore::python {
namespace {

// Below so much work, handing the GIL over costs more than it gives.
constexpr double gil_grain = 5e4;

template <class T, class F>
void without_gil(const Network<T>& network, std::size_t rows, F&& work) {
  if (double(network.parameters().size()) * double(rows) < gil_grain) {
    work();
  } else {
    const GilReleased release;
    work();
  }
}

template <class Enum>
std::vector<Enum> from_names(const std::vector<std::string>& names) {
  std::vector<Enum> result;
  for (const std::string& name : names) result.push_back(from_name<Enum>(name));
  return result;
}

PyNetwork make_network(const std::vector<std::int64_t>& sizes,
                       const std::vector<std::string>& activations, const std::string& cost,
                       const std::string& dtype, std::uint64_t seed,
                       const std::map<std::string, double>& cost_hyperparameters,
                       const std::vector<double>& cost_list) {
  Architecture architecture;
  for (const std::int64_t size : sizes) {
    if (size < 1) {
      throw InvalidArgument("sizes has " + std::to_string(size) +
                            "; expected one unit or more in every layer");
    }
    architecture.sizes.push_back(static_cast<std::size_t>(size));
  }
  architecture.activations = from_names<Activation>(activations);
  architecture.cost = from_name<Cost>(cost);
  for (const auto& [name, value] : cost_hyperparameters) {
    set_cost_hyperparameter(architecture, name, value);
  }
  architecture.cost_list = cost_list;
  if (dtype == "float32") return {std::make_shared<Network<float>>(architecture, seed)};
  if (dtype == "float64") return {std::make_shared<Network<double>>(architecture, seed)};
  throw InvalidArgument("dtype is '" + dtype + "'; expected 'float32' or 'float64'");
}

// Rows ready to go through the network: an array checked now, or a Dataset checked before.
template <class T, class F>
auto with_rows(const Network<T>& network, const py::object& x, F&& f) {
  if (!py::isinstance<py::array>(x) && py::isinstance<PyDataset>(x)) {
    return f(Rows<T>{.view = x.cast<const PyDataset&>().typed<T>().inputs(), .owners = {}});
  }
  const Rows<T> rows = rows_of<T>(x, network.inputs());
  try {
    without_gil(network, rows.view.rows(), [&] { check(network, rows.view); });
  } catch (const InvalidArgument&) {
    name_column_of_fault(rows.view, column_names(x));
    throw;
  }
  return f(rows);
}

// A new array of n numbers.
template <class T>
py::array_t<T> new_vector(std::size_t n) {
  auto& numpy = py::detail::npy_api::get();
  Py_intptr_t shape[] = {static_cast<Py_intptr_t>(n)};
  PyObject* made =
      numpy.PyArray_NewFromDescr_(numpy.PyArray_Type_, py::dtype::of<T>().release().ptr(), 1, shape,
                                  nullptr, nullptr, 0, nullptr);
  if (!made) throw py::error_already_set();
  return py::reinterpret_steal<py::array_t<T>>(made);
}

template <class T>
MatrixView<T> matrix_of(py::array_t<T>& a, std::size_t rows, std::size_t cols) {
  return {a.mutable_data(), rows, cols, cols};
}

py::object feedforward(const PyNetwork& self, const py::object& x) {
  return self.visit([&]<class T>(const Network<T>& network) -> py::object {
    return with_rows(network, x, [&](const Rows<T>& rows) -> py::object {
      const std::size_t n = rows.view.rows(), out = network.outputs();
      py::array_t<T> a = rows.single ? new_vector<T>(out) : py::array_t<T>({n, out});
      const MatrixView<T> view = matrix_of(a, n, out);
      without_gil(network, n, [&] { network.feedforward(rows.view, view); });
      return a;
    });
  });
}

// Several outputs that are neither probabilities nor decisions may well be no classes.
void warn_of_doubtful_classes(const Architecture& architecture) {
  if (!takes_labels(architecture.cost)) return;  // which predict refuses
  const Activation output = architecture.activations.back();
  if (architecture.sizes.back() == 1 || output == Activation::softmax ||
      output == Activation::sigmoid || output == Activation::tanh || output == Activation::step) {
    return;
  }
  const std::string message = "predict gives the index of the largest of " +
                              std::to_string(architecture.sizes.back()) + " " +
                              std::string(name(output)) +
                              " outputs; feedforward gives their values. Networks that tell "
                              "classes have output_activation='softmax'";
  if (PyErr_WarnEx(PyExc_UserWarning, message.c_str(), 1) != 0) throw py::error_already_set();
}

py::object predict(const PyNetwork& self, const py::object& x) {
  return self.visit([&]<class T>(const Network<T>& network) -> py::object {
    return with_rows(network, x, [&](const Rows<T>& rows) -> py::object {
      warn_of_doubtful_classes(network.architecture());
      if (rows.single) {
        std::int64_t label = 0;
        without_gil(network, 1, [&] { network.predict(rows.view, {&label, 1}); });
        return py::int_(label);
      }
      py::array_t<std::int64_t> labels = new_vector<std::int64_t>(rows.view.rows());
      const std::span<std::int64_t> view(labels.mutable_data(), rows.view.rows());
      without_gil(network, view.size(), [&] { network.predict(rows.view, view); });
      return labels;
    });
  });
}

py::list hidden_activations(const PyNetwork& self, const py::object& x) {
  return self.visit([&]<class T>(const Network<T>& network) {
    return with_rows(network, x, [&](const Rows<T>& rows) {
      const std::size_t n = rows.view.rows();
      py::list arrays;
      std::vector<MatrixView<T>> views;
      for (const Layer& layer : network.layers()) {
        py::array_t<T> a({n, layer.out});
        views.push_back(matrix_of(a, n, layer.out));
        arrays.append(rows.single ? a[py::int_(0)] : py::object(a));
      }
      without_gil(network, n, [&] { network.activations(rows.view, views); });
      return arrays;
    });
  });
}

py::tuple evaluate(const PyNetwork& self, const PyDataset& data, double cost_epsilon) {
  return self.visit([&]<class T>(const Network<T>& network) {
    const Samples<T>& samples = data.typed<T>().samples();
    Evaluation result;
    without_gil(network, samples.rows(), [&] { result = network.evaluate(samples, cost_epsilon); });
    return py::make_tuple(result.cost, result.accuracy);
  });
}

// Every layer's weights, (out, in), of a block that is laid out as the network's parameters.
template <class T>
py::list weights_in(T* block, const Network<T>& network, const py::capsule& owner) {
  py::list views;
  for (const Layer& l : network.layers()) {
    views.append(transposed_view<T>({block + l.weights_offset, l.in, l.out, l.stride}, owner));
  }
  return views;
}

template <class T>
py::list biases_in(T* block, const Network<T>& network, const py::capsule& owner) {
  py::list views;
  for (const Layer& l : network.layers()) {
    views.append(flat_view<T>({block + l.biases_offset, l.out}, owner));
  }
  return views;
}

py::tuple gradients(const PyNetwork& self, const PyDataset& data, double l2, double l1,
                    std::size_t penalty_rows, double cost_epsilon) {
  return self.visit([&]<class T>(const Network<T>& network) {
    const Samples<T>& samples = data.typed<T>().samples();
    auto block = std::make_shared<std::vector<T>>(network.parameters().size());
    double cost = 0;
    without_gil(network, samples.rows(), [&] {
      cost = network.gradients(samples, *block, {.l2 = l2, .l1 = l1, .rows = penalty_rows},
                               cost_epsilon);
    });
    const py::capsule owner = owner_of<std::vector<T>>(block);
    return py::make_tuple(cost, weights_in(block->data(), network, owner),
                          biases_in(block->data(), network, owner));
  });
}

py::object input_gradient(const PyNetwork& self, const PyDataset& data) {
  return self.visit([&]<class T>(const Network<T>& network) -> py::object {
    const Samples<T>& samples = data.typed<T>().samples();
    py::array_t<T> gradient({samples.rows(), network.inputs()});
    const MatrixView<T> view = matrix_of(gradient, samples.rows(), network.inputs());
    without_gil(network, samples.rows(), [&] { network.input_gradients(samples, view); });
    return gradient;
  });
}

py::list weight_views(const PyNetwork& self) {
  return self.visit([](auto& network) {
    const auto block = network.share_parameters();
    return weights_in(block.get(), network, owner_of(block));
  });
}

py::list bias_views(const PyNetwork& self) {
  return self.visit([](auto& network) {
    const auto block = network.share_parameters();
    return biases_in(block.get(), network, owner_of(block));
  });
}

// An array of a matrix's elements, which its reader may keep.
template <class T>
py::array_t<T> copy_of(const MatrixView<const T>& view) {
  py::array_t<T> a({view.rows, view.cols});
  for (std::size_t i = 0; i < view.rows; ++i) {
    std::copy_n(view.row(i), view.cols, a.mutable_data() + i * view.cols);
  }
  return a;
}

template <class T>
py::array_t<T> result_array(const py::handle& object, const char* what, std::size_t rows,
                            std::size_t cols, bool flat) {
  const py::array_t<T> a = contiguous<T>(object, what);
  const bool fits =
      flat ? a.ndim() == 1 && std::size_t(a.shape(0)) == rows
           : a.ndim() == 2 && std::size_t(a.shape(0)) == rows && std::size_t(a.shape(1)) == cols;
  if (fits) return a;
  throw py::value_error(std::string(what) + " have shape " +
                        py::str(a.attr("shape")).cast<std::string>() + "; expected (" +
                        std::to_string(rows) + (flat ? ",)" : ", " + std::to_string(cols) + ")"));
}

// A Python callable(outputs, y) -> (costs, slopes) as the core calls it, with or without the GIL.
template <class T>
CostFunction<T> cost_of(const py::object& callable) {
  const std::shared_ptr<PyObject> held(callable.inc_ref().ptr(), [](PyObject* object) {
    const GilTaken gil;
    Py_DECREF(object);
  });
  return [held](MatrixView<const T> outputs, MatrixView<const T> y, std::span<T> costs,
                MatrixView<T> slopes) {
    const GilTaken gil;
    const py::object result = py::handle(held.get())(copy_of(outputs), copy_of(y));
    if (!py::isinstance<py::sequence>(result) || py::len(result) != 2) {
      throw py::type_error("the cost must return (costs, slopes), got " +
                           py::repr(result).cast<std::string>());
    }
    const py::sequence pair(result);
    const auto given_costs = result_array<T>(pair[0], "the costs", outputs.rows, 1, true);
    const auto given_slopes =
        result_array<T>(pair[1], "the cost's slopes", outputs.rows, outputs.cols, false);
    std::copy_n(given_costs.data(), costs.size(), costs.data());
    for (std::size_t i = 0; i < slopes.rows; ++i) {
      std::copy_n(given_slopes.data() + i * slopes.cols, slopes.cols, slopes.row(i));
    }
  };
}

void set_cost_function(const PyNetwork& self, const py::object& cost) {
  self.visit([&]<class T>(Network<T>& network) {
    network.set_cost_function(cost.is_none() ? CostFunction<T>() : cost_of<T>(cost));
  });
}

void copy_parameters(const PyNetwork& self, const PyNetwork& other, double tau) {
  self.visit([&]<class T>(Network<T>& network) {
    const auto* same = std::get_if<Shared<Network<T>>>(&other.any);
    if (!same) {
      throw InvalidArgument(std::string("the other network has the other dtype; this one is ") +
                            dtype_name<T>);
    }
    if (!*same) not_initialised();
    network.copy_from(**same, tau);
  });
}

py::tuple names_of(std::span<const Activation> activations) {
  py::list names;
  for (const Activation a : activations) names.append(py::str(std::string(name(a))));
  return py::tuple(names);
}

}  // namespace

void bind_network(py::module_& m, py::class_<PyNetwork>& network_class) {
  network_class
      .def(py::init(&make_network), py::arg("sizes"), py::arg("activations"),
           py::arg("cost") = "quadratic", py::arg("dtype") = "float32", py::arg("seed") = 0,
           py::arg("cost_hyperparameters") = std::map<std::string, double>{},
           py::arg("cost_list") = std::vector<double>{})
      .def(py::init([](const PyNetwork& other) { return other; }), py::arg("other"),
           "The same network, its parameters shared.")
      .def_property_readonly(
          "sizes",
          [](const PyNetwork& self) {
            return self.visit([](const auto& network) {
              return py::tuple(py::cast(network.architecture().sizes));
            });
          },
          "Units of every layer, the inputs first.")
      .def_property_readonly(
          "activations",
          [](const PyNetwork& self) {
            return self.visit(
                [](const auto& network) { return names_of(network.architecture().activations); });
          },
          "The activation of every layer but the inputs.")
      .def_property_readonly(
          "cost",
          [](const PyNetwork& self) {
            return self.visit(
                [](const auto& network) { return std::string(name(network.architecture().cost)); });
          },
          "The name of what training makes small.")
      .def_property_readonly(
          "cost_hyperparameters",
          [](const PyNetwork& self) {
            return self.visit([](const auto& network) {
              const Architecture& a = network.architecture();
              py::dict values;
              const auto known = hyperparameters(a.cost);
              for (std::size_t i = 0; i < known.size(); ++i) {
                values[py::str(std::string(known[i].name))] = a.cost_hyperparameters[i];
              }
              return values;
            });
          },
          "The numbers of the cost, by name.")
      .def_property_readonly(
          "cost_list",
          [](const PyNetwork& self) {
            return self.visit([](const auto& network) {
              return py::tuple(py::cast(network.architecture().cost_list));
            });
          },
          "The quantiles of a pinball cost, or the weights of the classes of a focal one.")
      .def_property_readonly(
          "dtype",
          [](const PyNetwork& self) {
            return self.visit([]<class T>(const Network<T>&) { return py::dtype::of<T>(); });
          },
          "float32 or float64, of the parameters and all that is computed.")
      .def_property_readonly(
          "seed",
          [](const PyNetwork& self) {
            return self.visit([](const auto& network) { return network.seed(); });
          },
          "What fixes the parameters drawn, every shuffle and every dropout.")
      .def_property(
          "epoch",
          [](const PyNetwork& self) {
            return self.visit([](const auto& network) { return network.epoch(); });
          },
          [](const PyNetwork& self, const py::object& epoch) {
            const std::int64_t number =
                integer_of(epoch, "epoch", 0, std::numeric_limits<std::int64_t>::max());
            self.visit(
                [&](auto& network) { network.set_epoch(static_cast<std::uint64_t>(number)); });
          },
          "Epochs trained so far, the key of the next shuffle and of dropout.")
      .def(
          "all_finite",
          [](const PyNetwork& self) {
            return self.visit([]<class T>(const Network<T>& network) {
              const typename Network<T>::ReadAccess access(network);
              return network.all_finite();
            });
          },
          "Whether every weight and bias is finite. Raises BusyError during training in another\n"
          "thread.")
      .def("feedforward", &feedforward, py::arg("x"), py::pos_only(),
           "Activations of the outputs, (n, sizes[-1]), for rows x, (n, sizes[0]); one row\n"
           "(sizes[0],) gives (sizes[-1],). Raises ValueError or TypeError for a wrong shape,\n"
           "dtype, NaN or infinity; BusyError during training in another thread.")
      .def("predict", &predict, py::arg("x"), py::pos_only(),
           "Class labels, (n,) int64: the index of the largest output; for one sigmoid, tanh or\n"
           "step output whether it passes 0.5 (tanh: 0). Arguments and errors as feedforward.")
      .def("hidden_activations", &hidden_activations, py::arg("x"), py::pos_only(),
           "Activations of every layer for rows x, (n, sizes[l]) each, the outputs last.");

  // What nncore.Network and the modules around it are made of, and what users do not call.
  m.def(
      "initialize",
      [](const PyNetwork& self, const std::vector<std::string>& names) {
        const auto initializers = from_names<Initializer>(names);
        self.visit([&](auto& network) { network.initialize(initializers); });
      },
      py::arg("network"), py::arg("initializers"), py::pos_only());
  m.def("weight_views", &weight_views, py::arg("network"), py::pos_only());
  m.def("bias_views", &bias_views, py::arg("network"), py::pos_only());
  m.def(
      "check_no_session_elsewhere",
      [](const PyNetwork& self) {
        self.visit([](const auto& network) { network.check_no_session_elsewhere(); });
      },
      py::arg("network"), py::pos_only());
  m.def("set_cost_function", &set_cost_function, py::arg("network"), py::arg("cost"),
        py::pos_only());
  m.def("copy_parameters", &copy_parameters, py::arg("network"), py::arg("other"), py::arg("tau"),
        py::pos_only());
  m.def("evaluate", &evaluate, py::arg("network"), py::arg("data"), py::pos_only(), py::kw_only(),
        py::arg("cost_epsilon") = 0.0);
  m.def("gradients", &gradients, py::arg("network"), py::arg("data"), py::pos_only(), py::kw_only(),
        py::arg("l2") = 0.0, py::arg("l1") = 0.0, py::arg("penalty_rows") = 0,
        py::arg("cost_epsilon") = 0.0);
  m.def("input_gradient", &input_gradient, py::arg("network"), py::arg("data"), py::pos_only());
  m.def(
      "save_model",
      [](const PyNetwork& self, const std::filesystem::path& path, const NamedTexts& metadata,
         const NamedArrays& arrays) {
        const ArrayTensors tensors = tensors_of(arrays);
        self.visit([&](const auto& network) {
          const GilReleased release;
          save_model(network, path, {metadata, tensors.views});
        });
      },
      py::arg("network"), py::arg("path"), py::pos_only(), py::arg("metadata") = py::dict(),
      py::arg("tensors") = py::dict());
  m.def(
      "load_model",
      [](const std::filesystem::path& path) {
        const TensorFile file = [&] {
          const GilReleased release;
          return read_tensor_file(path);
        }();
        return std::pair(PyNetwork{model_from(file)}, NamedTexts(file.metadata()));
      },
      py::arg("path"), py::pos_only());
}

}  // namespace nncore::python
