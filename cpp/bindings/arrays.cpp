#include "arrays.hpp"

#include <pybind11/stl.h>

#include <cmath>
#include <limits>
#include <span>
#include <string_view>
#include <utility>

namespace nncore::python {
namespace {

std::string shape_text(const py::array& a) { return py::str(a.attr("shape")).cast<std::string>(); }

[[noreturn]] void bad_x(const py::array& a, std::size_t inputs) {
  throw py::value_error("x has shape " + shape_text(a) + "; the network takes (n, " +
                        std::to_string(inputs) + ") or one row (" + std::to_string(inputs) + ",)");
}

// " in row 3, column 'age'" of the element of that number, counted along the rows.
std::string place_of(const py::array& a, std::size_t at, const std::string& what,
                     const py::object& columns) {
  if (a.ndim() == 1) {
    return (what == "x" ? " in column " : " in row ") + std::to_string(at);
  }
  if (a.ndim() != 2) return "";
  const auto width = static_cast<std::size_t>(a.shape(1));
  return " in row " + std::to_string(at / width) + ", column " + column_text(columns, at % width);
}

// An object that says it is sparse may say anything. Each attribute is read once; what becomes an
// address is copied before it is checked, so that nobody can change it afterwards.
template <class T>
Rows<T> sparse_rows(const py::object& to_csr) {
  const py::object csr = to_csr();
  const py::tuple shape(csr.attr("shape"));
  if (shape.size() != 2) {
    throw py::value_error("sparse x has " + std::to_string(shape.size()) +
                          " dimensions; expected 2");
  }
  constexpr auto most = std::numeric_limits<std::ptrdiff_t>::max() - 1;
  const std::int64_t n = integer_of(shape[0], "sparse x's number of rows", 0, most);
  const std::int64_t cols = integer_of(shape[1], "sparse x's number of columns", 0, most);
  const auto values = contiguous<T>(csr.attr("data"), "x.data");
  const auto columns = copied_integers<std::int32_t>(csr.attr("indices"), "x.indices");
  const auto offsets = copied_integers<std::int64_t>(csr.attr("indptr"), "x.indptr");
  if (values.ndim() != 1 || offsets.size() - 1 != n || columns.size() != values.size() ||
      offsets.data()[n] > values.size()) {
    throw py::value_error("sparse x is not a sound CSR matrix: indptr, indices and data disagree");
  }
  Rows<T> rows;
  rows.view = SparseView<T>{values.data(), columns.data(), offsets.data(),
                            static_cast<std::size_t>(n), static_cast<std::size_t>(cols)};
  rows.owners = {values, columns, offsets};
  return rows;
}

// repr(element), shortened; whatever an element's own code raises passes.
std::string shown(const py::handle& element) {
  const auto text = py::repr(element).cast<std::string>();
  return text.size() <= 60 ? text : py::repr(py::type::handle_of(element)).cast<std::string>();
}

std::string type_name(const py::handle& element) {
  return py::type::handle_of(element).attr("__name__").cast<std::string>();
}

// What stands where a value is missing: None, pandas' NA and NaT.
bool is_missing(const py::handle& element) {
  if (element.is_none()) return true;
  const std::string type = type_name(element);
  return type == "NAType" || type == "NaTType";
}

bool is_number(const py::handle& element) {
  if (PyFloat_Check(element.ptr()) || PyLong_Check(element.ptr())) return true;
  if (PyUnicode_Check(element.ptr()) || PyBytes_Check(element.ptr()) || is_missing(element)) {
    return false;
  }
  PyObject* const number = PyNumber_Float(element.ptr());
  if (!number) {
    if (PyErr_ExceptionMatches(PyExc_OverflowError)) return PyErr_Clear(), true;
    if (!PyErr_ExceptionMatches(PyExc_TypeError) && !PyErr_ExceptionMatches(PyExc_ValueError)) {
      throw py::error_already_set();
    }
    PyErr_Clear();
  }
  Py_XDECREF(number);
  return number != nullptr;
}

const char* hint_for_text(std::string_view what) {
  return what == "y" ? ": numbers of classes are np.unique(y, return_inverse=True)[1]" : "";
}

[[noreturn]] void bad_element(const py::handle& element, const std::string& what,
                              const std::string& place) {
  if (is_missing(element)) {
    throw py::value_error(what + " has " + shown(element) + place +
                          "; expected numbers: fill in what is missing, or leave such rows out");
  }
  if (PyUnicode_Check(element.ptr()) || PyBytes_Check(element.ptr())) {
    throw py::type_error(what + " holds the text " + shown(element) + place +
                         "; expected real numbers" + hint_for_text(what));
  }
  const bool date = attribute(element, "isoformat") || type_name(element) == "timedelta";
  throw py::type_error(what + " holds " + shown(element) + place + "; expected real numbers" +
                       (date ? ": make numbers of dates, such as the days since one of them" : ""));
}

// An array of Python objects (a table of mixed columns, say) as float64, if each is a number.
py::array numbers_of(const py::array& a, const char* what, const py::object& columns) {
  if (a.ndim() == 0) {
    const py::object element = a.attr("item")();
    if (attribute(element, "__next__")) {
      throw py::type_error(std::string(what) + " is a " + type_name(element) +
                           ", which gives one thing after another; expected an array");
    }
  }
  std::size_t at = 0;
  for (const py::handle element : a.attr("ravel")()) {
    if (!is_number(element)) bad_element(element, what, place_of(a, at, what, columns));
    ++at;
  }
  try {
    return a.attr("astype")("float64");
  } catch (py::error_already_set& error) {
    if (error.matches(PyExc_OverflowError)) {
      throw py::value_error(std::string(what) + " holds an integer beyond float64");
    }
    if (!error.matches(PyExc_TypeError) && !error.matches(PyExc_ValueError)) throw;
    throw py::type_error(std::string(what) +
                         " has dtype object with elements that are no numbers; expected real "
                         "numbers");
  }
}

bool is_exact_array(const py::handle& x) {
  return Py_TYPE(x.ptr()) == py::detail::npy_api::get().PyArray_Type_;
}

}  // namespace

py::object attribute(const py::handle& object, const char* name) {
  PyObject* found = PyObject_GetAttrString(object.ptr(), name);
  if (!found) {
    if (!PyErr_ExceptionMatches(PyExc_AttributeError)) throw py::error_already_set();
    PyErr_Clear();
  }
  return py::reinterpret_steal<py::object>(found);
}

std::int64_t integer_of(const py::handle& object, const char* what, std::int64_t low,
                        std::int64_t high) {
  PyObject* index = PyBool_Check(object.ptr()) ? nullptr : PyNumber_Index(object.ptr());
  if (!index) {
    if (PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_TypeError)) throw py::error_already_set();
    PyErr_Clear();
    throw py::type_error(std::string(what) + " is " + py::repr(object).cast<std::string>() +
                         "; expected an integer");
  }
  const auto number = py::reinterpret_steal<py::object>(index);
  int overflow = 0;
  const long long value = PyLong_AsLongLongAndOverflow(index, &overflow);
  if (overflow != 0 || value < low || value > high) {
    throw py::value_error(std::string(what) + " is " + py::repr(number).cast<std::string>() +
                          "; expected " + std::to_string(low) + " to " + std::to_string(high));
  }
  return value;
}

