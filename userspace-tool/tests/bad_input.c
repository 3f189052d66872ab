// SPDX-License-Identifier: GPL-2.0
/*
 * Every operation with everything about it wrong in turn: one field a case, and each case a TAP
 * result of its own. Each must give the errno that uapi/refslab.h documents and leave the heap as
 * it was: its statistics, its collector's state, every object, element, slot and payload byte.
 *
 * The cases are made from two tables. The first says what kind each operand of each operation is,
 * the second in which ways a kind can be wrong. The operation is known to be right otherwise: each
 * is first carried out as it is.
 */
#include <assert.h>
#include <poll.h>
#include <sys/mman.h>

#include "refslab_test.h"

enum kind {
	NONE,
	/* Handles. */
	ANY, SLOTTED, PAYLOADED, MAPPED, LIST, SEQUENCE, INT, STR, FLOAT, BYTES, WEAKABLE, WEAK,
	DICT, SET, ATTRIBUTED, COLLECTION, CONTAINER, KEY, HAD_KEY,
	/* Numbers. */
	TYPE, SLOT, FULL_SLOT, ITEM, INSERTION, OFFSET, GENERATION, WHICH, THRESHOLD, VALUE, CURSOR,
	WEAK_FLAGS, DEBUG_FLAGS, WATCH_FLAGS, ANY_ID, ITEMS_CURSOR,
	/* Memory, and how much of it. */
	NAME, HAD_NAME, NAME_LEN, DEF, DEF_LEN, TEXT, HAD_TEXT, TEXT_LEN, DATA, ELEMENTS,
	ELEMENTS_LEN,
	PAYLOAD, ROOM, ROOM_LEN, ATTRIBUTE, HAD_ATTRIBUTE, ATTRIBUTE_LEN, ENTRIES_LEN,
	TWELVE, STATS_LEN, RECORDS_LEN, PAYLOAD_LEN,
	ROOT, HAD_ROOT, ROOTS_LEN, LIMITS, LIMITS_LEN,
	/* What makes 64. */
	VALUE_KIND,
};

static_assert(VALUE_KIND < 64, "kinds are bits of a __u64");
static_assert(REFSLAB_MAX_ROOT_NAME == REFSLAB_MAX_ATTRIBUTE, "ATTRIBUTE_LEN is for both");
static_assert(REFSLAB_MAX_STR == REFSLAB_MAX_BYTES, "TEXT_LEN is for both");

static const struct shape {
	const char *name;
	unsigned int opcode;
	enum kind kind[4];
} shapes[] = {
#define SHAPE(name, ...)	{ #name, REFSLAB_OP_##name, { __VA_ARGS__ } }
	SHAPE(TYPE, NAME, NAME_LEN, DEF, DEF_LEN),
	SHAPE(NEW, TYPE),
	SHAPE(INT, VALUE),
	SHAPE(STR, TEXT, TEXT_LEN),
	SHAPE(LIST),
	SHAPE(DUP, ANY),
	SHAPE(CLOSE, ANY),
	SHAPE(IS, ANY, ANY),
	SHAPE(SETSLOT, SLOTTED, SLOT, ANY),
	SHAPE(CLEARSLOT, SLOTTED, SLOT),
	SHAPE(SLOT, SLOTTED, FULL_SLOT),
	SHAPE(WRITE, PAYLOADED, OFFSET, PAYLOAD, PAYLOAD_LEN),
	SHAPE(READ, PAYLOADED, OFFSET, ROOM, PAYLOAD_LEN),
	SHAPE(APPEND, LIST, ANY),
	SHAPE(INSERT, LIST, INSERTION, ANY),
	SHAPE(POP, LIST, ITEM),
	SHAPE(SETITEM, LIST, ITEM, ANY),
	SHAPE(DELITEM, LIST, ITEM),
	SHAPE(ITEM, SEQUENCE, ITEM),
	SHAPE(LEN, ANY),
	SHAPE(INT_VALUE, INT),
	SHAPE(STR_VALUE, STR, ROOM, ROOM_LEN),
	SHAPE(TYPEOF, ANY, ROOM, ROOM_LEN),
	SHAPE(REFCOUNT, ANY),
	SHAPE(ID, ANY),
	SHAPE(TRACKED, ANY),
	SHAPE(BLOCK, ANY),
	SHAPE(COLLECT, GENERATION),
	SHAPE(ENABLE),
	SHAPE(DISABLE),
	SHAPE(ISENABLED),
	SHAPE(SET_THRESHOLD, THRESHOLD, THRESHOLD, THRESHOLD),
	SHAPE(GET_THRESHOLD, ROOM, TWELVE),
	SHAPE(GET_COUNT, ROOM, TWELVE),
	SHAPE(GET_STATS, ROOM, STATS_LEN),
	SHAPE(OBJECTS, CURSOR, WHICH, ROOM, RECORDS_LEN),
	SHAPE(TRIM),
	SHAPE(STAT, ROOM, STATS_LEN),
	SHAPE(WEAK, WEAKABLE, WEAK_FLAGS),
	SHAPE(DEREF, WEAK),
	SHAPE(BYID, ANY_ID),
	SHAPE(FINALIZED, ANY),
	SHAPE(FREEZE),
	SHAPE(UNFREEZE),
	SHAPE(FREEZECOUNT),
	SHAPE(REFERENTS, ANY, CURSOR, ROOM, RECORDS_LEN),
	SHAPE(REFERRERS, ANY, CURSOR, ROOM, RECORDS_LEN),
	SHAPE(SET_DEBUG, DEBUG_FLAGS),
	SHAPE(GET_DEBUG),
	SHAPE(GARBAGE, CURSOR, ROOM, RECORDS_LEN),
	SHAPE(EMPTY_GARBAGE),
	SHAPE(WATCH, WATCH_FLAGS),
	SHAPE(FLOAT, VALUE),
	SHAPE(FLOAT_VALUE, FLOAT),
	SHAPE(BYTES, DATA, TEXT_LEN),
	SHAPE(BYTES_VALUE, BYTES, ROOM, ROOM_LEN),
	SHAPE(TUPLE, ELEMENTS, ELEMENTS_LEN),
	SHAPE(DICT),
	SHAPE(SET),
	SHAPE(INSTANCE),
	SHAPE(DICT_SETITEM, DICT, KEY, ANY),
	SHAPE(DICT_ITEM, DICT, HAD_KEY),
	SHAPE(DICT_DELITEM, DICT, HAD_KEY),
	SHAPE(ADD, SET, KEY),
	SHAPE(DISCARD, SET, KEY),
	SHAPE(CONTAINS, COLLECTION, KEY),
	SHAPE(SETATTR, ATTRIBUTED, ATTRIBUTE, ATTRIBUTE_LEN, ANY),
	SHAPE(GETATTR, ATTRIBUTED, HAD_ATTRIBUTE, ATTRIBUTE_LEN),
	SHAPE(DELATTR, ATTRIBUTED, HAD_ATTRIBUTE, ATTRIBUTE_LEN),
	SHAPE(ITEMS, CONTAINER, ITEMS_CURSOR, ROOM, ENTRIES_LEN),
	SHAPE(PUBLISH, ANY, ROOT, ATTRIBUTE_LEN),
	SHAPE(LOOKUP, HAD_ROOT, ATTRIBUTE_LEN),
	SHAPE(UNPUBLISH, HAD_ROOT, ATTRIBUTE_LEN),
	SHAPE(ROOTS, CURSOR, ROOM, ROOTS_LEN),
	SHAPE(SET_LIMITS, LIMITS, LIMITS_LEN),
	SHAPE(GET_LIMITS, ROOM, STATS_LEN),
	SHAPE(MAP, MAPPED),
	SHAPE(TYPE_FIND, HAD_NAME, NAME_LEN, ROOM, ROOM_LEN),
	SHAPE(DICT_ITEM_BYVALUE, DICT, VALUE_KIND, HAD_TEXT, TEXT_LEN),
	SHAPE(CONTAINS_BYVALUE, COLLECTION, VALUE_KIND, TEXT, TEXT_LEN),
};

