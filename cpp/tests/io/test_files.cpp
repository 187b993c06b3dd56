#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#ifndef _WIN32
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#endif

#include "nncore/files.hpp"
#include "temporary_directory.hpp"

using namespace nncore;
namespace fs = std::filesystem;

namespace {

std::string content(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void replace(const fs::path& path, std::string_view text) {
  const std::array pieces = {std::as_bytes(std::span(text))};
  replace_file(path, pieces);
}

}  // namespace

TEST_CASE("files: pieces are written as one file, and checks change nothing") {
  const TemporaryDirectory directory;
  const auto path = directory / "file";
  check_replaceable(path, 1 << 20);
  CHECK(directory.file_count() == 0);
  const std::array<std::string_view, 3> texts = {"ab", "", "c"};
  std::array<std::span<const std::byte>, 3> pieces;
  std::transform(texts.begin(), texts.end(), pieces.begin(),
                 [](std::string_view text) { return std::as_bytes(std::span(text)); });
  replace_file(path, pieces);
  CHECK(content(path) == "abc");
  check_replaceable(path, 1 << 20);
  CHECK(content(path) == "abc");
  CHECK(directory.file_count() == 1);
}

TEST_CASE("files: errors carry the system's error number") {
  const TemporaryDirectory directory;
  const auto code = [](const fs::path& path) {
    int replacing = 0;
    try {
      replace(path, "new");
    } catch (const FileError& error) {
      replacing = error.code();
    }
    try {
      check_replaceable(path);
    } catch (const FileError& error) {
      CHECK(error.code() == replacing);
      return error.code();
    }
    return 0;
  };
  CHECK(code(directory.path()) == EISDIR);
  CHECK(code(directory / "none" / "file") == ENOENT);
#ifndef _WIN32
  CHECK(code(directory / std::string(256, 'm')) == ENAMETOOLONG);
  fs::create_symlink("none/file", directory / "dangling");
  CHECK(code(directory / "dangling") == ENOENT);
  CHECK(fs::is_symlink(directory / "dangling"));
  REQUIRE(mkfifo((directory / "fifo").c_str(), 0600) == 0);
  CHECK(code(directory / "fifo") == EINVAL);
  CHECK(fs::is_fifo(directory / "fifo"));
  replace(directory / "protected", "old");
  REQUIRE(chmod((directory / "protected").c_str(), 0444) == 0);
  CHECK(code(directory / "protected") == EACCES);  // for root, too
  CHECK(content(directory / "protected") == "old");
  CHECK(directory.file_count() == 3);
#endif
}

#ifndef _WIN32
TEST_CASE("files: temporary files of dead processes are removed, those of live ones stay") {
  const TemporaryDirectory directory;
  const auto path = directory / "file";
  const auto temporary = directory / ".nncore-save-1-1.tmp";
  std::ofstream(temporary) << "left behind";
  int ready[2];
  REQUIRE(pipe(ready) == 0);
  const pid_t child = fork();
  if (child == 0) {  // a slow save
    const int file = open(temporary.c_str(), O_WRONLY | O_CLOEXEC);
    const bool locked = flock(file, LOCK_EX | LOCK_NB) == 0 && write(ready[1], "", 1) == 1;
    while (locked) pause();
    _exit(1);
  }
  char byte = 0;
  REQUIRE(read(ready[0], &byte, 1) == 1);
  replace(path, "first");
  check_replaceable(path);
  CHECK(fs::exists(temporary));
  kill(child, SIGKILL);
  REQUIRE(waitpid(child, nullptr, 0) == child);
  replace(directory / "other", "second");
  CHECK_FALSE(fs::exists(temporary));
  CHECK(content(path) == "first");

  // Other files with similar names are kept.
  for (const char* name : {".nncore-save-1.tmp", ".nncore-save-1-1.tmp~", ".nncore-save-x-1.tmp"}) {
    std::ofstream(directory / name) << "theirs";
  }
  fs::create_symlink("file", directory / ".nncore-save-1-2.tmp");
  replace(path, "third");
  CHECK(directory.file_count() == 6);
  close(ready[0]);
  close(ready[1]);
}
#endif
