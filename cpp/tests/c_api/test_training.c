/* Data sets, options, learning, and epochs that are stopped and resumed. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "testing.h"

void test_samples(void) {
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

void test_options(void) {
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
  h.name = "clip_value"; /* an option of training */
  h.value = -2;
  REFUSED(nncore_trainer_create(net, &o, &trainer), "clip_value is -2");
  h.name = "beta_1";
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

/* Rows of two inputs are images of one line. */
void test_augmentation(const char* directory) {
  nncore_network *net = network(), *plain = NULL, *again = NULL;
  nncore_dataset* data = dataset(net);
  nncore_trainer* trainer = NULL;
  nncore_train_options o = {0};
  nncore_epoch_options e = {0};
  nncore_hyperparameter h[] = {
      {"augmentation.height", 1}, {"augmentation.width", 2}, {"augmentation.noise", 0.25}};
  char path[1000];
  snprintf(path, sizeof path, "%s/augmented.safetensors", directory);
  e.learning_rate = 0.5;
  OK(nncore_network_copy(net, &plain));
  OK(nncore_trainer_create(plain, &o, &trainer));
  OK(nncore_trainer_epoch(trainer, data, &e, NULL));
  OK(nncore_trainer_free(trainer));

  o.hyperparameters = h;
  o.hyperparameter_count = 3;
  h[2].value = -1;
  REFUSED(nncore_trainer_create(net, &o, &trainer), "augmentation's noise is -1");
  h[2].value = 0.25;
  h[1].value = 3;
  REFUSED(nncore_trainer_create(net, &o, &trainer), "1 x 3 x 1");
  h[1].value = 2;
  h[0].name = "augmentation.depth";
  REFUSED(nncore_trainer_create(net, &o, &trainer), "augmentation.depth");
  h[0].name = "augmentation.height";
  OK(nncore_trainer_create(net, &o, &trainer));
  OK(nncore_trainer_epoch(trainer, data, &e, NULL));
  CHECK(!same_parameters(net, plain));

  /* A checkpoint has the augmentation, so that resuming needs no word of it. */
  OK(nncore_trainer_save(trainer, path));
  OK(nncore_trainer_epoch(trainer, data, &e, NULL));
  OK(nncore_trainer_free(trainer));
  o.hyperparameters = NULL;
  o.hyperparameter_count = 0;
  OK(nncore_trainer_resume(path, &o, &again, &trainer));
  OK(nncore_trainer_epoch(trainer, data, &e, NULL));
  CHECK(same_parameters(net, again));
  OK(nncore_trainer_free(trainer));
  OK(nncore_network_free(again));
  OK(nncore_network_free(plain));
  OK(nncore_dataset_free(data));
  OK(nncore_network_free(net));
}

void test_learning(void) {
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

/* With pending weight decay, should_stop is first asked after sixteen mini-batches. The epoch stops
 * there and is resumed. */
void test_stopping_with_pending_decay(void) {
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

void test_stopping_and_resuming(const char* directory) {
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

/* A trainer that goes through bytes, and takes other options on the way, trains as one that does
 * not: the optimiser's memory stays where the optimiser does. */
void test_checkpoint_in_memory(void) {
  static unsigned char bytes[1 << 14];
  nncore_network *whole = network(), *net = network(), *found = NULL;
  nncore_dataset* data = dataset(net);
  nncore_trainer *one = NULL, *two = NULL, *again = NULL;
  nncore_train_options o = {0};
  nncore_epoch_options e = {0};
  size_t size = 0;
  uint64_t steps = 0;
  o.optimizer = "adam";
  o.batch_size = 2;
  e.learning_rate = 0.1;
  OK(nncore_trainer_create(whole, &o, &one));
  OK(nncore_trainer_create(net, &o, &two));
  OK(nncore_trainer_epoch(one, data, &e, NULL));
  OK(nncore_trainer_epoch(two, data, &e, NULL));

  OK(nncore_trainer_save_bytes(two, NULL, 0, &size));
  REFUSED(nncore_trainer_save_bytes(two, bytes, 5, &size), "room for 5 bytes");
  REFUSED(nncore_trainer_save_bytes(two, bytes, sizeof bytes, NULL), "null pointer");
  OK(nncore_trainer_save_bytes(two, bytes, sizeof bytes, &size));
  FAILS(nncore_trainer_resume_bytes(bytes, size - 1, &o, &found, &again), NNCORE_FILE_ERROR,
        "in memory");
  o.optimizer = NULL;
  REFUSED(nncore_trainer_resume_bytes(NULL, size, &o, &found, &again), "null pointer");
  OK(nncore_trainer_resume_bytes(bytes, size, &o, &found, &again));
  OK(nncore_trainer_steps(again, &steps));
  CHECK(steps == 2);

  o.optimizer = "adam";
  o.batch_size = 4;
  OK(nncore_trainer_set_options(one, &o));
  OK(nncore_trainer_set_options(again, &o));
  OK(nncore_trainer_epoch(one, data, &e, NULL));
  OK(nncore_trainer_epoch(again, data, &e, NULL));
  CHECK(same_parameters(whole, found));
  CHECK(!same_parameters(whole, net));
  o.l2 = -1;
  REFUSED(nncore_trainer_set_options(again, &o), "l2");
  REFUSED(nncore_trainer_set_options(again, NULL), "null pointer");

  OK(nncore_network_save_bytes(net, bytes, sizeof bytes, &size));
  o.l2 = 0;
  FAILS(nncore_trainer_resume_bytes(bytes, size, &o, &found, &again), NNCORE_FILE_ERROR,
        "without a trainer");
  OK(nncore_trainer_free(one));
  OK(nncore_trainer_free(two));
  OK(nncore_trainer_free(again));
  OK(nncore_dataset_free(data));
  OK(nncore_network_free(whole));
  OK(nncore_network_free(net));
  OK(nncore_network_free(found));
}
