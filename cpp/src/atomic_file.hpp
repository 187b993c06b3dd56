// Files are written whole or not at all. Not installed.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace nncore {

// Makes the pieces, one after the other, the content of the file at path: they go to a temporary
// file in the same directory, reach the disk, and only then take the place of the old file. A new
// file has the usual permissions, a replaced one keeps its own; a symbolic link stays one and its
// target is written. On any failure the old file is as it was, the temporary is gone, and a
// std::system_error says what could not be done (without naming path).
void replace_file(const std::filesystem::path& path,
                  std::span<const std::span<const std::byte>> pieces);

}  // namespace nncore
