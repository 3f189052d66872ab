# SPDX-License-Identifier: GPL-2.0
# Kernels built from a Debian source package; sourced.
# shellcheck shell=bash

kernel_from_source()
{
	local work=$1 src final
	with_lock "$cache/locks/source" source_fetch
	tar -xf "$source_tar" -C "$work"
	src=$(echo "$work"/linux-source-*)
	kernel_configure "$src"
	nice -n 5 make -s -C "$src" ARCH="$k_arch" KCFLAGS=-w -j"$(nproc)" \
		>"$work/log" 2>&1 </dev/null || {
		tail -n 30 "$work/log" >&2
		die "kernel $k_name does not build"
	}
	mkdir "$work/out"
	if [ "$k_arch" = um ]; then
		cp "$src/linux" "$work/out/image"
	else
		cp "$src/arch/x86/boot/bzImage" "$work/out/image"
	fi
	cp "$src/System.map" "$work/out/"
	kernel_prune "$src"
	mv "$src" "$work/out/build"
	final=$cache/kernels/$k_name-$source_version-$k_hash
	mv -T "$work/out" "$final"
	say "kernel $k_name is $final"
}

# Sets $source_tar to the compressed tree of the newest $k_source, which is kept
# because several kernels share it, and $source_version.
source_fetch()
{
	local package tmp
	apt_open "$k_suite"
	package=$(apt_private apt-cache pkgnames linux-source- |
		while read -r package; do
			# shellcheck disable=SC2053
			if [[ $package == $k_source ]]; then
				echo "$package"
			fi
		done | sort -V | tail -n 1)
	[ -n "$package" ] || die "no $k_source in $k_suite"
	source_version=$(apt_field "$package" Version)
	source_tar=$cache/sources/$package-$source_version.tar.xz
	[ ! -e "$source_tar" ] || return 0
	mkdir -p "$cache/sources"
	tmp=$(mktemp -d "$cache/sources/tmp.XXXXXX")
	apt_fetch "$tmp" "$package"
	dpkg-deb --fsys-tarfile "$tmp"/*.deb |
		tar -xO "./usr/src/$package.tar.xz" >"$tmp/tar"
	rm -f "$cache/sources/$package"-*.tar.xz
	mv "$tmp/tar" "$source_tar"
	rm -rf "$tmp"
}

kernel_configure()
{
	local src=$1 c fragments=()
	for c in $k_patches; do
		# What does not fit a newer kernel is most likely no longer needed there.
		patch -d "$src" -p1 --batch --forward <"$vm/patches/$c.patch" >&2 ||
			say "patch $c does not fit $k_name: left out"
	done
	for c in $k_config; do
		fragments+=("$vm/config/$c.config")
	done
	(
		cd "$src" || exit
		export ARCH=$k_arch
		make -s tinyconfig
		scripts/kconfig/merge_config.sh -m .config "${fragments[@]}"
		make -s olddefconfig
	) >"$src/config.log" 2>&1 </dev/null || {
		cat "$src/config.log" >&2
		die "kernel $k_name cannot be configured"
	}
}

# What modules are built with stays: makefiles, headers, scripts, symbols.
kernel_prune()
{
	local src=$1 a
	(
		cd "$src" || exit
		rm -rf Documentation LICENSES block certs crypto drivers fs init \
			io_uring ipc kernel lib mm net rust samples security \
			sound usr virt vmlinux* linux .tmp_* modules.builtin*
		for a in arch/*; do
			case $a in
			arch/um | arch/x86 | arch/Kconfig) ;;
			*) rm -rf "$a" ;;
			esac
		done
		find tools -mindepth 1 -maxdepth 1 ! -name objtool \
			! -name include ! -name scripts ! -name build \
			-exec rm -rf {} +
		find arch -name '*.[oaS]' -delete
		find arch -name '*.c' -delete
		find . -name '*.cmd' ! -path './include/*' -delete
		find . -name '*.o' ! -path './scripts/module*' -delete
	)
}
