/* SPDX-License-Identifier: GPL-2.0 */
/* What the JSON of a value stands for, where its type does not tell. */
#ifndef _REFSLAB_VALUE_H
#define _REFSLAB_VALUE_H

struct json_object;

enum value_kind {
	VALUE_PLAIN,		/* an int, float or str */
	VALUE_FLOAT,		/* a string: inf, -inf, nan */
	VALUE_BYTES,		/* a string: hexadecimal digits */
	VALUE_LIST,		/* arrays */
	VALUE_TUPLE,
	VALUE_SET,
	VALUE_DICT,		/* of arrays of two */
	VALUE_INSTANCE,		/* an object: typeof, id, attributes */
	VALUE_REFERENCE,	/* an object: typeof, id, perhaps len */
};

enum value_kind refslab_value_kind(const struct json_object *value);

#endif /* _REFSLAB_VALUE_H */
