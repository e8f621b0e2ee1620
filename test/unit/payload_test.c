/* Payloads: what was written is read again, and nothing else is. */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "pubsub/message.h"
#include "pubsub/payload.h"
#include "test/unit/tap.h"

static const unsigned char key[PUBSUB_KEY_SIZE] = {1, 2, 3};
static const char channel[] = "chat:room:x";

#define PROOF "00000000000000000000000000000000" /* of the right length, and wrong */

static struct message *
make(const char *text, size_t length, uint64_t seq)
{
    struct message *message = message_new(text, length, seq);

    if (message == NULL)
        abort();
    return message;
}

/* Two messages, sealed for the channel. */
static struct payload
example(void)
{
    struct payload payload = {0};
    struct message *first = make("{\"a\":1}", 7, 41);
    struct message *second = make("", 0, 0);

    if (payload_begin(&payload, "instance-1", 17, 1700000000000) != 0 ||
        payload_add(&payload, first) != 0 || payload_add(&payload, second) != 0)
        abort();
    payload_seal(&payload, key, channel);
    message_rele(first);
    message_rele(second);
    return payload;
}

/* Opens a copy of just these bytes, so that the sanitizers see a read behind them. */
static int
open_copy(const char *data, size_t length, const unsigned char *with, const char *on)
{
    struct payload_reader reader;
    char *copy = malloc(length > 0 ? length : 1);
    int error;

    if (copy == NULL)
        abort();
    memcpy(copy, data, length);
    error = payload_open(&reader, with, on, copy, length);
    free(copy);
    return error;
}

/* Puts the right proof into a first line, "chatd2 " and `author`, and what follows. */
static int
open_sealed(const char *author, const char *rest, size_t rest_length)
{
    struct payload payload = {0};
    int error;

    if (payload_begin(&payload, "i", 1, 1) != 0 || rest_length > 512)
        abort();
    payload.length =
        (size_t)snprintf(payload.data, payload.capacity, "chatd2 %s %s\n", author, PROOF);
    payload.header_length = payload.length;
    memcpy(payload.data + payload.length, rest, rest_length);
    payload.length += rest_length;
    payload_seal(&payload, key, channel);
    error = open_copy(payload.data, payload.length, key, channel);
    payload_release(&payload);
    return error;
}

static void
test_round_trip(void)
{
    static char large[300000];
    const struct {
        const char *text;
        size_t length;
        uint64_t seq;
    } all[] = {{"x", 1, 1},
               {"", 0, 0},
               {"\n1 1\n", 5, UINT64_MAX},
               {"\0\0", 2, 10},
               {large, sizeof(large), 7}};
    struct payload payload = {0};
    struct payload_reader reader;
    const char *text;
    size_t length;
    uint64_t seq;
    bool is_same = true;

    for (uint64_t round = 0; round < 2; round++) {
        if (payload_begin(&payload, "0123456789-abcdefghijklmnopqrst_.XYZ", UINT64_MAX - round,
                          INT64_MAX - (int64_t)round) != 0)
            abort();
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
            struct message *message = make(all[i].text, all[i].length, all[i].seq);
            if (payload_add(&payload, message) != 0)
                abort();
            message_rele(message);
        }
        payload_seal(&payload, key, channel);
        ok(payload.count == 5 &&
               payload_open(&reader, key, channel, payload.data, payload.length) == 0,
           "a payload of five messages opens");
        ok(strcmp(reader.instance, "0123456789-abcdefghijklmnopqrst_.XYZ") == 0,
           "it says who wrote it");
        ok(reader.number == UINT64_MAX - round && reader.time == INT64_MAX - (int64_t)round,
           "and which one it is, and when");
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
            is_same = is_same && payload_next(&reader, &seq, &text, &length) && seq == all[i].seq &&
                      length == all[i].length && memcmp(text, all[i].text, length) == 0;
        ok(is_same && !payload_next(&reader, &seq, &text, &length), "all of them, and no more");
    }
    payload_release(&payload);
}

