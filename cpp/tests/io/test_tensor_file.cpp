#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "nncore/error.hpp"
#include "nncore/tensor_file.hpp"
#include "temporary_directory.hpp"

using namespace nncore;

namespace test_tensor_file {
namespace {

std::string little_endian(std::uint64_t value) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xff);
  return bytes;
}

std::string file_bytes(std::string_view header, std::string_view data) {
  return little_endian(header.size()).append(header).append(data);
}

TensorFile parse(std::string_view bytes) {
  return parse_tensor_bytes(std::as_bytes(std::span(bytes.data(), bytes.size())), "model.nn");
}

// The message of the error that parsing throws. It must start with the label.
std::string fault(std::string_view bytes) {
  try {
    parse(bytes);
  } catch (const ModelFileError& error) {
    const std::string_view message = error.what();
    REQUIRE(message.starts_with("model.nn: "));
    return std::string(message.substr(std::strlen("model.nn: ")));
  }
  return "none";
}

std::string header_fault(std::string_view header, std::size_t data_size = 0) {
  return fault(file_bytes(header, std::string(data_size, '\0')));
}

// A header of one tensor "w" in 24 bytes of data, with some of its text replaced.
std::string one_tensor(std::string_view shape = "[2,3]", std::string_view offsets = "[0,24]",
                       std::string_view dtype = "F32") {
  std::string header = R"({"w":{"dtype":")";
  header.append(dtype).append(R"(","shape":)").append(shape);
  return header.append(R"(,"data_offsets":)").append(offsets).append("}}");
}

// The error for sizes that need 64 bits. On a machine of fewer bits they are too large for it.
std::string too_large(std::string_view where_they_fit) {
  return std::string(sizeof(std::size_t) == 8 ? where_they_fit : "is beyond this machine");
}

// Two floats, 1 and -2, three bytes, 7, 8 and 9, and metadata.
const std::string small_file =
    file_bytes(R"({"__metadata__":{"format":"nncore \u00e9"},)"
               R"("f":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},)"
               R"("u":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}}  )",
               std::string_view("\0\0\x80\x3f\0\0\0\xc0\7\10\11", 11));

}  // namespace

TEST_CASE("tensor file: tensors and metadata are read") {
  const TensorFile file = parse(small_file);
  CHECK(file.label() == "model.nn");
  CHECK(file.metadata() == Metadata{{"format", "nncore \xc3\xa9"}});
  CHECK(file.names() == std::vector<std::string>{"f", "u"});
  CHECK(file.contains("u"));
  CHECK_FALSE(file.contains("v"));
  CHECK(file.at("f").name == "f");
  CHECK(file.at("f").dtype == DType::f32);
  CHECK(file.at("f").shape == std::vector<std::size_t>{1, 2});
  const auto f = file.tensor<float>("f", {1, 2});
  CHECK(std::vector<float>(f.begin(), f.end()) == std::vector<float>{1.0F, -2.0F});
  const auto u = file.tensor<std::uint8_t>("u", {3});
  CHECK(std::vector<std::uint8_t>(u.begin(), u.end()) == std::vector<std::uint8_t>{7, 8, 9});
  for (const auto* data : {file.at("f").data, file.at("u").data}) {
    CHECK(reinterpret_cast<std::uintptr_t>(data) % 64 == 0);
  }
}

TEST_CASE("tensor file: a copy keeps the tensors alive") {
  auto file = std::make_unique<TensorFile>(parse(small_file));
  const TensorFile copy = *file;
  file.reset();
  CHECK(copy.tensor<float>("f", {1, 2})[1] == -2.0F);
}

TEST_CASE("tensor file: scalars, tensors without elements, no tensors, any order") {
  CHECK(parse(file_bytes("{}", "")).names().empty());
  CHECK(parse(file_bytes(R"({"__metadata__":{}})", "")).metadata().empty());
  constexpr std::size_t many = std::numeric_limits<std::size_t>::max() >> 4;
  const TensorFile file =
      parse(file_bytes(R"({"b":{"data_offsets":[0,8],"shape":[],"dtype":"I64"},)"
                       R"("z":{"dtype":"F64","shape":[0,)" +
                           std::to_string(many) +
                           R"(],"data_offsets":[8,8]},)"
                           R"("a":{"dtype":"F64","shape":[1,1,1],"data_offsets":[8,16]}})",
                       std::string(16, '\xff')));
  CHECK(file.names() == std::vector<std::string>{"a", "b", "z"});
  CHECK(file.tensor<std::int64_t>("b", {})[0] == -1);
  CHECK(file.tensor<double>("z", {0, many}).empty());
  CHECK(file.tensor<double>("a", {1, 1, 1}).size() == 1);
}

