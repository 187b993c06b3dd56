/* What the tests of the C API share: a small network, and its data. */
#ifndef TESTING_H
#define TESTING_H

#include "checks.h"

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
void test_narrow_inputs(void);
void test_files(const char* directory);
void test_handles(void);
void test_released_handles(void);
void test_samples(void);
void test_options(void);
void test_augmentation(const char* directory);
void test_learning(void);
void test_stopping_with_pending_decay(void);
void test_stopping_and_resuming(const char* directory);
void test_checkpoint_in_memory(void);

#endif
