// Where a file is.
#pragma once

#include <concepts>
#include <string>
#include <string_view>

#pragma GCC visibility push(default)
namespace nncore {

// A std::filesystem::path, whose header takes long to include. Made of one, and of all kinds of
// char strings, which mean what they mean there.
class Path {
 public:
#ifdef _WIN32
  using Native = std::wstring;
#else
  using Native = std::string;
#endif

  template <std::convertible_to<std::string_view> Text>
  Path(const Text& text) {  // NOLINT(google-explicit-constructor)
    assign(text);
  }
  template <class StdPath>
    requires requires(const StdPath& path) {
      { path.native() } -> std::convertible_to<const Native&>;
    }
  Path(const StdPath& path) : native_(path.native()) {}  // NOLINT(google-explicit-constructor)

  // As the system has it: the path's native().
  const Native& native() const noexcept { return native_; }

 private:
  void assign(std::string_view text);

  Native native_;
};

}  // namespace nncore
#pragma GCC visibility pop
