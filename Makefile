# SPDX-License-Identifier: GPL-2.0
# For people: `make help`. What the kernel's build system reads is Kbuild.

KDIR ?= /lib/modules/$(shell uname -r)/build
PREFIX ?= /usr/local
INSTALL ?= install
VERSION := $(shell cat VERSION)
# Where another module finds the in-kernel API: its header and the symbols' checksums.
APIDIR ?= $(PREFIX)/src/refslab-$(VERSION)

# EXAMPLES=m builds the example modules, too; BENCH=m that of the benchmarks.
kbuild = $(MAKE) -C $(KDIR) M=$(CURDIR) REFSLAB_EXAMPLES=$(EXAMPLES) REFSLAB_BENCH=$(BENCH)

all: modules ## the module (the default)

modules: ## the module, for the running kernel or KDIR=; EXAMPLES=m with the examples
	@test -e $(KDIR)/Makefile || { echo "refslab: no kernel headers in $(KDIR):" \
		"apt-get install linux-headers-$(shell uname -r), or set KDIR=" >&2; exit 1; }
	$(kbuild) modules

tool: ## librefslab and the refslab command, into build/tool/
	$(MAKE) -C userspace-tool

demo: ## a tour on Debian's stock kernel in a guest, set up from nothing
	@tests/demo

test: ## all tests, in guests; the last line is the verdict; ONLY='KUnit*' for some
	@ONLY='$(ONLY)' tests/run-all

# As an argument: SECONDS in its environment is to a shell a clock that runs.
stress: ## what only time brings out, and data races; SECONDS=600 of each kind; ONLY='*kcsan*' for some
	@ONLY='$(ONLY)' tests/stress $(or $(SECONDS),600)

bench: ## side-by-side benchmarks in a guest, into build/bench.json; ONLY='scan_*' for some
	@ONLY='$(ONLY)' bench/bench

check: ## static checks, ONLY='W=1*' for some: warnings, sparse, checkpatch, clang, the ABI header, shellcheck
	@ONLY='$(ONLY)' tests/check

verify: ## the proof of the collector's protocol: exhaustive searches of its model; 30 minutes, 8 GB
	@tests/need verify
	@doc/model/run

pictures: tool ## the pictures of doc/pictures/, of heaps in a guest
	@tests/need pictures
	@vm/run --kernel=um --share doc/pictures -- ./draw

install: modules tool ## module, tool, manual page, headers; PREFIX=, DESTDIR=
	$(kbuild) modules_install $(if $(DESTDIR),INSTALL_MOD_PATH=$(DESTDIR))
	$(MAKE) -C userspace-tool install
	$(INSTALL) -d $(DESTDIR)$(APIDIR)/object
	$(INSTALL) -m 644 kmod/refslab.h Module.symvers $(DESTDIR)$(APIDIR)
	$(INSTALL) -m 644 kmod/object/word.h $(DESTDIR)$(APIDIR)/object

dkms-deb: ## Debian packages into build/: the module's sources for DKMS, and the tools
	@packaging/build

clean: ## remove what was built (guest kernels are kept: see vm/README.md)
	rm -rf build
	rm -f Module.symvers modules.order .modules.order.cmd .Module.symvers.cmd *.ko *.o \
		*.mod *.mod.c .*.cmd
	find kmod kunit-tests examples bench \( -name '*.o' -o -name '*.ko' -o -name '*.mod' \
		-o -name '*.mod.c' -o -name '.*.cmd' -o -name '.*.d' -o -name modules.order \) \
		-delete

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | \
		while read -r target text; do printf 'make %-9s %s\n' "$$target" "$$text"; done

.PHONY: all modules tool demo test stress bench check verify pictures install clean help
.PHONY: dkms-deb
