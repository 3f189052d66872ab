# SPDX-License-Identifier: GPL-2.0
# Packages of any suite, from the mirror this machine already uses, without
# touching its apt configuration; sourced.
# shellcheck shell=bash

# The machine's archives as "URI SIGNED-BY", one for LABEL (Debian or
# Debian-Security). Asking apt works for sources.list and .sources alike.
apt_mirror()
{
	apt-get indextargets --format '$(LABEL)|$(CREATED_BY)|$(REPO_URI)' |
		sed -n "s/^$1|Packages|//p" | sort -u | head -n 1
}

apt_source_line()
{
	local keys=/usr/share/keyrings/debian-archive-keyring.gpg
	local uri
	uri=$(apt_mirror "$1")
	[ -n "$uri" ] || return 1
	if [ -r "$keys" ]; then
		echo "deb [signed-by=$keys] $uri $2 main"
	else
		echo "deb $uri $2 main"
	fi
}

# apt_open SUITE [ARCHITECTURE]: a private apt state in $apt_dir which knows only
# SUITE (and the updates that belong to it). Of another architecture than this
# machine's there is the suite alone: nothing but tests is linked with it.
apt_open()
{
	local suite=$1
	apt_architecture=()
	[ -z "${2-}" ] || apt_architecture=(-o "APT::Architecture=$2" -o "APT::Architectures::=$2")
	if [ -z "$(apt_mirror Debian)" ] && [ "$(id -u)" -eq 0 ]; then
		apt-get -q update >&2
	fi
	apt_dir=$cache/apt/$suite${2:+-$2}
	mkdir -p "$apt_dir"/{lists,cache/archives}/partial
	apt_source_line Debian "$suite" >"$apt_dir/sources.list" ||
		die "apt knows no Debian mirror here: run apt-get update"
	if [ "$suite" != sid ] && [ -z "${2-}" ]; then
		apt_source_line Debian "$suite-updates" >>"$apt_dir/sources.list"
		apt_source_line Debian-Security "$suite-security" \
			>>"$apt_dir/sources.list" || true
	fi
	apt_private apt-get -q update >&2 || die "apt-get update for $suite failed"
}

apt_private()
{
	local tool=$1
	shift
	"$tool" -o Dir::Etc::sourcelist="$apt_dir/sources.list" \
		-o Dir::Etc::sourceparts=- \
		-o Dir::State::lists="$apt_dir/lists" \
		-o Dir::Cache="$apt_dir/cache" \
		-o APT::Sandbox::User=root -o APT::Get::List-Cleanup=1 \
		"${apt_architecture[@]}" "$@"
}

# apt_field PACKAGE FIELD: of the newest version.
apt_field()
{
	apt_private apt-cache show --no-all-versions "$1" |
		sed -n "s/^$2: //p" | head -n 1
}

# apt_fetch DIR PACKAGE...: the .deb files into DIR.
apt_fetch()
{
	local dir=$1
	shift
	mkdir -p "$dir"
	(cd "$dir" && apt_private apt-get -q download "$@") >&2 ||
		die "could not download $*"
}