/* Values that are known only when a heap is there; all else is the number itself. */
enum {
	V_CLOSED = 1,	/* a handle that was one */
	V_BEYOND,	/* the right operand + 2^32 */
	V_NODE,
	V_BARE,
	V_LIST,
	V_INT,
	V_STR,
	V_FLOAT,
	V_BYTES,
	V_TUPLE,
	V_WEAKABLE,
	V_WEAK,
	V_BUILTIN,	/* number of a type that NEW does not make */
	V_WEAK_TYPE,	/* likewise */
	V_READ_ONLY,	/* memory the kernel cannot write */
	V_HOLE,		/* an address nothing is at */
	V_EDGE,		/* 2 bytes of memory and then a hole */
	V_TEXT,		/* .text */
	V_DEF,		/* .def */
	V_DICT,
	V_SET,
	V_ATTRIBUTED,
	V_ELEMENTS,	/* handles, the last of which is .value */
};

#define KERNEL_ADDRESS	0xffff888000001000ull
#define NO_ADDRESS	0x8000000000000000ull
#define E2BIG_OR_EFAULT	(1000 + E2BIG)

#define K(kind)		(1ull << (kind))
#define HANDLES		(K(ANY) | K(SLOTTED) | K(PAYLOADED) | K(MAPPED) | K(LIST) | \
			 K(SEQUENCE) | K(INT) | K(STR) | K(FLOAT) | K(BYTES) | \
			 K(WEAKABLE) | K(WEAK) | KEYED | K(KEY) | K(HAD_KEY))
#define KEYED		(K(DICT) | K(SET) | K(ATTRIBUTED) | K(COLLECTION) | K(CONTAINER))
/* Those of which not every object is right, as far as its type goes. */
#define TYPED		(HANDLES & ~K(ANY) & ~K(KEY) & ~K(HAD_KEY) & ~K(COLLECTION) & ~K(CONTAINER))
#define NAMES		(K(NAME) | K(HAD_NAME))
#define TEXTS		(K(TEXT) | K(HAD_TEXT))
#define MEMORY		(NAMES | K(DEF) | TEXTS | K(DATA) | K(ELEMENTS) | K(PAYLOAD) | \
			 K(ROOM) | K(ATTRIBUTE) | K(HAD_ATTRIBUTE) | K(ROOT) | K(HAD_ROOT) | \
			 K(LIMITS))

