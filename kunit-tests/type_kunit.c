// SPDX-License-Identifier: GPL-2.0
/*
 * Types: layout, names, numbers.
 */
#include <linux/err.h>
#include <linux/string.h>

#include "../kmod/refslab.h"
#include "../uapi/refslab.h"
#include "fixture.h"

static void no_traverse(void *obj, refslab_visit_t visit, void *arg)
{
}

static void no_clear(void *obj, void *drop)
{
}

static const struct refslab_type_ops traversing_ops = {
	.name = "traversing",
	.traverse = no_traverse,
	.clear = no_clear,
};

static const struct refslab_type_ops plain_ops = {
	.name = "plain",
};

static void layout_follows_from_the_parameters(struct kunit *test)
{
	const u32 container = sizeof(struct refslab_container);
	const u32 atom = sizeof(struct refslab_object);
	const u32 plain = REFSLAB_TYPE_PLAIN;
	const u32 few = REFSLAB_TYPE_CONTAINER | REFSLAB_TYPE_FEW | plain;
	const struct {
		struct refslab_type_params params;
		u32 flags;
		u8 kind;
		u32 size;
	} cases[] = {
		{ { .name = "a" }, plain, REFSLAB_MEM_ATOM, atom },
		{ { .name = "b", .body = 3 }, plain, REFSLAB_MEM_ATOM, atom + 3 },
		{ { .name = "c", .body = REFSLAB_MAX_PAYLOAD }, plain, REFSLAB_MEM_ATOM,
		  atom + REFSLAB_MAX_PAYLOAD },
		{ { .name = "d", .acyclic = true }, plain, REFSLAB_MEM_ATOM, atom },
		{ { .name = "e", .nr_slots = 1 }, few | REFSLAB_TYPE_TRACKED,
		  REFSLAB_MEM_CONTAINER, container + 8 },
		{ { .name = "f", .nr_slots = REFSLAB_FEW, .body = 5 }, few | REFSLAB_TYPE_TRACKED,
		  REFSLAB_MEM_CONTAINER, container + REFSLAB_FEW * 8 + 5 },
		{ { .name = "F", .nr_slots = REFSLAB_FEW + 1, .body = 5 },
		  REFSLAB_TYPE_CONTAINER | REFSLAB_TYPE_TRACKED, REFSLAB_MEM_CONTAINER,
		  container + REFSLAB_FEW * 8 + 8 + 5 },
		{ { .name = "g", .nr_slots = 2, .acyclic = true },
		  few, REFSLAB_MEM_CONTAINER, container + 16 },
		{ { .name = "h", .nr_slots = REFSLAB_MAX_SLOTS, .body = REFSLAB_MAX_PAYLOAD },
		  REFSLAB_TYPE_CONTAINER | REFSLAB_TYPE_TRACKED, REFSLAB_MEM_CONTAINER,
		  container + REFSLAB_MAX_SLOTS * 8 + REFSLAB_MAX_PAYLOAD },
		{ { .name = "i", .flags = REFSLAB_TYPE_TABLE },
		  REFSLAB_TYPE_TABLE | REFSLAB_TYPE_CONTAINER | REFSLAB_TYPE_TRACKED,
		  REFSLAB_MEM_CONTAINER, container + sizeof(struct refslab_table) },
		{ { .name = "j", .ops = &traversing_ops, .body = 8 },
		  REFSLAB_TYPE_CONTAINER | REFSLAB_TYPE_TRACKED | REFSLAB_TYPE_CLEARS,
		  REFSLAB_MEM_CONTAINER, container + 8 },
		{ { .name = "k", .ops = &traversing_ops, .acyclic = true, .body = 8 },
		  REFSLAB_TYPE_CONTAINER, REFSLAB_MEM_CONTAINER, container + 8 },
		{ { .name = "l", .ops = &plain_ops, .body = 8 }, plain, REFSLAB_MEM_ATOM,
		  atom + 8 },
		{ { .name = "m", .flags = REFSLAB_TYPE_SIZED, .body = 4 },
		  REFSLAB_TYPE_SIZED | plain, REFSLAB_MEM_ATOM, atom + 4 },
		{ { .name = "n", .flags = REFSLAB_TYPE_USER, .nr_slots = 1 },
		  REFSLAB_TYPE_USER | few | REFSLAB_TYPE_TRACKED,
		  REFSLAB_MEM_CONTAINER, container + 8 },
	};
	struct refslab_objects *objects = refslab_fixture_objects(test);
	struct refslab_object *obj;
	struct refslab_type *type;
	unsigned int i;
	void *body;

	/* what the design promises of headers */
	KUNIT_EXPECT_EQ(test, atom, 24);
	KUNIT_EXPECT_EQ(test, container, 32);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		type = refslab_type_create(objects, &cases[i].params, GFP_KERNEL);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, type);
		KUNIT_EXPECT_EQ(test, type->flags, cases[i].flags);
		KUNIT_EXPECT_EQ(test, type->kind, cases[i].kind);
		KUNIT_EXPECT_EQ(test, type->size, cases[i].size);
		KUNIT_EXPECT_PTR_EQ(test, type->objects, objects);
		KUNIT_EXPECT_PTR_EQ(test, type->ops, cases[i].params.ops);
		KUNIT_EXPECT_EQ(test, (unsigned long)type & REFSLAB_HEAD_FLAGS, 0);
		KUNIT_EXPECT_STREQ(test, type->name, cases[i].params.name);
		KUNIT_EXPECT_PTR_EQ(test, refslab_type_find(objects, type->number), type);
		KUNIT_EXPECT_PTR_EQ(test, refslab_type_find_name(objects, type->name), type);
		if (type->flags & REFSLAB_TYPE_SIZED)
			continue;
		/* the whole of it is there, and aligned */
		obj = refslab_fixture_object(test, type);
		body = refslab_payload(obj);
		KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)body, 8));
		if (!(type->flags & REFSLAB_TYPE_TABLE))
			KUNIT_EXPECT_PTR_EQ(test, body + type->body, (void *)obj + type->size);
		memset(body, 0xff, type->flags & REFSLAB_TYPE_TABLE ? 0 : type->body);
		KUNIT_EXPECT_PTR_EQ(test, refslab_object_type(obj), type);
		refslab_object_put(obj);
	}
}

