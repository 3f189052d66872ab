/* SPDX-License-Identifier: GPL-2.0 */
/* Values of options that stand for no flag of the kernel's: above all of those. */
#ifndef _REFSLAB_WORDS_H
#define _REFSLAB_WORDS_H

enum {
	WORDS_SLOTS = 0x10000,
	WORDS_PAYLOAD,
	WORDS_CACHE,
	WORDS_BACK,
	WORDS_DEPTH,
	WORDS_BYTES,
	WORDS_OBJECTS,
	WORDS_HANDLES,
};

#endif /* _REFSLAB_WORDS_H */
