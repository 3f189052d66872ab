// SPDX-License-Identifier: GPL-2.0
/* The grammar: every word of the script language and the form of its operands. */
#include "parser.h"

const struct parser_word refslab_parser_words[] = {
	/* Making objects. */
	{ "int", "i", PARSER_MAKES, "NAME = int N" },
	{ "str", "s", PARSER_MAKES, "NAME = str \"TEXT\"" },
	{ "list", "*n", PARSER_MAKES, "NAME = list [X...]" },
	{ "type", "t*o", PARSER_DOES,
	  "type NAME [slots=N] [payload=N] [cache=N] [acyclic] [finalizer] [weakref]" },
	{ "new", "t", PARSER_MAKES, "NAME = new TYPE" },
	{ "del", "+n", PARSER_DOES, "del X..." },

	/* Lists. */
	{ "append", "nn", PARSER_DOES, "append L X" },
	{ "insert", "nun", PARSER_DOES, "insert L INDEX X" },
	{ "pop", "nu", PARSER_BOTH, "[NAME =] pop L INDEX" },
	{ "setitem", "nun", PARSER_DOES, "setitem L INDEX X" },
	{ "delitem", "nu", PARSER_DOES, "delitem L INDEX" },
	{ "item", "nu", PARSER_MAKES, "NAME = item L INDEX" },
	{ "len", "n", PARSER_DOES, "len X" },

	/* Objects of user-defined types. */
	{ "setslot", "nun", PARSER_DOES, "setslot X SLOT Y" },
	{ "clearslot", "nu", PARSER_DOES, "clearslot X SLOT" },
	{ "slot", "nu", PARSER_MAKES, "NAME = slot X SLOT" },
	{ "write", "nus", PARSER_DOES, "write X OFFSET \"BYTES\"" },
	{ "read", "nuu", PARSER_DOES, "read X OFFSET LENGTH" },

	/* Weak references, objects by id, finalizers. */
	{ "weak", "n?o", PARSER_MAKES, "NAME = weak X [callback]" },
	{ "deref", "n", PARSER_MAKES, "NAME = deref W" },
	{ "byid", "u", PARSER_MAKES, "NAME = byid ID" },
	{ "finalized", "n", PARSER_DOES, "finalized X" },
	{ "event", "", PARSER_MAKES, "NAME = event" },
	{ "events", "", PARSER_DOES, "events" },
	{ "watch", "o", PARSER_DOES, "watch gc|off" },

	/* Looking at an object. */
	{ "refcount", "n", PARSER_DOES, "refcount X" },
	{ "id", "n", PARSER_DOES, "id X" },
	{ "typeof", "n", PARSER_DOES, "typeof X" },
	{ "value", "n", PARSER_DOES, "value X" },
	{ "is", "nn", PARSER_DOES, "is X Y" },
	{ "tracked", "n", PARSER_DOES, "tracked X" },
	{ "block", "n", PARSER_DOES, "block X" },
	{ "referents", "n", PARSER_DOES, "referents X" },
	{ "referrers", "n", PARSER_DOES, "referrers X" },
	{ "graph", "nf*o", PARSER_DOES, "graph X FILE [back] [depth=N]" },

	/* The collector. */
	{ "collect", "?u?o", PARSER_DOES, "collect [GENERATION [all]]" },
	{ "threshold", "?uuu", PARSER_DOES, "threshold [T0 T1 T2]" },
	{ "count", "", PARSER_DOES, "count" },
	{ "enable", "", PARSER_DOES, "enable" },
	{ "disable", "", PARSER_DOES, "disable" },
	{ "enabled", "", PARSER_DOES, "enabled" },
	{ "stats", "", PARSER_DOES, "stats" },
	{ "objects", "?u", PARSER_DOES, "objects [GENERATION]" },
	{ "debug", "*o", PARSER_DOES, "debug [FLAG...]" },
	{ "garbage", "?o", PARSER_DOES, "garbage [clear]" },
	{ "freeze", "", PARSER_DOES, "freeze" },
	{ "unfreeze", "", PARSER_DOES, "unfreeze" },
	{ "freezecount", "", PARSER_DOES, "freezecount" },

	/* The heap, and the script itself. */
	{ "trim", "", PARSER_DOES, "trim" },
	{ "stat", "", PARSER_DOES, "stat" },
	{ "sleep", "u", PARSER_DOES, "sleep MILLISECONDS" },
	{ }
};

const struct parser_word refslab_parser_copy = { "=", "n", PARSER_MAKES, "NAME = X" };
