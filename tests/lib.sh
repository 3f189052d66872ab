# SPDX-License-Identifier: GPL-2.0
# Cases counted, shown as they end, and summed up; sourced by check and run-all.
# shellcheck shell=bash

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$top" || exit 1
# What make has told its children is not meant for builds of their own.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES

passed=0 failed=0 skipped=0 number=0

# begin NAME: where logs go, build/log/NAME/. One at a time in a tree.
begin()
{
	local lock
	logs=$top/build/log/$1
	mkdir -p "${logs%/*}"
	exec {lock}>"$logs.lock"
	if ! flock -n "$lock"; then
		echo "another make $1 is running here: waiting for its end" >&2
		flock "$lock"
	fi
	rm -rf "$logs"
	mkdir -p "$logs"
}

# How each kind of log is counted. Sets p, f and s.

# TAP and KTAP. A result that comes after deeper ones sums those up: it counts
# only when it failed and none of them did.
count_tap()
{
	read -r p f s < <(awk '
	match($0, /^ *(not )?ok( |$)/) {
		indent = match($0, /[^ ]/) - 1
		bad = $0 ~ /^ *not /
		nr = nr_bad = 0
		for (i in results) {
			if (i + 0 <= indent)
				continue
			nr += results[i]
			nr_bad += failures[i]
			delete results[i]
			delete failures[i]
		}
		if (nr)
			f += bad && !nr_bad
		else if ($0 ~ /# *[Ss][Kk][Ii][Pp]/)
			s++
		else if (bad)
			f++
		else
			p++
		results[indent]++
		failures[indent] += bad
	}
	END { print p + 0, f + 0, s + 0 }' "$1")
}

# Programs that sum up themselves, with our closing line.
count_closing()
{
	p=0 f=0 s=0
	read -r p f < <(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$1" | tail -n 1)
	s=$(sed -n 's/^# \([0-9]*\) skipped$/\1/p' "$1" | tail -n 1)
	: "${p:=0}" "${f:=0}" "${s:=0}"
}

# The demo's "  [ok] ..." lines, coloured or not.
count_demo()
{
	p=$(grep -c '^ *[^ ]*\[ok\]' "$1")
	f=$(grep -c '^ *[^ ]*\[FAILED\]' "$1")
	s=0
}

# One case, whose exit status says all.
count_one()
{
	p=1 f=0 s=0
}

# names FUNCTION: what the parts are called that it has. Runs none of them.
names()
(
	part()
	{
		echo "$2"
	}
	"$1"
)

# only_fits FUNCTION: is ONLY unset, or a pattern for one of its parts? Otherwise it says which there
# are.
only_fits()
{
	local name list
	[ -n "${ONLY-}" ] || return 0
	list=$(names "$1")
	while read -r name; do
		# shellcheck disable=SC2053
		[[ $name != $ONLY ]] || return 0
	done <<<"$list"
	echo "no part is called $ONLY; there are:" >&2
	sed 's/^/  /' <<<"$list" >&2
	echo "0 passed, 1 failed"
	return 1
}

# part KIND NAME COMMAND...: run it, count its cases, show how it went. Skipped when
# ONLY= is set to a pattern that does not match NAME.
part()
{
	local kind=$1 name=$2 log status begin=$SECONDS p f s
	shift 2
	# shellcheck disable=SC2053
	[ -z "${ONLY-}" ] || [[ $name == $ONLY ]] || return 0
	number=$((number + 1))
	log=$logs/$(printf '%02d' $number)-${name//[^A-Za-z0-9.=]/-}.log
	"$@" >"$log" 2>&1 </dev/null
	status=$?
	"count_$kind" "$log"
	# What ended badly, or did nothing, has failed, whatever was counted.
	if [ $status -ne 0 ] && [ "$kind" = one ]; then
		p=0 f=1
	elif [ $status -ne 0 ] && [ "$f" -eq 0 ]; then
		f=1
	elif [ $((p + f)) -eq 0 ]; then
		f=1
	fi
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	if [ "$f" -eq 0 ]; then
		printf 'ok      %s' "$name"
	else
		printf 'FAILED  %s' "$name"
	fi
	[ "$kind" = one ] || printf ': %d passed, %d failed' "$p" "$f"
	[ "$s" -eq 0 ] || printf ', %d skipped' "$s"
	printf ' (%d s)\n' $((SECONDS - begin))
	[ "$f" -eq 0 ] || show_failure "$log" $status
}

# What says most comes first, in case the reader sees a part of it only.
show_failure()
{
	{
		echo "... exit status $2; see $1"
		grep -nE '(^|: )FAILED: ' "$1" | tail -n 3
		grep -nE -m 1 -A 30 '^(\[[^]]*\](\[[^]]*\])? )?(BUG|WARNING|INFO|Kernel panic)\b' "$1"
		grep -nE -A 4 '(EXPECTATION|ASSERTION) FAILED' "$1" | head -n 30
		grep -nE '^(# )* *not ok |\[FAILED\]|^[^ ]+:[0-9]+: (fatal )?(error|warning): ' "$1" |
			head -n 30
		echo "... its end:"
		tail -n 40 "$1"
	} | sed 's/^/        /'
}

# The closing line. Returns 1 when anything failed, or nothing ran.
finish()
{
	[ $number -gt 0 ] || echo "no part is called ${ONLY-}" >&2
	[ $skipped -eq 0 ] || echo "$skipped skipped"
	echo "$passed passed, $failed failed"
	[ $failed -eq 0 ] && [ $number -gt 0 ]
}

# all_of FUNCTION: the parts it has, and the closing line.
all_of()
{
	"$1"
	finish
}
