#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/json.hpp"

using nncore::json::ParseError;
using nncore::json::quote;
using nncore::json::Reader;
using nncore::json::utf8_length;

namespace test_json {
namespace {

std::string read_string(std::string_view text) {
  Reader reader(text);
  std::string value = reader.string();
  reader.end();
  return value;
}

std::uint64_t read_integer(std::string_view text) {
  Reader reader(text);
  const std::uint64_t value = reader.integer();
  reader.end();
  return value;
}

std::vector<std::uint64_t> read_integers(std::string_view text) {
  Reader reader(text);
  std::vector<std::uint64_t> values;
  reader.array([&] { values.push_back(reader.integer()); });
  reader.end();
  return values;
}

std::vector<std::pair<std::string, std::uint64_t>> read_members(std::string_view text) {
  Reader reader(text);
  std::vector<std::pair<std::string, std::uint64_t>> members;
  reader.object([&](const std::string& key) { members.emplace_back(key, reader.integer()); });
  reader.end();
  return members;
}

// "byte: message" of the ParseError that reading throws.
template <class Read>
std::string fault(Read read, std::string_view text) {
  try {
    read(text);
  } catch (const ParseError& error) {
    return std::to_string(error.position()) + ": " + error.what();
  }
  return "none";
}

}  // namespace

TEST_CASE("json: integers") {
  CHECK(read_integer("0") == 0);
  CHECK(read_integer(" \t\r\n42 ") == 42);
  CHECK(read_integer("18446744073709551615") == UINT64_MAX);
  CHECK(fault(read_integer, "18446744073709551616") == "0: an integer beyond 64 bits");
  CHECK(fault(read_integer, "-1") == "0: expected a non-negative integer, found '-'");
  CHECK(fault(read_integer, "+1") == "0: expected a non-negative integer, found '+'");
  CHECK(fault(read_integer, "") == "0: expected a non-negative integer, found the end");
  CHECK(fault(read_integer, "\"1\"") == "0: expected a non-negative integer, found '\"'");
  CHECK(fault(read_integer, "null") == "0: expected a non-negative integer, found 'n'");
  CHECK(fault(read_integer, "007") == "0: an integer with leading zeros");
  CHECK(fault(read_integer, "1.5") == "1: expected nothing more, found '.'");
  CHECK(fault(read_integer, "1e3") == "1: expected nothing more, found 'e'");
}

TEST_CASE("json: arrays and objects") {
  CHECK(read_integers("[]").empty());
  CHECK(read_integers(" [ 1 ,2, 3 ] ") == std::vector<std::uint64_t>{1, 2, 3});
  CHECK(read_members("{}").empty());
  const auto members = read_members(R"( {"b" : 2, "a":1} )");
  REQUIRE(members.size() == 2);
  CHECK(members[0] == std::pair<std::string, std::uint64_t>{"b", 2});
  CHECK(members[1] == std::pair<std::string, std::uint64_t>{"a", 1});

  CHECK(fault(read_integers, "[1,]") == "3: expected a non-negative integer, found ']'");
  CHECK(fault(read_integers, "[,1]") == "1: expected a non-negative integer, found ','");
  CHECK(fault(read_integers, "[1 2]") == "3: expected ',' or ']', found '2'");
  CHECK(fault(read_integers, "[1") == "2: expected ',' or ']', found the end");
  CHECK(fault(read_integers, "[1]]") == "3: expected nothing more, found ']'");
  CHECK(fault(read_integers, "{}") == "0: expected an array, found '{'");
  CHECK(fault(read_members, "[]") == "0: expected an object, found '['");
  CHECK(fault(read_members, "{\"a\":1,}") == "7: expected a string, found '}'");
  CHECK(fault(read_members, "{\"a\" 1}") == "5: expected ':', found '1'");
  CHECK(fault(read_members, "{a:1}") == "1: expected a string, found 'a'");
  CHECK(fault(read_members, "{\"a\":1,\"\\u0061\":2}") == "7: duplicate key");
}

TEST_CASE("json: nesting beyond the given depth is refused") {
  const std::string deep(1 << 20, '[');
  CHECK(fault(read_integers, deep) == "1: expected a non-negative integer, found '['");
}

TEST_CASE("json: strings") {
  CHECK(read_string(R"("")").empty());
  CHECK(read_string(R"("a\"\\\/\b\f\n\r\tz")") == "a\"\\/\b\f\n\r\tz");
  CHECK(read_string(R"("\u0041\u00e9\u20AC\uD83D\uDE00")") ==
        "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
  CHECK(read_string("\"\xc3\xa9\xf4\x8f\xbf\xbf\x7f\"") == "\xc3\xa9\xf4\x8f\xbf\xbf\x7f");
  CHECK(read_string(R"("\u0000")") == std::string(1, '\0'));

  CHECK(fault(read_string, "\"a") == "2: expected UTF-8 text and a closing quote, found the end");
  CHECK(fault(read_string, "\"\\x\"") == "2: expected an escape, found 'x'");
  CHECK(fault(read_string, "\"\\") == "2: expected an escape, found the end");
  CHECK(fault(read_string, R"("\u12g4")") == "5: expected four hexadecimal digits, found 'g'");
  CHECK(fault(read_string, "\"a\nb\"") ==
        "2: expected control characters to be escaped, found byte 0x0a");
  for (const char* half : {R"("\ud800")", R"("\udc00")", R"("\ud800\u0041")", R"("\ud800\ud800")",
                           R"("\udc00\ud800")", R"("\ud800x")"}) {
    CAPTURE(half);
    CHECK(fault(read_string, half) == "1: half of a surrogate pair");
  }
}

TEST_CASE("json: UTF-8 is checked") {
  CHECK(utf8_length("") == 0);
  CHECK(utf8_length("ab") == 1);
  CHECK(utf8_length("\xc2\x80") == 2);
  CHECK(utf8_length("\xe0\xa0\x80") == 3);
  CHECK(utf8_length("\xed\x9f\xbf") == 3);
  CHECK(utf8_length("\xf0\x90\x80\x80") == 4);
  CHECK(utf8_length("\xf4\x8f\xbf\xbf") == 4);
  // A lone continuation byte, overlong forms, a surrogate, beyond U+10FFFF, truncated, a wrong
  // continuation byte.
  for (const char* bad :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xc2", "\xe2\x82", "\xf0\x9f\x98",
        "\xc2\x41", "\xe2\x82\x41", "\xf0\x9f\x98\xc0"}) {
    CAPTURE(bad);
    CHECK(utf8_length(bad) == 0);
    CHECK(fault(read_string, "\"" + std::string(bad) + "\"").find("expected UTF-8") !=
          std::string::npos);
  }
}

TEST_CASE("json: quoted strings are read back") {
  std::string text = "\"\\/ \xe2\x82\xac";
  for (char c = 0; c < 127; ++c) text += c;
  text += '\x7f';
  CHECK(read_string(quote(text)) == text);
  CHECK(quote("a\n\x7f\"") == "\"a\\u000a\\u007f\\\"\"");
}

}  // namespace test_json
