# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# tap.sh: read by scripts that run tests one after another. Each test prints TAP; so do they: what a
# test says as comments, and then its result. The last line counts the tests' results one by one.

tap_number=0 tap_passed=0 tap_failed=0 tap_skipped=0
tap_out=$(mktemp) || exit 1
trap 'rm -f "$tap_out"' EXIT

# tap_begin N: N tests follow
tap_begin()
{
	echo "TAP version 13"
	echo "1..$1"
}

# tap_run NAME COMMAND...
tap_run()
{
	tap_name=$1
	shift
	tap_since=$(date +%s)
	"$@" >"$tap_out" 2>&1
	tap_rc=$?
	sed 's/^/# /' "$tap_out"
	tap_plan=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$tap_out" | head -n 1)
	tap_ok=$(grep -c '^ok ' "$tap_out")
	tap_skip=$(grep -ci '^ok .*# SKIP' "$tap_out")
	# Who did not say how many there are did not come to the first.
	tap_bad=$((${tap_plan:-$((tap_ok + 1))} - tap_ok))
	# All well, but the end: the program itself is what failed.
	if [ "$tap_rc" -ne 0 ] && [ "$tap_bad" -le 0 ]; then
		tap_bad=1
	fi
	tap_passed=$((tap_passed + tap_ok - tap_skip))
	tap_skipped=$((tap_skipped + tap_skip))
	tap_failed=$((tap_failed + tap_bad))
	tap_number=$((tap_number + 1))
	echo "# $tap_name took $(($(date +%s) - tap_since)) s"
	if [ "$tap_bad" -eq 0 ]; then
		echo "ok $tap_number $tap_name"
	else
		echo "not ok $tap_number $tap_name"
	fi
}

# tap_end: the count, and whether all is well
tap_end()
{
	echo "# $tap_skipped skipped"
	echo "$tap_passed passed, $tap_failed failed"
	[ "$tap_failed" -eq 0 ]
}
