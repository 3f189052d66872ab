// SPDX-License-Identifier: GPL-2.0
/* refslab version: of the tool, and of the module when it is there. */
#include <getopt.h>
#include <stdio.h>

#include <json-c/json.h>

#include "tool.h"

static int ask_module(struct refslab_query *query)
{
	struct refslab_session *session;
	int err;

	err = refslab_session_open(NULL, &session);
	if (err)
		return err;
	err = refslab_session_query(session, query);
	refslab_session_close(session);
	return err;
}

static void print_json(int err, const struct refslab_query *q)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "tool", json_object_new_string(refslab_version()));
	if (err) {
		json_object_object_add(o, "module", NULL);
	} else {
		json_object_object_add(o, "module", json_object_new_string(q->version));
		json_object_object_add(o, "features", json_object_new_uint64(q->features));
		json_object_object_add(o, "max_ops", json_object_new_int64(q->max_ops));
		json_object_object_add(o, "nr_opcodes", json_object_new_int64(q->nr_opcodes));
	}
	refslab_tool_json(o);
}

static void print_text(int err, const struct refslab_query *q)
{
	printf("tool    %s\n", refslab_version());
	if (err)
		printf("module  %s\n", refslab_strerror(0, err));
	else
		printf("module  %s (features 0x%llx, %u operations, %u in one submit)\n",
		       q->version, q->features, q->nr_opcodes, q->max_ops);
}

static int version_main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	struct refslab_query query = { };
	bool json = false;
	int c, err;

	while ((c = getopt_long(argc, argv, "jh", options, NULL)) != -1) {
		switch (c) {
		case 'j':
			json = true;
			break;
		case 'h':
			return refslab_tool_help(&refslab_version_command);
		default:
			return refslab_tool_usage(&refslab_version_command, NULL);
		}
	}
	if (optind < argc)
		return refslab_tool_usage(&refslab_version_command, "version takes no argument");

	err = ask_module(&query);
	if (json)
		print_json(err, &query);
	else
		print_text(err, &query);
	return REFSLAB_EXIT_OK;
}

const struct refslab_command refslab_version_command = {
	.name = "version",
	.summary = "the versions of the tool and of the module",
	.help =
	"Usage: refslab version [--json]\n"
	"Prints the tool's version, and the module's with what it offers. That the module is not\n"
	"there is no failure.\n\n"
	"  -j, --json  {\"tool\":...,\"module\":...,\"features\":N,\"max_ops\":N,\"nr_opcodes\":N};\n"
	"              \"module\" is null, and the rest absent, when it cannot be asked\n"
	"  -h, --help  this text\n",
	.main = version_main,
};
