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

# hamlet_use_mlir(TARGET): include paths, definitions and the shared libraries.
function(hamlet_use_mlir name)
  target_include_directories(${name} SYSTEM PUBLIC ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
  target_compile_definitions(${name} PUBLIC ${HAMLET_LLVM_DEFINITIONS})
  target_compile_options(${name} PRIVATE -fno-rtti)
  target_link_libraries(${name} PUBLIC MLIR LLVM)
endfunction()
