#include "io/path.hpp"

namespace nncore {

void Path::assign(std::string_view text) { native_ = std::filesystem::path(text).native(); }

}  // namespace nncore
