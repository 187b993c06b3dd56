// nncore._core: errors, names, runtime. The rest is in the files beside it.
#include <pybind11/stl.h>

#include <cstring>
#include <limits>

#include "bindings.hpp"
#include "nncore/nncore.h"

namespace nncore::python {
namespace {

template <class Enum>
py::tuple name_tuple() {
  py::list names;
  for (const std::string_view name : all_names<Enum>()) names.append(py::str(std::string(name)));
  return py::tuple(names);
}

// All but the one that has no equation here.
py::tuple named_costs() {
  py::list names;
  for (const std::string_view name : all_names<Cost>()) {
    if (name != nncore::name(Cost::custom)) names.append(py::str(std::string(name)));
  }
  return py::tuple(names);
}

// Each name's hyperparameters and their defaults.
template <class Enum>
py::dict hyperparameter_table() {
  py::dict table;
  for (const std::string_view owner : all_names<Enum>()) {
    py::dict defaults;
    for (const Hyperparameter& h : hyperparameters(from_name<Enum>(owner))) {
      defaults[py::str(std::string(h.name))] = h.value;
    }
    table[py::str(std::string(owner))] = defaults;
  }
  return table;
}

// An exception class that Python code knows as nncore.NAME.
py::object make_error(py::module_& m, const char* name, const char* doc, PyObject* base) {
  const std::string full = std::string("nncore.") + name;
  const auto type = py::reinterpret_steal<py::object>(
      PyErr_NewExceptionWithDoc(full.c_str(), doc, base, nullptr));
  if (!type) throw py::error_already_set();
  m.attr(name) = type;
  return type;
}

// Messages may hold paths, whose bytes need not be UTF-8.
void raise(PyObject* type, const char* message) {
  const auto decoded = py::reinterpret_steal<py::object>(PyUnicode_DecodeUTF8(
      message, static_cast<py::ssize_t>(std::strlen(message)), "surrogateescape"));
  if (decoded) PyErr_SetObject(type, decoded.ptr());
}

PyObject *busy_error, *data_error, *divergence_error, *model_file_error;

void translate(std::exception_ptr thrown) {
  try {
    if (thrown) std::rethrow_exception(thrown);
  } catch (const InvalidArgument& error) {
    raise(PyExc_ValueError, error.what());
  } catch (const BusyError& error) {
    raise(busy_error, error.what());
  } catch (const ModelFileError& error) {
    raise(model_file_error, error.what());
  } catch (const DataFileError& error) {
    raise(data_error, error.what());
  } catch (const DivergenceError& error) {
    const py::object instance = py::handle(divergence_error)(error.what());
    instance.attr("epoch") = error.epoch();
    PyErr_SetObject(divergence_error, instance.ptr());
  }
}

py::dict info() {
  const BuildInfo build = build_info();
  py::dict d;
  d["version"] = build.version;
  d["compiler"] = build.compiler;
  d["build_type"] = build.build_type;
  d["instruction_set"] = build.instruction_set;
  d["openmp"] = build.openmp;
  d["threads"] = num_threads();
  return d;
}

// The base that pybind11 gives all classes has no objects of its own. Who asks for one, as copyreg
// does for the oldest protocols of pickle, would have a C++ exception thrown through the
// interpreter, which ends the process.
void refuse_bare_objects() {
  auto* base = reinterpret_cast<PyTypeObject*>(py::detail::get_internals().instance_base);
  base->tp_new = [](PyTypeObject* type, PyObject*, PyObject*) -> PyObject* {
    try {
      return py::detail::make_new_instance(type);
    } catch (const std::exception& error) {
      PyErr_SetString(PyExc_TypeError, error.what());
      return nullptr;
    }
  };
}

}  // namespace
}  // namespace nncore::python

