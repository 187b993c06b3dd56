// Files to read. Not installed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "nncore/path.hpp"

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
  InputFile(const Path& path, const Words& words);
  ~InputFile();

  const std::string& problem() const { return problem_; }  // empty: none
  std::uint64_t size() const { return size_; }             // in bytes

  // The next bytes; false if they cannot be had.
  bool read(std::span<std::byte> bytes);
  void go_to(std::size_t byte);

 private:
  struct Stream;

  std::unique_ptr<Stream> stream_;
  std::string problem_;
  std::uint64_t size_ = 0;
};

}  // namespace nncore