static const struct way {
	__u64 kinds;
	const char *what;
	int err;
	__u64 value;
	int special;
	const char *text;
	struct refslab_type_def def;
} ways[] = {
	{ HANDLES, "handle 0", ENOENT, .value = 0 },
	{ HANDLES, "closed handle", ENOENT, .special = V_CLOSED },
	{ HANDLES, "handle never given", ENOENT, .value = 1000000 },
	{ HANDLES, "largest handle", ENOENT, .value = REFSLAB_MAX_HANDLE },
	{ HANDLES, "handle 2^31", ENOENT, .value = 1ull << 31 },
	{ HANDLES, "handle + 2^32", ENOENT, .special = V_BEYOND },
	{ HANDLES, "handle -1", ENOENT, .value = ~0ull },
	{ K(SLOTTED), "an object without slots", EPROTOTYPE, .special = V_BARE },
	{ K(LIST) | K(SEQUENCE) | K(INT) | K(STR) | K(FLOAT) | K(BYTES) | K(WEAK), "a node",
	  EPROTOTYPE, .special = V_NODE },
	{ K(WEAKABLE), "of a type without weakref", EPROTOTYPE, .special = V_NODE },
	{ K(MAPPED), "of a type that is not mapped", EPROTOTYPE, .special = V_NODE },
	{ K(WEAK), "what has a weak reference", EPROTOTYPE, .special = V_WEAKABLE },
	{ TYPED & ~K(WEAK), "a weak reference", EPROTOTYPE, .special = V_WEAK },
	{ TYPED & ~K(LIST) & ~K(SEQUENCE), "a list", EPROTOTYPE, .special = V_LIST },
	{ TYPED & ~K(SEQUENCE), "a tuple", EPROTOTYPE, .special = V_TUPLE },
	{ TYPED & ~K(INT), "an int", EPROTOTYPE, .special = V_INT },
	{ TYPED & ~K(STR), "a str", EPROTOTYPE, .special = V_STR },
	{ TYPED & ~K(FLOAT), "a float", EPROTOTYPE, .special = V_FLOAT },
	{ TYPED & ~K(BYTES), "a bytes", EPROTOTYPE, .special = V_BYTES },
	{ TYPED & ~K(DICT), "a dict", EPROTOTYPE, .special = V_DICT },
	{ TYPED & ~K(SET) & ~K(WEAKABLE), "a set", EPROTOTYPE, .special = V_SET },
	{ TYPED & ~K(ATTRIBUTED) & ~K(WEAKABLE), "an instance", EPROTOTYPE,
	  .special = V_ATTRIBUTED },
	{ K(COLLECTION) | K(CONTAINER) | K(KEY), "a weak reference", EPROTOTYPE,
	  .special = V_WEAK },
	{ K(COLLECTION) | K(CONTAINER), "a str", EPROTOTYPE, .special = V_STR },
	{ K(COLLECTION) | K(CONTAINER), "a node", EPROTOTYPE, .special = V_NODE },
	{ K(COLLECTION), "an instance", EPROTOTYPE, .special = V_ATTRIBUTED },
	{ K(KEY) | K(HAD_KEY), "a list", EPROTOTYPE, .special = V_LIST },
	{ K(KEY) | K(HAD_KEY), "a dict", EPROTOTYPE, .special = V_DICT },
	{ K(KEY) | K(HAD_KEY), "a set", EPROTOTYPE, .special = V_SET },
	{ K(HAD_KEY), "a key that is not there", ENOKEY, .special = V_STR },

	{ K(TYPE), "type 0", ENOENT, .value = 0 },
	{ K(TYPE), "type never made", ENOENT, .value = 999 },
	{ K(TYPE), "type beyond the most", ENOENT, .value = REFSLAB_MAX_TYPES + 1 },
	{ K(TYPE), "type + 2^32", ENOENT, .special = V_BEYOND },
	{ K(TYPE), "type -1", ENOENT, .value = ~0ull },
	{ K(TYPE), "a built-in type", EPROTOTYPE, .special = V_BUILTIN },
	{ K(TYPE), "the type of weak references", EPROTOTYPE, .special = V_WEAK_TYPE },

	{ K(SLOT) | K(FULL_SLOT), "slot after the last", ERANGE, .value = 2 },
	{ K(SLOT) | K(FULL_SLOT), "slot + 2^32", ERANGE, .special = V_BEYOND },
	{ K(SLOT) | K(FULL_SLOT), "slot -1", ERANGE, .value = ~0ull },
	{ K(FULL_SLOT), "empty slot", ENODATA, .value = 1 },
	{ K(ITEM), "element after the last", ERANGE, .value = 3 },
	{ K(ITEM), "element + 2^32", ERANGE, .special = V_BEYOND },
	{ K(ITEM), "element -1", ERANGE, .value = ~0ull },
	{ K(INSERTION), "beyond the end", ERANGE, .value = 4 },
	{ K(INSERTION), "index + 2^32", ERANGE, .special = V_BEYOND },
	{ K(INSERTION), "index -1", ERANGE, .value = ~0ull },
	{ K(OFFSET), "16 bytes over the end by one", ERANGE, .value = 49 },
	{ K(OFFSET), "at the end", ERANGE, .value = 64 },
	{ K(OFFSET), "offset + 2^32", ERANGE, .special = V_BEYOND },
	{ K(OFFSET), "end that wraps to 0", ERANGE, .value = -16ull },
	{ K(OFFSET), "offset -1", ERANGE, .value = ~0ull },
	{ K(PAYLOAD_LEN), "one byte too many", ERANGE, .value = 57 },
	{ K(PAYLOAD_LEN), "length + 2^32", ERANGE, .special = V_BEYOND },
	{ K(PAYLOAD_LEN), "end that wraps to 0", ERANGE, .value = -8ull },
	{ K(PAYLOAD_LEN), "length -1", ERANGE, .value = ~0ull },

	{ K(GENERATION), "generation 3", EINVAL, .value = 3 },
	{ K(GENERATION), "all generations", EINVAL, .value = REFSLAB_GEN_ALL },
	{ K(GENERATION), "generation 3 of all", EINVAL, .value = REFSLAB_COLLECT_ALL | 3 },
	{ K(GENERATION), "generation + 2^32", EINVAL, .special = V_BEYOND },
	{ K(WHICH), "generation 4", EINVAL, .value = 4 },
	{ K(WHICH), "generation + 2^32", EINVAL, .special = V_BEYOND },
	{ K(WHICH), "generation -1", EINVAL, .value = ~0ull },
	{ K(THRESHOLD), "2^31", EINVAL, .value = 1ull << 31 },
	{ K(THRESHOLD), "threshold + 2^32", EINVAL, .special = V_BEYOND },
	{ K(THRESHOLD), "threshold -1", EINVAL, .value = ~0ull },
	{ K(DEBUG_FLAGS), "flag 8", EOPNOTSUPP, .value = 8 },
	{ K(DEBUG_FLAGS), "known and unknown flag", EOPNOTSUPP, .value = 64 | 1 },
	{ K(DEBUG_FLAGS), "flags + 2^32", EOPNOTSUPP, .special = V_BEYOND },
	{ K(DEBUG_FLAGS), "flags -1", EOPNOTSUPP, .value = ~0ull },
	{ K(WATCH_FLAGS), "unknown flag", EOPNOTSUPP, .value = 2 },
	{ K(WATCH_FLAGS), "known and unknown flag", EOPNOTSUPP, .value = 1ull << 63 | 1 },
	{ K(WATCH_FLAGS), "flags + 2^32", EOPNOTSUPP, .special = V_BEYOND },
	{ K(WEAK_FLAGS), "unknown flag", EOPNOTSUPP, .value = 1u << 1 },
	{ K(WEAK_FLAGS), "known and unknown flag", EOPNOTSUPP, .value = 1u << 31 | 1u },
	{ K(WEAK_FLAGS), "flags + 2^32", EOPNOTSUPP, .special = V_BEYOND },
	{ K(WEAK_FLAGS), "last flag", EOPNOTSUPP, .value = 1ull << 63 },

	{ MEMORY, "null", EFAULT, .value = 0 },
	{ MEMORY, "hole", EFAULT, .special = V_HOLE },
	{ MEMORY, "memory that ends too early", EFAULT, .special = V_EDGE },
	{ MEMORY, "kernel address", EFAULT, .value = KERNEL_ADDRESS },
	{ MEMORY, "no address at all", EFAULT, .value = NO_ADDRESS },
	{ NAMES, "digit first", EINVAL, .special = V_TEXT, .text = "1node" },
	{ NAMES, "space", EINVAL, .special = V_TEXT, .text = "a ode" },
	{ NAMES, "hyphen", EINVAL, .special = V_TEXT, .text = "n-ode" },
	{ NAMES, "newline", EINVAL, .special = V_TEXT, .text = "node\n" },
	{ NAMES, "NUL", EINVAL, .special = V_TEXT, .text = "node\0" },
	{ NAMES, "not ASCII", EINVAL, .special = V_TEXT, .text = "n\303\266de" },
	{ K(NAME), "name of a type there is", EEXIST, .special = V_TEXT, .text = "nodes" },
	{ K(HAD_NAME), "no such type", ENOENT, .special = V_TEXT, .text = "other" },
	{ K(NAME_LEN), "empty", EINVAL, .value = 0 },
	{ K(NAME_LEN), "too long", EINVAL, .value = REFSLAB_NAME_MAX + 1 },
	{ K(NAME_LEN), "length + 2^32", EINVAL, .special = V_BEYOND },
	{ K(NAME_LEN), "length -1", EINVAL, .value = ~0ull },
	{ K(DEF), "unknown flag", EOPNOTSUPP, .special = V_DEF, .def = { .flags = 1u << 4 } },
	{ K(DEF), "mapped, no payload", EINVAL, .special = V_DEF,
	  .def = { .flags = REFSLAB_TYPE_MAPPED } },
	{ K(DEF), "mapped, too large", EINVAL, .special = V_DEF,
	  .def = { .flags = REFSLAB_TYPE_MAPPED, .payload = REFSLAB_MAX_MAPPED + 1 } },
	{ K(DEF), "last flag", EOPNOTSUPP, .special = V_DEF, .def = { .flags = 1u << 31 } },
	{ K(DEF), "too many slots", EINVAL, .special = V_DEF,
	  .def = { .nr_slots = REFSLAB_MAX_SLOTS + 1 } },
	{ K(DEF), "2^32 - 1 slots", EINVAL, .special = V_DEF, .def = { .nr_slots = ~0u } },
	{ K(DEF), "too large a payload", EINVAL, .special = V_DEF,
	  .def = { .payload = REFSLAB_MAX_PAYLOAD + 1 } },
	{ K(DEF), "payload of 4 GiB - 1", EINVAL, .special = V_DEF, .def = { .payload = ~0u } },
	{ K(DEF), "too large a cache", EINVAL, .special = V_DEF,
	  .def = { .cache_limit = REFSLAB_MAX_CACHE + 1 } },
	{ K(DEF_LEN), "longer, end not zero", E2BIG, .value = sizeof(struct refslab_type_def) + 8 },
	{ K(DEF_LEN), "size + 2^32", E2BIG_OR_EFAULT, .special = V_BEYOND },
	{ K(DEF_LEN), "size -1", E2BIG_OR_EFAULT, .value = ~0ull },
	{ TEXTS, "lone continuation byte", EILSEQ, .special = V_TEXT, .text = "ab\200cd" },
	{ TEXTS, "character cut off", EILSEQ, .special = V_TEXT, .text = "abc\342\202" },
	{ TEXTS, "overlong slash", EILSEQ, .special = V_TEXT, .text = "a\300\257cd" },
	{ TEXTS, "overlong of three bytes", EILSEQ, .special = V_TEXT, .text = "a\340\200\257d" },
	{ TEXTS, "surrogate", EILSEQ, .special = V_TEXT, .text = "a\355\240\200d" },
	{ TEXTS, "beyond U+10FFFF", EILSEQ, .special = V_TEXT, .text = "a\364\220\200\200" },
	{ TEXTS, "byte 0xff", EILSEQ, .special = V_TEXT, .text = "abcd\377" },
	{ K(HAD_TEXT), "no such key", ENOKEY, .special = V_TEXT, .text = "other" },
	{ K(TEXT_LEN), "too long", E2BIG, .value = REFSLAB_MAX_STR + 1 },
	{ K(TEXT_LEN), "length + 2^32", E2BIG, .special = V_BEYOND },
	{ K(TEXT_LEN), "length -1", E2BIG, .value = ~0ull },
	{ K(VALUE_KIND), "kind 0", EOPNOTSUPP, .value = 0 },
	{ K(VALUE_KIND), "unknown kind", EOPNOTSUPP, .value = 5 },
	{ K(VALUE_KIND), "kind + 2^32", EOPNOTSUPP, .special = V_BEYOND },
	{ K(VALUE_KIND), "kind -1", EOPNOTSUPP, .value = ~0ull },
	{ K(VALUE_KIND), "an int with a length", EINVAL, .value = REFSLAB_VALUE_INT },
	{ K(VALUE_KIND), "a float with a length", EINVAL, .value = REFSLAB_VALUE_FLOAT },
	{ K(ELEMENTS), "no handle at the end", ENOENT, .special = V_ELEMENTS, .value = 0 },
	{ K(ELEMENTS), "handle never given at the end", ENOENT, .special = V_ELEMENTS,
	  .value = 1000000 },
	{ K(ELEMENTS), "handle -1 at the end", ENOENT, .special = V_ELEMENTS, .value = ~0u },
	{ K(ELEMENTS_LEN), "too many", E2BIG, .value = REFSLAB_MAX_TUPLE + 1 },
	{ K(ELEMENTS_LEN), "number + 2^32", E2BIG, .special = V_BEYOND },
	{ K(ELEMENTS_LEN), "number -1", E2BIG, .value = ~0ull },
	{ K(ATTRIBUTE) | K(HAD_ATTRIBUTE), "digit first", EINVAL, .special = V_TEXT,
	  .text = "1name" },
	{ K(ATTRIBUTE) | K(HAD_ATTRIBUTE), "space", EINVAL, .special = V_TEXT, .text = "a ame" },
	{ K(ATTRIBUTE) | K(HAD_ATTRIBUTE), "NUL", EINVAL, .special = V_TEXT, .text = "name\0" },
	{ K(ATTRIBUTE) | K(HAD_ATTRIBUTE), "not ASCII", EINVAL, .special = V_TEXT,
	  .text = "n\303\244me" },
	{ K(HAD_ATTRIBUTE), "no such attribute", ENOKEY, .special = V_TEXT, .text = "other" },
	{ K(ATTRIBUTE_LEN), "empty", EINVAL, .value = 0 },
	{ K(ATTRIBUTE_LEN), "too long", EINVAL, .value = REFSLAB_MAX_ATTRIBUTE + 1 },
	{ K(ATTRIBUTE_LEN), "length + 2^32", EINVAL, .special = V_BEYOND },
	{ K(ATTRIBUTE_LEN), "length -1", EINVAL, .value = ~0ull },
	{ K(ROOT) | K(HAD_ROOT), "digit first", EINVAL, .special = V_TEXT, .text = "1name" },
	{ K(ROOT) | K(HAD_ROOT), "space", EINVAL, .special = V_TEXT, .text = "a ame" },
	{ K(ROOT) | K(HAD_ROOT), "NUL", EINVAL, .special = V_TEXT, .text = "name\0" },
	{ K(ROOT) | K(HAD_ROOT), "not ASCII", EINVAL, .special = V_TEXT, .text = "n\303\244me" },
	{ K(ROOT), "name of a root there is", EEXIST, .special = V_TEXT, .text = "there" },
	{ K(HAD_ROOT), "no such root", ENODATA, .special = V_TEXT, .text = "other" },
	{ K(LIMITS_LEN), "0 bytes", EINVAL, .value = 0 },
	{ K(LIMITS_LEN), "half a limit", EINVAL, .value = 4 },
	{ K(LIMITS_LEN), "longer, end not zero", E2BIG, .value = 32 },
	{ K(LIMITS_LEN), "more than a page", E2BIG, .value = 1u << 20 },
	{ K(LIMITS_LEN), "length + 2^32", E2BIG, .special = V_BEYOND },
	{ K(ROOTS_LEN), "0 bytes", EINVAL, .value = 0 },
	{ K(ROOTS_LEN), "one byte less than records", EINVAL, .value = 2 * 272 - 1 },
	{ K(ROOTS_LEN), "half a record", EINVAL, .value = 136 },
	{ K(ROOTS_LEN), "over 1 MiB", EINVAL, .value = ((1u << 20) / 272 + 1) * 272 },
	{ K(ROOTS_LEN), "length + 17 * 2^32", EINVAL, .value = 2 * 272 + (17ull << 32) },
	{ K(ITEMS_CURSOR), "cursor that was never given", ESTALE, .value = 1 },
	{ K(ITEMS_CURSOR), "cursor 2^32", ESTALE, .special = V_BEYOND },
	{ K(ITEMS_CURSOR), "cursor -1", ESTALE, .value = ~0ull },
	{ K(ENTRIES_LEN), "0 bytes", EINVAL, .value = 0 },
	{ K(ENTRIES_LEN), "one byte less than entries", EINVAL, .value = 8 * 8 - 1 },
	{ K(ENTRIES_LEN), "half an entry", EINVAL, .value = 4 },
	{ K(ENTRIES_LEN), "over 1 MiB", EINVAL, .value = (1u << 20) + 8 },
	{ K(ENTRIES_LEN), "length + 2^32", EINVAL, .special = V_BEYOND },
	{ K(ROOM), "memory that is read-only", EFAULT, .special = V_READ_ONLY },
	{ K(TWELVE), "0 bytes", EINVAL, .value = 0 },
	{ K(TWELVE), "8 bytes", EINVAL, .value = 8 },
	{ K(TWELVE), "11 bytes", EINVAL, .value = 11 },
	{ K(TWELVE), "13 bytes", EINVAL, .value = 13 },
	{ K(TWELVE), "16 bytes", EINVAL, .value = 16 },
	{ K(TWELVE), "12 + 2^32 bytes", EINVAL, .special = V_BEYOND },
	{ K(STATS_LEN), "0 bytes", EINVAL, .value = 0 },
	{ K(RECORDS_LEN), "0 bytes", EINVAL, .value = 0 },
	{ K(RECORDS_LEN), "one byte less than records", EINVAL, .value = 10 * 24 - 1 },
	{ K(RECORDS_LEN), "one byte more than records", EINVAL, .value = 10 * 24 + 1 },
	{ K(RECORDS_LEN), "over 1 MiB", EINVAL, .value = ((1u << 20) / 24 + 1) * 24 },
	{ K(RECORDS_LEN), "length + 3 * 2^32", EINVAL, .value = 10 * 24 + (3ull << 32) },
};

