# What `cmake --install` installs, by component: Runtime, Emulator, Compiler, Tools, Development (of programs that use
# libhamlet.so) and CompilerDevelopment (the compiler's archives). docs/c-api.md says what is where.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/Hamlet)

# Of a target that this configuration has.
function(hamlet_install_programs component)
  foreach(program ${ARGN})
    if(TARGET ${program})
      install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT ${component})
    endif()
  endforeach()
endfunction()
hamlet_install_programs(Runtime hamlet)
hamlet_install_programs(Compiler hamlet-compiler)
hamlet_install_programs(Emulator hamlet-ptx)
hamlet_install_programs(Tools hamlet-machine hamlet-opt hamlet-lsp-server)

install(TARGETS HamletShared EXPORT HamletTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT Runtime NAMELINK_COMPONENT Development
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
# The stand-in driver has the name of the real one: a folder of its own, and no name that a linker looks for.
install(TARGETS HamletEmulatedCuda
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/hamlet/emulated COMPONENT Emulator NAMELINK_SKIP)
# The stand-in runtime is for linking, with -L: it has the names that nvcc asks for.
install(TARGETS HamletEmulatedCudart LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/hamlet/emulated COMPONENT Emulator)
install(FILES ${CMAKE_BINARY_DIR}/lib/emulated/libcudart_static.a
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/hamlet/emulated COMPONENT Emulator)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/licenses/hamlet COMPONENT Runtime)
# Programs have these built in; they are what a description of one's own begins with.
install(DIRECTORY models targets DESTINATION ${CMAKE_INSTALL_DATADIR}/hamlet COMPONENT Runtime
  FILES_MATCHING PATTERN "*.yaml" PATTERN "README.md")

install(FILES runtime/hamlet.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT Development)
install(EXPORT HamletTargets NAMESPACE Hamlet:: DESTINATION ${package_dir} COMPONENT Development)
configure_package_config_file(cmake/HamletConfig.cmake.in HamletConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(HamletConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/HamletConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/HamletConfigVersion.cmake
  DESTINATION ${package_dir} COMPONENT Development)
# From lib/pkgconfig to the prefix, wherever that is.
file(RELATIVE_PATH up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" HAMLET_PREFIX_FROM_PC "${up}")
configure_file(cmake/hamlet.pc.in hamlet.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/hamlet.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
  COMPONENT Development)

if(HAMLET_COMPILER)
  # Every archive that the compiler is made of, and the headers by their folders.
  install(TARGETS
    HamletAlgorithm HamletAttention HamletBuildGraph HamletCodegenCPU HamletCodegenPTX HamletCodegenTile HamletContainer HamletDriver
    HamletFile HamletFrontend HamletGraphOps HamletKernels HamletLightning HamletLowering HamletMoE HamletNN HamletPasses
    HamletPolicy HamletProgram HamletSafetensors HamletSchedule HamletTile
    EXPORT HamletCompilerTargets
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}/hamlet COMPONENT CompilerDevelopment
    INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/hamlet-compiler)
  install(EXPORT HamletCompilerTargets NAMESPACE Hamlet:: DESTINATION ${package_dir} COMPONENT CompilerDevelopment)
  foreach(folder codegen container dialects frontend passes policy targets)
    install(DIRECTORY ${folder} ${CMAKE_BINARY_DIR}/${folder}
      DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/hamlet-compiler COMPONENT CompilerDevelopment
      FILES_MATCHING PATTERN "*.h" PATTERN "*.h.inc" PATTERN "GpuTable.inc" PATTERN CMakeFiles EXCLUDE)
  endforeach()
endif()
