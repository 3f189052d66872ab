/* SPDX-License-Identifier: GPL-2.0 */
/* What the names of a script stand for: handles, and types. */
#ifndef _REFSLAB_NAMES_H
#define _REFSLAB_NAMES_H

#include <linux/types.h>
#include <stdbool.h>

struct names;

/* NULL when there is no memory. */
struct names *refslab_names_new(void);
void refslab_names_free(struct names *names);

/* The handle, or 0 for an unknown name. */
__u32 refslab_names_get(const struct names *names, const char *name);

/* The name now stands for @handle; *@old is the handle it stood for before, or 0. */
bool refslab_names_set(struct names *names, const char *name, __u32 handle, __u32 *old);

/* Calls @fn for each name of an object, in the order they were first given. */
void refslab_names_for_each(const struct names *names,
			    void (*fn)(const char *name, __u32 handle, void *arg), void *arg);

void refslab_names_unset(struct names *names, const char *name);

/* Types are numbered by the heap; a name says the same as before when given again. */
bool refslab_names_add_type(struct names *names, const char *name, __u32 type);
void refslab_names_each_type(const struct names *names,
			     void (*fn)(const char *name, __u32 type, void *arg), void *arg);
bool refslab_names_find_type(const struct names *names, const char *name, __u32 *type);

/* NULL: not one that the script has seen. */
const char *refslab_names_type_name(const struct names *names, __u32 type);

#endif /* _REFSLAB_NAMES_H */
