/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The bookkeeping of generations, for Spin: no object is ever in none. One pool with two blocks,
 * two mutators that make and free objects in it, and a scanner that scans generations as it likes.
 *
 * A d_step is one access to what others look at without a lock: the count, a young byte, queued[].
 * What a lock protects is done in one step with the access under it that others can see.
 */
#ifndef K
#define K		4	/* operations of each mutator */
#endif
#ifndef SCANS
#define SCANS		2
#endif
#define BLOCKS		2
#define B(i)		(1 << (i))
#define NIL		15

bool count[BLOCKS];	/* of the word: alive or not */
bool allocated[BLOCKS];	/* by the pool's own bookkeeping */
byte owner[BLOCKS];	/* who may free it; NIL while it is being made */
/* struct refslab_pool_marks */
bool young[BLOCKS];
bool queued[2];
bool listed[2];		/* on objects->pools[] or on the scanner's list spliced from it */
byte middle, old;
bool seen;		/* seq == scan->seq */
bool of_class;		/* the pool belongs to a class; else it is empty or in the arena */
bool pools_lock;
bool held;		/* refslab_mem_hold() */
byte ended;

/* retire(): the pool has no object, nobody holds the memory; both is decided under mem's lock */
inline leave_class()
{
	of_class = false;
	listed[0] = false; listed[1] = false;
	queued[0] = false; queued[1] = false
}

/* refslab_objects_queue_pool(): the look without the lock, then the one with it */
inline queue_pool(g)
{
	if
	:: d_step { queued[g] -> skip }
	:: d_step { !queued[g] -> skip }
		d_step {
			!pools_lock ->
			if
			:: !queued[g] -> assert(!listed[g]); listed[g] = true; queued[g] = true
			:: else
			fi
		}
	fi
}

/* The count becomes 1, then mark_young(). */
inline publish()
{
#ifdef BAD_MARK_BEFORE_PUBLISHING
	if
	:: d_step { young[i] -> skip }
		d_step { count[i] = true }
	:: d_step { !young[i] -> skip }
		d_step { count[i] = true }
#else
	d_step { count[i] = true }
	if
	:: d_step { young[i] -> skip }
	:: d_step { !young[i] -> skip }
#endif
#ifdef BAD_LIST_BEFORE_BYTE
		if
		:: d_step { queued[0] -> skip }
			d_step { young[i] = true }
		:: d_step { !queued[0] -> skip }
			d_step { young[i] = true }
			queue_pool(0)
		fi
#else
		d_step { young[i] = true }
		queue_pool(0)
#endif
	fi
}

proctype mutator(byte me)
{
	byte ops = K, i = 0;

	do
	/* pool_assign(), pool_take(): under the class's lock */
	:: d_step {
		ops > 0 && (!allocated[0] || !allocated[1]) ->
		ops--;
		if
		:: !of_class ->
			assert(!listed[0] && !listed[1]);
			of_class = true;
			young[0] = false; young[1] = false;
			queued[0] = false; queued[1] = false;
			middle = 0; old = 0; seen = false
		:: else
		fi;
		i = (allocated[0] -> 1 : 0);
		allocated[i] = true
	   }
		/* make() */
		publish();
		d_step { owner[i] = me; i = 0 }
#ifdef REVIVES
	/* put() of the last reference, then refslab_object_revive() */
	:: d_step {
		ops > 0 && ((allocated[0] && owner[0] == me) || (allocated[1] && owner[1] == me)) ->
		ops--;
		i = ((allocated[0] && owner[0] == me) -> 0 : 1);
		count[i] = false
	   }
#ifdef BAD_REVIVE_OLD
		d_step { count[i] = true }
#else
		publish();
#endif
		d_step { i = 0 }
#endif
	/* refslab_object_free() */
	:: d_step {
		ops > 0 && ((allocated[0] && owner[0] == me) || (allocated[1] && owner[1] == me)) ->
		ops--;
		i = ((allocated[0] && owner[0] == me) -> 0 : 1);
		owner[i] = NIL;
		count[i] = false
	   }
		/* refslab_pool_free(): under the class's lock */
		d_step {
			!pools_lock ->
			allocated[i] = false;
			if
			:: !allocated[0] && !allocated[1] && !held -> leave_class()
			:: else
			fi;
			i = 0
		}
	:: d_step { ended++; ops = 0 } break
	od
}

