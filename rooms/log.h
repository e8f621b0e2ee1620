/*
 * The log: one line an event, to stderr, one write(2) a line: "TIME LEVEL event key=value …".
 * Control characters are replaced, so that no value can forge a line.
 * Any thread; blocks only as stderr does.
 */
#ifndef ROOMS_LOG_H
#define ROOMS_LOG_H

/* An event of normal operation. */
__attribute__((format(printf, 1, 2))) void log_info(const char *format, ...);

/* Something that the operator should know about and that the server survives. */
__attribute__((format(printf, 1, 2))) void log_warnx(const char *format, ...);

/* The same, with ": " and the text of `error` (an errno, positive) behind it. */
__attribute__((format(printf, 2, 3))) void log_warn(int error, const char *format, ...);

#endif