static void names_are_unique_in_a_heap(struct kunit *test)
{
	static const char longest[] = "0123456789012345678901234567890";
	struct refslab_type_params params = { .name = longest };
	struct refslab_objects *objects = refslab_fixture_objects(test);
	struct refslab_heap *heap;
	struct refslab_type *type;

	KUNIT_ASSERT_EQ(test, strlen(longest), REFSLAB_NAME_MAX);
	type = refslab_type_create(objects, &params, GFP_KERNEL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, type);
	KUNIT_EXPECT_STREQ(test, type->name, longest);
	params.nr_slots = 4;
	KUNIT_EXPECT_EQ(test, PTR_ERR(refslab_type_create(objects, &params, GFP_KERNEL)), -EEXIST);
	/* the built-in ones count */
	params.name = "int";
	KUNIT_EXPECT_EQ(test, PTR_ERR(refslab_type_create(objects, &params, GFP_KERNEL)), -EEXIST);
	params.name = "list";
	KUNIT_EXPECT_EQ(test, PTR_ERR(refslab_type_create(objects, &params, GFP_KERNEL)), -EEXIST);
	params.name = "str";
	KUNIT_EXPECT_EQ(test, PTR_ERR(refslab_type_create(objects, &params, GFP_KERNEL)), -EEXIST);
	KUNIT_EXPECT_PTR_EQ(test, refslab_type_find_name(objects, longest), type);
	KUNIT_EXPECT_NULL(test, refslab_type_find_name(objects, longest + 1));
	KUNIT_EXPECT_NULL(test, refslab_type_find_name(objects, "next"));
	/* a refused one took no number */
	params.name = "next";
	KUNIT_EXPECT_EQ(test, refslab_type_create(objects, &params, GFP_KERNEL)->number,
			type->number + 1);
	/* another heap is another matter */
	heap = refslab_fixture_extra_heap(test);
	KUNIT_EXPECT_NULL(test, refslab_type_find_name(&heap->objects, params.name));
	KUNIT_EXPECT_FALSE(test, IS_ERR(refslab_type_create(&heap->objects, &params, GFP_KERNEL)));
	refslab_heap_put_sync(heap);
}

