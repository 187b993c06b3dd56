// What the binding files share: networks and data of either dtype, and NumPy arrays as the
// core's views. Conversion and checks happen here under the GIL; the work is one core call
// without it.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "gil.hpp"
#include "nncore/nncore.hpp"

namespace py = pybind11;

namespace nncore::python {

template <class T>
inline constexpr const char* dtype_name = std::is_same_v<T, float> ? "float32" : "float64";

// Python can make an object of a class and never run its __init__; pybind11 then hands out raw
// memory, which is zero if the class says so here: its pointers are null and can be told.
struct ZeroedMemory {
  static void* operator new(std::size_t size) { return std::memset(::operator new(size), 0, size); }
  static void* operator new(std::size_t, void* place) { return place; }
};

[[noreturn]] inline void not_initialised() {
  throw py::type_error("this object was not initialised: call super().__init__ first");
}

// A network as Python holds it.
struct PyNetwork : ZeroedMemory {
  AnyNetwork any;

  PyNetwork(AnyNetwork network) : any(std::move(network)) {}  // NOLINT(google-explicit-constructor)

  template <class F>
  decltype(auto) visit(F&& f) const {
    if (std::visit([](const auto& network) { return !network; }, any)) not_initialised();
    return std::visit([&](const auto& network) -> decltype(auto) { return f(*network); }, any);
  }
};

// Rows of x as the core reads them, and the Python objects whose memory they are.
template <class T>
struct Rows {
  Inputs<T> view;
  bool single = false;  // x was one row, (inputs,)
  std::array<py::object, 3> owners;
};

// Any real array or CSR matrix; without a copy where the elements of each row are contiguous in
// T already. Throws TypeError or ValueError that names x, and its column where there are names.
template <class T>
Rows<T> rows_of(const py::handle& x, std::size_t inputs, const py::object& columns = py::none());

// The core's data set, and the Python objects whose memory it reads.
template <class T>
struct TypedDataset {
  std::optional<Dataset<T>> data;  // none where Python never ran __init__
  std::vector<py::object> owners;
};

struct PyDataset : ZeroedMemory {
  std::variant<TypedDataset<float>, TypedDataset<double>> any;

  template <class T>
  PyDataset(TypedDataset<T> data) : any(std::move(data)) {}  // NOLINT(google-explicit-constructor)

  // The data in the network's dtype; ValueError if they were made for the other one.
  template <class T>
  const Dataset<T>& typed() const {
    const auto* found = std::get_if<TypedDataset<T>>(&any);
    if (!found) {
      throw InvalidArgument(
          std::string("the data were prepared for the other dtype; the network is ") +
          dtype_name<T>);
    }
    if (!found->data) not_initialised();
    return *found->data;
  }

  // What f makes of the data set, whatever its dtype; `otherwise` where there is none.
  template <class Result, class F>
  Result visit(Result otherwise, F&& f) const {
    return std::visit(
        [&](const auto& typed) { return typed.data ? Result(f(*typed.data)) : otherwise; }, any);
  }
};

// object.name; null where there is no such attribute. Whatever else is raised on the way passes.
py::object attribute(const py::handle& object, const char* name);

// The integer that a Python object stands for; TypeError or ValueError that names it as `what`.
std::int64_t integer_of(const py::handle& object, const char* what, std::int64_t low,
                        std::int64_t high);

// NumPy arrays as tensors of a file, kept alive.
struct ArrayTensors {
  std::vector<TensorView> views;
  std::vector<py::object> owners;
};
using NamedTexts = std::map<std::string, std::string>;
using NamedArrays = std::map<std::string, py::array>;
ArrayTensors tensors_of(const NamedArrays& arrays);

// Every protocol of pickle asks for __reduce__, and so does copy. What they would do by themselves
// with a class of pybind11 aborts the process.
template <class Class>
void refuse_pickling(Class& bound, const char* instead) {
  bound.def("__reduce__", [instead](const py::object& self) -> py::object {
    throw py::type_error(
        "cannot pickle or copy '" +
        py::str(py::type::handle_of(self).attr("__qualname__")).template cast<std::string>() +
        "' objects" + instead);
  });
}

void bind_network(py::module_& m, py::class_<PyNetwork>& network);
void bind_dataset(py::class_<PyDataset>& dataset);
void bind_training(py::module_& m);
void bind_augment(py::module_& m);
void bind_files(py::module_& m);
void bind_tensors(py::module_& m);

}  // namespace nncore::python
