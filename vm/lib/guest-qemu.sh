# SPDX-License-Identifier: GPL-2.0
# Boot under QEMU; sourced.
# shellcheck shell=bash

guest_qemu()
{
	local accel=(-accel tcg,thread=multi -cpu max,la57=off) view=()
	if kvm_works; then
		accel=(-accel kvm -cpu host)
	fi
	[ -z "$share" ] || view=(
		-fsdev "local,id=share,path=$share,security_model=none,multidevs=remap"
		-device virtio-9p-pci,fsdev=share,mount_tag=share
	)
	exec qemu-system-x86_64 -nodefaults -no-user-config -display none \
		-machine q35 "${accel[@]}" -smp "$smp" -m "$mem" -no-reboot \
		-kernel "$k_image" -initrd "$work/initramfs" \
		-append "console=ttyS0 panic=-1 ${cmdline[*]}" \
		-chardev file,id=log,path="$log" -serial chardev:log \
		-device virtio-serial-pci \
		-chardev file,id=out,path="$lines/out" \
		-device virtserialport,nr=1,chardev=out \
		-chardev file,id=err,path="$lines/err" \
		-device virtserialport,nr=2,chardev=err \
		-chardev file,id=verdict,path="$lines/verdict" \
		-device virtserialport,nr=3,chardev=verdict \
		-fsdev local,id=root,path=/,security_model=none,multidevs=remap,readonly=on \
		-device "virtio-9p-pci,fsdev=root,mount_tag=${REFSLAB_TEST_ROOT:-root}" \
		-fsdev "local,id=job,path=$job,security_model=none,readonly=on" \
		-device virtio-9p-pci,fsdev=job,mount_tag=job \
		"${view[@]}" </dev/null >>"$work/vmm" 2>&1
}

guest_qemu_job()
{
	job_share_type=tmpfs job_share_opt=size=64m job_share=none
	if [ -n "$share" ]; then
		job_share_type=9p job_share=share
		job_share_opt=trans=virtio,version=9p2000.L,msize=512000,cache=mmap
	fi
	initramfs "$work/initramfs"
}

# initramfs FILE: busybox, and what a kernel that has 9p as modules needs.
initramfs()
{
	local dir=$work/initramfs.d m i=10
	mkdir -p "$dir"/{bin,dev,proc,sys,root,modules}
	cp "$(command -v busybox)" "$dir/bin/busybox"
	for m in sh mount umount insmod switch_root mkdir; do
		ln -s busybox "$dir/bin/$m"
	done
	cp "$vm/guest/initramfs" "$dir/init"
	if [ -e "$k_dir/boot-modules" ]; then
		while read -r m; do
			cp "$k_dir/$m" "$dir/modules/$i-${m##*/}"
			i=$((i + 1))
		done <"$k_dir/boot-modules"
	fi
	(cd "$dir" && find . | cpio -o -H newc --quiet) >"$1"
}

# /dev/kvm can be there and open while a guest never gets anywhere. Believe a
# kernel that came up, and believe it until the next boot of the host.
kvm_works()
{
	local known
	[ -w /dev/kvm ] || return 1
	known=$cache/kvm-$(cat /proc/sys/kernel/random/boot_id)
	if [ ! -e "$known" ]; then
		rm -f "$cache"/kvm-*
		if kvm_probe; then
			echo yes >"$known"
		else
			echo no >"$known"
		fi
	fi
	[ "$(cat "$known")" = yes ]
}

kvm_probe()
{
	local seen=$work/kvm
	(
		timeout -k 1 15 qemu-system-x86_64 -nodefaults -no-user-config \
			-display none -machine q35 -accel kvm -cpu host -m 256M \
			-no-reboot -kernel "$k_image" \
			-append "console=ttyS0 panic=-1" \
			-chardev file,id=log,path="$seen" -serial chardev:log \
			</dev/null || true
	) >/dev/null 2>&1
	# Without a root file system it must have come to its end.
	grep -aq 'Kernel panic' "$seen" 2>/dev/null
}
