#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The tour that "make demo" gives in a guest: what the collector and the allocator do, shown with
# the refslab command, and checked. Exit status 1 when something is not as it says here.
#
# Needs the module, and root for the counters in debugfs. REFSLAB= is the command to use (refslab).
# Where there is a python3, and librefslab beside the command, Python has its part, too.
set -u

here=$(cd "$(dirname "$0")" && pwd) || exit 1

: "${REFSLAB:=refslab}"

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
out=$work/out
failed=0
checks=0

if [ -t 1 ]; then
	bold=$(printf '\033[1m') green=$(printf '\033[32m') red=$(printf '\033[31m')
	plain=$(printf '\033[0m')
else
	bold='' green='' red='' plain=''
fi

title()
{
	printf '\n%s== %s%s\n\n' "$bold" "$*" "$plain"
}

# Runs the script on stdin, on a heap of its own, and shows it with what it answers.
scene()
{
	"$REFSLAB" run --echo - > "$out" 2>&1
	status=$?
	sed 's/^/    /' "$out"
	echo
	check "the script ran to its end" [ "$status" -eq 0 ]
}

# check WHAT COMMAND...: the command has to succeed.
check()
{
	what=$1
	shift
	checks=$((checks + 1))
	if "$@"; then
		printf '  %s[ok]%s %s\n' "$green" "$plain" "$what"
	else
		printf '  %s[FAILED]%s %s\n' "$red" "$plain" "$what"
		failed=$((failed + 1))
	fi
}

# The N-th line of the last scene that begins with a text, without that text: answer N TEXT
answer()
{
	sed -n "s/^$2//p" "$out" | sed -n "$1p"
}

# A counter of the N-th "stat" of the last scene: counter N NAME
counter()
{
	sed -n -e 's/^stat: /, /p' -e 's/^      /, /p' "$out" | tr ',' '\n' |
		awk -v n="$1" -v name="$2" '
		$1 == "objects" { k++ }
		k == n && $1 == name { print $2; exit }
		'
}

same()
{
	[ -n "$1" ] && [ "$1" = "$2" ]
}

# The boxes and arrows of a graph, which comes as text for Graphviz, as lines of words.
picture()
{
	# shellcheck disable=SC2016 # the dollars are awk's
	awk '
	/^\tsubgraph/ { lost = 1 }
	/^\t}/ { lost = 0 }
	/^\tn[0-9]+ \[/ {
		text = $0
		sub(/^[^<]*</, "", text)
		sub(/> fillcolor=.*/, "", text)
		sub(/<\/B><BR\/>/, ": ", text)
		gsub(/<[^>]*>/, " ", text)
		gsub(/&quot;/, "\"", text)
		gsub(/  +/, " ", text)
		sub(/^ /, "", text)
		sub(/, gen [0-9] *$/, "", text)
		sub(/ $/, "", text)
		box[$1] = text
		gone[$1] = lost
	}
	/^\tn[0-9]+ -> / {
		label = $0
		gsub(/.*label="|".*/, "", label)
		printf "%-22s --%s--> %-26s%s\n", box[$1], label, box[$3],
		       gone[$1] ? "nothing reaches it" : ""
	}
	' | sed 's/ *$//'
}

echo "refslab: CPython's memory management, in the kernel"
echo
"$REFSLAB" version | sed 's/^/    /'
printf '    kernel  %s\n' "$(uname -r)"

title "A cycle: two lists that contain each other"
scene <<'END'
disable                # no scan but those asked for
a = list
b = list a
append a b             # a -> b -> a
refcount a             # this name, and the element in b
del a b                # nobody can reach them now
stat                   # and yet their memory is still held
collect                # until the collector looks
stat
trim                   # what the caches keep goes back to the kernel, too
stat
END
check "both lists were still there after the names were gone" \
	same "$(counter 1 objects)" 2
check "the collector found exactly those two" \
	same "$(answer 1 'collect 2: ')" "2 unreachable, 0 uncollectable"
check "then the heap was empty" same "$(counter 2 objects)" 0
check "no byte in use, none cached" \
	same "$(counter 3 bytes_used) $(counter 3 bytes_cached)" "0 0"
check "and no memory of the kernel's left" same "$(counter 3 bytes_reserved)" 0

