# Finds Debian's LLVM and MLIR 22.1 and sets what dialect folders need: TableGen
# helpers, include paths, and hamlet_mlir_library(), a library linked to the
# shared MLIR and LLVM.
find_package(MLIR 22.1 REQUIRED CONFIG HINTS /usr/lib/llvm-22/lib/cmake/mlir)
list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
include(TableGen)
include(AddLLVM)
include(AddMLIR)

# TableGen takes its include paths from the directory property.
include_directories(SYSTEM ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
separate_arguments(HAMLET_LLVM_DEFINITIONS NATIVE_COMMAND "${LLVM_DEFINITIONS}")

# Include paths, definitions and options.
function(hamlet_compile_with_mlir name)
  target_include_directories(${name} SYSTEM PUBLIC ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
  target_compile_definitions(${name} PUBLIC ${HAMLET_LLVM_DEFINITIONS})
  target_compile_options(${name} PRIVATE -fno-rtti)
endfunction()

# Precompiled headers, which targets reuse.
add_library(HamletPrecompiled OBJECT EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/cmake/precompiled/Empty.cpp)
hamlet_compile_with_mlir(HamletPrecompiled)
target_precompile_headers(HamletPrecompiled PRIVATE ${CMAKE_SOURCE_DIR}/cmake/precompiled/Mlir.h)

# hamlet_mlir_library(NAME sources... [DEPENDS targets...] [LINK libs...])
function(hamlet_mlir_library name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  hamlet_use_mlir(${name})
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
  if(ARG_LINK)
    target_link_libraries(${name} PUBLIC ${ARG_LINK})
  endif()
endfunction()

# hamlet_use_mlir(TARGET): include paths, definitions, precompiled headers and the shared libraries.
function(hamlet_use_mlir name)
  hamlet_compile_with_mlir(${name})
  target_link_libraries(${name} PUBLIC MLIR LLVM)
  target_precompile_headers(${name} REUSE_FROM HamletPrecompiled)
  # A program's code is made as a library's is, or it could not use the same headers.
  get_target_property(kind ${name} TYPE)
  if(kind STREQUAL "EXECUTABLE")
    set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${name} PRIVATE ${CMAKE_CXX_COMPILE_OPTIONS_PIC})
  endif()
endfunction()

# hamlet_passes(NAME PAGE): TableGen of Passes.td, whose passes registerNAMEPasses() registers (target NAMEIncGen), and
# their page build/docs/PAGE.md.
function(hamlet_passes name page)
  set(LLVM_TARGET_DEFINITIONS Passes.td)
  mlir_tablegen(Passes.h.inc -gen-pass-decls -name ${name})
  add_public_tablegen_target(${name}IncGen)
  set(doc ${CMAKE_BINARY_DIR}/docs/${page}.md)
  tablegen(MLIR ${page}.md -gen-pass-doc)
  add_custom_command(OUTPUT ${doc}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/docs
    COMMAND ${CMAKE_COMMAND} -E copy_if_different ${CMAKE_CURRENT_BINARY_DIR}/${page}.md ${doc}
    DEPENDS ${CMAKE_CURRENT_BINARY_DIR}/${page}.md)
  add_custom_target(${name}Doc ALL DEPENDS ${doc})
endfunction()
