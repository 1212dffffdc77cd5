# scripts/lib.sh -- shared by the scripts beside it; sourced, never run.
# Sets `top` (the checkout) and gives say, die, need_packages, build_preset, build_production.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Debian 12 package names. Building; then what the tests run beside it.
packages_build="gcc cmake ninja-build pkg-config libuv1-dev zlib1g-dev libzstd-dev libjansson-dev
    libmicrohttpd-dev libcurl4-gnutls-dev libpcre2-dev libyaml-dev libxxhash-dev libcmocka-dev tzdata"
packages_test="clang llvm libclang-rt-14-dev python3 curl zstd ripgrep gunicorn python3-django celery
    python3-celery python3-redis redis-server postgresql python3-psycopg2 logrotate
    default-jre-headless maven unzip procps"
packages_demo="python3 gunicorn python3-django celery python3-celery python3-redis redis-server
    postgresql python3-psycopg2"

say() { printf '%s\n' "$*"; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# Services that a package brings must not start by themselves: the tests and the demo start their
# own, on free ports, and stop them. Names of what is missing are printed before it is installed.
need_packages() {
    local missing=() name as_root=()
    for name in "$@"; do
        dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null | grep -qx installed || missing+=("$name")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    command -v apt-get >/dev/null || die "these Debian packages are missing and apt-get is not here: ${missing[*]}"
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || die "missing packages, and neither root nor sudo to install them: apt-get install ${missing[*]}"
        as_root=(sudo)
    fi
    say "installing Debian packages: ${missing[*]}"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" \
        >/dev/null || die "apt-get could not install: ${missing[*]}"
}

# build_preset NAME [TARGET...]: configure and build into build/NAME; the tail of the output only
# if it fails.
build_preset() {
    local preset=$1 output
    shift
    output=$(mktemp)
    say "building preset $preset"
    if ! { cd "$top" && cmake --preset "$preset" && cmake --build "build/$preset" -- "$@"; } >"$output" 2>&1; then
        tail -n 60 "$output" >&2
        rm -f "$output"
        die "the build of preset '$preset' failed (its last lines are above)"
    fi
    rm -f "$output"
}

# build_production: programs optimised with a profile of a real run (GCC's -fprofile-use) and across files, into
# build/production. Twice the time of a release build, hence only for what is installed or measured.
build_production() {
    local programs="dendro dendro-collector dendro-shipper corpus" made="$top/build/production/made" newer
    if [ -e "$made" ]; then
        newer=$(find "$top" -path "$top/build" -prune -o \( -name '*.[ch]' -o -name 'CMake*' \) -newer "$made" -print -quit)
        [ -z "$newer" ] && return 0
    fi
    rm -rf "$top/build/profile" "$made"
    # shellcheck disable=SC2086
    build_preset instrumented $programs
    say "recording a profile of ingest and queries"
    DENDRO_BUILD="$top/build/instrumented" PYTHONDONTWRITEBYTECODE=1 python3 "$top/tests/bench/train.py" >/dev/null ||
        die "the run that records the profile failed"
    # shellcheck disable=SC2086
    build_preset production $programs
    touch "$made"
}