py::object column_names(const py::handle& table) {
  const py::object columns = attribute(table, "columns");
  if (!columns || !attribute(columns, "__len__")) return py::none();
  return py::list(columns);
}

std::string column_text(const py::object& columns, std::size_t column) {
  if (!py::isinstance<py::list>(columns) || column >= py::len(columns)) {
    return std::to_string(column);
  }
  const py::object name = columns[py::int_(column)];
  if (!py::isinstance<py::str>(name) && !py::isinstance<py::tuple>(name)) {
    return py::isinstance<py::int_>(name) ? py::str(name).cast<std::string>()
                                          : std::to_string(column);
  }
  return py::repr(name).cast<std::string>();
}

py::array real_array(const py::handle& object, const char* what, const py::object& names) {
  py::array a;
  py::object columns = names;
  if (py::isinstance<py::array>(object)) {
    a = py::reinterpret_borrow<py::array>(object);
  } else {
    if (names.is_none()) columns = column_names(object);
    const py::object asarray = py::module_::import("numpy").attr("asarray");
    try {
      a = asarray(object);
    } catch (py::error_already_set& error) {
      if (!error.matches(PyExc_ValueError) && !error.matches(PyExc_TypeError)) throw;
      throw py::value_error(std::string(what) + " cannot be read as an array: " +
                            py::str(error.value()).cast<std::string>());
    }
  }
  if (!is_exact_array(a) && attribute(a, "mask") &&
      py::module_::import("numpy").attr("ma").attr("is_masked")(a).cast<bool>()) {
    throw py::value_error(std::string(what) + " has masked elements; expected a number in each");
  }
  if (a.dtype().kind() == 'O') a = numbers_of(a, what, columns);
  const char kind = a.dtype().kind();
  if (kind != 'f' && kind != 'i' && kind != 'u' && kind != 'b') {
    const bool dates = kind == 'M' || kind == 'm';
    throw py::type_error(
        std::string(what) + " has dtype " + py::str(a.dtype()).cast<std::string>() +
        (dates && a.size() > 0 ? place_of(a, 0, what, columns) : "") + "; expected real numbers" +
        (dates ? ": make numbers of dates, such as the days since one of them" : "") +
        (kind == 'U' || kind == 'S' ? hint_for_text(what) : ""));
  }
  return a;
}

