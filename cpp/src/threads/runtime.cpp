#include "nncore/runtime.hpp"

#include <string_view>

#include "kernels/kernels.hpp"
#include "nncore/nncore.h"

namespace nncore {

// The header's version is written by hand, the project's stands in pyproject.toml.
static_assert(std::string_view(NNCORE_VERSION) == NNCORE_PROJECT_VERSION,
              "nncore.h has another version than pyproject.toml");

const char* version() noexcept { return NNCORE_VERSION; }

BuildInfo build_info() {
  BuildInfo info;
  info.version = version();
#if defined(__clang__)
  info.compiler = "Clang " __clang_version__;
#elif defined(__GNUC__)
  info.compiler = "GCC " __VERSION__;
#else
  info.compiler = "unknown";
#endif
  info.build_type = NNCORE_BUILD_TYPE;
  info.instruction_set = instruction_set().name;
#ifdef _OPENMP
  info.openmp = true;
#endif
  return info;
}

}  // namespace nncore
