#include "server/admin_password.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* What a terminal can send to end the process, or to stop it. */
static const int interruptions[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};

#define INTERRUPTIONS (sizeof(interruptions) / sizeof(*interruptions))

static atomic_int interrupted; /* the signal that came, 0: none */
static int alarm_pipe[2];      /* into which it is told: the signal may be another thread's */

static void
note_interruption(int number)
{
    int error = errno;

    interrupted = number;
    if (write(alarm_pipe[1], "", 1) < 0)
        interrupted = number; /* it is full: whoever waits has been told */
    errno = error;
}

/* Waits until there is something to read at the terminal; -EINTR when it is interrupted. */
static int
wait_for_input(void)
{
    struct pollfd inputs[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                              {.fd = alarm_pipe[0], .events = POLLIN}};

    while (poll(inputs, 2, -1) < 0)
        if (errno != EINTR)
            return -errno;
    return interrupted != 0 ? -EINTR : 0;
}

/*
 * Reads up to the end of the line, or of the file, byte by byte: what comes after it is not ours.
 * `may_end`: it is the terminal, and -EINTR when that is interrupted. Returns the length, or a negative
 * errno.
 */
static int
read_line(int file, bool may_end, char out[ADMIN_PASSWORD_SIZE])
{
    size_t length = 0;
    char byte;
    ssize_t count;

    for (;;) {
        int error = may_end ? wait_for_input() : 0;
        if (error != 0)
            return error;
        count = read(file, &byte, 1);
        if (count != 1 || byte == '\n')
            break;
        if (byte == '\0')
            return -EINVAL;
        if (length == ADMIN_PASSWORD_SIZE - 1)
            return -E2BIG;
        out[length++] = byte;
    }
    if (count < 0)
        return -errno;
    if (count == 1 && length > 0 && out[length - 1] == '\r')
        length--; /* a line as Windows ends it */
    out[length] = '\0';
    return (int)length;
}

/* Writes all of it to the terminal. */
static int
show(const char *text)
{
    size_t length = strlen(text);
    return write(STDERR_FILENO, text, length) == (ssize_t)length ? 0 : -EIO;
}

static int
ask_once(const char *prompt, char out[ADMIN_PASSWORD_SIZE])
{
    int error = show(prompt);
    int length = error == 0 ? read_line(STDIN_FILENO, true, out) : error;
    if (length >= 0 || interrupted != 0)
        error = show("\n"); /* the one that was typed is not shown */
    return length < 0 ? length : error;
}

static int
ask_twice(char out[ADMIN_PASSWORD_SIZE])
{
    char again[ADMIN_PASSWORD_SIZE] = "";

    int error = ask_once("Password: ", out);
    if (error == 0)
        error = ask_once("The same again: ", again);
    if (error == 0 && strcmp(out, again) != 0)
        error = -EKEYREJECTED;
    explicit_bzero(again, sizeof(again));
    return error;
}

/* Sets what the signals do, and keeps in `before` what they did; with NULL, sets them back to that. */
static int
set_actions(const struct sigaction *action, struct sigaction *before)
{
    int error = 0;

    for (size_t i = 0; i < INTERRUPTIONS; i++)
        if (sigaction(interruptions[i], action != NULL ? action : &before[i],
                      action != NULL ? &before[i] : NULL) < 0)
            error = -errno;
    return error;
}

/* Asks at the terminal. Whatever ends that, the terminal shows again what is typed. */
static int
ask_hidden(char out[ADMIN_PASSWORD_SIZE])
{
    struct termios shown;

    if (tcgetattr(STDIN_FILENO, &shown) < 0)
        return -errno;
    struct termios hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    int error = tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) < 0 ? -errno : ask_twice(out);
    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown) < 0 && error == 0)
        error = -errno;
    return error;
}

/* The same; what interrupts it does so afterwards. */
static int
ask(char out[ADMIN_PASSWORD_SIZE])
{
    const struct sigaction action = {.sa_handler = note_interruption};
    struct sigaction before[INTERRUPTIONS] = {0};

    interrupted = 0;
    if (pipe2(alarm_pipe, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    int error = set_actions(&action, before);
    if (error == 0)
        error = ask_hidden(out);
    int restored = set_actions(NULL, before);
    close(alarm_pipe[0]);
    close(alarm_pipe[1]);
    if (interrupted != 0 && raise(interrupted) != 0)
        return -EINTR;
    return error != 0 ? error : restored;
}

static int
read_file(const char *path, char out[ADMIN_PASSWORD_SIZE])
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return -errno;
    int length = read_line(file, false, out);
    close(file);
    return length;
}

int
admin_password_read(const char *path, char out[ADMIN_PASSWORD_SIZE], char *why, size_t why_size)
{
    const char *source = path != NULL ? path : "standard input";
    int result = path != NULL                ? read_file(path, out)
                 : isatty(STDIN_FILENO) == 1 ? ask(out)
                                             : read_line(STDIN_FILENO, false, out);

    if (result >= 0)
        return 0;
    if (result == -E2BIG || result == -EINVAL)
        snprintf(why, why_size, "%s: this is no password: %s", source,
                 result == -E2BIG ? "it has more than 1,024 bytes" : "there is a NUL in it");
    else if (result == -EKEYREJECTED)
        snprintf(why, why_size, "the two passwords differ");
    else
        snprintf(why, why_size, "%s: cannot read the password: %s", source, strerror(-result));
    return result;
}
