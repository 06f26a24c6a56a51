# Builds the programs that run on the kernels, with the stock Rust target.
#
# Host and guest share the target triple, so guest flags go to rustc by target and by program, never to build scripts; a
# target folder of its own for each variant keeps the two apart. The programs of an instance are built against the
# bindings for its kernel's configuration, because invocation labels differ between unicore and multicore kernels.

include_guard(GLOBAL)

set(ATOLL_TRIPLE x86_64-unknown-linux-gnu)

# What the bindings do not depend on: these options have one value in the configuration that they are made for.
set(ATOLL_OPTIONS_OF_KERNELS_ALONE
    KernelTimerTickMS=2 KernelTimeSlice=5 KernelRootCNodeSizeBits=16 KernelNumPriorities=256 KernelRetypeFanOutLimit=256
    KernelMaxNumWorkUnitsPerPreemption=100 KernelStackBits=12)

# atoll_bindings_config(result variant options): the folder with the configuration for the bindings of a variant.
#
# It is the same one for every plan with these options: Cargo builds all programs again where it has another name.
function(atoll_bindings_config result variant options)
    foreach(pair IN LISTS ATOLL_OPTIONS_OF_KERNELS_ALONE)
        string(REGEX REPLACE "=.*" "" name "${pair}")
        list(TRANSFORM options REPLACE "^${name}=.*$" "${pair}")
    endforeach()
    if(variant STREQUAL "smp")
        list(TRANSFORM options REPLACE "^KernelMaxNumNodes=.*$" "KernelMaxNumNodes=2")
    endif()
    string(SHA256 key "${options}")
    string(SUBSTRING "${key}" 0 16 key)
    set(folder "${ATOLL_ROOT}/target/guest-${variant}/config-${key}")
    atoll_write_autoconf("${folder}/autoconf.h" "${options}")
    set(${result} "${folder}" PARENT_SCOPE)
endfunction()

# atoll_cargo_settings(environment arguments target_dir config): what Cargo is given for every program.
#
# The compiler uses vector registers for no copies and no loops of its own. The kernel switches their owner lazily: of two components
# on a core that both use them, each traps after nearly every switch between them, and has 16 registers and more saved and restored.
# Programs that name floating-point numbers use them all the same.
function(atoll_cargo_settings environment arguments target_dir config)
    set(${environment}
        "RUSTFLAGS=-Crelocation-model=static -Cllvm-args=-force-attribute=noimplicitfloat"
        ATOLL_SEL4_TREE=${ATOLL_KERNEL_TREE} ATOLL_SEL4_CONFIG=${config}
        PARENT_SCOPE)
    set(${arguments}
        --locked --profile guest --target ${ATOLL_TRIPLE} --target-dir ${target_dir} --features guest
        PARENT_SCOPE)
endfunction()

# Writes the settings of a variant for `cargo xtask test`, which lints the programs as they are built.
function(atoll_write_cargo_settings variant target_dir config)
    atoll_cargo_settings(environment arguments "${target_dir}" "${config}")
    list(TRANSFORM environment REPLACE "^([^=]+)=(.*)$" "\"\\1\":\"\\2\"")
    list(JOIN environment "," environment)
    list(JOIN arguments "\",\"" arguments)
    file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/cargo-${variant}.json @ONLY CONTENT
        "{\"environment\":{${environment}},\"arguments\":[\"${arguments}\"]}\n")
endfunction()

# atoll_cargo(result target_dir config package binary script features [NAME=VALUE ...]): the command that builds one program.
# It has these features beside `guest`, which may be none.
function(atoll_cargo result target_dir config package binary script features)
    # cargo does not see the linker script; a symbol that is named after its contents makes it link again.
    file(SHA256 ${script} script_hash)
    string(SUBSTRING ${script_hash} 0 16 script_hash)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${script})
    atoll_cargo_settings(environment arguments "${target_dir}" "${config}")
    foreach(feature IN LISTS features)
        list(APPEND arguments --features ${feature})
    endforeach()
    set(${result}
        ${CMAKE_COMMAND} -E env --unset=CARGO_BUILD_TARGET --unset=CARGO_ENCODED_RUSTFLAGS ${environment} ${ARGN}
        ${ATOLL_CARGO} rustc --quiet ${arguments} --package ${package} --bin ${binary} --
        -Clink-arg=-nostartfiles -Clink-arg=-static -Clink-arg=-no-pie -Clink-arg=-Wl,--build-id=none
        -Clink-arg=-Wl,-z,noexecstack -Clink-arg=-T${script} -Clink-arg=-Wl,--defsym=atoll_script_${script_hash}=0
        PARENT_SCOPE)
endfunction()

