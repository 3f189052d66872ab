/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The user ABI of refslab: a slab of reference-counted objects with cycle collection.
 *
 * open("/dev/refslab") gives a session. REFSLAB_IOC_CREATE gives the session a new private heap, or
 * REFSLAB_IOC_ATTACH the heap of another session whose descriptor the caller was given, after which
 * REFSLAB_IOC_SUBMIT carries out operations on it. A session names objects by *handles*: each
 * handle holds one strong reference, and closing the file, however the process ended, drops them
 * all.
 *
 * Rules that hold for every structure here
 *
 *  - The first field of an ioctl's argument is its size as the caller knows it. A shorter structure
 *    than the kernel's is taken as if it ended in zeroes; a longer one is taken when what the
 *    kernel does not know is zero and it is no longer than a page, otherwise -E2BIG.
 *  - The layout is the same for 32- and 64-bit programs. Pointers travel as __u64.
 *  - Fields called reserved, and everything an operation does not use, must be 0 (-EINVAL).
 *
 * Errors of an ioctl
 *
 *  -ENOTTY      unknown ioctl number
 *  -E2BIG       the structure is longer than the kernel's and its unknown end is not zero, or it
 *               is longer than a page; or more than REFSLAB_MAX_OPS operations
 *  -EINVAL      size too small, a reserved field not 0, or a field that makes no sense
 *  -EOPNOTSUPP  a flag or a value that this kernel does not know
 *  -EFAULT      memory that cannot be read or written
 *  -ENOTCONN    REFSLAB_IOC_SUBMIT on a session without a heap, REFSLAB_IOC_ATTACH through one
 *  -EISCONN     REFSLAB_IOC_CREATE or REFSLAB_IOC_ATTACH on a session that has a heap
 *  -ENOMEM      no memory, or the limit of the caller's memory cgroup (which may also end the
 *               program, when what is missing then is memory of its own)
 */
#ifndef _UAPI_REFSLAB_H
#define _UAPI_REFSLAB_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Not used by any driver in Documentation/userspace-api/ioctl/ioctl-number.rst. */
#define REFSLAB_IOC_MAGIC	0xE2

#define REFSLAB_IOC_QUERY	_IO(REFSLAB_IOC_MAGIC, 0x00)
#define REFSLAB_IOC_CREATE	_IO(REFSLAB_IOC_MAGIC, 0x01)
#define REFSLAB_IOC_SUBMIT	_IO(REFSLAB_IOC_MAGIC, 0x02)
#define REFSLAB_IOC_ATTACH	_IO(REFSLAB_IOC_MAGIC, 0x03)

/* Limits. */
/* bytes in a heap's or a type's name, without the NUL */
#define REFSLAB_NAME_MAX	31
#define REFSLAB_MAX_OPS		4096u		/* operations in one submit */
#define REFSLAB_MAX_SLOTS	65535u		/* slots of a user-defined type */
#define REFSLAB_MAX_PAYLOAD	(1u << 20)	/* bytes of payload of a user-defined type */
#define REFSLAB_MAX_MAPPED	(1u << 30)	/* and of one with REFSLAB_TYPE_MAPPED */
#define REFSLAB_WINDOW		(1ull << 44)	/* bytes of a heap's window, see REFSLAB_OP_MAP */
#define REFSLAB_MAX_CACHE	65536u		/* cache limit of a user-defined type, in objects */
#define REFSLAB_MAX_TYPES	1024u		/* types in a heap, the built-in ones included */
#define REFSLAB_MAX_STR		(1u << 20)	/* bytes of a str, as UTF-8 */
#define REFSLAB_MAX_NAME	4096u		/* bytes of a str that is interned */
#define REFSLAB_MAX_BYTES	(1u << 20)	/* bytes of a bytes */
#define REFSLAB_MAX_TUPLE	65535u		/* elements of a tuple */
#define REFSLAB_MAX_LIST	(1u << 24)	/* elements of a list */
#define REFSLAB_MAX_DICT	(1u << 23)	/* entries of a dict, set or instance */
#define REFSLAB_MAX_ATTRIBUTE	255u		/* bytes of an attribute's name */
#define REFSLAB_MAX_ROOTS	4096u		/* published roots of a heap */
#define REFSLAB_MAX_ROOT_NAME	255u		/* bytes of a root's name */
#define REFSLAB_MAX_HANDLE	0x7fffffffu	/* handles are 1 .. this; 0 is never a handle */

/*
 * Handles, objects and references that one operation, or close(), drops and destroys itself. When
 * more dies with them (a long chain), a worker of the kernel does the rest, and nobody waits for
 * it.
 */
#define REFSLAB_BUDGET		8192u
#define REFSLAB_GENERATIONS	3
#define REFSLAB_MAX_GC_EVENTS	64u		/* events of scans that wait for a session */

/* Features, for struct refslab_query, refslab_create and refslab_attach. None so far. */
#define REFSLAB_FEATURES	0ull

/**
 * struct refslab_query - REFSLAB_IOC_QUERY: what this kernel offers
 * @size:	sizeof(struct refslab_query)
 * @reserved:	0
 * @features:	out: the features known
 * @max_ops:	out: operations in one submit
 * @nr_opcodes:	out: opcodes are 1 .. nr_opcodes
 * @version:	out: version of the module, as text; for people, not for decisions
 *
 * Needs no heap.
 */
struct refslab_query {
	__u32 size;
	__u32 reserved;
	__aligned_u64 features;
	__u32 max_ops;
	__u32 nr_opcodes;
	char version[32];
};

