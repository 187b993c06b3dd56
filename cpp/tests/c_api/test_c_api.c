/* The C API from plain C99: every function, and every way to hand it nonsense. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nncore/nncore.h"

static int faults = 0;

#define CHECK(condition)                                                                          \
  do {                                                                                            \
    if (!(condition)) {                                                                           \
      printf("%s:%d: %s; last error: %s\n", __FILE__, __LINE__, #condition, nncore_last_error()); \
      ++faults;                                                                                   \
    }                                                                                             \
  } while (0)
#define OK(call) CHECK((call) == NNCORE_OK)
/* The call fails with this status, and the message has this text in it. */
#define FAILS(call, status, text) \
  CHECK((call) == (status) && strstr(nncore_last_error(), (text)) != NULL)
#define REFUSED(call, text) FAILS(call, NNCORE_INVALID_ARGUMENT, text)

static const size_t sizes[] = {2, 4, 1};
static const char* const activations[] = {"tanh", "sigmoid"};
static const float corners[] = {0, 0, 0, 1, 1, 0, 1, 1};
static const int64_t exclusive_or[] = {0, 1, 1, 0};

static nncore_architecture architecture(void) {
  nncore_architecture a = {0};
  a.sizes = sizes;
  a.layers = 3;
  a.activations = activations;
  a.cost = "cross_entropy";
  a.seed = 1;
  return a;
}

static nncore_inputs inputs(void) {
  nncore_inputs x = {0};
  x.dtype = NNCORE_FLOAT32;
  x.rows = 4;
  x.cols = 2;
  x.data = corners;
  return x;
}

static nncore_samples samples(void) {
  nncore_samples s = {0};
  s.x = inputs();
  s.labels = exclusive_or;
  s.target_rows = 4;
  return s;
}

static nncore_network* network(void) {
  nncore_architecture a = architecture();
  nncore_network* made = NULL;
  OK(nncore_network_create(&a, &made));
  return made;
}

static nncore_dataset* dataset(const nncore_network* net) {
  nncore_samples s = samples();
  nncore_dataset* made = NULL;
  OK(nncore_dataset_create(net, &s, &made));
  return made;
}

