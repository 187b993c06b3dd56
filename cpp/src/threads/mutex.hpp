// A lock for what is seldom held, and shortly; nothing where there are no threads.
#pragma once

#include <mutex>

namespace nncore {

#ifdef NNCORE_NO_THREADS
struct Mutex {
  void lock() {}
  void unlock() {}
};
#else
using Mutex = std::mutex;
#endif

}  // namespace nncore
