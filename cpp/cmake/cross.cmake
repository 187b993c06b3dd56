# Builds for another machine, and runs what was built there in an emulator:
#   cmake -B build/s390x --toolchain cpp/cmake/cross.cmake -DNNCORE_TARGET=s390x-linux-gnu \
#     -DNNCORE_TESTS=ON
# Debian calls the compilers g++-TARGET; Linux programs run in qemu-user, those for
# x86_64-w64-mingw32 (g++-mingw-w64-x86-64-posix) in wine.
set(NNCORE_TARGET "aarch64-linux-gnu" CACHE STRING "The machine, as its compiler is called")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES NNCORE_TARGET)

string(REGEX MATCH "^[^-]+" CMAKE_SYSTEM_PROCESSOR "${NNCORE_TARGET}")
set(CMAKE_CXX_FLAGS_INIT -Wno-psabi)  # GCC's notes on what old versions of it passed otherwise
if(NNCORE_TARGET MATCHES "mingw")
  set(CMAKE_SYSTEM_NAME Windows)
  set(CMAKE_C_COMPILER ${NNCORE_TARGET}-gcc-posix)  # the one with std::thread
  set(CMAKE_CXX_COMPILER ${NNCORE_TARGET}-g++-posix)
  set(CMAKE_EXE_LINKER_FLAGS_INIT -static)  # of the compiler's own libraries
  set(NNCORE_OPENMP OFF CACHE BOOL "As in wheels for Windows: its runtime would be another file")
  set(CMAKE_CROSSCOMPILING_EMULATOR wine)
else()
  set(CMAKE_SYSTEM_NAME Linux)
  set(CMAKE_C_COMPILER ${NNCORE_TARGET}-gcc)
  set(CMAKE_CXX_COMPILER ${NNCORE_TARGET}-g++)
  string(REGEX REPLACE "^i.86$" "i386" emulated "${CMAKE_SYSTEM_PROCESSOR}")
  if(emulated STREQUAL "i386" AND CMAKE_HOST_SYSTEM_PROCESSOR STREQUAL "x86_64")
    # Its processor can, and need not be emulated.
    set(CMAKE_CROSSCOMPILING_EMULATOR /usr/${NNCORE_TARGET}/lib/ld-linux.so.2
      --library-path /usr/${NNCORE_TARGET}/lib)
  else()
    set(CMAKE_CROSSCOMPILING_EMULATOR qemu-${emulated} -L /usr/${NNCORE_TARGET})
  endif()
endif()
