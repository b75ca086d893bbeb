#!/usr/bin/env bash
# A package to hand out: the binary, the documents for who runs it, the licences of what is inside, a check sum.
source "$(dirname "$0")/lib.sh"
[ -z "$(git status --porcelain)" ] || fail "there are changes that are not committed; a release is made from a commit"
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
grep -q "^## $version" CHANGELOG.md || fail "CHANGELOG.md has no section \"## $version\""
bash scripts/build.sh
platform=$(rustc -vV | sed -n 's/^host: //p')
name="trivet-$version-$platform"
rm -rf "dist/$name"
mkdir -p "dist/$name/docs"
cp "${CARGO_TARGET_DIR:-target}/release/trivet" "dist/$name/"
strip "dist/$name/trivet"
cp LICENSE README.md README.zh-CN.md CHANGELOG.md SECURITY.md SECURITY.zh-CN.md "dist/$name/"
cp docs/operations.md docs/operations.zh-CN.md "dist/$name/docs/"
node scripts/licences.mjs > "dist/$name/THIRD-PARTY.txt"
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$(git log -1 --format=%ct)" \
    -C dist -czf "dist/$name.tar.gz" "$name"
rm -rf "dist/$name"
(cd dist && sha256sum "$name.tar.gz" | tee "$name.tar.gz.sha256")
