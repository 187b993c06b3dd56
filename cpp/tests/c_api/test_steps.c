/* The C API from plain C99: steps on changing mini-batches, gradients, activations. */
#include <math.h>
#include <string.h>

#include "checks.h"

int failures = 0;

enum { inputs = 2, hidden = 4, outputs = 1, rows = 4 };
enum { parameters = (inputs + 1) * hidden + (hidden + 1) * outputs };

static const double corners[] = {0, 0, 0, 1, 1, 0, 1, 1};
static const int64_t exclusive_or[] = {0, 1, 1, 0};

static nncore_network* network_with(const char* cost) {
  static const size_t sizes[] = {inputs, hidden, outputs};
  static const char* const activations[] = {"tanh", "sigmoid"};
  nncore_architecture a = {0};
  nncore_network* made = NULL;
  a.sizes = sizes;
  a.layers = 3;
  a.activations = activations;
  a.cost = cost;
  a.dtype = NNCORE_FLOAT64;
  a.seed = 1;
  OK(nncore_network_create(&a, &made));
  return made;
}

static nncore_network* network(void) { return network_with("cross_entropy"); }

static nncore_samples samples(size_t first, size_t count) {
  nncore_samples s = {0};
  s.x.dtype = NNCORE_FLOAT64;
  s.x.rows = count;
  s.x.cols = inputs;
  s.x.data = corners + first * inputs;
  s.labels = exclusive_or + first;
  s.target_rows = count;
  return s;
}

static double cost_of(const nncore_network* net, const nncore_dataset* data) {
  nncore_evaluation e = {0};
  OK(nncore_network_evaluate(net, data, &e));
  return e.cost;
}

/* Reads all parameters in the order of nncore_network_gradients, or writes them. */
static void get_all(const nncore_network* net, double* p) {
  OK(nncore_network_get_weights(net, 0, NNCORE_FLOAT64, p, inputs * hidden));
  OK(nncore_network_get_biases(net, 0, NNCORE_FLOAT64, p + inputs * hidden, hidden));
  p += (inputs + 1) * hidden;
  OK(nncore_network_get_weights(net, 1, NNCORE_FLOAT64, p, hidden * outputs));
  OK(nncore_network_get_biases(net, 1, NNCORE_FLOAT64, p + hidden * outputs, outputs));
}

static void set_all(nncore_network* net, const double* p) {
  OK(nncore_network_set_weights(net, 0, NNCORE_FLOAT64, p, inputs * hidden));
  OK(nncore_network_set_biases(net, 0, NNCORE_FLOAT64, p + inputs * hidden, hidden));
  p += (inputs + 1) * hidden;
  OK(nncore_network_set_weights(net, 1, NNCORE_FLOAT64, p, hidden * outputs));
  OK(nncore_network_set_biases(net, 1, NNCORE_FLOAT64, p + hidden * outputs, outputs));
}

static void test_version(void) {
  char version[32];
  CHECK(strcmp(nncore_version(), NNCORE_VERSION) == 0);
  snprintf(version, sizeof version, "%d.%d.%d", NNCORE_VERSION_MAJOR, NNCORE_VERSION_MINOR,
           NNCORE_VERSION_PATCH);
  CHECK(strcmp(version, NNCORE_VERSION) == 0);
}