namespace {

// Casts the elements at `from`, in C order. NumPy's own cast would warn of those that are beyond
// To.
template <class From, class To>
To* cast_elements(const char* from, std::span<const py::ssize_t> shape,
                  std::span<const py::ssize_t> strides, To* to) {
  if (shape.empty()) {
    From value;
    std::memcpy(&value, from, sizeof value);  // which need not be aligned
    *to = static_cast<To>(value);
    return to + 1;
  }
  for (py::ssize_t i = 0; i < shape[0]; ++i, from += strides[0]) {
    to = cast_elements<From>(from, shape.subspan(1), strides.subspan(1), to);
  }
  return to;
}

template <class From, class To>
py::array_t<To> narrowed(const py::array& a) {
  const py::array_t<From, py::array::forcecast> from(a);  // in the machine's byte order
  // The caller's own array, perhaps, whose shape others may set while the GIL is released.
  const std::vector<py::ssize_t> shape(from.shape(), from.shape() + from.ndim());
  const std::vector<py::ssize_t> strides(from.strides(), from.strides() + from.ndim());
  const auto* data = static_cast<const char*>(static_cast<const py::array&>(from).data());
  py::array_t<To> to(shape);
  To* first = to.mutable_data();
  if (to.size() < 10'000) {
    cast_elements<From>(data, shape, strides, first);
  } else {
    const GilReleased released;
    cast_elements<From>(data, shape, strides, first);
  }
  return to;
}

}  // namespace

template <class T>
py::array_t<T> contiguous(const py::handle& object, const char* what) {
  const py::array a = real_array(object, what);
  if constexpr (std::is_floating_point_v<T>) {
    const auto size = static_cast<std::size_t>(a.itemsize());
    if (a.dtype().kind() == 'f' && size > sizeof(T)) {
      return size == sizeof(double) ? narrowed<double, T>(a) : narrowed<long double, T>(a);
    }
  }
  py::array_t<T, py::array::c_style | py::array::forcecast> converted(a);
  if (!(converted.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_)) {
    converted = converted.attr("copy")();
  }
  return converted;
}

