// SPDX-License-Identifier: GPL-2.0
/* The grammar: every word of the script language and the form of its operands. */
#include <stdint.h>

#include "librefslab.h"
#include "parser.h"
#include "words.h"

#define OPTION(_word, _value, ...)	{ .word = _word, .value = _value, ##__VA_ARGS__ }

static const struct parser_option type_options[] = {
	OPTION("slots", WORDS_SLOTS, .max = REFSLAB_MAX_SLOTS),
	OPTION("payload", WORDS_PAYLOAD, .max = REFSLAB_MAX_MAPPED),
	OPTION("cache", WORDS_CACHE, .max = REFSLAB_MAX_CACHE),
	OPTION("acyclic", REFSLAB_TYPE_ACYCLIC),
	OPTION("finalizer", REFSLAB_TYPE_FINALIZER),
	OPTION("weakref", REFSLAB_TYPE_WEAKREF),
	OPTION("mapped", REFSLAB_TYPE_MAPPED),
	{ }
};

static const struct parser_option weak_options[] = {
	OPTION("callback", REFSLAB_WEAK_CALLBACK),
	{ }
};

static const struct parser_option watch_options[] = {
	OPTION("gc", REFSLAB_WATCH_GC),
	OPTION("off", 0),
	{ }
};

static const struct parser_option collect_options[] = {
	OPTION("all", REFSLAB_COLLECT_ALL),
	{ }
};

static const struct parser_option debug_options[] = {
	OPTION("STATS", REFSLAB_DEBUG_STATS),
	OPTION("COLLECTABLE", REFSLAB_DEBUG_COLLECTABLE),
	OPTION("UNCOLLECTABLE", REFSLAB_DEBUG_UNCOLLECTABLE),
	OPTION("SAVEALL", REFSLAB_DEBUG_SAVEALL),
	OPTION("LEAK", REFSLAB_DEBUG_LEAK),
	OPTION("off", 0, .alone = true),
	{ }
};

static const struct parser_option graph_options[] = {
	OPTION("back", WORDS_BACK),
	OPTION("depth", WORDS_DEPTH, .max = ~0u - 1),
	{ }
};

static const struct parser_option limits_options[] = {
	OPTION("bytes", WORDS_BYTES, .bytes = true),
	OPTION("objects", WORDS_OBJECTS, .max = INT64_MAX),
	OPTION("handles", WORDS_HANDLES, .max = INT64_MAX),
	{ }
};

static const struct parser_option garbage_options[] = {
	OPTION("clear", 0),
	{ }
};

#define WORD(_kind, _word, _form, _usage, ...)				\
	{								\
		.word = _word, .form = _form, .kind = _kind, .usage = _usage,	\
		##__VA_ARGS__						\
	}
#define DOES(...)	WORD(PARSER_DOES, __VA_ARGS__)
#define MAKES(...)	WORD(PARSER_MAKES, __VA_ARGS__)
#define BOTH(...)	WORD(PARSER_BOTH, __VA_ARGS__)

