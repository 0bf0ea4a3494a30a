# make demo    build and run a deception network on loopback
# make test    the full run: every layer, with the race detector, nothing skipped
# make bench   the figures, as ratios to bare peers in the same run
# make figures what stores of ten million records cost, on both databases (an hour and a half, 35 GB in KEEP)
# make galera  the conformance suite of stores on a cluster of three nodes
# make mysql   the tests of stores, of copies, of the API and of the daemon's databases on MySQL: on the installation in
#              MYSQL_DIR (with bin/mysqld, as in a release's archive, or usr/sbin/mysqld), else on one from Debian sid
# make ubuntu  the tests of real daemons on Ubuntu, from the mirror that UBUNTU_MIRROR names
# make fuzz    every fuzz target for FUZZTIME
# make lint    gofmt, go vet, staticcheck, and whether all builds for arm64

GO       ?= go
FUZZTIME ?= 30s
KEEP     ?= /var/tmp/decnet-figures
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
COMMIT   ?= $(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)
LDFLAGS  := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)

.PHONY: build demo test bench figures galera mysql ubuntu fuzz lint

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/...

demo: build
	bin/decnetd up

test: lint
	test/setup
	test/run

bench:
	$(GO) test -run '^$$' -bench . -benchmem ./...

figures:
	$(GO) test -run '^$$' -bench 'Ingest$$/ratio' -benchtime 2000x ./store/sqlite ./store/mysql
	$(GO) run ./test/figures -keep '$(KEEP)'
	$(GO) run ./test/figures -keep '$(KEEP)' -every 1s
	$(GO) run ./test/figures -keep '$(KEEP)' -ratio 100000

galera:
	DECNET_GALERA_SUITE=1 $(GO) test -count=1 -timeout 30m -run W06_KilledNode -v ./store/mysql

mysql: export DECNET_TEST_SERVER = mysql
mysql: export DECNET_TEST_MYSQL = $(abspath $(MYSQL_DIR))
mysql:
	$(if $(MYSQL_DIR),,test/mysql)
	$(GO) test -count=1 -run TestStart -v ./internal/mysqltest
	$(GO) test -count=1 -timeout 30m -skip W06_KilledNode ./store/mysql ./store/transfer ./api
	$(GO) test -count=1 -timeout 30m -run 'MySQL|DatabaseCopy' ./cmd/decnetd

ubuntu:
	test/base ubuntu
	$(GO) test -tags ubuntu -count=1 -timeout 20m -run TestUbuntu -v ./services/daemon

fuzz:
	test/fuzz $(FUZZTIME)

lint:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags ubuntu ./services/daemon
	CGO_ENABLED=0 GOARCH=arm64 $(GO) build ./...
	$(GO) tool staticcheck ./...
