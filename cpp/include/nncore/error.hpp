// The exceptions of the public API. Every message says what was wrong, expected and found.
#pragma once

#include <stdexcept>
#include <string>

#pragma GCC visibility push(default)
namespace nncore {

// Base of everything nncore throws by itself; std::bad_alloc and what a caller's own functions
// throw pass through it.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// An argument is out of range, of the wrong shape, or not legal together with another.
class InvalidArgument : public Error {
 public:
  using Error::Error;
};

// The network is being trained, and the call would race with that.
class BusyError : public Error {
 public:
  using Error::Error;
};

// A model file cannot be read or written; the message starts with its path.
class ModelFileError : public Error {
 public:
  using Error::Error;
};

// A data file cannot be read; the message starts with its path.
class DataFileError : public Error {
 public:
  using Error::Error;
};

// Training left the finite numbers. The parameters are those of the last finite epoch.
class DivergenceError : public Error {
 public:
  DivergenceError(const std::string& message, long epoch) : Error(message), epoch_(epoch) {}
  // The epoch it happened in, counted from the network's first, 0.
  long epoch() const noexcept { return epoch_; }

 private:
  long epoch_;
};

}  // namespace nncore
#pragma GCC visibility pop