# atoll_exclusive_target(name lock file comment COMMAND ...): a target that runs commands, one after the other, while nothing
# else holds the lock. `file` becomes a script of the commands.
#
# Every build of this checkout has Cargo write its programs to the same target folder, so that what a build does between
# the start of Cargo and the copy of what it made has to be one step.
function(atoll_exclusive_target name lock file comment)
    set(text "function(run)
    execute_process(COMMAND \${ARGV} RESULT_VARIABLE failed)
    if(failed)
        message(FATAL_ERROR \"a command failed (\${failed}); see the messages above\")
    endif()
endfunction()
")
    set(end "")
    foreach(word IN LISTS ARGN)
        if(word STREQUAL "COMMAND")
            string(APPEND text "${end}run(")
            set(end ")\n")
        else()
            string(APPEND text " [==[${word}]==]")
        endif()
    endforeach()
    file(CONFIGURE OUTPUT ${file} CONTENT "${text}${end}" @ONLY)
    add_custom_target(${name} ALL
        COMMAND ${ATOLL_XTASK} exclusively --lock ${lock} -- ${CMAKE_COMMAND} -P ${file}
        WORKING_DIRECTORY ${ATOLL_ROOT}
        USES_TERMINAL
        COMMENT "${comment}"
        VERBATIM)
endfunction()

function(atoll_guest_images variant config)
    set(target_dir "${ATOLL_ROOT}/target/guest-${variant}")
    set(out "${target_dir}/${ATOLL_TRIPLE}/guest")
    set(images "${CMAKE_BINARY_DIR}/images/${variant}")
    set(process_script "${CMAKE_SOURCE_DIR}/linker/process.ld")
    atoll_write_cargo_settings("${variant}" "${target_dir}" "${config}")
    set(commands)
    set(entries "plan=${CMAKE_BINARY_DIR}/plan.bin")
    # Features of servers, of services and drivers, and of processes.
    set(of_servers "")
    set(of_services "")
    set(of_processes "")
    if(ATOLL_MEASURED)
        string(APPEND of_services "|measured")
    endif()
    if(ATOLL_TIMELINE)
        string(APPEND of_servers "|timeline")
        string(APPEND of_services "|timeline")
        string(APPEND of_processes "|atoll-runtime/timeline")
    endif()
    set(programs "atoll-server|mcp-server${of_servers}")
    # An archive holds the programs of every instance of its variant: which ones an instance runs, its root task knows.
    foreach(program IN LISTS ATOLL_DRIVERS ATOLL_SERVICES)
        list(APPEND programs "atoll-${program}|${program}${of_services}")
    endforeach()
    foreach(program IN LISTS ATOLL_IMAGES)
        list(APPEND programs "atoll-${program}|${program}${of_processes}")
    endforeach()
    foreach(program IN LISTS programs)
        string(REPLACE "|" ";" parts "${program}")
        list(POP_FRONT parts package binary)
        atoll_cargo(build "${target_dir}" "${config}" ${package} ${binary} "${process_script}" "${parts}")
        list(APPEND commands COMMAND ${build}
            COMMAND ${CMAKE_OBJCOPY} --strip-all ${out}/${binary} ${images}/${binary}.elf)
        list(APPEND entries "${binary}=${images}/${binary}.elf")
    endforeach()
    # It is compiled anew for each plan, because the archive is part of it. What takes most of that is to optimise it as a whole, for which it
    # does nothing often enough.
    atoll_cargo(root_task "${target_dir}" "${config}" atoll-root-task root-task
        "${CMAKE_SOURCE_DIR}/linker/root-task.ld" "" ATOLL_ARCHIVE=${images}/archive.bin
        CARGO_PROFILE_GUEST_LTO=off CARGO_PROFILE_GUEST_CODEGEN_UNITS=16)
    atoll_exclusive_target(images-${variant}
        ${target_dir}/atoll.lock ${CMAKE_BINARY_DIR}/images-${variant}.cmake "Programs for ${variant} instances"
        COMMAND ${CMAKE_COMMAND} -E make_directory ${images}
        ${commands}
        COMMAND ${ATOLL_XTASK} archive --out ${images}/archive.bin ${entries}
        COMMAND ${root_task}
        COMMAND ${CMAKE_OBJCOPY} --strip-all ${out}/root-task ${CMAKE_BINARY_DIR}/images/root-task-${variant}.elf)
endfunction()

function(atoll_loader_image)
    set(target_dir "${ATOLL_ROOT}/target/guest-loader")
    atoll_cargo(build "${target_dir}" "" atoll-loader loader "${CMAKE_SOURCE_DIR}/linker/loader.ld" "")
    # QEMU's Multiboot loader takes 32-bit images only.
    atoll_exclusive_target(loader
        ${target_dir}/atoll.lock ${CMAKE_BINARY_DIR}/loader.cmake "Loader"
        COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/images
        COMMAND ${build}
        COMMAND ${CMAKE_OBJCOPY} --strip-all -O elf32-i386 ${target_dir}/${ATOLL_TRIPLE}/guest/loader
            ${CMAKE_BINARY_DIR}/images/loader.elf)
endfunction()
