# Functions that every folder's CMakeLists.txt uses, and the packages it may name.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
foreach(package libuv zlib libzstd jansson libmicrohttpd libcurl libpcre2-8 yaml-0.1 libxxhash cmocka)
    string(REGEX REPLACE "[^a-z0-9]" "_" target ${package})
    pkg_check_modules(${target} REQUIRED IMPORTED_TARGET ${package})
endforeach()

add_compile_definitions(_GNU_SOURCE)
include_directories(${CMAKE_SOURCE_DIR})

# dendro_library(base FILES a.c b.c LINK PkgConfig::zlib): library dendro_base, alias dendro::base.
function(dendro_library name)
    cmake_parse_arguments(arg "" "" "FILES;LINK" ${ARGN})
    add_library(dendro_${name} STATIC ${arg_FILES})
    add_library(dendro::${name} ALIAS dendro_${name})
    target_link_libraries(dendro_${name} PUBLIC ${arg_LINK} Threads::Threads m)
endfunction()

# dendro_test(base slice LINK dendro::base): test_base_slice from test_slice.c of this folder.
# Further sources after FILES; seconds it may take after TIMEOUT (default 60, sanitizers are slow).
function(dendro_test area name)
    cmake_parse_arguments(arg "" "TIMEOUT" "FILES;LINK" ${ARGN})
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 60)
    endif()
    set(target test_${area}_${name})
    add_executable(${target} test_${name}.c ${arg_FILES})
    target_link_libraries(${target} PRIVATE ${arg_LINK} PkgConfig::cmocka)
    add_test(NAME ${target} COMMAND ${target})
    set_tests_properties(${target} PROPERTIES TIMEOUT ${arg_TIMEOUT})
endfunction()

# dendro_fuzz(frame LINK dendro::base): fuzz_frame from fuzz_frame.c; a short dose as a test.
# Its kept inputs are in tests/golden/fuzz/frame/.
function(dendro_fuzz name)
    if(NOT DENDRO_FUZZ)
        return()
    endif()
    cmake_parse_arguments(arg "" "" "FILES;LINK" ${ARGN})
    add_executable(fuzz_${name} fuzz_${name}.c ${arg_FILES})
    target_link_libraries(fuzz_${name} PRIVATE ${arg_LINK})
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    if(NOT TARGET fuzzers) # everything that scripts/fuzz needs, and no more
        add_custom_target(fuzzers)
    endif()
    add_dependencies(fuzzers fuzz_${name})
    set(kept ${CMAKE_SOURCE_DIR}/tests/golden/fuzz/${name})
    set(found ${CMAKE_BINARY_DIR}/corpus/${name})
    file(MAKE_DIRECTORY ${found})
    if(NOT EXISTS ${kept})
        set(kept "")
    endif()
    add_test(NAME fuzz_${name} COMMAND fuzz_${name} -max_total_time=3 -timeout=10 -rss_limit_mb=2048
        -print_final_stats=1 -artifact_prefix=${CMAKE_BINARY_DIR}/ ${found} ${kept})
    set_tests_properties(fuzz_${name} PROPERTIES TIMEOUT 60)
endfunction()
