/* Nothing beyond the compiler's baseline. */
#include <string.h>

#include "codec/loops.h"

#define TARGET
#include "codec/loops_body.h"

LOOPS_OF(plain, true);
