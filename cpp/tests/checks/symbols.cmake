# The linker must not keep a wide instruction set's code for a function that all code uses. So
# objects of kernels may define no weak symbol. Run by ctest as cmake -DNM=... -DOBJECTS=... -P.

list(LENGTH OBJECTS count)
if(count LESS 1)
  message(FATAL_ERROR "there are no kernel objects to look at")
endif()
foreach(object IN LISTS OBJECTS)
  execute_process(COMMAND "${NM}" --defined-only "${object}" OUTPUT_VARIABLE symbols
                  RESULT_VARIABLE failed)
  if(failed OR NOT symbols)
    message(FATAL_ERROR "cannot read the symbols of ${object}")
  endif()
  string(REGEX MATCHALL "[^\n]* [WwVvu] [^\n]*" weak "${symbols}")
  if(weak)
    message(SEND_ERROR "${object} defines weak symbols: ${weak}")
  endif()
endforeach()
