# Builds WebAssembly with SIMD and exceptions, on Debian's clang (see web/build):
#   cmake -B build/web --toolchain cpp/cmake/wasm.cmake -DNNCORE_WEB=ON
set(NNCORE_CLANG 22 CACHE STRING "The version of clang, lld and libc++ for wasm32")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES NNCORE_CLANG)

set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR wasm32)
set(CMAKE_CXX_COMPILER clang++-${NNCORE_CLANG})
set(CMAKE_CXX_COMPILER_TARGET wasm32-wasi)
# The exceptions that every browser has since 2022, not those of the later proposal. Debian's
# libraries lie where the target's old name says.
set(CMAKE_CXX_FLAGS_INIT "-Wno-deprecated -msimd128 -fwasm-exceptions")

set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)

set(NNCORE_THREADS OFF CACHE BOOL "A page that is served without special headers has none")
set(NNCORE_FLOAT64 OFF CACHE BOOL "Half of the code, for networks that few train in a page")
set(NNCORE_FILES OFF CACHE BOOL "Nor are there files")