static int same_parameters(const nncore_network* a, const nncore_network* b) {
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

static void test_library(void) {
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

static void test_schedules(void) {
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

static void test_info_and_parameters(void) {
  nncore_network* net = network();
  nncore_network_info info;
  float w[8], b[4], found[8];
  double wide[8];
  size_t i;
  OK(nncore_network_get_info(net, &info));
  CHECK(info.layers == 3 && info.sizes[0] == 2 && info.sizes[2] == 1);
  CHECK(strcmp(info.activations[1], "sigmoid") == 0);
  CHECK(strcmp(info.cost, "cross_entropy") == 0);
  CHECK(info.dtype == NNCORE_FLOAT32 && info.seed == 1 && info.epoch == 0);
  OK(nncore_network_set_epoch(net, 7));
  OK(nncore_network_get_info(net, &info));
  CHECK(info.epoch == 7);

  for (i = 0; i < 8; ++i) w[i] = (float)i;
  for (i = 0; i < 4; ++i) b[i] = -(float)i;
  OK(nncore_network_set_weights(net, 0, NNCORE_FLOAT32, w, 8));
  OK(nncore_network_get_weights(net, 0, NNCORE_FLOAT32, found, 8));
  CHECK(memcmp(w, found, sizeof w) == 0);
  OK(nncore_network_set_biases(net, 0, NNCORE_FLOAT32, b, 4));
  OK(nncore_network_get_biases(net, 0, NNCORE_FLOAT32, found, 4));
  CHECK(memcmp(b, found, sizeof b) == 0);

  REFUSED(nncore_network_get_weights(net, 2, NNCORE_FLOAT32, found, 8), "expected 0 to 1");
  REFUSED(nncore_network_get_weights(net, 0, NNCORE_FLOAT32, found, 7), "expected 4 x 2");
  REFUSED(nncore_network_get_weights(net, 0, NNCORE_FLOAT64, wide, 8), "float64");
  REFUSED(nncore_network_get_weights(net, 0, 9, wide, 8), "unknown");
  REFUSED(nncore_network_get_weights(net, 0, NNCORE_FLOAT32, NULL, 8), "null pointer");
  w[3] = (float)NAN;
  REFUSED(nncore_network_set_weights(net, 0, NNCORE_FLOAT32, w, 8), "NaN");
  OK(nncore_network_get_weights(net, 0, NNCORE_FLOAT32, found, 8));
  CHECK(found[3] == 3.0f);
  OK(nncore_network_free(net));
}

static void test_architectures(void) {
  static const size_t none[] = {2, 0, 1};
  static const size_t many[] = {SIZE_MAX >> 8, SIZE_MAX >> 8, 1};
  static const char* const odd[] = {"tanh", "sinusoid"};
  nncore_network* made = NULL;
  nncore_architecture a = architecture();
  REFUSED(nncore_network_create(NULL, &made), "null pointer");
  REFUSED(nncore_network_create(&a, NULL), "null pointer");
  a.layers = 0;
  REFUSED(nncore_network_create(&a, &made), "two or more");
  a = architecture();
  a.sizes = NULL;
  REFUSED(nncore_network_create(&a, &made), "null pointer");
  a.sizes = none;
  REFUSED(nncore_network_create(&a, &made), "size 0");
  a.sizes = many;
  REFUSED(nncore_network_create(&a, &made), "does not fit");
  a = architecture();
  a.activations = odd;
  REFUSED(nncore_network_create(&a, &made), "unknown activation 'sinusoid'");
  a.activations = NULL;
  REFUSED(nncore_network_create(&a, &made), "null pointer");
  a = architecture();
  a.cost = "log_likelihood";
  REFUSED(nncore_network_create(&a, &made), "softmax");
  a = architecture();
  a.initializer = "ones";
  REFUSED(nncore_network_create(&a, &made), "unknown initializer 'ones'");
  a = architecture();
  a.dtype = 2;
  REFUSED(nncore_network_create(&a, &made), "float64");
  CHECK(made == NULL);
}

static void test_handles(void) {
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

  OK(nncore_network_free(net)); /* the trainer goes on with the network */
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

/* A released handle stays one, whatever is made after it. */
static void test_released_handles(void) {
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

static void test_predicting(void) {
  static const float wide[] = {0, 0, 9, 0, 1, 9, 1, 0, 9, 1, 1, 9};
  static const float ones[] = {1, 1, 1, 1};
  static const int32_t columns[] = {1, 0, 1, 0};
  static const int64_t offsets[] = {0, 0, 1, 2, 4};
  static const int64_t beyond[] = {0, 0, 1, 2, 5};
  static const int64_t falling[] = {0, 2, 1, 2, 4};
  static const int32_t outside[] = {1, 0, 2, 0};
  float bad[8], dense[4], strided[4], sparse[4];
  int64_t labels[4];
  size_t i;
  nncore_network* net = network();
  nncore_inputs x = inputs();
  OK(nncore_network_feedforward(net, &x, dense, 4));
  OK(nncore_network_predict(net, &x, labels, 4));
  for (i = 0; i < 4; ++i) CHECK(labels[i] == (dense[i] > 0.5f));

  x.data = wide;
  x.stride = 3;
  OK(nncore_network_feedforward(net, &x, strided, 4));
  CHECK(memcmp(dense, strided, sizeof dense) == 0);
  x.stride = 1;
  REFUSED(nncore_network_feedforward(net, &x, dense, 4), "stride");

  x = inputs();
  x.data = NULL;
  REFUSED(nncore_network_feedforward(net, &x, dense, 4), "x is a null pointer");
  x.values = ones;
  x.columns = columns;
  x.offsets = offsets;
  x.nonzeros = 4;
  OK(nncore_network_feedforward(net, &x, sparse, 4));
  for (i = 0; i < 4; ++i) CHECK(fabsf(sparse[i] - dense[i]) < 1e-6f);
  x.data = corners;
  REFUSED(nncore_network_feedforward(net, &x, sparse, 4), "data and offsets");
  x.data = NULL;
  x.offsets = beyond;
  REFUSED(nncore_network_feedforward(net, &x, sparse, 4), "offset 5");
  x.offsets = falling;
  REFUSED(nncore_network_feedforward(net, &x, sparse, 4), "row 1");
  x.offsets = offsets;
  x.columns = outside;
  REFUSED(nncore_network_feedforward(net, &x, sparse, 4), "2");
  x.columns = NULL;
  REFUSED(nncore_network_feedforward(net, &x, sparse, 4), "null pointer");

  x = inputs();
  REFUSED(nncore_network_feedforward(net, NULL, dense, 4), "null pointer");
  REFUSED(nncore_network_feedforward(net, &x, dense, 3), "expected 4 x 1");
  REFUSED(nncore_network_feedforward(net, &x, NULL, 4), "null pointer");
  REFUSED(nncore_network_predict(net, &x, labels, 5), "expected 4 x 1");
  REFUSED(nncore_network_predict(net, &x, NULL, 4), "null pointer");
  x.dtype = NNCORE_FLOAT64;
  REFUSED(nncore_network_feedforward(net, &x, dense, 4), "float64");
  x = inputs();
  x.cols = 1;
  REFUSED(nncore_network_feedforward(net, &x, dense, 4), "takes 2");
  memcpy(bad, corners, sizeof bad);
  bad[5] = (float)INFINITY;
  x = inputs();
  x.data = bad;
  REFUSED(nncore_network_feedforward(net, &x, dense, 4), "row 2, column 1");
  x = inputs();
  x.rows = 0;
  x.data = NULL;
  OK(nncore_network_feedforward(net, &x, NULL, 0));
  OK(nncore_network_free(net));
}

static void test_samples(void) {
  static const int64_t three[] = {0, 1, 2, 0};
  static const float soft[] = {0.1f, 0.9f, 0.9f, 0.1f};
  static const float above[] = {0.1f, 1.9f, 0.9f, 0.1f};
  static const float weights[] = {1, 0, 1, 1};
  nncore_network* net = network();
  nncore_dataset* data = NULL;
  nncore_evaluation e;
  nncore_samples s = samples();
  s.target_rows = 3;
  REFUSED(nncore_dataset_create(net, &s, &data), "y has 3 rows");
  s = samples();
  s.labels = three;
  REFUSED(nncore_dataset_create(net, &s, &data), "label 2 in row 2");
  s.labels = NULL;
  REFUSED(nncore_dataset_create(net, &s, &data), "labels or targets");
  s.targets = soft;
  REFUSED(nncore_dataset_create(net, &s, &data), "0 columns");
  s.target_cols = 1;
  OK(nncore_dataset_create(net, &s, &data));
  OK(nncore_network_evaluate(net, data, &e));
  CHECK(e.cost > 0 && isnan(e.accuracy));
  OK(nncore_dataset_free(data));
  s.targets = above;
  REFUSED(nncore_dataset_create(net, &s, &data), "from 0 to 1");
  s.labels = exclusive_or;
  REFUSED(nncore_dataset_create(net, &s, &data), "not both");
  s = samples();
  s.weights = weights;
  REFUSED(nncore_dataset_create(net, &s, &data), "0 sample weights");
  s.weight_count = 3;
  REFUSED(nncore_dataset_create(net, &s, &data), "3 sample weights");
  s.weight_count = 4;
  OK(nncore_dataset_create(net, &s, &data));
  OK(nncore_network_evaluate(net, data, &e));
  CHECK(e.accuracy >= 0 && e.accuracy <= 1);
  REFUSED(nncore_network_evaluate(net, data, NULL), "null pointer");
  OK(nncore_dataset_free(data));
  REFUSED(nncore_dataset_create(net, NULL, &data), "null pointer");
  REFUSED(nncore_dataset_create(net, &s, NULL), "null pointer");
  OK(nncore_network_free(net));
}

static void test_options(void) {
  nncore_network* net = network();
  nncore_dataset* data = dataset(net);
  nncore_trainer* trainer = NULL;
  nncore_train_options o = {0};
  nncore_epoch_options once = {0};
  nncore_hyperparameter h = {"beta_3", 0.5};
  const double rates[] = {0.5, 1.5};
  double cost = -1;
  REFUSED(nncore_trainer_create(net, NULL, &trainer), "null pointer");
  REFUSED(nncore_trainer_create(net, &o, NULL), "null pointer");
  o.optimizer = "adamant";
  REFUSED(nncore_trainer_create(net, &o, &trainer), "unknown optimizer 'adamant'");
  o.optimizer = "adam";
  o.hyperparameter_count = 1;
  REFUSED(nncore_trainer_create(net, &o, &trainer), "null pointer");
  o.hyperparameters = &h;
  REFUSED(nncore_trainer_create(net, &o, &trainer), "no hyperparameter 'beta_3'");
  h.name = "beta_1";
  h.value = 1.5;
  REFUSED(nncore_trainer_create(net, &o, &trainer), "beta_1 is 1.5");
  h.value = 0.8;
  o.dropout = rates;
  REFUSED(nncore_trainer_create(net, &o, &trainer), "0 dropout rates");
  o.dropout_count = 2;
  REFUSED(nncore_trainer_create(net, &o, &trainer), "rate is 1.5");
  o.dropout = NULL;
  o.l2 = -1;
  REFUSED(nncore_trainer_create(net, &o, &trainer), "l2 is -1");
  o.l2 = 0;
  OK(nncore_trainer_create(net, &o, &trainer));
  REFUSED(nncore_trainer_epoch(trainer, data, NULL, &cost), "null pointer");
  once.learning_rate = -1;
  REFUSED(nncore_trainer_epoch(trainer, data, &once, &cost), "learning rate is -1");
  once.learning_rate = 0.1;
  once.threads = -1;
  REFUSED(nncore_trainer_epoch(trainer, data, &once, &cost), "threads is -1");
  CHECK(cost == -1);
  OK(nncore_trainer_free(trainer));
  OK(nncore_dataset_free(data));
  OK(nncore_network_free(net));
}

static void test_learning(void) {
  nncore_network* net = network();
  nncore_network* copy = NULL;
  nncore_dataset* data = dataset(net);
  nncore_trainer* trainer = NULL;
  nncore_train_options o = {0};
  nncore_epoch_options e = {0};
  nncore_evaluation before, after;
  double cost = 0;
  int i;
  o.optimizer = "adam";
  o.batch_size = 4;
  e.learning_rate = 0.05;
  OK(nncore_network_copy(net, &copy));
  OK(nncore_trainer_create(net, &o, &trainer));
  OK(nncore_network_evaluate(net, data, &before));
  for (i = 0; i < 500; ++i) OK(nncore_trainer_epoch(trainer, data, &e, &cost));
  OK(nncore_network_evaluate(net, data, &after));
  CHECK(after.cost < before.cost / 10 && after.accuracy == 1.0);
  CHECK(cost < before.cost / 10);
  OK(nncore_network_evaluate(copy, data, &after));
  CHECK(after.cost == before.cost);
  OK(nncore_network_free(copy));

  OK(nncore_network_copy(net, &copy));
  e.learning_rate = 1e300;
  FAILS(nncore_trainer_epoch(trainer, data, &e, &cost), NNCORE_DIVERGED, "diverged in epoch 500");
  CHECK(same_parameters(net, copy));
  OK(nncore_network_free(copy));
  OK(nncore_trainer_free(trainer));
  OK(nncore_dataset_free(data));
  OK(nncore_network_free(net));
}

struct visitor {
  int asked, stop_at;
  nncore_network* network;
  nncore_status status;
};

static int stop(void* context) {
  struct visitor* visitor = context;
  float out[4];
  nncore_inputs x = inputs();
  visitor->status = nncore_network_feedforward(visitor->network, &x, out, 4);
  return ++visitor->asked == visitor->stop_at;
}

static int stop_at_once(void* context) {
  ++*(int*)context;
  return 1;
}

/* Weight decay that is put off: the epoch stops at its sixteenth mini-batch, asked for the first
 * time, and goes on from there. */
static void test_stopping_where_decay_is_owed(void) {
  enum { rows = 20, width = 5 };
  const size_t layers[] = {width, 3};
  const char* const output[] = {"sigmoid"};
  float x[rows * width] = {0};
  int64_t labels[rows];
  nncore_architecture a = {0};
  nncore_samples s = {0};
  nncore_train_options o = {0};
  nncore_epoch_options e = {0};
  nncore_network *whole = NULL, *parts = NULL;
  nncore_dataset* data = NULL;
  nncore_trainer *one = NULL, *two = NULL;
  nncore_network_info info;
  int i, asked = 0;
  for (i = 0; i < rows; ++i) {
    x[i * width + i % width] = 1;
    labels[i] = i % 3;
  }
  a.sizes = layers;
  a.layers = 2;
  a.activations = output;
  s.x.rows = rows;
  s.x.cols = width;
  s.x.data = x;
  s.labels = labels;
  s.target_rows = rows;
  o.batch_size = 1;
  o.l2 = 0.1;
  e.learning_rate = 0.5;
  OK(nncore_network_create(&a, &whole));
  OK(nncore_network_create(&a, &parts));
  OK(nncore_dataset_create(whole, &s, &data));
  OK(nncore_trainer_create(whole, &o, &one));
  OK(nncore_trainer_create(parts, &o, &two));
  OK(nncore_trainer_epoch(one, data, &e, NULL));
  e.should_stop = stop_at_once;
  e.context = &asked;
  OK(nncore_trainer_epoch(two, data, &e, NULL));
  CHECK(asked == 1);
  e.should_stop = NULL;
  OK(nncore_trainer_epoch(two, data, &e, NULL));
  OK(nncore_network_get_info(parts, &info));
  CHECK(info.epoch == 1);
  CHECK(same_parameters(whole, parts));
  OK(nncore_trainer_free(one));
  OK(nncore_trainer_free(two));
  OK(nncore_dataset_free(data));
  OK(nncore_network_free(whole));
  OK(nncore_network_free(parts));
}

static void test_stopping_and_resuming(const char* directory) {
  nncore_network *whole = network(), *net = network(), *found = NULL;
  nncore_dataset* data = dataset(net);
  nncore_trainer *one = NULL, *two = NULL;
  nncore_train_options o = {0};
  nncore_epoch_options e = {0};
  nncore_network_info info;
  struct visitor visitor = {0, 2, NULL, NNCORE_OK};
  const double dropout[] = {0.1, 0.2};
  char path[1024], model[1024];
  int i;
  snprintf(path, sizeof path, "%s/run.safetensors", directory);
  snprintf(model, sizeof model, "%s/model.safetensors", directory);
  visitor.network = net;
  o.optimizer = "momentum";
  o.batch_size = 1;
  o.dropout = dropout;
  o.dropout_count = 2;
  e.learning_rate = 0.5;
  OK(nncore_trainer_create(whole, &o, &one));
  for (i = 0; i < 3; ++i) OK(nncore_trainer_epoch(one, data, &e, NULL));

  OK(nncore_trainer_create(net, &o, &two));
  OK(nncore_trainer_epoch(two, data, &e, NULL));
  e.should_stop = stop;
  e.context = &visitor;
  OK(nncore_trainer_epoch(two, data, &e, NULL)); /* two of its four mini-batches */
  CHECK(visitor.asked == 2 && visitor.status == NNCORE_BUSY);
  OK(nncore_network_get_info(net, &info));
  CHECK(info.epoch == 1);
  OK(nncore_trainer_save(two, path));
  OK(nncore_network_save(net, model));
  OK(nncore_trainer_free(two));
  OK(nncore_network_free(net));

  o.optimizer = NULL;
  OK(nncore_trainer_resume(path, &o, &found, &two));
  e.should_stop = NULL;
  OK(nncore_trainer_epoch(two, data, &e, NULL)); /* the other two */
  OK(nncore_network_get_info(found, &info));
  CHECK(info.epoch == 2);
  OK(nncore_trainer_epoch(two, data, &e, NULL));
  CHECK(same_parameters(found, whole));
  OK(nncore_trainer_free(two));
  OK(nncore_network_free(found));

  o.optimizer = "adam";
  FAILS(nncore_trainer_resume(path, &o, &found, &two), NNCORE_FILE_ERROR, "optimiser is momentum");
  o.optimizer = NULL;
  FAILS(nncore_trainer_resume(model, &o, &found, &two), NNCORE_FILE_ERROR, "without a trainer");
  FAILS(nncore_trainer_resume(directory, &o, &found, &two), NNCORE_FILE_ERROR, "directory");
  REFUSED(nncore_trainer_resume(NULL, &o, &found, &two), "null pointer");
  OK(nncore_trainer_free(one));
  OK(nncore_dataset_free(data));
  OK(nncore_network_free(whole));
}

static void test_files(const char* directory) {
  nncore_network *net = network(), *loaded = NULL;
  unsigned char bytes[4096];
  size_t size = 0;
  char path[1024];
  snprintf(path, sizeof path, "%s/model.safetensors", directory);
  OK(nncore_network_save(net, path));
  OK(nncore_network_load(path, &loaded));
  CHECK(same_parameters(net, loaded));
  OK(nncore_network_free(loaded));

  REFUSED(nncore_network_save_bytes(net, bytes, 3, &size), "room for 3 bytes");
  CHECK(size > 3 && size <= sizeof bytes);
  OK(nncore_network_save_bytes(net, bytes, sizeof bytes, &size));
  OK(nncore_network_load_bytes(bytes, size, &loaded));
  CHECK(same_parameters(net, loaded));
  OK(nncore_network_free(loaded));
  loaded = NULL;
  FAILS(nncore_network_load_bytes(bytes, size - 1, &loaded), NNCORE_FILE_ERROR, "cut short");
  FAILS(nncore_network_load_bytes(NULL, 0, &loaded), NNCORE_FILE_ERROR, "too short");
  REFUSED(nncore_network_load_bytes(NULL, 9, &loaded), "null pointer");
  REFUSED(nncore_network_load(NULL, &loaded), "null pointer");
  REFUSED(nncore_network_save(net, NULL), "null pointer");
  FAILS(nncore_network_load("/nowhere/at/all", &loaded), NNCORE_FILE_ERROR, "/nowhere/at/all");
  FAILS(nncore_network_save(net, "/nowhere/at/all"), NNCORE_FILE_ERROR, "/nowhere/at/all");
  CHECK(loaded == NULL);
  OK(nncore_network_free(net));
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
  test_samples();
  test_options();
  test_learning();
  test_stopping_where_decay_is_owed();
  test_stopping_and_resuming(directory);
  test_files(directory);
  if (faults == 0) printf("all is well\n");
  return faults != 0;
}
