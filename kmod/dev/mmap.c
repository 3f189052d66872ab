// SPDX-License-Identifier: GPL-2.0
/*
 * mmap(): payloads of types with REFSLAB_TYPE_MAPPED, one or a part of it, or the whole window of
 * the heap. What is there and how it goes away is mem/payload.c's business; this says who may map
 * what.
 *
 * A mapping keeps the session's file open, and so the heap: no heap ends before the last mapping of
 * its window is undone. It holds no reference on any object.
 *
 * Each session has an address space of its own, in which all of its mappings are found, and nobody
 * else's. That belongs to an inode without a name, for the file from before anybody has it: a
 * file's f_mapping never changes while somebody may be in mmap(). The file system of those inodes
 * is there while a session is, so that the module is in use no longer than it is anyway.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>

#include "dev.h"

static int init_fs_context(struct fs_context *fc)
{
	return init_pseudo(fc, 0x7266736c) ? 0 : -ENOMEM;
}

static struct file_system_type mappings_fs = {
	.name = "refslab",
	.owner = THIS_MODULE,
	.init_fs_context = init_fs_context,
	.kill_sb = kill_anon_super,
};

static struct vfsmount *mappings_mount;
static int mappings_count;

/**
 * refslab_mmap_open() - give a session its address space
 * @session: the session
 * @file: its file, which nobody else has yet
 *
 * Context: may sleep. Return: 0 or a negative errno.
 */
int refslab_mmap_open(struct refslab_session *session, struct file *file)
{
	struct inode *inode;
	int err;

	err = simple_pin_fs(&mappings_fs, &mappings_mount, &mappings_count);
	if (err)
		return err;
	inode = alloc_anon_inode(mappings_mount->mnt_sb);
	if (IS_ERR(inode)) {
		simple_release_fs(&mappings_mount, &mappings_count);
		return PTR_ERR(inode);
	}
	file->f_mapping = inode->i_mapping;
	session->view.mapping = inode->i_mapping;
	return 0;
}

/**
 * refslab_mmap_release() - the session's file is closed, and nothing of it mapped
 * @session: used by nobody else
 *
 * Context: may sleep.
 */
void refslab_mmap_release(struct refslab_session *session)
{
	if (session->heap)
		refslab_payload_view_del(&session->heap->objects.mem, &session->view);
	iput(session->view.mapping->host);
	simple_release_fs(&mappings_mount, &mappings_count);
}

static struct refslab_session *session_of(struct vm_area_struct *vma)
{
	return vma->vm_file->private_data;
}

/* fork(), or a part of the mapping becomes one of its own. Those of the window keep nothing. */
static void mapping_open(struct vm_area_struct *vma)
{
	if (vma->vm_private_data)
		refslab_payload_get(vma->vm_private_data);
}

static void mapping_close(struct vm_area_struct *vma)
{
	if (vma->vm_private_data)
		refslab_payload_put(vma->vm_private_data);
}

static vm_fault_t mapping_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;

	return refslab_payload_fault(&session_of(vma)->heap->objects.mem, vma->vm_private_data,
				     vmf);
}

static const struct vm_operations_struct mapping_ops = {
	.open = mapping_open,
	.close = mapping_close,
	.fault = mapping_fault,
};

/**
 * refslab_mmap() - map a payload, or the window
 * @file: a session's
 * @vma: from offset 0: of the window; otherwise all of it lies in one payload
 *
 * Return: 0, -ENOTCONN: no heap, -EINVAL: not shared, -EACCES: executable, or written to by a
 * session that may only read, -ENXIO: no payload there.
 */
int refslab_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct refslab_session *session = file->private_data;
	unsigned long clear = VM_MAYEXEC;
	/* pairs with the release in session.c; it stays until the file is closed */
	struct refslab_heap *heap = smp_load_acquire(&session->heap);

	if (!heap)
		return -ENOTCONN;
	/* VM_SHARED is not set for files that are open for reading only */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (vma->vm_flags & VM_EXEC)
		return -EACCES;
	if (!refslab_session_changes(session)) {
		if (vma->vm_flags & VM_WRITE)
			return -EACCES;
		clear |= VM_MAYWRITE;
	}
	vma->vm_private_data = NULL;
	if (vma->vm_pgoff) {
		struct refslab_payload *payload;

		payload = refslab_payload_find(&heap->objects.mem, vma->vm_pgoff, vma_pages(vma));
		if (!payload)
			return -ENXIO;
		vma->vm_private_data = payload;
	} else if (vma_pages(vma) > REFSLAB_WINDOW_PAGES) {
		return -ENXIO;
	}
	/* its pages are mapped like those of a driver, and are counted */
	refslab_compat_vm_flags(vma, VM_MIXEDMAP | VM_DONTEXPAND | VM_DONTDUMP, clear);
	vma->vm_ops = &mapping_ops;
	return 0;
}
