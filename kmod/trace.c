// SPDX-License-Identifier: GPL-2.0
/*
 * The tracepoints' code. It alone looks into the structures they are handed.
 */
#include "gc/scan.h"

#define CREATE_TRACE_POINTS
#include "trace.h"