/**
 * struct refslab_create - REFSLAB_IOC_CREATE: make a new heap and attach this session to it
 * @size:	sizeof(struct refslab_create)
 * @flags:	0; others -EOPNOTSUPP
 * @features:	in: features the program relies on, unknown ones are -EOPNOTSUPP;
 *		out: the features known
 * @max_bytes:	in: limit of the heap's memory in bytes (pages of arenas, large blocks, pages of
 *		mappable payloads); 0: none
 * @name:	in: for people; printable ASCII without spaces, NUL-terminated and NUL-padded
 *		(-EINVAL)
 * @heap_id:	out: number of the heap, as in debugfs; it grants nothing
 * @reserved:	0
 * @max_objects: in: limit of the number of live objects; 0: none. See struct refslab_limits
 * @max_handles: in: limit of the handles of all sessions together; 0: none
 *
 * At most once per session (-EISCONN). The heap ends with its last session.
 */
struct refslab_create {
	__u32 size;
	__u32 flags;
	__aligned_u64 features;
	__aligned_u64 max_bytes;
	char name[REFSLAB_NAME_MAX + 1];
	__u32 heap_id;
	__u32 reserved;
	__aligned_u64 max_objects;
	__aligned_u64 max_handles;
};

/*
 * Rights of a session. The one that made the heap has all; REFSLAB_IOC_ATTACH can only take some
 * away. Looking at objects and at the heap, and handles, need none. The mode of open() is no right:
 * a session opened with O_RDONLY makes and changes objects, too; but mmap() with PROT_WRITE wants a
 * descriptor that was opened with O_RDWR.
 */
/*
 * make and change objects and types; read events of objects. Who has it not cannot make keys
 * either, but looks up values (REFSLAB_OP_DICT_ITEM_BYVALUE, _CONTAINS_BYVALUE); only for a tuple
 * as a key it takes a handle, found by _ITEMS or another way
 */
#define REFSLAB_RIGHT_CHANGE	(1u << 0)
/* everything about the collector, and REFSLAB_OP_TRIM */
#define REFSLAB_RIGHT_COLLECT	(1u << 1)
/* change the heap's limits */
#define REFSLAB_RIGHT_LIMITS	(1u << 2)
#define REFSLAB_RIGHTS_ALL	0x7u

/* struct refslab_attach.flags: take rights away */
#define REFSLAB_ATTACH_READONLY		(1u << 0)	/* all of them */
#define REFSLAB_ATTACH_NO_COLLECT	(1u << 1)	/* REFSLAB_RIGHT_COLLECT */
#define REFSLAB_ATTACH_NO_LIMITS	(1u << 2)	/* REFSLAB_RIGHT_LIMITS */

/**
 * struct refslab_attach - REFSLAB_IOC_ATTACH: attach this session to the heap of another one
 * @size:	sizeof(struct refslab_attach)
 * @flags:	REFSLAB_ATTACH_*; others -EOPNOTSUPP
 * @features:	as in struct refslab_create
 * @fd:		a descriptor of the other session; -EBADF: there is none, -EINVAL: it is of another
 *		kind, or of this session itself; -ENOTCONN: the other session has no heap
 * @heap_id:	out: number of the heap
 * @rights:	out: REFSLAB_RIGHT_* of this session: those of the other one, without what @flags
 *		take away
 * @reserved:	0
 *
 * At most once per session (-EISCONN), and not beside REFSLAB_IOC_CREATE. Whoever was given a
 * descriptor of a session, by fork(), SCM_RIGHTS or pidfd_getfd(), has all that session's rights
 * and can use its handles; to give less, attach a session with less and hand on that one's.
 * Afterwards the two sessions have nothing to do with one another but the heap: each has handles
 * of its own, and either may be closed first.
 */
struct refslab_attach {
	__u32 size;
	__u32 flags;
	__aligned_u64 features;
	__s32 fd;
	__u32 heap_id;
	__u32 rights;
	__u32 reserved;
};

/**
 * struct refslab_submit - REFSLAB_IOC_SUBMIT: carry out operations, in order
 * @size:	sizeof(struct refslab_submit)
 * @flags:	0; others -EOPNOTSUPP
 * @ops:	pointer to an array of struct refslab_op
 * @count:	number of operations, 1 .. REFSLAB_MAX_OPS
 * @done:	out: how many were carried out; they stay done
 * @error:	in: 0; out: 0, or the negative errno of operation number @done, which stopped the
 *		call
 * @reserved:	0
 *
 * The ioctl returns 0 whenever the submission was understood, also when an operation failed: read
 * @done and @error. An operation that fails changes nothing. A signal stops between two operations
 * with @error = -EINTR.
 */
struct refslab_submit {
	__u32 size;
	__u32 flags;
	__aligned_u64 ops;
	__u32 count;
	__u32 done;
	__s32 error;
	__u32 reserved;
};

/**
 * struct refslab_op - one operation
 * @opcode:	enum refslab_opcode
 * @flags:	0 (-EOPNOTSUPP)
 * @from:	bit i: arg[i] is not the operand itself but the number of an earlier operation of
 *		the same submit, whose result[0] is the operand
 * @arg:	operands; those the operation does not use are 0
 * @result:	in: 0; out, when the operation succeeded: its results
 * @error:	in: 0; out: negative errno when the operation failed
 * @reserved:	0
 */
