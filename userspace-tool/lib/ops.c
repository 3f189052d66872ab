// SPDX-License-Identifier: GPL-2.0
/* One function per operation. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "librefslab.h"

#define PTR(p)	((__u64)(size_t)(p))

static int do_op(struct refslab_session *s, struct refslab_op *op)
{
	return refslab_session_submit(s, op, 1, NULL);
}

/* Operations whose result, if any, is one handle or type number. */
static int do_u32(struct refslab_session *s, struct refslab_op *op, __u32 *result)
{
	int err = do_op(s, op);

	if (!err)
		*result = op->result[0];
	return err;
}

static int do_u64(struct refslab_session *s, struct refslab_op *op, __u64 *result)
{
	int err = do_op(s, op);

	if (!err)
		*result = op->result[0];
	return err;
}

/* Bytes of an array with room for @max, or for as many as one operation writes: 1 MiB of them. */
static __u64 room_for(size_t max, size_t size)
{
	const size_t most = (1u << 20) / size;

	return (max < most ? max : most) * size;
}

int refslab_op_type(struct refslab_session *s, const char *name, const struct refslab_type_def *def,
		    __u32 *type)
{
	struct refslab_op op = {
		.opcode = REFSLAB_OP_TYPE,
		.arg = { PTR(name), strlen(name), PTR(def), sizeof(*def) },
	};

	return do_u32(s, &op, type);
}

int refslab_op_type_find(struct refslab_session *s, const char *name, struct refslab_type_def *def,
			 __u32 *type, bool *own)
{
	struct refslab_type_def found = { };
	struct refslab_op op = {
		.opcode = REFSLAB_OP_TYPE_FIND,
		.arg = { PTR(name), strlen(name), PTR(&found), sizeof(found) },
	};
	int err = do_u32(s, &op, type);

	if (err)
		return err;
	if (def)
		*def = found;
	if (own)
		*own = op.result[1];
	return 0;
}

int refslab_op_new(struct refslab_session *s, __u32 type, __u32 *handle)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_NEW, .arg = { type } };

	return do_u32(s, &op, handle);
}

int refslab_op_int(struct refslab_session *s, __s64 value, __u32 *handle)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_INT, .arg = { (__u64)value } };

	return do_u32(s, &op, handle);
}

int refslab_op_str(struct refslab_session *s, const char *text, size_t len, __u32 *handle)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_STR, .arg = { PTR(text), len } };

	return do_u32(s, &op, handle);
}

int refslab_op_list(struct refslab_session *s, __u32 *handle)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_LIST };

	return do_u32(s, &op, handle);
}

int refslab_op_float(struct refslab_session *s, double value, __u32 *handle)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_FLOAT };

	static_assert(sizeof(value) == sizeof(op.arg[0]), "a double has 64 bits");
	memcpy(&op.arg[0], &value, sizeof(value));
	return do_u32(s, &op, handle);
}

int refslab_op_bytes(struct refslab_session *s, const void *data, size_t len, __u32 *handle)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_BYTES, .arg = { PTR(data), len } };

	return do_u32(s, &op, handle);
}

int refslab_op_tuple(struct refslab_session *s, const __u32 *elements, size_t len, __u32 *handle)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_TUPLE, .arg = { PTR(elements), len } };

	return do_u32(s, &op, handle);
}

int refslab_op_dup(struct refslab_session *s, __u32 handle, __u32 *copy)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_DUP, .arg = { handle } };

	return do_u32(s, &op, copy);
}

int refslab_op_close(struct refslab_session *s, __u32 handle)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_CLOSE, .arg = { handle } };

	return do_op(s, &op);
}

int refslab_op_is(struct refslab_session *s, __u32 handle, __u32 other, bool *same)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_IS, .arg = { handle, other } };
	int err = do_op(s, &op);

	if (!err)
		*same = op.result[0];
	return err;
}

int refslab_op_setslot(struct refslab_session *s, __u32 handle, __u64 slot, __u32 target)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_SETSLOT, .arg = { handle, slot, target } };

	return do_op(s, &op);
}

int refslab_op_clearslot(struct refslab_session *s, __u32 handle, __u64 slot)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_CLEARSLOT, .arg = { handle, slot } };

	return do_op(s, &op);
}

int refslab_op_slot(struct refslab_session *s, __u32 handle, __u64 slot, __u32 *target)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_SLOT, .arg = { handle, slot } };

	return do_u32(s, &op, target);
}

