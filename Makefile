# Every target is a command that also works when typed by hand. `make help` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

MODULES  := migrations pkg proto services
PATTERNS := $(addprefix ./,$(addsuffix /...,$(MODULES)))

# Tools of other people, each at one version, built from source into this folder.
TOOLS         := $(CURDIR)/.tools/bin
GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
BUF           := github.com/bufbuild/buf/cmd/buf@v1.75.0
PROTOC_GEN_GO := google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12
export PATH   := $(TOOLS):$(PATH)

SERVICES := $(patsubst services/%/main.go,%,$(wildcard services/*/main.go))
VERSION  ?= dev
OFFLINE_NATS_IMAGE     ?= payloom-offline/nats:2.15.2
OFFLINE_POSTGRES_IMAGE ?= payloom-offline/postgres:15
GO_IMAGE ?= golang:1.26-bookworm
FUZZTIME ?= 20s
SEEDS    ?= 100000
CHAOS    ?= --payments 500 --faults all
BENCH    ?= --payments 5000 --concurrency 64 --provider-latency 0

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)


.PHONY: build
build: ## every service, into bin/
	go build -trimpath -o bin/ ./services/...

.PHONY: demo
demo: build ## payments of every kind through the whole system, on this machine alone
	bin/payctl demo

.PHONY: up
up: build ## the whole system on this machine, until Ctrl-C
	bin/payctl up

.PHONY: bench
bench: build ## how fast it is here: make bench BENCH='--payments 20000 --concurrency 128'
	bin/payctl bench $(BENCH)

.PHONY: chaos
chaos: build ## everything breaks while payments go on: make chaos CHAOS='--payments 2000 --seed 7'
	bin/payctl chaos $(CHAOS)

.PHONY: images
images: ## one container image per service: make images VERSION=1.2.3
	for s in $(SERVICES); do docker build -f deployments/Dockerfile --build-arg GO_IMAGE=$(GO_IMAGE) --build-arg SERVICE=$$s -t payloom/$$s:$(VERSION) .; done

.PHONY: images-offline
images-offline: ## the same, and stand-ins for NATS and Postgres, where no image registry can be reached
	scripts/images-offline.sh $(OFFLINE_NATS_IMAGE) $(OFFLINE_POSTGRES_IMAGE) $(VERSION) $(SERVICES)
	@echo "now: NATS_IMAGE=$(OFFLINE_NATS_IMAGE) POSTGRES_IMAGE=$(OFFLINE_POSTGRES_IMAGE) docker compose up"

.PHONY: demo-compose
demo-compose: build ## the demo against the containers, one broker node killed in its middle
	images=$$(scripts/compose-images.sh $(VERSION) $(SERVICES)) && eval "$$images" && bin/payctl demo --compose docker-compose.yml


.PHONY: test
test: ensure ## all tests, with the race detector; what is missing is installed or named
	scripts/test.sh -race -shuffle=on -timeout 20m work
	go test ./pkg/simulation

.PHONY: test-short
test-short: ## the tests that need nothing but Go, in a minute
	go test -short work

.PHONY: test-all
test-all: ensure ## all tests three times in different orders, 100000 simulated worlds, then each fuzz target
	scripts/test.sh -race -shuffle=on -count=3 -timeout 60m work
	$(MAKE) simulate
	scripts/fuzz.sh $(FUZZTIME)

.PHONY: simulate
simulate: ## the worker in SEEDS (100000) simulated worlds, two minutes on two cores
	SIM_SEEDS=$(SEEDS) go test -count=1 -timeout 60m -run '^TestRun_Clean$$' ./pkg/simulation

.PHONY: test-compose
test-compose: ## the containers under faults: nodes, Postgres and services killed, hung, cut off; needs docker
	scripts/test-compose.sh $(VERSION) $(SERVICES)

.PHONY: test-containers
test-containers: ## bus and projection on the images of NATS and Postgres; needs docker
	scripts/test-containers.sh $(VERSION)

.PHONY: fuzz
fuzz: ## each fuzz target for FUZZTIME (20s)
	scripts/fuzz.sh $(FUZZTIME)

.PHONY: ensure
ensure: ## Postgres, a browser and a C compiler for the tests: install them, or say how
	scripts/ensure.sh


.PHONY: check
check: fmt-check vet lint proto-check generate-check modules-check alerts-check guarantees-check ## all that does not run a test
	@echo "check: ok"

.PHONY: fmt
fmt: tools ## gofmt and buf format
	gofmt -w $(MODULES)
	cd proto && buf format -w --path payloom

.PHONY: fmt-check
fmt-check:
	@files=$$(gofmt -l $(MODULES)); test -z "$$files" || { echo "not gofmt'ed, run make fmt:"; echo "$$files"; exit 1; }

.PHONY: vet
vet: ## go vet over the workspace
	go vet work

.PHONY: lint
lint: tools ## golangci-lint over the workspace, with the dependency rule
	golangci-lint run $(PATTERNS)

.PHONY: proto-check
proto-check: tools ## the proto files: format, lint, and no break since the last release
	cd proto && buf format --diff --exit-code --path payloom
	cd proto && buf lint
	@test -e proto/baseline.binpb || { echo "proto/baseline.binpb is missing: make proto-baseline, and commit it"; exit 1; }
	cd proto && buf breaking --path payloom --against baseline.binpb

.PHONY: alerts-check
alerts-check: ## the alert rules: syntax, tests, metrics, a runbook for each
	scripts/alerts.sh

.PHONY: guarantees-check
guarantees-check: ## the tests that docs/guarantees.md names are there
	scripts/guarantees.sh

.PHONY: generate-check
generate-check: tools
	scripts/generate-check.sh

.PHONY: modules-check
modules-check: ## every module is tidy, and builds without the workspace
	for m in $(MODULES); do go -C $$m mod tidy -diff; GOWORK=off go -C $$m build ./...; done


.PHONY: generate
generate: tools ## Go from the proto files, and whatever go:generate asks for
	cd proto && buf generate
	go generate $(PATTERNS)

.PHONY: tidy
tidy: ## go mod tidy in every module, then sync the workspace
	for m in $(MODULES); do go -C $$m mod tidy; done
	go work sync

.PHONY: proto-baseline
proto-baseline: tools ## at a release: what the next one must not break
	cd proto && buf build --path payloom --exclude-source-info -o baseline.binpb

.PHONY: tools
tools: ## the pinned tools, into .tools/bin
	@scripts/tools.sh $(TOOLS) $(GOLANGCI_LINT) $(BUF) $(PROTOC_GEN_GO)

.PHONY: clean
clean: ## remove what make built; the tools stay
	rm -rf bin coverage.out
	go clean -testcache
