# Finds the tools that the build needs, and says what to install where one is missing.

include_guard(GLOBAL)

find_program(ATOLL_CARGO cargo HINTS "$ENV{HOME}/.cargo/bin")
if(NOT ATOLL_CARGO)
    message(FATAL_ERROR "cargo is missing: install Rust")
endif()
find_program(ATOLL_XMLLINT xmllint)
if(NOT ATOLL_XMLLINT)
    message(FATAL_ERROR "xmllint is missing: apt-get install libxml2-utils")
endif()

# The first interpreter on the path may be one that lacks the modules.
if(NOT ATOLL_PYTHON)
    find_program(ATOLL_PYTHON_ON_PATH python3)
    foreach(candidate "${ATOLL_PYTHON_ON_PATH}" /usr/bin/python3)
        if(NOT ATOLL_PYTHON AND EXISTS "${candidate}")
            execute_process(COMMAND ${candidate} -c "import six, ply, tempita" RESULT_VARIABLE lacks OUTPUT_QUIET ERROR_QUIET)
            if(NOT lacks)
                set(ATOLL_PYTHON "${candidate}" CACHE FILEPATH "Python 3 with six, ply and tempita" FORCE)
            endif()
        endif()
    endforeach()
endif()
if(NOT ATOLL_PYTHON)
    message(FATAL_ERROR "no Python 3 that has six, ply and tempita: apt-get install python3-six python3-ply python3-tempita")
endif()

if(NOT ATOLL_KERNEL_TREE)
    # `sel4-source` is how our own bindings crate names the registry crate that carries the tree.
    execute_process(
        COMMAND ${ATOLL_CARGO} fetch --locked
        WORKING_DIRECTORY ${ATOLL_ROOT}
        RESULT_VARIABLE failed)
    execute_process(
        COMMAND ${ATOLL_CARGO} metadata --locked --format-version 1
        COMMAND ${ATOLL_PYTHON} -c
            "import json, os, sys; print(next(os.path.dirname(p['manifest_path']) for p in json.load(sys.stdin)['packages'] if p['name'] == 'sel4-sys' and p['version'] == '0.0.28'))"
        WORKING_DIRECTORY ${ATOLL_ROOT}
        OUTPUT_VARIABLE crate
        OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(failed OR NOT EXISTS "${crate}/seL4/VERSION")
        message(FATAL_ERROR "the kernel source cannot be fetched: it is in the crate sel4-sys 0.0.28 that Cargo.lock pins")
    endif()
    set(ATOLL_KERNEL_TREE "${crate}/seL4" CACHE PATH "The seL4 source tree" FORCE)
    set(ATOLL_KERNEL_TREE_IS_PINNED ON CACHE INTERNAL "The seL4 source tree is the one that Cargo.lock pins")
endif()

if(NOT ATOLL_XTASK)
    execute_process(
        COMMAND ${ATOLL_CARGO} build --quiet --locked --package xtask
        WORKING_DIRECTORY ${ATOLL_ROOT}
        RESULT_VARIABLE failed)
    if(failed)
        message(FATAL_ERROR "the project's command line tool does not build; see the messages above")
    endif()
    set(ATOLL_XTASK "${ATOLL_ROOT}/target/debug/xtask" CACHE FILEPATH "The project's command line tool" FORCE)
endif()
