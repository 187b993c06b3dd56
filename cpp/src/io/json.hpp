// The part of JSON that a tensor file's header needs, read strictly: objects, arrays, strings and
// non-negative integers. Not installed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>

namespace nncore::json {

// The text is not the JSON that was asked for. The message says what was expected and found.
class ParseError : public std::runtime_error {
 public:
  ParseError(const std::string& message, std::size_t position)
      : std::runtime_error(message), position_(position) {}
  // The byte of the text where it went wrong, counted from 0.
  std::size_t position() const noexcept { return position_; }

 private:
  std::size_t position_;
};

// Reads a text from front to back: the caller asks for the value its format has next, and gets that
// or a ParseError. Nothing else is ever built or descended into, so a hostile text can neither nest
// deeper than the caller's own calls nor cost more memory than what the caller keeps. Space between
// tokens is skipped. The text must outlive the reader.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  // Calls member(key) after each key; member must read the value. Refuses a key that comes twice.
  template <class Member>
  void object(Member member) {
    std::set<std::string> seen;
    open('{', "an object");
    for (bool first = true; next('}', first); first = false) {
      const std::size_t start = position_;
      const std::string key = string();
      if (!seen.insert(key).second) fail("duplicate key", start);
      colon();
      member(key);
    }
  }

  // Calls element() before each element; element must read it.
  template <class Element>
  void array(Element element) {
    open('[', "an array");
    for (bool first = true; next(']', first); first = false) element();
  }

  std::string string();     // escapes resolved; valid UTF-8
  std::uint64_t integer();  // digits only: no sign, fraction, exponent or leading zero
  void end();               // nothing but space is left

  // Throws a ParseError at the present position, for what the caller's own format refuses.
  [[noreturn]] void fail(const std::string& message) const { fail(message, position_); }

 private:
  [[noreturn]] static void fail(const std::string& message, std::size_t position);
  [[noreturn]] void unexpected(const std::string& wanted) const;
  char peek() const { return position_ < text_.size() ? text_[position_] : '\0'; }
  void skip_space();
  void open(char bracket, const std::string& wanted);
  bool next(char close, bool first);
  void colon();
  char32_t hex4();
  char32_t escape();

  std::string_view text_;
  std::size_t position_ = 0;
};

// The bytes that the UTF-8 character at the front of text takes; 0 if there is none or it is
// malformed (overlong, a surrogate, beyond U+10FFFF, cut short).
std::size_t utf8_length(std::string_view text);

// text as a JSON string, control characters escaped. Bytes above 0x7f are passed on as they are.
std::string quote(std::string_view text);

}  // namespace nncore::json
