// SPDX-License-Identifier: GPL-2.0
/*
 * The device by io_uring: IORING_OP_URING_CMD. A command is an ioctl whose number and argument
 * travel in the submission queue's entry, and whose answer is the completion: the argument in user
 * memory is read, checked and answered by the same code.
 *
 * A command never runs where it is submitted: any operation may sleep, on user memory to say the
 * least, and there the ring's lock is held, and whoever submits did so in order not to wait.
 * -EAGAIN has io_uring hand it to a worker of its own, a thread of the process like any other:
 * limits, memory cgroup and memory are the process's, and a cancelled command, or the process's
 * end, is a pending signal, which stops it between two operations.
 */
#include "dev.h"

/* Of a command's flags the upper 8 are not the program's, which may set none of the others. */
#define URING_KERNEL_FLAGS	GENMASK(31, 24)

/**
 * refslab_uring_cmd() - carry out a command of io_uring
 * @ioucmd: the command
 * @issue_flags: IO_URING_F_*; 32-bit programs need nothing special
 *
 * Return: what the completion says, 0 or a negative errno as the ioctl's; -EAGAIN: call again from
 * where one may sleep.
 */
int refslab_uring_cmd(struct io_uring_cmd *ioucmd, unsigned int issue_flags)
{
	const struct refslab_uring *from = refslab_compat_uring_payload(ioucmd);
	struct refslab_uring payload;

	if (issue_flags & IO_URING_F_NONBLOCK)
		return -EAGAIN;
	/* once: the entry may be in memory that the program can write */
	payload.arg = READ_ONCE(from->arg);
	payload.reserved = READ_ONCE(from->reserved);

	if (ioucmd->cmd_op != REFSLAB_URING_SUBMIT || (ioucmd->flags & ~URING_KERNEL_FLAGS))
		return -EOPNOTSUPP;
	if (payload.reserved)
		return -EINVAL;
	return refslab_device_call(ioucmd->file->private_data, REFSLAB_IOC_SUBMIT,
				   u64_to_user_ptr(payload.arg));
}
