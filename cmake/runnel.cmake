# SPDX-License-Identifier: Apache-2.0
#
# What a src/<layer>/CMakeLists.txt is written with. Sources are listed, never globbed.
#
#   runnel_library(<layer> SOURCES <file>... [DEPS <layer>...] [LIBS <target>...] [INTERNAL])
#       The library runnel_<layer>, alias runnel::<layer>. DEPS are runnel's own layers below and
#       are passed on to users; LIBS are libraries from outside, used in .cpp files only (fmt and
#       threads are always there). INTERNAL: not installed. The public headers
#       include/runnel/<layer>/**.hpp are installed, and each is compiled alone as part of the
#       target headers_compile_alone.
#
#   runnel_program(<file>...)
#       The executable `runnel` in <build>/bin, linked with the INTERNAL library runnel::program.
#       Both are compiled with RUNNEL_VERSION defined as a string.
#
#   runnel_test(<layer> <name> LABELS <label> [SOURCES <file>...] [DEPS <layer>...]
#               [LIBS <target>...] [TIMEOUT <seconds>] [SERIAL] [ENVIRONMENT <NAME=VALUE>...])
#       Builds <name>.cpp and SOURCES with gtest, gmock and runnel::<layer> (where there is such a
#       layer) as the ctest test <layer>.<name>. Exactly one label of RUNNEL_LABELS. SERIAL: never
#       beside another test.
#
#   runnel_test_command(<layer> <name> LABELS <label> COMMAND <command>... [TIMEOUT <seconds>]
#                       [SERIAL] [ENVIRONMENT <NAME=VALUE>...])
#       The same for a test that is no gtest binary, such as a script.
#
#   runnel_fuzz(<layer> <name> [DEPS <layer>...])
#       <name>.cpp defines LLVMFuzzerTestOneInput. With RUNNEL_FUZZ it becomes a libFuzzer binary
#       and a test labelled `fuzz` that runs for RUNNEL_FUZZ_SECONDS, starting from
#       fuzz/corpus/<name>/; otherwise a unit test that replays this corpus.
#
#   runnel_bench(<layer> <name> [SOURCES <file>...] [DEPS <layer>...] [LIBS <target>...])
#       The benchmark <build>/bin/bench/<name>, from <name>.cpp and SOURCES, with Google Benchmark;
#       its main() is used unless the sources have one.
#
# Skipped tests. One gtest binary is one ctest test, so that a thousand small cases cost one
# process and not a thousand. It writes <build>/results/<test>.xml, from which scripts/summary
# counts the single cases and shows each GTEST_SKIP() with its reason, also when only some cases of
# a binary were skipped. A test that is no gtest binary skips as a whole by exit code 77, with the
# reason as the last line it prints.

set(RUNNEL_LABELS unit conformance interop tap guest browser soak)