/* Kinds of which every value is right. ROOM_LEN is only the most that is wanted. */
static bool always_right(enum kind kind)
{
	return kind == VALUE || kind == CURSOR || kind == ROOM_LEN || kind == ANY_ID;
}

/* A heap with an object of each kind; a new one for each operation. */
struct world {
	int fd;
	__u32 id;
	__u64 node, second, bare, list, number, str, real, bytes, tuple, weakable, weak, closed;
	__u64 dict, set, instance, mapped;
	__u64 types[4];
	__u32 elements[3], other_elements[3];
	char room[4096];
	char name[64];
	struct { struct refslab_type_def def; __u8 end[16]; } def;
	struct refslab_type_def other_def;
	char payload[64];
	__u64 limits[4];	/* and one more */
	char *read_only, *hole, *edge;
};

static struct world w;

static void die(const char *what, int err)
{
	ksft_exit_fail_msg("%s: %s\n", what, strerror(-err));
}

static __u64 need(const char *what, __s64 value)
{
	if (value < 0)
		die(what, value);
	return value;
}

#define must(name, ...)							\
	need(#name, test_call1(w.fd, REFSLAB_OP_##name, (const __u64[4]) { __VA_ARGS__ }))

static void memory_open(void)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *map = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);

	if (map == MAP_FAILED)
		die("mmap", -errno);
	memset(map, 'n', 4 * page);
	mprotect(map, page, PROT_READ);
	munmap(map + 2 * page, page);
	w.read_only = map;
	w.edge = map + 2 * page - 2;
	w.hole = map + 2 * page;
}

