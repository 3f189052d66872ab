/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The collector's protocol, for Spin: mutators that work on a graph of objects while a scan runs.
 * README.md says which function each part is, what the switches mean and what is left out.
 *
 * One d_step is one access to memory that others may change at the same time: to a word, to a slot,
 * to a lock. What a lock or ownership makes private is done in the step of the access before it,
 * and so is the unlock. (Lipton: a lock moves right, an unlock left, what it protects both ways. So
 * nothing is lost; and where a variant breaks the rule, reading slots without their lock, the steps
 * that it could fall between are separate.)
 *
 * The version of a block is one bit, "differs from the snapshot": exact for one that does not wrap.
 * -DREAL_VERSION counts instead.
 *
 * Sizes: N objects (at most 4), the first SN of which the scan takes (young); the others are older.
 * SLOTS each. K0, K1: operations of the two mutators. Each has two handles, HANDLES of them may be
 * filled at first. GRAPH 0: every graph, every choice of handles; others: see init.
 */
#ifndef N
#define N 3
#endif
#ifndef SN
#define SN N
#endif
#ifndef SLOTS
#define SLOTS 1
#endif
#ifndef K0
#define K0 2
#endif
#ifndef K1
#define K1 1
#endif
#ifndef HANDLES
#define HANDLES 1
#endif
#ifndef GRAPH
#define GRAPH 0
#endif
#ifndef SCANS
#ifdef CANDIDATES
#define SCANS 2
#else
#define SCANS 1
#endif
#endif
#if defined(TABLE) && SLOTS != 2
#error "a table has two slots here"
#endif
#if defined(TABLE) && !defined(CHUNKS)
#define CHUNKS
#endif
#if (defined(FINALIZERS) || defined(EVENTS)) && !defined(BY_ID)
#define BY_WEAK
#endif
#if (defined(FINALIZERS) || defined(EVENTS)) && (defined(CANDIDATES) || defined(SWEEPS) || \
						  defined(FIXES) || defined(LOCKLESS))
#error "not together"
#endif

#define NIL		15
#define ALL		((1 << N) - 1)
#define LIVE		((count[0] != 0) | (count[1] != 0) << 1 | (count[2] != 0) << 2)
#define YOUNG		((1 << SN) - 1)
#define B(x)		(1 << (x))
#define LOWEST(set)	(((set) & 1) -> 0 : (((set) & 2) -> 1 : (((set) & 4) -> 2 : 3)))
#define SLOT(x, s)	slot[(x) * SLOTS + (s)]
#define COLLECTOR	2

/* The heap. Sets of objects are bit masks. */
byte count[N];		/* of the word */
byte dying, dead, fixed; /* flags of the word */
byte locked;		/* the lock bit of the head */
byte slot[N * SLOTS];
byte chunked;		/* a scan is between two chunks of it: refslab_table.scan_end is not 0 */
byte place, till;	/* refslab_table.scan_next and scan_end of that one */
byte freed;		/* free blocks */

/* What the mutators hold. */
byte handle[4];
byte token[2];		/* a reference taken and not yet stored */
byte displaced[3];	/* a reference taken out and not yet dropped */
byte ended;		/* mutators that have ended */

/* Finalizers: functions of a kernel type, or events for user space. */
#if defined(FINALIZERS) || defined(EVENTS)
#ifndef FINAL
#define FINAL		ALL	/* the objects whose type has one */
#endif
byte finalized;		/* the bit of the head */
byte weak;		/* each object has one weak reference: whether it was cleared */
byte kept = NIL;	/* where a finalizer leaves a reference, for whoever wants it */
byte announced;		/* events not yet queued, each with a reference */
byte queued;		/* events, likewise */
byte brought;		/* brought back, the collector's reference still to be dropped */
bool looking;		/* phase 6: who is dead may live again */
#define LOOKING		looking
#define EVENTS_OF(x)	((announced | queued) & B(x))
#define OTHERS		(announced | queued | (kept != NIL -> B(kept) : 0))
#define TO_FINALIZE(x)	(FINAL & ~finalized & ~dead & B(x))
#define FRESHLY_MADE(x)	finalized = finalized & ~B(x); weak = weak | B(x)
#else
#define LOOKING		false
#define EVENTS_OF(x)	0
#define OTHERS		0
#define TO_FINALIZE(x)	false
#define FRESHLY_MADE(x)	skip
#endif

/* The scan. */
byte in_scan;
#ifdef REAL_VERSION
byte version[N], snap[N];
#define BUMP(x)		version[x] = version[x] + 1; assert(version[x] < 255)
#define TOUCHED(x)	(version[x] != snap[x])
#else
byte touched;		/* blocks of the set whose version is not that of the snapshot */
#define BUMP(x)		touched = touched | (B(x) & in_scan)
#define TOUCHED(x)	((touched & B(x)) != 0)
#endif
#ifdef CANDIDATES
byte judged;		/* a full scan found them alive and untouched, and noted their puts */
byte dropped;		/* of those: who has had a put since */
#define COUNT_PUT(x)	dropped = dropped | (B(x) & judged)
#define SKIPPED(x)	((judged & ~dropped & B(x)) != 0)
#define CANDIDATE(x)	judged = judged & ~B(x); dropped = dropped & ~B(x)
#else
#define COUNT_PUT(x)	skip
#define SKIPPED(x)	false
#define CANDIDATE(x)	skip
#endif
byte garbage;		/* found dead, not yet torn down: each has a reference of the collector's */
bool tearing;		/* the collector is taking objects apart */
bool over;		/* all is said and done */
bool stop;		/* UNTIL_VERDICT: nothing after that is of interest */

/* For the assertions alone. */
byte was_garbage;	/* when the scan began */
bool revived;		/* some of that, by an upgrade */
byte reach;

#if defined(BAD_IGNORE_TOUCHED)
#define DIFFERS(x)	false
#elif defined(BAD_SECOND_UNCHECKED)
#define DIFFERS(x)	(TOUCHED(x) && !looking)
#else
#define DIFFERS(x)	TOUCHED(x)
#endif
#ifdef BAD_GET_ONLY
#define PUT_BUMP(x)	skip
#else
#define PUT_BUMP(x)	BUMP(x)
#endif
#ifdef BAD_PUT_ONLY
#define GET_BUMP(x)	skip
#else
#define GET_BUMP(x)	BUMP(x)
#endif

#define UNLOCKED(x)	(!(locked & B(x)))
#define LOCK(x)		locked = locked | B(x)
#define UNLOCK(x)	locked = locked & ~B(x)

/* The slot that is torn down next; SLOTS: none left. A table is emptied from its end. */
#if SLOTS == 1
#define FILLED(x)	(SLOT(x, 0) != NIL -> 0 : 1)
#else
#ifdef TABLE
#define FILLED(x)	(SLOT(x, 1) != NIL -> 1 : (SLOT(x, 0) != NIL -> 0 : 2))
#define LEN(x)		(SLOT(x, 1) != NIL -> 2 : (SLOT(x, 0) != NIL -> 1 : 0))
#else
#define FILLED(x)	(SLOT(x, 0) != NIL -> 0 : (SLOT(x, 1) != NIL -> 1 : 2))
#endif
#endif

