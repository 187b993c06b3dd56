#include "io/input_file.hpp"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace nncore {

struct InputFile::Stream : std::ifstream {
  using std::ifstream::ifstream;
};

InputFile::InputFile(const Path& where, const Words& words) {
  const std::filesystem::path path = where.native();
  std::error_code unknown;  // opening the file will say what is wrong
  const auto status = std::filesystem::status(path, unknown);
  if (std::filesystem::is_directory(status)) {
    problem_ = words.directory;
    return;
  }
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    problem_ = words.special;  // opening a pipe would wait for its writer
    return;
  }
  errno = 0;
  stream_ = std::make_unique<Stream>(path, std::ios::binary | std::ios::ate);
  if (!*stream_) {
    problem_ = words.unopened;
    if (errno != 0) problem_ += ": " + std::generic_category().message(errno);
    return;
  }
  const auto size = static_cast<std::streamoff>(stream_->tellg());
  stream_->seekg(0);
  if (size < 0 || !*stream_) problem_ = words.unreadable;
  size_ = static_cast<std::uint64_t>(size);
}

InputFile::~InputFile() = default;

bool InputFile::read(std::span<std::byte> bytes) {
  stream_->read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  return stream_->good();
}

void InputFile::go_to(std::size_t byte) { stream_->seekg(static_cast<std::streamoff>(byte)); }

}  // namespace nncore
