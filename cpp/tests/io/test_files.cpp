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

namespace test_files {
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
  const auto temporary = directory / ".nncore-save-1-1.tmp",
             lock = directory / ".nncore-save-3.lock";
  std::ofstream(temporary) << "left behind";
  std::ofstream(lock) << ".nncore-save-1-1.tmp";
  int ready[2];
  REQUIRE(pipe(ready) == 0);
  const pid_t child = fork();
  if (child == 0) {  // a slow save
    const int file = open(lock.c_str(), O_WRONLY | O_CLOEXEC);
    const bool locked = flock(file, LOCK_EX | LOCK_NB) == 0 && write(ready[1], "", 1) == 1;
    while (locked) pause();
    _exit(1);
  }
  REQUIRE(child > 0);
  char byte = 0;
  REQUIRE(read(ready[0], &byte, 1) == 1);
  replace(path, "first");
  check_replaceable(path);
  CHECK(fs::exists(temporary));
  kill(child, SIGKILL);
  REQUIRE(waitpid(child, nullptr, 0) == child);
  replace(directory / "other", "second");
  CHECK_FALSE(fs::exists(temporary));
  CHECK_FALSE(fs::exists(lock));
  CHECK(content(path) == "first");

  // Other files with similar names are kept, and so is what no saver would have named.
  for (const char* name : {".nncore-save-1.tmp", ".nncore-save-1-1.tmp~", ".nncore-save-x-1.tmp"}) {
    std::ofstream(directory / name) << "theirs";
    std::ofstream(directory / ".nncore-save-0.lock") << name;
    replace(path, "third");
    CHECK(fs::exists(directory / name));
    CHECK(content(directory / ".nncore-save-0.lock") == name);
  }
  fs::create_symlink("file", directory / ".nncore-save-1-2.tmp");
  std::ofstream(directory / ".nncore-save-1.lock") << ".nncore-save-1-2.tmp";
  fs::create_symlink(".nncore-save-1.tmp", directory / ".nncore-save-2.lock");
  REQUIRE(mkfifo((directory / ".nncore-save-4.lock").c_str(), 0600) == 0);
  replace(path, "fourth");
  CHECK(fs::is_symlink(directory / ".nncore-save-1-2.tmp"));
  CHECK_FALSE(fs::exists(directory / ".nncore-save-1.lock"));
  CHECK(directory.file_count() == 9);

  // A saver that was killed before it made its temporary file, with others between.
  std::ofstream(directory / ".nncore-save-20.lock") << ".nncore-save-1-7.tmp";
  std::ofstream(directory / ".nncore-save-21.lock");
  check_replaceable(path);
  CHECK(directory.file_count() == 9);
  CHECK(content(path) == "fourth");
  close(ready[0]);
  close(ready[1]);
}
#endif

}  // namespace test_files