static void world_open(void)
{
	unsigned int i;
	__u64 key;

	w.fd = need("open", test_open());
	need("CREATE", test_create(w.fd, 0, &w.id));
	must(DISABLE);
	w.types[0] = need("TYPE", test_type(w.fd, "nodes", 2, 64, 16, 0));
	w.types[1] = need("TYPE", test_type(w.fd, "bare", 0, 64, 16, 0));
	w.types[2] = need("TYPE", test_type(w.fd, "weakable", 1, 8, 16, REFSLAB_TYPE_WEAKREF));
	w.types[3] = need("TYPE", test_type(w.fd, "mapped", 0, 8, 16, REFSLAB_TYPE_MAPPED));
	strcpy(w.name, "fresh_name_that_is_longer_than_names_may_be_here");
	w.def.def = (struct refslab_type_def) { .nr_slots = 1, .payload = 8, .cache_limit = 4 };
	memset(w.def.end, 1, sizeof(w.def.end));
	memset(w.payload, 'p', sizeof(w.payload));
	memset(w.limits, 1, sizeof(w.limits));

	/* A failure half way may have used memory and given it back: let the caches hold some. */
	for (i = 0; i < 2; i++) {
		must(CLOSE, must(NEW, w.types[i]));
		must(CLOSE, must(INT, 1000));
		must(CLOSE, must(FLOAT, 1));
		must(CLOSE, must(LIST));
		must(CLOSE, must(DICT));
		must(CLOSE, must(SET));
		must(CLOSE, must(INSTANCE));
		w.elements[0] = must(INT, 1);
		w.elements[1] = w.elements[0];
		w.elements[2] = w.elements[0];
		must(CLOSE, must(TUPLE, ptr(w.elements), 3));
		must(CLOSE, w.elements[0]);
		must(CLOSE, need("STR", test_str(w.fd, "hello")));
	}
	/* something on the list of garbage */
	w.node = must(NEW, w.types[0]);
	must(SETSLOT, w.node, 0, w.node);
	must(CLOSE, w.node);
	must(SET_DEBUG, REFSLAB_DEBUG_SAVEALL);
	must(COLLECT, 0);
	must(SET_DEBUG, 0);

	w.node = must(NEW, w.types[0]);
	w.second = must(NEW, w.types[0]);
	w.bare = must(NEW, w.types[1]);
	w.list = must(LIST);
	w.number = must(INT, 4242);
	w.real = must(FLOAT, 0x3ff8000000000000);
	w.bytes = must(BYTES, ptr("\0\377\300."), 4);
	w.tuple = must(TUPLE, ptr((__u32[]) { w.node, w.number }), 2);
	w.str = need("STR", test_str(w.fd, "hello"));
	must(SETSLOT, w.node, 0, w.second);
	must(WRITE, w.node, 0, ptr(w.payload), sizeof(w.payload));
	must(APPEND, w.list, w.number);
	must(APPEND, w.list, w.node);
	must(APPEND, w.list, w.list);
	w.elements[0] = w.list;
	w.elements[1] = w.number;
	w.elements[2] = w.node;
	w.dict = must(DICT);
	w.set = must(SET);
	w.instance = must(INSTANCE);
	must(DICT_SETITEM, w.dict, w.number, w.node);
	must(DICT_SETITEM, w.dict, w.node, w.dict);
	key = need("STR", test_str(w.fd, "howdy"));
	must(DICT_SETITEM, w.dict, key, w.node);
	must(CLOSE, key);
	must(ADD, w.set, w.number);
	must(SETATTR, w.instance, ptr("there"), 5, w.list);
	must(PUBLISH, w.list, ptr("there"), 5);
	w.mapped = must(NEW, w.types[3]);
	w.weakable = must(NEW, w.types[2]);
	w.weak = must(WEAK, w.weakable, REFSLAB_WEAK_CALLBACK);
	w.closed = must(DUP, w.node);
	must(CLOSE, w.closed);
}

