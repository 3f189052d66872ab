# SPDX-License-Identifier: GPL-2.0
# Watch a guest, and judge it; sourced.
# shellcheck shell=bash

# told PATTERN: did the guest say a line that starts like this? Asked ten times
# a second, so without starting a process.
told()
{
	local line
	while read -r line; do
		# shellcheck disable=SC2053
		if [[ $line == $1* ]]; then
			return 0
		fi
	done <"$lines/verdict"
	return 1
}

# Sets $late to the name of the step that took too long, if any. The guest is
# given its own time to boot, $timeout for the command, and time to check.
watch_guest()
{
	local step=boot since=$SECONDS limit=$boot_limit pause
	late=
	mkfifo "$work/pause"
	exec {pause}<>"$work/pause"
	while kill -0 "$guest" 2>/dev/null; do
		if [ "$step" = boot ] && told start; then
			step=command since=$SECONDS limit=$timeout
		fi
		if [ "$step" = command ] && told exit; then
			step=check since=$SECONDS limit=600
		fi
		# whole seconds: the first one may be a short one
		if [ $((SECONDS - since)) -gt "$limit" ]; then
			late=$step
			break
		fi
		read -rt 0.1 <&"$pause" || true
	done
	exec {pause}>&-
}

# What stands for a fault at the start of a line of the kernel log. The console
# shows the time first; some reports come in brackets.
faults='BUG: |BUG [^ ]+ \(|WARNING: |Oops|Kernel panic|kernel BUG at'
faults="$faults|INFO: (task .* blocked|rcu|possible|trying)"
faults="$faults|rcu: INFO: .*(stall|detected)|watchdog: BUG"
faults="$faults|general protection fault|double fault|Unable to handle kernel"
faults="$faults|UBSAN: |KASAN: |KCSAN: |ODEBUG: |refcount_t: "
faults="$faults|list_(add|del) corruption|page dumped because"
faults="$faults|sysfs: cannot create dup|debugfs: .* already present"
faults="$faults|kobject_add_internal failed|-+\[ cut here \]-+"
# kmemleak goes blind when it runs out of memory: no verdict without it.
faults="$faults|kmemleak: (Memory pool empty|Cannot allocate"
faults="$faults|Kernel memory leak detector disabled)"

# foreign_races: numbers of the lines that begin a report of KCSAN on the kernel alone, which has
# races of its own. A module has a part in a race when it is among the first three functions of an
# access, leaving aside what an interrupt has interrupted, and queue_work(): a work's word is the
# workqueue's, whose threads read it as they like. A report without its end is not a foreign one.
foreign_races()
{
	awk '
	{ sub(/^\[[^]]*\](\[[^]]*\])? /, "") }
	/^BUG: KCSAN: / { at = NR; ours = /\[[a-z0-9_]+\]/; next }
	!at { next }
	/^(read|write|assert|race)[ -]/ { depth = 0; next }
	/^ [^ ]+\+0x[0-9a-f]+\/0x/ {
		if (/^ asm_.*interrupt/ || (!depth && /^ queue_work_on\+/))
			depth = 3
		if (++depth <= 3 && /\[[a-z0-9_]+\]$/)
			ours = 1
		next
	}
	/^=====/ {
		if (!ours)
			print at
		at = 0
	}' "$log"
}

# fault_lines: numbers of the lines at which the log reports a fault, since the
# guest was ready if it ever was.
fault_lines()
{
	local ready
	ready=$(grep -an 'refslab-guest: ready' "$log" |
		sed -n '1s/:.*//p') || true
	{ grep -anE "^(\[[^]]*\](\[[^]]*\])? )?(\[ )?($faults)" "$log" || true; } |
		awk -F: -v ready="${ready:-0}" -v foreign=" $(foreign_races | xargs) " \
			'$1 > ready && !index(foreign, " " $1 " ") { print $1 }'
}

log_faults()
{
	[ -n "$(fault_lines)" ]
}

# From a little before the first fault on.
show_faults()
{
	local first
	first=$(fault_lines | sed -n 1p)
	if [ -n "$first" ]; then
		first=$((first > 5 ? first - 5 : 1))
		sed -n "$first,$((first + 150))p" "$log" >&2
	else
		tail -n 40 "$log" >&2
	fi
}

fail()
{
	local status=$1
	shift
	[ "$status" -eq "$E_UNLOAD" ] || [ "$status" -eq "$E_LEAK" ] || show_faults
	say "FAILED: $* (kernel log: $log)"
	exit "$status"
}

told_text()
{
	sed -n "s/^$1 //p" "$lines/verdict" | tr -d '\r' | sed -n 1p
}

# The worst comes first. Without the guest's last word nothing it said counts.
verdict()
{
	if ! told start; then
		if told noload; then
			log_faults && fail "$E_FAULT" "the kernel reported a fault while loading"
			fail "$E_LOAD" "cannot load $(told_text noload)"
		fi
		if told fail; then
			fail "$E_BOOT" "$(told_text fail)"
		fi
		if told boot && log_faults; then
			fail "$E_FAULT" "the kernel reported a fault before the command"
		fi
		cat "$work/vmm" >&2 2>/dev/null || true
		if told boot && [ -n "$late" ]; then
			fail "$E_TIMEOUT" "loading took longer than $boot_limit s"
		fi
		fail "$E_BOOT" "the guest did not boot${late:+ in $boot_limit s}"
	fi
	if log_faults; then
		fail "$E_FAULT" "the kernel reported a fault"
	fi
	case $late in
	command) fail "$E_TIMEOUT" "the command took longer than $timeout s" ;;
	check) fail "$E_TIMEOUT" "the guest hung after the command" ;;
	esac
	if ! told end || ! told 'exit [0-9]'; then
		fail "$E_DIED" "the guest ended without a verdict"
	fi
	if [ "$(told_text taint)" != 0 ]; then
		fail "$E_FAULT" "the kernel is tainted, bits $(told_text taint)"
	fi
	if told nolockdep; then
		fail "$E_FAULT" "lockdep is off, as after a report"
	fi
	if told leak; then
		fail "$E_LEAK" "kmemleak found $(told_text leak) leaked objects"
	fi
	if told nounload; then
		fail "$E_UNLOAD" "cannot unload $(told_text nounload)"
	fi
	exit "$(told_text exit)"
}