struct refslab_op {
	__u16 opcode;
	__u16 flags;
	__u32 from;
	__aligned_u64 arg[4];
	__aligned_u64 result[2];
	__s32 error;
	__u32 reserved;
};

/*
 * By io_uring: an entry with opcode IORING_OP_URING_CMD, the session as its file, cmd_op
 * REFSLAB_URING_SUBMIT, and struct refslab_uring in its cmd. The completion's res is what the ioctl
 * returns, 0 or a negative errno, and the answers are in struct refslab_submit and struct
 * refslab_op, as with the ioctl; they and the operations stay where they are until the completion.
 *
 * Workers carry commands out side by side, those of one ring, too: only IOSQE_IO_LINK keeps them in
 * order. A command that is cancelled while it is under way stops as by a signal: res is 0, @error
 * -EINTR. -EOPNOTSUPP: another cmd_op; uring_cmd_flags that are not 0. -EINVAL: @reserved is not 0.
 */
#define REFSLAB_URING_SUBMIT	_IO(REFSLAB_IOC_MAGIC, 0x02)

/**
 * struct refslab_uring - what a command of io_uring carries
 * @arg:	pointer to a struct refslab_submit
 * @reserved:	0
 */
struct refslab_uring {
	__aligned_u64 arg;
	__aligned_u64 reserved;
};

/*
 * The operations.
 *
 *   h, o, e      a handle                  t   a type's number
 *   p:n          user memory, n bytes      i   an index, from 0
 *   -> x, y      result[0], result[1]
 *
 * Errors of every operation
 *
 *  -EOPNOTSUPP  unknown opcode, or flags not 0
 *  -EPERM       the session has not the right that the operation needs: REFSLAB_RIGHT_CHANGE what
 *               makes or changes an object or a type, REFSLAB_RIGHT_COLLECT what says so; looked
 *               at before the operands are
 *  -EINVAL      an unused operand, result, error or reserved not 0; a bit of @from beyond the
 *               operands used, or one that names this or a later operation
 *  -ENOENT      no such handle, or no such type
 *  -EPROTOTYPE  the object is of another type than the operation works on
 *  -EFAULT      user memory cannot be read or written
 *  -EMFILE      no handle left, or the heap's limit of handles
 *  -ENOMEM      no memory or a limit reached, after a full collection and a trim
 *  -EOVERFLOW   the object has as many references as can be counted (2^27)
 *
 * Others are named at the operation.
 */
enum refslab_opcode {
	/*
	 * TYPE name:n, struct refslab_type_def p:n -> t
	 * Defines a type. arg: name pointer, name length, struct pointer, struct size.
	 * -EEXIST the name is taken, -EINVAL the name is not an identifier [A-Za-z_][A-Za-z0-9_]*
	 * of 1 to REFSLAB_NAME_MAX bytes or a field is over its limit, -ENOSPC REFSLAB_MAX_TYPES,
	 * -EOPNOTSUPP an unknown flag, -E2BIG a longer structure with an end that is not zero.
	 */
	REFSLAB_OP_TYPE = 1,

	/*
	 * Making objects. The new handle holds the object's only reference; but of what never
	 * changes there may be one already, and then it is that which the handle is for. Ints from
	 * -5 to 256, strs of one character up to U+00FF, and the empty str, bytes and tuple are
	 * always there: constants. And of the strs of letters A-Z and a-z, digits and underscores
	 * of at most REFSLAB_MAX_NAME bytes there is one with the same text at a time: interned.
	 */

	/*
	 * t -> h: an object of a user-defined type, slots empty, payload 0; -EPROTOTYPE for a
	 * built-in type
	 */
	REFSLAB_OP_NEW,
	/* value -> h: value as a two's complement __u64 */
	REFSLAB_OP_INT,
	/* p, n -> h: -EILSEQ not valid UTF-8, -E2BIG over REFSLAB_MAX_STR */
	REFSLAB_OP_STR,
	/* -> h: an empty list */
	REFSLAB_OP_LIST,

	/* Handles. */

	/* h -> h2: one more handle on the same object */
	REFSLAB_OP_DUP,
	/* h: drop the handle and its reference */
	REFSLAB_OP_CLOSE,
	/* h, o -> 0|1: the same object? */
	REFSLAB_OP_IS,

	/* Slots of user-defined types. -ERANGE: no such slot. -EPROTOTYPE: a type without slots. */

	/* h, i, e: store a reference to e, dropping what was there */
	REFSLAB_OP_SETSLOT,
	/* h, i: empty it */
	REFSLAB_OP_CLEARSLOT,
	/* h, i -> e: -ENODATA: the slot is empty */
	REFSLAB_OP_SLOT,

	/*
	 * Payload of user-defined types. -ERANGE: not within the payload; -E2BIG: over
	 * REFSLAB_MAX_PAYLOAD at once. Where others use the object, too, each piece of 4 KiB is
	 * read or written as a whole, but for what they do by way of mappings.
	 */

	/* h, offset, p, n */
	REFSLAB_OP_WRITE,
	/* h, offset, p, n */
	REFSLAB_OP_READ,

	/* Lists, and as far as ITEM goes tuples. -ERANGE: no such element. */

	/* l, e: -E2BIG: REFSLAB_MAX_LIST */
	REFSLAB_OP_APPEND,
	/* l, i, e: before element i, at the end when i is the length; -E2BIG */
	REFSLAB_OP_INSERT,
	/* l, i -> e: take element i out */
	REFSLAB_OP_POP,
	/* l, i, e */
	REFSLAB_OP_SETITEM,
	/* l, i */
	REFSLAB_OP_DELITEM,
	/* l, i -> e */
	REFSLAB_OP_ITEM,
	/*
	 * o -> n: elements of a list, tuple or set, entries of a dict, attributes of an instance,
	 * characters of a str, bytes of a bytes, slots of an object of a user-defined type; 0 of
	 * others
	 */
	REFSLAB_OP_LEN,

