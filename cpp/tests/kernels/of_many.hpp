// An assertion of millions. doctest takes far longer over one than the test does over a number, so
// that it sees those alone that fail; what `where` was is then said, too.
#pragma once

#include <doctest/doctest.h>

#define REQUIRE_OF_MANY(condition, where) \
  do {                                    \
    if (!(condition)) {                   \
      CAPTURE(where);                     \
      REQUIRE(condition);                 \
    }                                     \
  } while (false)
