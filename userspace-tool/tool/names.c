// SPDX-License-Identifier: GPL-2.0
/* What the names of a script stand for. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/linkhash.h>

#include "names.h"

struct type {
	__u32 number;
	char *name;
};

struct names {
	struct lh_table *handles;	/* name -> handle, as a pointer */
	struct type *types;		/* few: a heap has at most REFSLAB_MAX_TYPES */
	unsigned int nr_types;
};

static void free_entry(struct lh_entry *entry)
{
	free(lh_entry_k(entry));
}

struct names *refslab_names_new(void)
{
	struct names *names = calloc(1, sizeof(*names));

	if (!names)
		return NULL;
	names->handles = lh_kchar_table_new(64, free_entry);
	if (!names->handles) {
		free(names);
		return NULL;
	}
	return names;
}

void refslab_names_free(struct names *names)
{
	unsigned int i;

	if (!names)
		return;
	lh_table_free(names->handles);
	for (i = 0; i < names->nr_types; i++)
		free(names->types[i].name);
	free(names->types);
	free(names);
}

__u32 refslab_names_get(const struct names *names, const char *name)
{
	void *value;

	if (!lh_table_lookup_ex(names->handles, name, &value))
		return 0;
	return (uintptr_t)value;
}

bool refslab_names_set(struct names *names, const char *name, __u32 handle, __u32 *old)
{
	struct lh_entry *entry = lh_table_lookup_entry(names->handles, name);
	void *value = (void *)(uintptr_t)handle;
	char *key;

	*old = 0;
	if (entry) {
		*old = (uintptr_t)lh_entry_v(entry);
		lh_entry_set_val(entry, value);
		return true;
	}
	key = strdup(name);
	if (key && !lh_table_insert(names->handles, key, value))
		return true;
	free(key);
	return false;
}

void refslab_names_for_each(const struct names *names,
			    void (*fn)(const char *name, __u32 handle, void *arg), void *arg)
{
	struct lh_entry *entry;

	lh_foreach(names->handles, entry)
		fn(lh_entry_k(entry), (uintptr_t)lh_entry_v(entry), arg);
}

void refslab_names_unset(struct names *names, const char *name)
{
	lh_table_delete(names->handles, name);
}

bool refslab_names_add_type(struct names *names, const char *name, __u32 type)
{
	struct type *more;
	char *copy;

	if (refslab_names_type_name(names, type))
		return true;
	more = reallocarray(names->types, names->nr_types + 1, sizeof(*more));
	if (!more)
		return false;
	names->types = more;
	copy = strdup(name);
	if (!copy)
		return false;
	names->types[names->nr_types++] = (struct type){ .number = type, .name = copy };
	return true;
}

void refslab_names_each_type(const struct names *names,
			     void (*fn)(const char *name, __u32 type, void *arg), void *arg)
{
	unsigned int i;

	for (i = 0; i < names->nr_types; i++)
		fn(names->types[i].name, names->types[i].number, arg);
}

bool refslab_names_find_type(const struct names *names, const char *name, __u32 *type)
{
	unsigned int i;

	for (i = 0; i < names->nr_types; i++) {
		if (strcmp(names->types[i].name, name))
			continue;
		*type = names->types[i].number;
		return true;
	}
	return false;
}

const char *refslab_names_type_name(const struct names *names, __u32 type)
{
	unsigned int i;

	for (i = 0; i < names->nr_types; i++)
		if (names->types[i].number == type)
			return names->types[i].name;
	return NULL;
}
