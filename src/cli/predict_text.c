#include "cli/predict_text.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "cli/json.h"
#include "data/classes.h"
#include "data/format/text.h"
#include "train/model/generate.h"

enum { LENGTH_INITIAL = 200, LENGTH_MAX = 10000000, TOP_K_MAX = 1000000 };

bool ddla_predict_text_given(const ddla_predict_text *words) {
  return words->prompt || words->length || words->temperature || words->top_k || words->seed;
}

static ddla_status read_number(int64_t *out, const char *name, const char *word, int64_t most) {
  if (!word || (ddla_text_to_int(out, word) && *out >= 0 && *out <= most)) return DDLA_OK;
  return DDLA_FAIL(INVALID, "%s %s: expected a whole number from 0 to %" PRId64, name,
                   ddla_text_quote(word).text, most);
}

static ddla_status read_words(ddla_generation *out, const ddla_predict_text *words) {
  int64_t seed = 1;
  *out = (ddla_generation){.length = LENGTH_INITIAL, .temperature = 1};
  DDLA_TRY(read_number(&out->length, "--length", words->length, LENGTH_MAX));
  DDLA_TRY(read_number(&out->top_k, "--top-k", words->top_k, TOP_K_MAX));
  DDLA_TRY(read_number(&seed, "--seed", words->seed, INT64_C(1) << 53));
  out->seed = (uint64_t)seed;
  if (!words->temperature || (ddla_text_to_real(&out->temperature, words->temperature) &&
                              out->temperature >= 0 && out->temperature <= 100))
    return DDLA_OK;
  return DDLA_FAIL(INVALID, "--temperature %s: expected a number from 0 to 100",
                   ddla_text_quote(words->temperature).text);
}

static ddla_status check_prompt(const ddla_trained *trained, const char *prompt) {
  if (trained->description.type != DDLA_DATA_TOKENS)
    return DDLA_FAIL(INVALID, "--prompt and its kin are for models of text; this one's task is %s",
                     trained->description.task);
  if (!prompt || !prompt[0])
    return DDLA_FAIL(INVALID, "this model continues a text; give its beginning with --prompt TEXT");
  const size_t length = strlen(prompt), good = ddla_text_utf8_end(prompt, length);
  if (good == length) return DDLA_OK;
  return DDLA_FAIL(INVALID, "--prompt: byte %zu (0x%02x) is not part of valid UTF-8", good,
                   (unsigned char)prompt[good]);
}

/* tokens [strlen(prompt)]: written up to *count. */
static ddla_status read_prompt(int32_t *tokens, int64_t *count, const char *prompt,
                               const ddla_classes *known) {
  int64_t made = 0;
  for (const char *at = prompt; *at; made++) {
    const int bytes = ddla_text_character_bytes(at);
    tokens[made] = ddla_classes_find(known, at, (size_t)bytes);
    if (tokens[made] < 0) {
      char name[8] = {0};
      memcpy(name, at, (size_t)bytes);
      return DDLA_FAIL(INVALID,
                       "--prompt: the character %s (byte %td) is not among the %d that the model "
                       "knows",
                       ddla_text_quote(name).text, at - prompt, known->count);
    }
    at += bytes;
  }
  *count = made;
  return DDLA_OK;
}

static ddla_status print(const ddla_trained *trained, const int32_t *tokens, int64_t count,
                         const char *prompt, bool json) {
  char *text = NULL;
  size_t used = 0;
  DDLA_TRY(DDLA_NEW(text, 4 * count + 1)); /* at most four bytes each */
  for (int64_t i = 0; i < count; i++) {
    const char *name = trained->description.class_names[tokens[i]];
    const size_t length = strlen(name);
    memcpy(text + used, name, length);
    used += length;
  }
  ddla_status status = DDLA_OK;
  if (json)
    status = ddla_json_print(json_pack("{s:o, s:s, s:s, s:s#}", "model",
                                       ddla_json_text(trained->path), "sha256", trained->sha256,
                                       "prompt", prompt, "text", text, (int)used));
  else printf("%s\n", text);
  ddla_free(text);
  return status;
}

ddla_status ddla_predict_text_run(const ddla_trained *trained, const ddla_predict_text *words,
                                  bool json) {
  ddla_generation how;
  ddla_status status = DDLA_OK;
  ddla_classes known = {0};
  int32_t *tokens = NULL;
  int64_t count = 0;
  const ddla_description *description = &trained->description;
  DDLA_TRY(read_words(&how, words));
  DDLA_TRY(check_prompt(trained, words->prompt));
  DDLA_TRY_CLEAN(status, ddla_classes_set(&known, (const char *const *)description->class_names,
                                          description->name_count));
  DDLA_TRY_CLEAN(status, DDLA_NEW(tokens, (int64_t)strlen(words->prompt) + how.length));
  DDLA_TRY_CLEAN(status, read_prompt(tokens, &count, words->prompt, &known));
  DDLA_TRY_CLEAN(status, ddla_generate(tokens, count, trained->inference, &how));
  DDLA_TRY_CLEAN(status, print(trained, tokens, count + how.length, words->prompt, json));
cleanup:
  ddla_classes_fini(&known);
  ddla_free(tokens);
  return status;
}
