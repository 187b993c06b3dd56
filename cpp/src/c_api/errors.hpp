// Exceptions as status codes. Not installed.
#pragma once

#include <exception>

#include "nncore/nncore.h"

namespace nncore::c {

// The message of this thread's last failure.
const char* last_message() noexcept;

// Keeps the message of the exception and returns what stands for it.
nncore_status status_of(const std::exception_ptr& thrown) noexcept;

// Runs a function's body; nothing it throws passes.
template <class F>
nncore_status guarded(F&& body) noexcept {
  try {
    body();
    return NNCORE_OK;
  } catch (...) {
    return status_of(std::current_exception());
  }
}

}  // namespace nncore::c