	/* Looking at an object. */

	/* h -> value */
	REFSLAB_OP_INT_VALUE,
	/* h, p, n -> length: the text as UTF-8; copies at most n bytes, without a NUL */
	REFSLAB_OP_STR_VALUE,
	/* h, p, n -> t, length: copies at most n bytes of the type's name */
	REFSLAB_OP_TYPEOF,
	/*
	 * h -> count: handles + slots and elements + roots + unread events + the list of garbage +
	 * operations in flight; REFSLAB_REFCOUNT_IMMORTAL: references on it are not counted
	 */
	REFSLAB_OP_REFCOUNT,
	/* h -> id: a number never used again in this heap */
	REFSLAB_OP_ID,
	/* h -> 0|1, generation or REFSLAB_GEN_FROZEN: does the collector look after it? */
	REFSLAB_OP_TRACKED,
	/*
	 * h -> arena, pool << 32 | block: where it lives, as numbers within the heap; a large block
	 * is ~0, number << 32; a constant, which lies outside all that, ~0, ~0
	 */
	REFSLAB_OP_BLOCK,

	/*
	 * The collector. REFSLAB_RIGHT_COLLECT: COLLECT, ENABLE, DISABLE, SET_THRESHOLD; below
	 * TRIM, FREEZE, UNFREEZE, SET_DEBUG, EMPTY_GARBAGE
	 */

	/*
	 * g [| REFSLAB_COLLECT_ALL] -> unreachable, uncollectable: -EINVAL: g > 2; -EINTR. A scan
	 * of 2 leaves out old objects that have lost no reference since the last one, as they
	 * cannot have become garbage; with REFSLAB_COLLECT_ALL it looks at them, too.
	 *
	 * unreachable: objects found and destroyed, or with REFSLAB_DEBUG_SAVEALL put on the list
	 * of garbage; not those that finalizers bring back, nor those of REFSLAB_TYPE_FINALIZER,
	 * with all they reach, that are announced now and die later. uncollectable: those of them
	 * that cannot be destroyed; types of programs have none, as they let go of whatever they
	 * refer to
	 */
	REFSLAB_OP_COLLECT,
	REFSLAB_OP_ENABLE,
	REFSLAB_OP_DISABLE,
	/* -> 0|1 */
	REFSLAB_OP_ISENABLED,
	/*
	 * t0, t1, t2: -EINVAL: over 2^31 - 1. In a new heap they are 700, 10, 10. An automatic scan
	 * starts when the count of generation 0 exceeds t0; t0 = 0 turns automatic scans off. It
	 * takes in generation 1 when that one's count exceeds t1, and all when that of 2 exceeds t2
	 * and what came into 2 since the last full scan exceeds a quarter of what survived it. Who
	 * has made 8 * t0 containers since the last scan began scans himself before he makes more,
	 * or, further ahead, waits for the scan under way, until it ends or a signal kills him.
	 */
	REFSLAB_OP_SET_THRESHOLD,
	/* p, n: __u32[3]; -EINVAL: n is not 12 */
	REFSLAB_OP_GET_THRESHOLD,
	/* p, n: __u32[3]; -EINVAL: n is not 12 */
	REFSLAB_OP_GET_COUNT,
	/* p, n: struct refslab_gc_stats, at most n bytes of it; -EINVAL: n = 0 */
	REFSLAB_OP_GET_STATS,
	/*
	 * cursor, g, p, n -> records, next cursor
	 * Writes n bytes at most of struct refslab_record, for objects that were alive during the
	 * call. Start with cursor 0; a next cursor of 0 is the end. g: a generation,
	 * REFSLAB_GEN_FROZEN, or REFSLAB_GEN_ALL for all objects, tracked or not (-EINVAL).
	 * -EINVAL: n is 0 or not a multiple of the record's size, or over 1 MiB.
	 */
	REFSLAB_OP_OBJECTS,

	/* The heap. */

	/* -> bytes given back: empty the caches, give empty arenas back */
	REFSLAB_OP_TRIM,
	/* p, n: struct refslab_stat, at most n bytes of it; -EINVAL: n = 0 */
	REFSLAB_OP_STAT,

	/* Weak references, objects by id, finalizers. */

	/*
	 * h, flags -> w: a weak reference to h, an object of the built-in type weakref. flags:
	 * REFSLAB_WEAK_*, unknown ones -EOPNOTSUPP. -EPROTOTYPE: of a type that was not defined
	 * with REFSLAB_TYPE_WEAKREF
	 */
	REFSLAB_OP_WEAK,
	/* w -> h: a handle on what w refers to; 0 when that is dead, or was finalized since */
	REFSLAB_OP_DEREF,
	/*
	 * id -> h: a handle on the object that has the id; 0 when it is dead, or nobody was told
	 * the id by REFSLAB_OP_ID, a struct refslab_record, a struct refslab_root_record, a
	 * REFSLAB_EVENT_FINALIZE, or debugfs; ids of constants are always known
	 */
	REFSLAB_OP_BYID,
	/* h -> 0|1: did its finalizer run, or was it announced? */
	REFSLAB_OP_FINALIZED,

