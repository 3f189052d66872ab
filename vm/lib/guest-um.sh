# SPDX-License-Identifier: GPL-2.0
# Boot User Mode Linux; sourced.
# shellcheck shell=bash

# The guest's root may do to the host what this process may. So this process
# gets a view of the host in which only the share can be written, and a set of
# process ids that ends with it.
guest_um()
{
	local view=()
	[ -z "$share" ] || view=(--bind "$share" /mnt)
	ulimit -c 0
	exec bwrap --die-with-parent --unshare-pid --unshare-ipc --new-session \
		--ro-bind / / --tmpfs /tmp --tmpfs /run --dev /dev \
		--tmpfs /dev/shm --proc /proc --ro-bind "$job" /run/refslab \
		--bind "$lines" /run/refslab-lines "${view[@]}" \
		--setenv TMPDIR /dev/shm --chdir / -- \
		bash -c 'exec 10>/run/refslab-lines/out \
			11>/run/refslab-lines/err 12>/run/refslab-lines/verdict \
			"$@"' - \
		"$k_image" "ncpus=$smp" seccomp=on "mem=$mem" root=/dev/root \
		rootfstype=hostfs "rootflags=/${REFSLAB_TEST_ROOT-}" ro init=/run/refslab/init \
		uml_dir=/tmp/ con=null con0=null,fd:1 stderr=1 ssl0=null,fd:10 \
		ssl1=null,fd:11 ssl2=null,fd:12 \
		"${cmdline[@]}" </dev/null >"$log" 2>&1
}

guest_um_job()
{
	job_share_type=tmpfs job_share_opt=size=64m job_share=none
	if [ -n "$share" ]; then
		job_share_type=hostfs job_share_opt=/mnt
	fi
}
