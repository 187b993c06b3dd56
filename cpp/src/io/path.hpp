// Paths in messages. Not installed.
#pragma once

#include <string>

#include "nncore/path.hpp"

namespace nncore {

// A path as UTF-8.
std::string path_text(const Path& path);

}  // namespace nncore