/* refslab_word_get(): the caller holds a reference, or the lock of a slot that does. */
inline get(x)
{
	assert(!(freed & B(x)));
	assert(!(dead & B(x)) || LOOKING);
	assert(count[x] > 0);
	if
	:: fixed & B(x)
	:: else -> count[x] = count[x] + 1
	fi;
	GET_BUMP(x)
}

/* refslab_word_put(); what reaches 0 joins todo, a struct refslab_dead */
inline put(x)
{
	assert(!(freed & B(x)));
	assert(!(dead & B(x)) || me == COLLECTOR || LOOKING);
	assert(count[x] > 0);
	if
	:: fixed & B(x)
	:: else -> count[x] = count[x] - 1
	fi;
	PUT_BUMP(x);
	COUNT_PUT(x);
	if
	:: count[x] == 0 ->
		/* twice on a list of the dead */
		assert(!(garbage & B(x)));
		todo = todo | B(x)
	:: else
	fi
}

/* After a slot was emptied or overwritten: the old target is put before the lock goes (rule R2). */
#ifdef BAD_PUT_LATE
#define UNLOCK_FIRST(x)	UNLOCK(x)
#define UNLOCK_LAST(x)	skip
#else
#define UNLOCK_FIRST(x)	skip
#define UNLOCK_LAST(x)	UNLOCK(x)
#endif

/* refslab_object_free() */
inline free(x)
{
	assert(count[x] == 0 && !(freed & B(x)));
#if defined(FINALIZERS) || defined(EVENTS)
	/* once, and not without */
	assert(!(FINAL & ~finalized & B(x)));
#endif
	freed = freed | B(x);
	chunked = chunked & ~B(x);
#ifndef BAD_KEEP_DEAD
	if
	:: dead & B(x) -> dead = dead & ~B(x); dying = dying & ~B(x)
	:: else
	fi;
#endif
#ifdef BAD_FREED_LEAVES
	in_scan = in_scan & ~B(x); dying = dying & ~B(x);
#endif
	todo = todo & ~B(x);
	tearing = tearing && (me != COLLECTOR || todo != 0 || garbage != 0)
}

/*
 * What comes before, in an object's life: weak references are cleared, refslab_finalize_last()
 * gives it a reference, refslab_object_revive(), and its finalizer, or the event, has that.
 */
#if defined(FINALIZERS) || defined(EVENTS)
#define REVIVE								\
	:: d_step {							\
		todo != 0 && z == NIL && TO_FINALIZE(NEXT) ->		\
		z = NEXT;						\
		todo = todo & ~B(z);					\
		weak = weak & ~B(z)					\
	   }								\
	   d_step {							\
		assert(count[z] == 0);					\
		finalized = finalized | B(z);				\
		count[z] = 1;						\
		displaced[me] = z;					\
		BUMP(z)							\
	   }
#endif
#if defined(FINALIZERS)
/* a finalizer does nothing, or keeps a reference */
#define FINALIZE REVIVE							\
	   if								\
	   :: skip							\
	   :: d_step { kept == NIL -> get(z); kept = z }		\
	   fi;								\
	   d_step { put(z); displaced[me] = NIL; z = NIL }
#elif defined(EVENTS)
#define FINALIZE REVIVE							\
	   d_step { queued = queued | B(z); displaced[me] = NIL; z = NIL }
#else
#define FINALIZE
#endif

/*
 * refslab_destroy_all(), as two options of a loop: one reference is taken out and put; an object
 * without references is freed. No recursion: todo are objects that nobody else knows any more, z is
 * the one being taken apart.
 */
#define NEXT		(z == NIL -> LOWEST(todo) : z)
#define DESTROY								\
	FINALIZE							\
	:: d_step {							\
		todo != 0 && !TO_FINALIZE(NEXT) && FILLED(NEXT) < SLOTS && UNLOCKED(NEXT) -> \
		z = NEXT;						\
		LOCK(z);						\
		displaced[me] = SLOT(z, FILLED(z));			\
		SLOT(z, FILLED(z)) = NIL;				\
		UNLOCK_FIRST(z)						\
	   }								\
	   d_step {							\
		put(displaced[me]);					\
		displaced[me] = NIL;					\
		UNLOCK_LAST(z)						\
	   }								\
	:: d_step {							\
		todo != 0 && !TO_FINALIZE(NEXT) && FILLED(NEXT) == SLOTS -> \
		z = NEXT;						\
		free(z);						\
		z = NIL							\
	   }

/* --- mutators: each operation begins with a step here and goes on at its label --------------- */

#define H(i)		handle[me * 2 + (i)]
#define READY		(ops > 0 && todo == 0)

/* refslab_slot_get() */
#define SLOT_GET(i, s)							\
	:: d_step {							\
		READY && H(i) != NIL && H(1 - i) == NIL && UNLOCKED(H(i)) && \
		SLOT(H(i), s) != NIL ->					\
		ops--;							\
		y = H(i);						\
		LOCK(y);						\
		x = SLOT(y, s);						\
		j = 1 - i						\
	   }								\
	   goto slot_get
/* refslab_slot_set() */
#define SLOT_SET(i, s, from)						\
	:: d_step {							\
		READY && H(i) != NIL && H(from) != NIL ->		\
		ops--;							\
		y = H(i);						\
		x = H(from);						\
		j = s;							\
		get(x);							\
		token[me] = x						\
	   }								\
	   goto slot_set
/* the same with NULL */
#define SLOT_CLEAR(i, s)						\
	:: d_step {							\
		READY && H(i) != NIL && SLOT(H(i), s) != NIL && UNLOCKED(H(i)) -> \
		ops--;							\
		y = H(i);						\
		x = NIL;						\
		j = s							\
	   }								\
	   goto slot_set
/* refslab_object_put() */
#define PUT(i)								\
	:: d_step {							\
		READY && H(i) != NIL ->					\
		ops--;							\
		x = H(i);						\
		H(i) = NIL;						\
		put(x);							\
		x = NIL							\
	   }
/* refslab_object_alloc() */
#define MAKE(i, a)							\
	:: d_step {							\
		READY && H(i) == NIL && (freed & B(a)) ->		\
		ops--;							\
		freed = freed & ~B(a);					\
		assert(count[a] == 0);					\
		count[a] = 1;						\
		BUMP(a);						\
		CANDIDATE(a);						\
		FRESHLY_MADE(a);					\
		H(i) = a						\
	   }
/* A move from a slot into a variable, as refslab_table_take() does it. */
#ifdef BAD_MOVE_SILENTLY
#define MOVE_BUMP(x)	skip
#else
#define MOVE_BUMP(x)	BUMP(x); COUNT_PUT(x)
#endif
#define TAKE(i, s)							\
	:: d_step {							\
		READY && H(i) != NIL && H(1 - i) == NIL && UNLOCKED(H(i)) && \
		SLOT(H(i), s) != NIL ->					\
		ops--;							\
		y = H(i);						\
		LOCK(y);						\
		x = SLOT(y, s);						\
		MOVE_BUMP(x);						\
		j = 1 - i						\
	   }								\
	   goto take##s
/* An element was inserted, or removed, at @at: the scan's place goes along. */
#ifdef BAD_PLACE_LEFT
#define INSERTED(y, at)	skip
#define REMOVED(y, at)	skip
#else
#define INSERTED(y, at)							\
	if								\
	:: (chunked & B(y)) && at < till ->				\
		till++;							\
		place = place + (at < place)				\
	:: else								\
	fi
#define REMOVED(y, at)							\
	if								\
	:: (chunked & B(y)) && at < till ->				\
		till--;							\
		place = place - (at < place)				\
	:: else								\
	fi
#endif
/* refslab_table_insert() at index @at; without room it only takes and drops the reference */
#define INSERT(i, at, from)						\
	:: d_step {							\
		READY && H(i) != NIL && H(from) != NIL && at <= LEN(H(i)) && LEN(H(i)) < 2 -> \
		ops--;							\
		y = H(i);						\
		x = H(from);						\
		j = at;							\
		get(x);							\
		token[me] = x						\
	   }								\
	   goto insert
/* What a finalizer has kept is taken over. */
#define TAKE_KEPT(i)							\
	:: d_step {							\
		READY && H(i) == NIL && kept != NIL ->			\
		ops--;							\
		H(i) = kept;						\
		kept = NIL						\
	   }
/* refslab_event_take() */
#define TAKE_EVENT(i, a)						\
	:: d_step {							\
		READY && H(i) == NIL && (queued & B(a)) ->		\
		ops--;							\
		H(i) = a;						\
		queued = queued & ~B(a)					\
	   }
/* refslab_weak_get(): the look before, and the look after */
#ifdef BY_WEAK
#define WEAK(a)		&& (weak & B(a))
#if defined(BAD_WEAK_UNCHECKED)
#define PASSED_AWAY(x)	false
#elif defined(BAD_WEAK_ANNOUNCED)
#define PASSED_AWAY(x)	(!(weak & B(x)))
#else
#define PASSED_AWAY(x)	(!(weak & ~finalized & B(x)))
#endif
#else
#define WEAK(a)
#endif
/* refslab_object_upgrade(), of any block; BY_WEAK: by its weak reference, else by its id */
#define UPGRADE(i, a)							\
	:: d_step {							\
		READY && H(i) == NIL UPGRADE_LOCKABLE(i) WEAK(a) ->	\
		ops--;							\
		x = a;							\
		j = i;							\
		UPGRADE_LOCK(i)						\
	   }								\
	   goto upgrade
#ifdef BAD_WAIT_LOCKED
#define UPGRADE_LOCKABLE(i) && H(1 - i) != NIL && UNLOCKED(H(1 - i))
#define UPGRADE_LOCK(i)	y = H(1 - i); LOCK(y)
#define UPGRADE_UNLOCK	UNLOCK(y); y = NIL
#else
#define UPGRADE_LOCKABLE(i)
#define UPGRADE_LOCK(i)	skip
#define UPGRADE_UNLOCK	skip
#endif
/* refslab_word_fix() */
#define FIX(i)								\
	:: d_step {							\
		READY && H(i) != NIL && !(fixed & B(H(i))) ->		\
		ops--;							\
		fixed = fixed | B(H(i));				\
		dying = dying & ~B(H(i));				\
		BUMP(H(i))						\
	   }

#if N == 2
#define EACH_OBJECT(op, i) op(i, 0) op(i, 1)
#elif N == 3
#define EACH_OBJECT(op, i) op(i, 0) op(i, 1) op(i, 2)
#else
#define EACH_OBJECT(op, i) op(i, 0) op(i, 1) op(i, 2) op(i, 3)
#endif
#if SLOTS == 1
#define EACH_SLOT(op, i) op(i, 0)
#else
#define EACH_SLOT(op, i) op(i, 0) op(i, 1)
#endif
#ifdef SELF
#define SLOT_SETS(i, s)	SLOT_SET(i, s, 0) SLOT_SET(i, s, 1)
#else
#define SLOT_SETS(i, s)	SLOT_SET(i, s, 1 - i)
#endif

proctype mutator(byte me; byte ops)
{
	byte y = NIL;	/* the object whose slot is meant */
	byte x = NIL;	/* the target */
	byte j = 0;	/* the slot, or the handle for the result */
	byte todo = 0, z = NIL;

	{
	x = NIL;	/* Spin wants no label at the beginning of a block */
next:
	if
	EACH_SLOT(SLOT_GET, 0)
	EACH_SLOT(SLOT_GET, 1)
#ifdef TABLE
	INSERT(0, 0, 1)
	INSERT(0, 1, 1)
	INSERT(1, 0, 0)
	INSERT(1, 1, 0)
#else
	EACH_SLOT(SLOT_SETS, 0)
	EACH_SLOT(SLOT_SETS, 1)
	EACH_SLOT(SLOT_CLEAR, 0)
	EACH_SLOT(SLOT_CLEAR, 1)
#endif
#if defined(MOVES) || defined(TABLE)
	EACH_SLOT(TAKE, 0)
	EACH_SLOT(TAKE, 1)
#endif
	PUT(0)
	PUT(1)
#ifdef MAKES
	EACH_OBJECT(MAKE, 0)
	EACH_OBJECT(MAKE, 1)
#endif
#ifdef UPGRADES
	EACH_OBJECT(UPGRADE, 0)
	EACH_OBJECT(UPGRADE, 1)
#endif
#ifdef FIXES
	FIX(0)
	FIX(1)
#endif
#ifdef FINALIZERS
	TAKE_KEPT(0)
	TAKE_KEPT(1)
#endif
#ifdef EVENTS
	EACH_OBJECT(TAKE_EVENT, 0)
	EACH_OBJECT(TAKE_EVENT, 1)
#endif
	DESTROY
	/* fewer operations than allowed are fine */
	:: d_step { todo == 0 -> ended++; ops = 0 } goto out
	fi;
	goto next;

slot_get:
	atomic {
		get(x);
		H(j) = x;
		UNLOCK(y);
		x = NIL; y = NIL; j = 0
	}
	goto next;

#ifdef TABLE
insert:
	atomic {
		UNLOCKED(y) ->
		LOCK(y);
		if
		:: LEN(y) < 2 && j <= LEN(y) ->
			if
			:: j == 0 && LEN(y) == 1 -> SLOT(y, 1) = SLOT(y, 0)
			:: else
			fi;
			SLOT(y, j) = x;
			INSERTED(y, j);
			UNLOCK(y);
			token[me] = NIL;
			x = NIL; y = NIL; j = 0;
			goto next
		:: else -> UNLOCK(y); y = NIL; j = 0
		fi
	}
	/* somebody else took the room, or the elements before it */
	d_step {
		put(x);
		token[me] = NIL;
		x = NIL
	}
	goto next;
#else
slot_set:
	atomic {
		UNLOCKED(y) ->
		LOCK(y);
		displaced[me] = SLOT(y, j);
		SLOT(y, j) = x;
		token[me] = NIL;
		x = NIL; j = 0;
		if
		:: displaced[me] == NIL -> UNLOCK(y); y = NIL; goto next
		:: else -> UNLOCK_FIRST(y)
		fi
	}
	d_step {
		put(displaced[me]);
		displaced[me] = NIL;
		UNLOCK_LAST(y);
		y = NIL
	}
	goto next;
#endif

#if defined(MOVES) || defined(TABLE)
take0:
#ifdef TABLE
	atomic {
		SLOT(y, 0) = SLOT(y, 1);
		SLOT(y, 1) = NIL;
		REMOVED(y, 0);
		H(j) = x;
		UNLOCK(y);
		x = NIL; y = NIL; j = 0
	}
#else
	atomic {
		SLOT(y, 0) = NIL;
		H(j) = x;
		UNLOCK(y);
		x = NIL; y = NIL; j = 0
	}
#endif
	goto next;
#if SLOTS > 1
take1:
	atomic {
		SLOT(y, 1) = NIL;
#ifdef TABLE
		REMOVED(y, 1);
#endif
		H(j) = x;
		UNLOCK(y);
		x = NIL; y = NIL; j = 0
	}
	goto next;
#endif
#endif

#ifdef UPGRADES
upgrade:
#ifdef BAD_DYING_APART
	/* DYING is in a word of its own: it is looked at, then the count is raised */
	if
	:: d_step { (dead & B(x)) || count[x] == 0 -> x = NIL; j = 0 } goto next
	:: !(dying & B(x)) && !(dead & B(x)) && count[x] != 0
	fi;
#endif
	/*
	 * The compare-and-exchange that succeeds, or the look that finds it hopeless. DYING without
	 * DEAD: wait_event().
	 */
	atomic {
#ifndef BAD_DYING_APART
		count[x] == 0 || (dead & B(x)) || !(dying & B(x)) ->
#endif
		if
#ifdef BAD_DYING_APART
		:: count[x] == 0
#else
		:: count[x] == 0 || (dead & B(x))
#endif
		:: else ->
			get(x);
#ifdef BY_WEAK
			revived = revived || (was_garbage & B(x));
			token[me] = x;
			goto weak_get
#else
			H(j) = x;
			revived = revived || (was_garbage & B(x))
#endif
		fi;
		UPGRADE_UNLOCK;
		x = NIL; j = 0
	}
	goto next;
#ifdef BY_WEAK
weak_get:
	/* the look after: it may have been brought back by its finalizer, and does without */
	atomic {
		token[me] = NIL;
		if
		:: PASSED_AWAY(x) -> put(x)
		:: else ->
			assert(!(finalized & B(x)));
			H(j) = x
		fi;
		x = NIL; j = 0
	}
	goto next;
#endif
#endif

out:
	skip
	} unless { stop }
}