template py::array_t<float> contiguous(const py::handle&, const char*);
template py::array_t<double> contiguous(const py::handle&, const char*);
template py::array_t<std::int64_t> contiguous(const py::handle&, const char*);

namespace {

template <class I, class Wide>
py::array_t<I> narrowed_integers(const py::array& given, const char* what) {
  const py::array_t<Wide> wide = given.attr("astype")(py::dtype::of<Wide>());
  py::array_t<I> narrow(wide.size());
  const Wide* from = wide.data();
  I* to = narrow.mutable_data();
  for (py::ssize_t i = 0; i < narrow.size(); ++i) {
    if (!std::in_range<I>(from[i])) {
      throw py::value_error(std::string(what) + " has " + std::to_string(from[i]) + " in place " +
                            std::to_string(i) + "; expected at most " +
                            std::to_string(std::numeric_limits<I>::max()));
    }
    to[i] = static_cast<I>(from[i]);
  }
  return narrow;
}

}  // namespace

template <class I>
py::array_t<I> copied_integers(const py::handle& object, const char* what) {
  const py::array given = real_array(object, what);
  const char kind = given.dtype().kind();
  if (given.ndim() != 1 || (kind != 'i' && kind != 'u')) {
    throw py::value_error(std::string(what) + " has shape " + shape_text(given) + " and dtype " +
                          py::str(given.dtype()).cast<std::string>() + "; expected (n,) integers");
  }
  const auto size = static_cast<std::size_t>(given.itemsize());
  if (size < sizeof(I) || (size == sizeof(I) && kind == 'i')) {
    return given.attr("astype")(py::dtype::of<I>());  // a copy, whatever its dtype
  }
  return kind == 'u' ? narrowed_integers<I, std::uint64_t>(given, what)
                     : narrowed_integers<I, std::int64_t>(given, what);
}

template py::array_t<std::int32_t> copied_integers(const py::handle&, const char*);
template py::array_t<std::int64_t> copied_integers(const py::handle&, const char*);

