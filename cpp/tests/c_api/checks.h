/* How each test program of the C API checks, and counts what failed. */
#ifndef CHECKS_H
#define CHECKS_H

#include <stdio.h>
#include <string.h>

#include "nncore/nncore.h"

extern int failures; /* of all checks so far */

#define CHECK(condition)                                                                          \
  do {                                                                                            \
    if (!(condition)) {                                                                           \
      printf("%s:%d: %s; last error: %s\n", __FILE__, __LINE__, #condition, nncore_last_error()); \
      ++failures;                                                                                 \
    }                                                                                             \
  } while (0)
#define OK(call) CHECK((call) == NNCORE_OK)
/* The call must return this status, and the error message must contain this text. */
#define FAILS(call, status, text) \
  CHECK((call) == (status) && strstr(nncore_last_error(), (text)) != NULL)
#define REFUSED(call, text) FAILS(call, NNCORE_INVALID_ARGUMENT, text)

#endif
