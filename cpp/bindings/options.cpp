// Options of training, and nncore._core.augment.
#include "options.hpp"

#include <pybind11/stl.h>

#include "arrays.hpp"

namespace nncore::python {
namespace {

Augmentation augmentation_from(const AugmentationNumbers& numbers) {
  Augmentation augmentation;
  for (const auto& [name, value] : numbers) {
    if (set_number(augmentation, name, value)) continue;
    throw py::type_error("an augmentation has no number '" + name + "'");
  }
  return augmentation;
}

// Rows (n, inputs), each distorted; in T.
template <class T>
py::array augmented(const py::object& x, std::size_t inputs, const AugmentationNumbers& numbers,
                    std::uint64_t seed, std::uint64_t epoch, std::uint64_t first_row) {
  const Augmentation augmentation = augmentation_from(numbers);
  const Rows<T> rows = rows_of<T>(x, inputs);
  const std::size_t n = rows.view.rows();
  py::array_t<T> out({static_cast<py::ssize_t>(n), static_cast<py::ssize_t>(inputs)});
  const MatrixView<T> to{out.mutable_data(), n, inputs, inputs};
  const GilReleased release;
  augment(augmentation, rows.view, to, seed, epoch, first_row);
  return out;
}

}  // namespace

TrainOptions options_from(std::int64_t batch_size, const std::string& optimizer,
                          const std::map<std::string, double>& hyperparameters,
                          const std::vector<double>& dropout, std::size_t lanes,
                          const AugmentationNumbers& augmentation, const py::kwargs& numbers) {
  if (batch_size < 1) {
    throw InvalidArgument("batch_size is " + std::to_string(batch_size) + "; expected 1 or more");
  }
  TrainOptions options;
  options.batch_size = static_cast<std::size_t>(batch_size);
  options.optimizer = from_name<Optimizer>(optimizer);
  for (const auto& [name, value] : hyperparameters) set_hyperparameter(options, name, value);
  options.dropout = dropout;
  options.lanes = lanes;
  options.augmentation = augmentation_from(augmentation);
  for (const auto& [key, value] : numbers) {
    const auto name = key.cast<std::string>();
    py::detail::make_caster<double> number;
    if (!number.load(value, true)) {
      throw py::type_error(name + " is " + py::repr(value).cast<std::string>() +
                           "; expected a number");
    }
    if (set_number(options, name, number)) continue;
    std::string known = "batch_size, optimizer, hyperparameters, dropout, lanes, augmentation";
    for (const NumberOption& option : number_options) known += ", " + std::string(option.name);
    throw py::type_error("there is no option '" + name + "'; expected one of " + known);
  }
  return options;
}

py::dict hyperparameters_of(const TrainOptions& options) {
  py::dict values;
  const auto known = hyperparameters(options.optimizer);
  for (std::size_t i = 0; i < known.size(); ++i) {
    values[py::str(std::string(known[i].name))] = options.hyperparameters[i];
  }
  return values;
}

py::dict augmentation_of(const TrainOptions& options) {
  py::dict values;
  const Augmentation& a = options.augmentation;
  if (!distorts(a)) return values;
  for (const AugmentationSize& size : augmentation_sizes) {
    values[py::str(std::string(size.name))] = a.*size.member;
  }
  for (const AugmentationNumber& number : augmentation_numbers) {
    values[py::str(std::string(number.name))] = a.*number.member;
  }
  return values;
}

void bind_augment(py::module_& m) {
  m.def(
      "augment",
      [](const py::object& x, std::size_t inputs, const AugmentationNumbers& numbers,
         bool in_double, std::uint64_t seed, std::uint64_t epoch_number, std::uint64_t first_row) {
        return (in_double ? augmented<double> : augmented<float>)(x, inputs, numbers, seed,
                                                                  epoch_number, first_row);
      },
      py::arg("x"), py::arg("inputs"), py::arg("numbers"), py::kw_only(), py::arg("in_double"),
      py::arg("seed"), py::arg("epoch"), py::arg("first_row"));
}

}  // namespace nncore::python