	/* Freezing: what will live for ever is set aside. Waits for a scan under way; -EINTR. */

	/*
	 * Freeze all tracked objects there are: scans do not look at them any more. They are
	 * counted, and destroyed with their last reference, as ever; a cycle of frozen objects is
	 * not found. What the collector never looks after (REFSLAB_OP_TRACKED) is not frozen
	 */
	REFSLAB_OP_FREEZE,
	/* move all frozen objects to generation 2 */
	REFSLAB_OP_UNFREEZE,
	/* -> number of frozen objects */
	REFSLAB_OP_FREEZECOUNT,

	/*
	 * Who refers to whom. Records and cursors as with REFSLAB_OP_OBJECTS, and its errors. An
	 * object that somebody changes meanwhile may be missing, or be there as it was.
	 */

	/* h, cursor, p, n -> records, next cursor: what h refers to, one for each reference */
	REFSLAB_OP_REFERENTS,
	/*
	 * h, cursor, p, n -> records, next cursor: the objects that refer to h, one for each, h
	 * itself if it does; handles, events and operations in flight are no objects. One call
	 * looks at some tens of thousands of objects: there may be fewer records than have room, or
	 * none, and a next cursor that is not 0
	 */
	REFSLAB_OP_REFERRERS,

	/* Debugging. */

	/* flags: REFSLAB_DEBUG_*, unknown ones -EOPNOTSUPP. Of the heap; 0: none, as at first */
	REFSLAB_OP_SET_DEBUG,
	/* -> flags */
	REFSLAB_OP_GET_DEBUG,
	/*
	 * cursor, p, n -> records, next cursor: what scans put on the list of garbage, the oldest
	 * first. Records, cursors and errors as with REFSLAB_OP_OBJECTS
	 */
	REFSLAB_OP_GARBAGE,
	/*
	 * -> number of objects: let go of what is on the list. Cycles are destroyed by the next
	 * scan that finds them
	 */
	REFSLAB_OP_EMPTY_GARBAGE,

	/*
	 * flags: REFSLAB_WATCH_*, unknown ones -EOPNOTSUPP: which events besides those of objects
	 * this session is to read; 0: none, as at first, and those that wait are dropped
	 */
	REFSLAB_OP_WATCH,

	/* More types that do not change. As with ints and strs, there may be one already. */

	/* bits -> h: an IEEE 754 double as its 64 bits */
	REFSLAB_OP_FLOAT,
	/* h -> bits */
	REFSLAB_OP_FLOAT_VALUE,
	/* p, n -> h: n bytes; -E2BIG over REFSLAB_MAX_BYTES */
	REFSLAB_OP_BYTES,
	/* h, p, n -> length: copies at most n bytes */
	REFSLAB_OP_BYTES_VALUE,
	/*
	 * p, n -> h: p: __u32[n], handles of the elements; -E2BIG over REFSLAB_MAX_TUPLE. Nobody
	 * sees a tuple that is not complete, and nothing changes one
	 */
	REFSLAB_OP_TUPLE,

	/*
	 * Dicts, sets, instances. Keys are ints, floats, strs, bytes, tuples of those, and, by
	 * their identity, instances and objects of user-defined types; tuples with these, too, but
	 * not with tuples. Keys are equal as in Python: an int and a float of one value are.
	 * -EPROTOTYPE, besides what it always means: that cannot be a key. Entries keep the order
	 * in which their keys came.
	 */

	/* -> h: an empty dict */
	REFSLAB_OP_DICT,
	/* -> h: an empty set */
	REFSLAB_OP_SET,
	/* -> h: an instance, without attributes */
	REFSLAB_OP_INSTANCE,
	/* d, k, e: a key that is there stays, with another value; -E2BIG: REFSLAB_MAX_DICT */
	REFSLAB_OP_DICT_SETITEM,
	/* d, k -> e: -ENOKEY: no such key */
	REFSLAB_OP_DICT_ITEM,
	/* d, k: -ENOKEY */
	REFSLAB_OP_DICT_DELITEM,
	/* s, e -> 0|1: was it added, as no equal one was there? -E2BIG: REFSLAB_MAX_DICT */
	REFSLAB_OP_ADD,
	/* s, e -> 0|1: was it, or an equal one, there, and taken out? */
	REFSLAB_OP_DISCARD,
	/*
	 * o, e -> 0|1: is e, or what is equal to it, a key of dict o, or an element of set, list or
	 * tuple o? An element of a list that others move meanwhile may be missed
	 */
	REFSLAB_OP_CONTAINS,
	/*
	 * o, p, n, e: give an instance's attribute a value. The name is an identifier
	 * [A-Za-z_][A-Za-z0-9_]* of 1 to REFSLAB_MAX_ATTRIBUTE bytes (-EINVAL); -E2BIG:
	 * REFSLAB_MAX_DICT
	 */
	REFSLAB_OP_SETATTR,
	/* o, p, n -> e: -EINVAL; -ENOKEY: no such attribute */
	REFSLAB_OP_GETATTR,
	/* o, p, n: -EINVAL, -ENOKEY */
	REFSLAB_OP_DELATTR,
	/*
	 * o, cursor, p, n -> entries, next cursor
	 * Writes n bytes at most of struct refslab_entry, with new handles: what is in a dict, set,
	 * instance, list or tuple, in order. Start with cursor 0; a next cursor of 0 is the end,
	 * and before it there may be fewer entries than have room, or none. All of a call's handles
	 * are made, or none. -ESTALE: of a dict, set or instance keys came or went since cursor 0;
	 * a list goes on by index, whatever happens to it. -EINVAL: n is 0 or not a multiple of the
	 * entry's size, or over 1 MiB.
	 */
	REFSLAB_OP_ITEMS,

