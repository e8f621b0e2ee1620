# chatd. `make help` lists the targets.
VERSION := 0.1.0
PREFIX  ?= /usr/local
DESTDIR ?=

# BUILD is a folder per kind of build, so that none of them disturbs another one.
BUILD    ?= build
SANITIZE ?=
CFLAGS   ?= -O2 -g

PACKAGES := sqlite3 libcjson hiredis libsodium zlib
WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
HARDEN   := -fstack-protector-strong -fstack-clash-protection -fPIE -fno-strict-aliasing
ifneq ($(filter x86_64 i686,$(shell uname -m)),)
HARDEN   += -fcf-protection
endif
ifeq ($(SANITIZE),) # which check the same, and do not go together with it
HARDEN   += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
endif
CPPFLAGS += -D_GNU_SOURCE -DCHATD_VERSION='"$(VERSION)"' -I. $(shell pkg-config --cflags $(PACKAGES))
ALL_CFLAGS := -std=c11 -pthread $(WARNINGS) $(HARDEN) $(CFLAGS) $(SANITIZE)
LDLIBS   := $(shell pkg-config --libs $(PACKAGES)) -lcivetweb -lunistring
LDFLAGS  += -pthread -pie -Wl,-z,relro,-z,now,-z,noexecstack $(SANITIZE)

PUBSUB := deflater inbox local message payload pubsub queue redis redis_address redis_channel \
          redis_connection redis_greeting redis_log redis_publisher redis_queue redis_socket redis_url \
          replay topic
REPO   := checkpointer log_file parameter schema sqlite sqlite_account sqlite_append sqlite_arrival \
          sqlite_block sqlite_deleted sqlite_entry sqlite_identity sqlite_invite_link sqlite_lease \
          sqlite_listing sqlite_missed sqlite_revocation sqlite_rights sqlite_roll sqlite_room \
          sqlite_secret sqlite_session sqlite_user sqlite_user_data write_group
ROOMS  := auditor catch_up clerk document event event_chat event_room fan_out hand_out historian \
          history identifier listing lobby lobby_call_back lobby_presence lobby_reconcile \
          lobby_revocation lobby_subscriber lock log mailbox member member_post membership name_fold \
          order registry rights room room_join room_make room_members room_open room_posts \
          room_refuse room_rights room_roll room_users rooms roster stack subscriber utf8 wake
SERVER := account_api admin admin_account admin_export admin_options admin_password answer api \
          api_request assets body body_json bus client client_close client_input client_member \
          client_start command command_message command_rights command_room complaint config_api \
          confine counted counters credentials cross_origin extensions failure_limit futex_table guest handover \
          hasher hasher_process http identity inflater invitation_api json_guard key_hash key_table \
          landlock limits login loop options options_table origin outbox password peer peer_request \
          rate_limit reception server session_api token upgrade websocket websocket_header
SOURCES := $(PUBSUB:%=pubsub/%.c) $(REPO:%=repo/%.c) $(ROOMS:%=rooms/%.c) $(SERVER:%=server/%.c)

OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o)
ASSETS  := $(BUILD)/embedded_assets.o
FIXTURES := $(BUILD)/test/unit/fake_member.o $(BUILD)/test/unit/redis_fixture.o
LOAD    := load_main load_options load_connect load_receive load_document load_inflate load_check \
           load_words load_send load_report histogram process wire
