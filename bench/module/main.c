// SPDX-License-Identifier: GPL-2.0
/*
 * The file that commands are written to and results are read from.
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "bench.h"

#define LINE_MAX_BYTES	256
#define RESULT_BYTES	4096
#define ARGS_MAX	12

/**
 * struct bench_call - a command under way
 * @nr:		arguments
 * @key:	their names
 * @value:	their values
 * @result:	what was said so far
 * @len:	its length
 */
struct bench_call {
	unsigned int nr;
	const char *key[ARGS_MAX];
	const char *value[ARGS_MAX];
	char *result;
	size_t len;
};

static const struct bench_command *const tables[] = {
	bench_alloc_commands,
	bench_graph_commands,
	bench_thread_commands,
	bench_cyclotron_commands,
	bench_submit_commands,
};

static struct dentry *dir;
static char result[RESULT_BYTES];
static size_t result_len;
static DEFINE_MUTEX(lock);		/* one command at a time, and the result */

/**
 * bench_word() - an argument
 * @call: the command
 * @key: its name
 *
 * Return: the value, or NULL when it was not given.
 */
const char *bench_word(const struct bench_call *call, const char *key)
{
	unsigned int i;

	for (i = 0; i < call->nr; i++)
		if (!strcmp(call->key[i], key))
			return call->value[i];
	return NULL;
}

/**
 * bench_is() - whether an argument has a value
 * @call: the command
 * @key: its name
 * @word: the value
 */
bool bench_is(const struct bench_call *call, const char *key, const char *word)
{
	const char *value = bench_word(call, key);

	return value && !strcmp(value, word);
}

/**
 * bench_arg() - an argument that is a number
 * @call: the command
 * @key: its name
 * @missing: what it is when it was not given, or makes no sense
 */
u64 bench_arg(const struct bench_call *call, const char *key, u64 missing)
{
	const char *value = bench_word(call, key);
	u64 number;

	return value && !kstrtou64(value, 0, &number) ? number : missing;
}

/**
 * bench_say_string() - a result
 * @call: the command
 * @key: its name
 * @value: the result
 */
void bench_say_string(struct bench_call *call, const char *key, const char *value)
{
	call->len += scnprintf(call->result + call->len, RESULT_BYTES - call->len, "%s=%s\n", key,
			       value);
}

/**
 * bench_say() - a result that is a number
 * @call: the command
 * @key: its name
 * @value: the result
 */
void bench_say(struct bench_call *call, const char *key, u64 value)
{
	call->len += scnprintf(call->result + call->len, RESULT_BYTES - call->len, "%s=%llu\n", key,
			       value);
}

static const struct bench_command *find(const char *name)
{
	const struct bench_command *command;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(tables); i++)
		for (command = tables[i]; command->name; command++)
			if (!strcmp(command->name, name))
				return command;
	return NULL;
}

static int run_line(char *line)
{
	struct bench_call call = { .result = result };
	const struct bench_command *command;
	char *word, *value;
	int err;

	word = strsep(&line, " ");
	command = find(word);
	if (!command)
		return -ENOENT;
	while ((word = strsep(&line, " "))) {
		if (!*word)
			continue;
		value = strchr(word, '=');
		if (!value || call.nr == ARGS_MAX)
			return -EINVAL;
		*value++ = 0;
		call.key[call.nr] = word;
		call.value[call.nr++] = value;
	}
	err = command->run(&call);
	result_len = call.len;
	return err;
}

static ssize_t command_write(struct file *file, const char __user *from, size_t count, loff_t *pos)
{
	char *line;
	int err;

	if (count > LINE_MAX_BYTES)
		return -E2BIG;
	line = memdup_user_nul(from, count);
	if (IS_ERR(line))
		return PTR_ERR(line);
	mutex_lock(&lock);
	result_len = 0;
	err = run_line(strim(line));
	mutex_unlock(&lock);
	kfree(line);
	return err ?: count;
}

static ssize_t command_read(struct file *file, char __user *to, size_t count, loff_t *pos)
{
	ssize_t ret;

	mutex_lock(&lock);
	ret = simple_read_from_buffer(to, count, pos, result, result_len);
	mutex_unlock(&lock);
	return ret;
}

static const struct file_operations command_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = command_read,
	.write = command_write,
	.llseek = default_llseek,
};

static int __init bench_init(void)
{
	dir = debugfs_create_dir("refslab_bench", NULL);
	if (IS_ERR(dir))
		return PTR_ERR(dir);
	debugfs_create_file("command", 0600, dir, NULL, &command_fops);
	return 0;
}

static void __exit bench_exit(void)
{
	debugfs_remove(dir);
	bench_graph_drop_all();
	bench_slab_drop();
}

module_init(bench_init);
module_exit(bench_exit);

MODULE_DESCRIPTION("Benchmarks of refslab");
MODULE_LICENSE("GPL");
