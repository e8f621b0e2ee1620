/* One line on what is wrong with a command line. The main thread; nothing here blocks. */
#ifndef SERVER_COMPLAINT_H
#define SERVER_COMPLAINT_H

#include "server/options.h"

#include <stddef.h>

/* Where complaints go; the text stays the caller's. */
struct complaint {
    char *why;
    size_t size;
};

/*
 * Writes one line, whatever the user typed: control characters become question marks. Returns
 * OPTIONS_ERROR, so that a check can end so.
 */
__attribute__((format(printf, 2, 3))) enum options_result
complain(const struct complaint *complaint, const char *format, ...);

#endif
