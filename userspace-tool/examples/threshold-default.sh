#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# With the default thresholds the 701st container makes the first scan.
set -eu

: "${REFSLAB:=refslab}"

script()
{
	echo "threshold"
	seq 700 | sed 's/.*/x& = list/'
	cat <<'END'
sleep 1000
stats
count
x701 = list
sleep 1000
stats
END
}

script | "$REFSLAB" run -
