/* Version, threads, names, and the schedules of the learning rate. */
#include <math.h>
#include <string.h>

#include "testing.h"

void test_library(void) {
  const int threads = nncore_threads();
  nncore_hyperparameter h;
  CHECK(strlen(nncore_last_error()) == 0);
  CHECK(strchr(nncore_version(), '.') != NULL);
  CHECK(nncore_instruction_set() != NULL);
  CHECK(threads >= 1);
  OK(nncore_set_threads(1));
  CHECK(nncore_threads() == 1);
  REFUSED(nncore_set_threads(0), "0");
  OK(nncore_set_threads(threads));
  CHECK(strcmp(nncore_name(NNCORE_ACTIVATIONS, 0), "sigmoid") == 0);
  CHECK(strcmp(nncore_name(NNCORE_COSTS, 0), "quadratic") == 0);
  CHECK(strcmp(nncore_name(NNCORE_INITIALIZERS, 0), "normal") == 0);
  CHECK(strcmp(nncore_name(NNCORE_OPTIMIZERS, 0), "sgd") == 0);
  CHECK(nncore_name(NNCORE_OPTIMIZERS, 1000) == NULL);
  CHECK(nncore_name(77, 0) == NULL);
  OK(nncore_optimizer_hyperparameter("momentum", 0, &h));
  CHECK(strcmp(h.name, "momentum") == 0 && h.value == 0.9);
  REFUSED(nncore_optimizer_hyperparameter("momentum", 1, &h), "has 1");
  REFUSED(nncore_optimizer_hyperparameter("mementum", 0, &h), "unknown optimizer 'mementum'");
  REFUSED(nncore_optimizer_hyperparameter(NULL, 0, &h), "the optimizer is a null pointer");
}

void test_schedules(void) {
  nncore_hyperparameter h, given[3] = {{"rate", 0.5}, {"every", 3}, {"factor", 0.1}};
  double rate = -1;
  size_t i;
  CHECK(strcmp(nncore_name(NNCORE_SCHEDULES, 0), "constant") == 0);
  CHECK(strcmp(nncore_name(NNCORE_SCHEDULES, 5), "one_cycle") == 0);
  CHECK(nncore_name(NNCORE_SCHEDULES, 6) == NULL);
  OK(nncore_schedule_hyperparameter("step", 2, &h));
  CHECK(strcmp(h.name, "every") == 0 && h.value == 10);
  REFUSED(nncore_schedule_hyperparameter("step", 3, &h), "step has 3");
  REFUSED(nncore_schedule_hyperparameter("steep", 0, &h), "unknown schedule 'steep'");
  REFUSED(nncore_schedule_hyperparameter(NULL, 0, &h), "the schedule is a null pointer");

  OK(nncore_schedule_rate("constant", given, 1, 7, &rate));
  CHECK(rate == 0.5);
  for (i = 0; i < 9; ++i) {
    OK(nncore_schedule_rate("step", given, 3, i, &rate));
    CHECK(fabs(rate - (i < 3 ? 0.5 : i < 6 ? 0.05 : 0.005)) < 1e-15);
  }
  rate = -1;
  REFUSED(nncore_schedule_rate("step", NULL, 0, 0, &rate), "rate is 0; expected");
  REFUSED(nncore_schedule_rate("step", NULL, 1, 0, &rate), "null pointer");
  REFUSED(nncore_schedule_rate("step", given, 3, 0, NULL), "rate is a null pointer");
  REFUSED(nncore_schedule_rate(NULL, given, 3, 0, &rate), "the schedule is a null pointer");
  REFUSED(nncore_schedule_rate("stairs", given, 3, 0, &rate), "unknown schedule 'stairs'");
  REFUSED(nncore_schedule_rate("exponential", given, 3, 0, &rate), "no hyperparameter 'every'");
  given[1].value = 2.5;
  REFUSED(nncore_schedule_rate("step", given, 3, 0, &rate), "every is 2.5; expected a whole");
  given[1].name = NULL;
  REFUSED(nncore_schedule_rate("step", given, 3, 0, &rate), "null pointer");
  CHECK(rate == -1);
}
