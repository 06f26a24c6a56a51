# Makes OUTPUT by COMMAND, or takes it from CACHED where another build has made the same. Included by a script that sets them.
#
# Builds that go on at once may each make it: one that is complete takes the place of another one that is the same.

if(NOT EXISTS "${CACHED}")
    execute_process(COMMAND ${COMMAND} RESULT_VARIABLE failed)
    if(failed)
        message(FATAL_ERROR "a command failed (${failed}); see the messages above")
    endif()
    get_filename_component(folder "${CACHED}" DIRECTORY)
    file(MAKE_DIRECTORY "${folder}")
    string(RANDOM LENGTH 16 unique)
    configure_file("${OUTPUT}" "${CACHED}.${unique}" COPYONLY)
    file(RENAME "${CACHED}.${unique}" "${CACHED}")
    return()
endif()
configure_file("${CACHED}" "${OUTPUT}" COPYONLY)
file(TOUCH_NOCREATE "${OUTPUT}")
