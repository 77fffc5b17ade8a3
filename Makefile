# Everything that one does with this repository. `make` alone lists it.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
TOOL        := go tool -modfile=.ci/tools/go.mod

# Without a history that git can read, a binary cannot say its commit.
ifeq ($(shell git rev-parse HEAD 2>/dev/null),)
export GOFLAGS += -buildvcs=false
endif

.DEFAULT_GOAL := help
.PHONY: help run build test soak bench check format vet lint vulnerabilities tidy generated compatibility model generate ui pictures migration

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-17s %s\n", $$1, $$2 }' Makefile

run: build ## build and start the server, on an SQLite database under data/
	@exec bin/keloa-tokens serve

build: ## build bin/keloa-tokens
	@go build -trimpath -o bin/keloa-tokens ./server

test: ## install what the tests need where it is missing, and run them all
	@.ci/install
	REQUIRE_BROWSER=1 go test -race -timeout=40m ./...

soak: ## try to break revocation and the audit log, each for KELOA_SOAK, such as 10m
	@.ci/install
	KELOA_SOAK=$${KELOA_SOAK:-10m} go test -race -timeout=0 -count=1 -p=1 -v -run 'TestPartitions|TestKilled' ./token/clustertest ./token/crashtest

bench: ## measure a verification against a bare net/http server, and the audit log, in a few minutes
	go test -run='^$$' -bench=. ./token/bearer ./token/verdict ./token/usage
	go test -run='^$$' -bench='Audit|Seal|Writers|CatchUp' -benchtime=1x ./auditsink/journal ./auditsink/natssink ./token
	go run ./server/bench

check: format vet lint vulnerabilities tidy generated compatibility model ## all that must hold besides the tests

format: ## fail on files that gofmt would change
	@files=$$(gofmt -l .); if [[ -n $$files ]]; then echo "run gofmt -w on:" $$files >&2; exit 1; fi

vet: ## go vet
	go vet ./...

lint: ## lint, the directions of imports included
	$(TOOL) golangci-lint run

vulnerabilities: ## fail on known vulnerabilities that our code reaches
	@.ci/vulnerabilities

tidy: ## fail if go.mod or go.sum is not tidy
	go mod tidy -diff

generated: ## generate again, and fail if anything changes
	@.ci/generated

compatibility: ## fail if the GraphQL schema breaks what was released
	go test -run 'Schema|Breaking' ./graph

model: ## check the model of the lease protocol with spin
	@.ci/model

generate: ## generate code from ent/schema and graph/*.graphqls; works offline
	go generate .

pictures: ## take the screenshots in docs/images anew; needs Chromium
	REQUIRE_BROWSER=1 KELOA_SCREENSHOTS=$(CURDIR)/docs/images go test -count=1 -run TestPicturesOfTheDocs ./server

ui: ## build the pages in server/ui, which are embedded as they are committed; needs Node
	@for project in server/ui server/ui/playground; do \
	  [[ -d $$project/node_modules ]] || npm ci --prefix $$project --no-audit --no-fund; \
	  npm run build --prefix $$project --silent; \
	done

migration: generate ## write the migration NAME=…; without a name, take edited ones into atlas.sum
	go run ./ent/migrate/add $(NAME)