BARE    := bare_main bare_client bare_room wire
BENCH   := $(BUILD)/test/bench/chatd-load $(BUILD)/test/bench/chatd-bare
UNIT    := $(patsubst test/unit/%.c,$(BUILD)/test/unit/%,$(wildcard test/unit/*_test.c))
PAGE    := $(shell find static -path static/node_modules -prune -o -path static/dist -prune -o -type f -print)
C_FILES := $(wildcard server/*.[ch] rooms/*.[ch] repo/*.[ch] pubsub/*.[ch] test/unit/*.[ch] test/tools/*.[ch] test/bench/*.[ch] test/fuzz/*.[ch])

.SECONDARY:
.PHONY: all help test bench asan tsan lint format install clean tests benches page

all: chatd ## build ./chatd with the page in it

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "%-12s %s\n", $$1, $$2}' Makefile

chatd: $(BUILD)/chatd
	ln -f $< $@ 2>/dev/null || cp $< $@

$(BUILD)/chatd: $(OBJECTS) $(ASSETS) $(BUILD)/server/main.o
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

page: static/dist/index.html

%/node_modules/.package-lock.json: %/package.json %/package-lock.json
	cd $* && npm ci --no-audit --no-fund
	@touch $@

static/dist/index.html: static/node_modules/.package-lock.json $(PAGE)
	cd static && npm run build
	@touch $@

$(BUILD)/embedded_assets.c: static/dist/index.html scripts/embed.mjs
	@mkdir -p $(@D)
	node scripts/embed.mjs static/dist $@

$(BUILD)/embedded_assets.o: $(BUILD)/embedded_assets.c
	$(CC) $(CPPFLAGS) -std=c11 $(WARNINGS) -O0 -c -o $@ $<

$(BUILD)/test/unit/%: $(BUILD)/test/unit/%.o $(FIXTURES) $(OBJECTS) $(ASSETS)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/test/bench/chatd-load: $(LOAD:%=$(BUILD)/test/bench/%.o)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lm

$(BUILD)/test/bench/chatd-bare: $(BARE:%=$(BUILD)/test/bench/%.o)
	$(CC) $(LDFLAGS) -o $@ $^

benches: $(BENCH)

tests: $(BUILD)/chatd $(UNIT) benches test/browser/node_modules/.package-lock.json

test: chatd tests ## build and run all tests under prove
	CHATD=$(abspath $(BUILD)/chatd) UNIT_TESTS=$(abspath $(BUILD)/test/unit) scripts/prove

bench: ## measure beside the limit of the kernel; scripts/bench --help
	scripts/bench

# Only linked statically do both write their reports to the file that scripts/prove names.
ASAN_LIBRARIES := -static-libasan -static-libubsan
asan: ## the whole suite under AddressSanitizer and UBSan
	$(MAKE) BUILD=build/asan CFLAGS='-O1 -g -fno-omit-frame-pointer' \
	    SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=all $(ASAN_LIBRARIES)' chatd_suite

tsan: ## the whole suite under ThreadSanitizer
	$(MAKE) BUILD=build/tsan CFLAGS='-O1 -g' SANITIZE='-fsanitize=thread' chatd_suite

.PHONY: chatd_suite
chatd_suite: tests
	CHATD=$(abspath $(BUILD)/chatd) UNIT_TESTS=$(abspath $(BUILD)/test/unit) scripts/prove

SECONDS ?= 60
SEED    ?=
CHAOS    = CHATD=$(abspath $(BUILD)/chatd) FULL_DISK_LIBRARY=$(abspath $(FULL_DISK)) test/chaos/chaos.py
FULL_DISK := $(BUILD)/test/tools/full_disk.so

.PHONY: chaos chaos-long chaos-broken
chaos: $(BUILD)/chatd $(FULL_DISK) ## instances and clients under faults: SECONDS=60 SEED=…
	$(CHAOS) --seconds=$(SECONDS) --seed=$(SEED)

chaos-long: ## the same for 30 minutes
	$(MAKE) chaos SECONDS=1800

$(FULL_DISK): test/tools/full_disk.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -fPIC -shared -o $@ $<

# Servers that are broken on purpose: what knows of it is compiled anew, all else is as it is.
BREAKS    := ACK BAN DEDUPE EDIT GAPS ORDER RESUME
BREAKABLE := $(patsubst %.c,%,$(shell grep -l CHATD_BREAK_ $(SOURCES)))
define broken_build
$(BUILD)/broken/$(1)/%.o: %.c
	@mkdir -p $$(@D)
	$$(CC) $$(CPPFLAGS) -DCHATD_BREAK_$(1) $$(ALL_CFLAGS) -MMD -MP -c -o $$@ $$<
$(BUILD)/broken/$(1)/chatd: $(BREAKABLE:%=$(BUILD)/broken/$(1)/%.o) \
    $(filter-out $(BREAKABLE:%=$(BUILD)/%.o),$(OBJECTS)) $(ASSETS) $(BUILD)/server/main.o
	$$(CC) $$(LDFLAGS) -o $$@ $$^ $$(LDLIBS)
-include $(BREAKABLE:%=$(BUILD)/broken/$(1)/%.d)
endef
$(foreach break,$(BREAKS),$(eval $(call broken_build,$(break))))

chaos-broken: $(BREAKS:%=$(BUILD)/broken/%/chatd) $(FULL_DISK) ## chaos finds each way in which a server is broken on purpose
	FULL_DISK_LIBRARY=$(abspath $(FULL_DISK)) test/chaos/broken.py $(abspath $(BUILD)/broken)

# Fuzzing needs clang; what is fuzzed is compiled for it, and what that needs.
FUZZED       := pubsub/deflater pubsub/message pubsub/payload pubsub/redis_url rooms/document rooms/event rooms/event_chat rooms/event_room rooms/rights rooms/identifier \
                rooms/name_fold rooms/utf8 server/body_json server/credentials server/extensions \
                server/inflater server/json_guard server/complaint server/options server/options_table server/origin \
                server/password server/peer server/token server/websocket server/websocket_header
FUZZ_TARGETS := $(patsubst test/fuzz/fuzz_%.c,%,$(wildcard test/fuzz/fuzz_*.c))
FUZZ_FLAGS   := -fsanitize=address,undefined -fno-sanitize-recover=all -fsanitize=fuzzer
.PHONY: fuzz fuzzers
fuzz: ## hostile bytes for everything that reads them: SECONDS=60 each
	scripts/fuzz $(SECONDS)

fuzzers: $(FUZZ_TARGETS:%=$(BUILD)/test/fuzz/fuzz_%)

$(BUILD)/test/fuzz/fuzz_%: $(BUILD)/test/fuzz/fuzz_%.o $(BUILD)/test/fuzz/fuzz.o $(FUZZED:%=$(BUILD)/%.o)
	$(CC) $(LDFLAGS) $(FUZZ_FLAGS) -o $@ $^ $(LDLIBS)

.PHONY: flags
flags: # one a line, for scripts/lint
	@printf '%s\n' $(CPPFLAGS) $(ALL_CFLAGS)

lint: ## formatting, static analysis, the dependency rule, shell scripts
	scripts/lint

format: ## lay out the C files with clang-format
	clang-format -i $(C_FILES)

install: chatd ## install to $(DESTDIR)$(PREFIX)/bin
	install -D -m 755 chatd $(DESTDIR)$(PREFIX)/bin/chatd

clean: ## remove what was built
	rm -rf build chatd static/dist

-include $(OBJECTS:.o=.d) $(FIXTURES:.o=.d) $(UNIT:=.d) $(BUILD)/server/main.d $(wildcard $(BUILD)/test/bench/*.d $(BUILD)/test/fuzz/*.d)
