/* Named attributes of an op: "stride" = {2, 2}, "alpha" = 0.5. Names, never positions. Plain value.
 */
#ifndef DDLA_ATTRS_H
#define DDLA_ATTRS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#include <ddla/status.h>

enum { DDLA_ATTRS_MAX = 10, DDLA_ATTR_VALUES_MAX = 6, DDLA_ATTR_NAME_BYTES = 24 };

/* One attribute: whole numbers, or a real one. */
typedef struct ddla_attr {
  char name[DDLA_ATTR_NAME_BYTES];
  int count; /* number of integers; 0 for a real number */
  int64_t integer[DDLA_ATTR_VALUES_MAX];
  double real;
} ddla_attr;

/* Attributes of one use of an op; zero is none. */
typedef struct ddla_attrs {
  int count;
  ddla_attr item[DDLA_ATTRS_MAX];
} ddla_attrs;

/* Sets or replaces an attribute; more than DDLA_ATTRS_MAX or DDLA_ATTR_VALUES_MAX, or a name that
 * is too long, is a bug. */
DDLA_API void ddla_attrs_set_int(ddla_attrs *attrs, const char *name, int64_t value);
DDLA_API void ddla_attrs_set_ints(ddla_attrs *attrs, const char *name, const int64_t *values,
                                  int count);
DDLA_API void ddla_attrs_set_real(ddla_attrs *attrs, const char *name, double value);

/* Value number index (the last one where fewer are given: stride {2} is stride {2, 2}), else
 * fallback. */
DDLA_API int64_t ddla_attrs_int(const ddla_attrs *attrs, const char *name, int index,
                                int64_t fallback);
DDLA_API double ddla_attrs_real(const ddla_attrs *attrs, const char *name, double fallback);

/* Number of integers under a name; 0 where it is absent or real. */
DDLA_API int ddla_attrs_count(const ddla_attrs *attrs, const char *name);

#ifdef __cplusplus
}
#endif
#endif
