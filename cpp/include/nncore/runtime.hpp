// What was built and what runs: version, compiler, threads, instruction set.
#pragma once

#include <string>

namespace [[gnu::visibility("default")]] nncore {

struct BuildInfo {
  std::string version;
  std::string compiler;
  std::string build_type;
  std::string instruction_set;  // of the kernels that run on this machine
  bool openmp = false;
};
// Throws InvalidArgument if the environment's NNCORE_ISA names an instruction set that is unknown
// or that this machine lacks; so does making a network.
BuildInfo build_info();
const char* version() noexcept;

// The most threads a call may use: at first OMP_NUM_THREADS or the number of processors; always
// 1 without OpenMP. n >= 1, else InvalidArgument.
void set_num_threads(int n);
int num_threads() noexcept;

}  // namespace nncore
