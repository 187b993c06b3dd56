# A program that knows nncore by name only (tests/consumer) finds, builds and runs it. By ctest as
#   cmake -DBUILD=... -P consumer.cmake      what that build tree installs, moved somewhere else
#   cmake -DSOURCE=... -P consumer.cmake     as part of its own build, shared; then what that installs
# with -DCONSUMER -DWORK -DVERSION -DCC -DCXX -DGENERATOR -DNM -DPKG_CONFIG, with -DREFERENCE, the
# same program from nncore's own build, with -DHOST, a program that exports an nncore of its own, and
# for SOURCE with -DINSTRUCTION_SETS, which it is built with.

cmake_minimum_required(VERSION 3.21)

function(run)
  cmake_parse_arguments(PARSE_ARGV 0 run "" "OUTPUT;FAILS_WITH" "COMMAND")
  execute_process(COMMAND ${run_COMMAND} RESULT_VARIABLE code OUTPUT_VARIABLE output
                  ERROR_VARIABLE errors OUTPUT_STRIP_TRAILING_WHITESPACE)
  list(JOIN run_COMMAND " " shown)
  if(DEFINED run_FAILS_WITH)
    if(code EQUAL 0 OR NOT errors MATCHES "${run_FAILS_WITH}")
      message(FATAL_ERROR "${shown}: expected an error with ${run_FAILS_WITH}, found: ${errors}")
    endif()
  elseif(NOT code EQUAL 0)
    message(FATAL_ERROR "${shown} failed (${code}): ${output}${errors}")
  endif()
  if(run_OUTPUT)
    set(${run_OUTPUT} "${output}" PARENT_SCOPE)
  endif()
endfunction()

function(configure directory)
  run(COMMAND ${CMAKE_COMMAND} -S "${CONSUMER}" -B "${directory}" -G "${GENERATOR}"
              "-DCMAKE_CXX_COMPILER=${CXX}" -DCMAKE_EXPORT_COMPILE_COMMANDS=ON ${ARGN})
endfunction()

# The hot code is optimised in each of so many configurations, whatever their flags.
function(check_optimised build configurations)
  file(STRINGS "${build}/compile_commands.json" commands
       REGEX "\"command\".*/cpp/src/(kernels/[a-z0-9]+|compute/[a-z_]+|data/check|train/trainer)\\.cpp")
  set(kernels ${commands})
  list(FILTER kernels INCLUDE REGEX "/kernels/baseline\\.cpp")
  list(LENGTH kernels found)
  if(NOT found EQUAL configurations)
    message(FATAL_ERROR "${build} compiles the baseline kernels ${found} times; expected ${configurations}")
  endif()
  foreach(command IN LISTS commands)
    string(REGEX MATCHALL " -O[^ ]*" levels "${command}")
    list(POP_BACK levels level)
    set(expected "^ -O[23]$")
    if(command MATCHES "/kernels/" AND NOT command MATCHES "/kernels/select")
      set(expected "^ -O3$")
    endif()
    if(NOT level MATCHES "${expected}")
      message(FATAL_ERROR "compiled with '${level}', which is slow: ${command}")
    endif()
  endforeach()
endfunction()

function(expect_xor program)
  run(COMMAND "${program}" "${WORK}/xor.safetensors" OUTPUT answers)
  if(NOT answers STREQUAL "0 1 1 0 ${VERSION}")
    message(FATAL_ERROR "${program} printed '${answers}'; expected '0 1 1 0 ${VERSION}'")
  endif()
endfunction()

# A shared library exports nothing but nncore's own symbols.
function(check_exports library)
  run(COMMAND "${NM}" -D --defined-only "${library}" OUTPUT symbols)
  string(REGEX MATCHALL "[^ \n]+(\n|$)" names "${symbols}")
  list(TRANSFORM names STRIP)
  if(NOT "_ZN6nncore7versionEv" IN_LIST names)
    message(FATAL_ERROR "${library} does not offer nncore::version")
  endif()
  list(FILTER names EXCLUDE REGEX "^(nncore_|_ZN6nncore|_ZNK6nncore|_ZT[ISV]N6nncore)")
  if(names)
    message(FATAL_ERROR "${library} offers what is not nncore's: ${names}")
  endif()
endfunction()