	/*
	 * Published roots: objects that the heap keeps under names, for all its sessions. A root
	 * has a reference of its own, which stays when the session that published it ends, and goes
	 * with the heap. The name is an identifier [A-Za-z_][A-Za-z0-9_]* of 1 to
	 * REFSLAB_MAX_ROOT_NAME bytes (-EINVAL).
	 */

	/* h, p, n: -EEXIST: the name is taken; -ENOSPC: there are REFSLAB_MAX_ROOTS */
	REFSLAB_OP_PUBLISH,
	/* p, n -> h: -ENODATA: no such name */
	REFSLAB_OP_LOOKUP,
	/* p, n: the root goes, and its reference; -ENODATA */
	REFSLAB_OP_UNPUBLISH,
	/*
	 * cursor, p, n -> records, next cursor
	 * Writes n bytes at most of struct refslab_root_record, in no special order. Start with
	 * cursor 0; a next cursor of 0 is the end. Roots that come or go meanwhile may be missed.
	 * -EINVAL: n is 0 or not a multiple of the record's size, or over 1 MiB.
	 */
	REFSLAB_OP_ROOTS,

	/*
	 * p, n: struct refslab_limits, n bytes of it; the limits behind those stay as they are.
	 * REFSLAB_RIGHT_LIMITS. -EINVAL: n is 0 or not a multiple of 8, -E2BIG: longer than the
	 * kernel's, with an end that is not zero
	 */
	REFSLAB_OP_SET_LIMITS,
	/* p, n: struct refslab_limits, at most n bytes of it; -EINVAL: n = 0 */
	REFSLAB_OP_GET_LIMITS,

	/*
	 * h -> offset, length: where the payload of an object of a type with REFSLAB_TYPE_MAPPED is
	 * in the heap's window, for mmap() on the session; both stay while the object lives
	 */
	REFSLAB_OP_MAP,

	/*
	 * name:n, p:n -> t, 0|1: the type of that name, whoever defined it; is it one that
	 * REFSLAB_OP_NEW makes objects of? arg: name pointer, name length, pointer, length.
	 * Writes struct refslab_type_def, at most n bytes of it: what REFSLAB_OP_TYPE was told,
	 * with REFSLAB_TYPE_ACYCLIC also when there are no slots; all zeroes for a built-in type.
	 * -ENOENT: there is no such type; -EINVAL: the name is none for a type
	 */
	REFSLAB_OP_TYPE_FIND,

	/*
	 * REFSLAB_OP_DICT_ITEM and _CONTAINS with a value in place of an object: nothing is made in
	 * the heap. kind: REFSLAB_VALUE_* (-EOPNOTSUPP), and then v, of an int or a float the value
	 * as with REFSLAB_OP_INT and _FLOAT, and n = 0 (-EINVAL); of a str or a bytes a pointer p
	 * and the length n. -EILSEQ: a str that is not valid UTF-8; -E2BIG: over REFSLAB_MAX_STR,
	 * _BYTES
	 */

	/* d, kind, v|p, n -> e: -ENOKEY: no such key */
	REFSLAB_OP_DICT_ITEM_BYVALUE,
	/* o, kind, v|p, n -> 0|1 */
	REFSLAB_OP_CONTAINS_BYVALUE,

	REFSLAB_OP_LAST = REFSLAB_OP_CONTAINS_BYVALUE
};

/* Flags of REFSLAB_OP_SET_DEBUG, as in Python's gc module. The log is the kernel's, and limited. */
#define REFSLAB_DEBUG_STATS		0x1u	/* a line in the log for each scan */
#define REFSLAB_DEBUG_COLLECTABLE	0x2u	/* one for each object found to be garbage */
#define REFSLAB_DEBUG_UNCOLLECTABLE	0x4u	/* one for each that cannot be destroyed */
/*
 * Garbage lives on, on a list, with a reference of the list's, after its weak references were
 * cleared and its finalizers ran. When there is no memory for the list, what that scan found is
 * destroyed as usual. Clearing the flag does not empty the list; the end of the heap does
 */
#define REFSLAB_DEBUG_SAVEALL		0x20u
#define REFSLAB_DEBUG_LEAK		0x26u	/* the three last */

/* Flags of REFSLAB_OP_WATCH. */
/* REFSLAB_EVENT_GC_START and _STOP for every scan of the heap */
#define REFSLAB_WATCH_GC	(1u << 0)

/* Flags of REFSLAB_OP_WEAK. */
/* REFSLAB_EVENT_WEAKREF when the object dies or is to be finalized, unless w died first */
#define REFSLAB_WEAK_CALLBACK	(1u << 0)

/* Kinds of values, for REFSLAB_OP_DICT_ITEM_BYVALUE and _CONTAINS_BYVALUE. */
#define REFSLAB_VALUE_INT	1u
#define REFSLAB_VALUE_FLOAT	2u
#define REFSLAB_VALUE_STR	3u
#define REFSLAB_VALUE_BYTES	4u

/* struct refslab_type_def.flags */
/* never part of a cycle, by the program's word: not tracked */
#define REFSLAB_TYPE_ACYCLIC	(1u << 0)
/* REFSLAB_EVENT_FINALIZE when an object's last reference goes or it is found to be garbage */
#define REFSLAB_TYPE_FINALIZER	(1u << 1)
/* objects may have weak references */
#define REFSLAB_TYPE_WEAKREF	(1u << 2)
/* the payload is pages of its own, which can be mapped: see REFSLAB_OP_MAP */
#define REFSLAB_TYPE_MAPPED	(1u << 3)

