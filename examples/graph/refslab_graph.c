// SPDX-License-Identifier: GPL-2.0
/*
 * An example of the in-kernel API: an object graph with a cycle, dropped and collected.
 *
 *        .------------------.
 *        v                  |
 *       hub ----> a ------> b          a has two slots: 0 refers to b, 1 to c.
 *        ^        |                    b refers back to hub and to a: cycles.
 *        |        v                    The hub keeps its references in its payload,
 *     (dropped)   c <---- (held)       and owns a string besides.
 *
 * Loading the module runs it, and fails with -EIO when anything is not as expected; a module that
 * is loaded has shown its point and can be removed.
 */
#include <linux/err.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "refslab.h"

/* --- a type with slots ---------------------------------------------------------------------- */

struct node {
	int value;
};

static const struct refslab_type_ops node_ops = {
	.name = "node",
	.nr_slots = 2,
	.payload = sizeof(struct node),
	.cache_limit = 100,
};

static void *make_node(struct refslab_type *type, int value)
{
	void *obj = refslab_alloc(type, GFP_KERNEL);
	struct node *node;

	if (!obj)
		return NULL;
	node = refslab_payload(obj);
	node->value = value;
	return obj;
}

/* --- a type that keeps references in its own way, and owns memory --------------------------- */

#define HUB_MEMBERS	4

struct hub {
	void *member[HUB_MEMBERS];
	char *label;
};

static unsigned int hubs_released;

static void hub_traverse(void *obj, refslab_visit_t visit, void *arg)
{
	struct hub *hub = refslab_payload(obj);
	int i;

	for (i = 0; i < HUB_MEMBERS; i++)
		visit(hub->member[i], arg);
}

static void hub_clear(void *obj, void *drop)
{
	struct hub *hub = refslab_payload(obj);
	void *member;
	int i;

	for (i = 0; i < HUB_MEMBERS; i++) {
		member = hub->member[i];
		hub->member[i] = NULL;
		refslab_drop(drop, member);
	}
}

static void hub_release(void *obj)
{
	struct hub *hub = refslab_payload(obj);

	kfree(hub->label);
	hub->label = NULL;
	hubs_released++;
}

static const struct refslab_type_ops hub_ops = {
	.name = "hub",
	.payload = sizeof(struct hub),
	.traverse = hub_traverse,
	.clear = hub_clear,
	.release = hub_release,
};

static void *make_hub(struct refslab_type *type, const char *label)
{
	void *obj = refslab_alloc(type, GFP_KERNEL);
	struct hub *hub;

	if (!obj)
		return NULL;
	hub = refslab_payload(obj);
	hub->label = kstrdup(label, GFP_KERNEL);
	if (!hub->label) {
		refslab_put(obj);
		return NULL;
	}
	return obj;
}

static int hub_add(void *obj, unsigned int at, void *member)
{
	struct hub *hub = refslab_payload(obj);

	return refslab_assign(obj, &hub->member[at], member);
}

/* --- the graph ------------------------------------------------------------------------------ */

/* Says what was seen; 0 when it is what was to be seen. */
static int expect(const char *what, s64 seen, s64 wanted)
{
	if (seen == wanted) {
		pr_info("refslab_graph: %s: %lld\n", what, seen);
		return 0;
	}
	pr_err("refslab_graph: %s: %lld, expected %lld\n", what, seen, wanted);
	return -EIO;
}

static int link_graph(void *hub, void *a, void *b, void *c)
{
	return hub_add(hub, 0, a) ?: refslab_link(a, 0, b) ?: refslab_link(a, 1, c) ?:
	       refslab_link(b, 0, hub) ?: refslab_link(b, 1, a);
}

static int walk_graph(void *hub)
{
	struct hub *members = refslab_payload(hub);
	void *a = refslab_load(hub, &members->member[0]);
	void *c = a ? refslab_follow(a, 1) : NULL;
	struct node *node;
	int err = -EIO;

	if (!IS_ERR_OR_NULL(c)) {
		node = refslab_payload(c);
		err = expect("value of c, found by way of the hub", node->value, 3);
		refslab_put(c);
	}
	refslab_put(a);
	return err;
}

static int run_graph(struct refslab_heap *heap, struct refslab_type *nodes,
		     struct refslab_type *hubs)
{
	void *hub = make_hub(hubs, "the hub");
	void *a = make_node(nodes, 1), *b = make_node(nodes, 2), *c = make_node(nodes, 3);
	struct node *leaf = c ? refslab_payload(c) : NULL;
	int err = -ENOMEM;

	if (hub && a && b && c)
		err = link_graph(hub, a, b, c) ?: walk_graph(hub);
	if (!err)
		err = expect("objects of the graph", refslab_count(heap), 4) ?:
		      expect("unreachable while all are held", refslab_collect(heap, 2), 0);
	refslab_put(hub);
	refslab_put(a);
	refslab_put(b);
	if (!err)
		err = expect("objects with the cycle dropped", refslab_count(heap), 4) ?:
		      expect("unreachable then", refslab_collect(heap, 2), 3) ?:
		      expect("hubs released", hubs_released, 1) ?:
		      expect("objects left", refslab_count(heap), 1) ?:
		      expect("value of c, still held", leaf->value, 3);
	refslab_put(c);
	return err ?: expect("objects after c was dropped", refslab_count(heap), 0);
}

/* Without a cycle nothing needs collecting: counts do it, however long the chain. */
static int run_chain(struct refslab_heap *heap, struct refslab_type *nodes)
{
	void *head = NULL, *obj;
	int i, err = 0;

	for (i = 0; i < 1000 && !err; i++) {
		obj = make_node(nodes, i);
		if (!obj) {
			err = -ENOMEM;
			break;
		}
		err = refslab_link(obj, 0, head);
		refslab_put(head);
		head = obj;
	}
	if (!err)
		err = expect("objects of the chain", refslab_count(heap), 1000);
	refslab_put(head);
	return err ?: expect("objects after its head was dropped", refslab_count(heap), 0);
}

static int __init graph_init(void)
{
	/* by hand only, so that the counts below are exact */
	static const struct refslab_heap_params params = { .disabled = true };
	struct refslab_type *nodes, *hubs;
	struct refslab_heap *heap;
	int err;

	heap = refslab_heap_create("graph", &params);
	if (IS_ERR(heap))
		return PTR_ERR(heap);
	nodes = refslab_type_register(heap, &node_ops);
	hubs = refslab_type_register(heap, &hub_ops);
	err = PTR_ERR_OR_ZERO(nodes) ?: PTR_ERR_OR_ZERO(hubs);
	if (!err)
		err = run_graph(heap, nodes, hubs) ?: run_chain(heap, nodes);
	if (!err)
		pr_info("refslab_graph: bytes given back: %llu\n", refslab_trim(heap));
	refslab_heap_destroy(heap);
	return err;
}

static void __exit graph_exit(void)
{
}

module_init(graph_init);
module_exit(graph_exit);

MODULE_DESCRIPTION("Example of refslab's in-kernel API: an object graph with a cycle");
MODULE_LICENSE("GPL");