/* "ok", or what the kernel's checker or the counters say. */
static const char *world_close(void)
{
	static char text[4096];
	int len = test_debugfs(text, sizeof(text), "heaps/%u/check", w.id);

	close(w.fd);
	if (len < 0)
		return "check cannot be read";
	if (strcmp(text, "ok\n"))
		return text;
	if (!wait_for(TEST_SETTLE_MS, test_nothing_left(text, sizeof(text))))
		return "something is left";
	return "ok";
}

/* All that can be seen of a heap. */
struct look {
	struct refslab_stat stat;
	__u32 count[3], threshold[3];
	struct refslab_gc_stats gc;
	__u64 enabled, debug, len, keys[3], slot_id, empty_slot, item_id[3], value, weak_id;
	int nr, events;
	struct refslab_record records[64];
	char payload[64], str[8];
};

static __u64 id_and_close(__u64 h)
{
	__u64 id = must(ID, h);

	must(CLOSE, h);
	return id;
}

static void look(struct look *l)
{
	unsigned int i;

	memset(l, 0, sizeof(*l));
	must(STAT, ptr(&l->stat), sizeof(l->stat));
	must(GET_COUNT, ptr(l->count), sizeof(l->count));
	must(GET_THRESHOLD, ptr(l->threshold), sizeof(l->threshold));
	must(GET_STATS, ptr(&l->gc), sizeof(l->gc));
	l->enabled = must(ISENABLED);
	l->debug = must(GET_DEBUG);
	l->nr = need("OBJECTS", test_records(w.fd, REFSLAB_GEN_ALL, l->records, 64));
	l->len = must(LEN, w.list);
	for (i = 0; i < l->len && i < 3; i++)
		l->item_id[i] = id_and_close(must(ITEM, w.list, i));
	l->keys[0] = id_and_close(must(DICT_ITEM, w.dict, w.number));
	l->keys[1] = must(LEN, w.dict) | must(LEN, w.set) << 32;
	l->keys[2] = id_and_close(must(GETATTR, w.instance, ptr("there"), 5));
	l->slot_id = id_and_close(must(SLOT, w.node, 0));
	l->empty_slot = call(w.fd, SLOT, w.node, 1);
	l->value = must(INT_VALUE, w.number);
	l->weak_id = id_and_close(must(DEREF, w.weak));
	l->events = poll(&(struct pollfd) { .fd = w.fd, .events = POLLIN }, 1, 0);
	must(READ, w.node, 0, ptr(l->payload), sizeof(l->payload));
	must(STR_VALUE, w.str, ptr(l->str), sizeof(l->str));
}