/* refslab_scan_tear_down(): in a process of its own, as the next scan may begin meanwhile */
proctype tear_down()
{
	byte me = COLLECTOR, todo = 0, x = NIL, z = NIL;

	do
	:: d_step { garbage != 0 && x == NIL && todo == 0 -> x = LOWEST(garbage); tearing = true }
	:: d_step {
		x != NIL && todo == 0 && FILLED(x) < SLOTS && UNLOCKED(x) ->
		LOCK(x);
		displaced[me] = SLOT(x, FILLED(x));
		SLOT(x, FILLED(x)) = NIL;
		UNLOCK_FIRST(x)
	   }
	   d_step {
		put(displaced[me]);
		displaced[me] = NIL;
		UNLOCK_LAST(x)
	   }
	:: d_step {
		x != NIL && todo == 0 && FILLED(x) == SLOTS ->
		garbage = garbage & ~B(x);
#ifndef BAD_NO_REFERENCE
		put(x);
#endif
		x = NIL;
		tearing = (todo != 0)
	   }
#if defined(FINALIZERS) || defined(EVENTS)
	/* bring_back(), its second half; the scanner waits */
	:: d_step {
		brought != 0 && x == NIL && todo == 0 ->
		x = LOWEST(brought);
		brought = brought & ~B(x);
		put(x);
		x = NIL;
		tearing = (todo != 0)
	   }
#endif
	DESTROY
	:: over || stop -> break
	od
}

/* --- the scan -------------------------------------------------------------------------------- */

#define UNMARKED	(in_scan & ~marked)

/* The next object of @set from x on. (Spin wants no loop at the end of a d_step.) */
inline next_of(set)
{
	do
	:: x < N && !((set) & B(x)) -> x++
	:: else -> break
	od;
	skip
}

/* All that the objects of @from refer to, with themselves, into reach. */
inline closure(from)
{
	reach = from;
	i = 0;
	do
	:: i < N * N ->
		if
		:: reach & B(i % N) ->
			s = 0;
			do
			:: s < SLOTS ->
				if
				:: SLOT(i % N, s) != NIL -> reach = reach | B(SLOT(i % N, s))
				:: else
				fi;
				s++
			:: else -> break
			od
		:: else
		fi;
		i++
	:: else -> break
	od;
	i = 0; s = 0
}

/* The objects that mutators hold references on, into r. */
inline held()
{
	r = 0;
	i = 0;
	do
	:: i < 4 ->
		if
		:: handle[i] != NIL -> r = r | B(handle[i])
		:: else
		fi;
		i++
	:: else -> break
	od;
	i = 0;
	do
	:: i < 3 ->
		if
		:: displaced[i] != NIL -> r = r | B(displaced[i])
		:: else
		fi;
		i++
	:: else -> break
	od;
	i = 0;
	do
	:: i < 2 ->
		if
		:: token[i] != NIL -> r = r | B(token[i])
		:: else
		fi;
		i++
	:: else -> break
	od;
	r = r | OTHERS;
	i = 0
}

/* Each count is the number of references there are. */
#ifdef BAD_NO_REFERENCE
#define COLLECTORS	0
#else
#if defined(FINALIZERS) || defined(EVENTS)
#define COLLECTORS	(garbage | fresh | brought)
#else
#define COLLECTORS	(garbage | fresh)
#endif
#endif
#ifdef FINALIZERS
#define KEEPERS(x)	(kept == x -> 1 : 0)
#else
#define KEEPERS(x)	0
#endif
inline check_counts()
{
	y = 0;
	do
	:: y < N ->
		t = ((COLLECTORS & B(y)) -> 1 : 0) + (EVENTS_OF(y) -> 1 : 0) + KEEPERS(y);
		i = 0; do :: i < 4 -> t = t + (handle[i] == y -> 1 : 0); i++ :: else -> break od;
		i = 0; do :: i < 3 -> t = t + (displaced[i] == y -> 1 : 0); i++ :: else -> break od;
		i = 0; do :: i < 2 -> t = t + (token[i] == y -> 1 : 0); i++ :: else -> break od;
		i = 0;
		do
		:: i < N * SLOTS -> t = t + (slot[i] == y -> 1 : 0); i++
		:: else -> break
		od;
		assert(t == count[y] || (fixed & B(y)));
		y++
	:: else -> break
	od;
	y = NIL; t = 0; i = 0
}

