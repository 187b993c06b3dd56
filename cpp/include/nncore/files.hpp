// Files of any content, written whole or not at all: how nncore writes all of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "nncore/error.hpp"
#include "nncore/path.hpp"

#pragma GCC visibility push(default)
namespace nncore {

// What keeps a file from being written, without its path; code() is the system's number (errno).
class FileError : public Error {
 public:
  FileError(const std::string& what, int code) : Error(what), code_(code) {}
  int code() const noexcept { return code_; }

 private:
  int code_;
};

// Makes the pieces, one after the other, the content of the file at path: they go to a temporary
// file in the same directory, reach the disk, and only then take the place of the old file. A new
// file has the usual permissions, a replaced one keeps its own. A symbolic link stays one and its
// target is written. Of a file with several names (hard links) the other names keep the old
// content. What is no regular file, and what is write-protected, is refused, also to root. On any
// failure the old file is as it was, the temporary is gone, and a FileError says what could not be
// done.
//
// A process that is killed leaves its temporary file behind, .nncore-save-PID-N.tmp, and a lock
// file that names it, .nncore-save-N.lock; the next call for that directory, by any process of the
// same user, removes both. The living hold a lock on theirs.
void replace_file(const Path& path, std::span<const std::span<const std::byte>> pieces);

// Throws the FileError that replace_file would throw now for a content of that many bytes, and
// changes nothing. What becomes of the disk and its files afterwards remains to be seen.
void check_replaceable(const Path& path, std::uint64_t bytes = 0);

}  // namespace nncore
#pragma GCC visibility pop
