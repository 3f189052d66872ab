// SPDX-License-Identifier: GPL-2.0
/* Errors as sentences: what an errno means after a given operation. */
#define _GNU_SOURCE		/* strerrordesc_np() */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "librefslab.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

static const char * const names[] = {
	[REFSLAB_OP_TYPE] = "type",
	[REFSLAB_OP_NEW] = "new",
	[REFSLAB_OP_INT] = "int",
	[REFSLAB_OP_STR] = "str",
	[REFSLAB_OP_LIST] = "list",
	[REFSLAB_OP_DUP] = "dup",
	[REFSLAB_OP_CLOSE] = "close",
	[REFSLAB_OP_IS] = "is",
	[REFSLAB_OP_SETSLOT] = "setslot",
	[REFSLAB_OP_CLEARSLOT] = "clearslot",
	[REFSLAB_OP_SLOT] = "slot",
	[REFSLAB_OP_WRITE] = "write",
	[REFSLAB_OP_READ] = "read",
	[REFSLAB_OP_APPEND] = "append",
	[REFSLAB_OP_INSERT] = "insert",
	[REFSLAB_OP_POP] = "pop",
	[REFSLAB_OP_SETITEM] = "setitem",
	[REFSLAB_OP_DELITEM] = "delitem",
	[REFSLAB_OP_ITEM] = "item",
	[REFSLAB_OP_LEN] = "len",
	[REFSLAB_OP_INT_VALUE] = "int_value",
	[REFSLAB_OP_STR_VALUE] = "str_value",
	[REFSLAB_OP_TYPEOF] = "typeof",
	[REFSLAB_OP_REFCOUNT] = "refcount",
	[REFSLAB_OP_ID] = "id",
	[REFSLAB_OP_TRACKED] = "tracked",
	[REFSLAB_OP_BLOCK] = "block",
	[REFSLAB_OP_COLLECT] = "collect",
	[REFSLAB_OP_ENABLE] = "enable",
	[REFSLAB_OP_DISABLE] = "disable",
	[REFSLAB_OP_ISENABLED] = "isenabled",
	[REFSLAB_OP_SET_THRESHOLD] = "set_threshold",
	[REFSLAB_OP_GET_THRESHOLD] = "get_threshold",
	[REFSLAB_OP_GET_COUNT] = "get_count",
	[REFSLAB_OP_GET_STATS] = "get_stats",
	[REFSLAB_OP_OBJECTS] = "objects",
	[REFSLAB_OP_TRIM] = "trim",
	[REFSLAB_OP_STAT] = "stat",
	[REFSLAB_OP_WEAK] = "weak",
	[REFSLAB_OP_DEREF] = "deref",
	[REFSLAB_OP_BYID] = "byid",
	[REFSLAB_OP_FINALIZED] = "finalized",
	[REFSLAB_OP_FREEZE] = "freeze",
	[REFSLAB_OP_UNFREEZE] = "unfreeze",
	[REFSLAB_OP_FREEZECOUNT] = "freezecount",
	[REFSLAB_OP_REFERENTS] = "referents",
	[REFSLAB_OP_REFERRERS] = "referrers",
	[REFSLAB_OP_SET_DEBUG] = "set_debug",
	[REFSLAB_OP_GET_DEBUG] = "get_debug",
	[REFSLAB_OP_GARBAGE] = "garbage",
	[REFSLAB_OP_EMPTY_GARBAGE] = "empty_garbage",
	[REFSLAB_OP_WATCH] = "watch",
	[REFSLAB_OP_FLOAT] = "float",
	[REFSLAB_OP_FLOAT_VALUE] = "float_value",
	[REFSLAB_OP_BYTES] = "bytes",
	[REFSLAB_OP_BYTES_VALUE] = "bytes_value",
	[REFSLAB_OP_TUPLE] = "tuple",
	[REFSLAB_OP_DICT] = "dict",
	[REFSLAB_OP_SET] = "set",
	[REFSLAB_OP_INSTANCE] = "instance",
	[REFSLAB_OP_DICT_SETITEM] = "dict_setitem",
	[REFSLAB_OP_DICT_ITEM] = "dict_item",
	[REFSLAB_OP_DICT_DELITEM] = "dict_delitem",
	[REFSLAB_OP_ADD] = "add",
	[REFSLAB_OP_DISCARD] = "discard",
	[REFSLAB_OP_CONTAINS] = "contains",
	[REFSLAB_OP_SETATTR] = "setattr",
	[REFSLAB_OP_GETATTR] = "getattr",
	[REFSLAB_OP_DELATTR] = "delattr",
	[REFSLAB_OP_ITEMS] = "items",
	[REFSLAB_OP_PUBLISH] = "publish",
	[REFSLAB_OP_LOOKUP] = "lookup",
	[REFSLAB_OP_UNPUBLISH] = "unpublish",
	[REFSLAB_OP_ROOTS] = "roots",
	[REFSLAB_OP_SET_LIMITS] = "set_limits",
	[REFSLAB_OP_GET_LIMITS] = "get_limits",
	[REFSLAB_OP_MAP] = "map",
	[REFSLAB_OP_TYPE_FIND] = "type_find",
	[REFSLAB_OP_DICT_ITEM_BYVALUE] = "dict_item_byvalue",
	[REFSLAB_OP_CONTAINS_BYVALUE] = "contains_byvalue",
};

