#include "io/json.hpp"

#include <charconv>
#include <system_error>

namespace nncore::json {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

std::string hex_byte(char c) {
  const auto value = static_cast<unsigned char>(c);
  return {hex_digits[value >> 4], hex_digits[value & 15]};
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20; }

void append_utf8(std::string& text, char32_t c) {
  const auto tail = [c](unsigned shift) { return static_cast<char>(0x80 | ((c >> shift) & 0x3f)); };
  if (c < 0x80) {
    text += static_cast<char>(c);
  } else if (c < 0x800) {
    text += {static_cast<char>(0xc0 | (c >> 6)), tail(0)};
  } else if (c < 0x10000) {
    text += {static_cast<char>(0xe0 | (c >> 12)), tail(6), tail(0)};
  } else {
    text += {static_cast<char>(0xf0 | (c >> 18)), tail(12), tail(6), tail(0)};
  }
}

}  // namespace

std::size_t utf8_length(std::string_view text) {
  const auto at = [text](std::size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
  };
  const unsigned lead = at(0);
  if (lead < 0x80) return text.empty() ? 0 : 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  // The second byte's range is what shuts out overlong forms, surrogates and U+110000 upwards.
  const unsigned low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const unsigned high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (at(1) < low || at(1) > high) return 0;
  const std::size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  for (std::size_t i = 2; i < length; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
  }
  return length;
}

std::string quote(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (is_control(c) || c == '\x7f') {
      quoted += "\\u00" + hex_byte(c);
    } else {
      if (c == '"' || c == '\\') quoted += '\\';
      quoted += c;
    }
  }
  return quoted + '"';
}

void Reader::fail(const std::string& message, std::size_t position) {
  throw ParseError(message, position);
}

void Reader::unexpected(const std::string& wanted) const {
  std::string found = "the end";
  if (position_ < text_.size()) {
    const char c = text_[position_];
    found = c > ' ' && c < '\x7f' ? std::string("'") + c + "'" : "byte 0x" + hex_byte(c);
  }
  fail("expected " + wanted + ", found " + found);
}

void Reader::skip_space() {
  while (peek() == ' ' || peek() == '\n' || peek() == '\r' || peek() == '\t') ++position_;
}

void Reader::open(char bracket, const std::string& wanted) {
  skip_space();
  if (peek() != bracket) unexpected(wanted);
  ++position_;
}

bool Reader::next(char close, bool first) {
  skip_space();
  if (peek() == close) {
    ++position_;
    return false;
  }
  if (!first) {
    if (peek() != ',') unexpected(std::string("',' or '") + close + "'");
    ++position_;
    skip_space();
  }
  return true;
}

void Reader::colon() { open(':', "':'"); }

std::string Reader::string() {
  open('"', "a string");
  std::string value;
  for (;;) {
    const std::size_t length = utf8_length(text_.substr(position_));
    if (length == 0) unexpected("UTF-8 text and a closing quote");
    const char c = text_[position_];
    if (is_control(c)) unexpected("control characters to be escaped");
    if (c == '\\') {
      append_utf8(value, escape());
      continue;
    }
    if (c != '"') value += text_.substr(position_, length);
    position_ += length;
    if (c == '"') return value;
  }
}

// Resolves the escape at the present position, a pair of surrogates included.
char32_t Reader::escape() {
  const std::size_t start = position_;
  ++position_;
  constexpr std::string_view letters = "\"\\/bfnrt";
  constexpr std::string_view meanings = "\"\\/\b\f\n\r\t";
  if (const std::size_t i = letters.find(peek()); i != std::string_view::npos) {
    ++position_;
    return static_cast<char32_t>(meanings[i]);
  }
  if (peek() != 'u') unexpected("an escape");
  ++position_;
  const char32_t unit = hex4();
  if (unit < 0xd800 || unit > 0xdfff) return unit;
  if (unit <= 0xdbff && text_.substr(position_).starts_with("\\u")) {
    position_ += 2;
    const char32_t low = hex4();
    if (low >= 0xdc00 && low <= 0xdfff) return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
  }
  fail("half of a surrogate pair", start);
}

char32_t Reader::hex4() {
  char32_t value = 0;
  for (int i = 0; i < 4; ++i, ++position_) {
    const char c = peek();
    const char lower = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
    const std::size_t digit = hex_digits.find(lower);
    if (digit == std::string_view::npos) unexpected("four hexadecimal digits");
    value = value * 16 + static_cast<char32_t>(digit);
  }
  return value;
}

std::uint64_t Reader::integer() {
  skip_space();
  std::uint64_t value = 0;
  const std::string_view rest = text_.substr(position_);
  const auto [stop, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
  if (error == std::errc::invalid_argument) unexpected("a non-negative integer");
  if (error == std::errc::result_out_of_range) fail("an integer beyond 64 bits");
  const auto digits = static_cast<std::size_t>(stop - rest.data());
  if (rest.front() == '0' && digits > 1) fail("an integer with leading zeros");
  position_ += digits;
  return value;
}

void Reader::end() {
  skip_space();
  if (position_ != text_.size()) unexpected("nothing more");
}

}  // namespace nncore::json
