# SPDX-License-Identifier: GPL-2.0
# Debian's own packaged kernel, unpacked beside its headers and not installed;
# sourced.
# shellcheck shell=bash

kernel_from_package()
{
	local work=$1 image release version kbuild headers common final
	apt_open "$k_suite"
	image=$(apt_field "$k_package" Depends | sed 's/[ ,(].*//')
	release=${image#linux-image-}
	version=$(apt_field "$image" Version)
	headers=linux-headers-$release
	common=$(apt_field "$headers" Depends |
		grep -o 'linux-headers-[^ ,]*-common')
	kbuild=$(apt_field "$headers" Depends | grep -o 'linux-kbuild-[^ ,]*')
	apt_fetch "$work/debs" "$image" "$headers" "$common" "$kbuild"
	mkdir "$work/out"
	for deb in "$work"/debs/*.deb; do
		dpkg-deb -x "$deb" "$work/out"
	done
	mv "$work/out/boot/vmlinuz-$release" "$work/out/image"
	mv "$work/out/boot/System.map-$release" "$work/out/System.map"
	mv "$work/out/usr/src/$headers" "$work/out/usr/src/build"
	ln -s usr/src/build "$work/out/build"
	# The package means to be installed; here it is found from where it is.
	printf '%s\n' \
		"include \$(dir \$(lastword \$(MAKEFILE_LIST)))../$common/Makefile" \
		>"$work/out/usr/src/build/Makefile"
	kernel_9p "$work" "$release"
	final=$cache/kernels/$k_name-$version-$k_hash
	mv -T "$work/out" "$final"
	say "kernel $k_name is $final"
}

# The package has virtio but no 9p, through which a guest sees the host's files:
# build those three modules from the matching source. Leaves the list of what
# to insert, in order, in boot-modules.
kernel_9p()
{
	local work=$1 release=$2 dir=$1/out/9p m from
	k_source=$k_9p
	with_lock "$cache/locks/source" source_fetch
	mkdir "$dir" "$work/out/modules"
	tar -xf "$source_tar" -C "$dir" --strip-components=1 --wildcards \
		'*/net/9p' '*/fs/9p'
	echo 'obj-m := net/9p/ fs/9p/' >"$dir/Kbuild"
	make -C "$work/out/build" M="$dir" CONFIG_NET_9P=m \
		CONFIG_NET_9P_VIRTIO=m CONFIG_9P_FS=m \
		CONFIG_DEBUG_INFO_BTF_MODULES= -j"$(nproc)" modules \
		>"$work/log" 2>&1 </dev/null || {
		cat "$work/log" >&2
		die "the 9p modules do not build for $k_name"
	}
	# Newer packages have some of them built in, and compress the others.
	for m in virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev \
		virtio_pci virtio_console netfs 9pnet 9pnet_virtio 9p; do
		from=$(find "$dir" "$work/out/lib/modules" "$work/out/usr/lib" \
			-name "$m.ko" -o -name "$m.ko.xz" 2>/dev/null)
		case $from in
		'') continue ;;
		*.xz) xz -dc "$from" >"$work/out/modules/$m.ko" ;;
		*) cp "$from" "$work/out/modules/" ;;
		esac
		echo "modules/$m.ko"
	done >"$work/out/boot-modules"
	rm -rf "$dir" "$work/out/lib/modules" "$work/out/usr/lib/modules"
}
