#include "c_api/errors.hpp"

#include <new>
#include <stdexcept>
#include <string>

#include "nncore/error.hpp"

namespace nncore::c {
namespace {

thread_local std::string message_;

nncore_status failed(nncore_status status, const char* message) noexcept {
  try {
    message_ = message;
  } catch (...) {
    message_.clear();
  }
  return status;
}

}  // namespace

const char* last_message() noexcept { return message_.c_str(); }

nncore_status status_of(const std::exception_ptr& thrown) noexcept {
  try {
    std::rethrow_exception(thrown);
  } catch (const InvalidArgument& error) {
    return failed(NNCORE_INVALID_ARGUMENT, error.what());
  } catch (const BusyError& error) {
    return failed(NNCORE_BUSY, error.what());
  } catch (const ModelFileError& error) {
    return failed(NNCORE_FILE_ERROR, error.what());
  } catch (const DivergenceError& error) {
    return failed(NNCORE_DIVERGED, error.what());
  } catch (const std::bad_alloc&) {
    return failed(NNCORE_OUT_OF_MEMORY, "there is not enough memory");
  } catch (const std::length_error&) {
    return failed(NNCORE_OUT_OF_MEMORY, "there is not enough memory");
  } catch (const std::exception& error) {
    return failed(NNCORE_INTERNAL_ERROR, error.what());
  } catch (...) {
    return failed(NNCORE_INTERNAL_ERROR, "an unknown fault");
  }
}

}  // namespace nncore::c
