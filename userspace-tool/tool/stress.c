// SPDX-License-Identifier: GPL-2.0
/* refslab stress: many threads on one heap while the collector runs back to back. */
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <json-c/json.h>

#include "debugfs.h"
#include "stress.h"

#define SETTLE_MS	10000

const unsigned int refslab_stress_slots[STRESS_TYPES] = {
	[STRESS_NODE] = 4, [STRESS_WIDE] = 64, [STRESS_BARE] = 2,
};

const unsigned int refslab_stress_payload[STRESS_TYPES] = {
	[STRESS_NODE] = 32, [STRESS_LEAF] = 100,
};

const unsigned int refslab_stress_makes[MODEL_KINDS] = {
	[MODEL_LIST] = REFSLAB_OP_LIST, [MODEL_DICT] = REFSLAB_OP_DICT,
	[MODEL_SET] = REFSLAB_OP_SET, [MODEL_INSTANCE] = REFSLAB_OP_INSTANCE,
};

static const char * const type_names[STRESS_TYPES] = {
	[STRESS_NODE] = "node", [STRESS_WIDE] = "wide", [STRESS_BARE] = "bare",
	[STRESS_LEAF] = "leaf",
};

void refslab_stress_seed(struct stress_random *random, __u64 seed, unsigned int stream)
{
	unsigned short x[3];

	/* 48 bits of state; streams of one seed differ in their upper bits. */
	seed += stream * 0x9e3779b97f4a7c15ull;
	x[0] = seed;
	x[1] = seed >> 16;
	x[2] = seed >> 32 ^ seed >> 48;
	seed48_r(x, &random->data);
}

unsigned int refslab_stress_random(struct stress_random *random, unsigned int below)
{
	long n;

	/* 31 bits, of which the upper ones are the better ones. */
	lrand48_r(&random->data, &n);
	return (__u64)n * below >> 31;
}

