# Builds one seL4 instance out of the pinned, unmodified source tree.
#
# The tree stays where the package registry put it. What has to differ for an instance that shares its machine with
# others is made as an edited copy in the build folder, found first on the include path:
#   - the physical address that the kernel is linked at (linker script and hardware.h);
#   - the width of the GDT load in the application processors' start-up code, which runs in 16-bit mode and would keep
#     only 24 bits of the table's address: an instance above 16 MiB would never start its second core.

include_guard(GLOBAL)

# seL4's own option names and what each becomes in autoconf.h.
set(ATOLL_KERNEL_OPTIONS
    KernelMaxNumNodes=CONFIG_MAX_NUM_NODES
    KernelTimerTickMS=CONFIG_TIMER_TICK_MS
    KernelTimeSlice=CONFIG_TIME_SLICE
    KernelRootCNodeSizeBits=CONFIG_ROOT_CNODE_SIZE_BITS
    KernelNumPriorities=CONFIG_NUM_PRIORITIES
    KernelRetypeFanOutLimit=CONFIG_RETYPE_FAN_OUT_LIMIT
    KernelMaxNumWorkUnitsPerPreemption=CONFIG_MAX_NUM_WORK_UNITS_PER_PREEMPTION
    KernelStackBits=CONFIG_KERNEL_STACK_BITS
    KernelPrinting=CONFIG_PRINTING
    KernelDebugBuild=CONFIG_DEBUG_BUILD
    KernelFastpath=CONFIG_FASTPATH)

# What this platform always has. XAPIC and no PCID because QEMU's emulated processor lacks x2APIC and PCID.
set(ATOLL_KERNEL_FIXED
    ARCH_X86=1 ARCH_X86_64=1 X86_64=1 PLAT_PC99=1 WORD_SIZE=64 KERNEL_MASTER=1 HAVE_FPU=1 HUGE_PAGE=1 XAPIC=1 IRQ_IOAPIC=1
    MAX_NUM_IOAPIC=1 SYSCALL=1 FXSAVE=1 XSAVE_SIZE=512 FSGSBASE_INST=1 CACHE_LN_SZ=64 NUM_DOMAINS=1
    MAX_NUM_BOOTINFO_UNTYPED_CAPS=167 MAX_RMRR_ENTRIES=32 FPU_MAX_RESTORES_SINCE_SWITCH=64 NO_BENCHMARKS=1
    MULTIBOOT_GRAPHICS_MODE_NONE=1 LIB_SEL4=1 LIB_SEL4_INLINE_INVOCATIONS=1 OPTIMISATION_O2=1 USER_STACK_TRACE_LENGTH=16)

# Writes autoconf.h for the given `Name=value` options.
function(atoll_write_autoconf file options)
    set(text "#pragma once\n#define AUTOCONF_INCLUDED\n")
    foreach(pair IN LISTS ATOLL_KERNEL_FIXED)
        string(REPLACE "=" " " definition "${pair}")
        string(APPEND text "#define CONFIG_${definition}\n")
    endforeach()
    foreach(pair IN LISTS options)
        string(REGEX MATCH "^([A-Za-z0-9]+)=(.*)$" matched "${pair}")
        set(option "${CMAKE_MATCH_1}")
        set(value "${CMAKE_MATCH_2}")
        set(macro "")
        foreach(known IN LISTS ATOLL_KERNEL_OPTIONS)
            if(known MATCHES "^${option}=(.*)$")
                set(macro "${CMAKE_MATCH_1}")
            endif()
        endforeach()
        if(macro STREQUAL "")
            message(FATAL_ERROR "kernel option `${option}` is not one that this project knows; see sel4-config/cmake/kernel.cmake")
        endif()
        if(value MATCHES "^(ON|TRUE)$")
            set(value 1)
        endif()
        if(NOT value MATCHES "^(OFF|FALSE)$")
            string(APPEND text "#define ${macro} ${value}\n")
        endif()
    endforeach()
    file(CONFIGURE OUTPUT "${file}" CONTENT "${text}" @ONLY)
endfunction()

# Copies a file of the tree with one edit; stops where the tree does not have what is to be edited.
function(atoll_edited_copy source destination pattern replacement)
    file(READ "${source}" text)
    string(REGEX REPLACE "${pattern}" "${replacement}" edited "${text}")
    if(edited STREQUAL text)
        message(FATAL_ERROR "`${pattern}` does not occur in ${source}: this kernel source is not the one that the project pins")
    endif()
    file(CONFIGURE OUTPUT "${destination}" CONTENT "${edited}" @ONLY)
endfunction()