TEST_CASE("tensor file: unaligned offsets are read") {
  const TensorFile file =
      parse(file_bytes(R"({"u":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                       R"("f":{"dtype":"F32","shape":[],"data_offsets":[1,5]}})",
                       std::string_view("\7\0\0\x80\x3f", 5)));
  CHECK(file.tensor<float>("f", {})[0] == 1.0F);
}

TEST_CASE("tensor file: missing tensors are errors") {
  const TensorFile file = parse(small_file);
  CHECK_THROWS_WITH_AS(file.at("weights.0"),
                       "model.nn: expected a tensor \"weights.0\"; none of its 2 has that name",
                       ModelFileError);
  CHECK_THROWS_WITH_AS(
      file.tensor<double>("f", {1, 2}),
      "model.nn: expected tensor \"f\" to be F64 of shape (1, 2); it is F32 of shape (1, 2)",
      ModelFileError);
  CHECK_THROWS_WITH_AS(
      file.tensor<std::uint8_t>("u", {3, 1}),
      "model.nn: expected tensor \"u\" to be U8 of shape (3, 1); it is U8 of shape (3,)",
      ModelFileError);
}

TEST_CASE("tensor file: invalid header lengths") {
  CHECK(fault("") == "too short for a safetensors file: expected at least 8 bytes, found 0");
  CHECK(fault("1234567") == "too short for a safetensors file: expected at least 8 bytes, found 7");
  CHECK(fault(little_endian(3) + "{}") ==
        "not a safetensors file, or cut short: its header should take 3 bytes, but only 2 follow");
  CHECK(fault(little_endian(UINT64_MAX) + "{}") ==
        "not a safetensors file, or cut short: its header should take 18446744073709551615 bytes, "
        "but only 2 follow");
  CHECK(fault(file_bytes("{" + std::string(16 << 20, ' '), "")) ==
        "its header takes 16777217 bytes; at most 16777216 are accepted");
}

TEST_CASE("tensor file: invalid JSON") {
  CHECK(header_fault("") == "bad header at byte 8 of the file: expected '{' right at the start");
  CHECK(header_fault(" {}") == "bad header at byte 8 of the file: expected '{' right at the start");
  CHECK(header_fault("[]") == "bad header at byte 8 of the file: expected '{' right at the start");
  CHECK(header_fault("{") == "bad header at byte 9 of the file: expected a string, found the end");
  CHECK(header_fault("{}x") ==
        "bad header at byte 10 of the file: expected nothing more, found 'x'");
  CHECK(header_fault(std::string_view("{}\0", 3)) ==
        "bad header at byte 10 of the file: expected nothing more, found byte 0x00");
  CHECK(header_fault("{\"\xc3\x28\":1}") ==
        "bad header at byte 10 of the file: expected UTF-8 text and a closing quote, found byte "
        "0xc3");
  CHECK(header_fault(R"({"w":1})") ==
        "bad header at byte 13 of the file: expected an object, found '1'");
  CHECK(header_fault(R"({"w":null})") ==
        "bad header at byte 13 of the file: expected an object, found 'n'");
  std::string deep;
  for (int i = 0; i < 1'000'000; ++i) deep += R"({"w":)";
  CHECK(
      header_fault(deep) ==
      "bad header at byte 18 of the file: tensor \"w\" has a key \"w\"; expected dtype, shape and "
      "data_offsets");
  CHECK(header_fault(one_tensor(std::string(1'000'000, '[')), 24) ==
        "bad header at byte 37 of the file: expected a non-negative integer, found '['");
}

TEST_CASE("tensor file: invalid metadata") {
  CHECK(header_fault(R"({"__metadata__":null})") ==
        "bad header at byte 24 of the file: expected an object, found 'n'");
  CHECK(header_fault(R"({"__metadata__":{"a":1}})") ==
        "bad header at byte 29 of the file: expected a string, found '1'");
  CHECK(header_fault(R"({"__metadata__":{"a":"","a":""}})") ==
        "bad header at byte 32 of the file: duplicate key");
  CHECK(header_fault(R"({"__metadata__":{},"__metadata__":{}})") ==
        "bad header at byte 27 of the file: duplicate key");
}