// Without the GIL, too: what Python shares is immutable once made (Dataset), or guarded by the core
// (a network in training), or NumPy memory, which is its users' to guard.
PYBIND11_MODULE(_core, m, py::mod_gil_not_used()) {
  using namespace nncore;
  using namespace nncore::python;
  refuse_bare_objects();
  // At first use pybind11 would look for NumPy's functions without the GIL, which cannot be taken
  // back safely while Python shuts down.
  py::detail::npy_api::get();
  m.doc() = "The compiled core of nncore; see the package for the public face.";
  // By its C name: the C API is then linked in, and whoever loads this file can call all of it.
  m.attr("__version__") = nncore_version();

  busy_error =
      make_error(m, "BusyError", "The network is being trained, and the call would race with that.",
                 PyExc_RuntimeError)
          .release()
          .ptr();
  data_error =
      make_error(m, "DataError",
                 "A data file is missing, damaged, of another kind, or cannot be downloaded.",
                 PyExc_ValueError)
          .release()
          .ptr();
  divergence_error =
      make_error(m, "DivergenceError",
                 "Training left the finite numbers; the network is as it was when the epoch\n"
                 "began. `epoch` is that epoch, counted from the network's first, 0.",
                 PyExc_ArithmeticError)
          .release()
          .ptr();
  model_file_error =
      make_error(m, "ModelFileError", "A model file cannot be read or written.", PyExc_ValueError)
          .release()
          .ptr();
  py::register_exception_translator(&translate);

  m.attr("ACTIVATIONS") = name_tuple<Activation>();
  m.attr("COSTS") = named_costs();
  m.attr("COST_HYPERPARAMETERS") = hyperparameter_table<Cost>();
  m.attr("INITIALIZERS") = name_tuple<Initializer>();
  m.attr("OPTIMIZERS") = hyperparameter_table<Optimizer>();
  m.attr("SCHEDULES") = hyperparameter_table<Schedule>();
  m.def("build_info", &info);
  m.def(
      "set_num_threads",
      [](const py::object& n) {
        set_num_threads(static_cast<int>(
            integer_of(n, "the number of threads", 1, std::numeric_limits<int>::max())));
      },
      py::arg("n"), py::pos_only(), "Sets the most threads that a call may use, 1 or more.");
  m.def("get_num_threads", &num_threads, "The most threads that a call may use.");
  m.def(
      "output_activations",
      [](const std::string& cost) {
        py::list names;
        for (const Activation a : output_activations(from_name<Cost>(cost))) {
          names.append(py::str(std::string(name(a))));
        }
        return py::tuple(names);
      },
      py::arg("cost"), py::pos_only());
  m.def(
      "is_trainable",
      [](const std::string& activation) { return is_trainable(from_name<Activation>(activation)); },
      py::arg("activation"), py::pos_only());
  m.def(
      "output_range",
      [](const std::string& activation) {
        const OutputRange range = output_range(from_name<Activation>(activation));
        return std::pair(range.low, range.high);
      },
      py::arg("activation"), py::pos_only());
  m.attr("TARGET_ROUNDING") = target_rounding;
  m.def(
      "default_initializer",
      [](const std::string& activation) {
        return std::string(name(default_initializer(from_name<Activation>(activation))));
      },
      py::arg("activation"), py::pos_only());

  m.def(
      "learning_rate",
      [](const std::string& schedule, const std::map<std::string, double>& hyperparameters,
         std::uint64_t epoch) {
        ScheduleOptions options{from_name<Schedule>(schedule)};
        for (const auto& [name, value] : hyperparameters) set_hyperparameter(options, name, value);
        return learning_rate(options, epoch);
      },
      py::arg("schedule"), py::arg("hyperparameters"), py::arg("epoch"), py::pos_only());

  // Both classes before their functions, whose signatures name them.
  py::class_<PyNetwork> network(m, "Network");
  py::class_<PyDataset> dataset(m, "Dataset",
                                "Rows, targets and weights, checked and converted once.");
  refuse_pickling(network, "; nncore.Network can be pickled");
  refuse_pickling(dataset, "; make it anew from its arrays");
  bind_network(m, network);
  bind_dataset(dataset);
  bind_training(m);
  bind_augment(m);
  bind_files(m);
  bind_tensors(m);
}
