#include "server/bus.h"

#include "pubsub/pubsub.h"
#include "rooms/log.h"
#include "server/options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PASSWORD_SIZE 512

/* The first line of the file, without its end. */
static int
read_password(const char *path, char *password, size_t size, char *why, size_t why_size)
{
    FILE *file = fopen(path, "re");
    bool is_read = file != NULL && fgets(password, (int)size, file) != NULL;
    int error = is_read ? 0 : errno != 0 ? -errno : -ENODATA;

    if (file != NULL)
        fclose(file);
    if (error != 0)
        snprintf(why, why_size, "--redis-password-file: %s: %s", path, strerror(-error));
    else
        password[strcspn(password, "\r\n")] = '\0';
    return error;
}

static void
log_bus(enum pubsub_level level, const char *line)
{
    if (level == PUBSUB_WARNING)
        log_warnx("%s", line);
    else
        log_info("%s", line);
}

int
bus_open(const struct options *options, const char *instance, const unsigned char *secret,
         struct pubsub **out, char *why, size_t why_size)
{
    char password[PASSWORD_SIZE];
    const char *password_file = options->redis_password_file;

    if (options->redis == NULL)
        return pubsub_open_local(out);
    errno = 0;
    if (password_file != NULL) {
        int error = read_password(password_file, password, sizeof(password), why, why_size);
        if (error != 0)
            return error;
    }
    struct pubsub_redis_options redis = {
        .url = options->redis,
        .password = password_file != NULL ? password : NULL,
        .instance = instance,
        .key = secret,
        .log = log_bus,
    };
    int error = pubsub_open_redis(&redis, out, why, why_size);
    explicit_bzero(password, sizeof(password));
    return error;
}
