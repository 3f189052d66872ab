// SPDX-License-Identifier: GPL-2.0
/* Stress: threads race on the same dicts, sets and instances. */
#include "stress_race.h"

#define AT_ONCE		16	/* entries; dicts and sets stay about that short */

/* Entries as they stand; a container that has become long loses those that were read. */
static void look_through(struct race_thread *t, __u32 container, unsigned int take_out)
{
	struct refslab_entry entries[AT_ONCE];
	__u64 cursor = 0;
	size_t count, i;
	bool was;
	int err;

	err = refslab_op_items(t->session, container, &cursor, entries, AT_ONCE, &count);
	if (!refslab_race_did(t, REFSLAB_OP_ITEMS, err, ITERATED))
		return;
	for (i = 0; i < count; i++) {
		if (count == AT_ONCE && take_out == REFSLAB_OP_DISCARD) {
			err = refslab_op_discard(t->session, container, entries[i].key, &was);
			refslab_race_did(t, take_out, err, ONE_TYPE);
		} else if (count == AT_ONCE && take_out) {
			err = refslab_op_dict_delitem(t->session, container, entries[i].key);
			refslab_race_did(t, take_out, err, KEYED);
		}
		refslab_race_drop(t, entries[i].key);
		refslab_race_drop(t, entries[i].value);
	}
	/* Somebody may have added or taken out a key since: then it says so. */
	if (!cursor)
		return;
	err = refslab_op_items(t->session, container, &cursor, entries, AT_ONCE, &count);
	if (!refslab_race_did(t, REFSLAB_OP_ITEMS, err, ITERATED))
		return;
	for (i = 0; i < count; i++) {
		refslab_race_drop(t, entries[i].key);
		refslab_race_drop(t, entries[i].value);
	}
}

/* Any object: what cannot be one is refused. */
static __u32 pick_key(struct race_thread *t)
{
	return below(t, 3) ? refslab_race_pick_kind(t, RACE_NODE) : refslab_race_pick(t);
}

static void use_dict(struct race_thread *t)
{
	__u32 dict = refslab_race_pick_kind(t, RACE_DICT);
	bool is;
	int err;

	switch (below(t, 8)) {
	case 0:
		err = refslab_op_dict_delitem(t->session, dict, pick_key(t));
		refslab_race_did(t, REFSLAB_OP_DICT_DELITEM, err, KEYED);
		break;
	case 1:
	case 2:
		refslab_race_follow(t, REFSLAB_OP_DICT_ITEM, dict, pick_key(t), KEYED);
		break;
	case 3:
		err = refslab_op_contains(t->session, dict, pick_key(t), &is);
		refslab_race_did(t, REFSLAB_OP_CONTAINS, err, ONE_TYPE);
		break;
	case 4:
		look_through(t, dict, REFSLAB_OP_DICT_DELITEM);
		break;
	default:
		err = refslab_op_dict_setitem(t->session, dict, pick_key(t), refslab_race_pick(t));
		refslab_race_did(t, REFSLAB_OP_DICT_SETITEM, err, ONE_TYPE);
	}
}

static void use_set(struct race_thread *t)
{
	__u32 set = refslab_race_pick_kind(t, RACE_SET);
	bool is;
	int err;

	switch (below(t, 6)) {
	case 0:
		err = refslab_op_discard(t->session, set, pick_key(t), &is);
		refslab_race_did(t, REFSLAB_OP_DISCARD, err, ONE_TYPE);
		break;
	case 1:
		err = refslab_op_contains(t->session, set, pick_key(t), &is);
		refslab_race_did(t, REFSLAB_OP_CONTAINS, err, ONE_TYPE);
		break;
	case 2:
		look_through(t, set, REFSLAB_OP_DISCARD);
		break;
	default:
		err = refslab_op_add(t->session, set, pick_key(t), &is);
		refslab_race_did(t, REFSLAB_OP_ADD, err, ONE_TYPE);
	}
}

/* Names are few, so that they are met again; they are made and interned as they come. */
static void use_instance(struct race_thread *t)
{
	__u32 instance = refslab_race_pick_kind(t, RACE_INSTANCE), value;
	char name[] = { 'n', 'a', 'm', 'e', '_', 'a' + below(t, AT_ONCE), 0 };
	int err;

	switch (below(t, 6)) {
	case 0:
		err = refslab_op_delattr(t->session, instance, name);
		refslab_race_did(t, REFSLAB_OP_DELATTR, err, KEYED);
		break;
	case 1:
		err = refslab_op_getattr(t->session, instance, name, &value);
		if (refslab_race_did(t, REFSLAB_OP_GETATTR, err, KEYED))
			refslab_race_drop(t, value);
		break;
	case 2:
		look_through(t, instance, 0);
		break;
	default:
		err = refslab_op_setattr(t->session, instance, name, refslab_race_pick(t));
		refslab_race_did(t, REFSLAB_OP_SETATTR, err, ONE_TYPE);
	}
}

void refslab_race_keyed(struct race_thread *t)
{
	switch (below(t, 3)) {
	case 0:
		use_dict(t);
		break;
	case 1:
		use_set(t);
		break;
	default:
		use_instance(t);
	}
}
