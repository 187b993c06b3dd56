// The GIL, handed over and taken back, also while the interpreter shuts down.
#pragma once

#include <Python.h>

#include <chrono>
#include <thread>

namespace nncore::python {

// Lives while the work needs no Python; made and used by one thread.
class GilReleased {
 public:
  GilReleased() : state_(PyEval_SaveThread()) {}
  ~GilReleased() { take_back(); }
  GilReleased(const GilReleased&) = delete;
  GilReleased& operator=(const GilReleased&) = delete;

  // Calls f, which may not throw, with the GIL.
  template <class F>
  void interrupt(F f) {
    take_back();
    f();
    state_ = PyEval_SaveThread();
  }

 private:
  // While Python before 3.14 shuts down, a daemon thread that asks for the GIL is ended where it
  // stands. That unwinds its stack through functions that are noexcept, which aborts the process.
  // Such a thread sleeps here instead until the process has ended, as in later versions of Python.
  void take_back() noexcept {
    try {
      PyEval_RestoreThread(state_);
    } catch (...) {  // never left: to leave it is to go on with ending the thread
      for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
    }
  }

  PyThreadState* state_;
};

// Lives while the core calls back into Python, whether or not this thread holds the GIL already.
class GilTaken {
 public:
  GilTaken() {
    try {
      state_ = PyGILState_Ensure();
    } catch (...) {  // never left, as above
      for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
    }
  }
  ~GilTaken() { PyGILState_Release(state_); }
  GilTaken(const GilTaken&) = delete;
  GilTaken& operator=(const GilTaken&) = delete;

 private:
  PyGILState_STATE state_{};
};

}  // namespace nncore::python