function(use_installed build)
  file(REMOVE_RECURSE "${WORK}/first" "${WORK}/prefix" "${WORK}/found" "${WORK}/found_by_c")
  run(COMMAND ${CMAKE_COMMAND} --install "${build}" --prefix "${WORK}/first")
  file(RENAME "${WORK}/first" "${WORK}/prefix")
  file(GLOB_RECURSE files RELATIVE "${WORK}/prefix" "${WORK}/prefix/*")
  set(strange ${files})
  list(FILTER strange EXCLUDE REGEX
       "^include/nncore/[a-z_]+\\.h(pp)?$|^lib.*/libnncore\\.|/cmake/nncore/nncore.*\\.cmake$|/nncore\\.pc$")
  if(strange)
    message(FATAL_ERROR "installed, but belongs to no program that uses nncore: ${strange}")
  endif()

  # A compiler without OpenMP finds it too, and a project that is all C.
  configure("${WORK}/found" "-DCMAKE_PREFIX_PATH=${WORK}/prefix" "-DNNCORE_VERSION=${VERSION}"
            -DCMAKE_DISABLE_FIND_PACKAGE_OpenMP=ON)
  run(COMMAND ${CMAKE_COMMAND} --build "${WORK}/found")
  expect_xor("${WORK}/found/xor")
  run(COMMAND ${CMAKE_COMMAND} -S "${CONSUMER}/c" -B "${WORK}/found_by_c" -G "${GENERATOR}"
              "-DCMAKE_C_COMPILER=${CC}" "-DCMAKE_PREFIX_PATH=${WORK}/prefix")
  run(COMMAND ${CMAKE_COMMAND} --build "${WORK}/found_by_c")
  run(COMMAND "${WORK}/found_by_c/layers" OUTPUT layers)
  if(NOT layers STREQUAL "3 2 ${VERSION}")
    message(FATAL_ERROR "the C program printed '${layers}'; expected '3 2 ${VERSION}'")
  endif()

  string(REGEX MATCH "^([0-9]+)\\.([0-9]+)" _ "${VERSION}")
  math(EXPR next_minor "${CMAKE_MATCH_2} + 1")
  math(EXPR next_major "${CMAKE_MATCH_1} + 1")
  foreach(wanted IN ITEMS "${CMAKE_MATCH_1}.${next_minor}" "${next_major}.0")
    run(COMMAND ${CMAKE_COMMAND} "-DNNCORE_VERSION=${wanted}" "${WORK}/found"
        FAILS_WITH "compatible[ \n]+with requested version \"${wanted}\"")
  endforeach()

  if(PKG_CONFIG)
    set(pc ${files})
    list(FILTER pc INCLUDE REGEX "/nncore\\.pc$")
    cmake_path(GET pc PARENT_PATH directory)
    set(ENV{PKG_CONFIG_PATH} "${WORK}/prefix/${directory}")
    run(COMMAND "${PKG_CONFIG}" --modversion nncore OUTPUT version)
    run(COMMAND "${PKG_CONFIG}" --cflags --libs nncore OUTPUT flags)
    run(COMMAND "${PKG_CONFIG}" --variable=libdir nncore OUTPUT libdir)
    separate_arguments(flags UNIX_COMMAND "${flags}")
    run(COMMAND "${CXX}" -std=c++20 "${CONSUMER}/main.cpp" -o "${WORK}/xor_pc" ${flags}
                "-Wl,-rpath,${libdir}")
    expect_xor("${WORK}/xor_pc")
    if(NOT version STREQUAL VERSION)
      message(FATAL_ERROR "nncore.pc says version ${version}; expected ${VERSION}")
    endif()
  else()
    message(STATUS "without pkg-config, nncore.pc is not tried")
  endif()
endfunction()

set(ENV{CXXFLAGS} "")  # the flags of the program's compilation are checked below
file(MAKE_DIRECTORY "${WORK}")
if(SOURCE)
  set(inside "${WORK}/inside")
  # The host's flags relax arithmetic, and there is no build type. nncore must still find NaN and
  # train to the same bits.
  set(host_flags -Ofast -ffast-math -funsafe-math-optimizations -fassociative-math
                 -ffinite-math-only)
  list(JOIN host_flags " " joined_flags)
  configure("${inside}" "-DNNCORE_SOURCE=${SOURCE}" -DBUILD_SHARED_LIBS=ON -DNNCORE_INSTALL=ON
            "-DCMAKE_CXX_FLAGS=${joined_flags}")
  check_optimised("${inside}" 1)
  if(GENERATOR STREQUAL "Ninja")
    file(REMOVE_RECURSE "${WORK}/configurations")
    file(WRITE "${WORK}/configurations.cmake"
         "set(CMAKE_CONFIGURATION_TYPES Debug Release RelWithDebInfo MinSizeRel CACHE STRING \"\")\n")
    run(COMMAND ${CMAKE_COMMAND} -S "${CONSUMER}" -B "${WORK}/configurations"
                -G "Ninja Multi-Config" "-DCMAKE_CXX_COMPILER=${CXX}"
                -DCMAKE_EXPORT_COMPILE_COMMANDS=ON "-DNNCORE_SOURCE=${SOURCE}"
                -C "${WORK}/configurations.cmake")
    check_optimised("${WORK}/configurations" 4)
  endif()
  # The program's own compilation gets nothing but the include directory and the language version.
  file(STRINGS "${inside}/compile_commands.json" command REGEX "\"command\".*/consumer/main\\.cpp")
  string(REGEX MATCHALL " -[^co ][^ ]*" flags "${command}")
  list(TRANSFORM flags STRIP)
  list(FILTER flags EXCLUDE REGEX "^-I[^ ]*/cpp/include$|^-std=gnu\\+\\+20$")
  list(REMOVE_ITEM flags ${host_flags})
  file(STRINGS "${inside}/CMakeCache.txt" build_type REGEX "^CMAKE_BUILD_TYPE:.*=.+")
  if(flags OR build_type)
    message(FATAL_ERROR "the program that nncore is built into got ${flags} ${build_type}")
  endif()

  # What is built is joined, since files alone would be compiled for their headers, and has the
  # kernels of one instruction set beside baseline: those that fuse have the same bits.
  run(COMMAND ${CMAKE_COMMAND} "-DNNCORE_INSTRUCTION_SETS=${INSTRUCTION_SETS}"
              -DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=0 "${inside}")
  run(COMMAND ${CMAKE_COMMAND} --build "${inside}")
  expect_xor("${inside}/xor")
  run(COMMAND "${REFERENCE}" "${WORK}/reference.safetensors")
  run(COMMAND ${CMAKE_COMMAND} -E compare_files "${WORK}/reference.safetensors"
              "${WORK}/xor.safetensors")

  file(GLOB library "${inside}/nncore/cpp/src/libnncore.so")
  if(library)
    check_exports("${library}")
    run(COMMAND "${HOST}" "${library}")
  endif()
  use_installed("${inside}")
else()
  use_installed("${BUILD}")
endif()
