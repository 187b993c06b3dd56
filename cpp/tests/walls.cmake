# The walls between the floors of the house: run by ctest as cmake -DROOT=... -P walls.cmake.

function(forbid pattern why)
  foreach(file IN LISTS ARGN)
    file(STRINGS "${file}" lines REGEX "${pattern}")
    if(lines)
      message(SEND_ERROR "${file}: ${why}: ${lines}")
    endif()
  endforeach()
endfunction()

file(GLOB_RECURSE core "${ROOT}/cpp/src/*.?pp" "${ROOT}/cpp/include/*.?pp")
file(GLOB_RECURSE kernels "${ROOT}/cpp/src/kernels/*.?pp")
file(GLOB_RECURSE bindings "${ROOT}/cpp/bindings/*.?pp")
file(GLOB_RECURSE headers "${ROOT}/cpp/include/*.?pp")
list(LENGTH core core_files)
list(LENGTH bindings binding_files)
if(core_files LESS 20 OR binding_files LESS 4)
  message(FATAL_ERROR "found ${core_files} core and ${binding_files} binding files in ${ROOT}/cpp")
endif()

forbid("pybind11|Python\\.h" "the core knows no Python" ${core})

set(serial ${core})
list(FILTER serial EXCLUDE REGEX "/parallel\\.cpp$|/runtime\\.cpp$")
forbid("omp\\.h|#pragma omp|_OPENMP" "OpenMP appears in parallel.cpp" ${serial})

forbid("#include \"[^n\"][^\"]*/|#include \"\\.\\./" "the bindings see public headers only" ${bindings})
forbid("[^a-z]new |malloc|std::vector<[^c]|throw " "kernels do not allocate or throw"
       "${ROOT}/cpp/src/kernels/generic.hpp" "${ROOT}/cpp/src/kernels/math.hpp"
       "${ROOT}/cpp/src/kernels/activations.hpp" "${ROOT}/cpp/src/kernels/costs.hpp"
       "${ROOT}/cpp/src/kernels/optimizers.hpp")
forbid("#include \"[^n\"]" "public headers include public headers only" ${headers})
forbid("std::cout|std::cerr|[^n]printf\\(|std::abort|std::exit|std::terminate|[^_]abort\\(" "the library is silent and stays up"
       ${core})
