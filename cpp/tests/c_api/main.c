/* The C API from plain C99: every function, and every kind of bad argument. */
#include <stdlib.h>

#include "testing.h"

int failures = 0;

static const size_t sizes[] = {2, 4, 1};
static const char* const activations[] = {"tanh", "sigmoid"};
const float corners[8] = {0, 0, 0, 1, 1, 0, 1, 1};
const int64_t exclusive_or[4] = {0, 1, 1, 0};

nncore_architecture architecture(void) {
  nncore_architecture a = {0};
  a.sizes = sizes;
  a.layers = 3;
  a.activations = activations;
  a.cost = "cross_entropy";
  a.seed = 1;
  return a;
}

nncore_inputs inputs(void) {
  nncore_inputs x = {0};
  x.dtype = NNCORE_FLOAT32;
  x.rows = 4;
  x.cols = 2;
  x.data = corners;
  return x;
}

nncore_samples samples(void) {
  nncore_samples s = {0};
  s.x = inputs();
  s.labels = exclusive_or;
  s.target_rows = 4;
  return s;
}

nncore_network* network(void) {
  nncore_architecture a = architecture();
  nncore_network* made = NULL;
  OK(nncore_network_create(&a, &made));
  return made;
}

nncore_dataset* dataset(const nncore_network* net) {
  nncore_samples s = samples();
  nncore_dataset* made = NULL;
  OK(nncore_dataset_create(net, &s, &made));
  return made;
}

int same_parameters(const nncore_network* a, const nncore_network* b) {
  size_t sizes_of[2] = {0, 0};
  unsigned char* bytes[2] = {NULL, NULL};
  const nncore_network* both[2];
  int same, i;
  both[0] = a;
  both[1] = b;
  for (i = 0; i < 2; ++i) {
    OK(nncore_network_save_bytes(both[i], NULL, 0, &sizes_of[i]));
    bytes[i] = malloc(sizes_of[i]);
    OK(nncore_network_save_bytes(both[i], bytes[i], sizes_of[i], &sizes_of[i]));
  }
  same = sizes_of[0] == sizes_of[1] && memcmp(bytes[0], bytes[1], sizes_of[0]) == 0;
  free(bytes[0]);
  free(bytes[1]);
  return same;
}

int main(int argc, char** argv) {
  const char* directory = argc > 1 ? argv[1] : ".";
  test_library();
  test_schedules();
  test_architectures();
  test_info_and_parameters();
  test_handles();
  test_released_handles();
  test_predicting();
  test_narrow_inputs();
  test_samples();
  test_options();
  test_augmentation(directory);
  test_learning();
  test_stopping_with_pending_decay();
  test_stopping_and_resuming(directory);
  test_checkpoint_in_memory();
  test_files(directory);
  if (failures == 0) printf("all is well\n");
  return failures != 0;
}