int refslab_op_write(struct refslab_session *s, __u32 handle, __u64 offset, const void *buf,
		     size_t len)
{
	struct refslab_op op = {
		.opcode = REFSLAB_OP_WRITE,
		.arg = { handle, offset, PTR(buf), len },
	};

	return do_op(s, &op);
}

int refslab_op_read(struct refslab_session *s, __u32 handle, __u64 offset, void *buf, size_t len)
{
	struct refslab_op op = {
		.opcode = REFSLAB_OP_READ,
		.arg = { handle, offset, PTR(buf), len },
	};

	return do_op(s, &op);
}

int refslab_op_append(struct refslab_session *s, __u32 list, __u32 element)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_APPEND, .arg = { list, element } };

	return do_op(s, &op);
}

int refslab_op_insert(struct refslab_session *s, __u32 list, __u64 index, __u32 element)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_INSERT, .arg = { list, index, element } };

	return do_op(s, &op);
}

int refslab_op_pop(struct refslab_session *s, __u32 list, __u64 index, __u32 *element)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_POP, .arg = { list, index } };

	return do_u32(s, &op, element);
}

int refslab_op_setitem(struct refslab_session *s, __u32 list, __u64 index, __u32 element)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_SETITEM, .arg = { list, index, element } };

	return do_op(s, &op);
}

int refslab_op_delitem(struct refslab_session *s, __u32 list, __u64 index)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_DELITEM, .arg = { list, index } };

	return do_op(s, &op);
}

int refslab_op_item(struct refslab_session *s, __u32 list, __u64 index, __u32 *element)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_ITEM, .arg = { list, index } };

	return do_u32(s, &op, element);
}

int refslab_op_len(struct refslab_session *s, __u32 handle, __u64 *len)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_LEN, .arg = { handle } };

	return do_u64(s, &op, len);
}

int refslab_op_dict(struct refslab_session *s, __u32 *handle)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_DICT };

	return do_u32(s, &op, handle);
}

int refslab_op_set(struct refslab_session *s, __u32 *handle)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_SET };

	return do_u32(s, &op, handle);
}

int refslab_op_instance(struct refslab_session *s, __u32 *handle)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_INSTANCE };

	return do_u32(s, &op, handle);
}

int refslab_op_dict_setitem(struct refslab_session *s, __u32 dict, __u32 key, __u32 value)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_DICT_SETITEM, .arg = { dict, key, value } };

	return do_op(s, &op);
}

int refslab_op_dict_item(struct refslab_session *s, __u32 dict, __u32 key, __u32 *value)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_DICT_ITEM, .arg = { dict, key } };

	return do_u32(s, &op, value);
}

int refslab_op_dict_delitem(struct refslab_session *s, __u32 dict, __u32 key)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_DICT_DELITEM, .arg = { dict, key } };

	return do_op(s, &op);
}

/* Operations on an object and another whose result is yes or no, which may be of no interest. */
static int do_bool(struct refslab_session *s, unsigned int opcode, __u32 handle, __u32 other,
		   bool *result)
{
	struct refslab_op op = { .opcode = opcode, .arg = { handle, other } };
	int err = do_op(s, &op);

	if (!err && result)
		*result = op.result[0];
	return err;
}

int refslab_op_add(struct refslab_session *s, __u32 set, __u32 element, bool *added)
{
	return do_bool(s, REFSLAB_OP_ADD, set, element, added);
}

int refslab_op_discard(struct refslab_session *s, __u32 set, __u32 element, bool *removed)
{
	return do_bool(s, REFSLAB_OP_DISCARD, set, element, removed);
}

int refslab_op_contains(struct refslab_session *s, __u32 handle, __u32 element, bool *contained)
{
	return do_bool(s, REFSLAB_OP_CONTAINS, handle, element, contained);
}

/* An operation with @handle and a value in place of an object. */
static int do_byvalue(struct refslab_session *s, unsigned int opcode, __u32 handle,
		      const struct refslab_key *key, __u64 *result)
{
	struct refslab_op op = { .opcode = opcode, .arg = { handle, key->kind } };

	switch (key->kind) {
	case REFSLAB_VALUE_INT:
		op.arg[2] = key->integer;
		break;
	case REFSLAB_VALUE_FLOAT:
		memcpy(&op.arg[2], &key->real, sizeof(key->real));
		break;
	default:
		op.arg[2] = PTR(key->data);
		op.arg[3] = key->len;
		break;
	}
	return do_u64(s, &op, result);
}

