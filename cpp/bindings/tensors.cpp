// Named arrays in safetensors files, for checkpoints.
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <cstring>

#include "arrays.hpp"

namespace nncore::python {
namespace {

DType dtype_of_array(const py::array& a, const std::string& name) {
  if (py::isinstance<py::array_t<float>>(a)) return DType::f32;
  if (py::isinstance<py::array_t<double>>(a)) return DType::f64;
  if (py::isinstance<py::array_t<std::int64_t>>(a)) return DType::i64;
  if (py::isinstance<py::array_t<std::uint8_t>>(a)) return DType::u8;
  throw py::type_error("the tensor " + name + " has dtype " +
                       py::str(a.dtype()).cast<std::string>() +
                       "; expected float32, float64, int64 or uint8");
}

void write_tensors(const std::filesystem::path& path,
                   const std::map<std::string, std::string>& metadata,
                   const std::map<std::string, py::array>& tensors) {
  std::vector<py::object> owners;
  std::vector<TensorView> views;
  const py::object ascontiguous = py::module_::import("numpy").attr("ascontiguousarray");
  for (const auto& [name, given] : tensors) {
    const py::array a = ascontiguous(given);
    const std::vector<std::size_t> shape(given.shape(), given.shape() + given.ndim());
    views.push_back({name, dtype_of_array(a, name), shape, a.data()});
    owners.push_back(a);
  }
  const py::gil_scoped_release release;
  write_tensor_file(path, metadata, views);
}

template <class T>
py::array copy_of(const TensorView& tensor) {
  py::array_t<T> a(std::vector<py::ssize_t>(tensor.shape.begin(), tensor.shape.end()));
  if (a.size() > 0)
    std::memcpy(a.mutable_data(), tensor.data, static_cast<std::size_t>(a.nbytes()));
  return a;
}

py::tuple read_tensors(const std::filesystem::path& path) {
  const TensorFile file = [&] {
    const py::gil_scoped_release release;
    return read_tensor_file(path);
  }();
  std::map<std::string, py::array> tensors;
  for (const std::string& name : file.names()) {
    const TensorView& tensor = file.at(name);
    switch (tensor.dtype) {
      case DType::f32:
        tensors[name] = copy_of<float>(tensor);
        break;
      case DType::f64:
        tensors[name] = copy_of<double>(tensor);
        break;
      case DType::i64:
        tensors[name] = copy_of<std::int64_t>(tensor);
        break;
      case DType::u8:
        tensors[name] = copy_of<std::uint8_t>(tensor);
        break;
    }
  }
  return py::make_tuple(file.metadata(), tensors);
}

}  // namespace

void bind_tensors(py::module_& m) {
  m.def("write_tensors", &write_tensors, py::arg("path"), py::arg("metadata"), py::arg("tensors"));
  m.def("read_tensors", &read_tensors, py::arg("path"));
}

}  // namespace nncore::python
