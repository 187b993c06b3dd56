// The reader of IDX files: what it reads, and what it refuses.
#include <doctest/doctest.h>

#include <bit>
#include <fstream>
#include <limits>
#include <numeric>
#include <vector>

#include "nncore/idx.hpp"
#include "temporary_directory.hpp"

using namespace nncore;

namespace test_idx {
namespace {

using Bytes = std::vector<unsigned char>;

Bytes header(unsigned char type, const std::vector<std::uint32_t>& shape) {
  Bytes bytes = {0, 0, type, static_cast<unsigned char>(shape.size())};
  for (const std::uint32_t size : shape) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      bytes.push_back(static_cast<unsigned char>(size >> shift));
    }
  }
  return bytes;
}

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

IdxArray parse(const Bytes& bytes) { return parse_idx(std::as_bytes(std::span(bytes)), "some"); }

std::string fault(const Bytes& bytes) {
  try {
    parse(bytes);
  } catch (const DataFileError& error) {
    return error.what();
  }
  return "";
}

template <class T>
std::vector<T> elements(const IdxArray& array) {
  const auto found = array.elements<T>();
  return {found.begin(), found.end()};
}

}  // namespace

TEST_CASE("elements of every type are converted to the machine's byte order") {
  CHECK(elements<std::uint8_t>(parse(header(8, {2}) + Bytes{1, 255})) ==
        std::vector<std::uint8_t>{1, 255});
  CHECK(elements<std::int8_t>(parse(header(9, {2}) + Bytes{1, 255})) ==
        std::vector<std::int8_t>{1, -1});
  CHECK(elements<std::int16_t>(parse(header(11, {2}) + Bytes{1, 2, 255, 254})) ==
        std::vector<std::int16_t>{258, -2});
  CHECK(elements<std::int32_t>(parse(header(12, {1}) + Bytes{0, 0, 1, 2})) ==
        std::vector<std::int32_t>{258});
  CHECK(elements<float>(parse(header(13, {1}) + Bytes{0x3f, 0xc0, 0, 0})) ==
        std::vector<float>{1.5f});
  CHECK(elements<double>(parse(header(14, {1}) + Bytes{0xbf, 0xf8, 0, 0, 0, 0, 0, 0})) ==
        std::vector<double>{-1.5});
}

TEST_CASE("shapes are read, also empty ones and those of many dimensions") {
  Bytes data(24);
  std::iota(data.begin(), data.end(), static_cast<unsigned char>(0));
  const IdxArray array = parse(header(8, {2, 3, 4}) + data);
  CHECK(array.shape == std::vector<std::size_t>{2, 3, 4});
  CHECK(array.elements<std::uint8_t>()[23] == 23);
  CHECK(parse(header(8, {0, 4})).data.empty());
  CHECK(parse(header(8, std::vector<std::uint32_t>(32, 1)) + Bytes{7}).shape.size() == 32);
}

TEST_CASE("elements keep their type") {
  CHECK_THROWS_WITH_AS(parse(header(8, {1}) + Bytes{1}).elements<float>(),
                       "the array is uint8, not float32", DataFileError);
}

TEST_CASE("other and truncated files are refused with what was found") {
  CHECK(fault({}) ==
        "some: expected an IDX file, which begins with two zero bytes, a type (08, 09, 0b, 0c, 0d "
        "or 0e) and a number of dimensions, found an empty file");
  CHECK(fault({0, 0, 8}).ends_with("found 00 00 08"));
  CHECK(fault({0, 1, 8, 1, 0, 0, 0, 0}).ends_with("found 00 01 08 01"));
  CHECK(fault({0, 0, 10, 1, 0, 0, 0, 0}).ends_with("found 00 00 0a 01"));
  CHECK(fault({0, 0, 8, 0}).ends_with("found 00 00 08 00"));
  CHECK(fault({0x1f, 0x8b, 8, 0})
            .ends_with("found 1f 8b 08 00, which is gzip's: decompress it first"));
  CHECK(fault(header(8, std::vector<std::uint32_t>(33, 1)) + Bytes{1}) ==
        "some: expected at most 32 dimensions, found 33");
  CHECK(fault({0, 0, 8, 2, 0, 0, 0, 1}) ==
        "some: truncated: expected a header of 12 bytes, found 8");
  CHECK(fault(header(11, {2, 3}) + Bytes(11)) ==
        "some: truncated: expected 24 bytes (2 x 3 int16 and a header of 12), found 23 bytes");
  CHECK(fault(header(8, {2}) + Bytes(3)) ==
        "some: trailing bytes: expected 10 bytes (2 uint8 and a header of 8), found 11 bytes");
}

TEST_CASE("a false header allocates no memory and overflows no size") {
  constexpr std::uint32_t most = 0xffffffff;
  CHECK(fault(header(8, {most}) + Bytes(100)).ends_with("found 108 bytes"));
  const auto beyond = std::uint64_t{std::numeric_limits<std::ptrdiff_t>::max()} + 12;
  CHECK(fault(header(14, {most, most})) ==
        "some: truncated: expected more than " + std::to_string(beyond) +
            " bytes (4294967295 x 4294967295 float64 and a header of 12), found 12 bytes");
  // The size of 2^32 rows of 2^32 bytes is 0 in 64 bits.
  CHECK(fault(header(8, {65536, 65536, 65536, 65536})).ends_with("found 20 bytes"));
  CHECK(fault(header(8, {0, most, most, most})) ==
        "some: expected a shape that fits in memory, found 0 x 4294967295 x 4294967295 x "
        "4294967295");
}

TEST_CASE("files are read like bytes") {
  const TemporaryDirectory directory;
  const auto path = directory / "some.idx";
  const auto write = [&](const Bytes& bytes) {
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  };
  Bytes data(400);
  std::iota(data.begin(), data.end(), static_cast<unsigned char>(0));
  write(header(11, {2, 100}) + data);
  CHECK(read_idx(path).shape == std::vector<std::size_t>{2, 100});
  CHECK(read_idx(path).data == parse(header(11, {2, 100}) + data).data);
  write(header(8, {}) + Bytes{});
  CHECK_THROWS_AS(read_idx(path), DataFileError);
  write({});
  CHECK_THROWS_AS(read_idx(path), DataFileError);
  write(header(11, {2, 100}) + Bytes(399));
  CHECK_THROWS_WITH_AS(read_idx(path),
                       (path.string() + ": truncated: expected 412 bytes (2 x 100 int16 and a "
                                        "header of 12), found 411 bytes")
                           .c_str(),
                       DataFileError);
  const auto refused = [](const std::filesystem::path& file) -> std::string {
    try {
      read_idx(file);
    } catch (const DataFileError& error) {
      return error.what();
    }
    return "read";
  };
  const std::string expected = ": expected an IDX file, ";
  CHECK(refused(directory / "none") ==
        (directory / "none").string() + expected + "cannot open it: No such file or directory");
  CHECK(refused(directory.path()) == directory.path().string() + expected + "found a directory");
#ifndef _WIN32
  CHECK(refused("/dev/null") == "/dev/null" + expected + "found no regular file");
#endif
}

}  // namespace test_idx
