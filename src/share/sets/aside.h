/* Long work on files beside a link: whoever owns the link has to look at it all the time, or the
 * other hosts take this one for lost. Threads: that of the link; work has a thread of its own, and
 * must not touch the link. */
#ifndef DDLA_SHARE_SETS_ASIDE_H
#define DDLA_SHARE_SETS_ASIDE_H

#include "transport/transport.h"

typedef ddla_status ddla_aside_work(void *argument);

/* Returns when the work has ended, with its failure; where that is none, with what has happened to
 * the link meanwhile. threadless: the caller's thread does it, as in a simulator. Errors: also
 * NO_MEMORY. */
ddla_status ddla_aside_run(ddla_transport *link, bool threadless, ddla_aside_work *work,
                           void *argument);

#endif