/* A new opcode needs a name here, and its errors below. */
static_assert(ARRAY_SIZE(names) == REFSLAB_OP_LAST + 1, "an opcode has no name");

struct text {
	unsigned int opcode;		/* or an enum refslab_call; 0: of any operation */
	int err;
	const char *text;
};

static const struct text texts[] = {
	{ REFSLAB_OP_TYPE, EEXIST, "the heap has a type of that name already" },
	{ REFSLAB_OP_TYPE, EINVAL,
	  "no identifier, or over 31 bytes, 65535 slots, 65536 cache, 1 MiB; mapped: 1 B-1 GiB" },
	{ REFSLAB_OP_TYPE, ENOSPC, "the heap has all the 1024 types it can have" },
	{ REFSLAB_OP_TYPE, EOPNOTSUPP, "this kernel does not know one of the type's flags" },
	{ REFSLAB_OP_TYPE_FIND, ENOENT, "the heap has no type of that name" },
	{ REFSLAB_OP_TYPE_FIND, EINVAL, "a type's name is an identifier of at most 31 bytes" },
	{ REFSLAB_OP_NEW, ENOENT, "no such type" },
	{ REFSLAB_OP_NEW, EPROTOTYPE, "a built-in type has a statement of its own to make it" },
	{ REFSLAB_OP_STR, EILSEQ, "a str is valid UTF-8" },
	{ REFSLAB_OP_STR, E2BIG, "a str is at most 1 MiB long" },
	{ REFSLAB_OP_SETSLOT, ERANGE, "the object has no such slot" },
	{ REFSLAB_OP_SETSLOT, EPROTOTYPE, "the object is not of a user-defined type with slots" },
	{ REFSLAB_OP_CLEARSLOT, ERANGE, "the object has no such slot" },
	{ REFSLAB_OP_CLEARSLOT, EPROTOTYPE, "the object is not of a user-defined type with slots" },
	{ REFSLAB_OP_SLOT, ERANGE, "the object has no such slot" },
	{ REFSLAB_OP_SLOT, EPROTOTYPE, "the object is not of a user-defined type with slots" },
	{ REFSLAB_OP_SLOT, ENODATA, "the slot is empty" },
	{ REFSLAB_OP_WRITE, ERANGE, "that is not within the object's payload" },
	{ REFSLAB_OP_WRITE, EPROTOTYPE, "only objects of user-defined types have a payload" },
	{ REFSLAB_OP_WRITE, E2BIG, "at most 1 MiB is written at once" },
	{ REFSLAB_OP_READ, E2BIG, "at most 1 MiB is read at once" },
	{ REFSLAB_OP_READ, ERANGE, "that is not within the object's payload" },
	{ REFSLAB_OP_READ, EPROTOTYPE, "only objects of user-defined types have a payload" },
	{ REFSLAB_OP_APPEND, EPROTOTYPE, "the object is not a list" },
	{ REFSLAB_OP_APPEND, E2BIG, "the list is full: it has 2^24 elements" },
	{ REFSLAB_OP_INSERT, EPROTOTYPE, "the object is not a list" },
	{ REFSLAB_OP_INSERT, ERANGE, "the place is beyond the end of the list" },
	{ REFSLAB_OP_INSERT, E2BIG, "the list is full: it has 2^24 elements" },
	{ REFSLAB_OP_POP, EPROTOTYPE, "the object is not a list" },
	{ REFSLAB_OP_POP, ERANGE, "the list has no such element" },
	{ REFSLAB_OP_SETITEM, EPROTOTYPE, "the object is not a list" },
	{ REFSLAB_OP_SETITEM, ERANGE, "the list has no such element" },
	{ REFSLAB_OP_DELITEM, EPROTOTYPE, "the object is not a list" },
	{ REFSLAB_OP_DELITEM, ERANGE, "the list has no such element" },
	{ REFSLAB_OP_ITEM, EPROTOTYPE, "only lists, tuples and dicts have items" },
	{ REFSLAB_OP_ITEM, ERANGE, "the list or tuple has no such element" },
	{ REFSLAB_OP_INT_VALUE, EPROTOTYPE, "the object is not an int" },
	{ REFSLAB_OP_STR_VALUE, EPROTOTYPE, "the object is not a str" },
	{ REFSLAB_OP_FLOAT_VALUE, EPROTOTYPE, "the object is not a float" },
	{ REFSLAB_OP_BYTES, E2BIG, "a bytes is at most 1 MiB long" },
	{ REFSLAB_OP_BYTES_VALUE, EPROTOTYPE, "the object is not a bytes" },
	{ REFSLAB_OP_TUPLE, ENOENT, "one of the elements is no handle" },
	{ REFSLAB_OP_TUPLE, E2BIG, "a tuple has at most 65535 elements" },
	{ REFSLAB_OP_DICT_SETITEM, EPROTOTYPE, "the object is no dict, or the key cannot be one" },
	{ REFSLAB_OP_DICT_SETITEM, E2BIG, "the dict is full: it has 2^23 entries" },
	{ REFSLAB_OP_DICT_ITEM, EPROTOTYPE, "the object is no dict, or the key cannot be one" },
	{ REFSLAB_OP_DICT_ITEM, ENOKEY, "the dict has no such key" },
	{ REFSLAB_OP_DICT_ITEM_BYVALUE, EPROTOTYPE, "the object is no dict" },
	{ REFSLAB_OP_DICT_ITEM_BYVALUE, ENOKEY, "the dict has no such key" },
	{ REFSLAB_OP_DICT_ITEM_BYVALUE, EILSEQ, "a str is valid UTF-8" },
	{ REFSLAB_OP_DICT_ITEM_BYVALUE, E2BIG, "a str or a bytes is at most 1 MiB long" },
	{ REFSLAB_OP_DICT_ITEM_BYVALUE, EOPNOTSUPP, "this kernel does not know the kind of value" },
	{ REFSLAB_OP_DICT_DELITEM, EPROTOTYPE, "the object is no dict, or the key cannot be one" },
	{ REFSLAB_OP_DICT_DELITEM, ENOKEY, "the dict has no such key" },
	{ REFSLAB_OP_ADD, EPROTOTYPE, "the object is no set, or the element cannot be in one" },
	{ REFSLAB_OP_ADD, E2BIG, "the set is full: it has 2^23 elements" },
	{ REFSLAB_OP_DISCARD, EPROTOTYPE, "the object is no set, or the element cannot be in one" },
	{ REFSLAB_OP_CONTAINS, EPROTOTYPE,
	  "the object is no dict, set, list or tuple, or that cannot be a key" },
	{ REFSLAB_OP_CONTAINS_BYVALUE, EPROTOTYPE, "the object is no dict, set, list or tuple" },
	{ REFSLAB_OP_CONTAINS_BYVALUE, EILSEQ, "a str is valid UTF-8" },
	{ REFSLAB_OP_CONTAINS_BYVALUE, E2BIG, "a str or a bytes is at most 1 MiB long" },
	{ REFSLAB_OP_CONTAINS_BYVALUE, EOPNOTSUPP, "this kernel does not know the kind of value" },
	{ REFSLAB_OP_SETATTR, EPROTOTYPE, "only instances have attributes" },
	{ REFSLAB_OP_SETATTR, EINVAL, "an attribute's name is an identifier of at most 255 bytes" },
	{ REFSLAB_OP_SETATTR, E2BIG, "the instance is full: it has 2^23 attributes" },
	{ REFSLAB_OP_GETATTR, EPROTOTYPE, "only instances have attributes" },
	{ REFSLAB_OP_GETATTR, EINVAL, "an attribute's name is an identifier of at most 255 bytes" },
	{ REFSLAB_OP_GETATTR, ENOKEY, "the instance has no such attribute" },
	{ REFSLAB_OP_DELATTR, EPROTOTYPE, "only instances have attributes" },
	{ REFSLAB_OP_DELATTR, EINVAL, "an attribute's name is an identifier of at most 255 bytes" },
	{ REFSLAB_OP_DELATTR, ENOKEY, "the instance has no such attribute" },
	{ REFSLAB_OP_ITEMS, EPROTOTYPE, "the object is no dict, set, instance, list or tuple" },
	{ REFSLAB_OP_ITEMS, ESTALE, "keys came or went while the entries were read" },
	{ REFSLAB_OP_PUBLISH, EINVAL, "a root's name is an identifier of at most 255 bytes" },
	{ REFSLAB_OP_PUBLISH, EEXIST, "the heap has a root of that name already" },
	{ REFSLAB_OP_PUBLISH, ENOSPC, "the heap has all the 4096 roots it can have" },
	{ REFSLAB_OP_LOOKUP, EINVAL, "a root's name is an identifier of at most 255 bytes" },
	{ REFSLAB_OP_LOOKUP, ENODATA, "the heap has no root of that name" },
	{ REFSLAB_OP_UNPUBLISH, EINVAL, "a root's name is an identifier of at most 255 bytes" },
	{ REFSLAB_OP_UNPUBLISH, ENODATA, "the heap has no root of that name" },
	{ REFSLAB_OP_MAP, EPROTOTYPE, "only objects of types that are mapped have a place" },
	{ REFSLAB_OP_COLLECT, EINVAL, "the generations are 0, 1 and 2" },
	{ REFSLAB_OP_COLLECT, EINTR, "a signal came before the scan began" },
	{ REFSLAB_OP_SET_THRESHOLD, EINVAL, "a threshold is at most 2147483647" },
	{ REFSLAB_OP_OBJECTS, EINVAL, "the generations are 0, 1, 2, and 3 for what is frozen" },
	{ REFSLAB_OP_SET_DEBUG, EOPNOTSUPP, "this kernel does not know one of the debug flags" },
	{ REFSLAB_OP_WATCH, EOPNOTSUPP, "this kernel does not know one of the kinds of events" },
	{ REFSLAB_OP_WEAK, EPROTOTYPE,
	  "only sets, instances and objects of types defined with weakref have weak references" },
	{ REFSLAB_OP_DEREF, EPROTOTYPE, "the object is not a weak reference" },

	{ REFSLAB_CALL_OPEN, EPERM, "no permission to open the device" },
	{ REFSLAB_CALL_OPEN, EMFILE, "the process has too many open files" },
	{ REFSLAB_CALL_OPEN, ENFILE, "the system has too many open files" },
	{ REFSLAB_CALL_OPEN, ENOMEM, "no memory, or the limit of the memory cgroup is reached" },
	{ REFSLAB_CALL_QUERY, ENOTTY, "the device is another than refslab's" },
	{ REFSLAB_CALL_CREATE, EINVAL,
	  "a heap's name is at most 31 printable ASCII characters without blanks" },
	{ REFSLAB_CALL_CREATE, ENOTTY, "the device is another than refslab's" },
	{ REFSLAB_CALL_CREATE, ENOMEM, "no memory, or the limit of the memory cgroup is reached" },
	{ REFSLAB_CALL_ATTACH, EBADF, "there is no such file descriptor" },
	{ REFSLAB_CALL_ATTACH, EINVAL, "the descriptor is none of another session" },
	{ REFSLAB_CALL_ATTACH, ENOTCONN, "the other session has no heap" },
	{ REFSLAB_CALL_ATTACH, EOPNOTSUPP, "this kernel does not know one of the flags" },
	{ REFSLAB_CALL_ATTACH, ENOTTY, "this kernel does not know the call" },
	{ REFSLAB_CALL_SUBMIT, EINVAL,
	  "an operation has over 4 operands, or takes the result of none that comes before it" },
	{ REFSLAB_CALL_SUBMIT, E2BIG, "at most 4096 operations are carried out by one call" },
	{ REFSLAB_CALL_READ_EVENTS, EPERM,
	  "the session was attached without the right to read events of objects" },
	{ REFSLAB_CALL_READ_EVENTS, EINVAL, "there is no room for an event" },
	{ REFSLAB_CALL_READ_EVENTS, EMFILE,
	  "the session has no handle left, or the heap is at its limit of handles" },
	{ REFSLAB_CALL_MAP_OBJECT, EPROTOTYPE,
	  "only objects of types that are mapped have a place" },
	{ REFSLAB_CALL_MAP_OBJECT, ENOENT, "no such handle" },
	{ REFSLAB_CALL_MAP_OBJECT, ENXIO, "the object has died" },
	{ REFSLAB_CALL_MAP_OBJECT, EACCES,
	  "the session may only read, or what is mapped was to be executable" },
	{ REFSLAB_CALL_MAP_OBJECT, ENOMEM,
	  "no memory, or the process has as many mappings as it can have" },
	{ REFSLAB_CALL_MAP_WINDOW, EINVAL, "a mapping has at least one byte" },
	{ REFSLAB_CALL_MAP_WINDOW, ENXIO, "that is larger than the window" },
	{ REFSLAB_CALL_MAP_WINDOW, EACCES,
	  "the session may only read, or what is mapped was to be executable" },
	{ REFSLAB_CALL_MAP_WINDOW, ENOMEM,
	  "no memory, or the process has as many mappings as it can have" },

	{ 0, EPERM, "the session was attached without the right to do that" },
	{ 0, ENOENT, "no such handle" },
	{ 0, EPROTOTYPE, "the object is of another type than the operation works on" },
	{ 0, EFAULT, "memory of the program cannot be read or written" },
	{ 0, EMFILE, "the session has no handle left, or the heap is at its limit of handles" },
	{ 0, ENOMEM, "no memory, or a limit of the heap or of the memory cgroup is reached" },
	{ 0, EOVERFLOW, "the object has as many references as can be counted" },
	{ 0, EOPNOTSUPP, "this kernel does not know the operation or one of its flags" },
	{ 0, EINVAL, "the operation does not take these operands" },
	{ 0, EINTR, "interrupted by a signal" },
	{ 0, ENOTCONN, "the session has no heap yet" },
	{ 0, EISCONN, "the session has a heap already" },
	{ 0, ENOTTY, "this kernel does not know the call" },
	{ 0, E2BIG, "more than this kernel understands in one call" },
};

