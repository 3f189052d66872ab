# SPDX-License-Identifier: GPL-2.0
# The kernels a guest can boot; sourced.
# shellcheck shell=bash

kernel_names="stock debug um um-debug"
# Made only when asked for by name.
kernel_extra="stock-6.12 kcsan"

# kernel_spec NAME: what it is made of. Those with k_source are built here from
# that source package and fragments of vm/config, the others are packages.
# k_source may be a pattern: the newest that matches.
kernel_spec()
{
	k_name=$1 k_arch=x86 k_suite=bookworm k_package='' k_source='' k_config=''
	k_patches='' k_9p=''
	case $1 in
	stock)
		k_package=linux-image-cloud-amd64 k_9p=linux-source-6.1 ;;
	stock-6.12)
		k_package=linux-image-6.12-cloud-amd64 k_9p=linux-source-6.12 ;;
	debug)
		k_source=linux-source-6.1 k_config='common qemu debug' ;;
	kcsan)
		k_source=linux-source-6.1 k_config='common qemu kcsan' ;;
	um)
		k_arch=um k_suite=sid k_source='linux-source-[0-9]*'
		k_config='common um' ;;
	um-debug)
		k_arch=um k_suite=sid k_source='linux-source-[0-9]*'
		k_config='common um debug'
		k_patches='um-stacktrace um-kasan-vmalloc' ;;
	*)
		die "no kernel is called $1 (there are: $kernel_names $kernel_extra)" ;;
	esac
	k_hash=$(kernel_hash)
}

# Raise this when kernel-source.sh or kernel-stock.sh make something different
# from the same fragments.
readonly kernel_rules=1

# A kernel built from other fragments or by other rules is another kernel.
kernel_hash()
{
	local c
	{
		echo "$kernel_rules $k_package"
		for c in $k_config; do
			cat "$vm/config/$c.config"
		done
		for c in $k_patches; do
			cat "$vm/patches/$c.patch"
		done
	} | sha256sum | cut -c 1-12
}

# kernel_find NAME: sets k_dir to the newest one in the cache, or fails.
kernel_find()
{
	kernel_spec "$1"
	k_dir=$(find "$cache/kernels" -maxdepth 1 -name "$k_name-[0-9]*-$k_hash" \
		2>/dev/null | sort -V | tail -n 1)
	[ -n "$k_dir" ]
}

# kernel_get NAME: the same, making it first when there is none.
kernel_get()
{
	if kernel_find "$1"; then
		return
	fi
	ensure_packages
	with_lock "$cache/locks/$k_name" kernel_make
	kernel_find "$1" || die "kernel $1 was made but is not there"
}

# In a subshell of its own: what dies in there must not leave the work behind.
kernel_make()
{
	if kernel_find "$k_name"; then
		return
	fi
	say "making kernel $k_name, once"
	mkdir -p "$cache/kernels"
	(
		work=$(mktemp -d "$cache/work.XXXXXX")
		trap 'rm -rf "$work"' EXIT
		if [ -n "$k_source" ]; then
			kernel_from_source "$work"
		else
			kernel_from_package "$work"
		fi
	)
}
