// NumPy arrays and CSR matrices as the core's views.
#pragma once

#include "bindings.hpp"

namespace nncore::python {

// The names of a table's columns, a list; None for what has none.
py::object column_names(const py::handle& table);

// A column's name as Python writes it, or its number where there are no names.
std::string column_text(const py::object& columns, std::size_t column);

// An array of real numbers from whatever NumPy can read as one; else TypeError or ValueError that
// names it as `what`, and the place of the first element that is no number. `columns` are the names
// of the columns, where the object itself has none.
py::array real_array(const py::handle& object, const char* what,
                     const py::object& columns = py::none());

// Throws ValueError, which names the column, where x has NaN or infinity and there are names.
template <class T>
void name_column_of_fault(const Inputs<T>& x, const py::object& columns);

// The same, C-contiguous and aligned, in T; a copy only where it is not so already. Floating-point
// numbers beyond T become infinite, which the core's check then reports by place.
template <class T>
py::array_t<T> contiguous(const py::handle& object, const char* what);

// A copy, out of the caller's reach, of integers (n,), none of them changed by the conversion to I;
// else TypeError or ValueError that names it as `what`.
template <class I>
py::array_t<I> copied_integers(const py::handle& object, const char* what);

// A writable (out, in) view of a layer's weights, or a copy in that shape: the core keeps them
// as (in, out).
template <class T>
py::array_t<T> transposed_view(const MatrixView<T>& w, const py::object& owner) {
  const auto item = static_cast<py::ssize_t>(sizeof(T));
  return py::array_t<T>({static_cast<py::ssize_t>(w.cols), static_cast<py::ssize_t>(w.rows)},
                        {item, static_cast<py::ssize_t>(w.stride) * item}, w.data, owner);
}

template <class T>
py::array_t<T> flat_view(std::span<T> s, const py::object& owner) {
  return py::array_t<T>(static_cast<py::ssize_t>(s.size()), s.data(), owner);
}

// Keeps the memory alive for as long as an array looks at it.
template <class T>
py::capsule owner_of(Shared<T> memory) {
  return py::capsule(new Shared<T>(std::move(memory)),
                     [](void* p) { delete static_cast<Shared<T>*>(p); });
}

}  // namespace nncore::python
