#include "rooms/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

/* What other hosts send may stand in a line: it must not be able to forge another one. */
static void
replace_control_characters(char *line, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    }
}

__attribute__((format(printf, 3, 0))) static void
write_line(const char *level, int error, const char *format, va_list arguments)
{
    char line[LINE_MAX_BYTES];
    struct timespec now;
    struct tm calendar;
    size_t length = 0;

    if (clock_gettime(CLOCK_REALTIME, &now) == 0 && gmtime_r(&now.tv_sec, &calendar) != NULL) {
        length = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%S", &calendar);
        length += (size_t)snprintf(line + length, sizeof(line) - length, ".%03ldZ ",
                                   now.tv_nsec / 1000000);
    }
    length += (size_t)snprintf(line + length, sizeof(line) - length, "%s ", level);
    int written = vsnprintf(line + length, sizeof(line) - length - 1, format, arguments);
    if (written > 0)
        length += (size_t)written;
    if (length < sizeof(line) - 1 && error != 0) {
        char text[128];
        written = snprintf(line + length, sizeof(line) - length - 1, ": %s",
                           strerror_r(error, text, sizeof(text)));
        if (written > 0)
            length += (size_t)written;
    }
    if (length > sizeof(line) - 2)
        length = sizeof(line) - 2;
    replace_control_characters(line, length);
    line[length++] = '\n';
    /* Where the log cannot be written there is nobody to tell. */
    if (write(STDERR_FILENO, line, length) < 0)
        return;
}

void
log_info(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_line("info", 0, format, arguments);
    va_end(arguments);
}

void
log_warnx(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_line("warning", 0, format, arguments);
    va_end(arguments);
}

void
log_warn(int error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_line("warning", error, format, arguments);
    va_end(arguments);
}
