#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <string>
#include <thread>
#include <vector>

#ifndef _WIN32
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#endif

#include "nncore/error.hpp"
#include "nncore/tensor_file.hpp"
#include "temporary_directory.hpp"

using namespace nncore;
namespace fs = std::filesystem;

namespace test_tensor_file_write {
namespace {

const std::array<float, 6> floats = {1.0F, -2.5F, 0.0F, 3e38F, 1e-45F, -0.0F};
const std::array<double, 2> doubles = {0.1, -1e300};
const std::array<std::int64_t, 3> integers = {-1, 0, std::numeric_limits<std::int64_t>::min()};
const std::array<std::uint8_t, 5> bytes = {0, 1, 127, 128, 255};
const Metadata metadata = {{"format", "nncore"}, {"\xc3\xa9", "a \"quoted\"\n\\ text"}};

std::vector<TensorView> tensors() {
  return {{"bytes", DType::u8, {5}, bytes.data()},
          {"weights.0", DType::f32, {2, 3}, floats.data()},
          {"doubles", DType::f64, {2, 1}, doubles.data()},
          {"empty \"\xe2\x82\xac\"", DType::f32, {3, 0}, nullptr},
          {"integers", DType::i64, {3}, integers.data()},
          {"scalar", DType::u8, {}, &bytes[4]}};
}

std::string content(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

bool equal(const auto& read, const auto& written) {
  return std::equal(read.begin(), read.end(), written.begin(), written.end());
}

}  // namespace

TEST_CASE("writing tensors: they are read back") {
  const TemporaryDirectory directory;
  const auto path = directory / "model.nn";
  write_tensor_file(path, metadata, tensors());
  const TensorFile file = read_tensor_file(path);
  CHECK(file.metadata() == metadata);
  CHECK(file.names().size() == 6);
  CHECK(equal(file.tensor<float>("weights.0", {2, 3}), floats));
  CHECK(std::signbit(file.tensor<float>("weights.0", {2, 3})[5]));
  CHECK(equal(file.tensor<double>("doubles", {2, 1}), doubles));
  CHECK(equal(file.tensor<std::int64_t>("integers", {3}), integers));
  CHECK(equal(file.tensor<std::uint8_t>("bytes", {5}), bytes));
  CHECK(file.tensor<std::uint8_t>("scalar", {})[0] == 255);
  CHECK(file.at("empty \"\xe2\x82\xac\"").shape == std::vector<std::size_t>{3, 0});
  CHECK(directory.file_count() == 1);
}

TEST_CASE("writing tensors: every byte of the file") {
  const TemporaryDirectory directory;
  const auto path = directory / "model.nn";
  const std::vector<TensorView> two = {{"u", DType::u8, {1}, &bytes[1]},
                                       {"f", DType::f32, {1, 1}, &floats[1]}};
  write_tensor_file(path, {{"b", "2"}, {"a", "1"}}, two);
  const std::string header =
      R"({"__metadata__":{"a":"1","b":"2"},"f":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]},)"
      R"("u":{"dtype":"U8","shape":[1],"data_offsets":[4,5]}})";
  const std::string padding((8 - header.size() % 8) % 8, ' ');
  const std::string length = {
      static_cast<char>(header.size() + padding.size()), 0, 0, 0, 0, 0, 0, 0};
  CHECK(content(path) == length + header + padding + std::string("\0\0\x20\xc0\1", 5));

  auto reversed = tensors();
  write_tensor_file(path, metadata, reversed);
  const std::string once = content(path);
  std::reverse(reversed.begin(), reversed.end());
  write_tensor_file(path, metadata, reversed);
  CHECK(content(path) == once);

  write_tensor_file(path, {}, {});
  CHECK(content(path) == std::string("\10\0\0\0\0\0\0\0{}      ", 16));
}

TEST_CASE("writing tensors: invalid arguments are refused") {
  const TemporaryDirectory directory;
  const auto path = directory / "model.nn";
  const auto refuse = [&](const std::vector<TensorView>& bad, const char* message) {
    CHECK_THROWS_WITH_AS(write_tensor_file(path, {}, bad), doctest::Contains(message),
                         InvalidArgument);
  };
  refuse({{"a", DType::u8, {1}, &bytes[0]}, {"a", DType::f32, {1}, &floats[0]}},
         "two tensors are called \"a\"");
  refuse({{"__metadata__", DType::u8, {1}, &bytes[0]}}, "no tensor may be called \"__metadata__\"");
  refuse({{"\xff", DType::u8, {1}, &bytes[0]}}, "\"\xff\" cannot be stored: it is not UTF-8");
  refuse({{"a", DType::u8, {1}, nullptr}}, "tensor \"a\", U8 of shape (1,), has no data");
  refuse({{"a", DType::f64, {std::numeric_limits<std::size_t>::max() / 4}, &doubles[0]}},
         "has a size that overflows");
  CHECK_THROWS_WITH_AS(write_tensor_file(path, {{"a", "\xed\xa0\x80"}}, {}),
                       doctest::Contains("it is not UTF-8"), InvalidArgument);
  CHECK_THROWS_WITH_AS(write_tensor_file(path, {{"a", std::string(17 << 20, 'x')}}, {}),
                       doctest::Contains("at most 16777216"), InvalidArgument);
  CHECK(directory.file_count() == 0);
}

TEST_CASE("writing tensors: invalid paths are errors") {
  const TemporaryDirectory directory;
  const auto refuse = [](const fs::path& path, const std::string& message) {
    CHECK_THROWS_WITH_AS(write_tensor_file(path, metadata, tensors()),
                         (path.string() + ": " + message).c_str(), ModelFileError);
  };
  refuse(
      directory / "none" / "model.nn",
      "cannot create a file in " + (directory / "none").string() + ": No such file or directory");
  refuse(directory.path(), "cannot be written: Is a directory");
  refuse(directory / "sub/", "cannot be written: Is a directory");
  refuse("", "cannot be written: Is a directory");
#ifndef _WIN32
  refuse("/dev/null", "is a character device, not a regular file, and is not replaced");
#endif
  CHECK(directory.file_count() == 0);
}

#ifndef _WIN32

// On Windows, a file that is being read cannot be replaced.
TEST_CASE("writing tensors: concurrent writers leave one complete file") {
  const TemporaryDirectory directory;
  const auto path = directory / "model.nn";
  const std::vector<float> values(10'000, 1.0F);
  const auto write = [&](std::size_t count) {
    for (int i = 0; i < 10; ++i) {
      write_tensor_file(path, {},
                        std::vector<TensorView>{{"w", DType::f32, {count}, values.data()}});
    }
  };
  write(1);
  std::atomic<bool> done = false;
  std::thread reader([&] {
    while (!done) CHECK_NOTHROW(read_tensor_file(path));
  });
  std::thread first(write, 1'000);
  std::thread second(write, 10'000);
  first.join();
  second.join();
  done = true;
  reader.join();
  CHECK(directory.file_count() == 1);
}

TEST_CASE("writing tensors: a full disk keeps the old file") {
  const TemporaryDirectory directory;
  const auto path = directory / "model.nn";
  write_tensor_file(path, metadata, tensors());
  const std::string old = content(path);
  const std::vector<float> many(100'000, 1.0F);
  const std::vector<TensorView> large = {{"w", DType::f32, {many.size()}, many.data()}};

  // A limit on file sizes fails half-way, like a full disk.
  rlimit usual{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &usual) == 0);
  rlimit tight = usual;
  tight.rlim_cur = 100'000;
  const auto usual_action = std::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(setrlimit(RLIMIT_FSIZE, &tight) == 0);
  CHECK_THROWS_WITH_AS(write_tensor_file(path, {}, large),
                       (path.string() + ": cannot be written: File too large").c_str(),
                       ModelFileError);
  CHECK_THROWS_AS(write_tensor_file(directory / "new.nn", {}, large), ModelFileError);
  REQUIRE(setrlimit(RLIMIT_FSIZE, &usual) == 0);
  std::signal(SIGXFSZ, usual_action);

  CHECK(content(path) == old);
  CHECK(directory.file_count() == 1);
}

TEST_CASE("writing tensors: permissions") {
  const TemporaryDirectory directory;
  const auto path = directory / "model.nn";
  const auto mode = [&] {
    struct stat status{};
    REQUIRE(stat(path.c_str(), &status) == 0);
    return status.st_mode & 07777;
  };
  const mode_t usual = umask(0027);
  write_tensor_file(path, metadata, tensors());
  CHECK(mode() == 0640);
  REQUIRE(chmod(path.c_str(), 0606) == 0);
  write_tensor_file(path, metadata, tensors());
  CHECK(mode() == 0606);
  umask(usual);

  REQUIRE(chmod(path.c_str(), 0444) == 0);
  if (access(path.c_str(), W_OK) != 0) {  // root may write to protected files
    CHECK_THROWS_WITH_AS(write_tensor_file(path, {}, {}),
                         doctest::Contains("cannot be replaced: Permission denied"),
                         ModelFileError);
    CHECK(read_tensor_file(path).metadata() == metadata);
  }
}

TEST_CASE("writing tensors: a long name") {
  const TemporaryDirectory directory;
  const auto path = directory / std::string(255, 'm');
  write_tensor_file(path, metadata, tensors());
  CHECK(read_tensor_file(path).metadata() == metadata);
}

TEST_CASE("writing tensors: symbolic links are kept") {
  const TemporaryDirectory directory;
  fs::create_directory(directory / "models");
  fs::create_symlink("models/model.nn", directory / "near");
  fs::create_symlink(directory / "near", directory / "far");
  for (int i = 0; i < 2; ++i) {  // the first time, the target does not exist yet
    write_tensor_file(directory / "far", metadata, tensors());
    CHECK(fs::is_symlink(directory / "near"));
    CHECK(fs::is_symlink(directory / "far"));
    CHECK(read_tensor_file(directory / "models/model.nn").metadata() == metadata);
  }
  CHECK(read_tensor_file(directory / "far").metadata() == metadata);

  fs::create_symlink("loop", directory / "loop");
  CHECK_THROWS_WITH_AS(write_tensor_file(directory / "loop", {}, {}),
                       doctest::Contains("cannot follow its symbolic links"), ModelFileError);
  CHECK_THROWS_AS(read_tensor_file(directory / "loop"), ModelFileError);
}

#endif

}  // namespace test_tensor_file_write
