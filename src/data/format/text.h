/* Plain text in UTF-8, one token for each character. */
#ifndef DDLA_DATA_FORMAT_TEXT_H
#define DDLA_DATA_FORMAT_TEXT_H

#include "data/data.h"

/* Bytes of the character (of well-formed UTF-8, not zero) at `at`. */
int ddla_text_character_bytes(const char *at);

/* Fills a zeroed set from the bytes of a text; source->window and class_names as in data/data.h,
 * source->path is for messages. Errors: INVALID naming the byte that is not UTF-8, is zero or
 * begins a character that class_names lacks, and for a text shorter than a window and the token
 * behind it; NO_MEMORY. */
ddla_status ddla_text_parse(ddla_dataset *set, const char *bytes, size_t length,
                            const ddla_data_source *source);

#endif
