#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A leak is looked for: a program serves requests and grows. Which type grows is seen from outside,
# by refslab types; who it is and who keeps it, with the debug flags, inside of the program.
set -eu

: "${REFSLAB:=refslab}"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkfifo "$work/lines"
"$REFSLAB" run --name leak - < "$work/lines" > "$work/said" 2>&1 &
program=$!
exec 3> "$work/lines"
echo 0 > "$work/seen"

answers()
{
	grep -c '^freezecount: ' "$work/said" || true
}

# Has the program carry out the lines on stdin, and prints what it answers to them. Its end is the
# answer to a question that nothing else asks.
tell()
{
	want=$(($(answers) + 1))
	cat >&3
	echo "freezecount" >&3
	tries=0
	while [ "$(answers)" -lt $want ]; do
		tries=$((tries + 1))
		[ $tries -lt 300 ] || { cat "$work/said"; exit 1; }
		sleep 0.05
	done
	tail -n +$(($(cat "$work/seen") + 1)) "$work/said" | grep -v '^freezecount: ' || true
	wc -l < "$work/said" > "$work/seen"
}

# What the module has said in the kernel's log, without what differs from run to run.
log()
{
	dmesg | sed -n 's/.*refslab: .*: \(.*collectable object\) [0-9]*/\1/p'
}

# A session remembers its requests, and each request its session. With an argument, a session ends
# as it should: it forgets them.
session()
{
	echo 'session = new Session'
	echo 'pending = list'
	echo 'setslot session 0 pending'
	for page in /index.html /style.css /logo.svg; do
		echo 'request = new Request'
		echo "write request 0 \"GET $page\""
		echo 'setslot request 0 session'
		echo 'append pending request'
	done
	[ $# -eq 0 ] || echo 'clearslot session 0'
	echo 'del session pending request'
}

sessions()
{
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		session "$@"
	done
}

tell <<'EOF'
disable
type Request slots=2 payload=64
type Session slots=2
EOF
heap=$("$REFSLAB" heaps | awk '$NF == "leak" { print $1 }')

growth()
{
	echo "\$ refslab types --since before"
	"$REFSLAB" types --since "$work/before" "$heap"
}

echo "= Ten sessions, none of which is there any more"
"$REFSLAB" types --save "$work/before" "$heap" > /dev/null
sessions | tell
growth

echo
echo "= The collector finds them: these were cycles"
echo 'collect' | tell
growth

echo
echo "= One more, that is kept: who it is goes to the kernel's log and to a list"
session | tell
logged=$(log | wc -l)
tell <<'EOF'
debug LEAK
debug
collect
garbage
debug off
EOF
echo "\$ dmesg"
log | tail -n +$((logged + 1))
tell <<'EOF'
garbage clear
collect
garbage
EOF

echo
echo "= Sessions that forget their requests leave nothing, and take no collector"
"$REFSLAB" types --save "$work/before" "$heap" > /dev/null
sessions end | tell
growth
echo 'stat' | tell
exec 3>&-
wait $program
