/* hwloc 2.x (https://www.open-mpi.org/projects/hwloc/), whose headers say how it is called; its
 * functions are looked up when the program runs. */
#include "base/topology.h"

#if DDLA_HWLOC
#include <dlfcn.h>
#include <hwloc.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* The interface of hwloc 2 goes by this name on every system with shared objects of ELF. */
static const char library_name[] = "libhwloc.so.15";

/* What is called, by the names of the library. */
#define FUNCTIONS(F)                                                                               \
  F(get_api_version)                                                                               \
  F(topology_init)                                                                                 \
  F(topology_destroy)                                                                              \
  F(topology_set_synthetic)                                                                        \
  F(topology_set_flags)                                                                            \
  F(topology_set_components)                                                                       \
  F(topology_load)                                                                                 \
  F(get_type_depth)                                                                                \
  F(get_nbobjs_by_depth)                                                                           \
  F(get_obj_by_depth)                                                                              \
  F(bitmap_isset)                                                                                  \
  F(bitmap_next)

typedef struct functions {
#define MEMBER(name) __typeof__(hwloc_##name) *name;
  FUNCTIONS(MEMBER)
#undef MEMBER
} functions;

static ddla_status find_function(void *out, void *object, const char *name) {
  void *symbol = dlsym(object, name);
  if (!symbol) return DDLA_FAIL(UNSUPPORTED, "%s has no function %s", library_name, name);
  memcpy(out, &symbol, sizeof symbol);
  return DDLA_OK;
}

/* The library stays loaded. */
static ddla_status load(functions *out) {
  void *object = dlopen(library_name, RTLD_NOW | RTLD_LOCAL);
  if (!object) return DDLA_FAIL(UNSUPPORTED, "there is no hwloc (Debian's package: libhwloc15)");
#define FIND(name) DDLA_TRY(find_function(&out->name, object, "hwloc_" #name));
  FUNCTIONS(FIND)
#undef FIND
  if (out->get_api_version() >> 16 == HWLOC_API_VERSION >> 16) return DDLA_OK;
  return DDLA_FAIL(UNSUPPORTED,
                   "%s is of another version than the headers that ddla was built with",
                   library_name);
}

/* Numbers every processor by the objects of a depth: row[processor] = the object's place. */
static int number(short row[DDLA_PROCESSORS_MAX], const functions *h, hwloc_topology_t topology,
                  int depth) {
  const int count = (int)h->get_nbobjs_by_depth(topology, depth);
  for (int i = 0; i < count; i++) {
    const hwloc_const_bitmap_t set = h->get_obj_by_depth(topology, depth, (unsigned)i)->cpuset;
    for (int p = h->bitmap_next(set, -1); p >= 0 && p < DDLA_PROCESSORS_MAX;
         p = h->bitmap_next(set, p))
      row[p] = (short)i;
  }
  return count;
}

/* Some virtual machines tell of no cores, and some of no domains: a processor is a core then, and
 * the machine a domain. */
static ddla_status fill(ddla_topology *out, const functions *h, hwloc_topology_t topology) {
  ddla_topology made = {0};
  const unsigned version = h->get_api_version();
  int depth = h->get_type_depth(topology, HWLOC_OBJ_CORE);
  const int processors = h->get_type_depth(topology, HWLOC_OBJ_PU);
  if (processors < 0) return DDLA_FAIL(UNSUPPORTED, "hwloc does not tell of processors");
  if (depth < 0) depth = processors;
  made.cores = number(made.core, h, topology, depth);
  made.domains = number(made.domain, h, topology, HWLOC_TYPE_DEPTH_NUMANODE);
  if (made.domains < 1) made.domains = 1;
  if (made.cores > DDLA_PROCESSORS_MAX)
    return DDLA_FAIL(UNSUPPORTED, "this machine has %d cores, and %d can be told apart", made.cores,
                     DDLA_PROCESSORS_MAX);
  for (unsigned i = 0; i < h->get_nbobjs_by_depth(topology, processors); i++) {
    const unsigned p = h->get_obj_by_depth(topology, processors, i)->os_index;
    if (p < DDLA_PROCESSORS_MAX) made.there[p] = true;
  }
  snprintf(made.library, sizeof made.library, "hwloc (interface %u.%u)", version >> 16,
           version >> 8 & 0xff);
  *out = made;
  return DDLA_OK;
}

/* Whatever this process may use, the whole machine is told of: who fills it is asked later. hwloc's
 * component x86, which moves the caller from processor to processor, adds nothing to what the
 * system tells. What cannot be set is left as it is. */
static void set_up(const functions *h, hwloc_topology_t topology) {
  (void)h->topology_set_flags(topology, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
  (void)h->topology_set_components(topology, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST, "x86");
}

static ddla_status read_with(ddla_topology *out, const functions *h, const char *synthetic) {
  hwloc_topology_t topology = NULL;
  if (h->topology_init(&topology) != 0) return DDLA_FAIL(UNSUPPORTED, "hwloc does not start");
  ddla_status status = DDLA_OK;
  if (synthetic && h->topology_set_synthetic(topology, synthetic) != 0)
    status = DDLA_FAIL(UNSUPPORTED, "hwloc knows no machine '%s'", synthetic);
  set_up(h, topology);
  if (status == DDLA_OK && h->topology_load(topology) != 0)
    status = DDLA_FAIL(UNSUPPORTED, "hwloc cannot tell what this machine is made of");
  if (status == DDLA_OK) status = fill(out, h, topology);
  h->topology_destroy(topology);
  return status;
}

static ddla_status read_now(ddla_topology *out, const char *synthetic) {
  functions h = {0};
  DDLA_TRY(load(&h));
  return read_with(out, &h, synthetic);
}

/* This machine, which stays what it is: read once, since hwloc's plug-ins lose some memory each
 * time that they are loaded and let go. */
static struct {
  pthread_once_t once;
  ddla_topology topology;
  ddla_failure failure; /* code DDLA_OK: none */
} machine = {.once = PTHREAD_ONCE_INIT};

static void read_machine(void) {
  ddla_status status = read_now(&machine.topology, NULL);
  if (status != DDLA_OK) ddla_status_take(&machine.failure, status);
}

ddla_status ddla_topology_read(ddla_topology *out, const char *synthetic) {
  if (synthetic) return read_now(out, synthetic);
  pthread_once(&machine.once, read_machine);
  if (machine.failure.code != DDLA_OK) return ddla_status_raise(&machine.failure);
  *out = machine.topology;
  return DDLA_OK;
}

#else
ddla_status ddla_topology_read(ddla_topology *out, const char *synthetic) {
  (void)out, (void)synthetic;
  return DDLA_FAIL(UNSUPPORTED, "ddla was built without hwloc (Debian's package: libhwloc-dev)");
}
#endif
