#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <string_view>

#include "kernels/kernels.hpp"
#include "nncore/error.hpp"

int main(int argc, char** argv) {
  try {
    const bool is_default =
        &nncore::instruction_set() == nncore::available_instruction_sets().front();
    const auto is_flag = [](std::string_view argument) { return argument == "--unless-default"; };
    if (is_default && std::any_of(argv, argv + argc, is_flag)) {
      std::puts("tested already: this is the instruction set that the machine takes by itself");
      return 77;
    }
  } catch (const nncore::InvalidArgument& error) {
    std::puts(error.what());
    return 77;  // ctest counts the test as skipped
  }
  return doctest::Context(argc, argv).run();
}