static bool is_same(const struct look *a, const struct look *b)
{
	const char *what = NULL;

	if (memcmp(&a->stat, &b->stat, sizeof(a->stat)))
		what = "statistics";
	else if (memcmp(a->records, b->records, sizeof(a->records)))
		what = "objects";
	else if (memcmp(a, b, sizeof(*a)))
		what = "contents or the collector's state";
	if (what)
		ksft_print_msg("the heap's %s changed\n", what);
	return !what;
}

/* The right operand of each kind. */
static __u64 right(const struct shape *s, unsigned int i)
{
	switch (s->kind[i]) {
	case ANY:
		/* of which there is something to tell */
		if (s->opcode == REFSLAB_OP_REFERENTS || s->opcode == REFSLAB_OP_REFERRERS)
			return w.node;
		return s->opcode == REFSLAB_OP_CLOSE ? w.second : w.bare;
	case SLOTTED:
	case PAYLOADED:
		return w.node;
	case LIST:
		return w.list;
	case SEQUENCE:
		return w.tuple;
	case INT:
		return w.number;
	case STR:
		return w.str;
	case FLOAT:
		return w.real;
	case BYTES:
		return w.bytes;
	case DATA:
		return ptr("\377\0\300 ");
	case ELEMENTS:
		return ptr(w.elements);
	case ELEMENTS_LEN:
		return 3;
	case MAPPED:
		return w.mapped;
	case WEAKABLE:
		return w.weakable;
	case WEAK:
		return w.weak;
	case DICT:
	case COLLECTION:
	case CONTAINER:
		return w.dict;
	case SET:
		return w.set;
	case ATTRIBUTED:
		return w.instance;
	case KEY:
	case HAD_KEY:
		return w.number;
	case ATTRIBUTE:
	case HAD_ATTRIBUTE:
		return ptr("there");
	case ATTRIBUTE_LEN:
		return 5;
	case ROOT:
		return ptr("fresh");
	case HAD_ROOT:
		return ptr("there");
	case LIMITS:
		return ptr(w.limits);
	case LIMITS_LEN:
		return sizeof(struct refslab_limits);
	case ROOTS_LEN:
		return 2 * sizeof(struct refslab_root_record);
	case ENTRIES_LEN:
		return 8 * sizeof(struct refslab_entry);
	case DEBUG_FLAGS:
		return REFSLAB_DEBUG_SAVEALL;
	case WATCH_FLAGS:
		return REFSLAB_WATCH_GC;
	case WEAK_FLAGS:
		return REFSLAB_WEAK_CALLBACK;
	case ANY_ID:
		return must(ID, w.node);
	case TYPE:
		return w.types[0];
	case NAME:
		return ptr(w.name);
	case HAD_NAME:
		return ptr("nodes");
	case VALUE_KIND:
		return REFSLAB_VALUE_STR;
	case DEF:
		return ptr(&w.def);
	case DEF_LEN:
		return sizeof(w.def.def);
	case TEXT:
	case HAD_TEXT:
		return ptr("howdy");
	case NAME_LEN:
	case TEXT_LEN:
		return 5;
	case PAYLOAD:
		return ptr(w.payload);
	case ROOM:
		return ptr(w.room);
	case ROOM_LEN:
		return 100;
	case OFFSET:
		return 8;
	case PAYLOAD_LEN:
		return 16;
	case TWELVE:
		return 12;
	case STATS_LEN:
		return 1000;
	case RECORDS_LEN:
		return 10 * sizeof(struct refslab_record);
	case VALUE:
		return -1ull;
	case THRESHOLD:
		return 500 + i;
	case INSERTION:
		return 3;
	default:
		return 0;
	}
}

static __u64 wrong(const struct way *way, __u64 right_value)
{
	switch (way->special) {
	case V_CLOSED:
		return w.closed;
	case V_BEYOND:
		return right_value + (1ull << 32);
	case V_NODE:
		return w.node;
	case V_BARE:
		return w.bare;
	case V_LIST:
		return w.list;
	case V_INT:
		return w.number;
	case V_STR:
		return w.str;
	case V_FLOAT:
		return w.real;
	case V_BYTES:
		return w.bytes;
	case V_TUPLE:
		return w.tuple;
	case V_ELEMENTS:
		memcpy(w.other_elements, w.elements, sizeof(w.elements));
		w.other_elements[2] = way->value;
		return ptr(w.other_elements);
	case V_WEAKABLE:
		return w.weakable;
	case V_WEAK:
		return w.weak;
	case V_DICT:
		return w.dict;
	case V_SET:
		return w.set;
	case V_ATTRIBUTED:
		return w.instance;
	case V_BUILTIN:
		return must(TYPEOF, w.list, ptr(w.room), 4);
	case V_WEAK_TYPE:
		return must(TYPEOF, w.weak, ptr(w.room), 4);
	case V_READ_ONLY:
		return ptr(w.read_only);
	case V_HOLE:
		return ptr(w.hole);
	case V_EDGE:
		return ptr(w.edge);
	case V_TEXT:
		return ptr(way->text);
	case V_DEF:
		w.other_def = way->def;
		return ptr(&w.other_def);
	}
	return way->value;
}

/* Counting comes first: a TAP plan says how many there will be. */
static bool counting;
static unsigned int nr_cases;

static struct refslab_op good(const struct shape *s)
{
	struct refslab_op op = { .opcode = s->opcode };
	unsigned int i;

	for (i = 0; i < 4 && !counting; i++)
		op.arg[i] = right(s, i);
	return op;
}

static bool is_expected(int got, int err)
{
	if (err == E2BIG_OR_EFAULT)
		return got == -E2BIG || got == -EFAULT;
	return got == -err;
}

/*
 * The operation comes second, so that @from has an earlier one to name. Its result and error
 * fields must come back as they went, but for the error.
 */