if(NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
    find_program(RUNNEL_CCACHE ccache)
    mark_as_advanced(RUNNEL_CCACHE)
    if(RUNNEL_CCACHE)
        set(CMAKE_CXX_COMPILER_LAUNCHER ${RUNNEL_CCACHE})
    endif()
endif()

# What every target of this project is compiled and linked with, and no target of a user.
file(RELATIVE_PATH RUNNEL_SOURCE_FROM_BUILD ${PROJECT_BINARY_DIR} ${PROJECT_SOURCE_DIR})
string(REGEX REPLACE "/$" "" RUNNEL_SOURCE_FROM_BUILD ${RUNNEL_SOURCE_FROM_BUILD})
file(RELATIVE_PATH RUNNEL_BUILD_FROM_SOURCE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
add_library(runnel_build_flags INTERFACE)
target_compile_options(runnel_build_flags INTERFACE -Wall -Wextra -Wconversion -Wshadow -Werror
    # Names of source files in messages and debug information do not depend on where the
    # repository lies: they read src/core/x.cpp, and ccache hits from another checkout. With its
    # base directory set, ccache has already made absolute names relative to the build directory.
    -ffile-prefix-map=${PROJECT_SOURCE_DIR}/=
    -ffile-prefix-map=${RUNNEL_SOURCE_FROM_BUILD}/=
    -ffile-prefix-map=${PROJECT_BINARY_DIR}=${RUNNEL_BUILD_FROM_SOURCE})
if(RUNNEL_SANITIZE)
    target_compile_options(runnel_build_flags INTERFACE
        -fsanitize=${RUNNEL_SANITIZE} -fno-sanitize-recover=all)
    target_link_options(runnel_build_flags INTERFACE -fsanitize=${RUNNEL_SANITIZE})
endif()

# Another compiler's view of each header adds nothing to what the sanitizers' tests compile.
if(RUNNEL_TESTS AND NOT RUNNEL_SANITIZE)
    add_custom_target(headers_compile_alone ALL)
endif()

function(runnel_library layer)
    cmake_parse_arguments(PARSE_ARGV 1 arg "INTERNAL" "" "SOURCES;DEPS;LIBS")
    _runnel_reject(runnel::${layer} "${arg_UNPARSED_ARGUMENTS}")
    set(target runnel_${layer})
    list(TRANSFORM arg_DEPS PREPEND runnel::)
    set(kind "")
    if(arg_INTERNAL)
        set(kind STATIC)
    endif()
    add_library(${target} ${kind} ${arg_SOURCES})
    add_library(runnel::${layer} ALIAS ${target})
    target_compile_features(${target} PUBLIC cxx_std_23)
    set_target_properties(${target} PROPERTIES
        CXX_EXTENSIONS OFF
        EXPORT_NAME ${layer}
        POSITION_INDEPENDENT_CODE ON
        VERSION ${PROJECT_VERSION}
        SOVERSION ${PROJECT_VERSION_MAJOR})
    target_include_directories(${target} PUBLIC
        $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
        $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    target_link_libraries(${target}
        PUBLIC ${arg_DEPS}
        PRIVATE fmt::fmt Threads::Threads ${arg_LIBS} $<BUILD_INTERFACE:runnel_build_flags>)
    if(TARGET headers_compile_alone)
        _runnel_headers_compile_alone(${layer})
    endif()
    if(NOT arg_INTERNAL)
        set_property(GLOBAL APPEND PROPERTY RUNNEL_INSTALLED ${layer})
        install(TARGETS ${target} EXPORT runnelTargets)
        install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/runnel/${layer}
            DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/runnel FILES_MATCHING PATTERN "*.hpp")
    endif()
endfunction()

# One translation unit a header, which includes it twice and nothing before it.
function(_runnel_headers_compile_alone layer)
    file(GLOB_RECURSE headers RELATIVE ${PROJECT_SOURCE_DIR}/include CONFIGURE_DEPENDS
        ${PROJECT_SOURCE_DIR}/include/runnel/${layer}/*.hpp)
    set(units "")
    foreach(header IN LISTS headers)
        set(unit ${PROJECT_BINARY_DIR}/headers/${header}.cpp)
        file(CONFIGURE OUTPUT ${unit} CONTENT "#include <@header@>\n#include <@header@>\n" @ONLY)
        list(APPEND units ${unit})
    endforeach()
    if(units)
        add_library(runnel_${layer}_headers OBJECT ${units})
        set_target_properties(runnel_${layer}_headers PROPERTIES CXX_EXTENSIONS OFF)
        target_link_libraries(runnel_${layer}_headers PRIVATE
            runnel::${layer} fmt::fmt runnel_build_flags)
        add_dependencies(headers_compile_alone runnel_${layer}_headers)
    endif()
endfunction()

function(runnel_program)
    add_executable(runnel ${ARGN})
    set_target_properties(runnel PROPERTIES
        CXX_EXTENSIONS OFF
        RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
    target_compile_definitions(runnel_program PUBLIC RUNNEL_VERSION="${PROJECT_VERSION}")
    target_link_libraries(runnel PRIVATE runnel::program fmt::fmt runnel_build_flags)
    install(TARGETS runnel RUNTIME)
endfunction()

# An executable <layer>.<name> from <name>.cpp, in <build>/bin/<kind>.
function(_runnel_executable kind layer name)
    cmake_parse_arguments(PARSE_ARGV 3 arg "" "" "SOURCES;DEPS;LIBS")
    _runnel_reject(${layer}.${name} "${arg_UNPARSED_ARGUMENTS}")
    list(TRANSFORM arg_DEPS PREPEND runnel::)
    if(TARGET runnel::${layer})
        list(PREPEND arg_DEPS runnel::${layer})
    endif()
    set(target ${layer}.${name})
    add_executable(${target} ${name}.cpp ${arg_SOURCES})
    target_compile_features(${target} PRIVATE cxx_std_23)
    target_include_directories(${target} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
    set_target_properties(${target} PROPERTIES
        CXX_EXTENSIONS OFF
        RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin/${kind})
    target_link_libraries(${target} PRIVATE
        ${arg_DEPS} ${arg_LIBS} fmt::fmt Threads::Threads runnel_build_flags)
endfunction()

function(runnel_test layer name)
    if(NOT RUNNEL_TESTS)
        return()
    endif()
    cmake_parse_arguments(PARSE_ARGV 2 arg "SERIAL" "TIMEOUT;LABELS"
        "SOURCES;DEPS;LIBS;ENVIRONMENT")
    _runnel_executable(tests ${layer} ${name} SOURCES ${arg_SOURCES} DEPS ${arg_DEPS}
        LIBS ${arg_LIBS} GTest::gmock GTest::gtest_main)
    set(test ${layer}.${name})
    _runnel_add_test(${test} "${arg_LABELS}" "${arg_TIMEOUT}" "${arg_SERIAL}" "${arg_ENVIRONMENT}"
        ${test} --gtest_brief=1 --gtest_output=xml:${PROJECT_BINARY_DIR}/results/${test}.xml)
    _runnel_reject("${test}" "${arg_UNPARSED_ARGUMENTS}")
endfunction()

function(runnel_test_command layer name)
    if(NOT RUNNEL_TESTS)
        return()
    endif()
    cmake_parse_arguments(PARSE_ARGV 2 arg "SERIAL" "TIMEOUT;LABELS" "COMMAND;ENVIRONMENT")
    set(test ${layer}.${name})
    _runnel_add_test(${test} "${arg_LABELS}" "${arg_TIMEOUT}" "${arg_SERIAL}" "${arg_ENVIRONMENT}"
        ${arg_COMMAND})
    _runnel_reject("${test}" "${arg_UNPARSED_ARGUMENTS}")
endfunction()

function(_runnel_reject what arguments)
    if(arguments)
        message(FATAL_ERROR "${what}: unexpected arguments: ${arguments}")
    endif()
endfunction()

function(_runnel_add_test test label timeout serial environment)
    if(NOT label IN_LIST RUNNEL_LABELS AND NOT label STREQUAL fuzz)
        message(FATAL_ERROR "${test}: LABELS must be one of: ${RUNNEL_LABELS}")
    endif()
    add_test(NAME ${test} COMMAND ${ARGN})
    if(NOT timeout)
        set(timeout 120)
    endif()
    if(RUNNEL_SANITIZE) # which slows a test down several times
        math(EXPR timeout "${timeout} * 5")
    endif()
    set_tests_properties(${test} PROPERTIES
        LABELS ${label}
        TIMEOUT ${timeout}
        RUN_SERIAL "${serial}"
        ENVIRONMENT "${environment}"
        SKIP_RETURN_CODE 77)
endfunction()

function(runnel_fuzz layer name)
    if(NOT RUNNEL_TESTS AND NOT RUNNEL_FUZZ)
        return()
    endif()
    set(test ${layer}.${name})
    set(corpus ${PROJECT_SOURCE_DIR}/fuzz/corpus/${name})
    if(RUNNEL_FUZZ)
        _runnel_executable(fuzz ${layer} ${name} ${ARGN})
        target_link_options(${test} PRIVATE -fsanitize=fuzzer)
        if(NOT TARGET fuzz_targets)
            add_custom_target(fuzz_targets)
        endif()
        add_dependencies(fuzz_targets ${test})
        # libFuzzer adds what it finds to the first folder and only reads the second. Its own code
        # for a failure, 77, would count as skipped.
        set(found ${PROJECT_BINARY_DIR}/found/${name})
        file(MAKE_DIRECTORY ${found} ${PROJECT_BINARY_DIR}/crashes)
        math(EXPR timeout "60 + ${RUNNEL_FUZZ_SECONDS}")
        _runnel_add_test(${test} fuzz ${timeout} OFF ""
            ${test} -max_total_time=${RUNNEL_FUZZ_SECONDS} -timeout=10 -rss_limit_mb=2048
            -print_final_stats=1 -seed=1 -error_exitcode=1
            -artifact_prefix=${PROJECT_BINARY_DIR}/crashes/${name}- ${found} ${corpus})
    else()
        _runnel_executable(tests ${layer} ${name} ${ARGN})
        target_sources(${test} PRIVATE ${PROJECT_SOURCE_DIR}/fuzz/replay.cpp)
        runnel_test_command(${layer} ${name} LABELS unit COMMAND ${test} ${corpus})
    endif()
endfunction()

function(runnel_bench layer name)
    if(RUNNEL_BENCH)
        cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "SOURCES;DEPS;LIBS")
        _runnel_executable(bench ${layer} ${name} SOURCES ${arg_SOURCES} DEPS ${arg_DEPS}
            LIBS ${arg_LIBS} benchmark::benchmark benchmark::benchmark_main)
        set_target_properties(${layer}.${name} PROPERTIES OUTPUT_NAME ${name})
    endif()
endfunction()

# find_package(runnel CONFIG [COMPONENTS <layer>...]) and pkg-config.
function(runnel_install_package)
    include(CMakePackageConfigHelpers)
    set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/runnel)
    get_property(layers GLOBAL PROPERTY RUNNEL_INSTALLED)
    if(NOT layers)
        return()
    endif()
    install(EXPORT runnelTargets NAMESPACE runnel:: DESTINATION ${package_dir})
    configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/runnelConfig.cmake.in
        ${PROJECT_BINARY_DIR}/runnelConfig.cmake INSTALL_DESTINATION ${package_dir})
    # Before 1.0 each minor version may break its users.
    write_basic_package_version_file(${PROJECT_BINARY_DIR}/runnelConfigVersion.cmake
        COMPATIBILITY SameMinorVersion)
    install(FILES ${PROJECT_BINARY_DIR}/runnelConfig.cmake
        ${PROJECT_BINARY_DIR}/runnelConfigVersion.cmake DESTINATION ${package_dir})

    list(REVERSE layers)
    list(TRANSFORM layers PREPEND -lrunnel_ OUTPUT_VARIABLE libs)
    get_property(optional GLOBAL PROPERTY RUNNEL_PC_LIBS)
    list(APPEND libs ${optional})
    list(JOIN libs " " RUNNEL_PC_LIBS)
    file(RELATIVE_PATH RUNNEL_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
    if(BUILD_SHARED_LIBS)
        set(RUNNEL_PC_REQUIRES Requires.private)
    else()
        set(RUNNEL_PC_REQUIRES Requires)
    endif()
    configure_file(${PROJECT_SOURCE_DIR}/cmake/runnel.pc.in runnel.pc @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/runnel.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()