static void there_are_1024_types(struct kunit *test)
{
	struct refslab_objects *objects = refslab_fixture_objects(test);
	struct refslab_type_params params = { .cache_limit = 1 };
	u32 i, made = 0, wrong = 0;
	struct refslab_type *type;
	char name[16];

	KUNIT_EXPECT_EQ(test, REFSLAB_TYPES_MAX, REFSLAB_MAX_TYPES);
	KUNIT_EXPECT_NULL(test, refslab_type_find(objects, 0));
	params.name = name;
	for (i = 0; i < REFSLAB_MAX_TYPES; i++) {
		if (refslab_type_find(objects, i + 1))
			continue;
		scnprintf(name, sizeof(name), "t%u", i);
		type = refslab_type_create(objects, &params, GFP_KERNEL);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, type);
		wrong += type->number != i + 1;
		made++;
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
	/* int, float, str, bytes, tuple, list, dict, set, instance and weakref were there */
	KUNIT_EXPECT_EQ(test, made, REFSLAB_MAX_TYPES - 10);
	params.name = "one too many";
	KUNIT_EXPECT_EQ(test, PTR_ERR(refslab_type_create(objects, &params, GFP_KERNEL)), -ENOSPC);
	/* a name taken is told first */
	params.name = "t1000";
	KUNIT_EXPECT_EQ(test, PTR_ERR(refslab_type_create(objects, &params, GFP_KERNEL)), -EEXIST);
	KUNIT_EXPECT_NULL(test, refslab_type_find(objects, REFSLAB_TYPES_ALL + 1));
	KUNIT_EXPECT_NULL(test, refslab_type_find(objects, U32_MAX));
	/* forms of a type that is there do not take its number from anybody */
	params.name = "another form";
	params.base = refslab_type_find(objects, 1);
	type = refslab_type_create(objects, &params, GFP_KERNEL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, type);
	KUNIT_EXPECT_GT(test, type->number, REFSLAB_MAX_TYPES);
	KUNIT_EXPECT_EQ(test, type->base->number, 1);
	/* the last one works */
	refslab_object_put(refslab_fixture_object(test, refslab_type_find(objects,
									  REFSLAB_MAX_TYPES)));
}

/* Whatever there is no memory for, neither name nor number are taken. */
static void without_memory_there_is_no_type(struct kunit *test)
{
	struct refslab_objects *objects = refslab_fixture_objects(test);
	const struct refslab_type_params params = { .name = "new", .nr_slots = 2 };
	struct refslab_type *before, *type;
	unsigned int nth;

	before = refslab_fixture_type(test, "before", 2, 0, 4);
	/* the type, its cache, its number */
	for (nth = 1; nth <= 3; nth++) {
		atomic_set(&objects->mem.fail_at, nth);
		type = refslab_type_create(objects, &params, GFP_KERNEL);
		KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(type), -ENOMEM);
		KUNIT_EXPECT_EQ(test, atomic_read(&objects->mem.fail_at), 0);
		KUNIT_EXPECT_NULL(test, refslab_type_find(objects, before->number + 1));
		refslab_fixture_check(test);
	}
	type = refslab_type_create(objects, &params, GFP_KERNEL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, type);
	KUNIT_EXPECT_EQ(test, type->number, before->number + 1);
	refslab_object_put(refslab_fixture_object(test, type));
}

static struct kunit_case type_cases[] = {
	KUNIT_CASE(layout_follows_from_the_parameters),
	KUNIT_CASE(names_are_unique_in_a_heap),
	KUNIT_CASE(there_are_1024_types),
	KUNIT_CASE(without_memory_there_is_no_type),
	{ }
};

static struct kunit_suite type_suite = {
	.name = "refslab-type",
	.init = refslab_fixture_init,
	.exit = refslab_fixture_exit,
	.test_cases = type_cases,
};

kunit_test_suite(type_suite);
