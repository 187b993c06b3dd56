# What `cmake --install` puts down: the library, its public headers, and the files by which CMake
# and pkg-config find them. Nothing in these files is an absolute path, so that the whole may move.

include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/nncore")
set(generated "${CMAKE_CURRENT_BINARY_DIR}/package")

install(DIRECTORY "${PROJECT_SOURCE_DIR}/cpp/include/nncore"
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.hpp" PATTERN "*.h")
install(TARGETS nncore EXPORT nncoreTargets INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(EXPORT nncoreTargets NAMESPACE nncore:: DESTINATION "${package_dir}")

# Whoever links a static library links what it was built with.
set(find_dependencies "")
set(private_libraries "")
set(openmp_libraries "")
set(language_libraries "")
if(NOT BUILD_SHARED_LIBS)
  set(names ${CMAKE_CXX_IMPLICIT_LINK_LIBRARIES})
  list(FILTER names EXCLUDE REGEX "^(gcc|gcc_s|c)$|/")
  set(language_libraries ${names})
  list(PREPEND names ${CMAKE_THREAD_LIBS_INIT})
  list(TRANSFORM names REPLACE "^-l" "")
  set(find_dependencies "include(CMakeFindDependencyMacro)\nfind_dependency(Threads)\n")
  if(TARGET OpenMP::OpenMP_CXX)
    set(openmp_libraries ${OpenMP_CXX_LIB_NAMES})
    list(PREPEND names ${OpenMP_CXX_LIB_NAMES})
  endif()
  list(REMOVE_DUPLICATES names)
  list(TRANSFORM names PREPEND "-l")
  list(JOIN names " " private_libraries)
endif()
configure_file("${PROJECT_SOURCE_DIR}/cpp/cmake/nncoreConfig.cmake.in"
               "${generated}/nncoreConfig.cmake" @ONLY)

write_basic_package_version_file("${generated}/nncoreConfigVersion.cmake"
                                 COMPATIBILITY ${compatibility})
install(FILES "${generated}/nncoreConfig.cmake" "${generated}/nncoreConfigVersion.cmake"
  DESTINATION "${package_dir}")

set(pkgconfig_dir "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig")
file(RELATIVE_PATH prefix_from_here "${pkgconfig_dir}" "${CMAKE_INSTALL_PREFIX}")
file(RELATIVE_PATH include_from_here "${pkgconfig_dir}" "${CMAKE_INSTALL_FULL_INCLUDEDIR}")
configure_file("${PROJECT_SOURCE_DIR}/cpp/cmake/nncore.pc.in" "${generated}/nncore.pc" @ONLY)
install(FILES "${generated}/nncore.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
