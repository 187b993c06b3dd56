/* Creating networks, their parameters, predictions and files. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "testing.h"

void test_architectures(void) {
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

void test_info_and_parameters(void) {
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

void test_predicting(void) {
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

/* Learns exclusive or from x, in every way there is, and predicts it: the outputs tell the bits. */
static void learn(const nncore_inputs* x, float* outputs) {
  static const float gradient[] = {0.5f, -0.25f, 1, 0};
  nncore_network* net = network();
  nncore_samples s = samples();
  nncore_dataset* data = NULL;
  nncore_trainer* trainer = NULL;
  nncore_train_options o = {0};
  nncore_epoch_options epoch = {0};
  nncore_step_options step = {0};
  int64_t labels[4];
  size_t i;
  s.x = *x;
  o.batch_size = 3;
  epoch.learning_rate = step.learning_rate = 0.5;
  OK(nncore_dataset_create(net, &s, &data));
  OK(nncore_trainer_create(net, &o, &trainer));
  OK(nncore_trainer_epoch(trainer, data, &epoch, NULL));
  OK(nncore_trainer_step(trainer, &s, &step, NULL));
  OK(nncore_trainer_step_gradient(trainer, x, gradient, 4, NULL, 0, &step));
  OK(nncore_network_feedforward(net, x, outputs, 4));
  OK(nncore_network_activations(net, x, 0, outputs + 4, 16));
  OK(nncore_network_predict(net, x, labels, 4));
  for (i = 0; i < 4; ++i) CHECK(labels[i] == (outputs[i] > 0.5f));
  OK(nncore_trainer_free(trainer));
  OK(nncore_dataset_free(data));
  OK(nncore_network_free(net));
}

void test_narrow_inputs(void) {
  static const uint8_t bytes[] = {0, 0, 7, 0, 255, 7, 255, 0, 7, 255, 255, 7};
  static const uint8_t levels[] = {128, 128, 128, 130, 130, 128, 130, 130};
  static const uint16_t halves[] = {0, 0, 0, 0x3c00, 0x3c00, 0, 0x3c00, 0x3c00};
  static const uint16_t not_finite[] = {0, 0, 0, 0x3c00, 0x3c00, 0x7e00, 0, 0};
  static const int64_t offsets[] = {0, 0, 0, 0, 0};
  float expected[20], found[20];
  nncore_network* net = network();
  nncore_inputs x = inputs();
  learn(&x, expected);

  x.dtype = NNCORE_UINT8;
  x.data = bytes;
  x.stride = 3;
  x.scale = 1.0 / 255;
  learn(&x, found);
  CHECK(memcmp(found, expected, sizeof found) == 0);
  x.data = levels;
  x.stride = 0;
  x.scale = 0.5;
  x.offset = -64;
  learn(&x, found);
  CHECK(memcmp(found, expected, sizeof found) == 0);
  x = inputs();
  x.dtype = NNCORE_FLOAT16;
  x.data = halves;
  learn(&x, found);
  CHECK(memcmp(found, expected, sizeof found) == 0);

  x.data = not_finite;
  REFUSED(nncore_network_feedforward(net, &x, found, 4), "row 2, column 1");
  x.data = halves;
  x.scale = 1e300;
  REFUSED(nncore_network_feedforward(net, &x, found, 4), "scale 1e+300");
  x.scale = NAN;
  REFUSED(nncore_network_feedforward(net, &x, found, 4), "scale");
  x.scale = 0;
  x.stride = 1;
  REFUSED(nncore_network_feedforward(net, &x, found, 4), "stride");
  x.stride = 0;
  x.cols = 3;
  REFUSED(nncore_network_feedforward(net, &x, found, 4), "takes 2");
  x.cols = 2;
  x.data = NULL;
  REFUSED(nncore_network_feedforward(net, &x, found, 4), "x is a null pointer");
  x.rows = 0;
  OK(nncore_network_feedforward(net, &x, NULL, 0));
  x.offsets = offsets;
  REFUSED(nncore_network_feedforward(net, &x, found, 4), "sparse x is of float16");
  x = inputs();
  x.scale = 0.5;
  REFUSED(nncore_network_feedforward(net, &x, found, 4), "the scale 0.5");
  x.scale = 0;
  x.offset = 2;
  REFUSED(nncore_network_feedforward(net, &x, found, 4), "the offset 2");
  REFUSED(nncore_network_set_biases(net, 0, NNCORE_UINT8, bytes, 4), "uint8");
  OK(nncore_network_free(net));
}

void test_files(const char* directory) {
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