static void test_gradients(void) {
  nncore_network* net = network();
  nncore_samples s = samples(0, rows);
  nncore_dataset* data = NULL;
  double p[parameters], g[parameters], penalised[parameters], cost = -1, with_penalty = -1;
  nncore_penalty penalty = {0};
  size_t i;
  OK(nncore_dataset_create(net, &s, &data));
  OK(nncore_network_gradients(net, data, NULL, NNCORE_FLOAT64, g, parameters, &cost));
  CHECK(cost == cost_of(net, data));
  get_all(net, p);
  for (i = 0; i < parameters; ++i) { /* against differences */
    const double h = 1e-5, at = p[i];
    double higher, lower;
    p[i] = at + h;
    set_all(net, p);
    higher = cost_of(net, data);
    p[i] = at - h;
    set_all(net, p);
    lower = cost_of(net, data);
    p[i] = at;
    CHECK(fabs((higher - lower) / (2 * h) - g[i]) < 1e-8);
  }
  set_all(net, p);
  penalty.l2 = 0.5;
  OK(nncore_network_gradients(net, data, &penalty, NNCORE_FLOAT64, penalised, parameters,
                              &with_penalty));
  CHECK(with_penalty > cost);
  CHECK(fabs(penalised[1] - (g[1] + 0.5 / rows * p[1])) < 1e-12);
  CHECK(penalised[inputs * hidden] == g[inputs * hidden]); /* a bias */
  OK(nncore_network_gradients(net, data, NULL, NNCORE_FLOAT64, g, parameters, NULL));

  g[0] = 77;
  REFUSED(nncore_network_gradients(net, data, NULL, NNCORE_FLOAT64, g, parameters - 1, NULL),
          "gradients");
  REFUSED(nncore_network_gradients(net, data, NULL, NNCORE_FLOAT32, g, parameters, NULL), "float");
  REFUSED(nncore_network_gradients(net, data, NULL, NNCORE_FLOAT64, NULL, parameters, NULL),
          "null pointer");
  REFUSED(nncore_network_gradients(net, NULL, NULL, NNCORE_FLOAT64, g, parameters, NULL), "");
  REFUSED(nncore_network_gradients(NULL, data, NULL, NNCORE_FLOAT64, g, parameters, NULL), "");
  penalty.l2 = -1;
  REFUSED(nncore_network_gradients(net, data, &penalty, NNCORE_FLOAT64, g, parameters, NULL),
          "penalty is -1");
  CHECK(g[0] == 77);
  OK(nncore_dataset_free(data));
  OK(nncore_network_free(net));
}

static void test_activations(void) {
  nncore_network* net = network();
  nncore_samples s = samples(0, rows);
  double all[rows * hidden], out[rows], fed[rows], p[parameters];
  size_t i, j;
  get_all(net, p);
  OK(nncore_network_activations(net, &s.x, 0, all, rows * hidden));
  for (i = 0; i < rows; ++i) {
    for (j = 0; j < hidden; ++j) {
      const double z =
          p[j * 2] * corners[2 * i] + p[j * 2 + 1] * corners[2 * i + 1] + p[inputs * hidden + j];
      CHECK(fabs(all[i * hidden + j] - tanh(z)) < 1e-12);
    }
  }
  OK(nncore_network_activations(net, &s.x, 1, out, rows));
  OK(nncore_network_feedforward(net, &s.x, fed, rows));
  CHECK(memcmp(out, fed, sizeof out) == 0);
  REFUSED(nncore_network_activations(net, &s.x, 2, out, rows), "no layer 2; expected 0 to 1");
  REFUSED(nncore_network_activations(net, &s.x, 0, all, rows), "activations");
  REFUSED(nncore_network_activations(net, &s.x, 0, NULL, rows * hidden), "null pointer");
  REFUSED(nncore_network_activations(net, NULL, 0, all, rows * hidden), "null pointer");
  REFUSED(nncore_network_activations(NULL, &s.x, 0, all, rows * hidden), "");
  OK(nncore_network_free(net));
}