TEST_CASE("tensor file: invalid entries") {
  const auto entry = [](std::string_view members) {
    return header_fault(std::string(R"({"w":{)").append(members).append("}}"), 4);
  };
  const std::string dtype = R"("dtype":"F32")";
  const std::string shape = R"("shape":[1])";
  const std::string offsets = R"("data_offsets":[0,4])";
  REQUIRE(entry(dtype + "," + shape + "," + offsets) == "none");
  CHECK(entry(shape + "," + offsets) ==
        "bad header at byte 47 of the file: tensor \"w\" has no dtype");
  CHECK(entry(dtype + "," + offsets) ==
        "bad header at byte 49 of the file: tensor \"w\" has no shape");
  CHECK(entry(dtype + "," + shape) ==
        "bad header at byte 40 of the file: tensor \"w\" has no data_offsets");
  CHECK(entry(dtype + "," + dtype + "," + shape + "," + offsets) ==
        "bad header at byte 28 of the file: duplicate key");
  CHECK(entry(R"("strides":[4],)" + dtype + "," + shape + "," + offsets) ==
        "bad header at byte 24 of the file: tensor \"w\" has a key \"strides\"; expected dtype, "
        "shape and "
        "data_offsets");
  CHECK(entry(R"("dtype":5,)" + shape + "," + offsets) ==
        "bad header at byte 22 of the file: expected a string, found '5'");
  CHECK(entry(R"("dtype":"BF16",)" + shape + "," + offsets) ==
        "bad header at byte 28 of the file: tensor \"w\" has dtype \"BF16\"; expected F32, F64, "
        "I64 or U8");
  CHECK(entry(dtype + R"(,"shape":1,)" + offsets) ==
        "bad header at byte 36 of the file: expected an array, found '1'");
  CHECK(entry(dtype + R"(,"shape":[-1],)" + offsets) ==
        "bad header at byte 37 of the file: expected a non-negative integer, found '-'");
  CHECK(entry(dtype + R"(,"shape":[1.0],)" + offsets) ==
        "bad header at byte 38 of the file: expected ',' or ']', found '.'");
  CHECK(entry(dtype + R"(,"shape":[18446744073709551616],)" + offsets) ==
        "bad header at byte 37 of the file: an integer beyond 64 bits");
  CHECK(entry(dtype + "," + shape + R"(,"data_offsets":[4])") ==
        "bad header at byte 58 of the file: tensor \"w\" has 1 data_offsets; expected 2");
  CHECK(entry(dtype + "," + shape + R"(,"data_offsets":[0,4,4])") ==
        "bad header at byte 62 of the file: tensor \"w\" has 3 data_offsets; expected 2");
  CHECK(header_fault(R"({"w":{},"w":{}})").find("has no dtype") != std::string::npos);
  const std::string twice = R"("w":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  CHECK(header_fault("{" + twice + "," + twice + "}") ==
        "bad header at byte 61 of the file: duplicate key");
}

TEST_CASE("tensor file: invalid sizes and offsets") {
  REQUIRE(header_fault(one_tensor(), 24) == "none");
  CHECK(header_fault(one_tensor("[2,3]", "[24,0]"), 24) ==
        "tensor \"w\" with data_offsets [24, 0]: they are reversed");
  CHECK(header_fault(one_tensor(), 23) ==
        "tensor \"w\" with data_offsets [0, 24]: the tensors take only 23 bytes (was the file cut "
        "short?)");
  CHECK(header_fault(one_tensor("[2,3]", "[18446744073709551592,18446744073709551615]"), 24)
            .find(too_large("the tensors take only 24 bytes")) != std::string::npos);
  CHECK(header_fault(one_tensor("[2,4]"), 24) ==
        "tensor \"w\" with data_offsets [0, 24]: F32 of shape (2, 4) takes 32 bytes, not 24");
  CHECK(header_fault(one_tensor("[2,3]", "[0,24]", "F64"), 24) ==
        "tensor \"w\" with data_offsets [0, 24]: F64 of shape (2, 3) takes 48 bytes, not 24");
  for (const char* shape : {"[4294967296,4294967296]", "[4611686018427387904]",
                            "[4294967296,0,4294967296]", "[0,18446744073709551615,2]"}) {
    CAPTURE(shape);
    CHECK(header_fault(one_tensor(shape, "[0,0]")).find(too_large("has a size that overflows")) !=
          std::string::npos);
  }
}