/* When the scan begins: what is garbage already? It has to be found. */
inline note_garbage()
{
	held();
	i = 0;
	do
	:: i < N ->
		/* older, immortal, being torn down by whomever */
		if
		:: !(freed & B(i)) && (!(mine & B(i)) || (fixed & B(i)) || count[i] == 0 ||
		   (dead & B(i))) -> r = r | B(i)
		:: else
		fi;
		i++
	:: else -> break
	od;
	closure(r);
	was_garbage = ALL & ~reach & ~freed;
	revived = false;
	r = 0;
	reach = 0
}

/* The dead set is closed: nobody outside refers to what is in it. */
inline check_verdict()
{
	held();
	assert((UNMARKED & r) == 0);
	closure(r);
	assert((UNMARKED & reach) == 0);
	assert((UNMARKED & (freed | fixed)) == 0);
	i = 0;
	do
	:: i < N * SLOTS ->
		assert(slot[i] == NIL || !(UNMARKED & B(slot[i])) || (UNMARKED & B(i / SLOTS)));
		i++
	:: else -> break
	od;
	assert(revived || !(was_garbage & ~UNMARKED));
	check_counts();
	r = 0;
	reach = 0
}

/* The end: no flag is left behind, and a scan of everything finds all that is unreachable. */
inline quiet_scan()
{
	assert(locked == 0 && dying == 0 && dead == 0 && chunked == 0);
	check_counts();
	y = 0; r = 0;
	do
	:: y < N ->
		gc_refs[y] = count[y];
		if
		:: count[y] != 0 && !(fixed & B(y)) && !SKIPPED(y) -> r = r | B(y)
		:: else
		fi;
		y++
	:: else -> break
	od;
#ifdef CANDIDATES
	closure(r);
	r = reach;
#endif
	i = 0;
	do
	:: i < N * SLOTS ->
		if
		:: slot[i] != NIL && (r & B(i / SLOTS)) -> gc_refs[slot[i]] = gc_refs[slot[i]] - 1
		:: else
		fi;
		i++
	:: else -> break
	od;
	y = 0; t = ALL & ~r & ~freed;
	do
	:: y < N -> t = t | ((r & B(y)) && gc_refs[y] != 0 -> B(y) : 0); gc_refs[y] = 0; y++
	:: else -> break
	od;
	/* t: what a quiet scan keeps; r: what handles reach */
	closure(t);
	t = reach;
	held();
	r = r | fixed;
	closure(r);
	assert(t == reach);
	/* nothing was lost: what no longer lives is free */
	y = 0;
	do
	:: y < N -> assert((count[y] == 0) == ((freed & B(y)) != 0)); y++
	:: else -> break
	od;
	y = NIL; t = 0; r = 0; reach = 0
}

/*
 * refslab_scan_references(): an object's references are read whole under one hold of its lock, or
 * with CHUNKS one at a time. Between two chunks of a table the scan's place is in it; an object that
 * came instead of one that died has none.
 */
#ifdef TABLE
#define MORE(x)		(SLOT(x, 1) != NIL)
#define BETWEEN_CHUNKS(x) chunked = chunked | (MORE(x) -> B(x) : 0); place = 1; till = 2
#define NEXT_CHUNK(x)	((chunked & B(x)) && place < till)
#define AFTER_CHUNKS(x)	chunked = chunked & ~B(x); place = 0; till = 0
#else
#define MORE(x)		true
#define BETWEEN_CHUNKS(x) skip
#define AFTER_CHUNKS(x)	skip
#endif

/* snapshot() of x: in the set, unless it is free, being torn down, or out of the game */
#ifdef BAD_COUNT_0
#define TAKEN(x)	(!(freed & B(x)) && !((fixed | dead) & B(x)))
#else
#define TAKEN(x)	(count[x] != 0 && !((fixed | dead) & B(x)))
#endif
inline snapshot(x)
{
	if
	:: TAKEN(x) ->
		in_scan = in_scan | B(x);
		CANDIDATE(x);
#ifdef BAD_ONE_PHASE
		gc_refs[x] = gc_refs[x] + count[x];
#else
		gc_refs[x] = count[x];
#endif
#ifdef REAL_VERSION
		snap[x] = version[x]
#else
		touched = touched & ~B(x)
#endif
	:: else
	fi
}

/* include_target(): one reference of an object */
inline include_target(x, s)
{
	t = SLOT(x, s);
	if
	:: t != NIL && (mine & B(t)) && !(in_scan & B(t)) ->
		snapshot(t);
		gray = gray | (in_scan & B(t))
	:: else
	fi;
	t = 0
}

/* subtract(): one reference of an object */
#ifdef BAD_ONE_PHASE
#define COUNTED		mine
#else
#define COUNTED		in_scan
#endif
inline subtract_target(target)
{
	if
	:: target != NIL && (COUNTED & B(target)) -> gc_refs[target] = gc_refs[target] - 1
	:: else
	fi
}
#define subtract(x, s)	subtract_target(SLOT(x, s))
/* the objects whose references are subtracted */
#ifdef BAD_SUBTRACT_NEWBORN
#define SUBTRACTED	(in_scan | LIVE)
#else
#define SUBTRACTED	in_scan
#endif

/* mark_target(): one reference of an object */
inline mark_target(x, s)
{
	if
	:: SLOT(x, s) != NIL && (UNMARKED & B(SLOT(x, s))) ->
		marked = marked | B(SLOT(x, s));
		gray = gray | B(SLOT(x, s))
	:: else
	fi
}
#ifdef BAD_MARK_UNLOCKED
#define MARK_GUARD(x)	true
#else
#define MARK_GUARD(x)	UNLOCKED(x)
#endif

/*
 * Passes of refslab_scan_settle(). The right one is of one stage: compare and close, until a whole
 * pass found nothing touched.
 */
#define COMPARE	0	/* with the snapshot */
#define CLOSE	1	/* make it DYING as well when it is the same: the compare-and-exchange */
#define SHUT	2	/* make it DYING without comparing */
#if defined(BAD_ONE_PASS)
#define STAGES		1
#define HOW(stage)	CLOSE
#define REPEATED(stage)	false
#elif defined(BAD_NO_DYING)
#define STAGES		1
#define HOW(stage)	COMPARE
#define REPEATED(stage)	true
#elif defined(BAD_DYING_UNCHECKED)
#define STAGES		2
#define HOW(stage)	(stage == 1 -> COMPARE : SHUT)
#define REPEATED(stage)	(stage == 1)
#elif defined(BAD_CHECK_THEN_DYING)
#define STAGES		3
#define HOW(stage)	(stage <= 2 -> COMPARE : SHUT)
#define REPEATED(stage)	(stage <= 2)
#elif defined(BAD_DYING_CHECKED_ONCE)
#define STAGES		3
#define HOW(stage)	(stage == 2 -> SHUT : COMPARE)
#define REPEATED(stage)	(stage == 1)
#else
#define STAGES		1
#define HOW(stage)	CLOSE
#define REPEATED(stage)	true
#endif

#if defined(FINALIZERS) && defined(BAD_SECOND_ONE_PASS)
#define AGAIN		!looking
#else
#define AGAIN		true
#endif
/* A pass is over, and what it found has been followed. @stage 0: that was mark_roots(). */
inline next_pass()
{
	if
	:: found && REPEATED(stage) && AGAIN
	:: else -> stage++
	fi;
	found = false;
	x = 0;
	next_of(UNMARKED);
	if
	:: x == N -> stage = STAGES + 1
	:: else
	fi
}
#define FOLLOWED	(x == N && gray == 0 && y == NIL && stage <= STAGES)

/*
 * sweep(), against the wrapping of the version: between any two objects, once a scan here. Where it
 * may happen, passes do not begin in the step that ended the one before.
 */
#ifdef SWEEPS
#define AFTER_FOLLOW()	skip
#define NO_SWEEP	(w == N)
#define SWEEP(when)							\
	:: d_step { w == N && !swept && (when) -> swept = true; w = 0 }	\
	:: d_step {							\
		w < N && (when) ->					\
		if							\
		:: (UNMARKED & B(w)) && TOUCHED(w) ->			\
			marked = marked | B(w);				\
			gray = gray | B(w)				\
		:: else							\
		fi;							\
		w++							\
	   }
#else
#define AFTER_FOLLOW()							\
	if								\
	:: FOLLOWED -> next_pass()					\
	:: else								\
	fi
#define NO_SWEEP	true
#define SWEEP(when)
#endif

/* mark_roots() */
inline mark_roots()
{
	x = 0;
	do
	:: x < N ->
		if
		:: (UNMARKED & B(x)) && gc_refs[x] != 0 ->
			marked = marked | B(x);
			gray = gray | B(x)
		:: else
		fi;
		gc_refs[x] = 0;
		x++
	:: else -> break
	od;
	AFTER_FOLLOW()
}

/*
 * The references of y have been followed: who is DYING has that taken back, in the next step; not
 * when it is DEAD, too.
 */
inline followed()
{
	if
	:: !(dying & B(y)) || LOOKING -> y = NIL
	:: else
	fi;
	AFTER_FOLLOW()
}

#ifdef CANDIDATES
#define LAST		(STAGES + 1)
#else
#define LAST		STAGES
#endif
/* judge(): by whom, and who has no note */
#ifdef BAD_YOUNG_JUDGES
#define JUDGES		true
#else
#define JUDGES		(mine == ALL)
#endif
#ifdef BAD_JUDGE_TOUCHED
#define KEPT(x)		false
#else
#define KEPT(x)		TOUCHED(x)
#endif

#ifdef BAD_KEEP_DYING
#define TAKE_BACK(x)	skip
#else
#define TAKE_BACK(x)	dying = dying & ~B(x)
#endif

/*
 * After refslab_scan_settle(), with stage STAGES + 1: TELL, announce(); after verdict(): POST,
 * post_announced(); CLEAR, clear_weak_of(); RUN, finalize(); SNAP and SUBTRACT, the garbage alone,
 * then marking and settling as before; BACK, bring_back(), its first half.
 */
#define TELL		10
#define POST		11
#define CLEAR		12
#define RUN		13
#define SNAP		14
#define SUBTRACT	15
#define BACK		16
#define GATHER		17
#if defined(FINALIZERS) || defined(EVENTS)
#define VERDICT		(stage == STAGES + 1 && told && !looking)
#define GATHERED	(stage == GATHER)
#else
#define VERDICT		(stage == STAGES + 1)
#define GATHERED	(stage > LAST)
#endif
#ifdef BAD_COUNT_COLLECTOR
#define OURS		0
#else
#define OURS		1
#endif

#ifdef FINALIZERS
/* What a finalizer does to the garbage x itself, besides nothing. */
inline finalize(x)
{
	assert(!(finalized & B(x)));
	finalized = finalized | B(x);
	called = true
}

/* When the second look begins: what has nobody referred to since? */
inline note_lost()
{
	held();
	closure(r | (ALL & ~fresh & ~freed));
	was_garbage = fresh & ~reach;
	revived = false;
	r = 0;
	reach = 0
}
#endif