static void test_steps(void) {
  nncore_network *by_steps = network(), *by_epochs = network();
  nncore_train_options options = {0};
  nncore_step_options step = {0};
  nncore_epoch_options epoch = {0};
  nncore_trainer *stepping = NULL, *training = NULL;
  nncore_samples all = samples(0, rows), wrong = samples(0, rows);
  nncore_dataset* data = NULL;
  nncore_network_info info;
  double a[parameters], b[parameters], cost = -1, bad[8];
  size_t e, i;
  options.batch_size = 1;
  options.optimizer = "adam";
  options.l2 = 0.01;
  step.learning_rate = epoch.learning_rate = 0.05;
  step.penalty_rows = rows;
  epoch.keep_order = 1;
  OK(nncore_dataset_create(by_epochs, &all, &data));
  OK(nncore_trainer_create(by_steps, &options, &stepping));
  OK(nncore_trainer_create(by_epochs, &options, &training));
  for (e = 0; e < 3; ++e) {
    double sum = 0, mean = -1;
    for (i = 0; i < rows; ++i) {
      nncore_samples one = samples(i, 1);
      step.batch = i;
      OK(nncore_trainer_step(stepping, &one, &step, &cost));
      sum += cost;
    }
    OK(nncore_trainer_epoch(training, data, &epoch, &mean));
    CHECK(fabs(mean - sum / rows) < 1e-12);
  }
  get_all(by_steps, a);
  get_all(by_epochs, b);
  CHECK(memcmp(a, b, sizeof a) == 0);
  OK(nncore_network_get_info(by_steps, &info));
  CHECK(info.epoch == 0);

  memcpy(bad, corners, sizeof bad);
  bad[3] = NAN;
  wrong.x.data = bad;
  REFUSED(nncore_trainer_step(stepping, &wrong, &step, &cost), "NaN in row 1, column 1");
  wrong = samples(0, rows);
  wrong.target_rows = 3;
  REFUSED(nncore_trainer_step(stepping, &wrong, &step, &cost), "y has 3 rows; x has 4");
  wrong = samples(0, 0);
  REFUSED(nncore_trainer_step(stepping, &wrong, &step, &cost), "no rows");
  REFUSED(nncore_trainer_step(stepping, NULL, &step, &cost), "null pointer");
  REFUSED(nncore_trainer_step(stepping, &all, NULL, &cost), "null pointer");
  REFUSED(nncore_trainer_step(NULL, &all, &step, &cost), "");
  step.learning_rate = -1;
  REFUSED(nncore_trainer_step(stepping, &all, &step, NULL), "the learning rate is -1");
  step.learning_rate = 1.7e308;
  FAILS(nncore_trainer_step(stepping, &all, &step, NULL), NNCORE_DIVERGED, "diverged");
  get_all(by_steps, b);
  CHECK(memcmp(a, b, sizeof a) == 0);
  OK(nncore_trainer_free(stepping));
  OK(nncore_trainer_free(training));
  OK(nncore_dataset_free(data));
  OK(nncore_network_free(by_steps));
  OK(nncore_network_free(by_epochs));
}

static int half_squares(void* context, const nncore_cost_call* call) {
  size_t i, j;
  CHECK(call->dtype == NNCORE_FLOAT64);
  CHECK(call->output_cols == outputs && call->target_cols == outputs);
  if (*(int*)context) return *(int*)context;
  for (i = 0; i < call->rows; ++i) {
    const double* a = (const double*)call->outputs + i * call->output_stride;
    const double* y = (const double*)call->targets + i * call->target_stride;
    double* slope = (double*)call->slopes + i * call->slope_stride;
    double* cost = (double*)call->costs + i;
    *cost = 0;
    for (j = 0; j < outputs; ++j) {
      slope[j] = a[j] - y[j];
      *cost += 0.5 * slope[j] * slope[j];
    }
  }
  return 0;
}

