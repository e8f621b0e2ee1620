/*
 * `chatd admin`: what who runs the server does with its accounts, also while it runs. It works on the
 * same database; instances hear within a second of what ends.
 */
#ifndef SERVER_ADMIN_H
#define SERVER_ADMIN_H

/*
 * Does what argv says, whose first word is "admin", and returns the exit status: 0, 1 when it could
 * not be done, 2 when argv makes no sense. Main thread only, before any other starts; blocks.
 */
int admin_main(int argc, char **argv);

#endif
