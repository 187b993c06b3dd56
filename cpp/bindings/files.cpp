// Files of any content, written as the core writes its own.
#include <pybind11/stl/filesystem.h>

#include "bindings.hpp"

namespace nncore::python {
namespace {

// Calls write without the GIL; what it throws becomes an OSError with the system's number and path.
template <class Write>
void with_os_errors(const py::object& path, Write write) {
  try {
    const GilReleased release;
    write();
  } catch (const FileError& error) {
    const py::object os_error = py::reinterpret_borrow<py::object>(PyExc_OSError);
    const auto reason = py::reinterpret_steal<py::object>(
        PyUnicode_DecodeFSDefault(error.what()));  // it may name a directory
    const py::object raised = os_error(error.code(), reason, path);
    PyErr_SetObject(py::type::handle_of(raised).ptr(), raised.ptr());
    throw py::error_already_set();
  }
}

void replace(const py::object& path, const py::buffer& content) {
  const auto file = path.cast<std::filesystem::path>();
  const py::buffer_info bytes = content.request();
  const std::span<const std::byte> piece(static_cast<const std::byte*>(bytes.ptr),
                                         static_cast<std::size_t>(bytes.size * bytes.itemsize));
  with_os_errors(path, [&] { replace_file(file, {&piece, 1}); });
}

void check(const py::object& path, std::uint64_t size) {
  const auto file = path.cast<std::filesystem::path>();
  with_os_errors(path, [&] { check_replaceable(file, size); });
}

}  // namespace

void bind_files(py::module_& m) {
  m.def("replace_file", &replace, py::arg("path"), py::arg("content"), py::pos_only());
  m.def("check_replaceable", &check, py::arg("path"), py::arg("size"), py::pos_only());
}

}  // namespace nncore::python
