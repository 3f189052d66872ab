// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/refslab: one table of ioctls. Each argument begins with its size, so that structures can
 * grow without new numbers; the permission of the device node decides who may open it.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/nospec.h>
#include <linux/uaccess.h>

#include "dev.h"

/**
 * struct ioctl_entry - one ioctl
 * @size:	size of its argument here
 * @min_size:	size that its first version had
 * @ioctl_num:	its whole number
 * @fn:		carries it out
 */
struct ioctl_entry {
	unsigned int size;
	unsigned int min_size;
	unsigned int ioctl_num;
	int (*fn)(struct refslab_ucmd *ucmd);
};

/**
 * refslab_device_respond() - copy the answer to an ioctl to its caller
 * @ucmd: the ioctl
 * @size: size of its argument here
 *
 * A caller that knows a shorter structure gets that much of it.
 *
 * Return: 0 or -EFAULT.
 */
int refslab_device_respond(struct refslab_ucmd *ucmd, size_t size)
{
	if (copy_to_user(ucmd->ubuffer, &ucmd->cmd, min_t(size_t, ucmd->user_size, size)))
		return -EFAULT;
	return 0;
}

static int query_ioctl(struct refslab_ucmd *ucmd)
{
	struct refslab_query *query = &ucmd->cmd.query;
	u32 size = query->size;

	if (query->reserved)
		return -EINVAL;
	memset(query, 0, sizeof(*query));
	query->size = size;
	query->features = REFSLAB_FEATURES;
	query->max_ops = REFSLAB_MAX_OPS;
	query->nr_opcodes = REFSLAB_OP_LAST;
	strscpy(query->version, REFSLAB_VERSION, sizeof(query->version));
	return refslab_device_respond(ucmd, sizeof(*query));
}

#define IOCTL(_num, _fn, _struct, _last)				\
	[_IOC_NR(_num)] = {						\
		.size = sizeof(_struct),				\
		.min_size = offsetofend(_struct, _last),		\
		.ioctl_num = _num,					\
		.fn = _fn,						\
	}

static const struct ioctl_entry ioctls[] = {
	IOCTL(REFSLAB_IOC_QUERY, query_ioctl, struct refslab_query, version),
	IOCTL(REFSLAB_IOC_CREATE, refslab_session_create, struct refslab_create, reserved),
	IOCTL(REFSLAB_IOC_SUBMIT, refslab_submit_ioctl, struct refslab_submit, reserved),
	IOCTL(REFSLAB_IOC_ATTACH, refslab_session_attach, struct refslab_attach, reserved),
};

/**
 * refslab_device_call() - carry out an ioctl
 * @session: of the file
 * @cmd: number of the ioctl
 * @arg: its argument
 *
 * Context: may sleep. Return: 0 or a negative errno.
 */
long refslab_device_call(struct refslab_session *session, unsigned int cmd, void __user *arg)
{
	struct refslab_ucmd ucmd = { .session = session, .ubuffer = arg };
	const struct ioctl_entry *entry;
	unsigned int nr = _IOC_NR(cmd);
	int err;

	if (nr >= ARRAY_SIZE(ioctls))
		return -ENOTTY;
	entry = &ioctls[array_index_nospec(nr, ARRAY_SIZE(ioctls))];
	if (entry->ioctl_num != cmd)
		return -ENOTTY;

	if (get_user(ucmd.user_size, (u32 __user *)ucmd.ubuffer))
		return -EFAULT;
	if (ucmd.user_size < entry->min_size)
		return -EINVAL;
	if (ucmd.user_size > PAGE_SIZE)
		return -E2BIG;
	err = copy_struct_from_user(&ucmd.cmd, entry->size, ucmd.ubuffer, ucmd.user_size);
	if (err)
		return err;
	/* it may have changed since it was read first */
	ucmd.cmd.size = ucmd.user_size;
	return entry->fn(&ucmd);
}

static long device_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return refslab_device_call(file->private_data, cmd, (void __user *)arg);
}

static int device_open(struct inode *inode, struct file *file)
{
	struct refslab_session *session = refslab_session_open(file);

	if (IS_ERR(session))
		return PTR_ERR(session);
	file->private_data = session;
	return nonseekable_open(inode, file);
}

static ssize_t device_read(struct file *file, char __user *buf, size_t count, loff_t *pos)
{
	return refslab_events_read(file->private_data, buf, count, file->f_flags & O_NONBLOCK);
}

static __poll_t device_poll(struct file *file, poll_table *wait)
{
	return refslab_events_poll(file->private_data, file, wait);
}

static void device_show_fdinfo(struct seq_file *m, struct file *file)
{
	refslab_session_show(file->private_data, m);
}

static int device_release(struct inode *inode, struct file *file)
{
	refslab_session_release(file->private_data);
	return 0;
}

static const struct file_operations device_fops = {
	.owner = THIS_MODULE,
	.open = device_open,
	.release = device_release,
	.read = device_read,
	.poll = device_poll,
	.show_fdinfo = device_show_fdinfo,
	.unlocked_ioctl = device_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.uring_cmd = refslab_uring_cmd,
	.mmap = refslab_mmap,
};

/**
 * refslab_device_session() - the session of an open file
 * @file: any file; the caller has a reference on it, and with that the session
 *
 * Return: the session, or NULL when the file is not of this device.
 */
struct refslab_session *refslab_device_session(struct file *file)
{
	return file->f_op == &device_fops ? file->private_data : NULL;
}

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "refslab",
	.fops = &device_fops,
	.mode = 0666,
};

/**
 * refslab_device_init() - make /dev/refslab
 *
 * Return: 0 or a negative errno.
 */
int refslab_device_init(void)
{
	/* what a program is told to be the same on 32 and 64 bit */
	BUILD_BUG_ON(sizeof(struct refslab_query) != 56);
	BUILD_BUG_ON(sizeof(struct refslab_create) != 80);
	BUILD_BUG_ON(sizeof(struct refslab_attach) != 32);
	BUILD_BUG_ON(sizeof(struct refslab_submit) != 32);
	BUILD_BUG_ON(sizeof(struct refslab_op) != 64);
	BUILD_BUG_ON(sizeof(struct refslab_uring) != 16);
	BUILD_BUG_ON(sizeof(struct refslab_type_def) != 16);
	BUILD_BUG_ON(sizeof(struct refslab_record) != 24);
	BUILD_BUG_ON(sizeof(struct refslab_root_record) != 272);
	BUILD_BUG_ON(sizeof(struct refslab_event_record) != 32);
	BUILD_BUG_ON(sizeof(struct refslab_gc_record) != 32);
	return misc_register(&device);
}

/**
 * refslab_device_exit() - remove /dev/refslab; no file of it is open
 */
void refslab_device_exit(void)
{
	misc_deregister(&device);
}
