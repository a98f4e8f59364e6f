# Satchel. `make help` lists what there is.
SHELL     := /bin/bash
BIN       := bin
GO        ?= go
VERSION   ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT    ?= $(shell git rev-parse --short HEAD 2>/dev/null || echo none)
LDFLAGS   := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)
TOOLS     := $(CURDIR)/$(BIN)/tools
LINT      := $(TOOLS)/golangci-lint
FUMPT     := $(TOOLS)/gofumpt
FUZZTIME  ?= 60s
MODELRUNS ?= 5000

.PHONY: help deps deps-build deps-node build demo test check lint fmt bench chaos ci-long compat deps-compat screenshots clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

deps: ## install what Debian lacks: libzmq, a C compiler, strace, Chromium, a real bitcoind for regtest (sudo unless root)
	@scripts/deps.sh all

deps-node:
	@scripts/deps.sh node

deps-build:
	@scripts/deps.sh build

build: deps-build ## build bin/satchel
	@mkdir -p $(BIN)
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/satchel ./cmd/satchel

demo: deps-node build ## a customer pays an invoice with real regtest coins, before your eyes
	$(BIN)/satchel demo

test: deps ## all tests, with the race detector, against a real bitcoind
	$(GO) test -race -count=1 -timeout 18m ./...

screenshots: ## pictures of the checkout page in every state, of the point of sale and of the desk, into docs/images
	@scripts/deps.sh screenshots
	@mkdir -p docs/images
	$(GO) test -count=1 ./web -run 'TestEveryStateOnEveryScreen|TestTheKeypadOnScreens' -args -screenshots $(CURDIR)/docs/images
	$(GO) test -count=1 ./web/desk -run TestPictures -args -screenshots $(CURDIR)/docs/images

deps-compat:
	@scripts/deps.sh compat

compat: deps-compat build ## real BitPay clients against the daemon: writes compat/RESULT.md
	@GO=$(GO) compat/clients/install.sh
	$(GO) run ./compat

check: test lint ## vet, lint, race tests, import picture
	$(GO) vet ./...

lint: $(LINT) ## the linters of .golangci.yml
	$(LINT) run ./...

fmt: $(FUMPT) ## format the code
	$(FUMPT) -w .

bench: deps-node build ## measure, each figure beside its limit in the same run (JSON=1 for programs)
	$(GO) run ./internal/bench $(if $(JSON),--json) $(BENCHFLAGS)

chaos: deps-node build ## kill the daemon again and again while money moves, and count what is left (CHAOSFLAGS="--seed N")
	$(GO) run ./internal/chaos $(CHAOSFLAGS)

ci-long: build chaos ## the whole of chaos, half an hour without kills, thousands of random lives, long fuzzing
	$(GO) test ./tracker ./invoice -run 'TestModel|TestRandomLives' -rapid.checks=$(MODELRUNS) -timeout 2h
	for seed in 1 2 3; do $(GO) run ./internal/chaos --kills 0 --invoices 8000 --seed $$seed || exit; done
	SATCHEL_SIEGE=50000 $(GO) test ./internal/bench -run Siege -timeout 30m
	scripts/fuzz.sh $(FUZZTIME)
	SATCHEL_DISK_FAULTS=300 $(GO) test -count=1 -run TestFailingDisk ./cmd/satchel -timeout 2h
	SATCHEL_NODE_KILLS=50 $(GO) test -count=1 -run TestNodeDies ./cmd/satchel -timeout 1h
	SATCHEL_POWER_IMAGES=5000 $(GO) test -count=1 -run TestPowerCuts ./store

clean: ## remove what was built
	rm -rf $(BIN)

$(LINT):
	@mkdir -p $(TOOLS)
	GOBIN=$(TOOLS) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

$(FUMPT):
	@mkdir -p $(TOOLS)
	GOBIN=$(TOOLS) $(GO) install mvdan.cc/gofumpt@v0.12.0
