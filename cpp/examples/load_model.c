/* Loads in C what Python trained, and predicts.
 *
 *   project(app LANGUAGES C CXX)  # the library is C++: its runtime is linked in
 *   find_package(nncore CONFIG REQUIRED)
 *   add_executable(load_model load_model.c)
 *   target_link_libraries(load_model PRIVATE nncore::nncore)
 *
 * The model that lies beside this file was made by:
 *
 *   x, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
 *   net = nncore.Network([2, 4, 1], activation="tanh", cost="cross_entropy", seed=1)
 *   net.fit(x, y, epochs=500, batch_size=4, optimizer="adam", learning_rate=0.05)
 *   net.save("trained_by_python.safetensors")
 */
#include <stdio.h>

#include "nncore/nncore.h"

static int predict(const nncore_network* network) {
  const float corners[] = {0, 0, 0, 1, 1, 0, 1, 1};
  int64_t labels[4];
  nncore_inputs x = {0};
  int i;
  x.dtype = NNCORE_FLOAT32;
  x.rows = 4;
  x.cols = 2;
  x.data = corners;
  if (nncore_network_predict(network, &x, labels, 4) != NNCORE_OK) return 1;
  for (i = 0; i < 4; ++i) printf("%d xor %d = %d\n", i / 2, i % 2, (int)labels[i]);
  return 0;
}

int main(int argc, char** argv) {
  nncore_network* network = NULL;
  int failed;
  if (argc != 2) {
    printf("usage: load_model MODEL\n");
    return 2;
  }
  failed = nncore_network_load(argv[1], &network) != NNCORE_OK || predict(network);
  if (failed) printf("%s\n", nncore_last_error());
  nncore_network_free(network);
  return failed;
}
