#include "arrays.hpp"

#include <pybind11/stl.h>

#include <limits>

namespace nncore::python {
namespace {

std::string shape_text(const py::array& a) { return py::str(a.attr("shape")).cast<std::string>(); }

[[noreturn]] void bad_x(const py::array& a, std::size_t inputs) {
  throw py::value_error("x has shape " + shape_text(a) + "; the network takes (n, " +
                        std::to_string(inputs) + ") or one row (" + std::to_string(inputs) + ",)");
}

template <class T>
Rows<T> sparse_rows(const py::object& matrix) {
  const py::object csr = matrix.attr("tocsr")();
  const auto shape = csr.attr("shape").cast<std::vector<std::size_t>>();
  if (shape.size() != 2) throw py::value_error("sparse x has 1 dimension; expected 2");
  const py::array indices = csr.attr("indices");
  if (indices.size() > 0 &&
      indices.attr("max")().cast<std::int64_t>() > std::numeric_limits<std::int32_t>::max()) {
    throw py::value_error("sparse x has a column index beyond 2^31 - 1");
  }
  const auto values = contiguous<T>(csr.attr("data"), "x");
  // Copies, checked once and out of the caller's reach from then on: they become addresses.
  const py::array_t<std::int32_t> columns =
      contiguous<std::int32_t>(indices, "x.indices").attr("copy")();
  const py::array_t<std::int64_t> offsets =
      contiguous<std::int64_t>(csr.attr("indptr"), "x.indptr").attr("copy")();
  if (static_cast<std::size_t>(offsets.size()) != shape[0] + 1 || columns.size() != values.size() ||
      offsets.data()[shape[0]] > values.size()) {
    throw py::value_error("sparse x is not a sound CSR matrix: indptr, indices and data disagree");
  }
  Rows<T> rows;
  rows.view = SparseView<T>{values.data(), columns.data(), offsets.data(), shape[0], shape[1]};
  rows.owners = {values, columns, offsets};
  return rows;
}

// An array of Python objects (a table of mixed columns, say) as float64, if each is a number.
py::array numbers_of(const py::array& a, const char* what) {
  for (const py::handle element : a.attr("ravel")()) {
    if (PyUnicode_Check(element.ptr()) || PyBytes_Check(element.ptr())) {
      throw py::type_error(std::string(what) + " holds the text " +
                           py::repr(element).cast<std::string>() + "; expected real numbers");
    }
  }
  try {
    return a.attr("astype")("float64");
  } catch (py::error_already_set&) {
    throw py::type_error(std::string(what) +
                         " has dtype object with elements that are no numbers; expected real "
                         "numbers");
  }
}

bool is_exact_array(const py::handle& x) {
  return Py_TYPE(x.ptr()) == py::detail::npy_api::get().PyArray_Type_;
}

}  // namespace

std::int64_t integer_of(const py::handle& object, const char* what, std::int64_t low,
                        std::int64_t high) {
  const auto index = py::reinterpret_steal<py::object>(PyNumber_Index(object.ptr()));
  const std::string shown = py::repr(object).cast<std::string>();
  if (!index || PyBool_Check(object.ptr())) {
    PyErr_Clear();
    throw py::type_error(std::string(what) + " is " + shown + "; expected an integer");
  }
  int overflow = 0;
  const long long value = PyLong_AsLongLongAndOverflow(index.ptr(), &overflow);
  if (overflow != 0 || value < low || value > high) {
    throw py::value_error(std::string(what) + " is " + py::str(index).cast<std::string>() +
                          "; expected " + std::to_string(low) + " to " + std::to_string(high));
  }
  return value;
}

NumpyOverflowIgnored::NumpyOverflowIgnored()
    : state_(py::module_::import("numpy").attr("errstate")(py::arg("over") = "ignore")) {
  state_.attr("__enter__")();
}

NumpyOverflowIgnored::~NumpyOverflowIgnored() {
  state_.attr("__exit__")(py::none(), py::none(), py::none());
}

py::array real_array(const py::handle& object, const char* what) {
  py::array a;
  if (py::isinstance<py::array>(object)) {
    a = py::reinterpret_borrow<py::array>(object);
  } else {
    const py::object asarray = py::module_::import("numpy").attr("asarray");
    try {
      a = asarray(object);
    } catch (py::error_already_set& error) {
      if (!error.matches(PyExc_ValueError) && !error.matches(PyExc_TypeError)) throw;
      throw py::value_error(std::string(what) + " cannot be read as an array: " +
                            py::str(error.value()).cast<std::string>());
    }
  }
  if (!is_exact_array(a) && py::hasattr(a, "mask") &&
      py::module_::import("numpy").attr("ma").attr("is_masked")(a).cast<bool>()) {
    throw py::value_error(std::string(what) + " has masked elements; expected a number in each");
  }
  if (a.dtype().kind() == 'O') a = numbers_of(a, what);
  const char kind = a.dtype().kind();
  if (kind != 'f' && kind != 'i' && kind != 'u' && kind != 'b') {
    throw py::type_error(std::string(what) + " has dtype " +
                         py::str(a.dtype()).cast<std::string>() + "; expected real numbers");
  }
  return a;
}

namespace {

// One row that is ready as it is: the case where every tenth of a microsecond counts.
template <class T>
bool is_ready_row(const py::handle& x, std::size_t inputs) {
  if (!is_exact_array(x)) return false;
  const auto* a = py::detail::array_proxy(x.ptr());
  constexpr int ready =
      py::detail::npy_api::NPY_ARRAY_C_CONTIGUOUS_ | py::detail::npy_api::NPY_ARRAY_ALIGNED_;
  const auto dtype = py::reinterpret_borrow<py::dtype>(a->descr);
  return a->nd == 1 && static_cast<std::size_t>(a->dimensions[0]) == inputs &&
         (a->flags & ready) == ready && dtype.num() == py::dtype::num_of<T>() &&
         dtype.byteorder() == '=';
}

}  // namespace

template <class T>
Rows<T> rows_of(const py::handle& x, std::size_t inputs) {
  if (is_ready_row<T>(x, inputs)) {
    Rows<T> rows;
    rows.single = true;
    const auto* data = reinterpret_cast<const T*>(py::detail::array_proxy(x.ptr())->data);
    rows.view = MatrixView<const T>{data, 1, inputs, inputs};
    rows.owners[0] = py::reinterpret_borrow<py::object>(x);
    return rows;
  }
  if (!py::isinstance<py::array>(x) && py::hasattr(x, "tocsr")) {
    return sparse_rows<T>(py::reinterpret_borrow<py::object>(x));
  }
  py::array a = real_array(x, "x");
  Rows<T> rows;
  rows.single = a.ndim() == 1;
  if (a.ndim() != 1 && a.ndim() != 2) bad_x(a, inputs);
  if (static_cast<std::size_t>(a.shape(a.ndim() - 1)) != inputs) bad_x(a, inputs);

  const std::size_t n = rows.single ? 1 : static_cast<std::size_t>(a.shape(0));
  if (!has_rows_of<T>(a)) a = contiguous<T>(a, "x");
  const std::size_t stride =
      rows.single || n < 2 ? inputs : static_cast<std::size_t>(a.strides(0)) / sizeof(T);
  rows.view = MatrixView<const T>{static_cast<const T*>(a.data()), n, inputs, stride};
  rows.owners[0] = a;
  return rows;
}

template Rows<float> rows_of(const py::handle&, std::size_t);
template Rows<double> rows_of(const py::handle&, std::size_t);

}  // namespace nncore::python