int refslab_op_dict_item_byvalue(struct refslab_session *s, __u32 dict,
				 const struct refslab_key *key, __u32 *value)
{
	__u64 result;
	int err = do_byvalue(s, REFSLAB_OP_DICT_ITEM_BYVALUE, dict, key, &result);

	if (!err)
		*value = result;
	return err;
}

int refslab_op_contains_byvalue(struct refslab_session *s, __u32 handle,
				const struct refslab_key *element, bool *contained)
{
	__u64 result;
	int err = do_byvalue(s, REFSLAB_OP_CONTAINS_BYVALUE, handle, element, &result);

	if (!err)
		*contained = result;
	return err;
}

int refslab_op_setattr(struct refslab_session *s, __u32 instance, const char *name, __u32 value)
{
	struct refslab_op op = {
		.opcode = REFSLAB_OP_SETATTR,
		.arg = { instance, PTR(name), strlen(name), value },
	};

	return do_op(s, &op);
}

int refslab_op_getattr(struct refslab_session *s, __u32 instance, const char *name, __u32 *value)
{
	struct refslab_op op = {
		.opcode = REFSLAB_OP_GETATTR,
		.arg = { instance, PTR(name), strlen(name) },
	};

	return do_u32(s, &op, value);
}

int refslab_op_delattr(struct refslab_session *s, __u32 instance, const char *name)
{
	struct refslab_op op = {
		.opcode = REFSLAB_OP_DELATTR,
		.arg = { instance, PTR(name), strlen(name) },
	};

	return do_op(s, &op);
}

int refslab_op_items(struct refslab_session *s, __u32 handle, __u64 *cursor,
		     struct refslab_entry *entries, size_t max, size_t *count)
{
	struct refslab_op op = {
		.opcode = REFSLAB_OP_ITEMS,
		.arg = { handle, *cursor, PTR(entries), room_for(max, sizeof(*entries)) },
	};
	int err = do_op(s, &op);

	if (err)
		return err;
	*count = op.result[0];
	*cursor = op.result[1];
	return 0;
}

int refslab_op_map(struct refslab_session *s, __u32 handle, __u64 *offset, __u64 *len)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_MAP, .arg = { handle } };
	int err = do_op(s, &op);

	if (err)
		return err;
	*offset = op.result[0];
	*len = op.result[1];
	return 0;
}

int refslab_op_int_value(struct refslab_session *s, __u32 handle, __s64 *value)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_INT_VALUE, .arg = { handle } };
	int err = do_op(s, &op);

	if (!err)
		*value = (__s64)op.result[0];
	return err;
}

int refslab_op_float_value(struct refslab_session *s, __u32 handle, double *value)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_FLOAT_VALUE, .arg = { handle } };
	int err = do_op(s, &op);

	if (!err)
		memcpy(value, &op.result[0], sizeof(*value));
	return err;
}

/* The text of a str, or what is in a bytes. */
static int do_value(struct refslab_session *s, unsigned int opcode, __u32 handle, void *buf,
		    size_t size, size_t *len)
{
	struct refslab_op op = {
		.opcode = opcode,
		.arg = { handle, PTR(buf), size },
	};
	int err = do_op(s, &op);

	if (!err && len)
		*len = op.result[0];
	return err;
}

int refslab_op_str_value(struct refslab_session *s, __u32 handle, void *buf, size_t size,
			 size_t *len)
{
	return do_value(s, REFSLAB_OP_STR_VALUE, handle, buf, size, len);
}

int refslab_op_bytes_value(struct refslab_session *s, __u32 handle, void *buf, size_t size,
			   size_t *len)
{
	return do_value(s, REFSLAB_OP_BYTES_VALUE, handle, buf, size, len);
}

int refslab_op_typeof(struct refslab_session *s, __u32 handle, void *buf, size_t size, __u32 *type,
		      size_t *len)
{
	struct refslab_op op = {
		.opcode = REFSLAB_OP_TYPEOF,
		.arg = { handle, PTR(buf), size },
	};
	int err = do_op(s, &op);

	if (!err && type)
		*type = op.result[0];
	if (!err && len)
		*len = op.result[1];
	return err;
}

int refslab_op_refcount(struct refslab_session *s, __u32 handle, __u32 *count)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_REFCOUNT, .arg = { handle } };

	return do_u32(s, &op, count);
}

int refslab_op_id(struct refslab_session *s, __u32 handle, __u64 *id)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_ID, .arg = { handle } };

	return do_u64(s, &op, id);
}