static void
test_damage(void)
{
    struct payload payload = example();
    size_t accepted = 0;

    ok(open_copy(payload.data, payload.length, key, channel) == 0, "as it is, it opens");
    for (size_t i = 0; i < payload.length * 8; i++) {
        unsigned char *byte = (unsigned char *)&payload.data[i / 8];
        *byte = (unsigned char)(*byte ^ 1u << i % 8);
        accepted += open_copy(payload.data, payload.length, key, channel) != -EBADMSG;
        *byte = (unsigned char)(*byte ^ 1u << i % 8);
    }
    ok(accepted == 0, "with any one bit flipped it does not");
    for (size_t length = 0; length < payload.length; length++)
        accepted += open_copy(payload.data, length, key, channel) != -EBADMSG;
    ok(accepted == 0, "nor cut off anywhere");
    for (size_t start = 1; start < payload.length; start++)
        accepted +=
            open_copy(payload.data + start, payload.length - start, key, channel) != -EBADMSG;
    ok(accepted == 0, "nor without its beginning");
    char *longer = malloc(payload.length + 1);
    if (longer == NULL)
        abort();
    memcpy(longer, payload.data, payload.length);
    for (int byte = 0; byte < 256; byte++) {
        longer[payload.length] = (char)byte;
        accepted += open_copy(longer, payload.length + 1, key, channel) != -EBADMSG;
    }
    ok(accepted == 0, "nor with a byte more");
    free(longer);
    payload_release(&payload);
}

static void
test_elsewhere(void)
{
    static const unsigned char other_key[PUBSUB_KEY_SIZE] = {1, 2, 4};
    struct payload payload = example();
    struct message *message = make("x", 1, 1);

    ok(open_copy(payload.data, payload.length, key, "chat:room:y") == -EBADMSG,
       "a payload of another channel is refused");
    ok(open_copy(payload.data, payload.length, key, "chat:room:") == -EBADMSG,
       "also of one whose name begins the same");
    ok(open_copy(payload.data, payload.length, other_key, channel) == -EBADMSG,
       "and that of another chat");
    if (payload_begin(&payload, "instance-2", 17, 1700000000000) != 0 ||
        payload_add(&payload, message) != 0)
        abort();
    payload_seal(&payload, key, channel);
    memcpy(payload.data + strlen("chatd2 "), "instance-1", strlen("instance-1"));
    ok(open_copy(payload.data, payload.length, key, channel) == -EBADMSG,
       "nobody can pass for another instance");
    if (payload_begin(&payload, "instance-1", 17, 1700000000000) != 0)
        abort();
    payload_seal(&payload, key, channel);
    memcpy(payload.data + strlen("chatd2 instance-1 "), "18", 2);
    ok(open_copy(payload.data, payload.length, key, channel) == -EBADMSG, "or change the number");
    memcpy(payload.data + strlen("chatd2 instance-1 "), "17 1700000000001", 16);
    ok(open_copy(payload.data, payload.length, key, channel) == -EBADMSG, "or the time");
    message_rele(message);
    payload_release(&payload);
}

static void
test_structure(void)
{
    static const char *const wrong[] = {
        "x",
        "1",
        "1 ",
        "1 1",
        "1 1\n",
        "1 1\nx",
        "1 2\nx\n",
        "1 0\nx\n",
        "01 1\nx\n",
        "1 01\nx\n",
        "-1 1\nx\n",
        "1 -1\nx\n",
        "+1 1\nx\n",
        " 1 1\nx\n",
        "1  1\nx\n",
        "1 1 \nx\n",
        "1 1\r\nx\r\n",
        "1 1\nxy",
        "1 1\nx\n\n",
        "1 1\nx\n1 1",
        "18446744073709551616 1\nx\n",
        "1 18446744073709551616\nx\n",
        "1 18446744073709551615\nx\n",
        "1 99999999999999999999\nx\n",
        "0x1 1\nx\n",
        "\n",
    };

    ok(open_sealed("i 1 1", "1 1\nx\n", 6) == 0, "what is well formed opens");
    ok(open_sealed("i 1 1", "18446744073709551615 1\nx\n", 25) == 0, "also with the largest seq");
    ok(open_sealed("i 1 1", "", 0) == 0, "and one without messages");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ok(open_sealed("i 1 1", wrong[i], strlen(wrong[i])) == -EBADMSG,
           "proven but malformed, it does not: number %zu", i);
    ok(open_sealed("i 1 1", "1 1\nx\0", 6) == -EBADMSG, "nor with a NUL in place of a newline");
}