namespace {

// Whether the elements are T in the machine's byte order, aligned, and contiguous within a row.
template <class T>
bool has_rows_of(const py::array& a) {
  const auto item = static_cast<py::ssize_t>(sizeof(T));
  const bool same =
      py::detail::npy_api::get().PyArray_EquivTypes_(a.dtype().ptr(), py::dtype::of<T>().ptr());
  const bool aligned = a.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_;
  if (!same || !aligned) return false;
  const auto last = a.ndim() - 1;
  if (a.shape(last) > 1 && a.strides(last) != item) return false;
  return last == 0 || a.shape(0) < 2 ||
         (a.strides(0) >= a.shape(1) * item && a.strides(0) % item == 0);
}

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

namespace {

bool is_narrow(const py::array& a) {
  const char kind = a.dtype().kind();
  return (kind == 'u' && a.itemsize() == 1) || (kind == 'f' && a.itemsize() == 2);
}

// Rows (n, inputs) of bytes or half floats, read where they lie unless they are no plain rows.
template <class T>
Rows<T> narrow_rows(py::array a, std::size_t inputs, double scale, double offset) {
  const py::ssize_t item = a.itemsize();
  const NarrowType type = item == 1 ? NarrowType::uint8 : NarrowType::float16;
  const bool native = a.dtype().byteorder() == '=' || a.dtype().byteorder() == '|';
  const bool plain =
      native && (a.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_) &&
      (a.shape(1) < 2 || a.strides(1) == item) &&
      (a.shape(0) < 2 || (a.strides(0) >= a.shape(1) * item && a.strides(0) % item == 0));
  if (!plain) {
    a = py::module_::import("numpy").attr("array")(
        a, py::arg("dtype") = item == 1 ? "uint8" : "float16", py::arg("order") = "C");
  }
  if (a.ndim() != 2 || static_cast<std::size_t>(a.shape(1)) != inputs) bad_x(a, inputs);
  const auto n = static_cast<std::size_t>(a.shape(0));
  const std::size_t stride = n < 2 ? inputs : static_cast<std::size_t>(a.strides(0) / item);
  Rows<T> rows;
  rows.view = NarrowRows{a.data(), type, n, inputs, stride, scale, offset};
  rows.owners[0] = a;
  return rows;
}

// What nncore.data.Scaled says of itself: an array, a scale and an offset.
template <class T>
Rows<T> scaled_rows(const py::object& parts, std::size_t inputs) {
  const py::tuple tuple(parts);
  py::array a = real_array(tuple[0], "x");
  if (!is_narrow(a)) {
    throw py::type_error("x has dtype " + py::str(a.dtype()).cast<std::string>() +
                         "; expected uint8 or float16");
  }
  if (a.ndim() != 2) bad_x(a, inputs);
  return narrow_rows<T>(a, inputs, tuple[1].cast<double>(), tuple[2].cast<double>());
}

}  // namespace

template <class T>
Rows<T> rows_of(const py::handle& x, std::size_t inputs, const py::object& columns) {
  if (is_ready_row<T>(x, inputs)) {
    Rows<T> rows;
    rows.single = true;
    const auto* data = reinterpret_cast<const T*>(py::detail::array_proxy(x.ptr())->data);
    rows.view = MatrixView<const T>{data, 1, inputs, inputs};
    rows.owners[0] = py::reinterpret_borrow<py::object>(x);
    return rows;
  }
  if (!py::isinstance<py::array>(x)) {
    if (const py::object to_csr = attribute(x, "tocsr")) return sparse_rows<T>(to_csr);
    if (const py::object parts = attribute(x, "_nncore_scaled")) {
      return scaled_rows<T>(parts, inputs);
    }
  }
  py::array a = real_array(x, "x", columns);
  if (a.ndim() != 1 && a.ndim() != 2) bad_x(a, inputs);
  if (a.ndim() == 2 && is_narrow(a)) return narrow_rows<T>(a, inputs, 1, 0);
  if (!has_rows_of<T>(a)) a = contiguous<T>(a, "x");

  // From what is read, not from what was converted: others may have set its shape meanwhile.
  Rows<T> rows;
  rows.single = a.ndim() == 1;
  if (!rows.single && a.ndim() != 2) bad_x(a, inputs);
  if (static_cast<std::size_t>(a.shape(a.ndim() - 1)) != inputs) bad_x(a, inputs);
  const std::size_t n = rows.single ? 1 : static_cast<std::size_t>(a.shape(0));
  const std::size_t stride =
      rows.single || n < 2 ? inputs : static_cast<std::size_t>(a.strides(0)) / sizeof(T);
  rows.view = MatrixView<const T>{static_cast<const T*>(a.data()), n, inputs, stride};
  rows.owners[0] = a;
  return rows;
}

template Rows<float> rows_of(const py::handle&, std::size_t, const py::object&);
template Rows<double> rows_of(const py::handle&, std::size_t, const py::object&);

template <class T>
void name_column_of_fault(const Inputs<T>& x, const py::object& columns) {
  if (columns.is_none() || x.is_sparse()) return;
  for (std::size_t i = 0; i < x.dense.rows; ++i) {
    for (std::size_t j = 0; j < x.dense.cols; ++j) {
      const T value = x.dense.row(i)[j];
      if (std::isfinite(value)) continue;
      throw py::value_error(std::string("x has ") + (std::isnan(value) ? "NaN" : "infinity") +
                            " in row " + std::to_string(i) + ", column " + column_text(columns, j) +
                            "; expected finite numbers");
    }
  }
}

template void name_column_of_fault(const Inputs<float>&, const py::object&);
template void name_column_of_fault(const Inputs<double>&, const py::object&);

}  // namespace nncore::python
