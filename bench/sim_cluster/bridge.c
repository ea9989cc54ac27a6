/* The project's bridge, compiled with replay.h's functions in place of a few of the library's:
 * there are no workers whose gradients it could send, and for a thousand hosts no memory for them.
 */
#include "base/alloc.h"
#include "replay.h"

#define ddla_operands_list replay_operands_list
#ifdef REPLAY_WITHOUT_DATA
#define ddla_alloc_array replay_alloc_array
#define ddla_tree_plan_make replay_tree_plan_make
#define ddla_tree_run replay_tree_run
#endif

#include "sync/bridge.c"