static void try(const struct refslab_op *bad, int err, const char *name, const char *field,
		const char *what)
{
	static struct look before, after;
	struct refslab_op ops[2] = { op(ISENABLED), *bad };
	struct refslab_submit submit = { .size = sizeof(submit), .ops = ptr(ops), .count = 2 };
	bool well = false;
	int ret;

	nr_cases++;
	if (counting)
		return;
	look(&before);
	ret = test_ioctl(w.fd, REFSLAB_IOC_SUBMIT, &submit);
	look(&after);
	if (ret)
		ksft_print_msg("ioctl: %d\n", ret);
	else if (submit.done != 1 || !is_expected(submit.error, err) ||
		 ops[1].error != submit.error)
		ksft_print_msg("done %u, error %d, in the operation %d; expected 1, -%d\n",
			       submit.done, submit.error, ops[1].error, err % 1000);
	else if (ops[1].result[0] != bad->result[0] || ops[1].result[1] != bad->result[1])
		ksft_print_msg("a failed operation has results\n");
	else
		well = is_same(&before, &after);
	ksft_test_result(well, "%s: %s: %s\n", name, field, what);
}

/* What can be wrong with any operation. */
static void try_frame(const struct shape *s, unsigned int nr_args)
{
	static const char *const arg[] = { "arg[0]", "arg[1]", "arg[2]", "arg[3]" };
	struct refslab_op op;
	unsigned int i;

#define FRAME(field, value, err, what) do {				\
	op = good(s);							\
	op.field = (value);						\
	try(&op, err, s->name, #field, what);				\
} while (0)
	FRAME(flags, 1, EOPNOTSUPP, "unknown");
	FRAME(flags, 0x8000, EOPNOTSUPP, "unknown");
	FRAME(reserved, 1, EINVAL, "not zero");
	FRAME(error, -1, EINVAL, "not zero");
	FRAME(result[0], 1, EINVAL, "not zero");
	FRAME(result[1], 1ull << 63, EINVAL, "not zero");
	FRAME(from, F(4), EINVAL, "beyond all operands");
	FRAME(from, F(31), EINVAL, "beyond all operands");
	for (i = 0; i < 4; i++) {
		if (i >= nr_args) {
			op = good(s);
			op.arg[i] = 1;
			try(&op, EINVAL, s->name, arg[i], "unused, not zero");
			op = good(s);
			op.from = F(i);
			try(&op, EINVAL, s->name, arg[i], "unused, from an earlier operation");
			continue;
		}
		op = good(s);
		op.from = F(i);
		op.arg[i] = 1;
		try(&op, EINVAL, s->name, arg[i], "from this operation");
		op.arg[i] = 2;
		try(&op, EINVAL, s->name, arg[i], "from an operation after the last");
		op.arg[i] = 1ull << 32;
		try(&op, EINVAL, s->name, arg[i], "from operation 2^32");
		op.arg[i] = ~0ull;
		try(&op, EINVAL, s->name, arg[i], "from operation -1");
	}
}

static void try_operands(const struct shape *s, unsigned int nr_args)
{
	static const char *const arg[] = { "arg[0]", "arg[1]", "arg[2]", "arg[3]" };
	unsigned int i, k, nr_ways;

	for (i = 0; i < nr_args; i++) {
		nr_ways = 0;
		for (k = 0; k < ARRAY_SIZE(ways); k++) {
			struct refslab_op op = good(s);

			if (!(ways[k].kinds & K(s->kind[i])))
				continue;
			if (!counting)
				op.arg[i] = wrong(&ways[k], op.arg[i]);
			try(&op, ways[k].err, s->name, arg[i], ways[k].what);
			nr_ways++;
		}
		if (!nr_ways && !always_right(s->kind[i]))
			ksft_exit_fail_msg("%s: nothing is tried with %s\n", s->name, arg[i]);
	}
}

/* An operation of which nothing is wrong, or else its cases prove nothing. */
static void try_right(const struct shape *s)
{
	struct refslab_op op;
	int err;

	nr_cases++;
	if (counting)
		return;
	op = good(s);
	err = test_submit(w.fd, &op, 1, NULL);
	if (err)
		ksft_print_msg("error %d\n", err);
	ksft_test_result(!err, "%s: nothing wrong\n", s->name);
}

static void try_shape(const struct shape *s)
{
	unsigned int nr_args = 0;
	const char *end = "ok";

	while (nr_args < 4 && s->kind[nr_args] != NONE)
		nr_args++;
	if (!counting)
		world_open();
	try_frame(s, nr_args);
	try_operands(s, nr_args);
	try_right(s);
	nr_cases++;
	if (counting)
		return;
	end = world_close();
	if (strcmp(end, "ok"))
		ksft_print_msg("%s\n", end);
	ksft_test_result(!strcmp(end, "ok"), "%s: consistent, and all is gone after close\n",
			 s->name);
}

static void try_opcodes(void)
{
	static const unsigned int unknown[] = { 0, REFSLAB_OP_LAST + 1, 0x8001, 0xffff };
	unsigned int i;

	if (!counting)
		world_open();
	for (i = 0; i < ARRAY_SIZE(unknown); i++) {
		const struct refslab_op op = { .opcode = unknown[i] };

		try(&op, EOPNOTSUPP, "unknown", "opcode", "there is no such operation");
	}
	if (!counting)
		world_close();
}

static void try_all(void)
{
	unsigned int i;

	nr_cases = 0;
	for (i = 0; i < ARRAY_SIZE(shapes); i++)
		try_shape(&shapes[i]);
	try_opcodes();
}

/* So that a case does not get lost in a change of the tables. */
#define CASES	2880

int main(void)
{
	unsigned int i, k;

	setvbuf(stdout, NULL, _IOLBF, 0);
	ksft_print_header();
	for (i = 1; i <= REFSLAB_OP_LAST; i++) {
		for (k = 0; k < ARRAY_SIZE(shapes) && shapes[k].opcode != i; k++)
			;
		if (k == ARRAY_SIZE(shapes))
			ksft_exit_fail_msg("operation %u is in no table\n", i);
	}
	counting = true;
	try_all();
	if (nr_cases != CASES)
		ksft_exit_fail_msg("%u cases, and there should be %u\n", nr_cases, CASES);
	ksft_set_plan(nr_cases);
	ksft_print_msg("%u cases of %u operations\n", nr_cases, REFSLAB_OP_LAST);
	counting = false;
	/* a tuple that cannot be filled leaves its memory in a cache of this processor's */
	if (test_pin())
		ksft_exit_fail_msg("cannot stay on one processor\n");
	memory_open();
	try_all();
	ksft_finished();
}
