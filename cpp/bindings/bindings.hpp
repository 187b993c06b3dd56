// What the binding files share: networks and data of either dtype, and NumPy arrays as the
// core's views. Conversion and checks happen here under the GIL; the work is one core call
// without it.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "nncore/nncore.hpp"

namespace py = pybind11;

namespace nncore::python {

template <class T>
inline constexpr const char* dtype_name = std::is_same_v<T, float> ? "float32" : "float64";

// A network as Python holds it.
struct PyNetwork {
  AnyNetwork any;

  template <class F>
  decltype(auto) visit(F&& f) const {
    return std::visit([&](const auto& network) -> decltype(auto) { return f(*network); }, any);
  }
};

// Rows of x as the core reads them, and the Python objects whose memory they are.
template <class T>
struct Rows {
  Inputs<T> view;
  bool single = false;  // x was one row, (inputs,)
  std::vector<py::object> owners;
};

// Any real array or CSR matrix; without a copy where the elements of each row are contiguous in
// T already. Throws TypeError or ValueError that names x.
template <class T>
Rows<T> rows_of(const py::handle& x, std::size_t inputs);

template <class T>
struct TypedDataset {
  Rows<T> x;
  Samples<T> samples;
  std::shared_ptr<const CompactRows<T>> compact;  // samples.x, where x is dense but mostly zero
  std::vector<py::object> owners;
  bool has_targets = false;
};

struct PyDataset {
  std::variant<TypedDataset<float>, TypedDataset<double>> any;

  // The samples in the network's dtype; ValueError if they were made for the other one.
  template <class T>
  const TypedDataset<T>& typed() const {
    if (const auto* found = std::get_if<TypedDataset<T>>(&any)) return *found;
    throw InvalidArgument(
        std::string("the data were prepared for the other dtype; the network is ") + dtype_name<T>);
  }
};

void bind_network(py::module_& m);
void bind_training(py::module_& m);
void bind_tensors(py::module_& m);

}  // namespace nncore::python
