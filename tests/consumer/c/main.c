/* Makes a network, and says how many layers and outputs it has, and the version. */
#include <stdio.h>

#include "nncore/nncore.h"

int main(void) {
  const size_t sizes[] = {4, 3, 2};
  const char* const activations[] = {"relu", "sigmoid"};
  const nncore_architecture architecture = {
      .sizes = sizes, .layers = 3, .activations = activations};
  nncore_network* network = NULL;
  nncore_network_info info;
  if (nncore_network_create(&architecture, &network) != NNCORE_OK ||
      nncore_network_get_info(network, &info) != NNCORE_OK) {
    printf("%s\n", nncore_last_error());
    return 1;
  }
  printf("%d %d %s\n", (int)info.layers, (int)info.sizes[info.layers - 1], nncore_version());
  return nncore_network_free(network) != NNCORE_OK;
}