int refslab_op_tracked(struct refslab_session *s, __u32 handle, bool *tracked,
		       unsigned int *generation)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_TRACKED, .arg = { handle } };
	int err = do_op(s, &op);

	if (err)
		return err;
	*tracked = op.result[0];
	if (generation)
		*generation = op.result[1];
	return 0;
}

int refslab_op_block(struct refslab_session *s, __u32 handle, struct refslab_block *block)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_BLOCK, .arg = { handle } };
	int err = do_op(s, &op);

	if (err)
		return err;
	block->arena = op.result[0];
	block->pool = op.result[1] >> 32;
	block->block = (__u32)op.result[1];
	return 0;
}

int refslab_op_collect(struct refslab_session *s, unsigned int generation, __u64 *unreachable,
		       __u64 *uncollectable)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_COLLECT, .arg = { generation } };
	int err = do_op(s, &op);

	if (err)
		return err;
	*unreachable = op.result[0];
	if (uncollectable)
		*uncollectable = op.result[1];
	return 0;
}

int refslab_op_enable(struct refslab_session *s)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_ENABLE };

	return do_op(s, &op);
}

int refslab_op_disable(struct refslab_session *s)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_DISABLE };

	return do_op(s, &op);
}

int refslab_op_isenabled(struct refslab_session *s, bool *enabled)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_ISENABLED };
	int err = do_op(s, &op);

	if (!err)
		*enabled = op.result[0];
	return err;
}

int refslab_op_set_threshold(struct refslab_session *s, const __u32 threshold[REFSLAB_GENERATIONS])
{
	struct refslab_op op = {
		.opcode = REFSLAB_OP_SET_THRESHOLD,
		.arg = { threshold[0], threshold[1], threshold[2] },
	};

	return do_op(s, &op);
}

/* Operations that fill a structure: into a copy, so that an error leaves the caller's alone. */
static int do_fill(struct refslab_session *s, unsigned int opcode, void *copy, void *out,
		   size_t size)
{
	struct refslab_op op = { .opcode = opcode, .arg = { PTR(copy), size } };
	int err;

	memset(copy, 0, size);
	err = do_op(s, &op);
	if (!err)
		memcpy(out, copy, size);
	return err;
}

int refslab_op_get_threshold(struct refslab_session *s, __u32 threshold[REFSLAB_GENERATIONS])
{
	__u32 copy[REFSLAB_GENERATIONS];

	return do_fill(s, REFSLAB_OP_GET_THRESHOLD, copy, threshold, sizeof(copy));
}

int refslab_op_get_count(struct refslab_session *s, __u32 count[REFSLAB_GENERATIONS])
{
	__u32 copy[REFSLAB_GENERATIONS];

	return do_fill(s, REFSLAB_OP_GET_COUNT, copy, count, sizeof(copy));
}

int refslab_op_get_stats(struct refslab_session *s, struct refslab_gc_stats *stats)
{
	struct refslab_gc_stats copy;

	return do_fill(s, REFSLAB_OP_GET_STATS, &copy, stats, sizeof(copy));
}

/* Operations that write records, and give a cursor to go on with. */
static int do_records(struct refslab_session *s, struct refslab_op *op, __u64 *cursor,
		      size_t *count)
{
	int err = do_op(s, op);

	if (err)
		return err;
	*count = op->result[0];
	*cursor = op->result[1];
	return 0;
}

int refslab_op_objects(struct refslab_session *s, __u64 *cursor, __u32 generation,
		       struct refslab_record *records, size_t max, size_t *count)
{
	struct refslab_op op = {
		.opcode = REFSLAB_OP_OBJECTS,
		.arg = { *cursor, generation, PTR(records), room_for(max, sizeof(*records)) },
	};

	return do_records(s, &op, cursor, count);
}

int refslab_op_trim(struct refslab_session *s, __u64 *bytes)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_TRIM };
	int err = do_op(s, &op);

	if (!err && bytes)
		*bytes = op.result[0];
	return err;
}

int refslab_op_stat(struct refslab_session *s, struct refslab_stat *stat)
{
	struct refslab_stat copy;

	return do_fill(s, REFSLAB_OP_STAT, &copy, stat, sizeof(copy));
}

int refslab_op_weak(struct refslab_session *s, __u32 handle, __u32 flags, __u32 *weak)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_WEAK, .arg = { handle, flags } };

	return do_u32(s, &op, weak);
}

int refslab_op_deref(struct refslab_session *s, __u32 weak, __u32 *handle)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_DEREF, .arg = { weak } };

	return do_u32(s, &op, handle);
}

