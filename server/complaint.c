#include "server/complaint.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

enum options_result
complain(const struct complaint *complaint, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(complaint->why, complaint->size, format, arguments);
    va_end(arguments);
    for (char *byte = complaint->why; *byte != '\0'; byte++)
        if (iscntrl((unsigned char)*byte))
            *byte = '?';
    return OPTIONS_ERROR;
}
