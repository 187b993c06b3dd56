# The library prints nothing, never ends the program and does not touch its signals: its objects
# have no undefined symbol that could do so. Run by ctest as cmake -DNM=... -DOBJECTS=... -P
# no_stdio.cmake.
#
# Allowed, because they print nothing: snprintf, which writes to memory; write, which files.cpp
# uses; and std::filebuf, which reads files. Compilers call std::terminate for noexcept;
# layering.cmake checks that no source calls it. abort is not allowed, because only an assertion
# would call it.

cmake_minimum_required(VERSION 3.21)

set(streams stdout stderr __stdoutp __stderrp
    _ZSt4cout _ZSt4cerr _ZSt4clog _ZSt5wcout _ZSt5wcerr _ZSt5wclog
    _ZNSt3__14coutE _ZNSt3__14cerrE _ZNSt3__14clogE _ZNSt8ios_base4InitC1Ev)
set(output printf vprintf dprintf vdprintf __printf_chk __vprintf_chk __dprintf_chk puts putchar
    putc_unlocked perror psignal syslog vsyslog warn warnx err errx)
set(ending exit _exit _Exit quick_exit abort __assert_fail __assert_rtn raise kill pthread_kill
    _ZSt21__glibcxx_assert_failPKciS0_S0_)
set(signals signal bsd_signal sigaction sigprocmask pthread_sigmask _ZSt13set_terminatePFvvE)

execute_process(COMMAND "${NM}" -u ${OBJECTS} OUTPUT_VARIABLE symbols RESULT_VARIABLE failed)
string(REGEX MATCHALL "[^ \n@]+(@[^\n]*)?\n" names "${symbols}")
list(TRANSFORM names REPLACE "(@.*)?\n" "")
if(APPLE)
  list(TRANSFORM names REPLACE "^_" "")
endif()
if(failed OR NOT "memcpy" IN_LIST names)
  message(FATAL_ERROR "cannot read the undefined symbols of ${OBJECTS}")
endif()
foreach(name IN LISTS streams output ending signals)
  if(name IN_LIST names)
    message(SEND_ERROR "the library uses ${name}")
  endif()
endforeach()