title "Three nodes in a ring, one of them still held"
scene <<'END'
disable
type Node slots=2
a = new Node
b = new Node
c = new Node
leaf = str "hangs off the ring"
setslot a 0 b
setslot b 0 c
setslot c 0 a          # a -> b -> c -> a
setslot c 1 leaf
del b c leaf           # only a is held from outside
collect                # reachable from a: all four stay
refcount a
x = slot a 0
x = slot x 0
x = slot x 1           # a -> b -> c -> the leaf
value x
del a                  # the ring goes, the leaf is held by x
collect
value x
refcount x
stat
END
check "a ring that is held from outside is left alone" \
	same "$(answer 1 'collect 2: ')" "0 unreachable, 0 uncollectable"
check "without that reference all three go" \
	same "$(answer 2 'collect 2: ')" "3 unreachable, 0 uncollectable"
check "the leaf, referenced from outside, lives on" \
	same "$(answer 2 'value x: ')" '"hangs off the ring"'
check "with the one reference it has" same "$(answer 1 'refcount x: ')" 1

title "A picture: what a name reaches, and what none does"
cat > "$work/picture.refslab" <<'END'
disable
type Node slots=2
a = new Node
b = new Node
leaf = str "a leaf"
setslot a 0 b
setslot b 0 a          # a -> b -> a
setslot b 1 leaf
lost = list leaf
append lost lost       # lost -> lost
del b leaf lost        # a reaches b and the leaf, and nothing reaches the list
END
sed 's/^/    /' "$work/picture.refslab"
echo
echo "    \$ refslab graph --all picture.refslab     (its text for Graphviz, as lines)"
"$REFSLAB" graph --all "$work/picture.refslab" > "$out" 2>&1
status=$?
picture < "$out" > "$work/picture"
sed "/nothing reaches it\$/s/.*/$red&$plain/; s/^/    /" "$work/picture"
echo "    (or as a picture: refslab graph --all -o picture.svg picture.refslab)"
echo
check "it is a graph for Graphviz" [ "$status/$(head -n 1 "$out")" = "0/digraph refslab {" ]
check "with four objects and five references" \
	same "$(grep -c '^	n[0-9]* \[' "$out")/$(grep -c '^	n[0-9]* -> ' "$out")" 4/5
check "a has two: its name, and the slot in b" grep -q '^a: Node #[0-9]*, 2 refs' "$work/picture"
check "one object, the list, is what a collection would take" \
	same "$(grep 'nothing reaches it$' "$work/picture" | sed 's/ #.*//' | sort -u)" list

title "A weak reference does not keep its object"
scene <<'END'
disable
type Node slots=1 weakref
x = new Node
w = weak x callback
refcount x             # the name; w does not count
y = deref w            # a strong reference, while x lives
del x y
y = deref w            # dead
events                 # and w has been called back
END
check "the weak reference did not count" same "$(answer 1 'refcount x: ')" 1
check "it is dead with its object" grep -q "dead" "$out"
check "its callback came, once" same "$(grep -c "^event: weakref" "$out")" 1

title "A finalizer, in a cycle"
scene <<'END'
disable
type File slots=1 payload=16 finalizer
x = new File
write x 0 "open"
setslot x 0 x
del x
collect                # found, but not dead yet: it is to be finalized first
y = event              # a strong reference comes with the event
read y 0 4             # the object is whole
finalized y
del y
collect                # now it goes, and no second event comes
events
stat
END
check "the object was not collected before it was finalized" \
	same "$(answer 1 'collect 2: ')" "0 unreachable, 0 uncollectable"
check "it was whole then" grep -q '"open"' "$out"
check "the second time it died" same "$(answer 2 'collect 2: ')" "1 unreachable, 0 uncollectable"
check "and nothing is left" same "$(counter 1 objects)" 0

title "Caches: the block freed last is used next"
scene <<'END'
disable
type Point payload=32 cache=16
a = new Point
b = new Point
block a                # arena.pool.block
block b
del a
del b
c = new Point          # where b was
d = new Point          # where a was
block c
block d
END
check "the first new object is where the last dead one was" \
	same "$(answer 1 'block c: ')" "$(answer 1 'block b: ')"
check "and the second where the first was" \
	same "$(answer 1 'block d: ')" "$(answer 1 'block a: ')"

