#include "nncore/runtime.hpp"

#include "kernels/kernels.hpp"

namespace nncore {

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
