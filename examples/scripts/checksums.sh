#!/bin/sh
# checksums.sh DIRECTORY: the SHA-256 of every file below it, in the order of their names.
set -eu
cd -- "$1"
find . -type f -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum --
