#include "compare/network.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

enum { PARTS = 3, PART_BYTES = 32 };

/* What a unit is worth; a number without a unit is refused. */
typedef struct unit {
  const char *name;
  double factor;
} unit;

static const unit rates[] = {{"kbit", 1e-3}, {"Mbit", 1}, {"Gbit", 1e3}, {"k", 1e-3},
                             {"M", 1},       {"G", 1e3},  {NULL, 0}};
static const unit times[] = {{"us", 1e-3}, {"ms", 1}, {"s", 1e3}, {NULL, 0}};
static const unit shares[] = {{"%", 1}, {NULL, 0}};

/* The three parts: what they are called, and how much is possible. */
static const struct {
  const char *name, *example;
  const unit *units;
  double low, high;
} parts[PARTS] = {
    {"RATE", "a rate from 10k to 100G bits a second, such as 100M", rates, 0.01, 1e5},
    {"DELAY", "a delay one way of at most 10 s, such as 20ms", times, 0, 1e4},
    {"LOSS", "a share of lost frames of at most 50 %, such as 1%", shares, 0, 50},
};

/* A number and its unit, in the unit whose factor is 1. */
static bool read_part(double *out, const char *text, const unit *units) {
  const size_t length = strlen(text);
  for (; units->name; units++) {
    const size_t behind = strlen(units->name);
    char number[PART_BYTES];
    double value = 0;
    if (length <= behind || length >= sizeof number) continue;
    if (strcmp(text + length - behind, units->name) != 0) continue;
    snprintf(number, sizeof number, "%.*s", (int)(length - behind), text);
    if (!ddla_text_to_real(&value, number)) continue;
    *out = value * units->factor;
    return true;
  }
  return false;
}

ddla_status ddla_network_read(ddla_network *out, const char *text) {
  double value[PARTS] = {0};
  int count = 0;
  for (const char *at = text; at; count++) {
    const size_t length = strcspn(at, ",");
    char part[PART_BYTES];
    if (count == PARTS)
      return DDLA_FAIL(INVALID, "--network %s: more than RATE,DELAY,LOSS",
                       ddla_text_quote(text).text);
    snprintf(part, sizeof part, "%.*s", (int)length, at);
    if (length >= sizeof part || !read_part(&value[count], part, parts[count].units) ||
        !(value[count] >= parts[count].low) || value[count] > parts[count].high)
      return DDLA_FAIL(INVALID, "--network %s: %s is %s; expected %s", ddla_text_quote(text).text,
                       parts[count].name, ddla_text_quote(part).text, parts[count].example);
    at = at[length] ? at + length + 1 : NULL;
  }
  *out = (ddla_network){value[0], value[1], value[2]};
  return DDLA_OK;
}
