// What was built and what runs: version, compiler, threads, instruction set.
#pragma once

#include <string>

#pragma GCC visibility push(default)
namespace nncore {

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
// Such as "0.1.0".
const char* version() noexcept;

// The most threads a call may use, for the whole process: at first what OpenMP grants the calling
// thread (OMP_NUM_THREADS, or the number of processors, also without OpenMP), then n, an n >= 1,
// else InvalidArgument. Where OpenMP grants less than when the library was loaded, as inside
// threadpoolctl's limits, no more than that. A call that is too small for several threads runs on
// the caller's alone. Where several threads of the process train at once, each gets its share of
// that number, one at least: at once where it becomes smaller, and from its next call on where it
// becomes larger. May be called by any thread at any time; calls under way keep what they began
// with.
void set_num_threads(int n);
int num_threads() noexcept;

}  // namespace nncore
#pragma GCC visibility pop