static void test_own_cost(void) {
  nncore_network *own = network_with("custom"), *ours = network_with("quadratic");
  nncore_train_options options = {0};
  nncore_step_options step = {0};
  nncore_trainer *a = NULL, *b = NULL;
  nncore_samples all = samples(0, rows);
  double p[parameters], q[parameters], cost = -1, expected = -2;
  int failure = 0;
  step.learning_rate = 0.5;
  options.optimizer = "adam";
  OK(nncore_trainer_create(own, &options, &a));
  OK(nncore_trainer_create(ours, &options, &b));
  REFUSED(nncore_trainer_step(a, &all, &step, &cost), "hand it in again");
  OK(nncore_network_set_cost(own, half_squares, &failure));
  REFUSED(nncore_network_set_cost(ours, half_squares, &failure), "the network's cost is quadratic");
  REFUSED(nncore_network_set_cost(own, NULL, NULL), "null pointer");
  OK(nncore_trainer_step(a, &all, &step, &cost));
  OK(nncore_trainer_step(b, &all, &step, &expected));
  CHECK(fabs(cost - expected) < 1e-12);
  get_all(own, p);
  get_all(ours, q);
  CHECK(memcmp(p, q, sizeof p) == 0);
  failure = 7;
  REFUSED(nncore_trainer_step(a, &all, &step, &cost), "has failed with 7");
  get_all(own, q);
  CHECK(memcmp(p, q, sizeof p) == 0);
  OK(nncore_trainer_free(a));
  OK(nncore_trainer_free(b));
  OK(nncore_network_free(own));
  OK(nncore_network_free(ours));
}

static void test_step_gradient(void) {
  nncore_network *by_slopes = network_with("quadratic"), *by_targets = network_with("quadratic");
  nncore_network* target = network_with("quadratic");
  nncore_train_options options = {0};
  nncore_step_options step = {0};
  nncore_trainer *a = NULL, *b = NULL;
  nncore_samples all = samples(0, rows);
  const double rates[] = {1, 1, 0, 0};
  double p[parameters], q[parameters], slopes[rows * outputs], weights[rows] = {1, 1, 1, 1};
  uint64_t steps = 7;
  size_t i;
  step.learning_rate = 0.5;
  options.rates = rates;
  options.rate_count = 3;
  REFUSED(nncore_trainer_create(by_slopes, &options, &a), "3 factors of the rate; expected 4");
  options.rate_count = 4;
  get_all(by_slopes, p);
  OK(nncore_trainer_create(by_slopes, &options, &a));
  OK(nncore_trainer_create(by_targets, &options, &b));
  OK(nncore_network_feedforward(by_slopes, &all.x, slopes, rows * outputs));
  for (i = 0; i < rows; ++i) slopes[i] -= (double)exclusive_or[i];
  OK(nncore_trainer_step_gradient(a, &all.x, slopes, rows * outputs, weights, rows, &step));
  OK(nncore_trainer_step(b, &all, &step, NULL));
  get_all(by_targets, q);
  CHECK(memcmp(p, q, sizeof p) != 0);
  CHECK(memcmp(p + (inputs + 1) * hidden, q + (inputs + 1) * hidden,
               (hidden + 1) * outputs * sizeof *p) == 0); /* frozen */
  get_all(by_slopes, p);
  CHECK(memcmp(p, q, sizeof p) == 0);
  OK(nncore_trainer_steps(a, &steps));
  CHECK(steps == 1);

  REFUSED(nncore_trainer_step_gradient(a, &all.x, slopes, 3, NULL, 0, &step), "output_gradient");
  REFUSED(nncore_trainer_step_gradient(a, &all.x, NULL, rows, NULL, 0, &step), "null pointer");
  REFUSED(nncore_trainer_step_gradient(a, &all.x, slopes, rows, weights, 2, &step),
          "2 sample weights");
  REFUSED(nncore_trainer_step_gradient(a, NULL, slopes, rows, NULL, 0, &step), "null pointer");
  slopes[2] = NAN;
  REFUSED(nncore_trainer_step_gradient(a, &all.x, slopes, rows, NULL, 0, &step), "row 2");
  weights[1] = -1;
  all.weights = weights;
  all.weight_count = rows;
  REFUSED(nncore_trainer_step(b, &all, &step, NULL), "sample weight 1 is -1");
  step.mean_over_rows = 1;
  OK(nncore_trainer_step(b, &all, &step, NULL));

  OK(nncore_network_copy_from(target, by_slopes, 1));
  get_all(target, q);
  CHECK(memcmp(p, q, sizeof p) == 0);
  REFUSED(nncore_network_copy_from(target, by_slopes, 2), "tau is 2");
  REFUSED(nncore_network_copy_from(target, NULL, 1), "");
  OK(nncore_trainer_free(a));
  OK(nncore_trainer_free(b));
  OK(nncore_network_free(by_slopes));
  OK(nncore_network_free(by_targets));
  OK(nncore_network_free(target));
}

