/* What the tests of the C API share: checks, a small network, and its data. */
#ifndef TESTING_H
#define TESTING_H

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

extern const float corners[8]; /* the inputs of exclusive or, four rows */
extern const int64_t exclusive_or[4];

nncore_architecture architecture(void); /* of sizes 2, 4 and 1 */
nncore_inputs inputs(void);
nncore_samples samples(void);
nncore_network* network(void);
nncore_dataset* dataset(const nncore_network* net);
int same_parameters(const nncore_network* a, const nncore_network* b);

void test_library(void);
void test_schedules(void);
void test_architectures(void);
void test_info_and_parameters(void);
void test_predicting(void);
void test_files(const char* directory);
void test_handles(void);
void test_released_handles(void);
void test_samples(void);
void test_options(void);
void test_learning(void);
void test_stopping_with_pending_decay(void);
void test_stopping_and_resuming(const char* directory);

#endif
