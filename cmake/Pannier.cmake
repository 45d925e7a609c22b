# The few words our CMakeLists use. Each folder is one library target, so that the links say who may know whom.

# pannier_library(NAME SOURCES a.cc ... [LIBS ...] [PRIVATE_LIBS ...])
#   A static library pannier_NAME of the files in this folder. LIBS are part of its headers' contract; PRIVATE_LIBS are not.
function(pannier_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS;PRIVATE_LIBS" ${ARGN})
  add_library(pannier_${name} STATIC ${ARG_SOURCES})
  target_include_directories(pannier_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(pannier_${name} PUBLIC ${ARG_LIBS} PRIVATE ${ARG_PRIVATE_LIBS})
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
