// Files: named arrays in safetensors, and the headers of IDX files.
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

void write_tensors(const std::filesystem::path& path, const NamedTexts& metadata,
                   const NamedArrays& arrays) {
  const ArrayTensors tensors = tensors_of(arrays);
  const GilReleased release;
  write_tensor_file(path, metadata, tensors.views);
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
    const GilReleased release;
    return read_tensor_file(path);
  }();
  NamedArrays tensors;
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
  return py::make_tuple(NamedTexts(file.metadata()), tensors);
}

// What the first bytes of an IDX file say of the rest.
py::tuple idx_header(const py::bytes& start, const std::string& label) {
  const std::string_view bytes = start;
  const IdxHeader header = parse_idx_header(std::as_bytes(std::span(bytes)), label);
  return py::make_tuple(std::string(name(header.type)), py::tuple(py::cast(header.shape)),
                        header.header_bytes, header.data_bytes, describe(header));
}

}  // namespace

ArrayTensors tensors_of(const NamedArrays& arrays) {
  ArrayTensors tensors;
  const py::object ascontiguous = py::module_::import("numpy").attr("ascontiguousarray");
  for (const auto& [name, given] : arrays) {
    const py::array a = ascontiguous(given);
    const std::vector<std::size_t> shape(given.shape(), given.shape() + given.ndim());
    tensors.views.push_back({name, dtype_of_array(a, name), shape, a.data()});
    tensors.owners.push_back(a);
  }
  return tensors;
}

void bind_tensors(py::module_& m) {
  m.def("write_tensors", &write_tensors, py::arg("path"), py::arg("metadata"), py::arg("tensors"));
  m.def("read_tensors", &read_tensors, py::arg("path"));
  m.def("idx_header", &idx_header, py::arg("start"), py::arg("label"), py::pos_only());
  m.attr("MAX_IDX_HEADER") = max_idx_header;
}

}  // namespace nncore::python
