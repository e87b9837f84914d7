#!/usr/bin/env bash
# Makes everything that is released of this commit, in dist/: tarballs, deb and rpm for two architectures, checksums.
# Equal commits give equal bytes: every time in them is that of the commit, and files are sorted.
# usage: packaging/dist.sh VERSION TAGS NFPM        (VERSION as the binary says it, from git describe)
set -euo pipefail
export LC_ALL=C TZ=UTC

version=$1
tags=$2
nfpm=$3

SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
JIELI_VERSION=$(packaging/version.sh "$version" "$SOURCE_DATE_EPOCH")
export JIELI_VERSION

out=dist
stage=dist/stage
rm -rf "$out"
mkdir -p "$stage/man" "$stage/completions" "$stage/doc"

# build ARCH FILE
build() {
	CGO_ENABLED=0 GOOS=linux GOARCH=$1 go build -trimpath -buildvcs=false -tags "$tags" -ldflags "-s -w -X main.version=$version" -o "$2" ./cmd/jieli
}

# pages are what the binary itself writes: man pages and completions. They are the same on every architecture.
pages() {
	local here=$stage/here
	go build -trimpath -buildvcs=false -tags "$tags" -ldflags "-s -w -X main.version=$version" -o "$here" ./cmd/jieli
	"$here" man --dir "$stage/man" --lang en
	"$here" man --dir "$stage/man-zh" --lang zh
	gzip -9n "$stage"/man/* "$stage"/man-zh/*
	"$here" completion bash >"$stage/completions/jieli.bash"
	"$here" completion zsh >"$stage/completions/_jieli"
	"$here" completion fish >"$stage/completions/jieli.fish"
	rm "$here"
}

# documents FOLDER puts there what people read.
documents() {
	cp LICENSE NOTICE README.md README.zh-CN.md CHANGELOG.md "$1"
	cp -r docs "$1/docs"
	rm -f "$1"/docs/*.go
	cp -r examples "$1/examples"
	packaging/licences.sh "$tags" >"$1/THIRD_PARTY_LICENSES"
}

# tarball ARCH
tarball() {
	local name=jieli-$JIELI_VERSION-linux-$1
	local root=$stage/$name
	mkdir "$root"
	cp "$stage/jieli" "$root/"
	cp -r "$stage/man" "$stage/man-zh" "$stage/completions" "$root/"
	cp -r "$stage/doc/." "$root/"
	cp -r configs packaging/next-steps.txt "$root/"
	rm -f "$root"/configs/*.go
	chmod -R u=rwX,go=rX "$root"
	tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --format=ustar -C "$stage" -cf - "$name" |
		gzip -9n >"$out/$name.tar.gz"
	rm -r "$root"
}

pages
documents "$stage/doc"
chmod -R u=rwX,go=rX "$stage"
for arch in amd64 arm64; do
	build "$arch" "$stage/jieli"
	tarball "$arch"
	for format in deb rpm; do
		JIELI_ARCH=$arch JIELI_STAGE=$stage "$nfpm" package --config packaging/nfpm.yaml --packager "$format" --target "$out/"
	done
done
rm -r "$stage"

cd "$out"
sha256sum -- *.tar.gz *.deb *.rpm >SHA256SUMS
ls -l
