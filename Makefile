# Ringfence. `make help` lists what can be made; a fresh machine needs Go and Node, nothing else.

GO        ?= go
NPM       ?= npm
BIN       := bin
LINT      := v2.15.0
REGAL     := v0.35.1
OPA       := v1.22.2
DATA      ?= data
PKGS      ?= ./...
FUZZTIME  ?= 30s
BENCHTIME ?= 1s

# Tests in which many write at once run a second time, under the race detector where there is a C compiler for it.
RACES := Direct|LastUnit|Everything|SameKey|Linearizable|ConnectionsKilled
RACE  := $(shell command -v cc >/dev/null && echo -race)

# Beside one throw-away PostgreSQL server for all test processes, unless TEST_DATABASE_URL names one.
WITH_POSTGRES := $(GO) run ./internal/store/storetest/cluster/with

.DEFAULT_GOAL := help
.PHONY: help run build profile web generate migration test web-test lint fmt policy-lint policy-opa policy-test bench fuzz cover ci clean

help: ## List the targets.
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: web ## Start with a demo organization on SQLite; prints the address and sign-in tokens.
	$(GO) run -pgo=off . serve --dev --demo --data-dir $(DATA)

build: web ## Build the one static binary, bin/ringfence, optimized by default.pgo.
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o $(BIN)/ringfence .

web: web/dist/index.html ## Build GraphiQL (needs Node; npm ci only when the lock file changed).

web/node_modules/.package-lock.json: web/package.json web/package-lock.json
	cd web && $(NPM) ci --no-audit --no-fund
	@touch $@

WEB_SOURCES := $(shell find web/src -type f 2>/dev/null) web/index.html web/vite.config.js

web/dist/index.html: web/node_modules/.package-lock.json $(WEB_SOURCES)
	cd web && $(NPM) run build
	@touch $@

generate: ## Generate the ent client, the GraphQL executor and the tables of the policy guide anew.
	$(GO) generate ./...
	UPDATE_DOCS=1 $(GO) test -count=1 -run GuideTables ./internal/policy

migration: ## Write the next migration for both databases from ent/schema: make migration NAME=add_color
	@test -n "$(NAME)" || { echo 'usage: make migration NAME=add_color'; exit 2; }
	$(GO) run ./internal/store/migration/generate -name "$(NAME)"

test: web ## Run all tests, on SQLite and PostgreSQL (one is started if need be).
	$(WITH_POSTGRES) $(GO) test -timeout 30m $(PKGS)
	$(if $(filter ./...,$(PKGS)),$(WITH_POSTGRES) $(GO) test $(RACE) -count=1 -timeout 15m -run '$(RACES)' ./internal/operation/stress)

web-test: web ## Run the tests of the GraphiQL page in a browser (needs Chromium).
	cd web && $(NPM) test

lint: $(BIN)/golangci-lint-$(LINT) policy-lint ## Look for faults and habits (golangci-lint, pinned; regal for the policies, where it can be had).
	$< run $(PKGS)

# regal is no part of the service. Where the module proxy does not have it, the policies are linted elsewhere.
policy-lint: ## Lint the policies with regal, if it can be had.
	@$(MAKE) -s $(BIN)/regal-$(REGAL) 2>/dev/null && $(BIN)/regal-$(REGAL) lint policies || \
	  { test ! -x $(BIN)/regal-$(REGAL) && echo 'regal $(REGAL) cannot be had here: the policies are not linted by it' >&2; }

policy-opa: $(BIN)/opa-$(OPA) ## Check and test the policies with opa itself, as an author with an editor would.
	$< check --strict --schema policies/schemas policies
	$< check --strict --schema policies/schemas/input.json policies
	$< test policies

$(BIN)/regal-$(REGAL):
	@mkdir -p $(BIN)
	GOBIN=$(CURDIR)/$(BIN) GOFLAGS= $(GO) install github.com/styrainc/regal@$(REGAL)
	mv $(BIN)/regal $@

fmt: $(BIN)/golangci-lint-$(LINT) ## Format the Go files.
	$< fmt

$(BIN)/golangci-lint-$(LINT):
	@mkdir -p $(BIN)
	GOBIN=$(CURDIR)/$(BIN) GOFLAGS= $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT)
	mv $(BIN)/golangci-lint $@

$(BIN)/opa-$(OPA):
	@mkdir -p $(BIN)
	GOBIN=$(CURDIR)/$(BIN) GOFLAGS= $(GO) install github.com/open-policy-agent/opa@$(OPA)
	mv $(BIN)/opa $@

policy-test: ## Run the tests of the policies, in Rego and against the engine, with their coverage.
	$(GO) test -count=1 -v -run 'Rego|Polic' ./policies/... ./internal/policy/...

bench: web ## Measure on this machine: decisions (beside an OPA server), the store, and the whole path against pgbench.
	@test -x $(BIN)/opa-$(OPA) || $(MAKE) --no-print-directory $(BIN)/opa-$(OPA) || echo 'OPA $(OPA) cannot be had; it is not measured beside'
	$(WITH_POSTGRES) $(GO) test -run '^$$' -bench . -benchtime $(BENCHTIME) -timeout 30m $(PKGS)

profile: ## Measure anew what the compiler is told about the hot path (default.pgo).
	$(GO) test -run '^$$' -bench Profile -benchtime 1x -cpuprofile default.pgo -o /dev/null ./internal/bench

fuzz: ## Fuzz each fuzz test for FUZZTIME (30s).
	@set -e; grep -rl --include='*_test.go' '^func Fuzz' graph internal | xargs -n1 dirname | sort -u | while read -r dir; do \
	  for name in $$(grep -ho '^func Fuzz[A-Za-z0-9_]*' $$dir/*_test.go | sed 's/^func //'); do \
	    echo "== ./$$dir $$name"; $(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) ./$$dir; done; done

cover: web ## Run all tests and report how much of the hand-written code they run.
	$(WITH_POSTGRES) $(GO) test -timeout 15m -coverpkg=$$($(GO) list ./... | grep -v -e /ent -e /graph/generated -e /storetest -e /generate | paste -sd, -) -coverprofile=coverage.out $(PKGS)
	$(GO) tool cover -func=coverage.out | tail -1

ci: ## Everything the project insists on, as .ci/run does it.
	./.ci/run

clean: ## Remove what was built; data and node_modules stay.
	rm -rf $(BIN) web/dist coverage.out
