/* ddla predict for models of text. */
#ifndef DDLA_CLI_PREDICT_TEXT_H
#define DDLA_CLI_PREDICT_TEXT_H

#include "cli/trained.h"

/* The words of the command line; null: not given. */
typedef struct ddla_predict_text {
  const char *prompt, *length, *temperature, *top_k, *seed;
} ddla_predict_text;

/* Whether any of the words was given. */
bool ddla_predict_text_given(const ddla_predict_text *words);

/* Continues the prompt and prints both. Errors: INVALID for words that make no sense and for
 * characters that the model does not know; those of ddla_generate. */
ddla_status ddla_predict_text_run(const ddla_trained *trained, const ddla_predict_text *words,
                                  bool json);

#endif