/*
 * mmap() on a session. A heap has a window of REFSLAB_WINDOW bytes; each payload of a type with
 * REFSLAB_TYPE_MAPPED has a place in it of its own, whole pages from the offset that
 * REFSLAB_OP_MAP tells. They are there and zeroed from REFSLAB_OP_NEW on: touching them needs no
 * more memory of the heap's.
 *
 *  - From an offset that is not 0 all of what is mapped lies in one payload, from any of its pages
 *    (-ENXIO). That mapping keeps the place: when the object dies, touching it is SIGBUS, and never
 *    does another object appear there.
 *  - From offset 0 on, of any length up to REFSLAB_WINDOW, it is the window that is mapped, what is
 *    there now and what comes later: touching what is nobody's place is SIGBUS, and so is the first
 *    page, always. Places of dead objects are given to others.
 *  - MAP_SHARED only (-EINVAL). PROT_EXEC never (-EACCES), nor by mprotect(). PROT_WRITE not by a
 *    session that may only read (-EACCES). No growing by mremap() (-EFAULT); not in core dumps.
 *  - What is behind the payload in its last page is the object's, too, and not within the reach of
 *    REFSLAB_OP_READ and _WRITE.
 *  - A mapping keeps the session open, like a file descriptor, and is passed on by fork(); so
 *    handles are dropped when the last descriptor is closed and the last mapping is undone, those
 *    of children included (madvise(MADV_DONTFORK)). It is no reference on an object.
 *  - What userfaultfd was told to protect against writes before it was touched: SIGBUS.
 *  - A page that something else has hold of when the object dies (a pipe after vmsplice(), a
 *    transfer of data under way) stays as it is until that lets go, and does not count any more.
 *  - When an object dies by an operation of a submission, its mappings are undone before that
 *    returns, up to 64 MiB of payloads, those included that others let go of meanwhile; the rest,
 *    and what dies otherwise, follows at once.
 *  - -ENOTCONN: no heap.
 */

/**
 * struct refslab_type_def - operand of REFSLAB_OP_TYPE, and what REFSLAB_OP_TYPE_FIND tells
 * @flags:	REFSLAB_TYPE_*
 * @nr_slots:	references an object holds, 0 .. REFSLAB_MAX_SLOTS
 * @payload:	bytes of payload, 0 .. REFSLAB_MAX_PAYLOAD; with REFSLAB_TYPE_MAPPED
 *		1 .. REFSLAB_MAX_MAPPED
 * @cache_limit: dead objects kept for reuse, 0 .. REFSLAB_MAX_CACHE
 */
struct refslab_type_def {
	__u32 flags;
	__u32 nr_slots;
	__u32 payload;
	__u32 cache_limit;
};

/*
 * Events, by read() on the session: whole records, as many as there are and fit, the oldest first.
 * read() waits for the first one, unless the file is O_NONBLOCK (-EAGAIN); poll() says POLLIN when
 * there is one, and on a session without a heap POLLERR at once. -ENOTCONN: no heap; -EINVAL: no
 * room for one record; -EINTR, -EFAULT, -EMFILE, -ENOMEM: no event is lost, nor handed out twice.
 * With several sessions on a heap, each event goes to one of those that may read it, whichever asks
 * first: let one read them. When the last session ends, what is left is dropped, and so are the
 * references. Until it is read, an event keeps its object, and that what it refers to: read them.
 *
 * A session without REFSLAB_RIGHT_CHANGE is told of scans only, when it asked to be (WATCH): read()
 * gives -EPERM when it did not, and while such sessions are all there are, objects die without
 * finalizers as if there were no session.
 */

/* struct refslab_event_record.event */
/*
 * @handle is a strong handle on object @id, which is whole: do what is to be done, and close it;
 * the object dies for good with its last reference. At most once in an object's life
 */
#define REFSLAB_EVENT_FINALIZE	1u
/* @handle is one more handle on a weak reference with REFSLAB_WEAK_CALLBACK; @id was its object */
#define REFSLAB_EVENT_WEAKREF	2u

/**
 * struct refslab_event_record - one event
 * @event:	REFSLAB_EVENT_*
 * @handle:	a new handle of the session that read the event
 * @id:		an object's id
 * @reserved:	0
 */
struct refslab_event_record {
	__u32 event;
	__u32 handle;
	__aligned_u64 id;
	__aligned_u64 reserved[2];
};

/*
 * Events of scans, for sessions with REFSLAB_WATCH_GC: struct refslab_gc_record in place of struct
 * refslab_event_record. They come after all events of objects that there are, and each such session
 * gets all. When REFSLAB_MAX_GC_EVENTS wait, further ones are dropped, until there is room again.
 */
#define REFSLAB_EVENT_GC_START	3u
#define REFSLAB_EVENT_GC_STOP	4u
/* here @collected events of scans are missing */
#define REFSLAB_EVENT_GC_LOST	5u

/**
 * struct refslab_gc_record - one event of a scan
 * @event:	REFSLAB_EVENT_GC_*
 * @handle:	0: there is none
 * @collected:	of _STOP: objects found and destroyed, or with REFSLAB_DEBUG_SAVEALL kept
 * @duration_ns: of _STOP: how long the scan took; destroying what was found comes after that
 * @generation:	of _START and _STOP: the oldest generation scanned
 * @uncollectable: of _STOP: objects found that cannot be destroyed, at most 2^32 - 1
 */