# The C sources of the single compilation unit, in the order in which the tree's own makefiles list them.
function(atoll_kernel_sources tree debug result)
    file(GLOB sources CONFIGURE_DEPENDS
        ${tree}/src/*.c ${tree}/src/api/*.c ${tree}/src/benchmark/*.c ${tree}/src/fastpath/*.c ${tree}/src/kernel/*.c
        ${tree}/src/machine/*.c ${tree}/src/model/*.c ${tree}/src/object/*.c ${tree}/src/smp/*.c
        ${tree}/src/arch/x86/*.c ${tree}/src/arch/x86/api/*.c ${tree}/src/arch/x86/benchmark/*.c
        ${tree}/src/arch/x86/kernel/*.c ${tree}/src/arch/x86/machine/*.c ${tree}/src/arch/x86/model/*.c
        ${tree}/src/arch/x86/object/*.c ${tree}/src/arch/x86/64/*.c ${tree}/src/arch/x86/64/kernel/*.c
        ${tree}/src/arch/x86/64/machine/*.c ${tree}/src/arch/x86/64/model/*.c ${tree}/src/arch/x86/64/object/*.c
        ${tree}/src/plat/pc99/machine/*.c)
    if(NOT debug)
        list(FILTER sources EXCLUDE REGEX "machine/capdl\\.c$")
    endif()
    list(SORT sources)
    set(${result} ${sources} ${tree}/src/config/default_domain.c PARENT_SCOPE)
endfunction()

# atoll_kernel(NAME tree base options): target `kernel-NAME`, image images/kernel-NAME.elf.
function(atoll_kernel name tree base options)
    set(dir "${CMAKE_BINARY_DIR}/kernel-${name}")
    set(gen "${dir}/generated")
    atoll_write_autoconf("${gen}/autoconf.h" "${options}")
    # A generator writes its parser tables beside itself, so the generators run from a copy.
    file(COPY ${tree}/tools DESTINATION ${dir})
    set(tools "${dir}/tools")
    atoll_edited_copy("${tree}/include/plat/pc99/plat/64/plat_mode/machine/hardware.h" "${gen}/plat_mode/machine/hardware.h"
        "#define PADDR_LOAD [^\n]*" "#define PADDR_LOAD ${base}ul /* this instance */")
    atoll_edited_copy("${tree}/src/plat/pc99/linker.lds" "${gen}/linker.lds"
        "PADDR_LOAD = 0x00100000;" "PADDR_LOAD = ${base}; /* this instance */")
    atoll_edited_copy("${tree}/src/arch/x86/64/head.S" "${gen}/head.S"
        "lgdt _boot_gdt_ptr" "lgdtl _boot_gdt_ptr")

    set(includes
        -I${gen} -I${gen}/64 -I${gen}/plat/64 -I${tree}/include -I${tree}/include/64 -I${tree}/include/arch/x86
        -I${tree}/include/arch/x86/arch/64 -I${tree}/include/plat/pc99 -I${tree}/include/plat/pc99/plat/64)
    set(defines
        -DHAVE_AUTOCONF -DARCH_X86 -DX86_64 -D__KERNEL_64__ -DKERNEL_64=y -D__X86_64__=y)
    if("KernelFastpath=ON" IN_LIST options)
        list(APPEND defines -DFASTPATH)
    endif()
    if("KernelDebugBuild=ON" IN_LIST options)
        list(APPEND defines -DDEBUG)
    endif()
    set(flags
        -m64 -O2 -g1 --std=gnu99 -nostdlib -nostdinc -ffreestanding -fno-pic -fno-pie -fcommon -fcf-protection=none
        -fno-stack-protector -fno-asynchronous-unwind-tables -mcmodel=kernel -mno-mmx -mno-sse -mno-sse2 -mno-3dnow -mpopcnt
        -w ${defines} ${includes})
    set(cpp ${CMAKE_C_COMPILER} -E -P -nostdinc ${defines} ${includes} -x c)

    set(generated)
    foreach(header
            "arch/api/invocation.h|libsel4/arch_include/x86/interfaces/sel4arch.xml|--arch"
            "arch/api/sel4_invocation.h|libsel4/sel4_arch_include/x86_64/interfaces/sel4arch.xml|--sel4_arch"
            "api/invocation.h|libsel4/include/interfaces/sel4.xml|")
        string(REPLACE "|" ";" parts "${header}")
        list(GET parts 0 output)
        list(GET parts 1 xml)
        list(GET parts 2 flag)
        add_custom_command(OUTPUT "${gen}/${output}"
            COMMAND ${CMAKE_COMMAND} -E make_directory ${gen}/arch/api ${gen}/api
            COMMAND ${ATOLL_PYTHON} -B ${tools}/invocation_header_gen.py ${flag} --xml ${tree}/${xml} --dest ${gen}/${output}
            VERBATIM)
        list(APPEND generated "${gen}/${output}")
    endforeach()
    add_custom_command(OUTPUT "${gen}/arch/api/syscall.h"
        COMMAND ${CMAKE_COMMAND} -E make_directory ${gen}/arch/api
        COMMAND ${ATOLL_XMLLINT} --noout --schema ${tree}/include/api/syscall.xsd ${tree}/include/api/syscall.xml
        COMMAND ${ATOLL_PYTHON} -B ${tools}/syscall_header_gen.py --xml ${tree}/include/api/syscall.xml
            --kernel_header ${gen}/arch/api/syscall.h
        VERBATIM)
    list(APPEND generated "${gen}/arch/api/syscall.h")
    foreach(pair
            "64/mode/api/shared_types|include/64/mode/api/shared_types.bf"
            "arch/object/structures|include/arch/x86/arch/object/structures.bf"
            "plat/64/plat_mode/machine/hardware|include/plat/pc99/plat/64/plat_mode/machine/hardware.bf")
        string(REPLACE "|" ";" parts "${pair}")
        list(GET parts 0 output)
        list(GET parts 1 bf)
        get_filename_component(folder "${gen}/${output}" DIRECTORY)
        add_custom_command(OUTPUT "${gen}/${output}_gen.h"
            COMMAND ${CMAKE_COMMAND} -E make_directory ${folder}
            COMMAND ${cpp} ${tree}/${bf} -o ${gen}/${output}.pbf
            COMMAND ${ATOLL_PYTHON} -B ${tools}/bitfield_gen.py ${gen}/${output}.pbf ${gen}/${output}_gen.h
            DEPENDS ${gen}/autoconf.h
            WORKING_DIRECTORY ${dir}
            VERBATIM)
        list(APPEND generated "${gen}/${output}_gen.h")
    endforeach()

    set(debug OFF)
    if("KernelDebugBuild=ON" IN_LIST options)
        set(debug ON)
    endif()
    atoll_kernel_sources("${tree}" ${debug} sources)
    set(all "")
    foreach(source IN LISTS sources)
        string(APPEND all "#line 1 \"${source}\"\n#include \"${source}\"\n")
    endforeach()
    file(CONFIGURE OUTPUT "${dir}/kernel_all.c" CONTENT "${all}" @ONLY)
    set(compile ${CMAKE_C_COMPILER} ${flags} -c ${dir}/kernel_all.c -o ${dir}/kernel.o)
    # The object differs from that of another build only by what is in this key: plans whose instances have equal options and an
    # equal base share it. A tree that is not the pinned one may change, so what is built of it is not kept.
    if(ATOLL_KERNEL_TREE_IS_PINNED)
        string(REPLACE "${CMAKE_BINARY_DIR}" "" key "${compile}")
        string(SHA256 key "${key};${options};${base};${sources};${ATOLL_KERNEL_FIXED};${CMAKE_C_COMPILER_VERSION}")
        string(SUBSTRING "${key}" 0 16 key)
        file(CONFIGURE OUTPUT ${dir}/compile.cmake @ONLY CONTENT
            "set(COMMAND \"${compile}\")
set(OUTPUT \"${dir}/kernel.o\")
set(CACHED \"${ATOLL_ROOT}/target/atoll/kernels/${key}.o\")
include(\"${CMAKE_CURRENT_FUNCTION_LIST_DIR}/cached.cmake\")
")
        set(compile ${CMAKE_COMMAND} -P ${dir}/compile.cmake)
    endif()
    add_custom_command(OUTPUT ${dir}/kernel.o
        COMMAND ${compile}
        DEPENDS ${generated} ${gen}/autoconf.h ${gen}/plat_mode/machine/hardware.h ${dir}/kernel_all.c
        COMMENT "seL4 instance ${name}: compiling the kernel"
        VERBATIM)
    set(objects ${dir}/kernel.o)
    foreach(assembly
            ${tree}/src/arch/x86/multiboot.S ${tree}/src/arch/x86/64/machine_asm.S ${tree}/src/arch/x86/64/traps.S ${gen}/head.S)
        get_filename_component(stem "${assembly}" NAME_WE)
        add_custom_command(OUTPUT ${dir}/${stem}.o
            COMMAND ${CMAKE_C_COMPILER} ${flags} -D__ASM__ -D__ASSEMBLER__ -c ${assembly} -o ${dir}/${stem}.o
            DEPENDS ${generated} ${gen}/autoconf.h ${gen}/head.S
            VERBATIM)
        list(APPEND objects ${dir}/${stem}.o)
    endforeach()
    add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/images/kernel-${name}.elf
        COMMAND ${cpp} ${gen}/linker.lds -o ${dir}/linker.lds
        COMMAND ${CMAKE_C_COMPILER} -m64 -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-n -Wl,--no-warn-rwx-segments
            -T ${dir}/linker.lds -o ${dir}/kernel.elf ${objects}
        COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/images
        COMMAND ${CMAKE_OBJCOPY} --strip-debug ${dir}/kernel.elf ${CMAKE_BINARY_DIR}/images/kernel-${name}.elf
        DEPENDS ${objects} ${gen}/linker.lds
        COMMENT "seL4 instance ${name}: linking at ${base}"
        VERBATIM)
    add_custom_target(kernel-${name} ALL DEPENDS ${CMAKE_BINARY_DIR}/images/kernel-${name}.elf)
endfunction()