TEST_CASE("tensor file: every byte belongs to one tensor") {
  const auto pair = [](std::string_view a, std::string_view b) {
    std::string header = R"({"a":{"dtype":"U8","shape":[2],"data_offsets":)";
    header.append(a).append(R"(},"b":{"dtype":"U8","shape":[2],"data_offsets":)");
    return header_fault(header.append(b).append("}}"), 5);
  };
  CHECK(pair("[0,2]", "[1,3]") == "tensors \"a\" and \"b\" overlap at byte 1 after its header");
  CHECK(pair("[2,4]", "[2,4]") == "bytes 0 to 2 after its header belong to no tensor");
  CHECK(pair("[0,2]", "[0,2]") == "tensors \"a\" and \"b\" overlap at byte 0 after its header");
  CHECK(pair("[3,5]", "[0,2]") == "bytes 2 to 3 after its header belong to no tensor");
  CHECK(pair("[0,2]", "[2,4]") == "bytes 4 to 5 after its header belong to no tensor");
  CHECK(pair("[1,3]", "[3,5]") == "bytes 0 to 1 after its header belong to no tensor");
  CHECK(header_fault("{}", 1) == "bytes 0 to 1 after its header belong to no tensor");
}

TEST_CASE("tensor file: names are escaped and shortened in messages") {
  std::string name = R"(\u001b[2J)" + std::string(1'000'000, 'x');
  const std::string message = header_fault("{\"" + name + "\":{}}");
  CHECK(message.find("tensor \"\\u001b[2Jxxx") != std::string::npos);
  CHECK(message.size() < 200);
  const std::string shape = "[" + std::string(100'000, '1') + "]";
  CHECK(header_fault(one_tensor(shape), 24).size() < 200);
  std::string ones = "[1";
  for (int i = 0; i < 100'000; ++i) ones += ",1";
  CHECK(header_fault(one_tensor(ones + "]"), 24).size() < 200);
}

TEST_CASE("tensor file: truncated at any byte") {
  for (std::size_t size = 0; size < small_file.size(); ++size) {
    CAPTURE(size);
    CHECK(fault(small_file.substr(0, size)) != "none");
  }
  CHECK(fault(small_file + '\0') == "bytes 11 to 12 after its header belong to no tensor");
}

TEST_CASE("tensor file: any bit flipped") {
  const std::size_t header_end = small_file.size() - 11;
  std::size_t refused = 0;
  for (std::size_t i = 0; i < header_end * 8; ++i) {
    std::string bytes = small_file;
    bytes[i / 8] = static_cast<char>(bytes[i / 8] ^ (1 << (i % 8)));
    try {
      const TensorFile file = parse(bytes);
      CHECK(file.names().size() == 2);
    } catch (const ModelFileError&) {
      ++refused;
    }
  }
  // A flip in a name or in the metadata's text gives another valid file.
  CHECK(refused > header_end * 8 / 2);
  CHECK(refused < header_end * 8);
}

TEST_CASE("tensor file: read from disk") {
  const TemporaryDirectory directory;
  const auto path = directory / "model.nn";
  const auto refused = [](const std::filesystem::path& which) {
    try {
      read_tensor_file(which);
    } catch (const ModelFileError& error) {
      const std::string message = error.what();
      REQUIRE(message.starts_with(which.string() + ": "));
      return message.substr(which.string().size() + 2);
    }
    return std::string("none");
  };
  CHECK(refused(path) == "cannot be opened: No such file or directory");
  CHECK(refused(directory.path()) == "is a directory");
#ifndef _WIN32
  CHECK(refused("/dev/null") == "is not a regular file");
#endif
  std::ofstream(path, std::ios::binary) << small_file;
  CHECK(read_tensor_file(path).tensor<float>("f", {1, 2})[0] == 1.0F);
  for (const std::size_t size :
       {small_file.size() - 1, std::size_t{100}, std::size_t{7}, std::size_t{0}}) {
    std::filesystem::resize_file(path, size);
    CHECK(refused(path) == fault(small_file.substr(0, size)));
  }
}

}  // namespace test_tensor_file