title "Values: made once where that is enough, and keys of dicts"
scene <<'END'
disable
a = int 7
b = int 7
is a b                 # -5 to 256 are made once, and counted never
c = str "name"
d = str "name"
is c d                 # what could be a name is interned
d = dict c a           # a dict, in which the name is a key
o = instance
setattr o "parent" d
setitem d a o          # d -> o -> d
value d
stat                   # dict, instance, and two names: small integers do not count
del a b c d o
collect
END
check "equal small integers are one object" same "$(answer 1 'is a b: ')" yes
check "and so are equal names" same "$(answer 1 'is c d: ')" yes
check "four objects in all" same "$(counter 1 objects)" 4
check "a cycle of a dict and an instance is found" \
	same "$(answer 1 'collect 2: ')" "2 unreachable, 0 uncollectable"

title "Thresholds: scans that start by themselves"
scene <<'END'
threshold 5 10 10      # a scan when more than 5 containers were made (usually 700)
a = list
b = list a
append a b
del a b                # a dead cycle
c = list
d = list
e = list
count                  # 5: not more than 5
f = list               # 6
sleep 1000             # the scan runs in the background
count
stats
stat
END
check "five containers are no reason to scan, six are" same "$(answer 1 'count: ')" "5 0 0"
check "one scan of generation 0 collected the cycle" \
	same "$(awk '/^stats:/ { getline; print $2, $3 }' "$out")" "1 2"
check "what is left are the four that are held" same "$(counter 1 objects)" 4

title "Generations: what survives moves up"
scene <<'END'
disable
a = list
b = list a
append a b
collect 0
collect 1
objects 2              # both have survived two scans
del a b                # dead, but old
collect 0
collect 1
collect 2              # only a scan of their own generation finds them
END
check "survivors of two scans are in generation 2" same "$(answer 1 'objects: ')" 2
check "young scans do not look at them" \
	same "$(answer 2 'collect 0: ') / $(answer 2 'collect 1: ')" \
	"0 unreachable, 0 uncollectable / 0 unreachable, 0 uncollectable"
check "the full scan does" same "$(answer 1 'collect 2: ')" "2 unreachable, 0 uncollectable"

# What a line of the last Python session answered: said LINE
said()
{
	awk -v line=">>> $1" '$0 == line { getline; print; exit }' "$out"
}

# Runs the lines of a file in Python, one after the other, and shows them with what they answer.
session()
{
	REFSLAB_LIBRARY=$library PYTHONPATH=$here/../python PYTHONDONTWRITEBYTECODE=1 \
		python3 - "$1" > "$out" 2>&1 <<'END'
import os, sys
os.chdir(os.path.dirname(sys.argv[1]))
names = {}
for line in open(sys.argv[1]):
    print(">>> " + line, end="", flush=True)
    exec(compile(line, "session", "single"), names)
END
	status=$?
	sed 's/^/    /' "$out"
	echo
	check "the session ran to its end" [ "$status" -eq 0 ]
}

library=$(dirname "$(command -v "$REFSLAB")")/librefslab.so.0
if command -v python3 > /dev/null && [ -e "$library" ] && [ -d "$here/../python/refslab" ]; then
	title "The same from Python"
	cat > "$work/session.py" <<'END'
import refslab
heap = refslab.Heap()
gc = heap.gc                          # the controls of the module gc
gc.disable()
Node = heap.type("Node", slots=["ref"])
a, b = Node(), Node()
a.ref, b.ref = b, a                   # a cycle
gc.getrefcount(a)
d = heap.dict({"name": "d", 1: [2.5, "three"]})
d["self"] = d                         # one more
print(d)
del a, b, d                           # nobody can reach them any more
gc.collect()
heap.stat()["objects"]
END
	session "$work/session.py"
	check "the program and b refer to a" same "$(said 'gc.getrefcount(a)')" 2
	check "a dict that contains itself says so" \
		same "$(said 'print(d)')" "{'name': 'd', 1: [2.5, 'three'], 'self': {...}}"
	check "the collector found the two nodes, the dict and its list" \
		same "$(said 'gc.collect()')" 4
	check "and the heap is empty" same "$(said 'heap.stat()["objects"]')" 0

	title "Two processes, one heap; and one of them is killed"
	cat > "$work/worker.py" <<'END'
import sys, refslab
heap = refslab.Heap.attach(int(sys.argv[1]))
log = heap.lookup("log")
held = []
while True:
    entry = heap.dict({"number": len(log)})
    entry["self"] = entry             # a cycle
    held.append(entry)                # the worker holds it
    log.append(entry)                 # and shows it, whole