static void
test_first_line(void)
{
    static const char *const right[] = {
        "i 0 0",
        "0123456789-abcdefghijklmnopqrst_.XYZ 18446744073709551615 9223372036854775807",
    };
    static const char *const wrong[] = {
        "",
        "i",
        "i ",
        "i 1",
        "i 1 ",
        "i  1",
        " 1 1",
        "i 1 1 ",
        "i  1 1",
        "i 1  1",
        " i 1 1",
        "i 1 1 1",
        "i 01 1",
        "i 1 01",
        "i -1 1",
        "i 1 -1",
        "i +1 1",
        "i 0x1 1",
        "i 1 1.0",
        "i 1\n1",
        "i\n1 1",
        "i\t1\t1",
        "i 18446744073709551616 1",
        "i 1 9223372036854775808",
        "i 1 18446744073709551616",
        "\xc3\xbc 1 1",
        "0123456789012345678901234567890123456 1 1",
    };

    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
        ok(open_sealed(right[i], "1 1\nx\n", 6) == 0, "a first line: number %zu", i);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ok(open_sealed(wrong[i], "1 1\nx\n", 6) == -EBADMSG, "proven, but none: number %zu", i);
}

static void
test_rubbish(void)
{
    size_t accepted = 0;

    for (size_t round = 0; round < 20000; round++) {
        char data[200] = "chatd2 ";
        size_t length = randombytes_uniform(sizeof(data));
        size_t kept = round % 2 == 0 ? strlen(data) : 0;
        randombytes_buf(data + kept, sizeof(data) - kept);
        accepted += open_copy(data, length, key, channel) != -EBADMSG;
    }
    ok(accepted == 0, "rubbish is refused");
    static const char *const lines[] = {"chatd2 " PROOF "\n",
                                        "chatd2  " PROOF "\n",
                                        "chatd2 i " PROOF "\n",
                                        "chatd1 i 1 1 " PROOF "\n",
                                        "chatd2 i 1 1 00000000000000000000000000000000",
                                        "chatd2\n",
                                        "\n"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        accepted += open_copy(lines[i], strlen(lines[i]), key, channel) != -EBADMSG;
    ok(accepted == 0, "also first lines that lack something");
}

static void
test_limits(void)
{
    struct payload payload = {0};
    char *text = calloc(1, PAYLOAD_MAX + 1);

    if (text == NULL || payload_begin(&payload, "i", 1, 1) != 0)
        abort();
    size_t room = PAYLOAD_MAX - payload.length - strlen("1 1000000\n") - 1;
    struct message *too_large = make(text, room + 1, 1);
    struct message *just_fits = make(text, room, 1);
    struct message *never = make(text, PAYLOAD_MAX + 1, 1);
    ok(payload_add(&payload, too_large) == -EMSGSIZE && payload_add(&payload, never) == -EMSGSIZE &&
           payload.count == 0,
       "a message that is too large is not added");
    ok(payload_add(&payload, just_fits) == 0 && payload.length == PAYLOAD_MAX, "one that fits is");
    payload_seal(&payload, key, channel);
    ok(open_copy(payload.data, payload.length, key, channel) == 0, "and opens");
    free(text);
    message_rele(too_large);
    message_rele(just_fits);
    message_rele(never);
    payload_release(&payload);

    ok(payload_is_instance("a") && payload_is_instance("kPkDJ4yuHUfI6VcqLlI3Fg") &&
           payload_is_instance("0-._Z"),
       "ids of instances");
    ok(!payload_is_instance("") && !payload_is_instance("a b") && !payload_is_instance("a\n") &&
           !payload_is_instance("\xc3\xbc") &&
           !payload_is_instance("0123456789012345678901234567890123456"),
       "what is none");
}

int
main(void)
{
    if (sodium_init() < 0)
        abort();
    test_round_trip();
    test_damage();
    test_elsewhere();
    test_structure();
    test_first_line();
    test_rubbish();
    test_limits();
    return done_testing();
}
