# What each layer of the code may know of the others. Run by ctest as
# cmake -DROOT=... -P layering.cmake.

function(forbid pattern why)
  foreach(file IN LISTS ARGN)
    file(STRINGS "${file}" lines REGEX "${pattern}")
    list(FILTER lines EXCLUDE REGEX "^ *//")
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
list(LENGTH kernels kernel_files)
list(LENGTH bindings binding_files)
if(core_files LESS 20 OR kernel_files LESS 10 OR binding_files LESS 4)
  message(FATAL_ERROR "found ${core_files} core, ${kernel_files} kernel and ${binding_files} "
                      "binding files in ${ROOT}/cpp")
endif()

forbid("pybind11|Python\\.h" "the core knows no Python" ${core})

set(serial ${core})
list(FILTER serial EXCLUDE REGEX "/parallel\\.cpp$|/runtime\\.cpp$")
forbid("omp\\.h|#pragma omp|_OPENMP" "OpenMP appears in parallel.cpp" ${serial})

forbid("#include \"[^n\"][^\"]*/|#include \"\\.\\./" "the bindings see public headers only" ${bindings})
# select.cpp chooses among the kernels, and is none of them; it may refuse a name.
list(FILTER kernels EXCLUDE REGEX "/select\\.cpp$")
forbid("[^a-z]new |malloc|std::vector<[^c]|throw " "kernels do not allocate or throw" ${kernels})
forbid("#include \"([^kn]|nncore/([^mn]|mo|ne))" "kernels see matrices and names only" ${kernels})
forbid("std::thread|std::mutex|std::atomic|parallel\\.hpp" "kernels know no threads" ${kernels})
forbid("#include \"[^n\"]" "public headers include public headers only" ${headers})
forbid("std::cout|std::cerr|[^n]printf\\(|std::abort|std::exit|std::terminate|[^_]abort\\(" "the library is silent and stays up"
       ${core})
