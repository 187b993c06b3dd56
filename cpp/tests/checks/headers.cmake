# Every public header compiles by itself under strict warnings, depends on the standard library
# alone, defines no macro but its include guard, and is visible in a shared library. Run by ctest
# as cmake -DCXX=... -DINCLUDE=... -DWORK=... -P headers.cmake.

cmake_minimum_required(VERSION 3.21)

file(GLOB headers RELATIVE "${INCLUDE}" "${INCLUDE}/nncore/*.h" "${INCLUDE}/nncore/*.hpp")
file(GLOB_RECURSE all RELATIVE "${INCLUDE}" "${INCLUDE}/*")
if(NOT headers OR NOT "${headers}" STREQUAL "${all}")
  message(FATAL_ERROR "${INCLUDE} holds ${all}; expected only headers in nncore/, found ${headers}")
endif()

set(warnings -Wall -Wextra -Wpedantic -Wconversion -Werror)

function(compile_alone header language standard)
  set(source "${WORK}/alone.${language}")
  file(WRITE "${source}" "#include \"${header}\"\n")
  set(flags -x ${language} -std=${standard} ${warnings} "-I${INCLUDE}" "${source}")
  execute_process(COMMAND "${CXX}" -fsyntax-only ${flags} RESULT_VARIABLE failed
                  ERROR_VARIABLE errors)
  if(failed)
    message(SEND_ERROR "${header} does not compile alone as ${standard}: ${errors}")
    return()
  endif()

  file(STRINGS "${INCLUDE}/${header}" defines REGEX "^[ \t]*#[ \t]*define[ \t]")
  if(NOT defines)
    return()
  endif()
  execute_process(COMMAND "${CXX}" -E -dM ${flags} OUTPUT_VARIABLE macros)
  string(TOUPPER "${header}" guard)
  string(REGEX REPLACE "[^A-Z0-9]" "_" guard "${guard}")  # nncore/x.h: NNCORE_X_H
  string(REPLACE "NNCORE_NNCORE" "NNCORE" guard "${guard}")
  set(meant)  # C knows versions by their macros
  if(header STREQUAL "nncore/nncore.h")
    set(meant "|NNCORE_VERSION|NNCORE_VERSION_(MAJOR|MINOR|PATCH)")
  endif()
  foreach(define IN LISTS defines)
    string(REGEX MATCH "define[ \t]+([A-Za-z0-9_]+)" _ "${define}")
    set(name "${CMAKE_MATCH_1}")
    if(NOT name MATCHES "^(${guard}_?${meant})$" AND macros MATCHES "#define ${name}[ (\n]")
      message(SEND_ERROR "${header} leaves the macro ${name} behind; only a guard ${guard} may stay")
    endif()
  endforeach()
endfunction()

foreach(header IN LISTS headers)
  if(header MATCHES "\\.h$")
    set(standard_header "<[a-z]+\\.h>")
    compile_alone(${header} c c99)
  else()
    set(standard_header "<[a-z_]+>")
  endif()
  compile_alone(${header} c++ c++20)

  # A shared library hides what is not marked visible. GCC applies the pragma to everything but
  # function templates.
  file(READ "${INCLUDE}/${header}" text)
  string(REPLACE ";" "" text "${text}")  # a semicolon would split CMake's lists
  set(hidden)
  if(text MATCHES "\nnamespace nncore" AND NOT text MATCHES
      "\n#pragma GCC visibility push\\(default\\)\nnamespace nncore {\n.*\n#pragma GCC visibility pop\n$")
    set(hidden "its namespace")
  endif()
  string(REGEX MATCHALL "\ntemplate <[^\n]*>\n[^\n]*" templates "${text}")
  list(FILTER templates EXCLUDE REGEX "\n(class|struct|concept|using|consteval|constexpr|inline|\\[\\[gnu::visibility)")
  if(hidden OR templates)
    message(SEND_ERROR "${header} does not make visible: ${hidden} ${templates}")
  endif()

  file(STRINGS "${INCLUDE}/${header}" includes REGEX "^[ \t]*#[ \t]*include")
  list(FILTER includes EXCLUDE REGEX "include (${standard_header}|\"nncore/[a-z_]+\\.hp*\")")
  if(includes)
    message(SEND_ERROR "${header} needs more than the standard library and nncore: ${includes}")
  endif()
endforeach()

# What including everything costs a program is what its compiler has to read: the headers of the
# standard library that the interface is made of, and little more. <memory>, <functional>, <atomic>,
# <filesystem> and <map> together would more than double it.
function(count_lines variable)
  set(source "${WORK}/lines.cpp")
  list(TRANSFORM ARGN REPLACE ".+" "#include <\\0>\n" OUTPUT_VARIABLE includes)
  file(WRITE "${source}" ${includes})
  execute_process(COMMAND "${CXX}" -E -P -std=c++20 "-I${INCLUDE}" "${source}"
                  OUTPUT_VARIABLE text RESULT_VARIABLE failed)
  string(REGEX REPLACE "[^\n]+" "" newlines "${text}")
  string(LENGTH "${newlines}" lines)
  if(failed OR lines EQUAL 0)
    message(FATAL_ERROR "cannot preprocess ${ARGN}")
  endif()
  set(${variable} ${lines} PARENT_SCOPE)
endfunction()

count_lines(all nncore/nncore.hpp)
count_lines(standard optional span stdexcept string string_view variant vector)
math(EXPR own "${all} - ${standard}")
if(own GREATER 1300)
  message(SEND_ERROR "nncore/nncore.hpp is ${all} lines once preprocessed, ${own} more than the "
                     "standard headers that it may include; expected at most 1300")
endif()
