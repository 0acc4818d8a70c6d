# Writes OUTPUT, which defines the commit that SOURCE is at; only if it differs.
execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=12 --match=NeverATag
  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT commit)
  set(commit unknown)
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "// Written by the build.\n#define HAMLET_COMMIT \"${commit}\"\n")