END
	cat > "$work/session.py" <<'END'
import subprocess, sys, time, refslab
heap = refslab.Heap()
heap.gc.disable()
log = heap.list()
heap.publish("log", log)              # the heap keeps it under a name
fd = heap.fileno()                    # who has this may attach
worker = subprocess.Popen([sys.executable, "worker.py", str(fd)], pass_fds=[fd])
while len(log) < 100: time.sleep(0.01)
first = log[0]
heap.gc.getrefcount(first)            # here, log, itself, and the worker
worker.kill(); worker.wait()          # in the middle of whatever it does
n = len(log)
[entry["number"] for entry in log] == list(range(n))
all(entry["self"] is entry for entry in log)
heap.gc.getrefcount(first)            # nobody's cleanup: the kernel's
del first
log.clear()
heap.gc.collect() in (n, n + 1)       # and what it was just making
heap.stat()["objects"], heap.stat()["handles"]
END
	echo "    worker.py:"
	sed 's/^/        /' "$work/worker.py"
	echo
	session "$work/session.py"
	refs='heap.gc.getrefcount(first)            #'
	check "two processes referred to the first entry, and two objects" \
		same "$(said "$refs here, log, itself, and the worker")" 4
	check "the worker died by kill -9" same \
		"$(said 'worker.kill(); worker.wait()          # in the middle of whatever it does')" -9
	check "every entry that it showed is there, in order" \
		same "$(said '[entry["number"] for entry in log] == list(range(n))')" True
	check "and whole" same "$(said 'all(entry["self"] is entry for entry in log)')" True
	check "its reference is gone" same "$(said "$refs nobody's cleanup: the kernel's")" 3
	check "the collector found what it had left, no more" \
		same "$(said 'heap.gc.collect() in (n, n + 1)       # and what it was just making')" True
	check "then there are the log and the handle on it" \
		same "$(said 'heap.stat()["objects"], heap.stat()["handles"]')" "(1, 1)"
fi

title "From outside: the counters in debugfs while a program runs"
mkfifo "$work/script"
"$REFSLAB" run --name demo - < "$work/script" > "$out" 2>&1 &
program=$!
exec 3> "$work/script"
{
	echo "disable"
	seq 1000 | sed 's/.*/x& = list/'
	echo "stat"
} >&3
tries=0
while ! grep -q 'arenas_returned' "$out" && [ $tries -lt 100 ]; do
	sleep 0.1
	tries=$((tries + 1))
done
echo "    \$ refslab heaps"
"$REFSLAB" heaps > "$work/heaps" 2>&1
sed 's/^/    /' "$work/heaps"
heap=$(awk '$2 == 1000 { print $1 }' "$work/heaps")
echo "    \$ refslab stat $heap"
"$REFSLAB" stat "$heap" 2>&1 | tee "$work/stat" | sed 's/^/    /'
echo "    \$ refslab map $heap"
"$REFSLAB" map "$heap" 2>&1 | tee "$work/map" | sed 's/^/    /'
echo
check "the program's 1000 lists, seen from outside" \
	same "$(awk '$1 == "objects" { print $2 }' "$work/stat")" 1000
check "and its 1000 handles" same "$(awk '$1 == "handles" { print $2 }' "$work/stat")" 1000
check "64 lists of 64 bytes in a pool of 4 KiB: 16 pools, all but one full" \
	same "$(sed -n 's/^ *0 \([^ ]*\) .*/\1/p' "$work/map" | tr -d '.')" CCCCCCCCCCCCCCCc

echo
echo "    \$ kill -9 the program"
kill -9 $program
exec 3>&-
wait $program 2>/dev/null
tries=0
while [ "$("$REFSLAB" stat | awk '$1 == "heaps" { print $2 }')" != 0 ] && [ $tries -lt 50 ]; do
	sleep 0.1
	tries=$((tries + 1))
done
echo "    \$ refslab stat"
"$REFSLAB" stat 2>&1 | tee "$work/stat" | sed 's/^/    /'
echo
check "every counter of the module is back at 0" \
	same "$(awk '$1 != "arenas_made" && $1 != "arenas_returned" && $2 != 0' "$work/stat" |
		wc -l)/$(grep -c '^objects ' "$work/stat")" 0/1

printf '\n%s%d checks, %d failed%s\n' "$bold" "$checks" "$failed" "$plain"
[ "$failed" -eq 0 ]