const struct parser_word refslab_parser_words[] = {
	/* Making objects. */
	MAKES("int", "i", "NAME = int N"),
	MAKES("float", "f", "NAME = float N"),
	MAKES("str", "s", "NAME = str \"TEXT\""),
	MAKES("bytes", "x", "NAME = bytes HEX|\"BYTES\""),
	MAKES("tuple", "*n", "NAME = tuple [X...]"),
	MAKES("list", "*n", "NAME = list [X...]"),
	MAKES("dict", "*n", "NAME = dict [KEY X...]", .rules = PARSER_PAIRS),
	MAKES("set", "*n", "NAME = set [X...]"),
	MAKES("instance", "", "NAME = instance"),
	DOES("type", "t*o",
	     "type NAME [slots=N] [payload=N] [cache=N] [acyclic] [finalizer] [weakref] [mapped]",
	     .options = type_options),
	MAKES("new", "t", "NAME = new TYPE"),
	DOES("typeinfo", "t", "typeinfo TYPE"),
	DOES("del", "+n", "del X...", .rules = PARSER_DISTINCT),

	/* Containers. */
	DOES("append", "nn", "append L X"),
	DOES("insert", "nun", "insert L INDEX X"),
	BOTH("pop", "nu", "[NAME =] pop L INDEX"),
	DOES("setitem", "nkn", "setitem L INDEX X, or setitem D KEY X"),
	DOES("delitem", "nk", "delitem L INDEX, or delitem D KEY"),
	MAKES("item", "nk", "NAME = item L INDEX, or NAME = item D KEY"),
	DOES("len", "n", "len X"),
	DOES("add", "nn", "add S X"),
	DOES("discard", "nn", "discard S X"),
	DOES("contains", "nn", "contains S X"),
	BOTH("find", "nv", "[NAME =] find X N|\"TEXT\"|bytes:HEX"),
	DOES("setattr", "nan", "setattr O \"NAME\" X"),
	MAKES("getattr", "na", "NAME = getattr O \"NAME\""),
	DOES("delattr", "na", "delattr O \"NAME\""),

	/* Objects of user-defined types. */
	DOES("setslot", "nun", "setslot X SLOT Y"),
	DOES("clearslot", "nu", "clearslot X SLOT"),
	MAKES("slot", "nu", "NAME = slot X SLOT"),
	DOES("write", "nus", "write X OFFSET \"BYTES\""),
	DOES("read", "nuu", "read X OFFSET LENGTH", .max = REFSLAB_MAX_PAYLOAD),
	DOES("map", "n", "map X"),

	/* Weak references, objects by id, finalizers. */
	MAKES("weak", "n?o", "NAME = weak X [callback]", .options = weak_options),
	MAKES("deref", "n", "NAME = deref W"),
	MAKES("byid", "u", "NAME = byid ID"),
	DOES("finalized", "n", "finalized X"),
	MAKES("event", "", "NAME = event"),
	DOES("events", "", "events"),
	DOES("watch", "o", "watch gc|off", .options = watch_options),

	/* What the heap keeps under a name. */
	DOES("publish", "nr", "publish X NAME"),
	MAKES("lookup", "r", "NAME = lookup ROOT"),
	DOES("unpublish", "r", "unpublish NAME"),
	DOES("roots", "", "roots"),

	/* Looking at an object. */
	DOES("refcount", "n", "refcount X"),
	DOES("id", "n", "id X"),
	DOES("typeof", "n", "typeof X"),
	DOES("value", "n", "value X"),
	DOES("is", "nn", "is X Y"),
	DOES("tracked", "n", "tracked X"),
	DOES("block", "n", "block X"),
	DOES("referents", "n", "referents X"),
	DOES("referrers", "n", "referrers X"),
	DOES("graph", "np*o", "graph X FILE [back] [depth=N]", .options = graph_options),

	/* The collector. */
	DOES("collect", "?u?o", "collect [GENERATION] [all]", .options = collect_options,
	     .max = REFSLAB_GENERATIONS - 1),
	DOES("threshold", "?uuu", "threshold [T0 T1 T2]", .max = 0x7fffffff),
	DOES("count", "", "count"),
	DOES("enable", "", "enable"),
	DOES("disable", "", "disable"),
	DOES("enabled", "", "enabled"),
	DOES("stats", "", "stats"),
	DOES("objects", "?u", "objects [GENERATION]", .max = REFSLAB_GEN_FROZEN),
	DOES("debug", "*o", "debug [STATS] [COLLECTABLE] [UNCOLLECTABLE] [SAVEALL] [LEAK] [off]",
	     .options = debug_options),
	DOES("garbage", "?o", "garbage [clear]", .options = garbage_options),
	DOES("freeze", "", "freeze"),
	DOES("unfreeze", "", "unfreeze"),
	DOES("freezecount", "", "freezecount"),

	/* The heap, and the script itself. */
	DOES("trim", "", "trim"),
	DOES("stat", "", "stat"),
	DOES("limits", "*o", "limits [bytes=N] [objects=N] [handles=N]",
	     .options = limits_options),
	/* at most a day */
	DOES("sleep", "u", "sleep MILLISECONDS", .max = 86400000),
	{ }
};

const struct parser_word refslab_parser_copy = MAKES("=", "n", "NAME = X");
