#!/bin/sh
# Puts the plugin's programs into bin/, when Helm has installed or updated it from git. In this order:
#   what is in bin/ already, if it has the plugin's version;
#   the archive that $HELM_FLOW_ARCHIVE names, checked against $HELM_FLOW_SHA256 or the checksums.txt beside it;
#   a build, where there is Go;
#   an archive from $HELM_FLOW_URL, or from the project's releases, checked against the checksums.txt there.
set -eu
cd "${HELM_PLUGIN_DIR:?is not set: Helm runs this file}"
version=$(sed -n 's/^version: *//p' plugin.yaml)

fail() {
	echo "flow: $*" >&2
	echo "flow: not installed; once that is mended: helm plugin uninstall flow, and install it again" >&2
	exit 1
}

works() { # whether bin/ has the programs of this version
	[ -x bin/flow-gateway ] && [ -x bin/flow-executor ] && [ "$(bin/helm-flow version 2>/dev/null | cut -d' ' -f1-2)" = "helm-flow $version" ]
}

sha256() {
	if command -v sha256sum >/dev/null; then sha256sum "$1"
	elif command -v shasum >/dev/null; then shasum -a 256 "$1"
	else openssl dgst -sha256 -r "$1"
	fi | cut -d' ' -f1
}

unpack() { # ARCHIVE: its programs become ours
	rm -rf .unpacked && mkdir .unpacked
	tar -xzf "$1" -C .unpacked || fail "$1 cannot be unpacked"
	[ -f .unpacked/helm-flow ] || fail "$1 has no helm-flow: it is no archive of this plugin for this machine"
	mkdir -p bin
	for program in helm-flow flow-gateway flow-executor; do mv -f ".unpacked/$program" bin/; done
	rm -rf .unpacked
}

check() { # ARCHIVE, and its checksum or the file that lists it
	sum=$(sha256 "$1")
	case $2 in
	*/*) grep -q "^$sum " "$2" || fail "the checksum of $1 is $sum, which $2 does not have" ;;
	*) [ "$sum" = "$2" ] || fail "the checksum of $1 is $sum, expected $2" ;;
	esac
}

from_archive() {
	[ -f "$HELM_FLOW_ARCHIVE" ] || fail "HELM_FLOW_ARCHIVE: no file $HELM_FLOW_ARCHIVE"
	sums=$(dirname "$HELM_FLOW_ARCHIVE")/checksums.txt
	if [ -n "${HELM_FLOW_SHA256:-}" ]; then check "$HELM_FLOW_ARCHIVE" "$HELM_FLOW_SHA256"
	elif [ -f "$sums" ]; then check "$HELM_FLOW_ARCHIVE" "$sums"
	else fail "nothing to check $HELM_FLOW_ARCHIVE with: set HELM_FLOW_SHA256, or put checksums.txt beside it"
	fi
	unpack "$HELM_FLOW_ARCHIVE"
}

build() {
	command -v go >/dev/null && [ -f go.mod ] || return 1
	echo "flow: building with $(go version 2>/dev/null || echo go), which takes minutes" >&2
	go build -o bin/ ./cmd/helm-flow ./cmd/flow-gateway ./cmd/flow-executor
}

get() { # URL FILE
	if command -v curl >/dev/null; then curl -fsSL --retry 3 --connect-timeout 10 -o "$2" "$1"
	elif command -v wget >/dev/null; then wget -q --tries=3 --timeout=10 -O "$2" "$1"
	else fail "there is neither curl nor wget; name an archive by HELM_FLOW_ARCHIVE"
	fi || fail "$1 cannot be fetched; name an archive by HELM_FLOW_ARCHIVE, or a mirror by HELM_FLOW_URL"
}

download() {
	url=${HELM_FLOW_URL:-https://github.com/helm-flow/helm-flow/releases/download/v$version}
	os=$(uname -s | tr '[:upper:]' '[:lower:]')
	case $(uname -m) in
	x86_64 | amd64) arch=amd64 ;;
	aarch64 | arm64) arch=arm64 ;;
	*) fail "there is no archive for $(uname -m); install Go, to build it" ;;
	esac
	rm -rf .fetched && mkdir .fetched
	get "$url/flow-$version-$os-$arch.tgz" .fetched/flow.tgz
	get "$url/checksums.txt" .fetched/checksums.txt
	check .fetched/flow.tgz .fetched/checksums.txt
	unpack .fetched/flow.tgz
	rm -rf .fetched
}

if ! works; then
	if [ -n "${HELM_FLOW_ARCHIVE:-}" ]; then from_archive
	else build || download
	fi
fi
works || fail "bin/helm-flow is not version $version: $(bin/helm-flow version 2>&1 || true)"
bin/helm-flow version
