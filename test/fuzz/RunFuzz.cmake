# cmake -DFUZZER=exe -DSEEDS=dir -DDICT=file -DARTIFACTS=dir -P RunFuzz.cmake
# Runs one fuzz target for $HAMLET_FUZZ_SECONDS seconds (3), from the seeds, with a fixed random seed.
set(seconds 3)
if(DEFINED ENV{HAMLET_FUZZ_SECONDS})
  set(seconds $ENV{HAMLET_FUZZ_SECONDS})
endif()
file(MAKE_DIRECTORY ${ARTIFACTS} ${ARTIFACTS}/corpus)
execute_process(
  COMMAND ${FUZZER} -max_total_time=${seconds} -seed=1 -max_len=8192 -rss_limit_mb=2048 -timeout=10 -verbosity=0 -close_fd_mask=2
          -dict=${DICT} -artifact_prefix=${ARTIFACTS}/ ${ARTIFACTS}/corpus ${SEEDS}
  RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "${FUZZER} found a failing input (exit status ${result}); it lies in ${ARTIFACTS}")
endif()
