# SPDX-License-Identifier: GPL-2.0
# Shared by the scripts of vm/; sourced.
# shellcheck shell=bash

vm=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
repo=$(dirname "$vm")
cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/refslab
self=vm/$(basename "$0")

# Exit statuses of vm/run, far from what commands use; 126 and 127 stay with
# the shell's own meaning. vm/README.md documents them.
readonly E_UNLOAD=118 E_DIED=119 E_SETUP=120 E_BOOT=121 E_LOAD=122 \
	E_FAULT=123 E_TIMEOUT=124 E_LEAK=125

say()
{
	printf '%s: %s\n' "$self" "$*" >&2
}

die()
{
	say "$*"
	exit "$E_SETUP"
}

# with_lock FILE COMMAND...: one at a time. Call it plainly: behind || or in a
# condition the shell would go on after an error inside COMMAND.
with_lock()
{
	local file=$1 fd
	shift
	mkdir -p "$(dirname "$file")"
	exec {fd}>"$file"
	flock "$fd"
	# Whatever COMMAND leaves running must not keep the lock.
	"$@" {fd}>&-
	exec {fd}>&-
}

packages()
{
	grep -v '^#' "$vm/packages"
}

missing_packages()
{
	local p
	for p in $(packages); do
		dpkg-query -W -f '${db:Status-Status}\n' "$p" 2>/dev/null |
			grep -qx installed || echo "$p"
	done
}

ensure_packages()
{
	local missing
	missing=$(missing_packages | xargs)
	[ -n "$missing" ] || return 0
	if [ "$(id -u)" -ne 0 ]; then
		die "run this as root first: apt-get install --no-install-recommends $missing"
	fi
	say "installing $missing"
	# shellcheck disable=SC2086
	{
		apt-get -q update &&
		DEBIAN_FRONTEND=noninteractive apt-get -q install -y \
			--no-install-recommends $missing
	} >&2 || die "could not install $missing"
}