struct refslab_gc_record {
	__u32 event;
	__u32 handle;
	__aligned_u64 collected;
	__aligned_u64 duration_ns;
	__u32 generation;
	__u32 uncollectable;
};

/* Of a constant, or of an object whose count once got to where none can be told any more. */
#define REFSLAB_REFCOUNT_IMMORTAL	0xffffffffu

/* For REFSLAB_OP_COLLECT, with the generation. */
#define REFSLAB_COLLECT_ALL	0x100u

#define REFSLAB_GEN_FROZEN	3u
#define REFSLAB_GEN_ALL		0xffffffffu

/**
 * struct refslab_record - one object, from REFSLAB_OP_OBJECTS, _REFERENTS, _REFERRERS, _GARBAGE
 * @id:		as from REFSLAB_OP_ID
 * @type:	number of its type
 * @refcount:	as from REFSLAB_OP_REFCOUNT
 * @generation:	0 .. 2; REFSLAB_GEN_FROZEN; REFSLAB_GEN_ALL when it is not tracked
 * @bytes:	size of its block (without a list's or a long tuple's table)
 */
struct refslab_record {
	__aligned_u64 id;
	__u32 type;
	__u32 refcount;
	__u32 generation;
	__u32 bytes;
};

/**
 * struct refslab_entry - one entry of a container, from REFSLAB_OP_ITEMS
 * @key:	a new handle on a dict's key, on an attribute's name, a str, or on an element
 * @value:	likewise on the value; 0: elements have none
 */
struct refslab_entry {
	__u32 key;
	__u32 value;
};

/**
 * struct refslab_root_record - one root, from REFSLAB_OP_ROOTS
 * @id:		id of the object
 * @type:	number of its type
 * @len:	bytes of the name
 * @name:	the name, and zeroes after it
 */
struct refslab_root_record {
	__aligned_u64 id;
	__u32 type;
	__u32 len;
	char name[REFSLAB_MAX_ROOT_NAME + 1];
};

/**
 * struct refslab_gc_stats - from REFSLAB_OP_GET_STATS
 * @gen:	per generation: scans finished, objects collected, objects that could not be
 */
struct refslab_gc_stats {
	struct {
		__aligned_u64 collections;
		__aligned_u64 collected;
		__aligned_u64 uncollectable;
	} gen[REFSLAB_GENERATIONS];
};

/**
 * struct refslab_limits - of REFSLAB_OP_SET_LIMITS and _GET_LIMITS; 0: none; fields are only ever
 *	added at the end
 * @max_bytes:	bytes taken from the kernel: arenas, large blocks, pages of mappable payloads;
 *		-ENOMEM
 * @max_objects: live objects, without the constants; -ENOMEM. Looked at in batches by each
 *		processor. Given when the heap is made it is exact while one processor makes all
 *		objects, otherwise it may be exceeded by a quarter, or by 256 objects for each other
 *		processor, whichever is less. Set or lowered while there are objects it may be
 *		exceeded by up to 256 more for each processor
 * @max_handles: handles of all sessions of the heap together; -EMFILE
 *
 * Memory and objects are refused only after a full collection and a trim. A limit below what there
 * is already takes nothing away, and refuses more until there is less.
 */
struct refslab_limits {
	__aligned_u64 max_bytes;
	__aligned_u64 max_objects;
	__aligned_u64 max_handles;
};

/**
 * struct refslab_stat - from REFSLAB_OP_STAT; fields are only ever added at the end
 * @objects:	live objects, without the constants
 * @tracked:	those of them the collector looks after
 * @handles:	handles of all sessions of the heap
 * @bytes_used:	bytes of blocks in use, with lists' tables; without the constants, which are charged
 *		to the memory cgroup of who made the heap, and not to @max_bytes of it
 * @bytes_cached: bytes of blocks kept by the types' caches
 * @bytes_reserved: bytes taken from the kernel: arenas, large blocks, and @bytes_mapped
 * @arenas:	arenas held
 * @pools_used:	pools with both allocated and free blocks
 * @pools_full:	pools without a free block
 * @pools_empty: pools of held arenas without an allocated block
 * @large:	large blocks
 * @arenas_made: arenas taken from the kernel since the heap was made
 * @arenas_returned: arenas given back since the heap was made
 * @max_trash:	objects that scans had found unreachable, to be destroyed, and that were not
 *		destroyed yet: the most at one time since the heap was made
 * @events:	events of objects that wait to be read; each keeps its object
 * @roots:	published roots; each keeps its object
 * @bytes_mapped: bytes of pages of mappable payloads, mapped or not
 */
struct refslab_stat {
	__aligned_u64 objects;
	__aligned_u64 tracked;
	__aligned_u64 handles;
	__aligned_u64 bytes_used;
	__aligned_u64 bytes_cached;
	__aligned_u64 bytes_reserved;
	__aligned_u64 arenas;
	__aligned_u64 pools_used;
	__aligned_u64 pools_full;
	__aligned_u64 pools_empty;
	__aligned_u64 large;
	__aligned_u64 arenas_made;
	__aligned_u64 arenas_returned;
	__aligned_u64 max_trash;
	__aligned_u64 events;
	__aligned_u64 roots;
	__aligned_u64 bytes_mapped;
};

#endif /* _UAPI_REFSLAB_H */
