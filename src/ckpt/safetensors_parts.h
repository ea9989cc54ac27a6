/* What writing and reading share. The seal: a note that holds the checksum of the header it stands
 * in, taken while the note's own digits are blank. It makes every byte of a header count, also
 * white space. */
#ifndef DDLA_CKPT_SAFETENSORS_PARTS_H
#define DDLA_CKPT_SAFETENSORS_PARTS_H

#include <stddef.h>

#include <ddla/tensor.h>

#define DDLA_SAFETENSORS_SEAL "seal"
#define DDLA_SAFETENSORS_SEAL_BLANK "00000000000000000000000000000000"

/* The first of the seal's 32 digits in a header that has one, else null. */
char *ddla_safetensors_seal_in(char *header, size_t bytes);

/* The format's name of a number format: "F32". Borrowed for ever. */
const char *ddla_safetensors_dtype_name(ddla_dtype dtype);

#endif