void refslab_stress_fail(struct stress *stress, const char *fmt, ...)
{
	char message[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	atomic_store(&stress->stop, true);
	/* The first thread that fails says so; the others follow from it. */
	if (!atomic_exchange(&stress->failed, true))
		refslab_tool_error("stress: seed %llu: %s", stress->seed, message);
}

bool refslab_stress_check(struct stress *stress, unsigned int opcode, int err)
{
	if (!err)
		return true;
	refslab_stress_fail(stress, "%s: %s (errno %d)", refslab_opcode_name(opcode),
			    refslab_strerror(opcode, err), -err);
	return false;
}

static void *collect(void *arg)
{
	struct stress *stress = arg;
	struct refslab_stat stat;
	__u64 unreachable;
	unsigned int g;
	int err;

	while (!atomic_load(&stress->stop)) {
		for (g = 0; g < REFSLAB_GENERATIONS; g++) {
			err = refslab_op_collect(stress->session, g, &unreachable, NULL);
			if (!refslab_stress_check(stress, REFSLAB_OP_COLLECT, err))
				return NULL;
			stress->scans++;
			stress->unreachable += unreachable;
		}
		err = refslab_op_stat(stress->session, &stat);
		if (!refslab_stress_check(stress, REFSLAB_OP_STAT, err))
			return NULL;
		if (stat.objects > 16ull * stress->objects)
			atomic_store(&stress->crowded, true);
		else if (stat.objects < 4ull * stress->objects)
			atomic_store(&stress->crowded, false);
	}
	return NULL;
}

bool refslab_stress_start_collector(struct stress *stress)
{
	int err;

	atomic_store(&stress->stop, false);
	err = pthread_create(&stress->collector, NULL, collect, stress);
	if (err)
		refslab_stress_fail(stress, "no thread: %s", strerror(err));
	return !err;
}

void refslab_stress_join_collector(struct stress *stress)
{
	atomic_store(&stress->stop, true);
	pthread_join(stress->collector, NULL);
}

bool refslab_stress_settle(struct stress *stress, __u64 objects, bool collect)
{
	const struct timespec tick = { .tv_nsec = 10 * 1000000 };
	struct refslab_stat stat;
	unsigned int waited = 0;
	__u64 unreachable;
	int err;

	for (;;) {
		err = refslab_op_stat(stress->session, &stat);
		if (!refslab_stress_check(stress, REFSLAB_OP_STAT, err))
			return false;
		if (stat.objects == objects)
			return true;
		if (waited == SETTLE_MS)
			break;
		nanosleep(&tick, NULL);
		waited += 10;
		if (!collect)
			continue;
		err = refslab_op_collect(stress->session, 2, &unreachable, NULL);
		if (!refslab_stress_check(stress, REFSLAB_OP_COLLECT, err))
			return false;
	}
	refslab_stress_fail(stress, "%llu objects where %llu should be", stat.objects, objects);
	return false;
}

static bool make_types(struct stress *stress)
{
	unsigned int i;
	int err;

	for (i = 0; i < STRESS_TYPES; i++) {
		struct refslab_type_def def = {
			.flags = i == STRESS_LEAF ? REFSLAB_TYPE_ACYCLIC : 0,
			.nr_slots = refslab_stress_slots[i],
			.payload = refslab_stress_payload[i],
			.cache_limit = i == STRESS_BARE ? 0 : 64,
		};

		err = refslab_op_type(stress->session, type_names[i], &def, &stress->type[i]);
		if (!refslab_stress_check(stress, REFSLAB_OP_TYPE, err))
			return false;
	}
	return true;
}

/* Built-in types have numbers, too: of each an object is made that tells. */
static bool know_built_in(struct stress *stress)
{
	unsigned int i, done;
	int err;

	for (i = MODEL_LIST; i < MODEL_KINDS; i++) {
		struct refslab_op ops[] = {
			{ .opcode = refslab_stress_makes[i] },
			{ .opcode = REFSLAB_OP_TYPEOF, .from = 1 },
			{ .opcode = REFSLAB_OP_CLOSE, .from = 1 },
		};

		err = refslab_session_submit(stress->session, ops, ARRAY_SIZE(ops), &done);
		if (!refslab_stress_check(stress, done < ARRAY_SIZE(ops) ? ops[done].opcode : 0,
					  err))
			return false;
		stress->built_in[i] = ops[1].result[0];
	}
	return true;
}

static bool is_sound(const char *path, char *answer, size_t size)
{
	FILE *file = fopen(path, "r");

	if (!file)
		return false;
	if (!fgets(answer, size, file))
		snprintf(answer, size, "no answer");
	fclose(file);
	answer[strcspn(answer, "\n")] = 0;
	return !strcmp(answer, "ok");
}

/*
 * Somebody else may look at the heap, too, by debugfs, and has a reference on what is looked at.
 * What is wrong stays wrong, so it is looked at again.
 */
void refslab_stress_invariants(struct stress *stress)
{
	const struct timespec a_while = { .tv_nsec = 100 * 1000 * 1000 };
	char path[80], answer[256] = "";
	unsigned int i;

	snprintf(path, sizeof(path), REFSLAB_DEBUGFS_MOUNT "/refslab/heaps/%u/check",
		 stress->heap);
	if (access(path, R_OK))
		return;
	stress->looks++;
	for (i = 0; i < 50; i++) {
		if (is_sound(path, answer, sizeof(answer)))
			return;
		nanosleep(&a_while, NULL);
	}
	refslab_stress_fail(stress, "the heap is not consistent: %s", answer);
}

/* After the last handle is gone nothing is left, by any counter. */
static void check_empty(struct stress *stress)
{
	struct refslab_stat stat;
	__u64 unreachable;
	int err;

	err = refslab_op_collect(stress->session, 2, &unreachable, NULL);
	if (!refslab_stress_check(stress, REFSLAB_OP_COLLECT, err))
		return;
	if (!refslab_stress_settle(stress, 0, true))
		return;
	err = refslab_op_stat(stress->session, &stat);
	if (!refslab_stress_check(stress, REFSLAB_OP_STAT, err))
		return;
	if (stat.tracked || stat.handles || stat.bytes_used)
		refslab_stress_fail(stress, "left: %llu tracked, %llu handles, %llu bytes",
				    stat.tracked, stat.handles, stat.bytes_used);
	refslab_stress_invariants(stress);
}

static void print_verdict(struct stress *stress, bool model)
{
	bool ok = !atomic_load(&stress->failed);
	struct json_object *o;

	if (!stress->json) {
		printf("collector  %llu scans, %llu unreachable\n", stress->scans,
		       stress->unreachable);
		printf("seed       %llu\n", stress->seed);
		printf("invariants looked at %u times%s\n", stress->looks,
		       stress->looks ? "" : " (needs root and debugfs)");
		printf("verdict    %s\n", ok ? "ok, nothing left" : "FAILED");
		return;
	}
	o = json_object_new_object();
	json_object_object_add(o, "stress", json_object_new_string(model ? "model" : "race"));
	json_object_object_add(o, "seed", json_object_new_uint64(stress->seed));
	json_object_object_add(o, "scans", json_object_new_uint64(stress->scans));
	json_object_object_add(o, "unreachable", json_object_new_uint64(stress->unreachable));
	json_object_object_add(o, "invariants", json_object_new_int64(stress->looks));
	json_object_object_add(o, "ok", json_object_new_boolean(ok));
	refslab_tool_json(o);
}

static int run(struct stress *stress, bool model)
{
	stress->session = refslab_tool_session("stress", 0, &stress->heap);
	if (!stress->session)
		return REFSLAB_EXIT_FAILED;
	if (make_types(stress) && know_built_in(stress)) {
		if (model)
			refslab_stress_model(stress);
		else
			refslab_stress_race(stress);
	}
	if (!atomic_load(&stress->failed))
		check_empty(stress);
	refslab_session_close(stress->session);
	print_verdict(stress, model);
	return atomic_load(&stress->failed) ? REFSLAB_EXIT_FAILED : REFSLAB_EXIT_OK;
}

enum {
	OPTION_MODEL = 256,
	OPTION_OBJECTS,
	OPTION_ROUNDS,
	OPTION_SECONDS,
	OPTION_SEED,
	OPTION_THREADS,
};

static int stress_main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "model", no_argument, NULL, OPTION_MODEL },
		{ "objects", required_argument, NULL, OPTION_OBJECTS },
		{ "rounds", required_argument, NULL, OPTION_ROUNDS },
		{ "seconds", required_argument, NULL, OPTION_SECONDS },
		{ "seed", required_argument, NULL, OPTION_SEED },
		{ "threads", required_argument, NULL, OPTION_THREADS },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	const struct refslab_command *cmd = &refslab_stress_command;
	__u64 seconds = 10, threads = 8, rounds = 100, objects = 4096;
	bool model = false, rounds_given = false, seconds_given = false;
	struct stress stress = { };
	bool ok = true;
	int c;

	if (getrandom(&stress.seed, 4, 0) < 0)
		stress.seed = time(NULL);
	while (ok && (c = getopt_long(argc, argv, "jh", options, NULL)) != -1) {
		switch (c) {
		case OPTION_MODEL:
			model = true;
			break;
		case OPTION_OBJECTS:
			ok = refslab_tool_number(cmd, "--objects", optarg, 1 << 24, &objects);
			break;
		case OPTION_ROUNDS:
			rounds_given = true;
			ok = refslab_tool_number(cmd, "--rounds", optarg, INT_MAX, &rounds);
			break;
		case OPTION_SECONDS:
			seconds_given = true;
			ok = refslab_tool_number(cmd, "--seconds", optarg, INT_MAX, &seconds);
			break;
		case OPTION_SEED:
			ok = refslab_tool_number(cmd, "--seed", optarg, ~0ull, &stress.seed);
			break;
		case OPTION_THREADS:
			ok = refslab_tool_number(cmd, "--threads", optarg, 1024, &threads);
			break;
		case 'j':
			stress.json = true;
			break;
		case 'h':
			return refslab_tool_help(cmd);
		default:
			return refslab_tool_usage(cmd, NULL);
		}
	}
	if (!ok)
		return REFSLAB_EXIT_USAGE;
	if (optind < argc)
		return refslab_tool_usage(cmd, "stress takes options only");
	if (!threads || !objects)
		return refslab_tool_usage(cmd, "--threads and --objects are at least 1");
	if (model ? seconds_given : rounds_given)
		return refslab_tool_usage(cmd, "--seconds is without --model, --rounds with it");
	stress.seconds = seconds;
	stress.threads = threads;
	stress.rounds = rounds;
	stress.objects = objects;
	return run(&stress, model);
}

const struct refslab_command refslab_stress_command = {
	.name = "stress",
	.summary = "many threads on one heap while the collector runs",
	.help =
	"Usage: refslab stress [OPTION...]\n"
	"       refslab stress --model [OPTION...]\n"
	"Threads make, link, unlink and drop objects of one heap at random, lists, dicts, sets and\n"
	"instances among them, while one more thread scans generations 0, 1 and 2 back to back.\n"
	"Without --model they race on the same objects through handles they share. With --model each\n"
	"has objects of its own, and after every round the heap's objects, reference counts, slots,\n"
	"elements, keys and values are compared with a plain model of them. Either ends by dropping\n"
	"all handles: nothing may be left.\n\n"
	"      --model       compare with a model\n"
	"      --objects N   handles that are shared, or objects of all models together (4096)\n"
	"      --rounds N    rounds of --model (100)\n"
	"      --seconds N   how long without --model (10)\n"
	"      --seed S      of the random numbers (a new one each time; it is printed)\n"
	"      --threads N   without the collector's (8)\n"
	"  -j, --json        one object a thread or round, then the verdict\n"
	"  -h, --help        this text\n\n"
	"Exit status 1 when an operation failed in a way it must not, or something was left.\n",
	.main = stress_main,
};
