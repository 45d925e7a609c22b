# The few words our CMakeLists use. Each folder is one library target, so that the links say who may know whom.

# PANNIER_PCH: headers that most files read are compiled once. For the builds of `make check`, whose time is mostly
# spent on reading them; the build of `make` goes without, so that a missing #include is noticed.
option(PANNIER_PCH "precompile the headers that most files read" OFF)
set(PANNIER_PCH_HEADERS
  <algorithm> <atomic> <chrono> <functional> <map> <memory> <mutex> <optional> <set> <string> <string_view> <thread>
  <unordered_map> <vector> <nlohmann/json.hpp>)
if(PANNIER_PCH)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    # No times inside, so that ccache knows them again in a fresh clone, and with them all that is compiled with them.
    add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
  endif()
  file(CONFIGURE OUTPUT precompiled.cc CONTENT "// What a precompiled header is compiled with.\n")
  add_library(pannier_precompiled STATIC ${CMAKE_BINARY_DIR}/precompiled.cc)
  target_precompile_headers(pannier_precompiled PRIVATE ${PANNIER_PCH_HEADERS})
  add_library(pannier_precompiled_tests STATIC ${CMAKE_BINARY_DIR}/precompiled.cc)
  target_compile_options(pannier_precompiled_tests PRIVATE -O0)
  target_precompile_headers(pannier_precompiled_tests PRIVATE ${PANNIER_PCH_HEADERS} <catch2/catch.hpp>)
endif()

# pannier_library(NAME SOURCES a.cc ... [LIBS ...] [PRIVATE_LIBS ...])
#   A static library pannier_NAME of the files in this folder. LIBS are part of its headers' contract; PRIVATE_LIBS are not.
function(pannier_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS;PRIVATE_LIBS" ${ARGN})
  add_library(pannier_${name} STATIC ${ARG_SOURCES})
  target_include_directories(pannier_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(pannier_${name} PUBLIC ${ARG_LIBS} PRIVATE ${ARG_PRIVATE_LIBS})
  if(PANNIER_PCH)
    target_precompile_headers(pannier_${name} REUSE_FROM pannier_precompiled)
  endif()
endfunction()

# pannier_program(NAME SOURCES main.cc LIBS ...): an executable in build/bin.
function(pannier_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LIBS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
endfunction()

# pannier_test(NAME SOURCES a_test.cc ... LIBS ... [THREADED]): one Catch2 program per mirrored folder, run by ctest.
#   THREADED: several threads meet in it. These are the programs that ThreadSanitizer runs: the target and the ctest
#   label `threaded`.
function(pannier_test name)
  cmake_parse_arguments(ARG "THREADED" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name}_test ${ARG_SOURCES})
  target_link_libraries(${name}_test PRIVATE pannier_test_main ${ARG_LIBS})
  # Catch2's macros take twice as long to optimise; what is tested is optimised as ever.
  target_compile_options(${name}_test PRIVATE -O0)
  if(PANNIER_PCH)
    target_precompile_headers(${name}_test REUSE_FROM pannier_precompiled_tests)
  endif()
  set_target_properties(${name}_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name}_test)
  set_tests_properties(${name} PROPERTIES TIMEOUT 600)
  if(ARG_THREADED)
    set_tests_properties(${name} PROPERTIES LABELS threaded)
    if(NOT TARGET threaded)
      add_custom_target(threaded)
    endif()
    add_dependencies(threaded ${name}_test)
  endif()
endfunction()
