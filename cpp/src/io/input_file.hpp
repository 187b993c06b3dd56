// Files to read. Not installed.
#pragma once

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <system_error>

namespace nncore {

// A file that is read from its start on, and may be gone back in.
class InputFile {
 public:
  // What each format's messages call a file that cannot be read.
  struct Words {
    const char *directory, *special, *unopened, *unreadable;
  };

  // Opens it. What is wrong is in problem(): the word for it, and the system's reason if it has
  // one.
  InputFile(const std::filesystem::path& path, const Words& words) {
    std::error_code unknown;  // opening the file will say what is wrong
    const auto status = std::filesystem::status(path, unknown);
    if (std::filesystem::is_directory(status)) {
      problem_ = words.directory;
    } else if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
      problem_ = words.special;  // opening a pipe would wait for its writer
    } else {
      open(path, words);
    }
  }

  const std::string& problem() const { return problem_; }  // empty: none
  std::uint64_t size() const { return size_; }             // in bytes

  // The next bytes; false if they cannot be had.
  bool read(std::span<std::byte> bytes) {
    stream_.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return stream_.good();
  }
  void go_to(std::size_t byte) { stream_.seekg(static_cast<std::streamoff>(byte)); }

 private:
  void open(const std::filesystem::path& path, const Words& words) {
    errno = 0;
    stream_.open(path, std::ios::binary | std::ios::ate);
    if (!stream_) {
      problem_ = words.unopened;
      if (errno != 0) problem_ += ": " + std::generic_category().message(errno);
      return;
    }
    const auto size = static_cast<std::streamoff>(stream_.tellg());
    stream_.seekg(0);
    if (size < 0 || !stream_) problem_ = words.unreadable;
    size_ = static_cast<std::uint64_t>(size);
  }

  std::ifstream stream_;
  std::string problem_;
  std::uint64_t size_ = 0;
};

}  // namespace nncore
