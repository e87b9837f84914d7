# Jieli. `make` builds bin/jieli; `make help` lists the rest.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS   += --no-builtin-rules

# hashicorp/raft sends its metrics nowhere, silently, without this tag.
TAGS    := hashicorpmetrics
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

# The version comes from git describe, so Go need not look at the repository a second time.
GO_BUILD := CGO_ENABLED=0 go build -trimpath -buildvcs=false -tags $(TAGS) -ldflags '-s -w -X main.version=$(VERSION)'
GO_TEST  := go test -tags $(TAGS)

# Longest a single package's tests may take.
TEST_TIMEOUT ?= 8m
LONG_TIMEOUT ?= 85m

# Packages whose tests also run under the race detector, in -short. SQLite in pure Go is 25 times slower
# under it, so packages that open a database, or start processes, are not listed.
RACE_PKGS ?= $(addsuffix /...,$(wildcard ./regions ./federation ./gateway/ticket ./gateway/link))

# Tools are built here, from the versions pinned in the modules under tools/.
TOOLS := $(CURDIR)/.tools/bin
PROTO_PLUGINS := $(addprefix $(TOOLS)/,protoc-gen-go protoc-gen-go-grpc protoc-gen-grpc-gateway protoc-gen-openapiv2)
WITH_TOOLS := PATH="$(TOOLS):$$PATH"

# Hand-written and generated Go of this module; tools/ holds no Go of its own.
GO_DIRS = $(wildcard cmd examples federation gateway proto regions test)

.DEFAULT_GOAL := build

##@ Build and run

.PHONY: build
build: ## Build bin/jieli, one static binary (the default)
	$(GO_BUILD) -o bin/jieli ./cmd/jieli

.PHONY: examples
examples: ## Build the example that connects a centre's table, bin/connector, and bin/sql beside it
	$(GO_BUILD) -o bin/ ./examples/...

.PHONY: demo
demo: build ## Start three regional centres and play a day's complaints across them (Ctrl-C ends it)
	bin/jieli demo

.PHONY: clean
clean: ## Remove what was built; the tools stay (rm -rf .tools removes them)
	rm -rf bin dist coverage* demo-data connect-demo

##@ Test

.PHONY: test
test: build ## Run the whole suite: under ten minutes on two cores
	$(GO_TEST) -p 1 -timeout $(TEST_TIMEOUT) ./...
	tools/checks/race.sh $(TAGS) $(TEST_TIMEOUT) $(RACE_PKGS)

.PHONY: e2e
e2e: build ## Run the long end-to-end and fault suites: hundreds of seeded kills
	JIELI_E2E=long $(GO_TEST) -count=1 -timeout $(LONG_TIMEOUT) -v ./test/...

.PHONY: bench
bench: build ## Run the Go benchmarks, then jieli bench on real processes
	$(GO_TEST) -run '^$$' -bench . -benchmem $(addprefix ./,$(addsuffix /...,$(filter-out test,$(GO_DIRS))))
	for what in route store registry handoff; do bin/jieli bench $$what; done

##@ Check

.PHONY: check
check: format vet imports lint generated tidy vulnerabilities ## Everything a change must pass beside its tests

.PHONY: format
format: $(TOOLS)/gofumpt ## Fail if a Go file is not formatted (make fix formats it)
	@echo "gofumpt"
	@unformatted=$$($(TOOLS)/gofumpt -l $(GO_DIRS)); \
	if [[ -n "$$unformatted" ]]; then printf 'not formatted, run make fix:\n%s\n' "$$unformatted" >&2; exit 1; fi

.PHONY: fix
fix: $(TOOLS)/gofumpt ## Format the Go files
	$(TOOLS)/gofumpt -w $(GO_DIRS)

.PHONY: vet
vet: ## go vet
	go vet -tags $(TAGS) ./...

.PHONY: imports
imports: ## Fail if an import points the wrong way: proto <- regions <- federation <- gateway <- cmd
	tools/checks/imports.sh $(TAGS)

.PHONY: lint
lint: $(TOOLS)/golangci-lint $(TOOLS)/buf ## golangci-lint and buf lint
	$(TOOLS)/golangci-lint run ./...
	$(TOOLS)/buf lint

.PHONY: generated
generated: $(TOOLS)/buf $(PROTO_PLUGINS) ## Fail if generated code differs from what the .proto files give
	$(WITH_TOOLS) tools/checks/generated.sh

.PHONY: tidy
tidy: ## Fail if go.mod or go.sum is untidy or a module's content has changed
	@go mod tidy -diff || { echo "go.mod or go.sum is untidy: run go mod tidy" >&2; exit 1; }
	go mod verify

.PHONY: vulnerabilities
vulnerabilities: $(TOOLS)/govulncheck ## govulncheck; without its database it says so and goes on
	$(WITH_TOOLS) tools/checks/vulnerabilities.sh $(TAGS)

##@ Release

.PHONY: dist
dist: $(TOOLS)/nfpm ## Make dist/: static tarballs, deb and rpm for linux amd64 and arm64, and their checksums
	packaging/dist.sh $(VERSION) $(TAGS) $(TOOLS)/nfpm

.PHONY: test-deb
test-deb: dist ## Install the deb on a bare Debian, follow what it says, and remove it (needs root and mmdebstrap)
	packaging/test/deb.sh

##@ Generate

.PHONY: proto
proto: $(TOOLS)/buf $(PROTO_PLUGINS) ## Generate Go and OpenAPI from proto/jieli/v1
	$(WITH_TOOLS) buf generate

##@ Tools

.PHONY: tools
tools: $(PROTO_PLUGINS) $(addprefix $(TOOLS)/,buf gofumpt golangci-lint govulncheck nfpm) ## Build every pinned tool into .tools/bin

# Each tool is built when it is missing or its module's pins have changed. buf, golangci-lint and nfpm have modules
# of their own: their requirements would otherwise decide the version of the protobuf generator.
$(TOOLS)/buf: tools/buf/go.mod tools/buf/go.sum
	go build -C tools/buf -buildvcs=false -o $@ github.com/bufbuild/buf/cmd/buf

$(TOOLS)/golangci-lint: tools/golangci-lint/go.mod tools/golangci-lint/go.sum
	@echo "building golangci-lint, about a minute, once"
	go build -C tools/golangci-lint -buildvcs=false -o $@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

$(TOOLS)/nfpm: tools/nfpm/go.mod tools/nfpm/go.sum
	go build -C tools/nfpm -buildvcs=false -o $@ github.com/goreleaser/nfpm/v2/cmd/nfpm

$(TOOLS)/protoc-gen-go: PACKAGE := google.golang.org/protobuf/cmd/protoc-gen-go
$(TOOLS)/protoc-gen-go-grpc: PACKAGE := google.golang.org/grpc/cmd/protoc-gen-go-grpc
$(TOOLS)/protoc-gen-grpc-gateway: PACKAGE := github.com/grpc-ecosystem/grpc-gateway/v2/protoc-gen-grpc-gateway
$(TOOLS)/protoc-gen-openapiv2: PACKAGE := github.com/grpc-ecosystem/grpc-gateway/v2/protoc-gen-openapiv2
$(TOOLS)/gofumpt: PACKAGE := mvdan.cc/gofumpt
$(TOOLS)/govulncheck: PACKAGE := golang.org/x/vuln/cmd/govulncheck
$(PROTO_PLUGINS) $(TOOLS)/gofumpt $(TOOLS)/govulncheck: tools/go.mod tools/go.sum
	go build -C tools -buildvcs=false -o $@ $(PACKAGE)

##@ Help

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@ / {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z0-9-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