#ifdef BAD_LOOK_BEFORE_CLEARING
#define ALIVE(i)	(alive & B(i))
#else
#define ALIVE(i)	count[i]
#endif

/*
 * snapshot_pool(): takes the young objects if the pool was listed for them, then looks at those of
 * the generations scanned, and moves the living to the next.
 */
inline snapshot_pool(has_young)
{
	d_step { take = 0; i = 0; skip }
	if
	:: seen
	:: !seen && of_class ->
		seen = true;
#ifdef BAD_LOOK_BEFORE_CLEARING
		d_step { alive = 0; if :: count[0] -> alive = 1 :: else fi }
		d_step { if :: count[1] -> alive = alive | 2 :: else fi }
#endif
		do
		:: d_step { i < BLOCKS && has_young && young[i] -> take = take | B(i) }
		   d_step { young[i] = false; i++ }
		:: d_step { i < BLOCKS && !(has_young && young[i]) -> i++ }
		:: d_step { i == BLOCKS -> i = 0 } break
		od;
		atomic {
			take = take | (g >= 1 -> middle : 0) | (g >= 2 -> old : 0);
			middle = middle & ~take; old = old & ~take
		}
		do
		:: d_step {
			i < BLOCKS ->
			if
			:: (take & B(i)) && ALIVE(i) ->
				if
				:: g == 0 -> middle = middle | B(i)
				:: else -> old = old | B(i)
				fi
			:: else
			fi;
			i++
		   }
		:: d_step { i == BLOCKS -> i = 0; alive = 0; take = 0 } break
		od;
		if
		:: middle != 0 -> queue_pool(1)
		:: else
		fi
	:: !seen && !of_class
	fi
}
/* snapshot_listed_pools() of one generation: list_splice_init(), then the pool, if it is there */
inline snapshot_listed(which)
{
	if
	:: d_step { !listed[which] -> skip }
	:: d_step { listed[which] -> pools_lock = true }
#ifdef BAD_BYTES_BEFORE_LIST
		d_step { pools_lock = false }
		snapshot_pool(which == 0);
		d_step { listed[which] = false; queued[which] = false }
#else
		d_step { listed[which] = false; queued[which] = false; pools_lock = false }
		snapshot_pool(which == 0)
#endif
	fi
}

proctype scanner()
{
	byte scans = SCANS, g = 0, i = 0, take = 0, alive = 0;

	do
	:: scans > 0 ->
		if
		:: g = 0
		:: g = 1
		:: g = 2
		fi;
		d_step { scans--; seen = false; held = true }
		snapshot_listed(0);
		if
		:: g >= 1 -> snapshot_listed(1)
		:: else
		fi;
		/* snapshot_all_pools() */
		if
		:: g == 2 -> snapshot_pool(false)
		:: else
		fi;
		/* refslab_mem_release(), refslab_pool_sweep_limbo() */
		d_step {
			held = false;
			g = 0;
			if
			:: of_class && !allocated[0] && !allocated[1] -> leave_class()
			:: else
			fi
		}
	:: break
	od;
	/* Each object is in a generation whose scan will come by. */
	atomic {
		ended == 2 ->
		do
		:: i < BLOCKS ->
			assert(!count[i] || (young[i] && queued[0] && listed[0]) ||
			       (!young[i] && (middle & B(i)) && queued[1] && listed[1]) ||
			       (!young[i] && (old & B(i)) && !(middle & B(i))));
			i++
		:: else -> break
		od;
		assert(queued[0] == listed[0] && queued[1] == listed[1])
	}
}

init {
	atomic {
		owner[0] = NIL; owner[1] = NIL;
		run scanner();
		run mutator(0);
		run mutator(1)
	}
}