/* Of other calls than operations, whichever it was. */
static const struct text call_texts[] = {
	{ 0, ENOENT, "no such device: the refslab module is not loaded" },
	{ 0, ENXIO, "no such device: the refslab module is not loaded" },
	{ 0, ENODEV, "no such device: the refslab module is not loaded" },
	{ 0, EACCES, "no permission to open the device" },
	{ 0, EPERM, "no permission to open the device, or to read events" },
	{ 0, EBADF, "no such file descriptor" },
	{ 0, EMFILE, "the process has too many open files, or the session no handle left" },
	{ 0, EAGAIN, "there is no event" },
	{ 0, EINVAL,
	  "no heap's name (31 printable ASCII characters without blanks), or not another session" },
};

static const char *look_up(const struct text *t, size_t n, unsigned int opcode, int err)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (t[i].opcode == opcode && t[i].err == err)
			return t[i].text;
	return NULL;
}

const char *refslab_strerror(unsigned int opcode, int err)
{
	const char *text = NULL;

	err = abs(err);
	if (!err)
		return "success";
	if (opcode)
		text = look_up(texts, ARRAY_SIZE(texts), opcode, err);
	if (!text && (!opcode || opcode >= REFSLAB_CALL_OPEN))
		text = look_up(call_texts, ARRAY_SIZE(call_texts), 0, err);
	if (!text)
		text = look_up(texts, ARRAY_SIZE(texts), 0, err);
	if (!text)
		text = strerrordesc_np(err);
	return text ? text : "unknown error";
}

const char *refslab_opcode_name(unsigned int opcode)
{
	return opcode < ARRAY_SIZE(names) ? names[opcode] : NULL;
}
