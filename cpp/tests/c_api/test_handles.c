/* Null, wrong and released handles. */
#include <stdint.h>
#include <string.h>

#include "testing.h"

void test_handles(void) {
  nncore_network* net = network();
  nncore_dataset* data = dataset(net);
  nncore_train_options options = {0};
  nncore_trainer* trainer = NULL;
  nncore_epoch_options once = {0};
  nncore_evaluation e;
  static const char nonsense[256] = "no handle, but memory that can be read";
  OK(nncore_trainer_create(net, &options, &trainer));

  REFUSED(nncore_network_set_epoch(NULL, 0), "network is a null pointer");
  REFUSED(nncore_network_evaluate(net, NULL, &e), "data set is a null pointer");
  REFUSED(nncore_trainer_epoch(NULL, data, &once, NULL), "trainer is a null pointer");
  REFUSED(nncore_network_set_epoch((nncore_network*)data, 0), "not that of a network");
  REFUSED(nncore_network_evaluate(net, (nncore_dataset*)trainer, &e), "not that of a data set");
  REFUSED(nncore_trainer_epoch((nncore_trainer*)net, data, &once, NULL), "not that of a trainer");
  REFUSED(nncore_network_set_epoch((nncore_network*)(uintptr_t)(nonsense), 0), "not that of");
  REFUSED(nncore_network_set_epoch((nncore_network*)((uintptr_t)net + 1), 0), "not that of");
  REFUSED(nncore_trainer_free((nncore_trainer*)net), "not that of a trainer");

  OK(nncore_network_free(net)); /* the trainer keeps the network alive */
  REFUSED(nncore_network_free(net), "released");
  REFUSED(nncore_network_set_epoch(net, 0), "released");
  once.learning_rate = 0.1;
  OK(nncore_trainer_epoch(trainer, data, &once, NULL));
  OK(nncore_trainer_free(trainer));
  REFUSED(nncore_trainer_epoch(trainer, data, &once, NULL), "released");
  OK(nncore_dataset_free(data));
  REFUSED(nncore_dataset_free(data), "released");
  OK(nncore_network_free(NULL));
  OK(nncore_dataset_free(NULL));
  OK(nncore_trainer_free(NULL));
}

/* A released handle is refused for ever, whatever handles are created later. */
void test_released_handles(void) {
  enum { rounds = 200, living = 100 };
  nncore_network* released[rounds];
  nncore_network* kept[living];
  nncore_network* second = NULL;
  nncore_network* first = network();
  int i, j;
  OK(nncore_network_free(first));
  OK(nncore_network_create(
      &(nncore_architecture){
          .sizes = (size_t[]){2, 1}, .layers = 2, .activations = (const char*[]){"sigmoid"}},
      &second));
  REFUSED(nncore_network_free(first), "released");
  OK(nncore_network_set_epoch(second, 3));
  OK(nncore_network_free(second));
  for (i = 0; i < rounds; ++i) {
    released[i] = network();
    for (j = 0; j < i; ++j) CHECK(released[i] != released[j]);
    OK(nncore_network_free(released[i]));
  }
  for (i = 0; i < living; ++i) kept[i] = network();
  for (i = 0; i < rounds; ++i) REFUSED(nncore_network_set_epoch(released[i], 0), "released");
  for (i = 0; i < living; ++i) OK(nncore_network_set_epoch(kept[i], (uint64_t)i));
  for (i = 0; i < living; ++i) {
    nncore_network_info info;
    OK(nncore_network_get_info(kept[i], &info));
    CHECK(info.epoch == (uint64_t)i);
    OK(nncore_network_free(kept[i]));
  }
}
