// nncore._core.Dataset: arrays as samples, checked once.
#include <pybind11/stl.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "arrays.hpp"

namespace nncore::python {
namespace {

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

[[noreturn]] void bad_y(const py::array& y, std::size_t n, std::size_t outputs, bool labels) {
  const std::string rows = std::to_string(n), columns = std::to_string(outputs);
  throw py::value_error("y has shape " + py::str(y.attr("shape")).cast<std::string>() +
                        " and dtype " + py::str(y.dtype()).cast<std::string>() + "; expected " +
                        (outputs == 1 ? "targets (" + rows + ",) or (" + rows + ", 1)"
                                      : (labels ? "integer labels (" + rows + ",) or " : "") +
                                            "targets (" + rows + ", " + columns + ")") +
                        (labels && outputs > 1 && y.ndim() == 1 && y.dtype().kind() == 'f' &&
                                 std::size_t(y.size()) == n
                             ? "; if they are whole numbers, y.astype(int) makes labels of them"
                             : ""));
}

template <class T>
bool is_nan(T value) {
  return std::isnan(value);
}

// What becomes a Dataset: views, and the memory that they look at.
template <class T>
struct Given {
  Rows<T> x;
  Samples<T> samples;
  std::vector<std::int64_t> labels;
  py::object targets, weights;
};

template <class T>
void take_targets(Given<T>& given, const Network<T>& network, const py::object& object) {
  py::array y = real_array(object, "y");
  const std::size_t n = given.samples.rows();
  const Architecture& architecture = network.architecture();
  const bool own = architecture.cost == Cost::custom, labels_too = takes_labels(architecture.cost);
  // Columns of the targets: those that the cost asks for, or of a cost of the user's own any.
  std::size_t outputs = network.outputs() / outputs_per_target(architecture);
  if (own && y.ndim() == 2) outputs = std::size_t(y.shape(1));
  if (own && y.ndim() == 1 && y.dtype().kind() == 'f') outputs = 1;
  const bool fits = (y.ndim() == 1 || (y.ndim() == 2 && std::size_t(y.shape(1)) == outputs)) &&
                    std::size_t(y.shape(0)) == n && (y.ndim() == 2 || outputs == 1 || labels_too);
  if (!fits) bad_y(y, n, outputs, labels_too);

  const auto use_labels = [&](std::vector<std::int64_t> labels) {
    given.labels = std::move(labels);
    given.samples.y = std::span<const std::int64_t>(given.labels);
  };
  if (y.ndim() == 1 && outputs > 1) {
    if (y.dtype().kind() == 'f') {
      const py::array_t<T> values = contiguous<T>(y, "y");
      const T* const nan = std::find_if(values.data(), values.data() + n, is_nan<T>);
      if (nan != values.data() + n) {
        throw py::value_error("y has NaN in row " + std::to_string(nan - values.data()) +
                              "; expected integer labels (" + std::to_string(n) + ",)");
      }
      bad_y(y, n, outputs, labels_too);
    }
    if (y.dtype().kind() == 'u' && y.itemsize() == 8 && n > 0) {
      integer_of(y.attr("max")(), "y's largest label", 0, static_cast<std::int64_t>(outputs) - 1);
    }
    const auto labels = contiguous<std::int64_t>(y, "y");
    use_labels({labels.data(), labels.data() + n});
    return;
  }
  const py::array_t<T> values = contiguous<T>(y, "y");
  const bool may_be_labels = labels_too && outputs == network.outputs();
  if (may_be_labels && outputs == 1 && are_binary(network, values.data(), n)) {
    std::vector<std::int64_t> labels(n);
    for (std::size_t i = 0; i < n; ++i) labels[i] = values.data()[i] > T(0);
    use_labels(std::move(labels));
    return;
  }
  if (may_be_labels && outputs > 1) {
    if (auto labels = one_hot_labels(values.data(), n, outputs)) {
      use_labels(std::move(*labels));
      return;
    }
  }
  given.samples.y = MatrixView<const T>{values.data(), n, outputs, outputs};
  given.targets = values;
}

template <class T>
PyDataset make_dataset(const Network<T>& network, const py::object& x, const py::object& y,
                       const py::object& sample_weight, py::object columns,
                       std::optional<bool> without_zeros) {
  Given<T> given;
  if (columns.is_none()) columns = column_names(x);
  given.x = rows_of<T>(x, network.inputs(), columns);
  if (given.x.single) {
    throw py::value_error("x has 1 dimension; expected (n, " + std::to_string(network.inputs()) +
                          ")");
  }
  given.samples.x = given.x.view;
  const std::size_t n = given.samples.rows();
  if (!sample_weight.is_none()) {
    const py::array_t<T> weights = contiguous<T>(sample_weight, "sample_weight");
    if (weights.ndim() != 1 || std::size_t(weights.size()) != n) {
      throw py::value_error("sample_weight has shape " +
                            py::str(weights.attr("shape")).cast<std::string>() + "; expected (" +
                            std::to_string(n) + ",)");
    }
    given.samples.weights = {weights.data(), n};
    given.weights = weights;
  }
  if (!y.is_none()) take_targets(given, network, y);
  TypedDataset<T> made;
  try {
    const GilReleased release;
    if (y.is_none()) {
      made.data.emplace(network, given.samples.x);
    } else {
      made.data.emplace(network, given.samples, without_zeros.value_or(true),
                        without_zeros.value_or(false));
    }
  } catch (const InvalidArgument&) {
    name_column_of_fault(given.samples.x, columns);
    throw;
  }
  // All else was copied. The numbers of x come first, dense or sparse.
  made.owners = {given.x.owners[0], given.targets};
  return {std::move(made)};
}

}  // namespace

void bind_dataset(py::class_<PyDataset>& dataset) {
  dataset
      .def(py::init([](const PyNetwork& network, const py::object& x, const py::object& y,
                       const py::object& sample_weight, const py::object& columns,
                       std::optional<bool> without_zeros) {
             return network.visit([&]<class T>(const Network<T>& n) {
               return make_dataset(n, x, y, sample_weight, columns, without_zeros);
             });
           }),
           py::arg("network"), py::arg("x"), py::arg("y") = py::none(),
           py::arg("sample_weight") = py::none(), py::arg("columns") = py::none(),
           py::arg("without_zeros") = py::none())
      .def("__len__",
           [](const PyDataset& self) {
             return self.visit(std::size_t{0}, [](const auto& data) { return data.rows(); });
           })
      .def_property_readonly("has_classes",
                             [](const PyDataset& self) {
                               return self.visit(false, [](const auto& data) {
                                 return data.has_targets() && data.samples().y.are_labels();
                               });
                             })
      .def_property_readonly("weight_sum", [](const PyDataset& self) {
        return self.visit(0.0, [](const auto& data) { return data.weight_sum(); });
      });
}

}  // namespace nncore::python
