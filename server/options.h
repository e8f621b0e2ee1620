/*
 * The options: from the command line, then from CHATD_… in the environment, then the defaults.
 * Used by the main thread only, before any other starts.
 */
#ifndef SERVER_OPTIONS_H
#define SERVER_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "repo/repo.h"

/* Who may come in. */
enum auth {
    AUTH_OPEN,    /* guests too */
    AUTH_MEMBERS, /* who has an account */
};

/* Who may make an account. */
enum registration {
    REGISTRATION_OPEN,   /* everybody */
    REGISTRATION_INVITE, /* who has an invitation */
    REGISTRATION_CLOSED, /* nobody but who runs the server */
};

struct options {
    char host[256];                  /* of --addr; empty: every address of the machine */
    unsigned port;                   /* of --addr; 0: any free one */
    const char *database;            /* --db: path of the SQLite file */
    const char *static_directory;    /* --static: served instead of the page inside; or NULL */
    const char *user;                /* --user: whom the process becomes, or NULL */
    const char *origin;              /* --origin: whose pages may connect besides ours, or NULL */
    enum auth auth;                  /* --auth=open|members */
    enum registration registration;  /* --registration=open|invite|closed */
    const char *redis;               /* --redis: URL of the bus between instances, or NULL */
    const char *redis_prefix;        /* --redis-prefix: of the channels' names */
    const char *redis_password_file; /* --redis-password-file, or NULL */
    enum repo_durability durability; /* --durability=process|full */
    unsigned max_clients;            /* --max-clients; 0: what the descriptor limit allows */
    unsigned max_rooms;              /* --max-rooms: rooms that run at a time */
    unsigned max_rooms_per_client;   /* --max-rooms-per-client */
    unsigned room_grace_ms;          /* --room-grace: how long an empty room goes on running, ms */
    unsigned token_lifetime_s;       /* --token-lifetime: until a token that is not used ends, s */
    unsigned presence_grace_ms;      /* --presence-grace: until one without a connection left, ms */
    unsigned resume_limit;           /* --resume-limit: missed messages that a join brings */
    unsigned outbox_bytes;           /* --outbox: what may wait for a client that reads slowly */
    unsigned ping_after_s;           /* --ping-after: silence until a ping is sent, s */
    unsigned idle_timeout_s;         /* --idle-timeout: silence until the connection ends, s */
    bool compression;                /* --compression=on|off */
    const char *trusted_proxy;       /* --trusted-proxy: whose X-Forwarded-… count, or NULL */
    /* --limit-…; 0 in each: none. */
    unsigned limit_connections;    /* clients of an address at a time */
    unsigned limit_connects;       /* requests of an address, a minute */
    unsigned limit_messages;       /* messages of a user, a second */
    unsigned limit_messages_burst; /* and at once, after a pause */
    unsigned limit_rooms;          /* rooms that a user is in, with all its connections */
    unsigned limit_new_rooms;      /* rooms that a user makes, an hour */
    unsigned limit_registrations;  /* accounts made from an address, an hour */
    unsigned limit_logins;         /* failed logins to an account until there are pauses */
    unsigned limit_body;           /* of a request, bytes */
    unsigned limit_json_depth;     /* of objects and arrays in each other */
    unsigned limit_json_size;      /* of a WebSocket message, bytes */
    unsigned limit_frame_time_s;   /* for a WebSocket message to come */
    unsigned limit_head_time_s;    /* for the head of a request to come */
    bool check;                    /* --check: validate and exit */
};

enum options_result {
    OPTIONS_RUN,   /* go on with *options */
    OPTIONS_EXIT,  /* --help or --version was answered on stdout: exit 0 */
    OPTIONS_ERROR, /* *why has one line that names the option: exit 2 */
};

/*
 * Reads the options from argv and the environment into *options. Strings point into argv or the
 * environment.
 */
enum options_result options_parse(int argc, char **argv, struct options *options, char *why,
                                  size_t why_size);

/* The words that the options have for it. */
const char *options_auth_word(enum auth auth);
const char *options_registration_word(enum registration registration);

#endif
