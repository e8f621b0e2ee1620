/*
 * Names as they are compared: two names that people take for the same one fold to the same text.
 * Any thread; nothing here blocks.
 */
#ifndef ROOMS_NAME_FOLD_H
#define ROOMS_NAME_FOLD_H

#define NAME_FOLD_SIZE 257 /* a folded name has at most 256 bytes, and the NUL */

/*
 * Folds a user's name: case folding and NFKC (Unicode, 3.13 and UAX #15), without characters that
 * are not seen (Default_Ignorable_Code_Point), with a single space for white space, and none at the
 * ends. Folding what is folded changes nothing. Letters of different scripts stay different,
 * however alike they look.
 *
 * Returns 0, or -EINVAL, with *folded empty, for a name that is no valid UTF-8 of 1 to 64 bytes, of
 * which nothing is left, or which grows beyond the bound (U+FDFA becomes 18 letters): no account has
 * such a name. -ENOMEM when memory ran out.
 */
int name_fold(const char *name, char folded[NAME_FOLD_SIZE]);

#endif
