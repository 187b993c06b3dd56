// The public Path as the standard library's. Not installed.
#pragma once

#include <filesystem>
#include <string>

#include "nncore/path.hpp"

namespace nncore {

inline std::filesystem::path std_path(const Path& path) { return path.native(); }

// For messages: a path as UTF-8.
inline std::string path_text(const std::filesystem::path& path) {
  const auto text = path.u8string();
  return {text.begin(), text.end()};
}

}  // namespace nncore
