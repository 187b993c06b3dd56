# Builds for 64-bit Arm, and runs what was built under QEMU (Debian: g++-aarch64-linux-gnu and
# qemu-user): cmake -B build/aarch64 --toolchain cpp/cmake/aarch64-linux-gnu.cmake -DNNCORE_TESTS=ON
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_CXX_FLAGS_INIT -Wno-psabi)  # GCC's notes on what old versions of it passed otherwise
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L /usr/aarch64-linux-gnu)
