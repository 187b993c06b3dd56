#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>

#include "kernels/kernels.hpp"
#include "nncore/error.hpp"

int main(int argc, char** argv) {
  try {
    nncore::instruction_set();
  } catch (const nncore::InvalidArgument& error) {
    std::puts(error.what());
    return 77;  // ctest counts the test as skipped
  }
  return doctest::Context(argc, argv).run();
}
