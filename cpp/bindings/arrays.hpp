// NumPy arrays and CSR matrices as the core's views.
#pragma once

#include "bindings.hpp"

namespace nncore::python {

// An array of real numbers from whatever NumPy can read as one; else TypeError or ValueError that
// names it as `what`.
py::array real_array(const py::handle& object, const char* what);

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

// float64 numbers beyond float32 become infinite, which the core's check then reports by place.
class NumpyOverflowIgnored {
 public:
  NumpyOverflowIgnored();
  ~NumpyOverflowIgnored();
  NumpyOverflowIgnored(const NumpyOverflowIgnored&) = delete;
  NumpyOverflowIgnored& operator=(const NumpyOverflowIgnored&) = delete;

 private:
  py::object state_;
};

// C-contiguous and aligned, in T; a copy only where it is not so already.
template <class T>
py::array_t<T> contiguous(const py::handle& object, const char* what) {
  const py::array a = real_array(object, what);
  const NumpyOverflowIgnored quiet;
  py::array_t<T, py::array::c_style | py::array::forcecast> converted(a);
  if (!(converted.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_)) {
    converted = converted.attr("copy")();
  }
  return converted;
}

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
py::capsule owner_of(std::shared_ptr<T> memory) {
  return py::capsule(new std::shared_ptr<T>(std::move(memory)),
                     [](void* p) { delete static_cast<std::shared_ptr<T>*>(p); });
}

}  // namespace nncore::python
