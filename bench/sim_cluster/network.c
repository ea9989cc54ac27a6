#include "network.h"

#include <string.h>

static const network networks[] = {
    {.name = "flat", .bandwidth = 125e6, .latency = 25e-6},
    {.name = "tree", .bandwidth = 125e6, .latency = 25e-6, .leaf = 16, .uplinks = 8},
    {.name = "distant", .bandwidth = 12.5e6, .latency = 10e-3},
};

const network *network_find(const char *name) {
  for (size_t i = 0; i < sizeof networks / sizeof networks[0]; i++)
    if (strcmp(networks[i].name, name) == 0) return &networks[i];
  return NULL;
}

double network_latency(const network *net, int from, int to) {
  const bool up = net->leaf > 0 && from / net->leaf != to / net->leaf;
  return (up ? 4 : 2) * net->latency;
}

double network_latency_most(const network *net, int hosts) {
  return network_latency(net, 0, hosts - 1);
}

/* SimGrid's own fat tree, whose routes go by the receiver's number. */
static void write_tree(FILE *file, const network *net, int hosts) {
  fprintf(file, " topology=\"FAT_TREE\" topo_parameters=\"2;%d,%d;1,%d;1,1\"", net->leaf,
          hosts / net->leaf, net->uplinks);
}

bool network_write(FILE *file, const network *net, int hosts) {
  fprintf(file,
          "<?xml version='1.0'?>\n"
          "<!DOCTYPE platform SYSTEM \"https://simgrid.org/simgrid.dtd\">\n"
          "<platform version=\"4.1\">\n"
          "<cluster id=\"cluster\" prefix=\"h\" suffix=\"\" radical=\"0-%d\" speed=\"1Gf\""
          " bw=\"%.17gBps\" lat=\"%.17gs\" sharing_policy=\"SPLITDUPLEX\"",
          hosts - 1, net->bandwidth, net->latency);
  if (net->leaf > 0) write_tree(file, net, hosts);
  fprintf(file, "/>\n</platform>\n");
  return fflush(file) == 0;
}
