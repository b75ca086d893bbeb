# What the other scripts share. Sourced, never run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\n== %s\n' "$*"; }
fail() { printf '\nTrivet: %s\n' "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

# apt-get as root or by sudo without a password. 1: neither is possible here.
apt_get() {
    has apt-get || return 1
    if [ "$(id -u)" = 0 ]; then
        DEBIAN_FRONTEND=noninteractive apt-get "$@"
    elif has sudo && sudo -n true 2>/dev/null; then
        sudo -n DEBIAN_FRONTEND=noninteractive apt-get "$@"
    else
        return 1
    fi
}

# Installs Debian packages. A mirror may be slow for a moment, and unpacking may fail once: three tries.
install_packages() {
    local try
    apt_get --version >/dev/null 2>&1 || return 1
    for try in 1 2 3; do
        if apt_get update -qq >/dev/null && apt_get install -y -qq --no-install-recommends "$@" >/dev/null; then return 0; fi
        [ "$try" = 3 ] || sleep $((try * 5))
    done
    return 1
}

# What `cargo build` needs, installed or named in one line.
need_build_tools() {
    if ! has cc; then
        say "A C compiler is missing: installing gcc"
        install_packages gcc libc6-dev || true
    fi
    local missing=()
    has cc || missing+=("a C compiler (Debian: apt-get install gcc libc6-dev)")
    has cargo || missing+=("Rust 1.94 or later (https://rustup.rs)")
    if ! has node || ! has npm || [ "$(node -p 'process.versions.node.split(".")[0]')" -lt 20 ]; then
        missing+=("Node.js 20 or later with npm (https://nodejs.org)")
    fi
    [ "${#missing[@]}" = 0 ] || fail "please install first: $(printf '%s; ' "${missing[@]}" | sed 's/; $//')"
}

# Where small databases are made and removed by the hundred: in memory if there is ample room. On a disk their many files cost
# more than what the tests do with them.
folder_for_databases() {
    local memory=0 room=0
    [ ! -r /proc/meminfo ] || memory=$(awk '/^MemAvailable/ { print $2 }' /proc/meminfo)
    [ ! -w /dev/shm ] || room=$(df -Pk /dev/shm | awk 'END { print $4 }')
    if [ "$memory" -gt 8000000 ] && [ "$room" -gt 4000000 ]; then echo /dev/shm; else echo "${TMPDIR:-/tmp}"; fi
}

# The packages of a folder, exactly as its lock file says; nothing to do when they are there already.
need_npm() {
    local kept="$1/node_modules/.package-lock.json"
    if [ ! -e "$kept" ] || [ "$1/package-lock.json" -nt "$kept" ]; then
        (cd "$1" && npm ci --no-audit --no-fund --loglevel=error)
        touch "$kept"
    fi
}

# The one without a window does the same in two thirds of the time.
find_chromium() {
    local at
    for at in "${CHROMIUM:-}" /usr/bin/chromium-headless-shell /usr/bin/chromium /usr/bin/chromium-browser /usr/bin/google-chrome; do
        if [ -n "$at" ] && [ -x "$at" ]; then echo "$at"; return; fi
    done
}

# Some distributions know the one without a window as a part of the whole browser only.
chromium_package() {
    apt_get update -qq >/dev/null 2>&1 || true
    if apt-cache show chromium-headless-shell >/dev/null 2>&1; then echo chromium-headless-shell; else echo chromium; fi
}

has_chinese_font() {
    compgen -G '/usr/share/fonts/*/*/NotoSansCJK*' >/dev/null || { has fc-list && [ -n "$(fc-list :lang=zh-cn)" ]; }
}

# A browser, and a font without which Chinese is empty boxes. Sets CHROMIUM.
need_browser() {
    local wanted=()
    [ -n "$(find_chromium)" ] || wanted+=("$(chromium_package)")
    has_chinese_font || wanted+=(fonts-noto-cjk)
    if [ "${#wanted[@]}" != 0 ]; then
        say "The browser tests need ${wanted[*]}: installing"
        install_packages "${wanted[@]}" || true
    fi
    CHROMIUM="$(find_chromium)"
    export CHROMIUM
    [ -n "$CHROMIUM" ] || fail "please install Chromium for the browser tests (Debian: apt-get install chromium-headless-shell), or set CHROMIUM to where it is"
    has_chinese_font || fail "please install a Chinese font for the browser tests (Debian: apt-get install fonts-noto-cjk)"
}

# The tests start a PostgreSQL server of their own; only its programs are needed.
need_postgres() {
    find_postgres && return
    say "The tests also run on PostgreSQL: installing its programs"
    install_packages postgresql || true
    find_postgres || fail "please install PostgreSQL 15 or later for the tests (Debian: apt-get install postgresql; no service needs to run)"
}

find_postgres() {
    has initdb && has postgres && return
    compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null
}

need_cargo_tool() {
    has "cargo-$1" && return
    say "cargo-$1 is missing: building it (some minutes, once)"
    cargo install "cargo-$1" --locked || fail "cargo-$1 could not be installed; install it by hand: cargo install cargo-$1 --locked"
}

# Calls the API at random from its own document. A folder of its own, because Debian's Python takes no packages.
need_schemathesis() {
    local venv=target/schemathesis-venv
    [ -x "$venv/bin/st" ] && return
    say "The tests of the API need schemathesis: installing"
    if ! python3 -m venv "$venv" 2>/dev/null; then
        rm -rf "$venv"
        install_packages python3-venv || true
        python3 -m venv "$venv" || fail "please install Python with venv for the tests of the API (Debian: apt-get install python3-venv)"
    fi
    "$venv/bin/pip" install --quiet --disable-pip-version-check 'schemathesis==4.32.5' ||
        fail "schemathesis could not be installed; it comes from https://pypi.org by pip"
}

# Adds up "N passed" and "N failed" of closing lines in a log, and prints them as "N N".
count_tests() {
    sed 's/\x1b\[[0-9;]*m//g' "$1" | awk '
        / tests? run: / || /^[0-9]+ passed, [0-9]+ failed/ {
            for (i = 2; i <= NF; i++) {
                word = $i; gsub(/[^a-z]/, "", word)
                number = $(i - 1); gsub(/[^0-9]/, "", number)
                if (word == "passed") passed += number
                if (word == "failed" || word == "timed") failed += number
            }
        }
        END { print passed + 0, failed + 0 }'
}
