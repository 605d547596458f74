# Language level, warnings and sanitizers, on one INTERFACE target.
option(SKILLSCALE_TESTS "Build the tests and benchmarks" ON)
option(SKILLSCALE_WERROR "Treat warnings as errors" ON)
option(SKILLSCALE_FUZZ "Build the fuzz targets with libFuzzer (clang)" OFF)
set(SKILLSCALE_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize= (address,undefined or thread)")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Build type" FORCE)
endif()

find_program(SKILLSCALE_CCACHE ccache)
if(SKILLSCALE_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${SKILLSCALE_CCACHE})
endif()

add_library(skillscale_flags INTERFACE)
target_compile_features(skillscale_flags INTERFACE cxx_std_20)
target_compile_options(skillscale_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast
  -Woverloaded-virtual -Wimplicit-fallthrough
  -fstack-protector-strong
  $<$<BOOL:${SKILLSCALE_WERROR}>:-Werror>)
# g++ 12 takes inlined standard library code for null dereferences once it optimises more.
if(NOT SKILLSCALE_SANITIZE)
  target_compile_options(skillscale_flags INTERFACE $<$<CONFIG:Debug>:-Wnull-dereference>)
endif()
if(SKILLSCALE_SANITIZE)
  target_compile_options(skillscale_flags INTERFACE
    -fsanitize=${SKILLSCALE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all -Wno-maybe-uninitialized)
  target_link_options(skillscale_flags INTERFACE -fsanitize=${SKILLSCALE_SANITIZE})
endif()
if(SKILLSCALE_FUZZ)
  target_compile_options(skillscale_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