int refslab_op_byid(struct refslab_session *s, __u64 id, __u32 *handle)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_BYID, .arg = { id } };

	return do_u32(s, &op, handle);
}

int refslab_op_finalized(struct refslab_session *s, __u32 handle, bool *finalized)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_FINALIZED, .arg = { handle } };
	int err = do_op(s, &op);

	if (!err)
		*finalized = op.result[0];
	return err;
}

int refslab_op_freeze(struct refslab_session *s)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_FREEZE };

	return do_op(s, &op);
}

int refslab_op_unfreeze(struct refslab_session *s)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_UNFREEZE };

	return do_op(s, &op);
}

int refslab_op_freezecount(struct refslab_session *s, __u64 *count)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_FREEZECOUNT };

	return do_u64(s, &op, count);
}

int refslab_op_referents(struct refslab_session *s, __u32 handle, __u64 *cursor,
			 struct refslab_record *records, size_t max, size_t *count)
{
	struct refslab_op op = {
		.opcode = REFSLAB_OP_REFERENTS,
		.arg = { handle, *cursor, PTR(records), room_for(max, sizeof(*records)) },
	};

	return do_records(s, &op, cursor, count);
}

int refslab_op_referrers(struct refslab_session *s, __u32 handle, __u64 *cursor,
			 struct refslab_record *records, size_t max, size_t *count)
{
	struct refslab_op op = {
		.opcode = REFSLAB_OP_REFERRERS,
		.arg = { handle, *cursor, PTR(records), room_for(max, sizeof(*records)) },
	};

	return do_records(s, &op, cursor, count);
}

int refslab_op_set_debug(struct refslab_session *s, __u32 flags)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_SET_DEBUG, .arg = { flags } };

	return do_op(s, &op);
}

int refslab_op_get_debug(struct refslab_session *s, __u32 *flags)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_GET_DEBUG };

	return do_u32(s, &op, flags);
}

int refslab_op_garbage(struct refslab_session *s, __u64 *cursor, struct refslab_record *records,
		       size_t max, size_t *count)
{
	struct refslab_op op = {
		.opcode = REFSLAB_OP_GARBAGE,
		.arg = { *cursor, PTR(records), room_for(max, sizeof(*records)) },
	};

	return do_records(s, &op, cursor, count);
}

int refslab_op_empty_garbage(struct refslab_session *s, __u64 *count)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_EMPTY_GARBAGE };
	int err = do_op(s, &op);

	if (!err && count)
		*count = op.result[0];
	return err;
}

int refslab_op_watch(struct refslab_session *s, __u32 flags)
{
	struct refslab_op op = { .opcode = REFSLAB_OP_WATCH, .arg = { flags } };

	return do_op(s, &op);
}

int refslab_op_publish(struct refslab_session *s, __u32 handle, const char *name)
{
	struct refslab_op op = {
		.opcode = REFSLAB_OP_PUBLISH,
		.arg = { handle, PTR(name), strlen(name) },
	};

	return do_op(s, &op);
}

int refslab_op_lookup(struct refslab_session *s, const char *name, __u32 *handle)
{
	struct refslab_op op = {
		.opcode = REFSLAB_OP_LOOKUP,
		.arg = { PTR(name), strlen(name) },
	};

	return do_u32(s, &op, handle);
}

int refslab_op_unpublish(struct refslab_session *s, const char *name)
{
	struct refslab_op op = {
		.opcode = REFSLAB_OP_UNPUBLISH,
		.arg = { PTR(name), strlen(name) },
	};

	return do_op(s, &op);
}

int refslab_op_roots(struct refslab_session *s, __u64 *cursor, struct refslab_root_record *records,
		     size_t max, size_t *count)
{
	struct refslab_op op = {
		.opcode = REFSLAB_OP_ROOTS,
		.arg = { *cursor, PTR(records), room_for(max, sizeof(*records)) },
	};

	return do_records(s, &op, cursor, count);
}

int refslab_op_set_limits(struct refslab_session *s, const struct refslab_limits *limits)
{
	struct refslab_op op = {
		.opcode = REFSLAB_OP_SET_LIMITS,
		.arg = { PTR(limits), sizeof(*limits) },
	};

	return do_op(s, &op);
}

int refslab_op_get_limits(struct refslab_session *s, struct refslab_limits *limits)
{
	struct refslab_limits known = { };
	struct refslab_op op = {
		.opcode = REFSLAB_OP_GET_LIMITS,
		.arg = { PTR(&known), sizeof(known) },
	};
	int err = do_op(s, &op);

	if (!err)
		*limits = known;
	return err;
}