proctype scanner()
{
	byte gc_refs[N];
	byte marked = 0, gray = 0, fresh = 0;
	byte x = 0, y = NIL, t = 0, s = 0, i = 0, r = 0;
	byte stage = 0, scans = SCANS, mine = YOUNG;
	bool found = false;
#if defined(FINALIZERS) || defined(EVENTS)
	bool told = false, called = false;
#endif
#ifdef SWEEPS
	bool swept = false;
	byte w = N;
#endif

again:
	/* snapshot_pools() */
	do
	SWEEP(s == 0 || s == 2)
	:: d_step {
		x < N && s == 0 && NO_SWEEP ->
		if
		:: x == 0 -> note_garbage()
		:: else
		fi;
		/* cannot_be_garbage() */
		if
		:: SKIPPED(x)
		:: else -> snapshot(x)
		fi;
#ifdef BAD_ONE_PHASE
		s = 1
	   }
	:: d_step {
		s == 1 && UNLOCKED(x) ->
		subtract(x, 0);
		s = 0;
#endif
		x++;
		next_of(mine);
#ifndef BAD_ONE_PHASE
		if
#ifdef CANDIDATES
		:: x == N -> gray = in_scan; s = 4
#else
		:: x == N -> x = 0; next_of(SUBTRACTED); s = 2
#endif
		:: else
		fi
#endif
	   }
#ifdef CANDIDATES
	/* refslab_mark_closure(): what candidates reach belongs to the set */
	:: d_step {
		s == 4 && gray != 0 && UNLOCKED(LOWEST(gray)) ->
		y = LOWEST(gray);
		gray = gray & ~B(y);
		include_target(y, 0);
#if SLOTS > 1
		include_target(y, 1);
#endif
		y = NIL
	   }
	:: d_step { s == 4 && gray == 0 -> x = 0; next_of(SUBTRACTED); s = 2 }
#endif
	/* subtract_references(), each object's under its lock: refslab_scan_references() */
#ifdef LOCKLESS
	/* or without the lock: read, then see whether the object is the one snapshotted */
	:: d_step { x < N && s == 2 && NO_SWEEP -> t = SLOT(x, 0); s = 5 }
#if SLOTS > 1
	:: d_step { s == 5 -> r = SLOT(x, 1); s = 6 }
#define ALL_READ	6
#else
#define ALL_READ	5
#endif
	:: d_step {
		s == ALL_READ ->
		if
		:: TOUCHED(x) -> s = 7
		:: else ->
			subtract_target(t);
#if SLOTS > 1
			subtract_target(r);
#endif
			s = 2;
			x++;
			next_of(SUBTRACTED)
		fi;
		t = 0; r = 0
	   }
#define LOCKED_SUBTRACT	7
#else
#define LOCKED_SUBTRACT	2
#endif
#ifndef BAD_ONE_PHASE
	:: d_step {
		x < N && s == LOCKED_SUBTRACT && UNLOCKED(x) && NO_SWEEP ->
		s = 2;
		subtract(x, 0);
#if SLOTS > 1
#ifdef CHUNKS
		BETWEEN_CHUNKS(x);
		if
		:: MORE(x) -> s = 3
		:: else -> x++; next_of(SUBTRACTED)
		fi
	   }
#ifdef TABLE
	:: d_step {
		s == 3 && UNLOCKED(x) && NEXT_CHUNK(x) ->
		subtract(x, place);
		place++
	   }
	:: d_step {
		s == 3 && UNLOCKED(x) && !NEXT_CHUNK(x) ->
		AFTER_CHUNKS(x);
		s = 2;
#else
	:: d_step {
		s == 3 && UNLOCKED(x) ->
		s = 2;
		subtract(x, 1);
#endif
#else
		subtract(x, 1);
#endif
#endif
#if SLOTS == 1 || !defined(CHUNKS)
		x++;
		next_of(SUBTRACTED)
	   }
#else
		x++;
		next_of(SUBTRACTED)
	   }
#endif
#endif
	:: d_step { x == N && (s == 2 || s == 0) && NO_SWEEP -> mark_roots(); s = 0 } break
	od;

	/* refslab_mark_follow() and refslab_scan_settle() by turns, then verdict() */
	do
	SWEEP(x == N && y == NIL && stage <= STAGES)
	:: d_step {
		gray != 0 && y == NIL && x == N && stage <= STAGES && MARK_GUARD(LOWEST(gray)) &&
		NO_SWEEP ->
		y = LOWEST(gray);
		gray = gray & ~B(y);
		mark_target(y, 0);
#if SLOTS > 1
#ifdef CHUNKS
		BETWEEN_CHUNKS(y);
		if
		:: MORE(y) -> s = 1
		:: else -> followed()
		fi
	   }
#ifdef TABLE
	:: d_step {
		s == 1 && MARK_GUARD(y) && NEXT_CHUNK(y) ->
		mark_target(y, place);
		place++
	   }
	:: d_step {
		s == 1 && MARK_GUARD(y) && !NEXT_CHUNK(y) ->
		AFTER_CHUNKS(y);
		s = 0;
#else
	:: d_step {
		s == 1 && MARK_GUARD(y) ->
		s = 0;
		mark_target(y, 1);
#endif
#else
		mark_target(y, 1);
#endif
#endif
		followed()
	   }
	:: d_step {
		y != NIL && s == 0 ->
		TAKE_BACK(y);
		y = NIL;
		AFTER_FOLLOW()
	   }
#ifdef SWEEPS
	:: d_step { FOLLOWED && NO_SWEEP -> next_pass() }
#endif
	/* close_door() */
	:: d_step {
		x < N && stage <= STAGES ->
		if
		:: !(UNMARKED & B(x))
		:: (UNMARKED & B(x)) && HOW(stage) != SHUT && DIFFERS(x) ->
			marked = marked | B(x);
			gray = gray | B(x);
			found = true
		:: (UNMARKED & B(x)) && (HOW(stage) == SHUT || !DIFFERS(x)) ->
			if
			:: HOW(stage) != COMPARE -> dying = dying | B(x)
			:: else
			fi
		fi;
		x++;
		next_of(UNMARKED);
		AFTER_FOLLOW()
	   }
	/* verdict(): one object after the other */
	:: d_step {
		x < N && VERDICT ->
		check_verdict();
#ifndef BAD_NO_REFERENCE
		count[x] = count[x] + 1;
#endif
		dead = dead | B(x);
		fresh = fresh | B(x);
		x++;
		next_of(UNMARKED)
	   }
#if defined(FINALIZERS) || defined(EVENTS)
	:: d_step {
		stage == STAGES + 1 && !told && !looking ->
		told = true;
#ifdef EVENTS
		check_verdict();
		stage = TELL
#endif
	   }
#ifdef EVENTS
	/* announce(): the event's reference, and marked */
	:: d_step {
		x < N && stage == TELL ->
		if
		:: TO_FINALIZE(x) ->
			finalized = finalized | B(x);
			get(x);
			announced = announced | B(x);
			marked = marked | B(x);
			gray = gray | B(x);
			/* and so is what it reaches */
			closure(B(x));
			was_garbage = was_garbage & ~reach;
			reach = 0
		:: else
		fi;
		x++;
		next_of(UNMARKED)
	   }
	:: d_step {
		x == N && stage == TELL ->
		if
		:: gray == 0 -> x = 0; next_of(UNMARKED); stage = STAGES + 1
#ifdef BAD_ANNOUNCE_UNSETTLED
		:: else -> stage = STAGES
#else
		:: else -> stage = 0
#endif
		fi
	   }
#endif
	:: d_step {
		x == N && VERDICT ->
		check_verdict();
		x = 0;
#ifdef EVENTS
		next_of(announced);
		stage = POST
#else
		next_of(fresh);
		stage = CLEAR
#endif
	   }
#ifdef EVENTS
	:: d_step {
		x < N && stage == POST ->
		weak = weak & ~B(x);
		announced = announced & ~B(x);
		queued = queued | B(x);
		x++;
		next_of(announced)
	   }
	:: d_step { x == N && stage == POST -> x = 0; next_of(fresh); stage = CLEAR }
#endif
	:: d_step {
		x < N && stage == CLEAR ->
		weak = weak & ~B(x);
		x++;
		next_of(fresh)
	   }
#ifdef EVENTS
	:: d_step { x == N && stage == CLEAR -> stage = GATHER }
#else
	:: d_step {
		x == N && stage == CLEAR ->
		looking = true;
		x = 0;
		next_of(fresh & FINAL & ~finalized);
		stage = RUN
	   }
	/* finalize(): a finalizer does nothing */
	:: d_step {
		x < N && stage == RUN ->
		finalize(x);
		x++;
		next_of(fresh & FINAL & ~finalized)
	   }
	/* or keeps a reference */
	:: d_step {
		x < N && stage == RUN && kept == NIL ->
		finalize(x);
		get(x);
		kept = x;
		x++;
		next_of(fresh & FINAL & ~finalized)
	   }
	/* or empties a slot, nobody dying of it here */
	:: d_step {
		x < N && stage == RUN && SLOT(x, 0) != NIL && UNLOCKED(x) &&
		count[SLOT(x, 0)] > 1 ->
		finalize(x);
		t = SLOT(x, 0);
		SLOT(x, 0) = NIL;
		count[t] = count[t] - 1;
		BUMP(t);
		t = 0;
		x++;
		next_of(fresh & FINAL & ~finalized)
	   }
	:: d_step {
		x == N && stage == RUN ->
		if
#ifdef BAD_NO_SECOND_LOOK
		:: true -> looking = false; stage = GATHER
#else
		:: !called -> looking = false; stage = GATHER
#endif
		:: else ->
			note_lost();
			in_scan = fresh;
			marked = 0;
			x = 0;
			next_of(in_scan);
			stage = SNAP
		fi
	   }
	/* snapshot_garbage() */
	:: d_step {
		x < N && stage == SNAP ->
		gc_refs[x] = count[x] - OURS;
#ifdef REAL_VERSION
		snap[x] = version[x];
#else
		touched = touched & ~B(x);
#endif
		x++;
		next_of(in_scan)
	   }
	:: d_step { x == N && stage == SNAP -> x = 0; next_of(in_scan); stage = SUBTRACT }
	:: d_step {
		x < N && stage == SUBTRACT && UNLOCKED(x) ->
		subtract(x, 0);
#if SLOTS > 1
		subtract(x, 1);
#endif
		x++;
		next_of(in_scan)
	   }
	:: d_step { x == N && stage == SUBTRACT -> stage = 0; mark_roots() }
	/* bring_back(): first DEAD goes, then the collector's reference */
	:: d_step {
		stage == STAGES + 1 && looking ->
		check_verdict();
		x = 0;
		next_of(marked);
		stage = BACK
	   }
	:: d_step {
		x < N && stage == BACK ->
#ifndef BAD_STAY_DEAD
		dead = dead & ~B(x);
		dying = dying & ~B(x);
#endif
		fresh = fresh & ~B(x);
		brought = brought | B(x);
		x++;
		next_of(marked)
	   }
	:: d_step { x == N && stage == BACK && brought == 0 -> looking = false; stage = GATHER }
#endif
#endif
#ifdef CANDIDATES
	:: d_step { x == N && stage == STAGES + 1 -> x = 0; next_of(in_scan); stage++ }
	/* judge(): after a full scan */
	:: d_step {
		x < N && stage > STAGES + 1 ->
		if
		:: JUDGES && (marked & B(x)) && !KEPT(x) ->
			judged = judged | B(x);
			dropped = dropped & ~B(x)
		:: else
		fi;
		x++;
		next_of(in_scan)
	   }
#endif
	:: d_step {
		x == N && GATHERED ->
		check_verdict();
#if defined(FINALIZERS) || defined(EVENTS)
		told = false; called = false;
#endif
		garbage = garbage | fresh;
		in_scan = 0; marked = 0; fresh = 0; was_garbage = 0; revived = false;
#ifndef REAL_VERSION
		touched = 0;
#endif
#ifdef SWEEPS
		swept = false;
#endif
		stage = 0; x = 0;
		mine = ALL;	/* the next is a full scan */
		scans--;
#ifdef UNTIL_VERDICT
		stop = true
#endif
	   }
	   break
	od;
	if
	:: stop -> goto out
	:: !stop && scans > 0 -> goto again
	/* wait for all others, then look at what they left behind */
	:: d_step {
		!stop && scans == 0 && ended == 2 && garbage == 0 && !tearing ->
		quiet_scan();
		over = true
	   }
	fi;
out:
	skip
}

init {
	byte a, b;
#ifdef CANDIDATES
	byte i, r, s;
#endif

	atomic {
		a = 0; do :: a < N * SLOTS -> slot[a] = NIL; a++ :: else -> break od;
		a = 0; do :: a < 4 -> handle[a] = NIL; a++ :: else -> break od;
		token[0] = NIL; token[1] = NIL;
#if defined(FINALIZERS) || defined(EVENTS)
		weak = ALL;
#endif
		displaced[0] = NIL; displaced[1] = NIL; displaced[2] = NIL;
#if GRAPH == 0
		a = 0;
		do
		:: a < N * SLOTS ->
			if
			:: true
			:: slot[a] = 0
			:: slot[a] = 1
#if N > 2
			:: slot[a] = 2
#endif
#if N > 3
			:: slot[a] = 3
#endif
			fi;
#ifdef TABLE
			/* no gap */
			end_gap: !(a % 2 == 1 && slot[a] != NIL && slot[a - 1] == NIL);
#endif
			a++
		:: else -> break
		od;
		a = 0;
		do
		:: a < 4 ->
			if
			:: true
			:: HANDLES > a % 2 -> handle[a] = 0
			:: HANDLES > a % 2 -> handle[a] = 1
#if N > 2
			:: HANDLES > a % 2 -> handle[a] = 2
#endif
#if N > 3
			:: HANDLES > a % 2 -> handle[a] = 3
#endif
			fi;
			/* the order of the two handles means nothing */
			end_order: !(a % 2 == 1 && handle[a] != NIL && handle[a - 1] < handle[a]) &&
				   !(a % 2 == 1 && handle[a] != NIL && handle[a - 1] == NIL);
			a++
		:: else -> break
		od;
#if K0 == K1
		/* the mutators are alike */
		end_alike: handle[0] * 16 + handle[1] <= handle[2] * 16 + handle[3];
#endif
#elif GRAPH == 1
		/* garbage: a cycle of 0 and 1; both hold 2 */
		SLOT(0, 0) = 1; SLOT(1, 0) = 0; handle[0] = 2; handle[2] = 2;
#elif GRAPH == 2
		/* the cycle is held by both; one of them holds 2 as well */
		SLOT(0, 0) = 1; SLOT(1, 0) = 0; handle[0] = 0; handle[1] = 2; handle[2] = 1;
#elif GRAPH == 3
		/* the cycle is held by the last object, which is held by both */
		SLOT(0, 0) = 1; SLOT(1, 0) = 0; SLOT(N - 1, 0) = 0;
		handle[0] = N - 1; handle[2] = N - 1;
#elif GRAPH == 4
		/* a chain, against the order of the scan; both hold its head */
		SLOT(2, 0) = 1; SLOT(1, 0) = 0; handle[0] = 2; handle[2] = 2;
#elif GRAPH == 5
		/* 0 refers to 1 and 1 to 2 and that to 1: references move about */
		SLOT(0, 0) = 1; SLOT(1, 0) = 2; SLOT(2, 1) = 1;
		handle[0] = 0; handle[2] = 0;
#elif GRAPH == 6
		/* 0 refers to 1 and 2, and 1 to 2 */
		SLOT(0, 0) = 1; SLOT(0, 1) = 2; SLOT(1, 0) = 2;
		handle[0] = 0; handle[2] = 0;
#elif GRAPH == 7
		/* garbage: a cycle of all, against the order of the scan */
		SLOT(2, 0) = 1; SLOT(1, 0) = 0; SLOT(0, 0) = 2;
#endif
		a = 0;
		do
		:: a < N * SLOTS ->
			if
			:: slot[a] != NIL -> count[slot[a]] = count[slot[a]] + 1
			:: else
			fi;
			a++
		:: else -> break
		od;
		a = 0;
		do
		:: a < 4 ->
			if
			:: handle[a] != NIL -> count[handle[a]] = count[handle[a]] + 1
			:: else
			fi;
			a++
		:: else -> break
		od;
		/* nobody refers to it: a free block */
		a = 0;
		do
		:: a < N ->
			if
			:: count[a] == 0 ->
				b = 0;
				do
				:: b < SLOTS -> end_free: SLOT(a, b) == NIL; b++
				:: else -> break
				od;
				freed = freed | B(a)
			:: else
			fi;
			a++
		:: else -> break
		od;
#ifdef CANDIDATES
		/* what is older and alive may have been judged, and left alone since */
		held();
		closure(r);
		judged = reach & ~YOUNG; r = 0; reach = 0;
#endif
		a = 0;
		b = 0;
		run scanner();
		run tear_down();
		run mutator(0, K0);
		run mutator(1, K1)
	}
}
