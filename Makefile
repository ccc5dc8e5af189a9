# vrepofs: every target is a line or two over go. `make help` lists them.
#
# Variables: PKGS (packages to test), TESTFLAGS (more flags of go test), FUZZTIME, BENCHFLAGS; of install:
# PREFIX, DESTDIR, SBINDIR (mount(8) looks for helpers in /sbin only), UNITDIR, DOCDIR.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS   += --no-print-directory

export VREPOFS_CACHE    ?= $(or $(XDG_CACHE_HOME),$(or $(HOME),/root)/.cache)/vrepofs
export VREPOFS_RSYNC327 ?= $(VREPOFS_CACHE)/rsync-3.2.7/usr/bin/rsync

VERSION   ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
PREFIX    ?= /usr/local
SBINDIR   ?= /sbin
UNITDIR   ?= $(PREFIX)/lib/systemd/system
DOCDIR    ?= $(PREFIX)/share/doc/vrepofs
FUZZTIME  ?= 30s
PKGS      ?= ./...
TESTFLAGS ?= -count=1 -timeout=20m -vet=off

# Packages whose tests mount a file system or run the whole program: under the race detector a daemon takes several times as
# long, and most of the time goes into child processes that the detector does not see. `make race` runs them with it.
MOUNTS    ?= vrepofs vrepofs/cmd/% vrepofs/fs vrepofs/fs/% vrepofs/layout vrepofs/bench vrepofs/e2e

# gotest runs go test with the flags $1 on the packages $2, if there are any.
gotest = $(if $(strip $2),set -x; go test $1 $(TESTFLAGS) $2,:)

.DEFAULT_GOAL := help
.PHONY: help demo test lint check race fuzz long golden bench build install clean setup

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: setup build ## the whole way once, with words: real RPMs, snapshots, tags, a mount, dnf, rsync, nginx
	@scripts/demo bin/vrepofs

test: setup lint ## everything that must pass: linters, then all tests (the pure packages with -race); installs what it needs
	@rc=0; $(call gotest,-race,$(filter-out $(MOUNTS),$(shell go list $(PKGS)))) || rc=1; \
	$(call gotest,,$(filter $(MOUNTS),$(shell go list $(PKGS)))) || rc=1; exit $$rc

setup: ## install what the tests need: Debian packages, a second rsync, staticcheck
	@scripts/setup

lint: setup ## gofmt, go vet, staticcheck, shell syntax
	@bad=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$bad" ] || { echo "gofmt -w needed: $$bad"; exit 1; }
	go vet $(PKGS)
	$(VREPOFS_CACHE)/staticcheck/staticcheck $(PKGS)
	@for f in scripts/setup scripts/demo scripts/fuzz scripts/golden .ci/run; do bash -n $$f; done

check: lint ## lint, a tidy go.mod, and the tests of the house (floors, docs, sizes)
	go mod tidy -diff
	go test $(TESTFLAGS) .

race: setup ## all tests with the race detector, those that mount included
	go test -race $(TESTFLAGS) $(PKGS)

fuzz: ## every fuzz target for FUZZTIME (30s)
	@scripts/fuzz $(FUZZTIME) $(PKGS)

long: setup ## the tests that take long: crash states, kills, 1,000 promotions under readers, random histories
	VREPOFS_LONG=1 go test -count=1 -timeout=3h -vet=off $(PKGS)

golden: ## rewrite the golden files, then show what changed
	@scripts/golden

bench: setup build ## one table: each row a ratio against its peer (createrepo_c, ext4, mergerepo_c) in the same run
	go run ./bench -vrepofs bin/vrepofs $(BENCHFLAGS)

build: ## bin/vrepofs, static
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/vrepofs ./cmd/vrepofs

install: build ## install the program, its mount helper, the systemd unit and the samples: DESTDIR, PREFIX, SBINDIR
	install -D -m 0755 bin/vrepofs $(DESTDIR)$(PREFIX)/bin/vrepofs
	install -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(UNITDIR) $(DESTDIR)$(DOCDIR)/contrib/systemd
	ln -sfn $(PREFIX)/bin/vrepofs $(DESTDIR)$(SBINDIR)/mount.vrepofs
	sed -e 's,/usr/local/bin/,$(PREFIX)/bin/,' -e 's,/usr/share/doc/vrepofs,$(DOCDIR),' contrib/systemd/vrepofs@.service >$(DESTDIR)$(UNITDIR)/vrepofs@.service
	chmod 0644 $(DESTDIR)$(UNITDIR)/vrepofs@.service
	install -m 0644 README.md ARCHITECTURE.md FORMAT.md LICENSE $(DESTDIR)$(DOCDIR)
	install -m 0644 $(wildcard contrib/*.*) contrib/Caddyfile contrib/fstab $(DESTDIR)$(DOCDIR)/contrib
	install -m 0644 contrib/systemd/*.* $(DESTDIR)$(DOCDIR)/contrib/systemd

clean: ## remove what make built (not the cache directory)
	rm -rf bin
