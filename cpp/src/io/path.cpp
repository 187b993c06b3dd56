#include "io/path.hpp"

#include <filesystem>

namespace nncore {

void Path::assign(std::string_view text) { native_ = std::filesystem::path(text).native(); }

std::string path_text(const Path& path) {
  const auto text = std::filesystem::path(path.native()).u8string();
  return {text.begin(), text.end()};
}

}  // namespace nncore