static void test_costs_with_numbers(void) {
  static const size_t sizes[] = {inputs, 4};
  static const char* const activations[] = {"linear"};
  static const double quantiles[] = {0.1, 0.9};
  nncore_hyperparameter h = {0};
  nncore_architecture a = {0};
  nncore_network* net = NULL;
  nncore_dataset* data = NULL;
  nncore_samples s = samples(0, rows);
  const double targets[rows * 2] = {0};
  a.sizes = sizes;
  a.layers = 2;
  a.activations = activations;
  a.cost = "pinball";
  a.dtype = NNCORE_FLOAT64;
  a.cost_list = quantiles;
  a.cost_list_count = 2;
  OK(nncore_cost_hyperparameter("pinball", 0, &h));
  CHECK(strcmp(h.name, "non_crossing") == 0 && h.value == 0);
  REFUSED(nncore_cost_hyperparameter("pinball", 1, &h), "there is no hyperparameter 1");
  a.cost_hyperparameters = &h;
  a.cost_hyperparameter_count = 1;
  h.value = 2;
  REFUSED(nncore_network_create(&a, &net), "non_crossing is 2; expected 0 or 1");
  h.value = 1;
  OK(nncore_network_create(&a, &net));
  REFUSED(nncore_dataset_create(net, &s, &data), "labels of classes");
  s.labels = NULL;
  s.targets = targets;
  s.target_cols = 4;
  REFUSED(nncore_dataset_create(net, &s, &data), "2 for each target");
  s.target_cols = 2;
  OK(nncore_dataset_create(net, &s, &data));
  CHECK(cost_of(net, data) >= 0);
  OK(nncore_dataset_free(data));
  OK(nncore_network_free(net));
}

/* The other rank does as this one: it has the same rows, and sends what this one sends. */
static int calls = 0, fails_at = 0;

static int both_ranks(void* context, const void* send, void* receive, size_t bytes) {
  CHECK(context == &calls);
  memcpy(receive, send, bytes);
  memcpy((char*)receive + bytes, send, bytes);
  return ++calls == fails_at;
}

static void test_collective(void) {
  nncore_network* net = network();
  nncore_trainer* trainer = NULL;
  nncore_train_options o = {0};
  nncore_step_options step = {0};
  nncore_collective two = {0};
  nncore_samples s = samples(0, rows);
  double before[parameters], after[parameters];
  o.lanes = (size_t)1 << 40;
  REFUSED(nncore_trainer_create(net, &o, &trainer), "number of lanes is 1099511627776");
  o.lanes = 2;
  OK(nncore_trainer_create(net, &o, &trainer));
  get_all(net, before);
  step.learning_rate = 0.5;
  step.collective = &two;
  REFUSED(nncore_trainer_step(trainer, &s, &step, NULL), "null pointer");
  two.all_to_all = two.all_gather = both_ranks;
  two.context = &calls;
  REFUSED(nncore_trainer_step(trainer, &s, &step, NULL), "rank is 0 of 0");
  two.ranks = 2;
  fails_at = calls + 2;
  REFUSED(nncore_trainer_step(trainer, &s, &step, NULL), "all_to_all of the collective returned 1");
  get_all(net, after);
  CHECK(memcmp(before, after, sizeof before) == 0);
  OK(nncore_trainer_step(trainer, &s, &step, NULL));
  get_all(net, after);
  CHECK(memcmp(before, after, sizeof before) != 0);
  OK(nncore_trainer_free(trainer));
  OK(nncore_network_free(net));
}

int main(void) {
  test_version();
  test_collective();
  test_gradients();
  test_activations();
  test_steps();
  test_own_cost();
  test_step_gradient();
  test_costs_with_numbers();
  if (failures == 0) printf("all passed\n");
  return failures > 0;
}
