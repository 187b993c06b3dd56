// One update from rows that are handed in with the call. Every tenth of a microsecond counts: rows
// that are ready are read where they lie, and no data set is made of them.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "arrays.hpp"

namespace nncore::python {

// Labels out of the caller's reach, few of them without allocating.
class Labels {
 public:
  std::int64_t* resize(std::size_t n) {
    size_ = n;
    if (n <= few_.size()) return few_.data();
    many_.resize(n);
    return many_.data();
  }
  std::span<const std::int64_t> view() const {
    return {size_ <= few_.size() ? few_.data() : many_.data(), size_};
  }

 private:
  std::array<std::int64_t, 16> few_{};
  std::vector<std::int64_t> many_;
  std::size_t size_ = 0;
};

// What a step is given: views, and the memory that they look at.
template <class T>
struct StepRows {
  StepRows(const Network<T>& network, const py::handle& inputs)
      : x(rows_of<T>(inputs, network.inputs())) {
    samples.x = x.view;
  }

  Rows<T> x;
  Samples<T> samples;
  Labels labels;
  std::array<T, 1> number{}, weight{};
  py::object targets, weights;
};

[[noreturn]] inline void bad_rows(const char* what, const py::handle& found,
                                  const std::string& expected) {
  std::string described = py::str(py::type::handle_of(found).attr("__name__"));
  if (py::isinstance<py::array>(found)) {
    described = "shape " + py::str(found.attr("shape")).cast<std::string>() + " and dtype " +
                py::str(found.attr("dtype")).cast<std::string>();
  }
  throw py::value_error(std::string(what) + " has " + described + "; expected " + expected);
}

// The elements of an array that is exactly (rows, cols), or (rows,) where cols is 1 or (cols,) for
// a single row, in T and without a copy where they lie so already.
template <class T>
MatrixView<const T> matrix_in(const py::handle& object, std::size_t rows, std::size_t cols,
                              bool single, const char* what, py::object& owner,
                              const std::string& otherwise = "") {
  py::array_t<T> a = contiguous<T>(object, what);
  const auto extent = [&](py::ssize_t i) { return static_cast<std::size_t>(a.shape(i)); };
  const bool fits = (a.ndim() == 2 && extent(0) == rows && extent(1) == cols) ||
                    (a.ndim() == 1 && cols == 1 && extent(0) == rows) ||
                    (a.ndim() == 1 && single && extent(0) == cols) ||
                    (a.ndim() == 0 && single && cols == 1);
  if (!fits) {
    bad_rows(what, a,
             otherwise + "(" + std::to_string(rows) + ", " + std::to_string(cols) + ")" +
                 (cols == 1 ? " or (" + std::to_string(rows) + ",)" : ""));
  }
  owner = a;
  return {a.data(), rows, cols, cols};
}

template <class T>
void take_step_targets(StepRows<T>& given, const Network<T>& network, const py::handle& y) {
  const Architecture& architecture = network.architecture();
  const std::size_t n = given.samples.rows(), outputs = network.outputs();
  const bool labels = outputs > 1 && takes_labels(architecture.cost);
  const auto labelled = [&] { given.samples.y = given.labels.view(); };
  if (given.x.single && labels && PyLong_CheckExact(y.ptr())) {
    *given.labels.resize(1) = integer_of(y, "y", 0, static_cast<std::int64_t>(outputs) - 1);
    return labelled();
  }
  if (given.x.single && PyFloat_CheckExact(y.ptr())) {
    given.number[0] = static_cast<T>(PyFloat_AS_DOUBLE(y.ptr()));
    given.samples.y = MatrixView<const T>{given.number.data(), 1, 1, 1};
    return;
  }
  const py::array a = real_array(y, "y");
  const char kind = a.dtype().kind();
  const bool one_each = a.ndim() == 1 && static_cast<std::size_t>(a.shape(0)) == n;
  if (labels && kind != 'f' && (one_each || (given.x.single && a.ndim() == 0))) {
    const auto copy = copied_integers<std::int64_t>(
        a.ndim() == 0 ? a.attr("reshape")(1)
                      : (kind == 'b' ? a.attr("astype")("int64") : py::object(a)),
        "y");
    std::copy_n(copy.data(), n, given.labels.resize(n));
    return labelled();
  }
  std::size_t columns = outputs / outputs_per_target(architecture);
  if (architecture.cost == Cost::custom) {
    columns = a.ndim() == 2              ? static_cast<std::size_t>(a.shape(1))
              : given.x.single && n == 1 ? static_cast<std::size_t>(a.size())
                                         : 1;
  }
  given.samples.y =
      matrix_in<T>(a, n, columns, given.x.single, "y", given.targets,
                   labels ? "integer labels (" + std::to_string(n) + ",) or targets " : "targets ");
}

// Refuses targets that bounded outputs can never come near. Those of softmax outputs are checked by
// their cost.
template <class T>
void check_reach(const Network<T>& network, const MatrixView<const T>& y) {
  const Architecture& architecture = network.architecture();
  const Activation output = architecture.activations.back();
  const auto [low, high] = output_range(output);
  if (std::isinf(low) || std::isinf(high) || output == Activation::softmax ||
      architecture.cost == Cost::custom) {
    return;
  }
  const double from = low - target_rounding, to = high + target_rounding;
  for (std::size_t i = 0; i < y.rows; ++i) {
    for (std::size_t j = 0; j < y.cols; ++j) {
      const auto value = double(y.row(i)[j]);
      if ((value >= from && value <= to) || !std::isfinite(value)) continue;
      throw py::value_error(
          py::str("y has {} in row {}, column {}; {} outputs reach {:g} to {:g}: take "
                  "output_activation='linear' for numbers")
              .format(value, i, j, std::string(name(output)), low, high)
              .template cast<std::string>());
    }
  }
}

template <class T>
void take_step_weights(StepRows<T>& given, const py::handle& weights) {
  if (weights.is_none()) return;
  const std::size_t n = given.samples.rows();
  if (given.x.single && PyFloat_CheckExact(weights.ptr())) {
    given.weight[0] = static_cast<T>(PyFloat_AS_DOUBLE(weights.ptr()));
    given.samples.weights = given.weight;
    return;
  }
  const auto view = matrix_in<T>(weights, n, 1, given.x.single, "sample_weight", given.weights);
  given.samples.weights = {view.data, n};
}

// Below so much work, handing the GIL over costs more than it gives.
template <class T>
bool keeps_gil(const Network<T>& network, std::size_t rows) {
  return 3 * double(network.parameters().size()) * double(rows) < 5e4;
}

// Runs the step, with the GIL if it is short. A cost of Python's own needs it again and again.
template <class T, class Step>
auto run_step(const Network<T>& network, std::size_t rows, Step&& step) {
  if (keeps_gil(network, rows)) return step();
  const GilReleased released;
  return step();
}

template <class T>
double step_rows(Trainer<T>& trainer, const py::handle& x, const py::handle& y,
                 const py::handle& sample_weight, const StepOptions& options) {
  const Network<T>& network = trainer.network();
  StepRows<T> given(network, x);
  take_step_targets(given, network, y);
  if (!given.samples.y.are_labels()) check_reach(network, given.samples.y.values);
  take_step_weights(given, sample_weight);
  return run_step(network, given.samples.rows(), [&] {
    check(network, given.samples, options.mean_over_rows);
    return trainer.step(given.samples, options);
  });
}

template <class T>
void step_gradient_rows(Trainer<T>& trainer, const py::handle& x, const py::handle& gradient,
                        const py::handle& sample_weight, const StepOptions& options) {
  const Network<T>& network = trainer.network();
  StepRows<T> given(network, x);
  const std::size_t n = given.samples.rows();
  const MatrixView<const T> slopes = matrix_in<T>(gradient, n, network.outputs(), given.x.single,
                                                  "output_gradient", given.targets);
  take_step_weights(given, sample_weight);
  run_step(network, n, [&] {
    check(network, given.samples.x);
    trainer.step_gradient(given.samples.x, slopes, given.samples.weights, options);
  });
}

}  // namespace nncore::python
