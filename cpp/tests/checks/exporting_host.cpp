// A program that exports its own nncore and loads a shared one from the given path. The shared
// library must call its own functions.
#include <dlfcn.h>

#include <cstdio>
#include <cstring>

#include "nncore/nncore.h"
#include "nncore/runtime.hpp"

namespace {

// The file that contains the text which a library's nncore_version returns.
const char* file_of_version(void* library) {
  using Version = const char* (*)();
  const auto version = reinterpret_cast<Version>(dlsym(library, "nncore_version"));
  Dl_info info{};
  return version && dladdr(version(), &info) ? info.dli_fname : "none";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  void* own = dlopen(nullptr, RTLD_NOW);
  void* shared = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (!own || !shared || !dlsym(own, "_ZN6nncore7versionEv") || nncore_threads() < 1) {
    std::fprintf(stderr, "this program does not export nncore, or cannot load %s\n", argv[1]);
    return 2;
  }
  if (std::strcmp(file_of_version(shared), argv[1]) == 0) return 0;
  std::fprintf(stderr, "%s uses the nncore of %s\n", argv[1], file_of_version(shared));
  return 1;
}
