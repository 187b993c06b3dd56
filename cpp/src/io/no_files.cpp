// In place of files.cpp, input_file.cpp and path.cpp where there are no files (NNCORE_FILES=OFF):
// models come from bytes and become bytes, and whoever asks for a file is told so.
#include <cerrno>

#include "io/input_file.hpp"
#include "io/path.hpp"
#include "nncore/files.hpp"

namespace nncore {
namespace {

constexpr const char* no_files = "this nncore was built without files; hand it bytes";

}  // namespace

void Path::assign(std::string_view text) { native_ = text; }

std::string path_text(const Path& path) { return path.native(); }

struct InputFile::Stream {};

InputFile::InputFile(const Path&, const Words&) : problem_(no_files) {}
InputFile::~InputFile() = default;
bool InputFile::read(std::span<std::byte>) { return false; }
void InputFile::go_to(std::size_t) {}

void replace_file(const Path&, std::span<const std::span<const std::byte>>) {
  throw FileError(no_files, ENOSYS);
}

void check_replaceable(const Path&, std::uint64_t) { throw FileError(no_files, ENOSYS); }

}  // namespace nncore
