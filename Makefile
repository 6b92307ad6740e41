# ngx_http_webhook_module: build, test, demo.  "make help" lists the targets.

BUILD := build
NGINX_SRC ?=
NGINX ?= nginx
CC ?= cc
DESTDIR ?=

MODULE := $(BUILD)/ngx_http_webhook_module.so
SOURCES := config sql/embed.sh docs/embed.sh docs/openapi.yaml .ci/build $(wildcard sql/sqlite/*.sql \
	sql/sqlite/migrations/*.sql ngx_http_webhook_module/*.[ch] \
	ngx_http_webhook_module/store/*.[ch])

SANITIZE := -fsanitize=address,undefined -fno-omit-frame-pointer \
	-fno-sanitize-recover=undefined

.PHONY: all help deps package demo test test-portal screenshots test-asan \
	test-valgrind static load bench soak fuzz install clean

all: $(MODULE)

help:
	@echo 'make                    build the dynamic module against the installed nginx'
	@echo 'make NGINX_SRC=DIR      build it against an nginx source tree (1.22 or newer)'
	@echo 'make static NGINX_SRC=DIR  build an nginx with the module inside'
	@echo 'make demo               deliver an event and show it (DEMO_ONCE=1: then end)'
	@echo 'make test               run the tests (TESTS="t/a.t t/b.t" for some)'
	@echo 'make test-portal        those of the portal, in a browser (PORTAL_EVENTS=1000000)'
	@echo 'make screenshots        the pictures of docs/screenshots, anew'
	@echo 'make test-asan          run them with AddressSanitizer and UBSan'
	@echo 'make test-valgrind      run some of them under valgrind'
	@echo 'make fuzz NGINX_SRC=DIR  fuzz URLs, addresses and JSON (FUZZ_TIME, seconds each)'
	@echo 'make load               100,000 events to a sink, and an audit (EVENTS, WORKERS)'
	@echo 'make bench              all benchmarks, for docs/benchmarks.md (BENCH_ONLY=ingest,...)'
	@echo 'make soak               chaos under load, and an audit (SOAK_MINUTES, SOAK_SEED)'
	@echo 'make package            build a Debian package of it'
	@echo 'make install            install the module and its files (DESTDIR)'
	@echo 'make clean              remove build/'

deps:
	@sh .ci/packages build

$(MODULE): $(SOURCES) | deps
	@sh .ci/build dynamic "$(BUILD)" "$(NGINX)" "$(NGINX_SRC)"

static: deps
	@sh .ci/build static "$(BUILD)" "$(NGINX)" "$(NGINX_SRC)"

demo: $(MODULE)
	@DEMO_ONCE="$(DEMO_ONCE)" bash .ci/demo "$(BUILD)" "$(NGINX)"

TESTS ?= t
VALGRIND_TESTS ?= t/api_companies.t t/api_webhooks.t t/ingest_body.t t/json.t \
	t/delivery_errors.t t/delivery_retry.t t/delivery_tls.t \
	t/delivery_test_event.t t/delivery_deleted.t t/erasure.t \
	t/delivery_via.t t/delivery_breaker.t t/event_types.t t/webhook_headers.t \
	t/ingest_batch.t t/ingest_idempotency.t t/secret_rotation.t \
	t/verify_standard_webhooks.t

PORTAL_TESTS := t/portal.t t/portal_verify.t t/portal_scale.t

test:
	@sh .ci/packages build package test portal
	@$(MAKE) --no-print-directory $(MODULE)
	@sh .ci/test "$(BUILD)" "$(NGINX)" $(TESTS)

test-portal:
	@$(MAKE) --no-print-directory test TESTS="$(PORTAL_TESTS)"

screenshots:
	@sh .ci/packages build test portal pictures
	@$(MAKE) --no-print-directory $(MODULE)
	@sh .ci/test "$(BUILD)" "$(NGINX)" t/portal/screenshots.pl

test-asan:
	@sh .ci/packages build test portal
	@SANITIZE="$(SANITIZE)" sh .ci/build dynamic "$(BUILD)/asan" "$(NGINX)" "$(NGINX_SRC)"
	@WEBHOOK_ASAN=1 sh .ci/test "$(BUILD)/asan" "$(NGINX)" $(TESTS)

test-valgrind:
	@sh .ci/packages build test
	@$(MAKE) --no-print-directory $(MODULE)
	@WEBHOOK_VALGRIND=1 sh .ci/test "$(BUILD)" "$(NGINX)" $(VALGRIND_TESTS)

FUZZ_TIME ?= 60

fuzz:
	@sh .ci/packages build fuzz
	@sh .ci/fuzz "$(BUILD)" "$(NGINX_SRC)" "$(FUZZ_TIME)"

EVENTS ?= 100000
WORKERS ?= 1

load: $(MODULE)
	@sh .ci/packages build test bench
	@TEST_NGINX_BINARY="$$(command -v "$(NGINX)")" bench/load $(EVENTS) $(WORKERS)

NGINX_PATH = $$(command -v "$(NGINX)")
MODULE_PATH = $$(cd "$(BUILD)" && pwd)/ngx_http_webhook_module.so

bench: $(MODULE)
	@sh .ci/packages build test bench
	@TEST_NGINX_BINARY="$(NGINX_PATH)" TEST_NGINX_LOAD_MODULES="$(MODULE_PATH)" bench/run

soak: $(MODULE)
	@sh .ci/packages build test bench
	@TEST_NGINX_BINARY="$(NGINX_PATH)" TEST_NGINX_LOAD_MODULES="$(MODULE_PATH)" bench/soak

package:
	@sh .ci/packages build package
	@sh .ci/package "$(BUILD)"

install: $(MODULE)
	@DESTDIR="$(DESTDIR)" sh .ci/install "$(BUILD)" "$(NGINX)"

clean:
	rm -rf "$(BUILD)" t/servroot*
